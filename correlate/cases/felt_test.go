package cases_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/store"
)

var t0 = time.Date(2027, 3, 1, 3, 0, 0, 0, time.UTC)

// What a cause is felt by counts as well as a symptom; what nobody feels does not,
// and the time begins with the first that is felt, which objectives see late.
func TestWhatTheImpactOfACaseIsAskedOf(t *testing.T) {
	at := func(m int) time.Time { return t0.Add(time.Duration(m) * time.Minute) }
	c := cases.Case{Environment: "prod", Since: at(-60), Members: []cases.Member{
		{Check: "slo:pay", Entity: "service:checkout", Name: "checkout", Role: cases.Symptom, Felt: true, Since: at(0)},
		{Check: "failing-more-than-usual", Entity: "service:payment", Name: "payment", Role: cases.Cause, Felt: true, Since: at(-2)},
		{Check: "slower-than-usual", Entity: "service:checkout", Name: "checkout", Role: cases.Symptom, Felt: true, Since: at(1)},
		{Check: "disk-slow", Entity: "disk:db:sda", Role: cases.Effect, Since: at(-60)},
	}}
	x := c.Trouble(at(10))
	if fmt.Sprint(x.Felt, x.Objectives) != "[{service:checkout checkout} {service:payment payment}] [pay]" || !x.From.Equal(at(-5)) || !x.To.Equal(at(10)) || !x.Live {
		t.Errorf("%+v", x)
	}
	c.EndedAt = at(7)
	if x = c.Trouble(at(10)); !x.To.Equal(at(7)) || x.Live {
		t.Errorf("over: %+v", x)
	}
}

// While a case is open what users felt is counted anew; when it is over it is
// kept, once it can be had, and outlives the figures. One that comes back is
// counted anew.
func TestWhatUsersFeltIsKeptWithTheCase(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	says, failed := "first", error(nil)
	service := func() *cases.Service {
		return cases.NewService(db, cases.Options{
			Graph:   func(context.Context, string, string) ([]estate.Relation, error) { return nil, nil },
			Changes: func(context.Context, string, string, time.Time, int) ([]estate.Change, error) { return nil, nil },
			Impact: func(_ context.Context, x impact.Trouble) (impact.Impact, error) {
				return impact.Impact{From: x.From, To: x.To, Live: x.Live, Unpromised: says}, failed
			}}, slog.New(slog.DiscardHandler))
	}
	s := service()
	f := finding.Finding{Key: finding.Key{Tenant: "t", Environment: "prod", Practice: "detect", Check: "failing-more-than-usual", Entity: "service:checkout"}, ID: "f", State: finding.Open,
		FirstSeen: t0, LastSeen: t0, Report: finding.Report{Severity: finding.Critical, Title: "checkout fails", EntityKind: "service", EntityName: "checkout"}}
	ana := access.Evenkeel("t")
	round := func(now time.Time) cases.Case {
		t.Helper()
		if err := s.Round(t.Context(), "t", []finding.Finding{f}, now); err != nil {
			t.Fatal(err)
		}
		page, err := s.List(t.Context(), ana, cases.Filter{Tenant: "t"})
		if err != nil || len(page.Cases) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		return page.Cases[0]
	}
	x := round(t0)
	if m := s.Impact(t.Context(), x, t0); m == nil || m.Unpromised != "first" || !m.Live || !x.Members[0].Felt {
		t.Fatalf("open: %+v of %+v", m, x)
	}
	if err := s.Keep(t.Context(), "t", t0); err != nil || round(t0).Impact != nil {
		t.Errorf("it is kept while it is open, or %v", err)
	}

	f.State, f.ResolvedAt = finding.Resolved, t0.Add(time.Minute)
	end := t0.Add(time.Minute)
	round(end)
	failed = metric.ErrUnavailable
	if err := s.Keep(t.Context(), "t", end.Add(time.Minute)); err == nil || round(end).Impact != nil {
		t.Errorf("what could not be had was kept: %v", err)
	}
	failed, says = nil, "kept"
	if err := s.Keep(t.Context(), "t", end.Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	says = "later"
	s = service() // started anew
	x, _, err = s.Get(t.Context(), ana, "t", x.ID)
	if err != nil {
		t.Fatal(err)
	}
	if m := s.Impact(t.Context(), x, end.Add(time.Hour)); m.Unpromised != "kept" || m.Live || !m.To.Equal(x.EndedAt) {
		t.Errorf("over: %+v", m)
	}

	f.State, f.ResolvedAt = finding.Open, time.Time{}
	x = round(end.Add(3 * time.Minute))
	if m := s.Impact(t.Context(), x, end.Add(4*time.Minute)); x.State != cases.Open || m.Unpromised != "later" || !m.Live {
		t.Errorf("it has come back: %+v", m)
	}

	// Half an hour after the end nobody waits for the figures any more.
	f.State, f.ResolvedAt = finding.Resolved, end.Add(5*time.Minute)
	x = round(end.Add(5 * time.Minute))
	failed = metric.ErrUnavailable
	if err := s.Keep(t.Context(), "t", x.EndedAt.Add(31*time.Minute)); err != nil || !strings.Contains(round(end.Add(6*time.Minute)).Impact.Unpromised, "later") {
		t.Errorf("%v", err)
	}
}
