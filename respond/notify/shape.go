package notify

import (
	"fmt"
	"strings"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// shape is what a message says, in the order in which a tired person needs it:
// what is wrong and for whom, then what to do, then the links. Channels lay it
// out.
type shape struct {
	Headline string // one line; begins with what kind of message this is
	Title    string // one line; what is wrong
	Text     string // a few lines
	Facts    string // one line: severity, state, number
	Link     string
	Ack      string // acknowledges by one click and one confirmation
	AckWord  string // what stands on that link
	Mark     string // a sign that shows at a glance how things stand
	Colour   string // of the same, as #rrggbb
	Buttons  bool   // there is something to acknowledge or resolve
}

// sizes that fit every channel; each bounds further where it must.
const (
	titleSize = 250
	textSize  = 2500
)

// shapeOf shapes a message.
func shapeOf(m respond.Message) shape {
	c := m.Content
	s := shape{Title: clip(oneLine(c.Title), titleSize), Text: clip(lines(c.Text), textSize), Link: c.URL}
	if s.Title == "" {
		s.Title = "Something is wrong"
	}
	number := ""
	if c.Number > 0 {
		number = fmt.Sprintf("#%d", c.Number)
	}
	if c.Incidents > 1 {
		number = fmt.Sprintf("%d incidents", c.Incidents)
	}
	say := func(word, rest string) string {
		return strings.Join(strings.Fields(word+" "+number), " ") + ": " + rest
	}
	switch m.Kind {
	case respond.ResolvedMessage:
		s.Headline, s.Mark, s.Colour = say("Resolved", s.Title), "✅", "#2e7d32"
	case respond.UpdateMessage:
		s.Headline, s.Mark, s.Colour = say("Update", s.Title), "ℹ️", "#1565c0"
		s.Buttons = m.Incident != "" && c.State != respond.Resolved
		if c.State == respond.Acknowledged || c.State == respond.Snoozed {
			s.Mark = "👀"
		}
	case respond.TestMessage:
		s.Title = "Test: nothing is wrong"
		s.Headline, s.Mark, s.Colour = "Test from Evenkeel: nothing is wrong", "🧪", "#546e7a"
		if s.Text == "" {
			s.Text = "This only checks that Evenkeel can reach you."
		}
		s.Ack, s.AckWord = c.AckURL, "Yes, it reached me"
	case respond.StatusMessage, respond.SubscribeMessage:
		s.Headline, s.Mark, s.Colour = s.Title, "ℹ️", "#1565c0"
		s.Ack, s.AckWord = c.AckURL, "Yes, write to me"
		if c.Unsubscribe != "" {
			s.Text += "\n\nEnd these letters: " + c.Unsubscribe
		}
	case respond.VerifyMessage:
		s.Title = "Your Evenkeel code"
		s.Headline, s.Mark, s.Colour = "Your Evenkeel code", "🔑", "#546e7a"
		s.Link = "" // a code is typed where it was asked for
	default:
		word := "Page"
		s.Mark, s.Colour = "🔔", "#546e7a"
		switch c.Severity {
		case finding.Critical:
			word, s.Mark, s.Colour = "CRITICAL", "🔥", "#c62828"
		case finding.Warning:
			word, s.Mark, s.Colour = "WARNING", "⚠️", "#ef6c00"
		}
		s.Ack, s.AckWord = c.AckURL, "Acknowledge"
		s.Headline, s.Buttons = say(word, s.Title), m.Incident != "" && c.State != respond.Resolved
	}
	s.Headline = clip(s.Headline, titleSize+40)
	switch m.Kind {
	case respond.TestMessage, respond.VerifyMessage, respond.StatusMessage, respond.SubscribeMessage:
	default:
		s.Facts = facts(c, number)
	}
	return s
}

// facts is the line of figures below the text.
func facts(c respond.Content, number string) string {
	var parts []string
	if c.Severity != 0 {
		parts = append(parts, sentence(c.Severity.String()))
	}
	switch c.State {
	case respond.Triggered:
		parts = append(parts, "nobody has taken it up")
	case respond.Acknowledged:
		parts = append(parts, "somebody has taken it up")
	case respond.Snoozed:
		parts = append(parts, "snoozed")
	case respond.Resolved:
		parts = append(parts, "resolved")
	}
	if number != "" && c.Incidents <= 1 {
		parts = append(parts, "incident "+number)
	}
	return strings.Join(parts, " · ")
}

// plain lays a shape out as text, for channels without layout. The headline is
// left out where the channel has a place of its own for it.
func (s shape) plain(headline bool) string {
	var parts []string
	if headline {
		parts = append(parts, s.Mark+" "+s.Headline)
	}
	if s.Text != "" {
		parts = append(parts, s.Text)
	}
	var last []string
	if s.Facts != "" {
		last = append(last, s.Facts)
	}
	if s.Ack != "" {
		last = append(last, s.AckWord+": "+s.Ack)
	}
	if s.Link != "" {
		last = append(last, "Open: "+s.Link)
	}
	if len(last) > 0 {
		parts = append(parts, strings.Join(last, "\n"))
	}
	return strings.Join(parts, "\n\n")
}

// within lays a shape out as text of so many bytes: the text gives way, the
// links stay.
func (s shape) within(headline bool, most int) string {
	full := s.plain(headline)
	if over := len(full) - most; over > 0 {
		s.Text = clipBytes(s.Text, max(len(s.Text)-over, 0))
		full = s.plain(headline)
	}
	return clipBytes(full, most)
}
