package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/oncall"
)

func onCall(t *testing.T, s Store) {
	ctx := t.Context()
	shop := oncall.Schedule{ID: "shop", Tenant: "t", Name: "Shop \u00fc", Zone: "Europe/Berlin", Holidays: []oncall.Holiday{{Date: "2026-12-25"}}, PartTime: true, Revision: 1,
		Layers: []oncall.Layer{{Name: "All", Turns: []oncall.Turn{{"ana", "ben"}}, Handoff: "weekly", Start: "2026-01-05T09:00", Hours: []oncall.Hours{{Days: []string{"mon"}, From: "09:00"}}}}}
	o := oncall.Override{ID: "o1", Tenant: "t", Schedule: "shop", Person: "cem", Replaces: "ana", From: t0, To: t0.Add(time.Hour), Reason: "dentist", By: "Ana", ByID: "ana", At: t0, Swap: "s"}
	later := o
	later.ID, later.To = "o2", t0.Add(2*time.Hour)
	f := oncall.Feed{Tenant: "t", Kind: oncall.ScheduleFeed, Of: "shop", Hash: "h1", MadeAt: t0, MadeBy: "ana"}
	c := oncall.Change{Tenant: "t", Schedules: []oncall.Schedule{shop}, Overrides: []oncall.Override{o, later}, Feeds: []oncall.Feed{f}, Audit: []access.Entry{entry("schedule.put", "shop", t0)}}
	check(t, s.ApplyOnCall(ctx, c))
	schedules, err := s.Schedules(ctx, "t")
	check(t, err)
	overrides, err := s.Overrides(ctx, "t", t0, 10)
	check(t, err)
	feed, err := s.Feed(ctx, "h1")
	check(t, err)
	if d := cmp.Diff(c.Schedules, schedules) + cmp.Diff([]oncall.Override{later, o}, overrides) + cmp.Diff(f, feed); d != "" {
		t.Errorf("(-stored +read):\n%s", d)
	}
	if list, err := s.Overrides(ctx, "t", o.To, 10); err != nil || len(list) != 1 || list[0].ID != "o2" {
		t.Errorf("overrides that end after the first: %v, %v", list, err)
	}
	if a, err := s.Schedules(ctx, "other"); err != nil || len(a) > 0 {
		t.Errorf("another tenant's schedules: %v, %v", a, err)
	}

	// A stale revision, a schedule that is there and one that was deleted are
	// refused, with all that belongs to the change.
	for what, revision := range map[string]int64{"the same revision": 1, "a revision too far": 3} {
		stale := shop
		stale.Revision = revision
		o3 := o
		o3.ID = "o3"
		if err := s.ApplyOnCall(ctx, oncall.Change{Tenant: "t", Overrides: []oncall.Override{o3}, Schedules: []oncall.Schedule{stale}}); !errors.Is(err, respond.ErrConflict) {
			t.Errorf("%s: %v", what, err)
		}
	}
	shop.Revision, shop.Name = 2, "Shop"
	f.Hash = "h2"
	o.To = t0.Add(time.Minute)
	check(t, s.ApplyOnCall(ctx, oncall.Change{Tenant: "t", Schedules: []oncall.Schedule{shop}, Feeds: []oncall.Feed{f}, Overrides: []oncall.Override{o}}))
	if _, err := s.Feed(ctx, "h1"); !errors.Is(err, respond.ErrNotFound) {
		t.Errorf("a token that was renewed: %v", err)
	}
	check(t, s.PruneOnCall(ctx, t0.Add(90*time.Minute)))
	if list, err := s.Overrides(ctx, "t", time.Time{}, 10); err != nil || len(list) != 1 || list[0].ID != "o2" {
		t.Errorf("after pruning: %v, %v", list, err)
	}
	if err := s.ApplyOnCall(ctx, oncall.Change{Tenant: "t", Override: "none"}); !errors.Is(err, respond.ErrNotFound) {
		t.Errorf("an override that is not there: %v", err)
	}
	check(t, s.ApplyOnCall(ctx, oncall.Change{Tenant: "t", Schedule: "shop"}))
	list, err := s.Overrides(ctx, "t", time.Time{}, 10)
	if _, feedErr := s.Feed(ctx, "h2"); err != nil || len(list) > 0 || !errors.Is(feedErr, respond.ErrNotFound) {
		t.Errorf("of a deleted schedule there are %v, %v, and the feed: %v", list, err, feedErr)
	}
	shop.Revision = 3
	if err := s.ApplyOnCall(ctx, oncall.Change{Tenant: "t", Schedules: []oncall.Schedule{shop}}); !errors.Is(err, respond.ErrConflict) {
		t.Errorf("a change of a deleted schedule: %v", err)
	}
}
