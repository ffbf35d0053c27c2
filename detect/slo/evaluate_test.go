package slo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// A shop whose last ten minutes went badly, in a real engine: a fifth of its
// requests fails and is slow.
func shop(t *testing.T, now time.Time) *tsdb.DB {
	t.Helper()
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	var ok, failed, fast float64
	for at := now.Add(-2 * time.Hour); !at.After(now); at = at.Add(15 * time.Second) {
		bad := 0.
		if at.After(now.Add(-10 * time.Minute)) {
			bad = .2
		}
		ok, failed, fast = ok+150*(1-bad), failed+150*bad, fast+150*(1-bad)
		var batch []metric.Sample
		put := func(v float64, pairs ...string) {
			batch = append(batch, metric.Sample{Labels: labels.FromStrings(pairs...), Point: metric.Point{T: at, V: v}})
		}
		put(ok, "__name__", "http_requests_total", "code", "200")
		put(failed, "__name__", "http_requests_total", "code", "500")
		put(ok+failed, "__name__", "http_seconds_count")
		put(fast, "__name__", "http_seconds_bucket", "le", "0.5")
		put(ok+failed, "__name__", "http_seconds_bucket", "le", "1.0")
		put(ok+failed, "__name__", "http_seconds_bucket", "le", "+Inf")
		put(ok+failed, "__name__", "mesh_milliseconds_count")
		put(ok+failed, "__name__", "mesh_milliseconds_bucket", "le", "1") // which nobody asked for
		put(fast, "__name__", "mesh_milliseconds_bucket", "le", "1000")
		put(ok+failed, "__name__", "call_us_count")
		put(fast, "__name__", "call_us_bucket", "le", "1e+06")
		put(1, "__name__", "idle_total")
		if err := db.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func TestObjectivesAreCountedAndTold(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	db := shop(t, now)
	under := func(d time.Duration) *Latency {
		return &Latency{Histogram: "http_seconds", Under: model.Duration(d)}
	}
	of := func(metric, more string) (bad, total string) {
		return fmt.Sprintf("sum(increase(%s{%s}[$window]))", metric, more), fmt.Sprintf("sum(increase(%s[$window]))", metric)
	}
	c := Config{{ID: "answers", Title: "The shop answers", Service: "shop", Target: 99.9}, {ID: "fast", Service: "shop", Target: 99.8, Latency: under(500 * time.Millisecond)},
		{ID: "second", Service: "shop", Target: 99, Latency: under(time.Second)}, {ID: "nobucket", Service: "shop", Target: 99, Latency: under(2 * time.Second)},
		{ID: "absent", Service: "other", Target: 99}, {ID: "idle", Service: "idle", Target: 99}, {ID: "never bad", Service: "shop", Target: 99},
		{ID: "mesh", Service: "shop", Target: 99.8, Latency: &Latency{Histogram: "mesh_milliseconds", Under: model.Duration(time.Second)}},
		{ID: "meshless", Service: "shop", Target: 99, Latency: &Latency{Histogram: "mesh_milliseconds", Under: model.Duration(2 * time.Second)}},
		{ID: "micro", Service: "shop", Target: 99.8, Latency: &Latency{Histogram: "call_us", Under: model.Duration(time.Second)}}}
	c[0].Bad, c[0].Total = of("http_requests_total", `code=~"5.."`)
	c[4].Bad, c[4].Total = of("nothing_total", "")
	c[5].Bad, c[5].Total = of("idle_total", `code="x"`)
	c[6].Bad, c[6].Total = of("http_requests_total", `code="501"`)
	e := NewEvaluator(c)
	if s := e.Statuses(); len(s) != len(c) || !s[0].At.IsZero() {
		t.Errorf("before the first round: %+v", s)
	}
	r, err := e.Round(t.Context(), Where{Tenant: "t", Environment: "prod", Querier: db}, now)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []struct {
		sign finding.Sign
		text string
	}{
		{finding.Firing, "The shop answers: 20 % go wrong, 0.1 % may"},
		{finding.Firing, "shop answers within 500ms (fast): 20 % go wrong, 0.2 % may"},
		{finding.Clear, ""},
		{finding.NoData, "http_seconds has no bucket at 2s (le 2)"},
		{finding.NoData, "There is no such series: sum(increase(nothing_total[1h]))"},
		{finding.NoData, "Nothing was asked of it"},
		{finding.Clear, ""},
		{finding.Firing, "shop answers within 1s (mesh): 20 % go wrong"},
		{finding.NoData, "mesh_milliseconds has no bucket at 2s (le 2000); set under to one that it has"},
		{finding.Firing, "shop answers within 1s (micro): 20 % go wrong"},
	} {
		o := r.Observations[2*n]
		if o.Sign != want.sign || !strings.Contains(o.Reason+o.Report.Title, want.text) {
			t.Errorf("%s: %s %q %+v", c[n].ID, o.Sign, o.Reason, o.Report)
		}
	}
	later, err := e.Round(t.Context(), Where{Tenant: "t", Environment: "prod", Querier: db}, now.Add(16*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for n := range c {
		// What cannot be counted is said after a while, and nothing else is: no
		// traffic is not blindness.
		now := r.Observations[2*n]
		blind := now.Sign == finding.NoData && !strings.HasPrefix(now.Reason, "Nothing was asked")
		at, after := r.Observations[2*n+1], later.Observations[2*n+1]
		if said := after.Sign == finding.Firing && after.Report.Severity == finding.Info; at.Sign != finding.Clear || said != blind {
			t.Errorf("%s: at first %s, later %s %q", c[n].ID, at.Sign, after.Sign, after.Report.Title)
		}
	}
	told := r.Observations[0].Report
	if told.Severity != finding.Critical || !strings.Contains(told.Effect, "0.1 % may") || len(told.Evidence) != 1 {
		t.Errorf("%+v", told)
	}
	// What is offered as evidence can be drawn.
	if s, err := db.Instant(t.Context(), told.Evidence[0].Query, now); err != nil || len(s) != 1 || s[0].V < .1 || s[0].V > .3 {
		t.Errorf("the evidence: %v, %v", s, err)
	}
	if len(r.Estate.Entities) == 0 || r.Estate.Entities[0].ID != "service:shop" {
		t.Errorf("the estate: %+v", r.Estate)
	}
}

// asking counts queries, and fails where it is told to.
type asking struct {
	metric.Querier
	n    int
	fail error
}

func (a *asking) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	a.n++
	if a.fail != nil {
		return nil, a.fail
	}
	return a.Querier.Instant(ctx, expr, at)
}

// Long windows are asked for seldom; what failed is asked for again soon, and
// is unknown until then.
func TestLongWindowsAreAskedForSeldom(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	q := &asking{Querier: shop(t, now), fail: metric.ErrUnavailable}
	o := checkout
	o.Bad, o.Total = `sum(increase(http_requests_total{code="500"}[$window]))`, `sum(increase(http_requests_total[$window]))`
	e := NewEvaluator(Config{o})
	w := Where{Tenant: "t", Environment: "prod", Querier: q}
	r, err := e.Round(t.Context(), w, now.Add(-time.Minute))
	if !errors.Is(err, metric.ErrUnavailable) || r.Observations[0].Sign != finding.NoData {
		t.Errorf("figures that cannot be had: %+v, %v", r.Observations, err)
	}
	q.fail, q.n = nil, 0
	if r, err = e.Round(t.Context(), w, now); err != nil || r.Observations[0].Sign != finding.Firing {
		t.Errorf("when they can be had again: %+v, %v", r.Observations, err)
	}
	if all := 2 * len(o.Windows()); q.n != all {
		t.Errorf("%d queries, want all %d", q.n, all)
	}
	q.n = 0
	for m := range 30 {
		if _, err := e.Round(t.Context(), w, now.Add(time.Duration(m+1)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	// A minute or less: 2 m (for it burns), 5 m, 30 m, 1 h; every 2 and 6
	// minutes: 2 h, 6 h; once or twice: 1 d, 3 d, 30 d.
	if most := 2 * (4*30 + 15 + 5 + 2 + 1 + 1); q.n > most || q.n < 2*3*30 {
		t.Errorf("%d queries in half an hour, want at most %d", q.n, most)
	}
}

// Whoever mended it need not wait until the failures have left the windows.
func TestWhatWasMendedIsOverSoon(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	db := shop(t, now)
	o := checkout
	o.Bad, o.Total = `sum(increase(http_seconds_count[$window])) - sum(increase(http_seconds_bucket{le="0.5"}[$window]))`, `sum(increase(http_seconds_count[$window]))`
	e := NewEvaluator(Config{o})
	w := Where{Tenant: "t", Environment: "prod", Querier: db}
	last := func(series string) float64 {
		s, err := db.Instant(t.Context(), series, now)
		if err != nil || len(s) != 1 {
			t.Fatal(s, err)
		}
		return s[0].V
	}
	all, fast := last("http_seconds_count"), last(`http_seconds_bucket{le="0.5"}`)
	for at := now; at.Before(now.Add(7 * time.Minute)); at = at.Add(15 * time.Second) {
		r, err := e.Round(t.Context(), w, at)
		if err != nil {
			t.Fatal(err)
		}
		switch sign := r.Observations[0].Sign; {
		case at.Sub(now) < time.Minute && sign != finding.Firing:
			t.Errorf("it is over %s after the last failure", at.Sub(now))
		case at.Sub(now) > 3*time.Minute && r.Observations[0].Report.Severity > finding.Warning:
			t.Errorf("it burns fast still %s after the last failure", at.Sub(now))
		case at.Sub(now) > 6*time.Minute && sign != finding.Clear:
			t.Errorf("it burns still %s after the last failure", at.Sub(now))
		}
		all, fast = all+300, fast+300
		if err := db.Append(t.Context(), []metric.Sample{
			{Labels: labels.FromStrings("__name__", "http_seconds_count"), Point: metric.Point{T: at.Add(15 * time.Second), V: all}},
			{Labels: labels.FromStrings("__name__", "http_seconds_bucket", "le", "0.5"), Point: metric.Point{T: at.Add(15 * time.Second), V: fast}},
		}); err != nil {
			t.Fatal(err)
		}
	}
}
