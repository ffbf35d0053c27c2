package estate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/store"
)

// A small observation of a large estate adds what it holds and takes away what
// it names, and touches nothing else; what was there before is still what it
// was then.
func TestAPartialObservationTakesAwayWhatItNames(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := estate.NewService(db, quiet)
	actor := access.Evenkeel(access.DefaultTenant)
	o := estate.Observation{Tenant: access.DefaultTenant, Environment: "home", Source: "kubernetes", At: t0, Complete: true}
	for i := range 20 {
		id := estate.ID("pod", "c", fmt.Sprint(i))
		o.Entities = append(o.Entities, estate.Entity{ID: id, Kind: "pod", Name: fmt.Sprint(i)})
		o.Relations = append(o.Relations, estate.Relation{From: id, Kind: estate.RunsOn, To: "node:c:n", Confidence: 1})
	}
	if err := s.Observe(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	part := estate.Observation{Tenant: access.DefaultTenant, Environment: "home", Source: "kubernetes", At: t0.Add(time.Minute),
		Entities:  []estate.Entity{{ID: "pod:c:3", Kind: "pod", Name: "3", Attributes: map[string]string{"phase": "Failed"}}, {ID: "pod:c:new", Kind: "pod", Name: "new"}},
		Gone:      []string{"pod:c:4", "pod:c:4", "pod:c:never", "pod:c:new"}, // one is named twice, one was never there, one is there
		Relations: []estate.Relation{{From: "pod:c:new", Kind: estate.RunsOn, To: "node:c:n", Confidence: 1}},
		Ended:     []estate.Relation{{From: "pod:c:4", Kind: estate.RunsOn, To: "node:c:n"}, {From: "pod:c:never", Kind: estate.RunsOn, To: "node:c:n"}},
	}
	look := func(at time.Time) (names map[string]string, relations int) {
		page, err := s.Entities(t.Context(), actor, estate.Filter{Tenant: access.DefaultTenant, At: at, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		names = map[string]string{}
		for _, e := range page.Entities {
			names[e.ID] = e.Attributes["phase"]
			_, rs, err := s.Entity(t.Context(), actor, access.DefaultTenant, "home", e.ID, at)
			if err != nil {
				t.Fatal(err)
			}
			relations += len(rs)
		}
		return names, relations
	}
	for range 2 { // told twice, as after an answer that was lost
		if err := s.Observe(t.Context(), part); err != nil {
			t.Fatal(err)
		}
		now, relations := look(time.Time{})
		if _, left := now["pod:c:4"]; left || len(now) != 20 || relations != 20 || now["pod:c:3"] != "Failed" {
			t.Errorf("%d entities, %d relations: %v", len(now), relations, now)
		}
	}
	if then, relations := look(t0.Add(30 * time.Second)); len(then) != 20 || relations != 20 || then["pod:c:3"] != "" {
		t.Errorf("before it: %d entities, %d relations: %v", len(then), relations, then)
	}
	// A process that starts anew reads what was seen from the store.
	s = estate.NewService(db, quiet)
	back := part
	back.At, back.Entities, back.Gone, back.Relations, back.Ended = t0.Add(2*time.Minute), nil, []string{"pod:c:5"}, nil, nil
	if err := s.Observe(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	if now, relations := look(time.Time{}); len(now) != 19 || relations != 19 {
		t.Errorf("after a restart: %d entities, %d relations", len(now), relations)
	}
}
