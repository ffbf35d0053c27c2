package app

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

const checkoutEdges = `
discover_probes: false
environment: home
cases:
  edges:
    - {from: "service:checkout", kind: served-by, to: "unit:node-7:checkout"}
    - {from: "unit:node-7:checkout", kind: stored-on, to: "disk:node-7:sdb"}
`

// trouble is a finding as a practice reports it.
func trouble(check, entity, title string, severity finding.Severity, since time.Time) finding.Observation {
	return finding.Observation{Key: finding.Key{Tenant: access.DefaultTenant, Environment: "home", Practice: "test", Check: check, Entity: entity}, At: time.Now(),
		Sign: finding.Firing, Since: since, Report: finding.Report{Severity: severity, Title: title, EntityKind: strings.SplitN(entity, ":", 2)[0], EntityName: entity}}
}

// awaitCase waits for a case of all findings whose titles begin so, and returns
// it whole.
func awaitCase(t *testing.T, a running, titles ...string) api.CaseWithHistory {
	t.Helper()
	c, err := client.New(a.URL(), "t")
	if err != nil {
		t.Fatal(err)
	}
	for range 1200 {
		page, err := c.Cases(t.Context(), url.Values{"open": {"true"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page.Cases {
			has := 0
			for _, m := range x.Members {
				for _, title := range titles {
					if strings.HasPrefix(m.Title, title) {
						has++
					}
				}
			}
			if has == len(titles) {
				whole, err := c.Case(t.Context(), x.ID)
				if err != nil {
					t.Fatal(err)
				}
				return whole
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("there is no case of %q", titles)
	return api.CaseWithHistory{}
}

// What one cause explains becomes one case by edges that people declare; it is
// there again after a restart, and what people say of it is kept.
func TestFindingsBecomeOneCase(t *testing.T) {
	data := t.TempDir()
	a := startWith(t, data, checkoutEdges, nil)
	begun := time.Now().Add(-time.Minute)
	if err := a.findings.Record(t.Context(), []finding.Observation{
		trouble("disk-slow", "disk:node-7:sdb", "Disk sdb of node-7 is slow", finding.Warning, begun),
		trouble("slo:checkout", "service:checkout", "Checkout is slow", finding.Critical, begun.Add(20*time.Second)),
	}); err != nil {
		t.Fatal(err)
	}
	x := awaitCase(t, a, "Checkout is slow", "Disk sdb of node-7 is slow")
	if best := x.Best(); best == nil || best.Entity != "disk:node-7:sdb" || !strings.Contains(x.Sentence, "Checkout is slow") || !strings.Contains(x.Sentence, "Disk sdb") || len(x.History) == 0 || len(x.Edges) != 2 {
		t.Errorf("%+v", x)
	}
	a.stop()

	a = startWith(t, data, checkoutEdges, nil)
	if again := awaitCase(t, a, "Checkout is slow"); again.ID != x.ID {
		t.Errorf("after a restart it is case %s, was %s", again.ID, x.ID)
	}
	c, err := client.New(a.URL(), "t")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.JudgeCase(t.Context(), x.ID, api.CaseFeedback{Useful: true, Note: "found it at once"}); err != nil {
		t.Fatal(err)
	}
	judged, err := c.Case(t.Context(), x.ID)
	if err != nil || judged.Feedback == nil || !judged.Feedback.Useful || judged.History[len(judged.History)-1].Kind != cases.Judged {
		t.Errorf("%+v, %v", judged, err)
	}
}

// A slow disk pages once. What it explains is told to nobody again, and pages
// when it stays after the disk is well.
func TestWhatACauseExplainsDoesNotPageAgain(t *testing.T) {
	sent := make(room, 100)
	a := withRoom(t, t.TempDir(), checkoutEdges+`
respond: {policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: room}]}]}]}`, sent)
	begun := time.Now().Add(-time.Minute)
	record := func(o ...finding.Observation) {
		t.Helper()
		if err := a.findings.Record(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	record(trouble("disk-slow", "disk:node-7:sdb", "Disk sdb of node-7 is slow", finding.Critical, begun))
	if m := heard(t, sent); m.Kind != respond.PageMessage || m.Content.Title != "Disk sdb of node-7 is slow" {
		t.Fatalf("the room is told %+v", m)
	}
	record(trouble("endpoint-slow", "service:checkout", "Checkout is slow", finding.Warning, begun.Add(20*time.Second)),
		trouble("restart-loop", "unit:node-7:checkout", "checkout restarts again and again", finding.Warning, begun.Add(30*time.Second)))
	awaitCase(t, a, "Checkout is slow", "Disk sdb of node-7 is slow")
	c, err := client.New(a.URL(), "t")
	if err != nil {
		t.Fatal(err)
	}
	var alerts map[respond.Fate]int
	for range 100 {
		r, err := c.VerifyLedger(t.Context())
		if err != nil || !respond.Report(r).Good() {
			t.Fatalf("%+v, %v", r, err)
		}
		if alerts = r.Alerts; alerts[respond.Explained] > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if alerts[respond.Explained] == 0 {
		t.Errorf("nothing is explained: %v", alerts)
	}
	select {
	case m := <-sent:
		t.Errorf("the room is told of what is explained: %+v", m)
	case <-time.After(2 * time.Second):
	}
}
