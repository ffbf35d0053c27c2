package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/evenkeel/evenkeel/respond"
)

// sms sends text messages to the number that is the contact's address.
type sms struct{ twilio }

// Send makes one try.
func (s *sms) Send(ctx context.Context, m respond.Message) respond.Outcome {
	if !e164.MatchString(m.Contact.Address) {
		return respond.Outcome{State: respond.Failed, Reason: "The contact's address is no number with its country, such as +4930123456."}
	}
	form := url.Values{"To": {m.Contact.Address}, "Body": {smsText(m, s.config.Segments)}}
	if strings.HasPrefix(s.config.From, "MG") {
		form.Set("MessagingServiceSid", s.config.From)
	} else {
		form.Set("From", s.config.From)
	}
	if s.config.PublicURL != "" {
		form.Set("StatusCallback", s.callback(TwilioStatusPath, m, 0))
	}
	return s.create(ctx, "Messages.json", form)
}

// askSlack is how far Twilio's clock may be behind ours.
const askSlack = 5 * time.Second

// Ask looks among the messages to this number for one with the same beginning
// that was made after ours was decided. Another message with the same words
// tells the person the same.
func (s *sms) Ask(ctx context.Context, m respond.Message) (respond.Outcome, bool, error) {
	token, err := s.secrets.Secret(ctx, s.config.Token)
	if err != nil {
		return respond.Outcome{}, false, errors.New("the secret of Twilio could not be read")
	}
	since := m.CreatedAt.Add(-askSlack).UTC()
	q := url.Values{"To": {m.Contact.Address}, "DateSent>": {since.Format(time.DateOnly)}, "PageSize": {"100"}}
	a, failed := exchange(ctx, s.client, twilioName, request{method: http.MethodGet, url: s.resource("Messages.json") + "?" + q.Encode(), user: s.config.Account, pass: token})
	if failed != nil {
		return respond.Outcome{}, false, errors.New(failed.Reason)
	}
	var list struct {
		Messages *[]twilioResource `json:"messages"`
	}
	if o, ok := a.verdict(twilioName, ""); !ok {
		return respond.Outcome{}, false, errors.New(o.Reason)
	}
	if err := json.Unmarshal(a.body, &list); err != nil || list.Messages == nil {
		return respond.Outcome{}, false, errors.New("the list of messages at Twilio cannot be read")
	}
	begin := smsBegin(m)
	var lost *respond.Outcome
	for _, r := range *list.Messages {
		at, err := time.Parse(time.RFC1123Z, r.DateCreated)
		if err != nil || at.Before(since.Truncate(time.Second)) || !strings.HasPrefix(r.Body, begin) || r.SID == "" {
			continue
		}
		word, _ := r.Status.(string)
		o, known := twilioStatus(word, r.ErrorCode)
		if !known {
			o = respond.Outcome{State: respond.Sent}
		}
		if o.ProviderID = clip(oneLine(r.SID), 64); o.State != respond.Failed {
			return o, true, nil
		}
		lost = &o
	}
	if lost != nil {
		return *lost, true, nil
	}
	return respond.Outcome{}, false, nil
}

// twilioStatus is what a message's status means; known is false while nothing
// is settled yet.
func twilioStatus(status string, code int) (o respond.Outcome, known bool) {
	switch status {
	case "delivered", "read":
		return respond.Outcome{State: respond.Delivered}, true
	case "undelivered", "failed":
		if code == 0 {
			return respond.Outcome{State: respond.Failed, Reason: "The carrier did not deliver the message."}, true
		}
		return twilioRefused(code), true
	}
	return respond.Outcome{}, false
}

// smsBegin is how a message's text begins, whatever links it carries.
func smsBegin(m respond.Message) string {
	head := []rune(plainLetters(shapeOf(m).Headline))
	return string(head[:min(len(head), smsHead)])
}

// smsHead is how much of the headline an SMS has at least, in letters.
const smsHead = 40

// smsText is the pure part: the headline, the link, and as much text as fits
// into so many segments.
func smsText(m respond.Message, segments int) string {
	s := shapeOf(m)
	head := plainLetters(s.Headline)
	text := plainLetters(oneLine(s.Text))
	link := ""
	switch {
	case s.Ack != "" && m.Kind == respond.TestMessage:
		link = "\nYes: " + s.Ack
	case s.Ack != "":
		link = "\nAck: " + s.Ack
	case s.Link != "":
		link = "\n" + s.Link
	}
	fits := func(t string) bool { return smsSegments(t) <= segments }
	if m.Kind == respond.VerifyMessage {
		return text // the code first: phones show it on the locked screen
	}
	begin := smsBegin(m)
	if link != "" && !fits(begin+link) {
		link = ""
	}
	rest := strings.TrimPrefix(head, begin)
	head = begin + longest(rest, "", func(t string) bool { return fits(begin + t + link) })
	more := longest(text, "...", func(t string) bool { return fits(head + "\n" + t + link) })
	if len(more) >= 10 {
		return head + "\n" + more + link
	}
	return head + link
}

// longest returns as much of a text as fits, with the end behind it where that
// is not all. What is shorter never costs more.
func longest(text, end string, fits func(string) bool) string {
	if fits(text) {
		return text
	}
	r := []rune(text)
	cut := func(n int) string { return strings.TrimRight(string(r[:n]), " ") + end }
	n := sort.Search(len(r), func(n int) bool { return !fits(cut(n + 1)) })
	if n == 0 {
		return ""
	}
	return cut(n)
}

// smsSegments is how many messages a text costs: 160 letters of the GSM
// alphabet (153 each in several), or 70 (67) of UTF-16 where one letter is not
// in it (3GPP TS 23.038).
func smsSegments(text string) int {
	septets, plain := 0, true
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmExtended, r):
			septets += 2
		case strings.ContainsRune(gsmBasic, r):
			septets++
		default:
			plain = false
		}
	}
	size, one, each := septets, 160, 153
	if !plain {
		size, one, each = len(utf16.Encode([]rune(text))), 70, 67
	}
	if size <= one {
		return 1
	}
	return (size + each - 1) / each
}

const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
		"¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "^{}\\[~]|€"
)

// plainLetters replaces what costs more than it says: one curly quote makes a
// message cost twice.
func plainLetters(text string) string {
	return plainer.Replace(text)
}

var plainer = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "‘", "'", "’", "'", "–", "-", "—", "-", "…", "...", "\u00a0", " ", "→", "->", "·", "-", "•", "-", "`", "'", "\t", " ")
