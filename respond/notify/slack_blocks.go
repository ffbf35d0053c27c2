package notify

import (
	"encoding/json"
	"strings"

	"github.com/evenkeel/evenkeel/respond"
)

// Block Kit, as far as it is used here.
type slackBlock struct {
	Type     string         `json:"type"`
	Text     *slackText     `json:"text,omitempty"`
	Elements []slackElement `json:"elements,omitempty"`
}

type slackText struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji bool   `json:"emoji,omitempty"`
}

// slackElement is a button where Type is "button", else a text.
type slackElement struct {
	Type     string `json:"type"`
	Text     any    `json:"text"`
	ActionID string `json:"action_id,omitempty"`
	Value    string `json:"value,omitempty"`
	Style    string `json:"style,omitempty"`
	URL      string `json:"url,omitempty"`
}

// slackMessage is what chat.postMessage and chat.update take.
type slackMessage struct {
	Channel     string            `json:"channel"`
	TS          string            `json:"ts,omitempty"` // of the message to update
	Thread      string            `json:"thread_ts,omitempty"`
	Broadcast   bool              `json:"reply_broadcast,omitempty"` // show an answer in the channel too
	Text        string            `json:"text"`                      // for notifications and screen readers
	Attachments []slackAttachment `json:"attachments,omitempty"`
	Unfurl      bool              `json:"unfurl_links"`
}

type slackAttachment struct {
	Color  string       `json:"color"`
	Blocks []slackBlock `json:"blocks"`
}

// Ids of the buttons.
const (
	slackAck     = "evenkeel.acknowledge"
	slackResolve = "evenkeel.resolve"
	slackOpen    = "evenkeel.open"
)

// Sizes that Block Kit bounds.
const (
	slackHeader  = 150
	slackSection = 3000
)

// slackCard is the pure part: a message as it stands in the channel.
func slackCard(m respond.Message, channel string) slackMessage {
	return slackLaidOut(m, shapeOf(m), channel)
}

// slackStanding is the pure part of the incident's first message, changed in
// place: how things stand now rather than what the news is.
func slackStanding(m respond.Message, channel, ts string) slackMessage {
	s := shapeOf(m)
	if m.Kind == respond.UpdateMessage {
		switch m.Content.State {
		case respond.Acknowledged:
			s.Headline = strings.Replace(s.Headline, "Update", "Acknowledged", 1)
		case respond.Snoozed:
			s.Headline = strings.Replace(s.Headline, "Update", "Snoozed", 1)
		case respond.Triggered: // nobody has it: as loud as at first
			m.Kind = respond.PageMessage
			s = shapeOf(m)
		}
	}
	card := slackLaidOut(m, s, channel)
	card.TS = ts
	return card
}

func slackLaidOut(m respond.Message, s shape, channel string) slackMessage {
	blocks := []slackBlock{{Type: "header", Text: &slackText{Type: "plain_text", Text: clip(s.Mark+" "+s.Headline, slackHeader), Emoji: true}}}
	if s.Text != "" {
		blocks = append(blocks, slackBlock{Type: "section", Text: &slackText{Type: "mrkdwn", Text: clip(slackEscape(s.Text), slackSection)}})
	}
	if s.Facts != "" {
		blocks = append(blocks, slackBlock{Type: "context", Elements: []slackElement{{Type: "mrkdwn", Text: slackEscape(s.Facts)}}})
	}
	if row := slackButtons(m, s); len(row) > 0 {
		blocks = append(blocks, slackBlock{Type: "actions", Elements: row})
	}
	return slackMessage{Channel: channel, Text: slackEscape(s.Headline), Attachments: []slackAttachment{{Color: s.Colour, Blocks: blocks}}}
}

// slackButtons are what can be done from the message. The buttons are signed by
// Slack when pressed, so that no link that acknowledges is shown to a channel.
func slackButtons(m respond.Message, s shape) []slackElement {
	var row []slackElement
	button := func(id, label, style string) slackElement {
		return slackElement{Type: "button", ActionID: id, Text: slackText{Type: "plain_text", Text: label}, Style: style}
	}
	if s.Buttons {
		value, _ := json.Marshal(slackValue{m.Tenant, m.Incident, m.ID})
		if m.Content.State != respond.Acknowledged && m.Content.State != respond.Snoozed {
			b := button(slackAck, "Acknowledge", "primary")
			b.Value = string(value)
			row = append(row, b)
		}
		b := button(slackResolve, "Resolve", "")
		b.Value = string(value)
		row = append(row, b)
	}
	if m.Kind == respond.TestMessage && s.Ack != "" {
		b := button(slackOpen, s.AckWord, "primary")
		b.URL = s.Ack
		return append(row, b)
	}
	if s.Link != "" {
		b := button(slackOpen, "Open", "")
		b.URL = s.Link
		row = append(row, b)
	}
	return row
}

// slackValue is what a button carries.
type slackValue struct {
	Tenant   string `json:"t"`
	Incident string `json:"i"`
	Message  string `json:"m"`
}

// slackEscape keeps a text from being read as a mention or a link.
func slackEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// slackReply is the pure part of an answer in the thread.
func slackReply(m respond.Message, channel, thread string) slackMessage {
	reply := slackCard(m, channel)
	reply.Thread = thread
	// A page in an old thread would be seen by nobody.
	reply.Broadcast = m.Kind == respond.PageMessage
	return reply
}
