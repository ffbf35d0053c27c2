package app

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

const intakeSecret = "a secret of more than 16 bytes"

const taken = `
respond: {policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: room}]}]}], resolve_timeout: 5m,
  integrations: [{id: prom, name: "Prometheus of the test", dialect: alertmanager, secret: "env:PROM_SECRET", operate: true}],
  heartbeats: [{id: backup, every: 1h}]}`

// A real Prometheus with Evenkeel as its only Alertmanager: its firing rule
// pages, and its end resolves.
func TestPrometheusNeedsNoOtherAlertmanager(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed")
	}
	t.Setenv("PROM_SECRET", intakeSecret)
	sent := make(room, 100)
	a := withRoom(t, t.TempDir(), taken, sent)
	startPrometheus(t, program, a, fmt.Sprintf("vector(time()) < %d", time.Now().Add(9*time.Second).Unix()))
	m := heard(t, sent)
	if m.Kind != respond.PageMessage || m.Content.Title != "Nobody can pay" {
		t.Errorf("the room is told %+v", m)
	}
	who := access.Evenkeel(access.DefaultTenant)
	story, err := a.respond.Get(t.Context(), who, access.DefaultTenant, m.Incident)
	if err != nil || len(story.Alerts) != 1 || story.Alerts[0].Source != "prom" || story.Alerts[0].Labels["service"] != "checkout" {
		t.Errorf("%+v, %v", story.Alerts, err)
	}
	if m := heard(t, sent); m.Kind != respond.ResolvedMessage {
		t.Errorf("after the rule ended the room is told %+v", m)
	}
	if sources, err := a.intake.Sources(who, access.DefaultTenant, time.Now()); err != nil || len(sources) != 2 || sources[0].ID != "backup" || sources[0].Known || !sources[1].Known || sources[1].Alerts == 0 {
		t.Errorf("the sources are %+v, %v", sources, err)
	}
}

// startPrometheus runs a Prometheus whose only Alertmanager is Evenkeel, with a
// rule that fires while the expression gives anything.
func startPrometheus(t *testing.T, program string, a running, expr string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rules := write("rules.yml", fmt.Sprintf(`groups: [{name: shop, rules: [{alert: NobodyCanPay, expr: %q, labels: {severity: critical, service: checkout}, annotations: {summary: "Nobody can pay"}}]}]`, expr))
	cfg := write("prometheus.yml", fmt.Sprintf(`
global: {evaluation_interval: 1s, scrape_interval: 1s}
rule_files: [%q]
alerting: {alertmanagers: [{path_prefix: /alertmanager, authorization: {credentials: %q}, static_configs: [{targets: [%q]}]}]}`, rules, intakeSecret, strings.TrimPrefix(a.URL(), "http://")))
	p := exec.Command(program, "--config.file="+cfg, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+freeAddress(t), "--rules.alert.resend-delay=1s")
	said := write("said", "")
	log, err := os.OpenFile(said, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.Stderr = log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = p.Wait() // it was killed
		log.Close()
		if text, err := os.ReadFile(said); t.Failed() {
			t.Logf("Prometheus says: %s %v", text, err)
		}
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// amtool speaks to Evenkeel as it does to Alertmanager.
func TestAmtoolJustWorks(t *testing.T) {
	program, err := exec.LookPath("amtool")
	if err != nil {
		t.Skip("amtool is not installed")
	}
	t.Setenv("PROM_SECRET", intakeSecret)
	a := startWith(t, t.TempDir(), taken, nil)
	amtool := amtoolOf(t, program, a, intakeSecret)
	amtool("alert", "add", "alertname=DiskFull", "instance=web-1", "severity=critical", "--annotation=summary=The disk is full")
	if out := amtool("alert"); !strings.Contains(out, "DiskFull") || !strings.Contains(out, "The disk is full") || !strings.Contains(out, "active") {
		t.Errorf("amtool alert shows %s", out)
	}
	if out := amtool("config", "show"); !strings.Contains(out, "receiver: evenkeel") {
		t.Errorf("amtool config show shows %s", out)
	}
	id := strings.TrimSpace(amtool("silence", "add", "alertname=~Disk.*", "--comment=new disks come", "--author=ana", "--duration=2h"))
	if out := amtool("silence", "query"); !strings.Contains(out, id) || !strings.Contains(out, "new disks come") || !strings.Contains(out, "ana") {
		t.Errorf("amtool silence query shows %s", out)
	}
	amtool("alert", "add", "alertname=DiskSlow", "instance=web-1")
	if out := amtool("alert", "query", "--silenced", "-o", "extended"); !strings.Contains(out, "DiskSlow") || !strings.Contains(out, "suppressed") {
		t.Errorf("under a silence amtool alert query shows %s", out)
	}
	if out := amtool("alert", "query", "alertname=DiskFull"); !strings.Contains(out, "DiskFull") || strings.Contains(out, "DiskSlow") {
		t.Errorf("by its name amtool alert query shows %s", out)
	}
	who := access.Evenkeel(access.DefaultTenant)
	list, err := a.respond.List(t.Context(), who, respond.IncidentFilter{Tenant: access.DefaultTenant})
	if err != nil || len(list.Incidents) != 1 || list.Incidents[0].Title != "The disk is full" {
		t.Errorf("what is silenced made an incident: %+v, %v", list, err)
	}
	amtool("silence", "expire", id)
	if out := amtool("silence", "query"); strings.Contains(out, id) {
		t.Errorf("after it was expired amtool silence query shows %s", out)
	}
	if out := amtool("silence", "query", "--expired"); !strings.Contains(out, id) {
		t.Errorf("of expired ones amtool silence query shows %s", out)
	}
	amtool("alert", "add", "alertname=DiskFull", "instance=web-1", "severity=critical", "--end="+time.Now().Add(-time.Second).Format(time.RFC3339), "--start="+time.Now().Add(-time.Minute).Format(time.RFC3339))
	if out := amtool("alert"); strings.Contains(out, "DiskFull") {
		t.Errorf("after its end amtool alert shows %s", out)
	}
}

func amtoolOf(t *testing.T, program string, a running, secret string) func(args ...string) string {
	t.Helper()
	u, err := url.Parse(a.URL() + "/alertmanager")
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("prom", secret)
	return func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), program, append([]string{"--alertmanager.url=" + u.String(), "--no-version-check"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("amtool %s: %v\n%s", args, err, out)
		}
		return string(out)
	}
}

// The paths stand before the login, and let nobody through them who has not
// proven who they are; a token of a person's is no proof there.
func TestIntakeStandsBeforeTheLogin(t *testing.T) {
	t.Setenv("PROM_SECRET", intakeSecret)
	a := startWith(t, t.TempDir(), taken, nil)
	for _, c := range []struct {
		method, path, proof string
		status              int
	}{
		{"POST", "/alertmanager/api/v2/alerts", "Bearer " + intakeSecret, 200}, {"POST", "/alertmanager/api/v2/alerts", "Bearer t", 401},
		{"POST", "/alertmanager/api/v2/alerts", "", 401}, {"GET", "/alertmanager/-/ready", "", 200}, {"GET", "/heartbeat/backup", "", 200},
		{"GET", "/api/v1/incidents", "Bearer " + intakeSecret, 401}, {"POST", "/webhook/grafana/prom", "Bearer " + intakeSecret, 401},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, a.URL()+c.path, strings.NewReader("[]"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", c.proof)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status {
			t.Errorf("%s %s with %q: %d %s %v", c.method, c.path, c.proof, resp.StatusCode, body, err)
		}
	}
}
