package estate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/store"
)

var (
	t0    = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	quiet = slog.New(slog.DiscardHandler)
)

// observation is a random one over a small world, so that all cases come up.
func observation(random *rand.Rand, at time.Time) estate.Observation {
	o := estate.Observation{Tenant: "default", Environment: "home", Source: "host", At: at, Complete: random.IntN(3) > 0}
	for range random.IntN(12) {
		id := estate.ID(estate.Unit, "web-1", fmt.Sprint(random.IntN(8))) // now and then twice
		o.Entities = append(o.Entities, estate.Entity{ID: id, Kind: estate.Unit, Name: fmt.Sprint("u", random.IntN(2)),
			Attributes: map[string]string{"a": fmt.Sprint(random.IntN(3))}})
		o.Relations = append(o.Relations, estate.Relation{From: id, Kind: estate.RunsOn, To: "host:web-1",
			Confidence: float64(random.IntN(3)) / 2})
	}
	for range random.IntN(3) {
		o.Changes = append(o.Changes, estate.Change{Entity: "host:web-1", Kind: "boot", Summary: "x", Key: fmt.Sprint(random.IntN(4))})
	}
	return o
}

// TestDiffIsExact applies each delta to what was there before, as a store
// does, and compares the result with what was observed.
func TestDiffIsExact(t *testing.T) {
	type joint struct{ from, kind, to string }
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 2))
		entities, relations := map[string]estate.Entity{}, map[joint]estate.Relation{}
		values := func() (es []estate.Entity, rs []estate.Relation) {
			for _, e := range entities {
				es = append(es, e)
			}
			for _, r := range relations {
				rs = append(rs, r)
			}
			return es, rs
		}
		for step := range 20 {
			o := observation(random, t0.Add(time.Duration(step)*time.Minute))
			es, rs := values()
			d, different := estate.Diff(es, rs, o)
			if different != (len(d.Appear)+len(d.Vanish)+len(d.Join)+len(d.Part)+len(d.Changes) > 0) {
				t.Fatal("different, and nothing is; or the other way round")
			}
			for _, e := range d.Vanish {
				if _, ok := entities[e.ID]; !ok {
					t.Fatalf("seed %d: %s vanished and was not there", seed, e.ID)
				}
				delete(entities, e.ID)
			}
			for _, e := range d.Appear {
				if _, ok := entities[e.ID]; ok {
					t.Fatalf("seed %d: %s appeared and was there", seed, e.ID)
				}
				if e.Since.After(o.At) {
					t.Fatalf("seed %d: %s is there since %v", seed, e.ID, e.Since)
				}
				entities[e.ID] = e
			}
			for _, r := range d.Part {
				delete(relations, joint{r.From, string(r.Kind), r.To})
			}
			for _, r := range d.Join {
				relations[joint{r.From, string(r.Kind), r.To}] = r
			}
			first := map[string]estate.Entity{}
			for _, e := range o.Entities {
				if _, twice := first[e.ID]; !twice {
					first[e.ID] = e
				}
			}
			for id, e := range first {
				if got := entities[id]; got.Name != e.Name || got.Attributes["a"] != e.Attributes["a"] {
					t.Fatalf("seed %d: %s is %+v, observed %+v", seed, id, got, e)
				}
			}
			if o.Complete && (len(entities) != len(first) || len(relations) != len(first)) {
				t.Fatalf("seed %d: %d entities and %d relations after a complete observation of %d", seed, len(entities), len(relations), len(first))
			}
			es, rs = values()
			o.Changes = nil
			if again, different := estate.Diff(es, rs, o); different {
				t.Fatalf("seed %d: the same observation again changes %+v", seed, again)
			}
			if _, different := estate.Diff(es, rs, estate.Observation{Source: "host", At: o.At}); different {
				t.Fatalf("seed %d: a failed observation changes something", seed)
			}
		}
	}
}

func TestAChangeIsTheSameWheneverItIsReported(t *testing.T) {
	boot := estate.Change{At: t0, Entity: "host:web-1", Kind: "boot", Summary: "started", Key: "boot:1"}
	ids := map[string]string{}
	for name, o := range map[string]estate.Observation{
		"now":             {Tenant: "default", Environment: "home", Source: "host", At: t0, Changes: []estate.Change{boot}},
		"later":           {Tenant: "default", Environment: "home", Source: "host", At: t0.Add(time.Hour), Changes: []estate.Change{boot, boot}},
		"other source":    {Tenant: "default", Environment: "home", Source: "probe", At: t0, Changes: []estate.Change{boot}},
		"other tenant":    {Tenant: "other", Environment: "home", Source: "host", At: t0, Changes: []estate.Change{boot}},
		"parts moved out": {Tenant: "default", Environment: "homehost", Source: "", At: t0, Changes: []estate.Change{boot}},
	} {
		d, _ := estate.Diff(nil, nil, o)
		if len(d.Changes) != 1 {
			t.Fatalf("%s: %d changes", name, len(d.Changes))
		}
		ids[name] = d.Changes[0].ID
	}
	if ids["now"] != ids["later"] || len(ids["now"]) != 26 {
		t.Errorf("one change, two ids: %v", ids)
	}
	if ids["now"] == ids["other source"] || ids["now"] == ids["other tenant"] || ids["now"] == ids["parts moved out"] {
		t.Errorf("two changes, one id: %v", ids)
	}
}

// counting is a real store that counts and can be told to fail.
type counting struct {
	estate.Store
	calls int
	fail  error
}

func (c *counting) ApplyEstate(ctx context.Context, d estate.Delta) error {
	c.calls++
	if c.fail != nil {
		return c.fail
	}
	return c.Store.ApplyEstate(ctx, d)
}

func (c *counting) SourceView(ctx context.Context, tenant, environment, source string) ([]estate.Entity, []estate.Relation, error) {
	c.calls++
	return c.Store.SourceView(ctx, tenant, environment, source)
}

func newStore(t testing.TB) *counting {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &counting{Store: s}
}

func world(n int, at time.Time) estate.Observation {
	o := estate.Observation{Tenant: "default", Environment: "home", Source: "host", At: at, Complete: true,
		Changes: []estate.Change{{At: t0, Entity: "host:web-1", Kind: "boot", Summary: "started", Key: "boot"}}}
	for i := range n {
		id := estate.ID(estate.Unit, "web-1", fmt.Sprint(i))
		o.Entities = append(o.Entities, estate.Entity{ID: id, Kind: estate.Unit, Name: fmt.Sprint(i), Attributes: map[string]string{"path": "/usr/lib/systemd/system/x.service", "user": "root"}})
		o.Relations = append(o.Relations, estate.Relation{From: id, Kind: estate.RunsOn, To: "host:web-1", Confidence: 1})
	}
	return o
}

func TestAnUnchangedWorldCostsNoSQL(t *testing.T) {
	st := newStore(t)
	s := estate.NewService(st, quiet)
	for i := range 10 {
		if err := s.Observe(t.Context(), world(100, t0.Add(time.Duration(i)*time.Minute))); err != nil {
			t.Fatal(err)
		}
	}
	if st.calls != 2 {
		t.Errorf("ten observations of one world took %d calls to the store, want 2", st.calls)
	}
	// A write that failed is made good by the next observation.
	st.fail = errors.New("disk full")
	if err := s.Observe(t.Context(), world(101, t0.Add(time.Hour))); !errors.Is(err, st.fail) {
		t.Fatal(err)
	}
	st.fail = nil
	if err := s.Observe(t.Context(), world(101, t0.Add(2*time.Hour))); err != nil {
		t.Fatal(err)
	}
	page, err := s.Entities(t.Context(), access.Evenkeel("default"), estate.Filter{Tenant: "default"})
	if err != nil || page.Total != 101 {
		t.Errorf("%d entities, %v", page.Total, err)
	}
}

func TestAnObservationThatCannotBeRightIsRefusedWhole(t *testing.T) {
	s := estate.NewService(newStore(t), quiet)
	for name, spoil := range map[string]func(*estate.Observation){
		"no tenant": func(o *estate.Observation) { o.Tenant = "" },
		"no time":   func(o *estate.Observation) { o.At = time.Time{} },
		"no id":     func(o *estate.Observation) { o.Entities[0].ID = "" },
		"no kind":   func(o *estate.Observation) { o.Entities[0].Kind = "" },
		"one end":   func(o *estate.Observation) { o.Relations[0].To = "" },
		"too sure":  func(o *estate.Observation) { o.Relations[0].Confidence = 1.5 },
		"too many":  func(o *estate.Observation) { o.Entities = make([]estate.Entity, 100_001) },
	} {
		o := world(2, t0)
		spoil(&o)
		if err := s.Observe(t.Context(), o); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	page, err := s.Entities(t.Context(), access.Evenkeel("default"), estate.Filter{Tenant: "default"})
	if err != nil || len(page.Entities) != 0 {
		t.Errorf("part of it was stored: %v, %v", page.Entities, err)
	}
}

// BenchmarkUnchanged is what each round of a collector costs.
func BenchmarkUnchanged(b *testing.B) {
	s := estate.NewService(newStore(b), quiet)
	o := world(10_000, t0)
	if err := s.Observe(b.Context(), o); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		o.At = o.At.Add(time.Minute)
		if err := s.Observe(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}
