package storetest

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

func casesWhole(t *testing.T, s Store) {
	ctx := t.Context()
	one := cases.Case{ID: "a", Tenant: "t", Environment: "home", State: cases.Open, Title: "Checkout is slow", Severity: finding.Critical, Since: t0,
		OpenedAt: t0, ChangedAt: t0, Verdict: correlate.CauseFound, Story: cases.Story{What: "Checkout is slow", Since: t0, Because: "a \x00 disk"},
		Members:    []cases.Member{{Finding: "f1", Check: "slo:x", Entity: "service:checkout", Title: "Checkout is slow", Severity: finding.Critical, Role: cases.Symptom, Since: t0, JoinedAt: t0}},
		Hypotheses: []cases.Hypothesis{{Finding: "f2", Entity: "disk:h:sda", Text: "slow", Score: .9, For: []string{"180 ms"}, Against: []string{}}},
		Excluded:   []correlate.Exclusion{{Entity: "host:x", Reason: "well"}}, Unseen: []string{"the payment provider"}, Changes: []cases.ChangeSeen{},
		Edges: []cases.Edge{{From: "service:checkout", To: "disk:h:sda", Kind: "runs-on", Source: "test", Confidence: 1}}, Revision: 1}
	worse, over, theirs := one, one, one
	worse.ID, worse.Severity, worse.Members = "b", finding.Warning, []cases.Member{{Finding: "f3", Severity: finding.Warning}}
	over.ID, over.State, over.EndedAt, over.Environment, over.Members = "c", cases.Over, t0.Add(time.Hour), "away", nil
	theirs.ID, theirs.Tenant = "d", "other"
	event := func(id, of string, at time.Time) []cases.Event {
		return []cases.Event{{ID: id, Case: of, At: at, Kind: cases.Opened, By: "Evenkeel", Text: "It began."}}
	}
	check(t, s.ApplyCases(ctx, []cases.Applied{{Case: one, Events: event("01", "a", t0)}, {Case: worse}, {Case: over}, {Case: theirs}}))
	got, err := s.Case(ctx, "t", "a")
	check(t, err)
	if diff := cmp.Diff(one, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, tenant := range []string{"t", "other"} {
		if _, err := s.Case(ctx, tenant, map[string]string{"t": "d", "other": "a"}[tenant]); !errors.Is(err, cases.ErrNotFound) {
			t.Errorf("a case of another tenant: %v", err)
		}
	}
	// Of two who saw the same revision one wins, and the other's is not stored in part.
	next, judged := one, one
	next.Title, next.Revision = "Checkout is slower", 2
	judged.Feedback, judged.Revision = &cases.Feedback{Useful: true, By: "ana", At: t0}, 2
	check(t, s.ApplyCases(ctx, []cases.Applied{{Case: judged, Audit: &access.Entry{ID: "01", Tenant: "t", At: t0, ActorKind: access.Person, ActorID: "ana", Action: "case.judge", Object: "a"}}}))
	second := worse
	second.Revision = 2
	if err := s.ApplyCases(ctx, []cases.Applied{{Case: second, Events: event("02", "b", t0)}, {Case: next}}); !errors.Is(err, cases.ErrConflict) {
		t.Errorf("a second decision on one revision: %v", err)
	}
	if err := s.ApplyCases(ctx, []cases.Applied{{Case: one}}); !errors.Is(err, cases.ErrConflict) {
		t.Errorf("a case that is there is made anew: %v", err)
	}
	if history, err := s.CaseEvents(ctx, "t", "b"); err != nil || len(history) != 0 {
		t.Errorf("%v, %v", history, err)
	}
	if history, err := s.CaseEvents(ctx, "t", "a"); err != nil || cmp.Diff(event("01", "a", t0), history) != "" {
		t.Errorf("%v, %v", history, err)
	}
	var many []cases.Event
	for i := range cases.MostEvents + 3 {
		many = append(many, event(fmt.Sprintf("c%04d", i), "c", t0.Add(time.Duration(i)*time.Second))...)
	}
	flapped := over
	flapped.Revision = 2
	check(t, s.ApplyCases(ctx, []cases.Applied{{Case: flapped, Events: many}}))
	if history, err := s.CaseEvents(ctx, "t", "c"); err != nil || cmp.Diff(many[3:], history) != "" {
		t.Errorf("of a long history: %d, %v", len(history), err)
	}
	list := func(f cases.Filter, want ...string) {
		t.Helper()
		f.Tenant = "t"
		var have []string
		for {
			page, err := s.Cases(ctx, f)
			check(t, err)
			for _, c := range page.Cases {
				have = append(have, c.ID)
			}
			if f.Cursor = page.Next; f.Cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", f, diff)
		}
	}
	list(cases.Filter{}, "a", "b", "c")
	list(cases.Filter{Limit: 1}, "a", "b", "c")
	list(cases.Filter{Open: true}, "a", "b")
	list(cases.Filter{Environments: []string{"away"}}, "c")
	list(cases.Filter{Finding: "f3"}, "b")
	list(cases.Filter{Finding: "f9"})
	if _, err := s.Cases(ctx, cases.Filter{Tenant: "t", Cursor: "nonsense"}); !errors.Is(err, cases.ErrInvalid) {
		t.Errorf("a cursor of nothing: %v", err)
	}
	current := func(since time.Time, want int) {
		t.Helper()
		if list, err := s.CurrentCases(ctx, "t", since); err != nil || len(list) != want {
			t.Errorf("%d, %v", len(list), err)
		}
	}
	current(t0.Add(time.Hour), 3)
	current(t0.Add(2*time.Hour), 2)
	if list, err := s.JudgedCases(ctx, "t", 10); err != nil || len(list) != 1 || list[0].ID != "a" {
		t.Errorf("%v, %v", list, err)
	}
	check(t, s.PruneCases(ctx, t0.Add(2*time.Hour)))
	list(cases.Filter{}, "a", "b")

	// The graph of now is that of every source, and of one environment.
	service := estate.NewService(s, slog.New(slog.DiscardHandler))
	entities := []estate.Entity{{ID: "host:h", Kind: estate.Host}, {ID: "disk:h:sda", Kind: estate.Disk}}
	part := []estate.Relation{{From: "disk:h:sda", Kind: estate.PartOf, To: "host:h", Confidence: 1}}
	check(t, service.Observe(ctx, estate.Observation{Tenant: "t", Environment: "home", Source: "x", At: t0, Entities: entities, Relations: part, Complete: true}))
	check(t, service.Observe(ctx, estate.Observation{Tenant: "t", Environment: "home", Source: "y", At: t0, Entities: entities, Relations: part, Complete: true}))
	check(t, service.Observe(ctx, estate.Observation{Tenant: "t", Environment: "away", Source: "x", At: t0, Entities: entities, Relations: part, Complete: true}))
	check(t, service.Observe(ctx, estate.Observation{Tenant: "t", Environment: "home", Source: "x", At: t0.Add(time.Minute), Entities: entities, Complete: true}))
	// That of a time is what held then.
	for at, want := range map[time.Time]string{{}: "y", t0.Add(-time.Second): "", t0.Add(30 * time.Second): "x y", t0.Add(time.Hour): "y"} {
		relations, err := s.Graph(ctx, "t", "home", at)
		check(t, err)
		var sources []string
		for _, r := range relations {
			if sources = append(sources, r.Source); r.Kind != estate.PartOf {
				t.Errorf("%+v", r)
			}
		}
		if got := strings.Join(sources, " "); got != want {
			t.Errorf("at %s the sources are %q, not %q", at, got, want)
		}
		// Kinds narrow it.
		for kind, want := range map[estate.RelationKind]int{estate.PartOf: len(relations), estate.Calls: 0} {
			if some, err := s.Graph(ctx, "t", "home", at, kind, "no such kind"); err != nil || len(some) != want {
				t.Errorf("at %s there are %d relations %q, not %d: %v", at, len(some), kind, want, err)
			}
		}
	}
}
