package notify

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Every sender, against a service of its own that takes the message, refuses
// it, is in trouble, hangs, breaks off, or is not what it seems.
func TestEachSenderTellsHowATryEnded(t *testing.T) {
	type want struct {
		state              respond.MessageState
		uncertain, disable bool
		retry              time.Duration
	}
	taken, due, unsure, never := want{state: respond.Sent}, want{state: respond.Due}, want{state: respond.Due, uncertain: true}, want{state: respond.Failed}
	for _, p := range providers() {
		t.Run(string(p.channel), func(t *testing.T) {
			s, other := play(t, p), play(t, provider{answer: p.answer})
			s.other = strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
			_, senders := setUp(t, s.URL)
			lax := taken
			if p.strict {
				lax = unsure
			}
			for fails, want := range map[string]want{
				"": taken, "400": never, "401": never, "403": never, "404": never, "413": never,
				"410": {state: respond.Failed, disable: true}, "429": {state: respond.Due, retry: 7 * time.Second},
				"408": due, "500": due, "503": due, "502": unsure, "504": unsure, "hang": unsure, "reset": unsure, "garbage": lax, "flood": lax, "redirect": never,
			} {
				t.Run("answer "+fails, func(t *testing.T) {
					s.set(fails)
					ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
					if fails == "hang" {
						ctx, cancel = context.WithTimeout(context.Background(), 150*time.Millisecond)
					}
					defer cancel()
					o := senders[p.channel].Send(ctx, p.message(s.URL))
					seen, wrong := s.saw()
					if wrong != nil {
						t.Errorf("the service would refuse what was sent: %v", wrong)
					}
					if seen != 1 {
						t.Errorf("%d requests in one try", seen)
					}
					if o.State != want.state || o.Uncertain != want.uncertain || o.Disable != want.disable || o.RetryAfter != want.retry {
						t.Errorf("got %+v, want %+v", o, want)
					}
					if o.State != respond.Sent && (o.Reason == "" || !strings.HasSuffix(o.Reason, ".")) {
						t.Errorf("the reason is no sentence: %q", o.Reason)
					}
					if fails == "" && o.ProviderID != p.id {
						t.Errorf("provider's id %q, want %q", o.ProviderID, p.id)
					}
					if found := secretsIn(fmt.Sprintf("%+v", o)); found != nil {
						t.Errorf("%q shows secrets: %q", o.Reason, found)
					}
				})
			}
			if n, _ := other.saw(); n != 0 {
				t.Errorf("a redirect to another host was followed %d times", n)
			}
			t.Run("nobody listens", func(t *testing.T) {
				m := p.message(s.URL)
				s.Close()
				o := senders[p.channel].Send(context.Background(), m)
				if o.State != respond.Due || o.Uncertain || secretsIn(o.Reason) != nil {
					t.Errorf("got %+v", o)
				}
			})
		})
	}
}

// A message that a sender cannot send ends at once and says what to mend.
func TestAWrongContactSaysWhatToMend(t *testing.T) {
	s := play(t, provider{})
	_, senders := setUp(t, s.URL)
	for _, c := range []struct {
		channel         respond.Channel
		address, secret string
		says            string
	}{
		{respond.Slack, "", "", "no conversation"},
		{respond.Webhook, "file:///etc/passwd", "", "https://"},
		{respond.Webhook, "gopher://x/", "", "https://"},
		{respond.Webhook, "http://[::1", "", "https://"},
		{respond.Webhook, s.URL, "env:NOTIFY_TEST_PD", "contact_secrets"},
		{respond.Ntfy, "a/../b", "", "topic"},
		{respond.Telegram, "x/../getUpdates", "", "chat"},
		{respond.Teams, "#ops", "pd", "URL of a workflow"},
		{respond.Teams, "#ops", "", "contact_secrets"},
		{respond.PagerDuty, "x", "unknown", "contact_secrets"},
		{respond.SMS, "030 12345", "", "+4930123456"},
		{respond.Voice, "911", "", "+4930123456"},
	} {
		o := senders[c.channel].Send(context.Background(), page(c.channel, c.address, c.secret))
		if o.State != respond.Failed || !strings.Contains(o.Reason, c.says) || strings.Contains(o.Reason, "hidden") {
			t.Errorf("%s %q: got %+v, want a reason with %q", c.channel, c.address, o, c.says)
		}
	}
	m := page(respond.PagerDuty, "x", "pd")
	m.Contact.Tenant = "globex"
	if o := senders[respond.PagerDuty].Send(context.Background(), m); o.State != respond.Failed {
		t.Errorf("another tenant's contact used the secret: %+v", o)
	}
	t.Setenv("NOTIFY_TEST_SLACK", "")
	if o := senders[respond.Slack].Send(context.Background(), page(respond.Slack, "C1", "")); o.State != respond.Due || !strings.Contains(o.Reason, "secret of Slack") {
		t.Errorf("without its secret: %+v", o)
	}
	if n, _ := s.saw(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestContactsReachNoForbiddenAddress(t *testing.T) {
	for text, want := range map[string][3]bool{ // by default, with loopback, with link-local
		"8.8.8.8": {true, true, true}, "10.1.2.3": {true, true, true}, "2001:db8::1": {true, true, true},
		"127.0.0.1": {false, true, false}, "127.9.9.9": {false, true, false}, "::1": {false, true, false}, "::ffff:127.0.0.1": {false, true, false},
		"64:ff9b::7f00:1": {false, true, false}, "169.254.169.254": {false, false, true}, "::ffff:169.254.169.254": {false, false, true},
		"64:ff9b::a9fe:a9fe": {false, false, true}, "fe80::1": {false, false, true}, "fe80::1%eth0": {false, false, true}, "fd00:ec2::254": {false, false, true},
		"100.100.100.200": {false, false, true}, "::ffff:100.100.100.200": {false, false, true}, "fd00:ec2::254%eth0": {false, false, true}, "::ffff:0.1.2.3": {}, "168.63.129.16": {false, false, true},
		"0.0.0.0": {}, "0.1.2.3": {}, "::": {}, "224.0.0.1": {}, "255.255.255.255": {}, "ff02::1": {},
	} {
		a := netip.MustParseAddr(text)
		got := [3]bool{Network{}.allowed(a), Network{AllowLoopback: true}.allowed(a), Network{AllowLinkLocal: true}.allowed(a)}
		if got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	// The guard looks at where a name leads.
	s := play(t, provider{})
	cfg, _ := setUp(t, s.URL)
	cfg.Network = Network{}
	senders := Senders(cfg, LocalSecrets{})
	port := s.Listener.Addr().(*net.TCPAddr).Port
	for _, address := range []string{s.URL, fmt.Sprintf("http://localhost:%d/", port), fmt.Sprintf("http://[::ffff:127.0.0.1]:%d/", port), fmt.Sprintf("http://0:%d/", port)} {
		if o := senders[respond.Webhook].Send(context.Background(), page(respond.Webhook, address, "")); o.State == respond.Sent {
			t.Errorf("%s: got %+v", address, o)
		}
	}
	if o := senders[respond.Teams].Send(context.Background(), page(respond.Teams, "#ops", "teams")); o.State != respond.Failed || !strings.Contains(o.Reason, "may not name") {
		t.Errorf("teams: got %+v", o)
	}
	if n, _ := s.saw(); n != 0 {
		t.Errorf("%d requests went through", n)
	}
}

func TestARedirectWithinTheHostIsFollowed(t *testing.T) {
	s := play(t, provider{})
	s.steps = []func(http.ResponseWriter, *http.Request, []byte){
		func(w http.ResponseWriter, r *http.Request, _ []byte) {
			http.Redirect(w, r, "/new", http.StatusPermanentRedirect)
		},
		func(w http.ResponseWriter, r *http.Request, body []byte) {
			if r.URL.Path != "/new" || r.Method != http.MethodPost || len(body) == 0 {
				w.WriteHeader(http.StatusBadRequest)
			}
		},
	}
	_, senders := setUp(t, s.URL)
	if o := senders[respond.Webhook].Send(context.Background(), page(respond.Webhook, s.URL+"/old", "hook")); o.State != respond.Sent {
		t.Errorf("got %+v", o)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": 0, "30": 30 * time.Second, "1.5": 1500 * time.Millisecond, "-5": 0, "x": 0, "NaN": 0, "1e300": time.Hour, "99999999999999999999": time.Hour,
		"Mon, 23 Nov 2026 03:02:00 GMT": 2 * time.Minute, "Mon, 23 Nov 2020 03:02:00 GMT": 0, "Mon, 23 Nov 2099 03:02:00 GMT": time.Hour} {
		if got := (answer{header: http.Header{"Retry-After": {text}}}).retryAfter(now); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestSecretsOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return "file:" + path
	}
	t.Setenv("NOTIFY_TEST_SECRET", " from-env\n")
	for name, want := range map[string]string{
		"env:NOTIFY_TEST_SECRET":                             "from-env",
		file("good", "from-file\n", 0o640):                   "from-file",
		"env:NOTIFY_TEST_NOT_SET":                            "not set",
		file("open", "hidden", 0o644):                        "everybody",
		file("empty", "\n", 0o600):                           "empty",
		file("large", strings.Repeat("hidden", 4000), 0o600): "larger",
		"file:" + dir:                                        "not a plain file",
		"file:relative":                                      "whole path",
		"hidden-literal":                                     "named, not written",
		"env:":                                               "env:NAME",
		"":                                                   "named, not written",
		"file:" + filepath.Join(dir, "gone"):                 "no such file",
	} {
		got, err := LocalSecrets{}.Secret(context.Background(), name)
		if err != nil {
			got = err.Error()
			if strings.Contains(got, "hidden") {
				t.Errorf("%s: the error shows the secret: %s", name, got)
			}
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestWhatIsWrongWithAConfigurationIsSaid(t *testing.T) {
	c := Config{Slack: &SlackConfig{Token: "xoxb-hidden", URL: "https://u:hidden@slack.example"}, Email: &EmailConfig{Host: "a b", Port: 70000, Security: "ssl", From: "nobody", User: "u"},
		Telegram: &TelegramConfig{}, Twilio: &TwilioConfig{From: "0", VoiceFrom: "MG1", Segments: 11}, ContactSecrets: []ContactSecret{{From: "env:X"}, {Name: "a", From: "x"}, {Name: "a", From: "env:X"}}}
	err := c.Validate()
	if err == nil {
		t.Fatal("taken")
	}
	for _, place := range []string{"slack.token", "slack.url", "email.host", "email.port", "email.security", "email.from", "email.password", "telegram.token", "twilio.account", "twilio.from",
		"twilio.voice_from", "twilio.segments", "contact_secrets[0].name", "contact_secrets[1].from", "contact_secrets[2].name"} {
		if !strings.Contains(err.Error(), place+":") {
			t.Errorf("nothing is said about %s", place)
		}
	}
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("a secret is shown: %v", err)
	}
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
}
