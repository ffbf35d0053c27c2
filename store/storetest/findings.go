package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
)

func sample(n int) finding.Finding {
	value, usual := 0.93, 0.2
	return finding.Finding{
		ID:  ulid.Make().String(),
		Key: finding.Key{Tenant: "default", Environment: "home", Practice: "detect", Check: "filesystem-filling", Entity: fmt.Sprintf("filesystem:web-1:/data/%d", n)},
		Report: finding.Report{Severity: finding.Warning, Title: fmt.Sprintf("/data/%d on web-1 is 93 %% full", n),
			Effect: "Writes will fail.", Remedy: []string{"Delete what is not needed.", "Grow it."},
			EntityKind: "filesystem", EntityName: fmt.Sprintf("/data/%d", n), Host: "web-1",
			Culprits: []finding.Culprit{{Entity: "group:web-1:postgres", Name: "postgres", Share: 0.8, Text: "wrote 4 GiB"}},
			Evidence: []finding.Evidence{{Signal: "filesystem_used", Text: "93 % is used", Query: `a{b="c"}`, From: t0, To: t0.Add(time.Hour),
				Value: &value, Usual: &usual, Unit: "ratio"}}},
		State: finding.Open, FirstSeen: t0.Add(-time.Minute), LastSeen: t0.Add(1234567 * time.Microsecond), ChangedAt: t0, By: "Evenkeel", Revision: 1,
	}
}

func put(t *testing.T, s Store, findings ...finding.Finding) {
	t.Helper()
	var batch []finding.Applied
	for _, f := range findings {
		batch = append(batch, finding.Applied{Finding: f, Events: []finding.Event{
			{ID: ulid.Make().String(), Finding: f.ID, At: f.ChangedAt, Kind: "opened", To: f.State, By: "Evenkeel", Text: f.Title}}})
	}
	check(t, s.ApplyFindings(t.Context(), batch))
}

func findingWhole(t *testing.T, s Store) {
	f := sample(1)
	f.State, f.Prior, f.Reason, f.Returns = finding.Unknown, finding.Accepted, "no data", 3
	f.Until = t0.Add(time.Hour)
	f.Answer = finding.Answer{At: t0, By: "Ada", Text: "planned", Severity: finding.Critical}
	events := []finding.Event{
		{ID: ulid.Make().String(), Finding: f.ID, At: t0, Kind: "opened", To: finding.Open, By: "Evenkeel", Text: "one"},
		{ID: ulid.Make().String(), Finding: f.ID, At: t0.Add(-time.Second), Kind: "unknown", From: finding.Open, To: finding.Unknown, By: "Evenkeel", Text: "two"},
	}
	entry := access.Entry{ID: ulid.Make().String(), Tenant: "default", Environment: "home", At: t0, ActorKind: access.Person,
		ActorID: "u1", ActorName: "Ada", Action: "finding.accept", Object: f.ID, Detail: "d", Address: "192.0.2.1"}
	check(t, s.ApplyFindings(t.Context(), []finding.Applied{{Finding: f, Events: events, Audit: &entry}}))

	got, err := s.Finding(t.Context(), "default", f.ID)
	check(t, err)
	if d := cmp.Diff(f, got); d != "" {
		t.Errorf("finding (-stored +read):\n%s", d)
	}
	history, err := s.FindingEvents(t.Context(), "default", f.ID)
	check(t, err)
	if d := cmp.Diff(events, history); d != "" {
		t.Errorf("history (-stored +read), in the order of the decision even where the clock was set back:\n%s", d)
	}
	page, err := s.Audit(t.Context(), access.AuditFilter{Tenant: "default", Object: f.ID})
	check(t, err)
	if d := cmp.Diff([]access.Entry{entry}, page.Entries); d != "" {
		t.Errorf("audit (-stored +read):\n%s", d)
	}
	if _, err := s.Finding(t.Context(), "other", f.ID); !errors.Is(err, finding.ErrNotFound) {
		t.Errorf("another tenant's finding: %v", err)
	}
	if history, err := s.FindingEvents(t.Context(), "other", f.ID); err != nil || len(history) > 0 {
		t.Errorf("another tenant's history: %v, %v", history, err)
	}
}

func findingConflict(t *testing.T, s Store) {
	f, g := sample(1), sample(2)
	put(t, s, f, g)
	next := func(f finding.Finding) finding.Finding { f.Revision++; f.State = finding.Acknowledged; return f }
	const n = 8
	results := make(chan error, n)
	for range n {
		go func() {
			results <- s.ApplyFindings(t.Context(), []finding.Applied{{Finding: next(f)}})
		}()
	}
	won := 0
	for range n {
		if err := <-results; err == nil {
			won++
		} else if !errors.Is(err, finding.ErrConflict) {
			t.Errorf("a loser got %v, want ErrConflict", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d decisions on the same revision were stored", won, n)
	}
	// A conflict anywhere in a batch stores nothing of it.
	err := s.ApplyFindings(t.Context(), []finding.Applied{{Finding: next(g)}, {Finding: next(f)}})
	if !errors.Is(err, finding.ErrConflict) {
		t.Fatalf("stale batch: %v", err)
	}
	if got, err := s.Finding(t.Context(), "default", g.ID); err != nil || got.Revision != 1 {
		t.Errorf("half of a refused batch was stored: revision %d, %v", got.Revision, err)
	}
}

func findingStanding(t *testing.T, s Store) {
	f := sample(1)
	put(t, s, f)
	again := sample(1)
	err := s.ApplyFindings(t.Context(), []finding.Applied{{Finding: again}})
	if !errors.Is(err, finding.ErrConflict) {
		t.Fatalf("a second open finding of one key: %v", err)
	}
	f.Revision, f.State, f.ResolvedAt = 2, finding.Resolved, t0
	check(t, s.ApplyFindings(t.Context(), []finding.Applied{{Finding: f}}))
	put(t, s, again)

	current := func(since time.Time) int {
		list, err := s.CurrentFindings(t.Context(), "default", "home", "detect", since)
		check(t, err)
		return len(list)
	}
	if a, b := current(t0), current(t0.Add(time.Microsecond)); a != 2 || b != 1 {
		t.Errorf("current findings: %d with those resolved at the time, %d without; want 2, 1", a, b)
	}
}

func findingList(t *testing.T, s Store) {
	random := rand.New(rand.NewPCG(1, 2))
	var all []finding.Finding
	for i := range 300 {
		f := sample(i)
		f.Severity = finding.Severity(1 + random.IntN(3))
		f.ChangedAt = t0.Add(time.Duration(random.IntN(20)) * time.Minute)
		f.Environment = []string{"home", "shop"}[random.IntN(2)]
		f.State = []finding.State{finding.Open, finding.Acknowledged, finding.Accepted, finding.Unknown, finding.Resolved}[random.IntN(5)]
		if f.State == finding.Resolved {
			f.ResolvedAt = f.ChangedAt
		}
		if i%7 == 0 {
			f.Culprits[0].Name = "50%_Off\\Backup"
		}
		if i%5 == 0 {
			f.Entity, f.Host = fmt.Sprintf("endpoint:shop-%d", i), "web-2"
		}
		all = append(all, f)
	}
	put(t, s, all...)
	slices.SortFunc(all, urgency)
	late := t0.Add(10 * time.Minute)
	for name, c := range map[string]struct {
		filter finding.Filter
		match  func(finding.Finding) bool
	}{
		"all":         {finding.Filter{}, func(finding.Finding) bool { return true }},
		"environment": {finding.Filter{Environments: []string{"shop"}}, func(f finding.Finding) bool { return f.Environment == "shop" }},
		"standing": {finding.Filter{States: []finding.State{finding.Open, finding.Unknown}},
			func(f finding.Finding) bool { return f.State == finding.Open || f.State == finding.Unknown }},
		"resolved": {finding.Filter{States: []finding.State{finding.Resolved}}, func(f finding.Finding) bool { return f.State == finding.Resolved }},
		"severity": {finding.Filter{MinSeverity: finding.Critical}, func(f finding.Finding) bool { return f.Severity == finding.Critical }},
		"entity":   {finding.Filter{Entity: "filesystem:web-1:/data/7"}, func(f finding.Finding) bool { return f.Entity == "filesystem:web-1:/data/7" }},
		"host":     {finding.Filter{Host: "web-2"}, func(f finding.Finding) bool { return strings.HasPrefix(f.Entity, "endpoint:") }},
		"host and more": {finding.Filter{Host: "web-1", States: []finding.State{finding.Resolved}, Since: late, Environments: []string{"home"}},
			func(f finding.Finding) bool {
				return f.Host == "web-1" && f.State == finding.Resolved && !f.ResolvedAt.Before(late) && f.Environment == "home"
			}},
		"part of a host": {finding.Filter{Host: "web"}, func(finding.Finding) bool { return false }},
		"text":           {finding.Filter{Text: "0%_oFF\\b"}, func(f finding.Finding) bool { return f.Culprits[0].Name != "postgres" }},
		"no text":        {finding.Filter{Text: "0__off"}, func(finding.Finding) bool { return false }},
		"check":          {finding.Filter{Practice: "detect", Check: "other"}, func(finding.Finding) bool { return false }},
		"tenant":         {finding.Filter{Tenant: "other"}, func(finding.Finding) bool { return false }},
		"since":          {finding.Filter{Since: late}, func(f finding.Finding) bool { return f.ResolvedAt.IsZero() || !f.ResolvedAt.Before(late) }},
		"until":          {finding.Filter{Until: t0.Add(-time.Hour)}, func(finding.Finding) bool { return false }},
	} {
		var want, got []string
		for _, f := range all {
			if c.match(f) {
				want = append(want, f.ID)
			}
		}
		if c.filter.Tenant == "" {
			c.filter.Tenant = "default"
		}
		c.filter.Limit = 37
		for {
			page, err := s.Findings(t.Context(), c.filter)
			check(t, err)
			if page.Total != len(want) {
				t.Errorf("%s: total %d, want %d", name, page.Total, len(want))
			}
			for _, f := range page.Findings {
				got = append(got, f.ID)
			}
			if c.filter.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d findings in pages, want %d in order", name, len(got), len(want))
		}
	}
	for _, cursor := range []string{"x", "!!", "AAAAAAAA", strings.Repeat("A", 10_000)} {
		if _, err := s.Findings(t.Context(), finding.Filter{Tenant: "default", Cursor: cursor}); !errors.Is(err, finding.ErrInvalid) {
			t.Errorf("cursor %.10q: %v, want ErrInvalid", cursor, err)
		}
	}
}

func findingEnds(t *testing.T, s Store) {
	accepted, blind, resolved, open := sample(1), sample(2), sample(3), sample(4)
	accepted.State, accepted.Until = finding.Accepted, t0
	blind.State, blind.Prior, blind.Until = finding.Unknown, finding.Accepted, t0
	resolved.State, resolved.Prior, resolved.Until, resolved.ResolvedAt = finding.Resolved, finding.Accepted, t0, t0
	put(t, s, accepted, blind, resolved, open)
	expired := func(now time.Time) int {
		list, err := s.ExpiredFindings(t.Context(), now)
		check(t, err)
		return len(list)
	}
	if a, b := expired(t0.Add(-time.Microsecond)), expired(t0); a != 0 || b != 2 {
		t.Errorf("ended acceptances: %d before, %d at the time; want 0, 2", a, b)
	}
	n, err := s.PruneFindings(t.Context(), t0)
	check(t, err)
	if n != 0 {
		t.Errorf("pruned %d that were not resolved before the time", n)
	}
	n, err = s.PruneFindings(t.Context(), t0.Add(time.Second))
	check(t, err)
	if n != 1 {
		t.Errorf("pruned %d, want the resolved one only", n)
	}
	if events, err := s.FindingEvents(t.Context(), "default", resolved.ID); err != nil || len(events) > 0 {
		t.Errorf("the history of a pruned finding is left: %v, %v", events, err)
	}
}
