package evidence_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/metric/tsdb"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/evidence"
	"github.com/evenkeel/evenkeel/store"
	"github.com/evenkeel/evenkeel/store/storetest"
)

var quiet = slog.New(slog.DiscardHandler)

// switched is a metric store that can be away.
type switched struct {
	metric.Querier
	away bool
}

func (s *switched) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	if s.away {
		return nil, fmt.Errorf("dial: %w", metric.ErrUnavailable)
	}
	return s.Querier.Instant(ctx, expr, at)
}

func (s *switched) Range(ctx context.Context, expr string, w metric.Window) ([]metric.Series, error) {
	if s.away {
		return nil, fmt.Errorf("dial: %w", metric.ErrUnavailable)
	}
	return s.Querier.Range(ctx, expr, w)
}

// measured has a disk's answers of two hours, every 15 s; from half an hour
// before its end on they are slow.
func measured(t *testing.T, end time.Time) metric.Querier {
	t.Helper()
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, quiet, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	var batch []metric.Sample
	for at := end.Add(-2 * time.Hour); !at.After(end); at = at.Add(15 * time.Second) {
		v := 0.002
		if at.After(end.Add(-30 * time.Minute)) {
			v = 0.18
		}
		for _, device := range []string{"sda", "sdb"} {
			batch = append(batch, metric.Sample{Labels: labels.FromStrings("__name__", "await_seconds", "instance", "web-1", "device", device), Point: metric.Point{T: at, V: v}})
			v = 0.001
		}
	}
	if err := db.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return db
}

type world struct {
	t        *testing.T
	now      time.Time
	db       *store.Store
	respond  *respond.Service
	evidence *evidence.Service
	metrics  *switched
	ana      access.Actor
	asked    int
}

func newWorld(t *testing.T, dsn string) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().UTC().Truncate(time.Second), ana: access.Actor{Kind: access.Person, ID: "ana", Name: "Ana",
		Grants: []access.Grant{{Tenant: "t", Environment: access.Any, Role: access.Responder}}}}
	var err error
	if w.db, err = store.Open(t.Context(), store.Config{Dir: t.TempDir(), DSN: dsn}, quiet); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.metrics = &switched{Querier: measured(t, w.now)}
	w.respond = respond.NewService(w.db, respond.Options{Now: func() time.Time { return w.now }}, quiet)
	promise := slo.Config{{ID: "disk", Title: "The disk answers", Service: "web", Target: 99,
		Bad: `count_over_time((await_seconds{device="sda"} > 0.1)[$window:15s])`, Total: `count_over_time(await_seconds{device="sda"}[$window:15s])`}}
	w.evidence = evidence.NewService(w.db, evidence.Options{Metrics: w.metrics, Incidents: w.respond, Impact: impact.NewAssessor(impact.Options{Objectives: slo.NewAssessor(promise, w.metrics), Metrics: w.metrics,
		Requests: func([]string) map[string]detect.Requests { return nil }}), Questions: func(_ context.Context, a respond.Alert) ([]evidence.Question, error) {
		w.asked++
		q, ok := evidence.OfRule(a)
		if !ok {
			return nil, nil
		}
		return []evidence.Question{q}, nil
	}}, quiet)
	w.must(w.db.PutPolicy(t.Context(), respond.Policy{ID: "default", Tenant: "t", Name: "Default", Rounds: 1,
		Steps: []respond.Step{{Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: "ana"}}, Wait: 5 * time.Minute}}}))
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) alert(name, link string, status respond.Status) {
	w.t.Helper()
	a := respond.Alert{AlertKey: respond.AlertKey{Tenant: "t", Source: "prometheus", Fingerprint: name}, Status: status, Severity: finding.Critical,
		Title: name, StartsAt: w.now.Add(-5 * time.Minute), Labels: map[string]string{"alertname": name, "service": "web"}}
	if link != "" {
		a.Links = []respond.Link{{Text: "Source", URL: link}}
	}
	w.must(w.respond.Receive(w.t.Context(), []respond.Alert{a}))
	w.must(w.respond.Wake(w.t.Context(), w.now))
}

func (w *world) incident() respond.Incident {
	w.t.Helper()
	page, err := w.respond.List(w.t.Context(), w.ana, respond.IncidentFilter{Tenant: "t"})
	w.must(err)
	if len(page.Incidents) != 1 {
		w.t.Fatalf("%d incidents", len(page.Incidents))
	}
	return page.Incidents[0]
}

func databases(t *testing.T, run func(t *testing.T, dsn string)) {
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); run(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); run(t, storetest.Postgres(t)) })
}

const slowDisk = "http://prometheus:9090/graph?g0.expr=max+by+%28device%29+%28await_seconds%29+%3E+0.1&g0.tab=1"

func TestTheFiguresAreKeptWhenAnIncidentOpensAndWhenItIsOver(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		ctx := t.Context()
		w.alert("SlowDisk", slowDisk, respond.Firing)
		i := w.incident()
		if _, err := w.evidence.Of(ctx, w.ana, "t", i.ID); !errors.Is(err, respond.ErrNotFound) {
			t.Errorf("before it is taken: %v", err)
		}
		w.must(w.evidence.Round(ctx, w.now))
		r, err := w.evidence.Of(ctx, w.ana, "t", i.ID)
		w.must(err)
		if r.Stage != evidence.Opening || len(r.Charts) != 1 || r.Problem != "" {
			t.Fatalf("%+v", r)
		}
		c := r.Charts[0]
		if c.Query != "max by (device) (await_seconds)" || c.Limit == nil || *c.Limit != 0.1 || len(c.Lines) != 2 || c.Lines[0].Name != "sda" {
			t.Errorf("%s, limit %v, lines %d, the first %q", c.Query, c.Limit, len(c.Lines), c.Lines[0].Name)
		}
		value := func(at time.Time) float64 {
			t.Helper()
			n := int(at.Sub(c.From) / (time.Duration(c.Step) * time.Second))
			if n < 0 || n >= len(c.Lines[0].Values) || c.Lines[0].Values[n] == nil {
				t.Fatalf("nothing at %s", at)
			}
			return *c.Lines[0].Values[n]
		}
		if before, after := value(w.now.Add(-32*time.Minute)), value(w.now.Add(-time.Minute)); before != 0.002 || after != 0.18 {
			t.Errorf("before it %g, in it %g", before, after)
		}
		asked := w.asked
		w.must(w.evidence.Round(ctx, w.now.Add(time.Minute)))
		if w.asked != asked {
			t.Error("what is kept is asked again")
		}

		w.now = w.now.Add(2 * time.Minute)
		w.alert("SlowDisk", slowDisk, respond.Ended)
		if i = w.incident(); i.State != respond.Resolved {
			t.Fatalf("it is %s", i.State)
		}
		w.must(w.evidence.Round(ctx, w.now))
		r, err = w.evidence.Of(ctx, w.ana, "t", i.ID)
		w.must(err)
		if r.Stage != evidence.Whole || len(r.Charts) != 1 || len(r.Charts[0].Lines) != 2 {
			t.Errorf("of the whole: %+v", r)
		}
		first := r.TakenAt
		w.now = w.now.Add(time.Minute)
		if _, err := w.respond.Reopen(ctx, w.ana, "t", i.ID, "It is slow again.", w.now); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Minute)
		if _, err := w.respond.Resolve(ctx, w.ana, "t", i.ID, "", w.now); err != nil {
			t.Fatal(err)
		}
		w.must(w.evidence.Round(ctx, w.now))
		if r, err = w.evidence.Of(ctx, w.ana, "t", i.ID); err != nil || !r.TakenAt.After(first) {
			t.Errorf("over once more, it was taken at %s: %v", r.TakenAt, err)
		}
		stranger := access.Actor{Name: "Eve", Grants: []access.Grant{{Tenant: "u", Environment: access.Any, Role: access.Admin}}}
		if _, err := w.evidence.Of(ctx, stranger, "t", i.ID); !errors.Is(err, respond.ErrNotFound) {
			t.Errorf("another tenant's admin: %v", err)
		}
		if n, err := w.db.PruneResponse(ctx, w.now.Add(time.Hour)); err != nil || n != 1 {
			t.Fatalf("%d pruned, %v", n, err)
		}
		if list, err := w.db.Evidence(ctx, "t", i.ID); err != nil || len(list) != 0 {
			t.Errorf("of an incident that is gone %d records are kept, %v", len(list), err)
		}
	})
}

func TestFiguresThatCannotBeHadAreTriedAgainAndThenItIsSaid(t *testing.T) {
	w := newWorld(t, "")
	ctx := t.Context()
	w.alert("SlowDisk", slowDisk, respond.Firing)
	i := w.incident()
	w.metrics.away = true
	if err := w.evidence.Round(ctx, w.now.Add(time.Minute)); !errors.Is(err, metric.ErrUnavailable) {
		t.Fatalf("away: %v", err)
	}
	if _, err := w.evidence.Of(ctx, w.ana, "t", i.ID); !errors.Is(err, respond.ErrNotFound) {
		t.Fatalf("it is not due any more: %v", err)
	}
	w.metrics.away = false
	w.must(w.evidence.Round(ctx, w.now.Add(2*time.Minute)))
	if r, err := w.evidence.Of(ctx, w.ana, "t", i.ID); err != nil || r.Charts[0].Problem != "" {
		t.Errorf("when it is back: %+v, %v", r, err)
	}

	w.metrics.away, w.now = true, w.now.Add(3*time.Minute)
	w.alert("SlowDisk", slowDisk, respond.Ended)
	w.must(w.evidence.Round(ctx, w.now.Add(31*time.Minute)))
	r, err := w.evidence.Of(ctx, w.ana, "t", i.ID)
	if err != nil || r.Stage != evidence.Whole || r.Charts[0].Problem == "" {
		t.Errorf("after half an hour: %+v, %v", r, err)
	}
}

func TestAnIncidentWithoutFiguresSaysSo(t *testing.T) {
	w := newWorld(t, "")
	w.alert("ByHand", "https://wiki.example.org/disk", respond.Firing)
	w.must(w.evidence.Round(t.Context(), w.now))
	if r, err := w.evidence.Of(t.Context(), w.ana, "t", w.incident().ID); err != nil || r.Problem != "Its alerts name no figures." {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTheQuestionOfARule(t *testing.T) {
	for link, want := range map[string]struct {
		query string
		limit float64
		found bool
	}{
		"http://p/graph?g0.expr=up+%3D%3D+0":                      {"up", 0, true},
		"http://p/graph?g0.expr=(0.9+%3C+used_ratio)":             {"used_ratio", 0.9, true},
		"http://p/graph?g0.expr=free_bytes+%3C+-(5)":              {"free_bytes", -5, true},
		"http://p/graph?g0.expr=a+%3E+bool+1":                     {"a > bool 1", 0, true},
		"http://p/graph?g0.expr=a+%3E+b":                          {"a > b", 0, true},
		"http://p/graph?g0.expr=sum(rate(x%5B5m%5D))+%3E+3+and+y": {"sum(rate(x[5m])) > 3 and y", 0, true},
		"http://p/graph?g0.expr=sum(":                             {},
		"http://p/graph":                                          {},
		"::not an address":                                        {},
	} {
		q, ok := evidence.OfRule(respond.Alert{Links: []respond.Link{{URL: link}}})
		if ok != want.found || q.Query != want.query {
			t.Errorf("%s: %q, %v", link, q.Query, ok)
		}
		if q.Limit != nil && *q.Limit != want.limit || q.Limit == nil && want.limit != 0 {
			t.Errorf("%s: the limit is %v, want %g", link, q.Limit, want.limit)
		}
	}
}
