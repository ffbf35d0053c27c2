package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// ntfy publishes to the topic that is the contact's address, on the server that
// the operator has set up.
type ntfy struct {
	client  *http.Client
	config  NtfyConfig
	secrets Secrets
}

var ntfyTopic = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// ntfySize bounds the text of a message, in bytes; ntfy makes a file of more.
const ntfySize = 3900

type ntfyMessage struct {
	Topic    string       `json:"topic"`
	Title    string       `json:"title"`
	Message  string       `json:"message"`
	Priority int          `json:"priority"` // 1 to 5; 5 knocks through
	Tags     []string     `json:"tags,omitempty"`
	Click    string       `json:"click,omitempty"`
	Actions  []ntfyAction `json:"actions,omitempty"`
}

type ntfyAction struct {
	Action string `json:"action"`
	Label  string `json:"label"`
	URL    string `json:"url"`
}

// ntfyBody is the pure part.
func ntfyBody(m respond.Message) ntfyMessage {
	s := shapeOf(m)
	out := ntfyMessage{Topic: m.Contact.Address, Title: clipBytes(s.Mark+" "+s.Headline, 250), Priority: 3, Click: s.Link}
	switch m.Kind {
	case respond.PageMessage:
		out.Priority = 4
		if m.Content.Severity == finding.Critical {
			out.Priority = 5
		}
	case respond.ResolvedMessage:
		out.Priority = 2
	}
	if s.Ack != "" {
		out.Actions = append(out.Actions, ntfyAction{"view", s.AckWord, s.Ack})
	}
	if s.Link != "" {
		out.Actions = append(out.Actions, ntfyAction{"view", "Open", s.Link})
	}
	s.Ack, s.Link = "", "" // they are buttons
	if out.Message = s.within(false, ntfySize); out.Message == "" {
		out.Message = s.Title
	}
	return out
}

// Send makes one try.
func (n *ntfy) Send(ctx context.Context, m respond.Message) respond.Outcome {
	const who = "ntfy"
	if !ntfyTopic.MatchString(m.Contact.Address) {
		return respond.Outcome{State: respond.Failed, Reason: "The contact's address is no topic of ntfy: up to 64 letters, digits, - and _."}
	}
	body, err := json.Marshal(ntfyBody(m))
	if err != nil {
		return respond.Outcome{State: respond.Failed, Reason: "The message cannot be written as JSON."}
	}
	header := http.Header{"Content-Type": {"application/json"}}
	token := ""
	if n.config.Token != "" {
		if token, err = n.secrets.Secret(ctx, n.config.Token); err != nil {
			return noSecret(err, who)
		}
		header.Set("Authorization", "Bearer "+token)
	}
	a, failed := exchange(ctx, n.client, who, request{method: http.MethodPost, url: n.config.URL, header: header, body: body})
	if failed != nil {
		return *failed
	}
	var got struct {
		ID    string `json:"id"`
		Error string `json:"error"`
	}
	readable := json.Unmarshal(a.body, &got) == nil
	o, ok := a.verdict(who, said(got.Error, token, m.Content.AckURL))
	if ok && (!readable || got.ID == "") {
		return garbled(who)
	}
	o.ProviderID = clip(oneLine(got.ID), 64)
	return o
}
