package app

import (
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

const exempted = `
detect:
  exemptions:
    - id: shop-moves
      checks: [certificate-*]
      entities: ["certificate:shop"]
      until: UNTIL
      owner: shop team
      reason: the shop moves to another name
`

// A check that fires under an exemption makes a finding and nothing else: no
// case, no alert that stands, no incident, no page. When the exemption has ended
// the same finding pages like any other.
func TestAnExemptedCheckPagesNobodyUntilItEnds(t *testing.T) {
	data, site := t.TempDir(), expiredServer(t)
	with := func(until time.Time) string {
		return certificateProbe(site) + strings.ReplaceAll(exempted, "UNTIL", until.UTC().Format(time.RFC3339)) + paged
	}
	sent := make(room, 100)
	a := withRoom(t, data, with(time.Now().Add(time.Hour)), sent)
	f := awaitFinding(t, a, "certificate-expired")
	if f.State != finding.Accepted || f.Exempted() != "shop-moves" || f.Reason != "the shop moves to another name" {
		t.Errorf("it is %s by %q: %s", f.State, f.Exempted(), f.Reason)
	}
	who := access.Evenkeel(access.DefaultTenant)
	// A round of telling after the finding was there, and of acting on it.
	if err := (&findingTeller{a: a.App}).tell(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := a.respond.Wake(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	incidents, err := a.respond.List(t.Context(), who, respond.IncidentFilter{Tenant: a.tenant})
	if err != nil || len(incidents.Incidents) != 0 || len(sent) != 0 {
		t.Errorf("incidents: %+v, %v; %d messages", incidents.Incidents, err, len(sent))
	}
	open, err := a.cases.List(t.Context(), who, cases.Filter{Tenant: a.tenant})
	if err != nil || len(open.Cases) != 0 {
		t.Errorf("cases: %+v, %v", open.Cases, err)
	}
	a.stop()

	a = withRoom(t, data, with(time.Now().Add(-time.Minute)), sent)
	if m := heard(t, sent); m.Kind != respond.PageMessage || m.Content.Title != f.Title {
		t.Errorf("the room is told %+v", m)
	}
	after, events, err := a.findings.Get(t.Context(), who, f.Tenant, f.ID)
	if err != nil || after.State != finding.Open {
		t.Fatalf("the finding: %s, %v", after.State, err)
	}
	for _, e := range events[:2] {
		if !e.At.Equal(events[0].At) || e.Kind != "opened" && e.Kind != "exempted" {
			t.Errorf("it was not exempted when it was found: %+v", events)
		}
	}
	list, _, err := a.review.Exemptions(t.Context(), who, a.tenant, a.rules(), time.Now())
	if err != nil || len(list) != 1 || !list[0].Pressing() || list[0].Count != 1 || list[0].Rules == 0 {
		t.Errorf("its owner is not told: %+v, %v", list, err)
	}
}
