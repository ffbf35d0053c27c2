package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

var update = flag.Bool("update", false, "write what is shown to testdata")

var (
	sender   = mail.Address{Name: "Evenkeel", Address: "alerts@example.com"}
	receiver = mail.Address{Address: "ann@example.com"}
)

// kinds are messages of every kind, as they differ for people.
func kinds() map[string]respond.Message {
	of := func(kind respond.MessageKind, change func(m *respond.Message)) respond.Message {
		m := page("", "ops", "")
		m.Kind = kind
		if kind != respond.PageMessage {
			m.Content.AckURL = ""
		}
		if change != nil {
			change(&m)
		}
		return m
	}
	alone := func(c respond.Content) func(m *respond.Message) {
		return func(m *respond.Message) { m.Incident, m.Page, m.Content = "", "", c }
	}
	return map[string]respond.Message{
		"1 page":    of(respond.PageMessage, nil),
		"2 warning": of(respond.PageMessage, func(m *respond.Message) { m.Content.Severity = finding.Warning }),
		"3 several": of(respond.PageMessage, func(m *respond.Message) {
			m.Content.Incidents, m.Content.Number, m.Content.Title, m.Content.Text = 7, 0, "7 more since 02:58, the worst: Checkout fails", "#12 Checkout fails\n#13 Search is slow"
		}),
		"4 acknowledged": of(respond.UpdateMessage, func(m *respond.Message) {
			m.Content.State, m.Content.Thread, m.Content.Text = respond.Acknowledged, "<first@example.com>", "Ann has taken it up."
		}),
		"5 resolved": of(respond.ResolvedMessage, func(m *respond.Message) {
			m.Content.State, m.Content.Thread, m.Content.Text = respond.Resolved, "<first@example.com>", "It lasted 14 minutes."
		}),
		"6 test":                of(respond.TestMessage, alone(respond.Content{Title: "Test: nothing is wrong", Text: "This only checks that Evenkeel can reach you."})),
		"6 test with an answer": of(respond.TestMessage, alone(respond.Content{Title: "Can we reach you?", Text: "Please say that you can read this.", AckURL: "https://ops.example.com/reached#" + ackSecret})),
		"7 verify":              of(respond.VerifyMessage, alone(respond.Content{Title: "Your Evenkeel code", Text: "042137 is your Evenkeel code. Type it where you added this contact. It is good for 15 minutes. If you did not ask for it, do nothing."})),
	}
}

func asJSON(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return out.String()
}

// What each channel shows for each kind of message, as people agreed to it in
// testdata.
func TestWhatIsShown(t *testing.T) {
	for channel, show := range map[string]func(m respond.Message) string{
		"slack":   func(m respond.Message) string { return asJSON(slackCard(m, "C1")) },
		"webhook": func(m respond.Message) string { return asJSON(webhookBody(m)) },
		"ntfy":    func(m respond.Message) string { return asJSON(ntfyBody(m)) },
		"telegram": func(m respond.Message) string {
			b := telegramBody(m)
			return b.Text + "\n" + asJSON(b.Buttons)
		},
		"teams":     func(m respond.Message) string { return asJSON(teamsBody(m)) },
		"pagerduty": func(m respond.Message) string { return asJSON(pagerDutyBody(m)) },
		"sms":       func(m respond.Message) string { return smsText(m, 3) },
		"voice":     func(m respond.Message) string { return voiceText(m) },
		"email": func(m respond.Message) string {
			letter, err := letterOf(m, sender, receiver)
			if err != nil {
				return err.Error()
			}
			return strings.ReplaceAll(string(letter), "\r\n", "\n")
		},
	} {
		t.Run(channel, func(t *testing.T) {
			var out strings.Builder
			all := kinds()
			for _, name := range []string{"1 page", "2 warning", "3 several", "4 acknowledged", "5 resolved", "6 test", "6 test with an answer", "7 verify"} {
				fmt.Fprintf(&out, "=== %s\n%s\n", name, strings.TrimSpace(show(all[name])))
			}
			path := filepath.Join("testdata", channel+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("run with -update and look at what has changed (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever an alert says, each channel's bounds hold, no text becomes a header,
// a mention or markup, and the link stays.
func FuzzWhatIsShown(f *testing.F) {
	f.Add("Checkout fails", "5xx\nrose", "https://ops.example.com/i/1", "<a@b>", "01J", int8(0), 3)
	f.Add("a\r\nBcc: eve@example.com", "\r\n.\r\nMAIL FROM:<eve>", "https://x/\r\nY: z", "<a@b>\r\nX: y", "x\r\ny", int8(1), 1)
	f.Add(strings.Repeat("ü“🔥", 900), strings.Repeat("<!channel> *b* ", 900), "", "C1:1", "", int8(2), 2)
	f.Add("=?utf-8?q?spoofed?= "+strings.Repeat("long ", 30), "", "", "", "", int8(0), 1)
	f.Add("\xff\xfe\x00", "\u2028\u2029\x1b[31m", "https://x", "", strings.Repeat("é", 99), int8(4), 10)
	f.Fuzz(func(t *testing.T, title, text, link, thread, id string, kind int8, segments int) {
		segments = min(max(segments, 1), 10)
		all := []respond.MessageKind{respond.PageMessage, respond.UpdateMessage, respond.ResolvedMessage, respond.TestMessage, respond.VerifyMessage}
		m := respond.Message{ID: id, Tenant: "acme", Incident: "i", Kind: all[int(uint8(kind))%len(all)], CreatedAt: time.Unix(1e9, 0), Contact: respond.Contact{Address: "ops"},
			Content: respond.Content{Number: 3, Title: title, Text: text, URL: clip(oneLine(link), 200), AckURL: "https://ops.example.com/ack#token", Severity: finding.Critical, Thread: thread}}
		letter, err := letterOf(m, sender, receiver)
		if err != nil {
			t.Fatal(err)
		}
		checkLetter(t, m, letter)
		body := smsText(m, segments)
		if m.Kind != respond.VerifyMessage && smsSegments(body) > segments && utf8.RuneCountInString(body) > smsHead {
			t.Errorf("an SMS of %d segments, want at most %d: %q", smsSegments(body), segments, body)
		}
		if m.Kind != respond.VerifyMessage && !strings.HasPrefix(body, smsBegin(m)) {
			t.Errorf("%q does not begin with %q, so that it could not be found again", body, smsBegin(m))
		}
		card := slackCard(m, "C1")
		for _, b := range card.Attachments[0].Blocks {
			if b.Text == nil {
				continue
			}
			if n, most := utf8.RuneCountInString(b.Text.Text), map[string]int{"header": slackHeader, "section": slackSection}[b.Type]; n > most || n == 0 {
				t.Errorf("a %s of %d letters", b.Type, n)
			}
			if b.Type == "section" && strings.ContainsAny(b.Text.Text, "<>") {
				t.Errorf("markup in %q", b.Text.Text)
			}
		}
		tg := telegramBody(m).Text
		if n := len(utf16.Encode([]rune(tg))); n > 4096 {
			t.Errorf("Telegram: %d letters", n)
		}
		if m.Kind == respond.PageMessage && !strings.Contains(asJSON(telegramBody(m)), m.Content.AckURL) {
			t.Error("Telegram: the link is lost")
		}
		n := ntfyBody(m)
		if len(n.Title) > 250 || len(n.Message) > ntfySize || n.Message == "" {
			t.Errorf("ntfy: title %d, message %d bytes", len(n.Title), len(n.Message))
		}
		if raw := asJSON(teamsBody(m)); len(raw) > 28<<10 {
			t.Errorf("Teams: %d bytes", len(raw))
		}
		pd := pagerDutyBody(m)
		if len(pd.DedupKey) > 255 || pd.Payload != nil && (utf8.RuneCountInString(pd.Payload.Summary) > 1024 || pd.Payload.Summary == "") {
			t.Errorf("PagerDuty: %+v", pd)
		}
		if script := voiceScript(m, "https://ops.example.com/twilio/digits?m=1&t=2"); len(script) > 4000 || !utf8.ValidString(script) {
			t.Errorf("voice: %d bytes", len(script))
		}
		if s := shapeOf(m); strings.ContainsAny(s.Headline+s.Title, "\r\n\x00") || s.Headline == "" {
			t.Errorf("headline %q", s.Headline)
		}
	})
}

// checkLetter reads a letter as a mail program does.
func checkLetter(t *testing.T, m respond.Message, letter []byte) {
	t.Helper()
	for _, line := range strings.SplitAfter(string(letter), "\r\n") {
		if line != "" && !strings.HasSuffix(line, "\r\n") || strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n") || len(line) > 998 {
			t.Fatalf("a bad line: %q", line)
		}
		for _, r := range line {
			if r > 0x7e {
				t.Fatalf("a line that is not ASCII: %q", line)
			}
		}
	}
	got, err := mail.ReadMessage(bytes.NewReader(letter))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "In-Reply-To": true, "References": true, "Auto-Submitted": true,
		"X-Auto-Response-Suppress": true, "Importance": true, "X-Priority": true, "Mime-Version": true, "Content-Type": true}
	for name, values := range got.Header {
		if !known[name] || len(values) != 1 {
			t.Fatalf("a header that is none of ours: %s: %q", name, values)
		}
	}
	line, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if want := subject(shapeOf(m)); err != nil || line != want {
		t.Fatalf("subject %q, want %q (%v)", line, want, err)
	}
	kind, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("type %q, %v", kind, err)
	}
	parts := multipart.NewReader(got.Body, params["boundary"])
	var texts []string
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
	if len(texts) != 2 || strings.TrimRight(texts[0], "\n") != strings.TrimRight(shapeOf(m).plain(true), "\n") {
		t.Fatalf("parts: %q", texts)
	}
	if m.Kind == respond.PageMessage && m.Content.AckURL != "" && !strings.Contains(texts[1], `href="`+m.Content.AckURL) {
		t.Fatalf("the page has no button: %q", texts[1])
	}
}

func TestAddressesAreKeptAsTheyAreUsed(t *testing.T) {
	for _, c := range []struct {
		channel     respond.Channel
		typed, kept string // kept empty: refused
	}{
		{respond.Email, " Ana <ana@example.org> ", "ana@example.org"}, {respond.Email, "ana", ""}, {respond.Email, "ana@example.org\r\nBcc: x@example.org", ""}, {respond.Email, "änä@example.org", ""},
		{respond.SMS, "+49 (30) 123-456", "+4930123456"}, {respond.Voice, "0049 30 123456", "+4930123456"}, {respond.SMS, "030 123456", ""}, {respond.SMS, "+49", ""},
		{respond.Slack, "U024BE7LH", "U024BE7LH"}, {respond.Slack, "#ops", ""}, {respond.Ntfy, "ana-7f3", "ana-7f3"}, {respond.Ntfy, "a/b", ""},
		{respond.Telegram, "-100123", "-100123"}, {respond.Telegram, "t.me/ana", ""},
		{respond.Webhook, "https://example.org/hook?x=1", "https://example.org/hook?x=1"}, {respond.Webhook, "https://u:p@example.org/", ""}, {respond.Webhook, "ftp://example.org", ""},
		{respond.Teams, "#ops in\nTeams", "#ops in Teams"}, {respond.PagerDuty, "", ""},
	} {
		got, err := CheckAddress(c.channel, c.typed)
		if (err != nil) != (c.kept == "") || got != c.kept {
			t.Errorf("%s %q is kept as %q, %v; want %q", c.channel, c.typed, got, err, c.kept)
		}
	}
}
