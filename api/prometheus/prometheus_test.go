package prometheus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/api/prometheus"
	"github.com/evenkeel/evenkeel/collect"
	"github.com/evenkeel/evenkeel/collect/scrape"
	"github.com/evenkeel/evenkeel/metric/remote"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

var start = time.Now().Add(-10 * time.Minute).Truncate(time.Minute)

// fixed is a target list that does not move.
type fixed struct{}

func (fixed) Targets() []scrape.TargetStatus {
	return []scrape.TargetStatus{{Job: "web", Instance: "a:1", URL: "http://a:1/metrics", Health: "down", LastError: "refused",
		Labels: map[string]string{"job": "web", "instance": "a:1"}}}
}
func (fixed) Dropped() map[string]int { return map[string]int{"web": 2} }
func (fixed) ConfigText() string      { return "scrape_configs: []" }

// serve starts the API under /prometheus on a storage with ten minutes of a
// counter, a classic histogram with exemplars and a native histogram.
func serve(t testing.TB) *httptest.Server {
	t.Helper()
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	reg := prom.NewRegistry()
	counter := prom.NewCounterVec(prom.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"code"})
	hist := prom.NewHistogram(prom.HistogramOpts{Name: "wait_seconds", Buckets: []float64{1}})
	native := prom.NewHistogram(prom.HistogramOpts{Name: "sparse_seconds", NativeHistogramBucketFactor: 1.5})
	reg.MustRegister(counter, hist, native)
	rec := collect.NewRecorder(labels.FromStrings("job", "web", "instance", "a:1"), reg, db.Storage(), 0)
	for i := range 41 {
		counter.WithLabelValues("200").Add(15)
		counter.WithLabelValues("500").Add(1)
		hist.(prom.ExemplarObserver).ObserveWithExemplar(0.5, prom.Labels{"trace": fmt.Sprint(i)})
		native.Observe(2)
		if err := rec.Record(context.Background(), start.Add(time.Duration(i)*15*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	h := prometheus.New(db, fixed{}, []prometheus.Describer{rec}, prometheus.Build{Version: "1.2.3"})
	srv := httptest.NewServer(http.StripPrefix("/prometheus", h))
	t.Cleanup(func() { srv.Close(); _ = db.Close() })
	return srv
}

func get(t testing.TB, srv *httptest.Server, path string, form url.Values) (int, string) {
	t.Helper()
	res, err := http.Get(srv.URL + "/prometheus/api/v1/" + path + "?" + form.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(body) {
		t.Errorf("%s: not JSON: %s", path, body)
	}
	return res.StatusCode, strings.TrimSpace(string(body))
}

func at(d time.Duration) string { return fmt.Sprint(start.Add(d).Unix()) }

func TestAnswers(t *testing.T) {
	srv := serve(t)
	end := at(10 * time.Minute)
	span := url.Values{"start": {at(0)}, "end": {end}}
	with := func(v url.Values, kv ...string) url.Values {
		out := url.Values{}
		for k, s := range v {
			out[k] = s
		}
		for i := 0; i < len(kv); i += 2 {
			out.Add(kv[i], kv[i+1])
		}
		return out
	}
	for _, c := range []struct {
		path string
		form url.Values
		want string // a part of the answer
	}{
		{"query", url.Values{"query": {`sum(requests_total)`}, "time": {end}}, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[` + end + `,"656"]}]}}`},
		{"query", url.Values{"query": {`1e30`}, "time": {end}}, `"resultType":"scalar","result":[` + end + `,"1e+30"]`},
		{"query", url.Values{"query": {`"a\"b"`}, "time": {end}}, `"resultType":"string","result":[` + end + `,"a\"b"]`},
		{"query", url.Values{"query": {`requests_total{code="500"}[20s]`}, "time": {end}}, `"values":[[` + at(10*time.Minute-15*time.Second) + `,"40"],[` + end + `,"41"]]`},
		{"query", url.Values{"query": {`sparse_seconds`}, "time": {end}}, `"histogram":[` + end + `,{"count":"41","sum":"82","buckets":[[0,"1.414213562373095","2","41"]]}]`},
		{"query", url.Values{"query": {`-Inf`}, "time": {"2026-01-01T00:00:00.5Z"}}, `[1767225600.5,"-Inf"]`},
		{"query_range", with(span, "query", `sum(rate(requests_total[1m]))`, "step", "5m"), `[` + end + `,"1.06666666`},
		{"query_range", with(span, "query", `sum by (job) (sparse_seconds)`, "step", "600"), `"histograms":[[`},
		{"series", with(span, "match[]", `requests_total`, "match[]", `up`), `{"__name__":"requests_total","code":"200","instance":"a:1","job":"web"},{"__name__":"requests_total","code":"500","instance":"a:1","job":"web"},{"__name__":"up"`},
		{"labels", nil, `["__name__","code","instance","job","le"]`},
		{"labels", url.Values{"match[]": {`up`}, "limit": {"2"}}, `["__name__","instance"]`},
		{"label/code/values", nil, `["200","500"]`},
		{"label/U__code/values", url.Values{"match[]": {`{code=~"5.."}`}}, `["500"]`},
		{"metadata", url.Values{"metric": {"requests_total"}}, `{"requests_total":[{"type":"counter","help":"Requests.","unit":""}]}`},
		{"query_exemplars", url.Values{"query": {`rate(wait_seconds_bucket[1m])`}, "start": {at(0)}, "end": {fmt.Sprint(time.Now().Unix() + 1)}}, `"seriesLabels":{"__name__":"wait_seconds_bucket"`},
		{"format_query", url.Values{"query": {`sum(rate(a[1m]))by(b)`}}, `"data":"sum by (b) (rate(a[1m]))"`},
		{"parse_query", url.Values{"query": {`topk(2, -max_over_time(a{b!="c"}[5m:1m] offset 1m)) / on (x) y @ end()`}}, `"type":"binaryExpr"`},
		{"targets", nil, `"health":"down","scrapeInterval":"0s"`},
		{"targets", url.Values{"state": {"dropped"}}, `"activeTargets":[],"droppedTargetCounts":{"web":2}`},
		{"rules", nil, `"groups":[]`},
		{"alerts", nil, `"alerts":[]`},
		{"status/buildinfo", nil, `"version":"3.16.0+evenkeel-1.2.3"`},
		{"status/config", nil, `"yaml":"scrape_configs: []"`},
		{"status/tsdb", nil, `"numSeries":`},
	} {
		status, body := get(t, srv, c.path, c.form)
		if status != http.StatusOK || !strings.Contains(body, c.want) {
			t.Errorf("%s?%s: %d\n got %s\nwant %s", c.path, c.form.Encode(), status, body, c.want)
		}
	}
	// The same by POST, as Grafana asks.
	res, err := http.PostForm(srv.URL+"/prometheus/api/v1/query", url.Values{"query": {`up`}, "time": {end}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); !strings.Contains(string(body), `"1"]`) {
		t.Errorf("by POST: %s", body)
	}
}

func TestErrorsAreTheAPIsOwn(t *testing.T) {
	srv := serve(t)
	for _, c := range []struct {
		path   string
		form   url.Values
		status int
		kind   string
	}{
		{"query", nil, 400, "bad_data"},
		{"query", url.Values{"query": {"sum("}}, 400, "bad_data"},
		{"query", url.Values{"query": {"up"}, "time": {"noon"}}, 400, "bad_data"},
		{"query", url.Values{"query": {"up"}, "time": {"NaN"}}, 400, "bad_data"},
		{"query", url.Values{"query": {"up"}, "time": {"1e300"}}, 400, "bad_data"},
		{"query", url.Values{"query": {`requests_total / ignoring(code) requests_total`}, "time": {at(0)}}, 422, "execution"},
		{"query", url.Values{"query": {"up"}, "timeout": {"0.000000001"}}, 503, "timeout"},
		{"query_range", url.Values{"query": {"up"}, "start": {"0"}, "end": {"1"}, "step": {"0"}}, 400, "bad_data"},
		{"query_range", url.Values{"query": {"up"}, "start": {"0"}, "end": {"9e9"}, "step": {"1"}}, 400, "bad_data"},
		{"query_range", url.Values{"query": {"up"}, "start": {"5"}, "end": {"1"}, "step": {"1"}}, 400, "bad_data"},
		{"query_range", url.Values{"query": {"up"}, "start": {"0"}, "end": {"1"}, "step": {"1e30"}}, 400, "bad_data"},
		{"series", nil, 400, "bad_data"},
		{"series", url.Values{"match[]": {`{a=""}`}}, 400, "bad_data"},
		{"labels", url.Values{"limit": {"-1"}}, 400, "bad_data"},
		{"label/%FF/values", nil, 400, "bad_data"},
		{"status/tsdb", url.Values{"limit": {"0"}}, 400, "bad_data"},
		{"targets", url.Values{"state": {"odd"}}, 400, "bad_data"},
		{"admin/tsdb/delete_series", nil, 404, "not_found"},
		{"admin/tsdb/snapshot", nil, 404, "not_found"},
		{"write", nil, 404, "not_found"},
		{"read", nil, 404, "not_found"},
	} {
		status, body := get(t, srv, c.path, c.form)
		if status != c.status || !strings.Contains(body, `"errorType":"`+c.kind+`"`) {
			t.Errorf("%s?%s: %d %s, want %d %s", c.path, c.form.Encode(), status, body, c.status, c.kind)
		}
	}
	for _, form := range []string{"%zz=1", strings.Repeat("query=", 1<<20)} {
		res, err := http.Post(srv.URL+"/prometheus/api/v1/query", "application/x-www-form-urlencoded", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("a form of %d bytes: %d", len(form), res.StatusCode)
		}
	}
}

// TestOurOwnReaderReadsIt: an Evenkeel may read another one's metrics.
func TestOurOwnReaderReadsIt(t *testing.T) {
	srv := serve(t)
	e, err := remote.New(remote.Config{URL: srv.URL + "/prometheus"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Instant(context.Background(), `sum by (job) (requests_total)`, start.Add(10*time.Minute))
	if err != nil || len(s) != 1 || s[0].V != 656 || s[0].Labels.Get("job") != "web" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestPromtoolReadsIt(t *testing.T) {
	bin, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool on the PATH")
	}
	srv := serve(t)
	host := srv.URL + "/prometheus"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"query", "instant", "--time=" + start.Add(10*time.Minute).Format(time.RFC3339), host, "sum(requests_total)"}, "{} => 656"},
		{[]string{"query", "range", "--start=" + at(0), "--end=" + at(10*time.Minute), "--step=5m", host, "up"}, `up{instance="a:1", job="web"}`},
		{[]string{"query", "series", "--match=up", host}, `job="web"`},
		{[]string{"query", "labels", host, "code"}, "500"},
	} {
		out, err := exec.Command(bin, c.args...).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte(c.want)) {
			t.Errorf("promtool %s: %v\n%s", strings.Join(c.args, " "), err, out)
		}
	}
}
