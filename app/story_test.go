package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/respond"
)

// The whole way: a real Prometheus' rule fires, the room in Slack is told, the
// button takes the incident up, amtool silences what comes next, the rule ends,
// the incident is over, and its document is drafted; the ledger is whole.
func TestFromARuleToALesson(t *testing.T) {
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed")
	}
	tool, err := exec.LookPath("amtool")
	if err != nil {
		t.Skip("amtool is not installed")
	}
	t.Setenv("PROM_SECRET", intakeSecret)
	t.Setenv("SLACK_TOKEN", "xoxb-test")
	t.Setenv("SLACK_SIGNING", signing)
	posts := make(chan string, 100)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != "Bearer xoxb-test" {
			t.Errorf("Slack is asked with %q, %v", r.Header.Get("Authorization"), err)
		}
		posts <- r.URL.Path + " " + string(body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true,"ts":"1.2","channel":"C1"}`)
	}))
	defer slack.Close()
	a := startWith(t, t.TempDir(), fmt.Sprintf(`
respond:
  policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: room}]}]}]
  contacts: [{id: room, channel: slack, address: C1}, {id: me, person: admin, channel: slack, address: U1}]
  integrations: [{id: prom, dialect: alertmanager, secret: "env:PROM_SECRET", operate: true}]
notify: {slack: {token: "env:SLACK_TOKEN", signing_secret: "env:SLACK_SIGNING", url: %q}}`, slack.URL), nil)
	startPrometheus(t, prometheus, a, fmt.Sprintf("vector(time()) < %d", time.Now().Add(15*time.Second).Unix()))

	post := func(want string) {
		t.Helper()
		for {
			select {
			case p := <-posts:
				if strings.Contains(p, want) {
					return
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("Slack was never told %q", want)
			}
		}
	}
	post("Nobody can pay")
	who := access.Evenkeel(access.DefaultTenant)
	incident := func() respond.Incident {
		t.Helper()
		page, err := a.respond.List(t.Context(), who, respond.IncidentFilter{Tenant: access.DefaultTenant, States: []respond.State{respond.Triggered, respond.Acknowledged, respond.Resolved}})
		if err != nil || len(page.Incidents) != 1 {
			t.Fatalf("the incidents are %+v, %v", page.Incidents, err)
		}
		return page.Incidents[0]
	}
	id := incident().ID
	if code := pressSlack(t, a, id, "U1", signing); code != http.StatusOK || incident().State != respond.Acknowledged {
		t.Errorf("the button: %d, the incident is %s", code, incident().State)
	}
	post("taken it up")

	amtool := amtoolOf(t, tool, a, intakeSecret)
	amtool("silence", "add", "alertname=DiskFull", "--comment=The disk is being replaced", "--author=ana", "--duration=1h")
	if out := amtool("silence", "query"); !strings.Contains(out, `alertname="DiskFull"`) || !strings.Contains(out, "ana") {
		t.Errorf("amtool silence query shows %s", out)
	}
	amtool("alert", "add", "alertname=DiskFull", "instance=web-1", "severity=critical")
	if out := amtool("alert", "query", "--silenced"); !strings.Contains(out, "DiskFull") {
		t.Errorf("amtool does not show the silenced alert: %s", out)
	}

	post("ended") // the rule
	if i := incident(); i.State != respond.Resolved {
		t.Errorf("after the rule ended the incident is %s", i.State)
	}
	c, err := client.New(a.URL(), "t")
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Document(t.Context(), id)
	if err != nil || !strings.Contains(text, "Nobody can pay") || !strings.Contains(text, "Nobody has worked on it yet") || !strings.Contains(text, "| Time to acknowledge | ") {
		t.Errorf("the document: %v\n%s", err, text)
	}
	r, err := c.VerifyLedger(t.Context())
	if err != nil || !respond.Report(r).Good() {
		raw, _ := json.Marshal(r)
		t.Errorf("the ledger: %s, %v", raw, err)
	}
}
