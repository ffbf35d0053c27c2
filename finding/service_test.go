package finding_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/store"
)

var (
	t0    = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	quiet = slog.New(slog.DiscardHandler)
	all   = access.Evenkeel("default")
)

// watched is a real store that counts and can be told to fail.
type watched struct {
	finding.Store
	calls atomic.Int64
	fail  error
}

func (w *watched) ApplyFindings(ctx context.Context, batch []finding.Applied) error {
	w.calls.Add(1)
	if w.fail != nil {
		return w.fail
	}
	return w.Store.ApplyFindings(ctx, batch)
}

func (w *watched) CurrentFindings(ctx context.Context, tenant, environment, practice string, since time.Time) ([]finding.Finding, error) {
	w.calls.Add(1)
	return w.Store.CurrentFindings(ctx, tenant, environment, practice, since)
}

func newStore(t *testing.T) *watched {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &watched{Store: s}
}

func seen(environment string, n int, at time.Time, sign finding.Sign) finding.Observation {
	return finding.Observation{At: at, Sign: sign, Reason: "because",
		Key:    finding.Key{Tenant: "default", Environment: environment, Practice: "detect", Check: "disk-slow", Entity: fmt.Sprintf("disk:web-1:%d", n)},
		Report: finding.Report{Severity: finding.Warning, Title: "slow"}}
}

func list(t *testing.T, s *finding.Service, f finding.Filter) []finding.Finding {
	t.Helper()
	f.Tenant, f.Limit = "default", 500
	page, err := s.List(t.Context(), all, f)
	if err != nil {
		t.Fatal(err)
	}
	return page.Findings
}

func record(t *testing.T, s *finding.Service, obs ...finding.Observation) {
	t.Helper()
	if err := s.Record(t.Context(), obs); err != nil {
		t.Fatal(err)
	}
}

func TestWhatStandsCostsNoSQL(t *testing.T) {
	st := newStore(t)
	s := finding.NewService(st, quiet)
	round := func(at time.Time) {
		var obs []finding.Observation
		for i := range 200 {
			sign := finding.Firing
			if i%2 == 0 {
				sign = finding.Clear
			}
			obs = append(obs, seen("home", i, at, sign))
		}
		record(t, s, obs...)
	}
	round(t0)
	st.calls.Store(0)
	for i := 1; i < 20; i++ { // 15 s apart, less than RefreshEvery in all
		round(t0.Add(time.Duration(i) * 15 * time.Second))
	}
	if n := st.calls.Load(); n != 0 {
		t.Errorf("100 standing findings cost %d calls to the store in 5 minutes", n)
	}
	round(t0.Add(5 * time.Minute))
	if n := st.calls.Load(); n != 1 {
		t.Errorf("the refresh after 5 minutes took %d calls, want one transaction", n)
	}
}

func TestARestartGoesOnWhereItWas(t *testing.T) {
	st := newStore(t)
	record(t, finding.NewService(st, quiet), seen("home", 1, t0, finding.Firing), seen("home", 2, t0, finding.Firing),
		seen("home", 2, t0.Add(time.Second), finding.Clear))
	s := finding.NewService(st, quiet)
	record(t, s, seen("home", 1, t0.Add(time.Minute), finding.Clear), seen("home", 2, t0.Add(time.Minute), finding.Firing))
	findings := list(t, s, finding.Filter{})
	if len(findings) != 2 || findings[0].Returns != 1 || findings[0].State != finding.Open || findings[1].State != finding.Resolved {
		t.Errorf("%+v", findings)
	}
	// Another service has decided meanwhile: this one reads anew, decides
	// again, and nobody sees it.
	record(t, finding.NewService(st, quiet), seen("home", 2, t0.Add(2*time.Minute), finding.NoData))
	record(t, s, seen("home", 2, t0.Add(3*time.Minute), finding.NoData), seen("home", 1, t0.Add(3*time.Minute), finding.Firing))
	if findings := list(t, s, finding.Filter{States: []finding.State{finding.Unknown}}); len(findings) != 1 {
		t.Errorf("%+v", findings)
	}
}

func TestAFailedWriteIsToldAndForgotten(t *testing.T) {
	st := newStore(t)
	s := finding.NewService(st, quiet)
	notices := s.Listen(8)
	st.fail = errors.New("disk full")
	if err := s.Record(t.Context(), []finding.Observation{seen("home", 1, t0, finding.Firing)}); !errors.Is(err, st.fail) {
		t.Fatal(err)
	}
	if len(notices.C()) != 0 {
		t.Error("listeners were told of what was not stored")
	}
	st.fail = nil
	record(t, s, seen("home", 1, t0.Add(time.Minute), finding.Firing))
	if f := list(t, s, finding.Filter{}); len(f) != 1 || f[0].Revision != 1 || len(notices.C()) != 1 {
		t.Errorf("after there is room again: %+v", f)
	}
}

func TestOneBadObservationDoesNotSilenceTheOthers(t *testing.T) {
	s := finding.NewService(newStore(t), quiet)
	nan, inf := math.NaN(), math.Inf(1)
	odd := seen("home", 1, t0, finding.Firing)
	odd.Report.Evidence = []finding.Evidence{{Text: "x", Value: &nan, Usual: &inf}}
	odd.Report.Culprits = []finding.Culprit{{Name: "y", Share: nan}}
	bad := seen("home", 2, t0, finding.Firing)
	bad.Report.Severity = 0
	worse := seen("home", 3, t0, "maybe")
	err := s.Record(t.Context(), []finding.Observation{bad, odd, worse, seen("home", 4, t0, finding.Firing)})
	if err == nil || !strings.Contains(err.Error(), "disk:web-1:2") || !strings.Contains(err.Error(), "disk:web-1:3") {
		t.Errorf("the error does not name both: %v", err)
	}
	f := list(t, s, finding.Filter{})
	if len(f) != 2 || list(t, s, finding.Filter{Entity: "disk:web-1:1"})[0].Evidence[0].Value != nil {
		t.Errorf("%+v", f)
	}
	if !math.IsNaN(*odd.Report.Evidence[0].Value) {
		t.Error("the practice's own evidence was written to")
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	st := newStore(t)
	s := finding.NewService(st, quiet)
	record(t, s, seen("home", 1, t0, finding.Firing), seen("shop", 2, t0, finding.Firing))
	home := list(t, s, finding.Filter{Environments: []string{"home"}})[0]
	grant := func(environment string, role access.Role) access.Actor {
		return access.Actor{Kind: access.Person, ID: "u1", Name: "Ada",
			Grants: []access.Grant{{Tenant: "default", Environment: environment, Role: role}}}
	}
	ctx := access.WithAddress(t.Context(), "192.0.2.7")
	until := t0.Add(time.Hour)

	_, err := s.Accept(ctx, grant("home", access.Viewer), "default", home.ID, until, "planned", t0)
	if !errors.Is(err, access.ErrForbidden) {
		t.Errorf("a viewer accepts: %v", err)
	}
	reader := grant("home", access.Admin)
	reader.Scopes = []access.Permission{access.Read}
	if _, err := s.Accept(ctx, reader, "default", home.ID, until, "planned", t0); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("a token for reading accepts: %v", err)
	}
	for _, other := range []access.Actor{grant("shop", access.Admin), {Name: "nobody"}} {
		if _, err := s.Accept(ctx, other, "default", home.ID, until, "planned", t0); !errors.Is(err, finding.ErrNotFound) {
			t.Errorf("%s of another environment learns that it is there: %v", other.Name, err)
		}
		if _, _, err := s.Get(ctx, other, "default", home.ID); !errors.Is(err, finding.ErrNotFound) {
			t.Errorf("%s reads it: %v", other.Name, err)
		}
	}
	page, err := s.List(ctx, grant("shop", access.Viewer), finding.Filter{Tenant: "default"})
	if err != nil || len(page.Findings) != 1 || page.Findings[0].Environment != "shop" || page.Total != 1 {
		t.Errorf("who may read shop sees %+v, %v", page, err)
	}
	page, err = s.List(ctx, grant("shop", access.Viewer), finding.Filter{Tenant: "default", Environments: []string{"home"}})
	if err != nil || len(page.Findings) != 0 {
		t.Errorf("and of home: %+v, %v", page, err)
	}
	if _, err := s.List(ctx, grant("shop", access.Viewer), finding.Filter{Tenant: "other"}); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("and of another tenant: %v", err)
	}

	f, err := s.Accept(ctx, grant("home", access.Responder), "default", home.ID, until, "planned", t0.Add(time.Second))
	if err != nil || f.State != finding.Accepted || f.By != "Ada" {
		t.Fatalf("a responder: %+v, %v", f, err)
	}
	log, err := st.Store.(access.Store).Audit(ctx, access.AuditFilter{Tenant: "default"})
	if err != nil || len(log.Entries) != 1 {
		t.Fatalf("the audit log: %+v, %v", log, err)
	}
	if e := log.Entries[0]; e.Action != "finding.accept" || e.Object != home.ID || e.Address != "192.0.2.7" || e.ActorID != "u1" ||
		e.Environment != "home" || !strings.Contains(e.Detail, "planned") {
		t.Errorf("the entry: %+v", e)
	}
	// The practice goes on with what was answered.
	record(t, s, seen("home", 1, t0.Add(10*time.Minute), finding.Firing))
	if err := s.Expire(ctx, until); err != nil {
		t.Fatal(err)
	}
	got, events, err := s.Get(ctx, grant("home", access.Viewer), "default", home.ID)
	if err != nil || got.State != finding.Open || len(events) != 3 || events[2].Kind != "expired" {
		t.Errorf("after its end: %s, %+v, %v", got.State, events, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := finding.NewService(newStore(t), quiet)
	record(t, s, seen("home", 0, t0, finding.Firing))
	id := list(t, s, finding.Filter{})[0].ID
	failed := make(chan error, 8)
	for worker := range 8 {
		go func() {
			for i := range 20 {
				at := t0.Add(time.Duration(i) * time.Minute)
				if err := s.Record(t.Context(), []finding.Observation{seen("home", 0, at, []finding.Sign{finding.Firing, finding.NoData}[(i+worker)%2])}); err != nil {
					failed <- err
					return
				}
				if _, err := s.Acknowledge(t.Context(), all, "default", id, "", at); err != nil && !errors.Is(err, finding.ErrState) {
					failed <- err
					return
				}
				if _, err := s.Reopen(t.Context(), all, "default", id, "", at); err != nil && !errors.Is(err, finding.ErrState) {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range 8 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	_, events, err := s.Get(t.Context(), all, "default", id)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(events); i++ {
		if events[i].From != events[i-1].To {
			t.Fatalf("the history has a gap: %+v, %+v", events[i-1], events[i])
		}
	}
}

// BenchmarkStanding is what a round of a practice costs that sees 1,000
// findings stand and 9,000 keys in order.
func BenchmarkStanding(b *testing.B) {
	st, err := store.Open(b.Context(), store.Config{Dir: b.TempDir()}, quiet)
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	s := finding.NewService(st, quiet)
	var obs []finding.Observation
	for i := range 10_000 {
		sign := finding.Clear
		if i%10 == 0 {
			sign = finding.Firing
		}
		obs = append(obs, seen("home", i, t0, sign))
	}
	for b.Loop() {
		if err := s.Record(b.Context(), obs); err != nil {
			b.Fatal(err)
		}
	}
}
