package storetest

import (
	stdcmp "cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
)

// snapshot is what a simple model says of the estate at one time.
type snapshot struct {
	at        time.Time
	entities  map[string]estate.Entity
	relations []string
}

// estateThen lets two sources observe a world that changes at random, through
// a service that forgets and begins anew now and then, and compares every past
// moment with a model that keeps it all.
func estateThen(t *testing.T, s Store) {
	random := rand.New(rand.NewPCG(3, 4))
	service := estate.NewService(s, slog.New(slog.DiscardHandler))
	sees := map[string]map[string]estate.Entity{"host": {}, "probe": {}}
	var past []snapshot
	for step := range 60 {
		at := t0.Add(time.Duration(step) * time.Minute)
		source := []string{"host", "probe"}[random.IntN(2)]
		o := estate.Observation{Tenant: "default", Environment: "home", Source: source, At: at, Complete: random.IntN(4) > 0}
		view := map[string]estate.Entity{}
		for i := range 8 {
			if random.IntN(3) == 0 {
				continue
			}
			id := fmt.Sprintf("unit:web-1:u%d", i)
			e := estate.Entity{ID: id, Kind: estate.Unit, Name: fmt.Sprintf("%s calls it U%d", source, (i+step)%8),
				Attributes: map[string]string{source: fmt.Sprint(random.IntN(2)), "shared": source}}
			o.Entities = append(o.Entities, e)
			o.Relations = append(o.Relations, estate.Relation{From: id, Kind: estate.RunsOn, To: "host:web-1", Confidence: 1})
			view[id] = e
		}
		if !o.Complete {
			for id, e := range sees[source] {
				if _, ok := view[id]; !ok {
					view[id] = e
				}
			}
		}
		for id, e := range view {
			e.Since = at
			if old, ok := sees[source][id]; ok {
				e.Since = old.Since
			}
			view[id] = e
		}
		sees[source] = view
		if step%10 == 9 {
			service = estate.NewService(s, slog.New(slog.DiscardHandler))
		}
		check(t, service.Observe(t.Context(), o))
		past = append(past, model(at, sees))
	}
	for _, want := range past {
		compare(t, s, want, want.at)
		compare(t, s, want, want.at.Add(59*time.Second))
	}
	compare(t, s, past[len(past)-1], time.Time{})
	if page, err := s.Entities(t.Context(), estate.Filter{Tenant: "default", At: t0.Add(-time.Second)}); err != nil || len(page.Entities) > 0 {
		t.Errorf("before the beginning there was %v, %v", page.Entities, err)
	}

	middle := past[30].at
	_, err := s.PruneEstate(t.Context(), middle)
	check(t, err)
	for _, want := range past[30:] {
		compare(t, s, want, want.at)
	}
	compare(t, s, past[len(past)-1], time.Time{})
}

// model merges what the sources see: by the name of the source, the first one
// has it.
func model(at time.Time, sees map[string]map[string]estate.Entity) snapshot {
	snap := snapshot{at: at, entities: map[string]estate.Entity{}}
	for _, source := range slices.Sorted(maps.Keys(sees)) {
		for id, e := range sees[source] {
			m, ok := snap.entities[id]
			if !ok {
				m = estate.Entity{Tenant: "default", Environment: "home", ID: id, Kind: e.Kind, Name: e.Name,
					Attributes: map[string]string{}, Since: e.Since}
			}
			for k, v := range e.Attributes {
				if _, said := m.Attributes[k]; !said {
					m.Attributes[k] = v
				}
			}
			if e.Since.Before(m.Since) {
				m.Since = e.Since
			}
			m.Sources = append(m.Sources, source)
			snap.entities[id] = m
			snap.relations = append(snap.relations, id+" "+source)
		}
	}
	slices.Sort(snap.relations)
	return snap
}

func compare(t *testing.T, s Store, want snapshot, at time.Time) {
	t.Helper()
	page, err := s.Entities(t.Context(), estate.Filter{Tenant: "default", At: at})
	check(t, err)
	if page.Total != len(want.entities) || len(page.Entities) != len(want.entities) {
		t.Errorf("as of %v: %d entities of %d, want %d", at, len(page.Entities), page.Total, len(want.entities))
	}
	if !slices.IsSortedFunc(page.Entities, byPlace) {
		t.Errorf("as of %v: the entities are not in order", at)
	}
	got := map[string]estate.Entity{}
	for _, e := range page.Entities {
		got[e.ID] = e
		one, err := s.Entity(t.Context(), "default", "home", e.ID, at)
		check(t, err)
		if d := cmp.Diff(e, one); d != "" {
			t.Fatalf("the list and the entity differ (-list +entity):\n%s", d)
		}
	}
	if d := cmp.Diff(want.entities, got); d != "" {
		t.Fatalf("the estate as of %v (-model +store):\n%s", at, d)
	}
	for what, around := range map[string][]string{"whole": nil, "around the host": {"host:web-1", "host:web-2"}} {
		part, err := s.Part(t.Context(), estate.Part{Tenant: "default", Environment: "home", Around: around, Kinds: []estate.Kind{estate.Unit, estate.Disk}, At: at})
		check(t, err)
		if d := cmp.Diff(page.Entities, part); d != "" {
			t.Fatalf("the part %s as of %v (-list +part):\n%s", what, at, d)
		}
	}
	for _, none := range []estate.Part{{Environment: "away", Kinds: []estate.Kind{estate.Unit}}, {Environment: "home", Kinds: []estate.Kind{estate.Host}},
		{Environment: "home", Kinds: []estate.Kind{estate.Unit}, Around: []string{"host:web-2"}}} {
		none.Tenant, none.At = "default", at
		if part, err := s.Part(t.Context(), none); err != nil || len(part) > 0 {
			t.Fatalf("%+v: %v, %v", none, part, err)
		}
	}
	relations, err := s.Relations(t.Context(), "default", "home", "host:web-1", at)
	check(t, err)
	var names []string
	for _, r := range relations {
		names = append(names, r.From+" "+r.Source)
	}
	slices.Sort(names)
	if !slices.Equal(names, want.relations) {
		t.Fatalf("relations as of %v: %v, want %v", at, names, want.relations)
	}
}

// byPlace is the order of estate.Page.
func byPlace(a, b estate.Entity) int {
	return stdcmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.ID, b.ID))
}

func estateList(t *testing.T, s Store) {
	service := estate.NewService(s, slog.New(slog.DiscardHandler))
	at := t0
	observe := func(environment string, entities ...estate.Entity) {
		t.Helper()
		at = at.Add(time.Minute)
		check(t, service.Observe(t.Context(), estate.Observation{Tenant: "default", Environment: environment, Source: "host",
			At: at, Complete: true, Entities: entities}))
	}
	var many []estate.Entity
	for i := range 120 {
		many = append(many, estate.Entity{ID: fmt.Sprintf("unit:web-1:%03d.service", i), Kind: estate.Unit,
			Name: fmt.Sprintf("%c%03d", "aB"[i%2], i), Attributes: map[string]string{"path": "/etc/100%_\\sure", "odd": "<ä & \"ö\\\t>"}})
	}
	many = append(many, estate.Entity{ID: "host:web-1", Kind: estate.Host, Name: "web-1"})
	observe("home", many...)
	full := at
	observe("shop", estate.Entity{ID: "host:web-1", Kind: estate.Host, Name: "web-1"})

	list := func(f estate.Filter) (ids []string) {
		t.Helper()
		f.Tenant, f.Limit = "default", 50
		for {
			page, err := s.Entities(t.Context(), f)
			check(t, err)
			for _, e := range page.Entities {
				ids = append(ids, e.Environment+" "+e.ID)
			}
			if f.Cursor = page.Next; page.Next == "" {
				if page.Total != len(ids) {
					t.Errorf("total %d of %d", page.Total, len(ids))
				}
				return ids
			}
		}
	}
	now := list(estate.Filter{})
	if len(now) != 122 || now[0] != "home host:web-1" || now[1] != "shop host:web-1" ||
		now[2] != "home unit:web-1:000.service" || now[61] != "home unit:web-1:118.service" || now[62] != "home unit:web-1:001.service" {
		t.Errorf("by kind, name without regard to case, and id: %d entities, %v", len(now), now)
	}
	if then := list(estate.Filter{At: at}); !slices.Equal(now, then) {
		t.Errorf("the list as of now and as of its time differ:\n%v\n%v", now, then)
	}
	for name, c := range map[string]struct {
		filter estate.Filter
		want   int
	}{
		"kind":          {estate.Filter{Kinds: []estate.Kind{estate.Host}}, 2},
		"environment":   {estate.Filter{Environments: []string{"shop"}}, 1},
		"name":          {estate.Filter{Text: "B00"}, 5},
		"attribute":     {estate.Filter{Text: "100%_\\S"}, 120},
		"wildcards":     {estate.Filter{Text: "1%e"}, 0},
		"odd letters":   {estate.Filter{Text: "<Ä & \"Ö\\\t>"}, 120},
		"one of them":   {estate.Filter{Text: "\\\t"}, 120},
		"a fact's name": {estate.Filter{Text: "odd"}, 0},
		"two facts":     {estate.Filter{Text: "sure\n<ä"}, 120},
	} {
		for _, at := range []time.Time{{}, at} {
			c.filter.At = at
			if got := list(c.filter); len(got) != c.want {
				t.Errorf("%s as of %v: %d entities, want %d", name, at, len(got), c.want)
			}
		}
	}

	observe("home", many[0])
	if got := list(estate.Filter{}); len(got) != 2 {
		t.Errorf("after the rest was gone: %v", got)
	}
	gone, err := s.Entity(t.Context(), "default", "home", "host:web-1", time.Time{})
	check(t, err)
	if !gone.Until.Equal(at) || gone.Name != "web-1" {
		t.Errorf("the last version of what is gone: %+v, gone at %v", gone, at)
	}
	if _, err := s.Entity(t.Context(), "default", "home", "host:web-1", at); !errors.Is(err, estate.ErrNotFound) {
		t.Errorf("it is found after it was gone: %v", err)
	}
	if got := list(estate.Filter{At: full}); len(got) != 121 {
		t.Errorf("as of before: %d", len(got))
	}
	environments, err := s.Environments(t.Context(), "default")
	check(t, err)
	want := []estate.EnvironmentSummary{{Name: "home", Entities: map[estate.Kind]int{estate.Unit: 1}},
		{Name: "shop", Entities: map[estate.Kind]int{estate.Host: 1}}}
	if d := cmp.Diff(want, environments); d != "" {
		t.Errorf("environments (-want +got):\n%s", d)
	}
	actor := access.Actor{Kind: access.Person, Grants: []access.Grant{{Tenant: "default", Environment: "shop", Role: access.Viewer}}}
	page, err := service.Entities(t.Context(), actor, estate.Filter{Tenant: "default", Environments: []string{"home", "shop"}})
	check(t, err)
	if len(page.Entities) != 1 || page.Entities[0].Environment != "shop" {
		t.Errorf("who may read shop sees %v", page.Entities)
	}
}

func estateChanges(t *testing.T, s Store) {
	change := func(minute int, entity, key string) estate.Change {
		return estate.Change{At: t0.Add(time.Duration(minute) * time.Minute), Entity: entity, Kind: "unit-restart",
			Summary: key, Who: "root", Before: "a", After: "b", Key: key}
	}
	for range 2 { // the second service does not remember what the first one stored
		service := estate.NewService(s, slog.New(slog.DiscardHandler))
		for range 2 {
			var all []estate.Change
			for i := range 120 {
				all = append(all, change(i, fmt.Sprintf("unit:web-1:%d", i%3), fmt.Sprint("restart ", i)))
			}
			check(t, service.Observe(t.Context(), estate.Observation{Tenant: "default", Environment: "home", Source: "host", At: t0, Changes: all}))
		}
	}
	list := func(f estate.ChangeFilter) (names []string) {
		t.Helper()
		f.Tenant, f.Limit = "default", 50
		for {
			page, err := s.Changes(t.Context(), f)
			check(t, err)
			for _, c := range page.Changes {
				names = append(names, c.Summary)
			}
			if f.Cursor = page.Next; page.Next == "" {
				return names
			}
		}
	}
	all := list(estate.ChangeFilter{})
	if len(all) != 120 || all[0] != "restart 119" || all[119] != "restart 0" {
		t.Errorf("%d changes, newest first: %s", len(all), strings.Join(all, ", "))
	}
	some := list(estate.ChangeFilter{From: t0.Add(10 * time.Minute), To: t0.Add(20 * time.Minute)})
	if len(some) != 11 || some[0] != "restart 20" || some[10] != "restart 10" {
		t.Errorf("from and to, both included: %v", some)
	}
	if got := list(estate.ChangeFilter{Entity: "unit:web-1:1", Kind: "unit-restart", Environments: []string{"home"}}); len(got) != 40 {
		t.Errorf("of one entity: %d", len(got))
	}
	if got := list(estate.ChangeFilter{Environments: []string{"shop"}}); len(got) != 0 {
		t.Errorf("of another environment: %d", len(got))
	}
	if _, err := s.Changes(t.Context(), estate.ChangeFilter{Tenant: "default", Cursor: "x"}); !errors.Is(err, estate.ErrInvalid) {
		t.Errorf("a cursor of nowhere: %v", err)
	}
}
