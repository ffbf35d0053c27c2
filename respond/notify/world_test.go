package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// The secrets of the tests; none may ever be seen in an Outcome.
const (
	slackToken     = "xoxb-slack-hidden"
	slackSigning   = "slack-signing-hidden"
	telegramSecret = "123456:telegram-hidden"
	ntfySecret     = "tk_ntfyhidden"
	twilioSecret   = "twiliohidden"
	routingKey     = "pdhidden"
	signingKey     = "whsec_d2ViaG9va2hpZGRlbg=="
	teamsSignature = "sighidden"
	mailPassword   = "mailhidden"
	ackSecret      = "ackhidden"
	twilioAccount  = "AC0123456789abcdef0123456789abcdef"
)

func setSecrets(t *testing.T, teamsURL string) {
	t.Helper()
	for name, value := range map[string]string{"SLACK": slackToken, "SIGNING": slackSigning, "TELEGRAM": telegramSecret, "NTFY": ntfySecret,
		"TWILIO": twilioSecret, "PD": routingKey, "HOOK": signingKey, "TEAMS": teamsURL, "MAIL": mailPassword} {
		t.Setenv("NOTIFY_TEST_"+name, value)
	}
}

// page is a message as respond hands it over.
func page(c respond.Channel, address, secret string) respond.Message {
	return respond.Message{ID: "01JMESSAGE", Tenant: "acme", Incident: "01JINCIDENT", Page: "01JPAGE", Kind: respond.PageMessage,
		Contact: respond.Contact{ID: "c1", Tenant: "acme", Name: "the contact", Channel: c, Address: address, Secret: secret},
		Content: respond.Content{Number: 12, Title: "Checkout fails for 8 % of customers", Severity: finding.Critical, State: respond.Triggered,
			Text: "5xx answers of checkout rose from 0.1 % to 8 % at 02:58.\nFirst suspect: rollout 2.14 at 02:55.",
			URL:  "https://ops.example.com/incidents/01JINCIDENT", AckURL: "https://ops.example.com/ack#" + ackSecret},
		State: respond.Sending, Tries: 1, CreatedAt: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
}

// provider is one of the world's services, as far as a sender sees it.
type provider struct {
	channel respond.Channel
	address string
	secret  string
	strict  bool // its 2xx has words that say that a message was taken
	id      string
	answer  string // of a taken message
	// check looks at what was sent, as the provider would.
	check func(r *http.Request, body []byte) error
}

func wants(pairs ...string) error {
	for n := 0; n < len(pairs); n += 3 {
		if pairs[n+1] != pairs[n+2] {
			return fmt.Errorf("%s: got %q, want %q", pairs[n], pairs[n+1], pairs[n+2])
		}
	}
	return nil
}

func wantsJSON(body []byte, pairs ...string) error {
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	for n := 0; n < len(pairs); n += 2 {
		if fmt.Sprint(got[pairs[n]]) != pairs[n+1] {
			return fmt.Errorf("%s: got %v, want %s", pairs[n], got[pairs[n]], pairs[n+1])
		}
	}
	return nil
}

func providers() []provider {
	twilioCheck := func(path string) func(r *http.Request, body []byte) error {
		return func(r *http.Request, body []byte) error {
			form, err := url.ParseQuery(string(body))
			if err != nil {
				return err
			}
			user, pass, _ := r.BasicAuth()
			return wants("path", r.URL.Path, "/2010-04-01/Accounts/"+twilioAccount+path, "user", user, twilioAccount, "pass", pass, twilioSecret,
				"To", form.Get("To"), "+4930123456", "From", form.Get("From"), "+15005550006")
		}
	}
	return []provider{
		{channel: respond.Slack, address: "C1", strict: true, id: "C1:17.5", answer: `{"ok":true,"channel":"C1","ts":"17.5"}`, check: func(r *http.Request, body []byte) error {
			return errorOf(wants("path", r.URL.Path, "/chat.postMessage", "token", r.Header.Get("Authorization"), "Bearer "+slackToken), wantsJSON(body, "channel", "C1"))
		}},
		{channel: respond.Webhook, address: "SELF/hook", secret: "hook", answer: "thanks", check: func(r *http.Request, body []byte) error {
			stamp := r.Header.Get("webhook-timestamp")
			want, err := SignWebhook(signingKey, "01JMESSAGE", stamp, body)
			if err != nil {
				return err
			}
			seconds, _ := strconv.ParseInt(stamp, 10, 64)
			if age := time.Since(time.Unix(seconds, 0)); age > time.Minute || age < -time.Minute {
				return fmt.Errorf("timestamp is %s old", age)
			}
			return errorOf(wants("id", r.Header.Get("webhook-id"), "01JMESSAGE", "signature", r.Header.Get("webhook-signature"), want),
				wantsJSON(body, "type", "incident.page", "id", "01JMESSAGE"))
		}},
		{channel: respond.Ntfy, address: "ops-topic", strict: true, id: "n1", answer: `{"id":"n1","event":"message"}`, check: func(r *http.Request, body []byte) error {
			return errorOf(wants("token", r.Header.Get("Authorization"), "Bearer "+ntfySecret), wantsJSON(body, "topic", "ops-topic", "priority", "5"))
		}},
		{channel: respond.Telegram, address: "-1001", strict: true, id: "77", answer: `{"ok":true,"result":{"message_id":77}}`, check: func(r *http.Request, body []byte) error {
			return errorOf(wants("path", r.URL.Path, "/bot"+telegramSecret+"/sendMessage"), wantsJSON(body, "chat_id", "-1001"))
		}},
		{channel: respond.Teams, address: "#ops", secret: "teams", answer: "", check: func(r *http.Request, body []byte) error {
			return errorOf(wants("signature", r.URL.Query().Get("sig"), teamsSignature), wantsJSON(body, "type", "message"))
		}},
		{channel: respond.PagerDuty, address: "checkout", secret: "pd", strict: true, id: "acme/01JINCIDENT", answer: `{"status":"success","message":"Event processed","dedup_key":"acme/01JINCIDENT"}`,
			check: func(_ *http.Request, body []byte) error {
				return wantsJSON(body, "routing_key", routingKey, "event_action", "trigger", "dedup_key", "acme/01JINCIDENT")
			}},
		{channel: respond.SMS, address: "+4930123456", strict: true, id: "SM1", answer: `{"sid":"SM1","status":"queued"}`, check: twilioCheck("/Messages.json")},
		{channel: respond.Voice, address: "+4930123456", strict: true, id: "CA1", answer: `{"sid":"CA1","status":"queued"}`, check: twilioCheck("/Calls.json")},
	}
}

func errorOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// service plays a provider, and fails on demand.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	fails string
	wrong error
	seen  int
	other string // another host to point to
	// steps, where there are any, answer the requests instead, one after another.
	steps []func(w http.ResponseWriter, r *http.Request, body []byte)
}

func play(t *testing.T, p provider) *service {
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		fails, n := s.fails, s.seen
		s.seen++
		steps := s.steps
		if p.check != nil && steps == nil {
			s.wrong = p.check(r, body)
		}
		s.mu.Unlock()
		if n < len(steps) {
			steps[n](w, r, body)
			return
		}
		s.fail(w, r, body, fails, p.answer)
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// fail answers, or does not. A refusal says all that it knows, as careless
// services do.
func (s *service) fail(w http.ResponseWriter, r *http.Request, body []byte, fails, answer string) {
	echo, _ := json.Marshal(map[string]any{"ok": false, "error": r.URL.String() + " " + string(body), "description": r.URL.String() + " " + fmt.Sprint(r.Header), "message": string(body)})
	switch fails {
	case "":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	case "hang":
		<-r.Context().Done()
	case "reset":
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	case "garbage":
		_, _ = io.WriteString(w, "<html>Log in to the guest network</html>")
	case "flood":
		block := bytes.Repeat([]byte("x"), 1<<20)
		for range 10 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	case "redirect":
		http.Redirect(w, r, s.other, http.StatusTemporaryRedirect)
	case "429":
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(429)
		_, _ = w.Write(echo)
	default:
		code, err := strconv.Atoi(fails)
		if err != nil {
			panic(err)
		}
		w.WriteHeader(code)
		_, _ = w.Write(echo)
	}
}

func (s *service) set(fails string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.seen, s.wrong = fails, 0, nil
}

func (s *service) saw() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen, s.wrong
}

// setUp returns all senders, pointed at one place.
func setUp(t *testing.T, place string) (Config, map[respond.Channel]respond.Sender) {
	t.Helper()
	setSecrets(t, place+"/workflow?sig="+teamsSignature)
	cfg := Config{
		Slack:     &SlackConfig{Token: "env:NOTIFY_TEST_SLACK", SigningSecret: "env:NOTIFY_TEST_SIGNING", URL: place, AnswerOrigin: place},
		Ntfy:      &NtfyConfig{URL: place, Token: "env:NOTIFY_TEST_NTFY"},
		Telegram:  &TelegramConfig{URL: place, Token: "env:NOTIFY_TEST_TELEGRAM"},
		Twilio:    &TwilioConfig{URL: place, Account: twilioAccount, Token: "env:NOTIFY_TEST_TWILIO", From: "+15005550006", PublicURL: "https://ops.example.com"},
		PagerDuty: PagerDutyConfig{URL: place + "/v2/enqueue"},
		Network:   Network{AllowLoopback: true},
		ContactSecrets: []ContactSecret{{Name: "hook", From: "env:NOTIFY_TEST_HOOK"}, {Name: "teams", From: "env:NOTIFY_TEST_TEAMS"},
			{Name: "pd", From: "env:NOTIFY_TEST_PD", Tenant: "acme"}},
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg, Senders(cfg, LocalSecrets{})
}

func (p provider) message(place string) respond.Message {
	return page(p.channel, strings.Replace(p.address, "SELF", place, 1), p.secret)
}

// secretsIn returns the secrets that a text carries.
func secretsIn(text string) (found []string) {
	for _, s := range []string{"hidden", "d2ViaG9va2hpZGRlbg", "https://", "http://"} {
		if strings.Contains(text, s) {
			found = append(found, s)
		}
	}
	return found
}
