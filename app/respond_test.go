package app

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
)

// room is a channel that hands on what it is sent.
type room chan respond.Message

func (r room) Send(_ context.Context, m respond.Message) respond.Outcome {
	r <- m
	return respond.Outcome{State: respond.Sent}
}

const paged = `
respond: {policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: room}]}]}]}`

// A finding from before the start becomes an incident too, and both ends reach
// the room; the ledger is whole.
func TestAFindingReachesTheRoom(t *testing.T) {
	data, site := t.TempDir(), expiredServer(t)
	before := withRoom(t, data, certificateProbe(site), nil)
	f := awaitFinding(t, before, "certificate-expired")
	before.stop()

	sent := make(room, 100)
	a := withRoom(t, data, certificateProbe(site)+paged, sent)
	m := heard(t, sent)
	if m.Kind != respond.PageMessage || m.Content.Title != f.Title || m.Content.URL == "" {
		t.Errorf("the room is told %+v", m)
	}
	who := access.Evenkeel(access.DefaultTenant)
	if _, err := a.findings.Accept(t.Context(), who, f.Tenant, f.ID, time.Now().Add(time.Hour), "it is a test", time.Now()); err != nil {
		t.Fatal(err)
	}
	if m := heard(t, sent); m.Kind != respond.ResolvedMessage {
		t.Errorf("after it was accepted the room is told %+v", m)
	}
	c, err := client.New(a.URL(), "t")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.VerifyLedger(t.Context())
	if err != nil || !respond.Report(r).Good() || r.Alerts[respond.Over] == 0 || r.Messages[respond.Sent] == 0 {
		t.Errorf("the ledger: %+v, %v", r, err)
	}
	if f, _, err := a.findings.Get(t.Context(), who, f.Tenant, f.ID); err != nil || f.State != finding.Accepted {
		t.Errorf("the finding: %s, %v", f.State, err)
	}
}

// withRoom starts Evenkeel with a room that belongs to nobody.
func withRoom(t *testing.T, data, yaml string, r room) running {
	t.Helper()
	a := startWith(t, data, yaml, map[respond.Channel]respond.Sender{respond.Webhook: r})
	err := a.store.PutContact(t.Context(), respond.Contact{ID: "room", Tenant: access.DefaultTenant, Name: "room", Channel: respond.Webhook, Verified: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func heard(t *testing.T, r room) respond.Message {
	t.Helper()
	select {
	case m := <-r:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		return respond.Message{}
	}
}

// The configuration alone leads from a finding to somebody: a policy, a person
// by their login name, and their contact.
func TestAPersonIsToldByTheConfigurationAlone(t *testing.T) {
	t.Setenv("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	told := make(chan *http.Request, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		told <- r
	}))
	defer hook.Close()
	startWith(t, t.TempDir(), certificateProbe(expiredServer(t))+fmt.Sprintf(`
respond:
  policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: person, id: admin}]}]}]
  contacts: [{id: hook, person: admin, channel: webhook, address: %q, secret: hook}]
notify:
  network: {allow_loopback: true}
  contact_secrets: [{name: hook, from: "env:HOOK_SECRET"}]`, hook.URL), nil)
	select {
	case r := <-told:
		var body notify.WebhookBody
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Type != "incident.page" || !strings.Contains(body.Headline, "certificate") {
			t.Errorf("%+v, %v", body, err)
		}
		if r.Header.Get("Webhook-Signature") == "" || r.Header.Get("Webhook-Id") != body.ID {
			t.Errorf("the headers are %v", r.Header)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was told")
	}

	cfg := config.Default()
	cfg.Data, cfg.Listen = t.TempDir(), "127.0.0.1:0"
	cfg.Respond.Contacts = []respond.Contact{{ID: "x", Person: "nobody", Channel: respond.Email, Address: "x@example.org"}}
	if _, err := New(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), `no person "nobody"`) {
		t.Errorf("a person that is none: %v", err)
	}
}

// A button in Slack acts with the rights of the person whose contact it is,
// and for nobody else.
func TestAButtonInSlackTakesAnIncidentUp(t *testing.T) {
	t.Setenv("SLACK_TOKEN", "xoxb-test")
	t.Setenv("SLACK_SIGNING", signing)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true,"ts":"1.2","channel":"C1"}`)
	}))
	defer slack.Close()
	a := startWith(t, t.TempDir(), certificateProbe(expiredServer(t))+fmt.Sprintf(`
respond:
  policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: room}]}]}]
  contacts: [{id: room, channel: slack, address: C1}, {id: me, person: admin, channel: slack, address: U1}]
notify: {slack: {token: "env:SLACK_TOKEN", signing_secret: "env:SLACK_SIGNING", url: %q}}`, slack.URL), nil)
	who := access.Evenkeel(access.DefaultTenant)
	incident := func() (i respond.Incident) {
		t.Helper()
		for range 300 {
			page, err := a.respond.List(t.Context(), who, respond.IncidentFilter{Tenant: access.DefaultTenant})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Incidents) > 0 {
				return page.Incidents[0]
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Fatal("there is no incident")
		return i
	}
	id := incident().ID
	if code := pressSlack(t, a, id, "U1", "another secret"); code != http.StatusUnauthorized || incident().State != respond.Triggered {
		t.Errorf("a forged press: %d, the incident is %s", code, incident().State)
	}
	if code := pressSlack(t, a, id, "U9", signing); code != http.StatusOK || incident().State != respond.Triggered {
		t.Errorf("a stranger's press: %d, the incident is %s", code, incident().State)
	}
	if code := pressSlack(t, a, id, "U1", signing); code != http.StatusOK || incident().State != respond.Acknowledged {
		t.Errorf("the admin's press: %d, the incident is %s", code, incident().State)
	}
}

// signing is the secret with which Slack proves itself.
const signing = "8f742231b10e8888abcd99yyyzzz85a5"

// pressSlack presses the button that acknowledges an incident, as Slack tells
// of it, and returns the status of the answer.
func pressSlack(t *testing.T, a running, incident, user, secret string) int {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"type": "block_actions", "user": map[string]string{"id": user}, "actions": []map[string]string{{
		"action_id": "evenkeel.acknowledge", "value": fmt.Sprintf(`{"t":"default","i":%q,"m":"m"}`, incident)}}})
	if err != nil {
		t.Fatal(err)
	}
	body, stamp := url.Values{"payload": {string(payload)}}.Encode(), strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+slackPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Slack-Request-Timestamp", stamp)
	req.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
