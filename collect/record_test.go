package collect_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/collect"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

var (
	start  = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	target = labels.FromStrings("job", "host", "instance", "web-1")
)

func open(t testing.TB) *tsdb.DB {
	t.Helper()
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// answer is the result of expr at a time, one "labels value" for each sample.
func answer(t testing.TB, db *tsdb.DB, expr string, at time.Time) string {
	t.Helper()
	samples, err := db.Instant(context.Background(), expr, at)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, s := range samples {
		lines = append(lines, fmt.Sprintf("%s %g", s.Labels, s.V))
	}
	return strings.Join(lines, "\n")
}

func TestARoundIsWrittenAsAScrapeWouldWriteIt(t *testing.T) {
	db := open(t)
	reg := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"instance", "code"})
	classic := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wait_seconds", Buckets: []float64{0.5, 1, 10}})
	native := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "sparse_seconds", NativeHistogramBucketFactor: 1.1})
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "size_bytes", Objectives: map[float64]float64{0.5: 0.05}})
	reg.MustRegister(counter, classic, native, summary)
	counter.WithLabelValues("theirs", "200").Add(3)
	counter.WithLabelValues("theirs", "500").Add(1)
	for _, v := range []float64{0.2, 0.7, 5, 50} {
		classic.(prometheus.ExemplarObserver).ObserveWithExemplar(v, prometheus.Labels{"trace": fmt.Sprint(v)})
		native.Observe(v)
		summary.Observe(v)
	}

	rec := collect.NewRecorder(target, reg, db.Storage(), 0)
	ctx := context.Background()
	if err := rec.Record(ctx, start); err != nil {
		t.Fatal(err)
	}
	const on = `instance="web-1", job="host"`
	for expr, want := range map[string]string{
		`requests_total{code="200"}`:       `{__name__="requests_total", code="200", exported_instance="theirs", ` + on + `} 3`,
		`sum(wait_seconds_bucket)`:         `{} 10`,
		`wait_seconds_bucket{le="1.0"}`:    `{__name__="wait_seconds_bucket", ` + on + `, le="1.0"} 2`,
		`wait_seconds_bucket{le="+Inf"}`:   `{__name__="wait_seconds_bucket", ` + on + `, le="+Inf"} 4`,
		`wait_seconds_sum`:                 `{__name__="wait_seconds_sum", ` + on + `} 55.9`,
		`size_bytes{quantile="0.5"}`:       `{__name__="size_bytes", ` + on + `, quantile="0.5"} 0.7`,
		`size_bytes_count`:                 `{__name__="size_bytes_count", ` + on + `} 4`,
		`histogram_count(sparse_seconds)`:  `{` + on + `} 4`,
		`up`:                               `{__name__="up", ` + on + `} 1`,
		`scrape_samples_scraped`:           `{__name__="scrape_samples_scraped", ` + on + `} 12`,
		`scrape_series_added`:              `{__name__="scrape_series_added", ` + on + `} 12`,
		`scrape_duration_seconds < bool 1`: `{` + on + `} 1`,
	} {
		if got := answer(t, db, expr, start); got != want {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
	eq, err := db.Exemplars().ExemplarQuerier(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ex, err := eq.Select(0, time.Now().UnixMilli(), []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", "wait_seconds_bucket")})
	if err != nil || len(ex) != 4 {
		t.Errorf("exemplars: %v, %v; want one on each of the four buckets", ex, err)
	}
	if m := rec.Metadata()["wait_seconds"]; m.Type != "histogram" {
		t.Errorf("metadata %+v", m)
	}

	// A series that vanishes ends at once, not after five minutes.
	counter.DeleteLabelValues("theirs", "500")
	next := start.Add(15 * time.Second)
	if err := rec.Record(ctx, next); err != nil {
		t.Fatal(err)
	}
	if got := answer(t, db, `count(requests_total)`, next); got != `{} 1` {
		t.Errorf("after one vanished: %s", got)
	}
	if got := answer(t, db, `scrape_series_added`, next); !strings.HasSuffix(got, " 0") {
		t.Errorf("series added in the second round: %s", got)
	}
	// At a clean stop all of them end.
	end := next.Add(time.Second)
	if err := rec.Stop(ctx, end); err != nil {
		t.Fatal(err)
	}
	if got := answer(t, db, `{job="host"}`, end); got != "" {
		t.Errorf("after the stop there is still\n%s", got)
	}
}

// source yields what the test says.
type source struct {
	families []*dto.MetricFamily
	err      error
}

func (s *source) Gather() ([]*dto.MetricFamily, error) { return s.families, s.err }

func gauges(name string, n int) *dto.MetricFamily {
	f := &dto.MetricFamily{Name: &name, Type: dto.MetricType_GAUGE.Enum()}
	label := "i"
	for i := range n {
		v, id := float64(i), fmt.Sprint(i)
		f.Metric = append(f.Metric, &dto.Metric{Label: []*dto.LabelPair{{Name: &label, Value: &id}}, Gauge: &dto.Gauge{Value: &v}})
	}
	return f
}

func TestTroubleInASource(t *testing.T) {
	db, ctx := open(t), context.Background()
	src := &source{families: []*dto.MetricFamily{gauges("a", 3), gauges("b", 3)}}
	rec := collect.NewRecorder(target, src, db.Storage(), 10)
	at := start
	next := func() error { at = at.Add(15 * time.Second); return rec.Record(ctx, at) }
	expect := func(when string, want map[string]string) {
		t.Helper()
		for expr, v := range want {
			if got := answer(t, db, expr, at); got != v {
				t.Errorf("%s: %s = %s, want %s", when, expr, got, v)
			}
		}
	}
	if err := next(); err != nil {
		t.Fatal(err)
	}

	broken := errors.New("collector b: permission denied")
	src.families, src.err = src.families[:1], prometheus.MultiError{broken}
	if err := next(); !errors.Is(err, broken) && (err == nil || !strings.Contains(err.Error(), broken.Error())) {
		t.Errorf("a source that failed in part: %v", err)
	}
	expect("in part", map[string]string{`count(a)`: `{} 3`, `count(b)`: ``, `sum(up)`: `{} 1`})

	src.families = nil
	if err := next(); err == nil {
		t.Error("a source that failed whole is no error")
	}
	expect("whole", map[string]string{`count(a)`: ``, `sum(up)`: `{} 0`})

	src.families, src.err = []*dto.MetricFamily{gauges("a", 3), gauges("b", 50)}, nil
	if err := next(); err == nil || !strings.Contains(err.Error(), "43 series were left out") {
		t.Errorf("a source past its limit: %v", err)
	}
	expect("past the limit", map[string]string{`count(a)`: `{} 3`, `count(b)`: `{} 7`})

	// The clock is set back by a day: said, not fatal, and over when the clock is right.
	src.families = src.families[:1]
	if err := rec.Record(ctx, start.Add(-24*time.Hour)); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("a clock set back: %v", err)
	}
	if err := next(); err != nil {
		t.Errorf("after that: %v", err)
	}
	expect("clock right again", map[string]string{`count(a)`: `{} 3`})
}

// BenchmarkRecord is one round of a source as large as node_exporter.
func BenchmarkRecord(b *testing.B) {
	db := open(b)
	src := &source{}
	for i := range 150 {
		src.families = append(src.families, gauges(fmt.Sprintf("node_metric_%d", i), 10))
	}
	rec := collect.NewRecorder(target, src, db.Storage(), 0)
	at := start
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(15 * time.Second)
		if err := rec.Record(context.Background(), at); err != nil {
			b.Fatal(err)
		}
	}
}
