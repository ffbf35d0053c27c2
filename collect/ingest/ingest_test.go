package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"

	"github.com/evenkeel/evenkeel/collect/ingest"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

const (
	v1Type = "application/x-protobuf"
	v2Type = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

type receiver struct {
	db  *tsdb.DB
	h   http.Handler
	reg *prometheus.Registry
}

func newReceiver(t testing.TB, cfg ingest.Config) receiver {
	t.Helper()
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	reg := prometheus.NewRegistry()
	h, err := ingest.Handler(cfg, db.Storage(), db.ActiveSeries, slog.New(slog.DiscardHandler), reg)
	if err != nil {
		t.Fatal(err)
	}
	return receiver{db, h, reg}
}

func (r receiver) send(contentType string, body []byte) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, "/write", bytes.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Content-Encoding", "snappy")
	w := httptest.NewRecorder()
	r.h.ServeHTTP(w, req)
	return w
}

func (r receiver) value(t testing.TB, expr string, at time.Time) string {
	t.Helper()
	s, err := r.db.Instant(context.Background(), expr, at)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range s {
		out = append(out, fmt.Sprint(v.V))
	}
	return strings.Join(out, " ")
}

type point struct {
	name string
	at   time.Time
	v    float64
}

func v1(t testing.TB, points ...point) []byte {
	t.Helper()
	var req prompb.WriteRequest
	for _, p := range points {
		req.Timeseries = append(req.Timeseries, prompb.TimeSeries{
			Labels:  []prompb.Label{{Name: "__name__", Value: p.name}, {Name: "job", Value: "j"}},
			Samples: []prompb.Sample{{Value: p.v, Timestamp: p.at.UnixMilli()}},
		})
	}
	return pack(t, &req)
}

func v2(t testing.TB, points ...point) []byte {
	t.Helper()
	symbols := writev2.NewSymbolTable()
	req := &writev2.Request{}
	for _, p := range points {
		req.Timeseries = append(req.Timeseries, writev2.TimeSeries{
			LabelsRefs: symbols.SymbolizeLabels(labels.FromStrings("__name__", p.name, "job", "j"), nil),
			Samples:    []writev2.Sample{{Value: p.v, Timestamp: p.at.UnixMilli()}},
		})
	}
	req.Symbols = symbols.Symbols()
	return pack(t, req)
}

func pack(t testing.TB, m interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	raw, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return snappy.Encode(nil, raw)
}

func TestBothVersions(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	for _, version := range []struct {
		name, contentType string
		encode            func(testing.TB, ...point) []byte
	}{{"1", v1Type, v1}, {"2", v2Type, v2}} {
		t.Run("version "+version.name, func(t *testing.T) {
			r := newReceiver(t, ingest.Config{MaxSeries: 3})
			send := func(points ...point) *httptest.ResponseRecorder {
				return r.send(version.contentType, version.encode(t, points...))
			}
			if w := send(point{"a", now, 1}, point{"b", now, 2}); w.Code != http.StatusNoContent {
				t.Fatalf("good samples: %d %s", w.Code, w.Body)
			}
			if got := r.value(t, `a + b`, now); got != "3" {
				t.Errorf("a + b = %s", got)
			}
			// A little late is taken.
			if w := send(point{"a", now.Add(-2 * time.Minute), 7}); w.Code != http.StatusNoContent {
				t.Errorf("two minutes late: %d %s", w.Code, w.Body)
			}
			if got := r.value(t, `a`, now.Add(-2*time.Minute)); got != "7" {
				t.Errorf("the late one = %s", got)
			}
			// Too late is refused, and the good one beside it is taken.
			w := send(point{"a", now.Add(-48 * time.Hour), 7}, point{"b", now.Add(time.Second), 5})
			if w.Code != http.StatusBadRequest {
				t.Errorf("two days late: %d %s", w.Code, w.Body)
			}
			if got := r.value(t, `b`, now.Add(time.Second)); got != "5" {
				t.Errorf("the good one beside it = %s", got)
			}
			if w := send(point{"a", now, 99}); w.Code != http.StatusBadRequest {
				t.Errorf("a second value for one time: %d %s", w.Code, w.Body)
			}
			// The third series fits, the fourth does not; known ones go on.
			at := now.Add(2 * time.Second)
			w = send(point{"c", at, 1}, point{"d", at, 1}, point{"a", at, 4})
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "max_series") {
				t.Errorf("a series too many: %d %s", w.Code, w.Body)
			}
			if got := r.value(t, `a + c`, at); got != "5" || r.value(t, `d`, at) != "" {
				t.Errorf("past the limit a + c = %q, d = %q", got, r.value(t, `d`, at))
			}
			for result, want := range map[string]float64{"too_old": 1, "duplicate": 1, "series_limit": 1, "written": 6} {
				got := counter(t, r.reg, "evenkeel_ingest_samples_total", result)
				if got != want {
					t.Errorf("counted %v as %s, want %v", got, result, want)
				}
			}
		})
	}
}

func counter(t testing.TB, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				if m.Label[0].GetValue() == label {
					return m.Counter.GetValue()
				}
			}
		}
	}
	return 0
}

func TestHistogramsAndExemplars(t *testing.T) {
	r := newReceiver(t, ingest.Config{})
	now := time.Now().Truncate(time.Second)
	req := &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:     []prompb.Label{{Name: "__name__", Value: "h"}},
		Histograms: []prompb.Histogram{prompb.FromIntHistogram(now.UnixMilli(), tsdbutil.GenerateTestHistogram(2))},
	}, {
		Labels:    []prompb.Label{{Name: "__name__", Value: "n"}},
		Samples:   []prompb.Sample{{Value: 1, Timestamp: now.UnixMilli()}},
		Exemplars: []prompb.Exemplar{{Labels: []prompb.Label{{Name: "trace", Value: "x"}}, Value: 1, Timestamp: now.UnixMilli()}},
	}}}
	if w := r.send(v1Type, pack(t, req)); w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := r.value(t, `histogram_count(h)`, now); got == "" || got == "0" {
		t.Errorf("histogram_count = %q", got)
	}
	eq, err := r.db.Exemplars().ExemplarQuerier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ex, err := eq.Select(0, now.UnixMilli(), []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", "n")})
	if err != nil || len(ex) != 1 {
		t.Errorf("exemplars %v, %v", ex, err)
	}
}

func TestBadRequestsAreTold(t *testing.T) {
	r := newReceiver(t, ingest.Config{MaxBodyBytes: 1000})
	good := v1(t, point{"a", time.Now(), 1})
	for _, c := range []struct {
		name, contentType string
		body              []byte
		want              int
	}{
		{"text", "text/plain", good, http.StatusUnsupportedMediaType},
		{"unknown message", "application/x-protobuf;proto=other.Thing", good, http.StatusUnsupportedMediaType},
		{"not snappy", v1Type, []byte("hello"), http.StatusBadRequest},
		{"not protobuf", v1Type, snappy.Encode(nil, []byte("hello")), http.StatusBadRequest},
		{"empty", v2Type, nil, http.StatusBadRequest},
		{"too large", v1Type, make([]byte, 1001), http.StatusRequestEntityTooLarge},
		{"a bomb", v1Type, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}, http.StatusBadRequest},
	} {
		if w := r.send(c.contentType, c.body); w.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, w.Code, w.Body, c.want)
		}
	}
	w := httptest.NewRecorder()
	r.h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/write", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
	if n := r.db.ActiveSeries(); n != 0 {
		t.Errorf("bad requests left %d series", n)
	}
	var many []point
	for i := range 2000 {
		many = append(many, point{"bad name\xff", time.Now(), float64(i)})
	}
	big := newReceiver(t, ingest.Config{})
	if w := big.send(v2Type, v2(t, many...)); w.Code != http.StatusBadRequest || w.Body.Len() > 8<<10 {
		t.Errorf("2,000 bad series: %d with %d bytes of answer", w.Code, w.Body.Len())
	}
}

func FuzzRemoteWrite(f *testing.F) {
	now := time.UnixMilli(1_700_000_000_000)
	f.Add(false, v1(f, point{"a", now, 1}, point{"b", now, 2}))
	f.Add(true, v2(f, point{"a", now, 1}, point{"b", now, 2}))
	h := &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:     []prompb.Label{{Name: "__name__", Value: "h"}},
		Histograms: []prompb.Histogram{prompb.FromIntHistogram(now.UnixMilli(), tsdbutil.GenerateTestHistogram(2)), prompb.FromFloatHistogram(now.UnixMilli()+1, tsdbutil.GenerateTestFloatHistogram(3))},
		Exemplars:  []prompb.Exemplar{{Labels: []prompb.Label{{Name: "t", Value: "x"}}, Value: 1}},
	}}}
	f.Add(false, pack(f, h))
	r := newReceiver(f, ingest.Config{MaxSeries: 10_000})
	f.Fuzz(func(t *testing.T, second bool, body []byte) {
		contentType := v1Type
		if second {
			contentType = v2Type
		}
		// Both as it is and as the unpacked message: a fuzzer seldom hits
		// upon snappy by itself.
		for _, b := range [][]byte{body, snappy.Encode(nil, body)} {
			if w := r.send(contentType, b); w.Code >= 500 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		if raw, err := snappy.Decode(nil, body); err == nil && len(raw) > 0 {
			raw[len(raw)/2] ^= 0x10
			if w := r.send(contentType, snappy.Encode(nil, raw)); w.Code >= 500 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
}

// TestARealPrometheusWrites runs Prometheus, which scrapes itself and writes
// to the receiver.
func TestARealPrometheusWrites(t *testing.T) {
	bin, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("there is no prometheus on the PATH")
	}
	r := newReceiver(t, ingest.Config{})
	srv := httptest.NewServer(r.h)
	defer srv.Close()
	dir := t.TempDir()
	cfg := fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs: [{job_name: itself, static_configs: [{targets: ["127.0.0.1:39123"]}]}]
remote_write: [{url: %q, queue_config: {batch_send_deadline: 1s}}]
`, srv.URL)
	if err := os.WriteFile(filepath.Join(dir, "p.yml"), []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, "--config.file="+filepath.Join(dir, "p.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:39123")
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	deadline := time.Now().Add(20 * time.Second)
	for r.value(t, `up{job="itself"}`, time.Now()) != "1" {
		if time.Now().After(deadline) {
			t.Fatal("nothing of Prometheus arrived")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := r.value(t, `count(prometheus_build_info)`, time.Now()); got != "1" {
		t.Errorf("count(prometheus_build_info) = %q", got)
	}
}

// BenchmarkIngest sends 100,000 series 20 times in requests of 2,000 samples
// over HTTP and reports samples per second.
func BenchmarkIngest(b *testing.B) {
	const series, batch, rounds = 100_000, 2_000, 20
	start := time.Now().Add(-rounds * 15 * time.Second)
	var bodies [][]byte
	for round := range rounds {
		at := start.Add(time.Duration(round) * 15 * time.Second).UnixMilli()
		for from := 0; from < series; from += batch {
			var req prompb.WriteRequest
			for i := from; i < from+batch; i++ {
				req.Timeseries = append(req.Timeseries, prompb.TimeSeries{
					Labels: []prompb.Label{
						{Name: "__name__", Value: fmt.Sprintf("http_requests_%d_total", i%200)},
						{Name: "instance", Value: fmt.Sprintf("10.0.%d.%d:9100", i%50, i%7)},
						{Name: "job", Value: "node"}, {Name: "path", Value: fmt.Sprintf("/api/v1/thing/%d", i)},
					},
					Samples: []prompb.Sample{{Value: float64(i * round), Timestamp: at}},
				})
			}
			bodies = append(bodies, pack(b, &req))
		}
	}
	for b.Loop() {
		b.StopTimer()
		r := newReceiver(b, ingest.Config{})
		srv := httptest.NewServer(r.h)
		b.StartTimer()
		began := time.Now()
		work := make(chan []byte)
		var senders sync.WaitGroup
		for range 4 {
			senders.Go(func() {
				for body := range work {
					req, _ := http.NewRequest(http.MethodPost, srv.URL, bytes.NewReader(body))
					req.Header.Set("Content-Type", v1Type)
					req.Header.Set("Content-Encoding", "snappy")
					res, err := http.DefaultClient.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					res.Body.Close()
					if res.StatusCode != http.StatusNoContent {
						b.Errorf("status %d", res.StatusCode)
					}
				}
			})
		}
		for _, body := range bodies {
			work <- body
		}
		close(work)
		senders.Wait()
		b.ReportMetric(float64(series*rounds)/time.Since(began).Seconds(), "samples/s")
		srv.Close()
	}
}
