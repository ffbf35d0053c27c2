package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/intake"
)

// heardDemo are sources in every state. What they send goes nowhere.
type heardDemo struct {
	*intake.Server
	now time.Time
}

func (h *heardDemo) Sources(actor access.Actor, tenant string, now time.Time) ([]intake.Source, error) {
	if h.Server == nil {
		return nil, nil
	}
	return h.Server.Sources(actor, tenant, now)
}

// listen begins with what was heard before.
func (h *heardDemo) listen(t testing.TB) {
	t.Helper()
	cfg := intake.Defaults()
	cfg.Integrations = []intake.Integration{
		{ID: "prometheus-eu", Name: "Prometheus in Frankfurt", Environment: demoEnv, Dialect: intake.Alertmanager, Secret: "env:DEMO_NONE", Every: 5 * time.Minute, Grace: time.Minute},
		{ID: "grafana", Name: "Grafana of the shop", Environment: demoEnv, Dialect: intake.Grafana, Secret: "env:DEMO_NONE"},
		{ID: "ci", Name: "Deployments", Environment: demoEnv, Dialect: intake.PagerDuty, Secret: "env:DEMO_NONE"},
	}
	cfg.Heartbeats = []intake.Heartbeat{{ID: "backup", Name: "Nightly backup", Environment: demoEnv, Every: 24 * time.Hour, Grace: time.Hour},
		{ID: "invoices", Name: "Invoices are sent", Environment: demoEnv, Every: time.Hour, Grace: 10 * time.Minute}}
	s, err := intake.New(context.Background(), access.DefaultTenant, cfg, intake.Options{Receiver: h, Store: h, Now: func() time.Time { return h.now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h.Server = s
}

func (h *heardDemo) Receive(context.Context, []respond.Alert) error { return nil }
func (h *heardDemo) PutHeard(context.Context, []intake.Heard) error { return nil }
func (h *heardDemo) HeardOf(context.Context, string) ([]intake.Heard, error) {
	return []intake.Heard{
		{Kind: intake.IntegrationKind, ID: "prometheus-eu", At: h.now.Add(-40 * time.Second), Alerts: 18412},
		{Kind: intake.IntegrationKind, ID: "grafana", At: h.now.Add(-9 * 24 * time.Hour), Alerts: 57, Refused: 2, RefusedAt: h.now.Add(-26 * time.Hour),
			Refusal: "1 of 3 alerts were refused, the others are stored. alert 2: the label query is longer than 2048 bytes"},
		{Kind: intake.HeartbeatKind, ID: "backup", At: h.now.Add(-7 * time.Hour), Alerts: 412},
		{Kind: intake.HeartbeatKind, ID: "invoices", At: h.now.Add(-95 * time.Minute), Alerts: 9120},
	}, nil
}

// Who has fallen silent is shown as unknown, before all others, and why
// something was refused stands with its source.
func TestSourcesSayWhoIsSilent(t *testing.T) {
	d := quietDemo(t)
	page := func() string {
		t.Helper()
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sources", nil))
		if w.Code != http.StatusOK {
			t.Fatal(w.Code, w.Body)
		}
		return w.Body.String()
	}
	if !strings.Contains(page(), "No other program sends alerts here yet.") {
		t.Error("without sources the page does not say how to begin")
	}
	d.sources.listen(t)
	text := page()
	at := func(what string) int {
		t.Helper()
		n := strings.Index(text, what)
		if n < 0 {
			t.Errorf("the page does not say %q", what)
		}
		return n
	}
	if at("Three sources are not known to be there") > at("Invoices are sent") || at("Invoices are sent") > at("Nightly backup") || at("Grafana of the shop") > at("Prometheus in Frankfurt") {
		t.Error("what is unknown does not come first")
	}
	for _, what := range []string{"It has fallen silent", "never heard", "cannot be told", "It speaks as often as it should", "longer than 2048 bytes", "/heartbeat/invoices"} {
		at(what)
	}
}
