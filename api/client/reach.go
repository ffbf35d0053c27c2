package client

import (
	"context"
	"net/http"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// Contacts are those that the asker may see, and of whom nobody knows whether
// pages reach them.
type Contacts struct {
	Contacts []api.Contact  `json:"contacts"`
	Notices  []reach.Notice `json:"notices"`
}

// Contacts lists them.
func (c *Client) Contacts(ctx context.Context) (list Contacts, err error) {
	return list, c.call(ctx, http.MethodGet, "/api/v1/contacts", nil, nil, &list)
}

// PagePerson opens an incident that one person, named by login name or id, is
// told of at once. An empty policy is the default one.
func (c *Client) PagePerson(ctx context.Context, person, text, severity, policy string) (i respond.Incident, err error) {
	body := map[string]string{"person": person, "text": text}
	if severity != "" {
		body["severity"] = severity
	}
	if policy != "" {
		body["policy"] = policy
	}
	return i, c.call(ctx, http.MethodPost, "/api/v1/pages", nil, body, &i)
}
