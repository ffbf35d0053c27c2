package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/status"
)

// GiveRole gives a role of an incident to a person, named by login name or id;
// an empty name is nobody.
func (c *Client) GiveRole(ctx context.Context, incident, role, person, note string) (i respond.Incident, err error) {
	body := map[string]string{"person": person, "note": note}
	return i, c.call(ctx, http.MethodPut, "/api/v1/incidents/"+url.PathEscape(incident)+"/roles/"+url.PathEscape(role), nil, body, &i)
}

// AddTask adds a task to an incident; owner is a login name or id, or empty; due
// may be zero.
func (c *Client) AddTask(ctx context.Context, incident, text, owner string, due time.Time) (k respond.Task, err error) {
	body := map[string]any{"text": text, "owner": owner}
	if !due.IsZero() {
		body["due"] = due
	}
	return k, c.call(ctx, http.MethodPost, "/api/v1/incidents/"+url.PathEscape(incident)+"/tasks", nil, body, &k)
}

// EndTask says that a task is done.
func (c *Client) EndTask(ctx context.Context, incident, task string) (k respond.Task, err error) {
	return k, c.call(ctx, http.MethodPatch, "/api/v1/incidents/"+url.PathEscape(incident)+"/tasks/"+url.PathEscape(task), nil, map[string]bool{"done": true}, &k)
}

// Updates lists what those who wait were told of an incident, the oldest first.
func (c *Client) Updates(ctx context.Context, incident string) ([]status.Update, error) {
	var list struct {
		Updates []status.Update `json:"updates"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/incidents/"+url.PathEscape(incident)+"/updates", nil, nil, &list)
	return list.Updates, err
}

// Update is what is told to those who wait.
type Update struct {
	Phase       status.Phase `json:"phase"`
	Text        string       `json:"text"`
	NextMinutes int          `json:"nextMinutes,omitempty"`
	Public      bool         `json:"public,omitempty"`
	Title       string       `json:"title,omitempty"`
	Components  []string     `json:"components,omitempty"`
}

// WriteUpdate tells those who wait.
func (c *Client) WriteUpdate(ctx context.Context, incident string, in Update) (u status.Update, err error) {
	return u, c.call(ctx, http.MethodPost, "/api/v1/incidents/"+url.PathEscape(incident)+"/updates", nil, in, &u)
}
