package offline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/evenkeel/evenkeel/correlate"
)

// shop is the data folder of a Prometheus that watched a shop for an hour and a
// half: web calls checkout, checkout calls stock. From the fault on, the disk of
// stock's only pod is slow; everybody above waits for it.
func shop(t *testing.T, end time.Time, fault time.Duration) string {
	t.Helper()
	dir := t.TempDir()
	db, err := tsdb.Open(dir, slog.New(slog.DiscardHandler), nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	rng := rand.New(rand.NewPCG(3, 4))
	totals := map[string]float64{}
	for at := end.Add(-90 * time.Minute); !at.After(end); at = at.Add(15 * time.Second) {
		a := db.Appender(context.Background())
		put := func(v float64, pairs ...string) {
			if _, err := a.Append(0, labels.FromStrings(pairs...), at.UnixMilli(), v); err != nil {
				t.Fatal(err)
			}
		}
		count := func(rate float64, pairs ...string) {
			k := strings.Join(pairs, ",")
			totals[k] += max(0, rate) * 15
			put(totals[k], pairs...)
		}
		slow := 0.
		if fault > 0 && at.After(end.Add(-fault)) {
			slow = .08
		}
		noise := func(x float64) float64 { return x * (1 + .1*rng.NormFloat64()) }
		rate := noise(50)
		for _, e := range []struct {
			client, server string
			mean           float64
		}{{"web", "checkout", .05 + slow}, {"checkout", "stock", .01 + slow}} {
			count(rate, "__name__", "traces_service_graph_request_server_seconds_count", "client", e.client, "server", e.server)
			count(rate*noise(e.mean), "__name__", "traces_service_graph_request_server_seconds_sum", "client", e.client, "server", e.server)
		}
		count(rate, "__name__", "http_requests_total", "service", "web", "code", "200", "job", "web", "instance", "web:80")
		count(noise(.2)+slow*40, "__name__", "http_requests_total", "service", "web", "code", "503", "job", "web", "instance", "web:80")
		put(noise(3)+400*slow, "__name__", "disk_await_milliseconds", "service", "stock", "namespace", "shop", "pod", "stock-1", "device", "vdb")
		put(noise(.3), "__name__", "memory_share", "service", "checkout", "namespace", "shop", "pod", "checkout-1")
		put(1, "__name__", "up", "job", "node", "instance", "node-1:9100")
		put(1, "__name__", "up", "job", "node", "instance", "node-2:9100")
		put(float64(at.Unix()), "__name__", "kube_pod_created", "namespace", "shop", "pod", "stock-1")
		if err := a.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestADataFolderOfPrometheusIsDiagnosed(t *testing.T) {
	end := time.Unix(1_790_000_000, 0)
	dir := shop(t, end, 10*time.Minute)
	p, err := TSDB(t.Context(), dir, TSDBOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if first, last := p.Times[0], p.Times[len(p.Times)-1]; end.Unix()-last >= 15 || last-first > 3600 || last-first < 3500 {
		t.Errorf("from %d to %d; the data ends at %d, and an hour is looked at", first, last, end.Unix())
	}
	series := map[string]correlate.Series{}
	for _, s := range p.Series {
		series[s.Entity+" "+s.Name] = s
	}
	for name, want := range map[string]struct {
		signal correlate.Signal
		value  float64 // half an hour after the beginning
	}{
		"stock traces_service_graph_request_server_seconds (mean)": {correlate.Latency, .01},
		"web http_requests_total (share that failed)":              {correlate.Errors, .2 / 50.2},
		"web http_requests_total (a second)":                       {correlate.Traffic, 50},
		"shop/stock-1 disk_await_milliseconds vdb":                 {correlate.Resource, 3},
		"node on node-1:9100 cannot be scraped":                    {correlate.Errors, 0},
	} {
		s, ok := series[name]
		if !ok || s.Signal != want.signal || math.Abs(s.Window[120]-want.value) > .5*want.value {
			t.Errorf("%s: %s, %v", name, s.Signal, s.Window[118:123])
		}
	}
	for _, want := range []correlate.Call{{Caller: "web", Callee: "checkout"}, {Caller: "checkout", Callee: "stock"}, {Caller: "stock", Callee: "shop/stock-1"}} {
		if !strings.Contains(fmt.Sprint(p.Calls), fmt.Sprint(want)) {
			t.Errorf("no call %v in %v", want, p.Calls)
		}
	}
	for _, o := range []TSDBOptions{{}, {Symptom: "checkout traces_service_graph_request_server_seconds (mean)", Onset: end.Add(-10 * time.Minute).Unix()}} {
		p, err := TSDB(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := correlate.Rank(p); err != nil || d.Verdict != correlate.CauseFound || d.Causes[0].Entity != "shop/stock-1" {
			t.Errorf("%+v: %+v, %v", o, d, err)
		}
	}
}

func TestADataFolderWithoutAFaultHasNoCause(t *testing.T) {
	end := time.Unix(1_790_000_000, 0)
	p, err := TSDB(t.Context(), shop(t, end, 0), TSDBOptions{From: end.Add(-time.Hour), To: end, Symptom: "checkout traces_service_graph_request_server_seconds (mean)"})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := correlate.Rank(p); err != nil || d.Verdict != correlate.NoSymptom {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestWhatIsWrongWithADataFolderIsTold(t *testing.T) {
	end := time.Unix(1_790_000_000, 0)
	dir := shop(t, end, 0)
	for _, c := range []struct {
		dir  string
		o    TSDBOptions
		want string
	}{
		{dir + "/absent", TSDBOptions{}, "give the data folder of a Prometheus"},
		{t.TempDir(), TSDBOptions{}, "give the data folder of a Prometheus"},
		{dir, TSDBOptions{From: end, To: end.Add(-time.Hour)}, "is not before --to"},
		{dir, TSDBOptions{From: end.Add(-10 * time.Second), To: end}, "are less than 15 s apart"},
		{t.TempDir(), TSDBOptions{To: end}, "give the data folder of a Prometheus"},
		{dir, TSDBOptions{From: end.Add(-48 * time.Hour), To: end.Add(-47 * time.Hour)}, "no samples between"},
		{dir, TSDBOptions{Symptom: "web latency"}, "that entity has http_requests_total (a second), http_requests_total (share that failed)"},
		{dir, TSDBOptions{Symptom: "nobody latency"}, "no such entity and metric"},
	} {
		if _, err := TSDB(t.Context(), c.dir, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}

// A folder that remote write filled has no series that every Prometheus has, nor
// has one that holds blocks alone a log.
func TestTheNewestSampleIsFound(t *testing.T) {
	end := time.Unix(1_790_000_000, 0)
	dir := t.TempDir()
	db, err := tsdb.Open(dir, slog.New(slog.DiscardHandler), nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for at := end.Add(-time.Hour); !at.After(end); at = at.Add(time.Minute) {
		a := db.Appender(context.Background())
		if _, err := a.Append(0, labels.FromStrings("__name__", "cpu_share", "service", "web"), at.UnixMilli(), 1); err != nil {
			t.Fatal(err)
		}
		if err := a.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := t.TempDir()
	if err := errors.Join(db.Snapshot(snapshot, true), db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, dir string
		to        time.Time
	}{
		{"the log", dir, time.Time{}},
		{"the log, up to a time", dir, end.Add(-10 * time.Minute)},
		{"blocks", snapshot, time.Time{}},
		{"blocks, past their end", snapshot, end.Add(10 * time.Minute)},
	} {
		p, err := TSDB(t.Context(), x.dir, TSDBOptions{To: x.to})
		want := end
		if !x.to.IsZero() {
			want = x.to
		}
		if err != nil || len(p.Times) == 0 || want.Unix()-p.Times[len(p.Times)-1] >= 15 || len(p.Series) != 1 {
			t.Errorf("%s: %d series, %v, %v", x.name, len(p.Series), p.Times, err)
		}
	}
}

// A counter's gain is never made or lost by the grid, whatever the steps of the
// samples are; a reset counts from zero.
func TestTheGridKeepsWhatACounterGained(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 200 {
		g := newGrid(1000, 1000+15*int64(4+rng.IntN(40)), 15)
		samples := chunkenc.NewXORChunk()
		into, err := samples.Appender()
		if err != nil {
			t.Fatal(err)
		}
		at, v, gained := 900_000+rng.Int64N(60_000), rng.Float64()*100, 0.
		last := g.times[len(g.times)-1] * 1000
		for at < last+60_000 {
			into.Append(0, at, v)
			next := at + 1000 + rng.Int64N(40_000)
			more := rng.Float64() * 10
			reset := rng.IntN(10) == 0
			// What lies within the grid of this gap counts.
			begin, end := max(at, 1_000_000), min(next, last)
			if end > begin {
				gained += more * float64(end-begin) / float64(next-at)
			}
			if reset && more < v { // one that rises again past what it was cannot be seen
				v = more
			} else {
				v += more
			}
			at = next
		}
		row, err := g.row(samples.Iterator(nil), true, histogramCount)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.
		for _, x := range row {
			if !math.IsNaN(x) {
				sum += x * 15
			}
		}
		if math.Abs(sum-gained) > 1e-6*max(1, gained) {
			t.Fatalf("round %d: the grid holds %v, the counter gained %v", round, sum, gained)
		}
	}
}
