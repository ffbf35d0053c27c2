package notify

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// voice calls the number that is the contact's address and reads the message
// out. What is read travels with the call, so that it is heard also when
// Evenkeel cannot be reached from outside.
type voice struct{ twilio }

// ringTime is how long a phone rings, in seconds: about six rings.
const ringTime = "30"

// Send makes one try. There is no way to find a call that was cut off before
// its id came: it is made again.
func (v *voice) Send(ctx context.Context, m respond.Message) respond.Outcome {
	if !e164.MatchString(m.Contact.Address) {
		return respond.Outcome{State: respond.Failed, Reason: "The contact's address is no number with its country, such as +4930123456."}
	}
	digits := ""
	if v.config.PublicURL != "" && shapeOf(m).Buttons {
		digits = v.callback(TwilioDigitsPath, m, 1)
	}
	form := url.Values{"To": {m.Contact.Address}, "From": {v.config.VoiceFrom}, "Twiml": {voiceScript(m, digits)}, "Timeout": {ringTime}}
	if v.config.PublicURL != "" {
		form.Set("StatusCallback", v.callback(TwilioStatusPath, m, 0))
		form.Set("StatusCallbackEvent", "completed")
	}
	return v.create(ctx, "Calls.json", form)
}

// twiml is what a call does.
type twiml struct {
	XMLName xml.Name `xml:"Response"`
	Pause   *pause   `xml:",omitempty"`
	Gather  *gather  `xml:",omitempty"`
	Say     []say    `xml:"Say"`
	Hangup  *struct{}
}

type pause struct {
	XMLName xml.Name `xml:"Pause"`
	Length  int      `xml:"length,attr"`
}

type gather struct {
	XMLName xml.Name `xml:"Gather"`
	Action  string   `xml:"action,attr"`
	Method  string   `xml:"method,attr"`
	Digits  int      `xml:"numDigits,attr"`
	Timeout int      `xml:"timeout,attr"`
	Say     []say    `xml:"Say"`
}

type say struct {
	Language string `xml:"language,attr"`
	Loop     int    `xml:"loop,attr,omitempty"`
	Text     string `xml:",chardata"`
}

func (t twiml) String() string {
	var out bytes.Buffer
	out.WriteString(xml.Header)
	if err := xml.NewEncoder(&out).Encode(t); err != nil {
		return "" // strings and numbers always encode
	}
	return out.String()
}

func speak(text string) []say { return []say{{Language: "en-US", Text: text}} }

const voiceKeys = "Press 4 to acknowledge. Press 6 to resolve."

// voiceScript is the pure part. It is read twice: people wake up during the
// first time.
func voiceScript(m respond.Message, digits string) string {
	text := voiceText(m)
	if digits == "" {
		return twiml{Pause: &pause{Length: 1}, Say: []say{{Language: "en-US", Loop: 2, Text: text}}}.String()
	}
	return twiml{Pause: &pause{Length: 1},
		Gather: &gather{Action: digits, Method: "POST", Digits: 1, Timeout: 10, Say: []say{{Language: "en-US", Loop: 2, Text: text + " " + voiceKeys}}},
		Say:    speak("No key was pressed. The page goes on to the next person. Goodbye.")}.String()
}

// voiceText is what is read out: nothing that only an eye can use.
func voiceText(m respond.Message) string {
	s, c := shapeOf(m), m.Content
	title := strings.TrimRight(clip(spoken(s.Title), 200), ".…")
	switch m.Kind {
	case respond.TestMessage:
		if s.Ack != "" { // a link that a voice cannot show
			return "This is a test call from Evenkeel. Nothing is wrong. Please log in to Evenkeel, and say under Contacts that this call has reached you. Goodbye."
		}
		return "This is a test call from Evenkeel. Nothing is wrong. Goodbye."
	case respond.VerifyMessage:
		return "This is Evenkeel. " + spaced(clip(spoken(s.Text), 300))
	case respond.ResolvedMessage:
		return fmt.Sprintf("This is Evenkeel. Resolved: %s.", title)
	case respond.UpdateMessage:
		return fmt.Sprintf("This is Evenkeel with an update. %s.", title)
	}
	what := "A page"
	switch c.Severity {
	case finding.Critical:
		what = "A critical page"
	case finding.Warning:
		what = "A warning"
	}
	if c.Incidents > 1 {
		what += fmt.Sprintf(" of %d incidents", c.Incidents)
	}
	out := fmt.Sprintf("This is Evenkeel. %s: %s.", what, title)
	if first, _, _ := strings.Cut(s.Text, "\n"); first != "" {
		out += " " + strings.TrimRight(clip(spoken(first), 200), ".…") + "."
	}
	return out
}

// spoken takes out what a voice would spell.
func spoken(text string) string {
	var words []string
	for _, w := range strings.Fields(oneLine(text)) {
		if strings.Contains(w, "://") {
			w = "(a link)"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

// spaced has digits read one by one.
func spaced(text string) string {
	words := strings.Fields(text)
	for n, w := range words {
		if len(w) == 6 && strings.Trim(w, "0123456789") == "" {
			words[n] = strings.Join(strings.Split(w, ""), ", ")
		}
	}
	return strings.Join(words, " ")
}
