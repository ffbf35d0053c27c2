package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// TestTheFiguresOfAnIncidentOutliveTheMetrics goes the whole way: a real finding
// opens an incident, its figures are kept, Evenkeel stops, the metrics are lost,
// and the incident's page still draws what raised it.
func TestTheFiguresOfAnIncidentOutliveTheMetrics(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	yaml := certificateProbe(expiredServer(t)) + `
notify: {network: {allow_loopback: true}}
respond:
  policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: nowhere}]}]}]
  contacts: [{id: nowhere, channel: webhook, address: "http://127.0.0.1:9/"}]
`
	a := startIn(t, data, yaml)
	awaitReady(t, a)
	awaitFinding(t, a, "certificate-expired")
	actor := access.Evenkeel(access.DefaultTenant)
	var incident respond.Incident
	eventually(t, "an incident of the finding with its figures", func() bool {
		page, err := a.respond.List(t.Context(), actor, respond.IncidentFilter{Tenant: access.DefaultTenant})
		if err != nil || len(page.Incidents) == 0 {
			return false
		}
		incident = page.Incidents[0]
		r, err := a.evidence.Of(t.Context(), actor, access.DefaultTenant, incident.ID)
		return err == nil && len(r.Charts) > 0 && len(r.Charts[0].Lines) > 0
	})
	a.stop()
	if err := os.RemoveAll(filepath.Join(data, "metrics")); err != nil {
		t.Fatal(err)
	}

	b := startIn(t, data, yaml)
	awaitReady(t, b)
	if _, body := ask(t, b, fmt.Sprintf("/prometheus/api/v1/query?query=count_over_time(up[1h])&time=%d", incident.OpenedAt.Unix())); !strings.Contains(body, `"result":[]`) {
		t.Fatalf("the metrics are not lost; the test shows nothing: %s", body)
	}
	r, err := b.evidence.Of(t.Context(), actor, access.DefaultTenant, incident.ID)
	if err != nil {
		t.Fatal(err)
	}
	values := 0
	for _, v := range r.Charts[0].Lines[0].Values {
		if v != nil {
			values++
		}
	}
	if values == 0 {
		t.Error("the chart that was kept is empty")
	}
	// The console is for people with a session; a token reads the same by the API.
	if status, body := ask(t, b, "/api/v1/incidents/"+incident.ID+"/evidence"); status != http.StatusOK || !strings.Contains(body, r.Charts[0].Title) {
		t.Errorf("%d %s", status, body)
	}
}

// eventually waits for up to half a minute.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("this did not come: ", what)
}
