package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// TestWhatUsersFeltOutlivesTheMetrics goes the whole way: a probe of a real
// server counts, an alert names its service, the API says what went wrong; the
// incident ends, the metrics are lost, and it says so still.
func TestWhatUsersFeltOutlivesTheMetrics(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	yaml := certificateProbe(expiredServer(t)) + `
notify: {network: {allow_loopback: true}}
slos:
- {id: shop, title: The shop answers, service: shop, target: 99,
   bad: 'sum(count_over_time((evenkeel_probe_certificate_valid{probe="shop"} == 0)[$window:1s]))',
   total: 'sum(count_over_time(evenkeel_probe_certificate_valid{probe="shop"}[$window:1s]))'}
respond:
  policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: nowhere}]}]}]
  contacts: [{id: nowhere, channel: webhook, address: "http://127.0.0.1:9/"}]
`
	a := startIn(t, data, yaml)
	awaitReady(t, a)
	awaitFinding(t, a, "certificate-expired")
	alert := respond.Alert{AlertKey: respond.AlertKey{Tenant: access.DefaultTenant, Source: "prometheus", Fingerprint: "shop"}, Status: respond.Firing,
		Severity: finding.Critical, Title: "The shop fails", StartsAt: time.Now(), Labels: map[string]string{"alertname": "ShopFails", "service": "shop", "customer": "Nordwind"}}
	if err := a.respond.Receive(t.Context(), []respond.Alert{alert}); err != nil {
		t.Fatal(err)
	}
	actor := access.Evenkeel(access.DefaultTenant)
	var id string
	eventually(t, "its incident", func() bool {
		page, err := a.respond.List(t.Context(), actor, respond.IncidentFilter{Tenant: access.DefaultTenant, Text: "The shop fails"})
		if err != nil || len(page.Incidents) == 0 {
			return false
		}
		id = page.Incidents[0].ID
		return true
	})
	felt := func(of running) impact.Impact {
		t.Helper()
		status, body := ask(t, of, "/api/v1/incidents/"+id+"/impact")
		var m impact.Impact
		if err := json.Unmarshal([]byte(body), &m); err != nil || status != http.StatusOK || len(m.Objectives) != 1 {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		return m
	}
	eventually(t, "what went wrong", func() bool {
		h := felt(a).Objectives[0]
		return h.Bad != nil && *h.Bad > 0
	})
	if _, err := a.respond.Resolve(t.Context(), actor, access.DefaultTenant, id, "It is mended.", time.Now()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "that it is kept", func() bool {
		r, err := a.evidence.Of(t.Context(), actor, access.DefaultTenant, id)
		return err == nil && r.Impact != nil
	})
	a.stop()
	if err := os.RemoveAll(filepath.Join(data, "metrics")); err != nil {
		t.Fatal(err)
	}
	b := startIn(t, data, yaml)
	awaitReady(t, b)
	if m := felt(b); m.Live || m.Objectives[0].Bad == nil || *m.Objectives[0].Bad == 0 || len(m.Customers) != 1 {
		t.Errorf("%+v", m)
	}
}
