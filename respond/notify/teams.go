package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/evenkeel/evenkeel/respond"
)

// teams posts an Adaptive Card to a workflow of Microsoft Teams ("When a
// webhook request is received"). The workflow's URL carries its signature, so
// that it is the contact's secret; the address names the channel for people.
type teams struct {
	client *http.Client
	vault  vault
}

// card is an Adaptive Card in the message that a workflow expects.
type card struct {
	Type        string           `json:"type"`
	Attachments []cardAttachment `json:"attachments"`
}

type cardAttachment struct {
	ContentType string      `json:"contentType"`
	Content     cardContent `json:"content"`
}

type cardContent struct {
	Schema  string       `json:"$schema"`
	Type    string       `json:"type"`
	Version string       `json:"version"`
	Body    []cardBlock  `json:"body"`
	Actions []cardAction `json:"actions,omitempty"`
	Teams   cardWidth    `json:"msteams"`
}

type cardWidth struct {
	Width string `json:"width"`
}

type cardBlock struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Wrap   bool   `json:"wrap"`
	Size   string `json:"size,omitempty"`
	Weight string `json:"weight,omitempty"`
	Color  string `json:"color,omitempty"`
	Subtle bool   `json:"isSubtle,omitempty"`
}

type cardAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// teamsBody is the pure part.
func teamsBody(m respond.Message) card {
	s := shapeOf(m)
	colour := map[string]string{"#c62828": "Attention", "#ef6c00": "Warning", "#2e7d32": "Good", "#1565c0": "Accent"}[s.Colour]
	content := cardContent{Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4", Teams: cardWidth{"Full"},
		Body: []cardBlock{{Type: "TextBlock", Text: s.Mark + " " + cardText(s.Headline), Wrap: true, Size: "Large", Weight: "Bolder", Color: colour}}}
	if s.Text != "" {
		content.Body = append(content.Body, cardBlock{Type: "TextBlock", Text: cardText(s.Text), Wrap: true})
	}
	if s.Facts != "" {
		content.Body = append(content.Body, cardBlock{Type: "TextBlock", Text: s.Facts, Wrap: true, Subtle: true, Size: "Small"})
	}
	if s.Ack != "" {
		content.Actions = append(content.Actions, cardAction{"Action.OpenUrl", s.AckWord, s.Ack})
	}
	if s.Link != "" {
		content.Actions = append(content.Actions, cardAction{"Action.OpenUrl", "Open", s.Link})
	}
	return card{Type: "message", Attachments: []cardAttachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: content}}}
}

// cardText keeps a text from being read as the Markdown that cards know: links,
// emphasis, lists.
func cardText(text string) string {
	out := make([]rune, 0, len(text))
	for _, r := range text {
		switch r {
		case '\\', '*', '_', '[', ']', '`':
			out = append(out, '\\')
		case '\n': // one line break alone joins lines
			out = append(out, '\n')
		}
		out = append(out, r)
	}
	return string(out)
}

// Send makes one try.
func (t *teams) Send(ctx context.Context, m respond.Message) respond.Outcome {
	const who = "Microsoft Teams"
	place, err := t.vault.of(ctx, m.Contact)
	if err != nil {
		return noSecret(err, "this contact of "+who)
	}
	if u, err := url.Parse(place); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return respond.Outcome{State: respond.Failed, Reason: "The contact's secret is not the URL of a workflow of Microsoft Teams; correct it."}
	}
	body, err := json.Marshal(teamsBody(m))
	if err != nil {
		return respond.Outcome{State: respond.Failed, Reason: "The message cannot be written as JSON."}
	}
	a, failed := exchange(ctx, t.client, who, request{method: http.MethodPost, url: place, header: http.Header{"Content-Type": {"application/json"}}, body: body})
	if failed != nil {
		return *failed
	}
	// The workflow's answer has no contract; its status has.
	o, _ := a.verdict(who, "")
	return o
}
