package tsdb_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"

	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, cfg tsdb.Config) *tsdb.DB {
	t.Helper()
	db, err := tsdb.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// batch is one sample for each of n series, of value v.
func batch(n int, at time.Time, v float64) []metric.Sample {
	out := make([]metric.Sample, n)
	for i := range out {
		out[i] = metric.Sample{
			Labels: labels.FromStrings("__name__", "m", "i", fmt.Sprint(i)),
			Point:  metric.Point{T: at, V: v},
		}
	}
	return out
}

func fill(t testing.TB, db *tsdb.DB, series, rounds int) (last time.Time) {
	t.Helper()
	for r := range rounds {
		last = start.Add(time.Duration(r) * 15 * time.Second)
		if err := db.Append(context.Background(), batch(series, last, float64(r))); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

func one(t testing.TB, q metric.Querier, expr string, at time.Time) float64 {
	t.Helper()
	s, err := q.Instant(context.Background(), expr, at)
	if err != nil {
		t.Fatal(err)
	}
	if len(s) != 1 {
		t.Fatalf("%s at %s: %d samples, want 1", expr, at, len(s))
	}
	return s[0].V
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	db := open(t, tsdb.Config{Dir: t.TempDir()})
	last := fill(t, db, 10, 41)
	ctx := context.Background()

	if got := one(t, db, `sum(m)`, last); got != 400 {
		t.Errorf("sum(m) = %v, want 400", got)
	}
	if got := one(t, db, `scalar(m{i="3"}) * 2`, last); got != 80 {
		t.Errorf("a scalar's value = %v, want 80", got)
	}
	series, err := db.Range(ctx, `m{i=~"[12]"}`, metric.Window{From: start, To: last, Step: time.Minute})
	if err != nil || len(series) != 2 || len(series[0].Points) != 11 {
		t.Fatalf("range: %v, %d series %v", err, len(series), series)
	}
	if p := series[1].Points[10]; p.V != 40 || !p.T.Equal(last) || series[1].Labels.Get("i") != "2" {
		t.Errorf("the last point is %v of %s", p, series[1].Labels)
	}
	if got, err := db.Instant(ctx, `nothing`, last); err != nil || len(got) != 0 {
		t.Errorf("a series that is not there: %v, %v; want none and no error", got, err)
	}

	// Late ones come in within the window and are refused behind it.
	late := func(d time.Duration) error {
		return db.Append(ctx, []metric.Sample{{Labels: labels.FromStrings("__name__", "m", "i", "1"), Point: metric.Point{T: last.Add(-d), V: 1e6}}})
	}
	if err := late(7*time.Second + 5*time.Minute); err != nil {
		t.Errorf("5 minutes late: %v", err)
	}
	if err := late(3 * time.Hour); !errors.Is(err, storage.ErrTooOldSample) && !errors.Is(err, storage.ErrOutOfBounds) {
		t.Errorf("3 hours late: %v, want too old", err)
	}
	st, err := db.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if st.Series != 10 || st.Appended < 410 || st.OutOfOrder != 1 || !st.Oldest.Equal(start) || !st.Newest.Equal(last) || st.Bytes == 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestABatchIsWrittenWholeOrNot(t *testing.T) {
	db := open(t, tsdb.Config{Dir: t.TempDir()})
	last := fill(t, db, 2, 3)
	next := last.Add(15 * time.Second)
	bad := append(batch(2, next, 77), metric.Sample{Labels: labels.FromStrings("__name__", "m", "i", "0"), Point: metric.Point{T: start.Add(-24 * time.Hour)}})
	if err := db.Append(context.Background(), bad); err == nil {
		t.Fatal("a sample of yesterday was taken")
	}
	if got := one(t, db, `max(m)`, next); got != 2 {
		t.Errorf("after a refused batch max(m) = %v, want 2", got)
	}
}

func TestNativeHistogramsAreKeptAndLeftOutOfAnswers(t *testing.T) {
	db := open(t, tsdb.Config{Dir: t.TempDir()})
	app := db.Storage().AppenderV2(context.Background())
	ls := labels.FromStrings("__name__", "h")
	for i, h := range []*histogram.Histogram{tsdbutil.GenerateTestHistogram(1), tsdbutil.GenerateTestHistogram(5)} {
		if _, err := app.Append(0, ls, 0, start.Add(time.Duration(i)*15*time.Second).UnixMilli(), 0, h, nil, storage.AOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	at := start.Add(20 * time.Second)
	if got, err := db.Instant(context.Background(), `h`, at); err != nil || len(got) != 0 {
		t.Errorf("a bare native histogram: %v, %v; want it left out", got, err)
	}
	if got := one(t, db, `histogram_quantile(0.9, h)`, at); got <= 0 || math.IsNaN(got) {
		t.Errorf("its quantile = %v", got)
	}
}

func TestQueriesAreBounded(t *testing.T) {
	ctx := context.Background()
	db := open(t, tsdb.Config{Dir: t.TempDir(), MaxSamples: 1000, MaxConcurrent: 1, MaxQueued: 1})
	last := fill(t, db, 60, 40)
	if _, err := db.Instant(ctx, `rate(m[1m])`, last); err != nil {
		t.Errorf("a small query: %v", err)
	}
	if _, err := db.Range(ctx, `m`, metric.Window{From: start, To: last, Step: 15 * time.Second}); !errors.Is(err, metric.ErrTooLarge) {
		t.Errorf("2,400 samples where 1,000 may be: %v", err)
	}
	if _, err := db.Range(ctx, `m`, metric.Window{From: start, To: start.Add(1000 * time.Hour), Step: time.Second}); !errors.Is(err, metric.ErrTooLarge) {
		t.Errorf("3.6 million steps: %v", err)
	}
	for _, expr := range []string{`sum(`, `m[1m]`, `"text"`} {
		if _, err := db.Instant(ctx, expr, last); err == nil || errors.Is(err, metric.ErrTooLarge) {
			t.Errorf("%s: %v, want an error about the query", expr, err)
		}
	}

	// One runs, one waits, all others are turned away at once.
	gone, cancel := context.WithCancel(ctx)
	defer cancel()
	running, hold, first := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		first <- db.Engine().NewTestQuery(func(context.Context) error { close(running); <-hold; return nil }).Exec(ctx).Err
	}()
	<-running
	results := make(chan error, 5)
	for range 5 {
		go func() { _, err := db.Instant(gone, `m`, last); results <- err }()
	}
	for range 4 {
		if err := <-results; !errors.Is(err, metric.ErrTooLarge) || !strings.Contains(err.Error(), "wait for their turn") {
			t.Errorf("one too many in the queue: %v", err)
		}
	}
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that went away while it waited: %v", err)
	}
	close(hold)
	if err := <-first; err != nil {
		t.Errorf("the running one: %v", err)
	}
	if got := one(t, db, `count(m)`, last); got != 60 {
		t.Errorf("after the rush count(m) = %v", got)
	}

	slow := open(t, tsdb.Config{Dir: t.TempDir(), QueryTimeout: 1e6})
	last = fill(t, slow, 200, 40)
	if _, err := slow.Range(ctx, `sum(rate(m[5m]))`, metric.Window{From: start, To: last, Step: 100 * time.Millisecond}); !errors.Is(err, metric.ErrTooLarge) {
		t.Errorf("past its time: %v", err)
	}
}

func TestSnapshotWhileWriting(t *testing.T) {
	db := open(t, tsdb.Config{Dir: t.TempDir()})
	last := fill(t, db, 50, 20)
	ctx := context.Background()
	if err := db.Append(ctx, []metric.Sample{{Labels: labels.FromStrings("__name__", "m", "i", "1"), Point: metric.Point{T: last.Add(-time.Second), V: 1000}}}); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			case <-time.After(time.Millisecond):
				if err := db.Append(ctx, batch(50, last.Add(time.Duration(i)*time.Second), 1)); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	dir := t.TempDir()
	if err := db.Snapshot(ctx, dir); err != nil {
		t.Fatal(err)
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	restored := open(t, tsdb.Config{Dir: dir})
	for _, expr := range []string{`sum(m)`, `sum(sum_over_time(m[5m]))`, `max(max_over_time(m[5m]))`} {
		if a, b := one(t, db, expr, last), one(t, restored, expr, last); a != b {
			t.Errorf("%s = %v in the snapshot, %v in the original", expr, b, a)
		}
	}
	if err := db.Snapshot(ctx, dir); err == nil {
		t.Error("a snapshot was written over another")
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	db := open(t, tsdb.Config{Dir: dir})
	if _, err := tsdb.Open(tsdb.Config{Dir: dir}, slog.New(slog.DiscardHandler), nil); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("the same folder twice: %v", err)
	}
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	open(t, tsdb.Config{Dir: dir})
}

func TestConfig(t *testing.T) {
	if err := (tsdb.Config{}).Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	err := tsdb.Config{RetentionTime: 1, RetentionSize: 1, OutOfOrderWindow: -1, MaxSamples: -1}.Validate()
	for _, want := range []string{"retention_time", "retention_size", "out_of_order_window", "max_samples"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
