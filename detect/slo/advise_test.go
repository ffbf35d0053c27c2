package slo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	engine "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/teststorage"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/metric"
)

// past is a Querier on a TSDB in memory that holds native histograms as well.
type past struct {
	engine  *engine.Engine
	storage *teststorage.TestStorage
}

func (p past) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	q, err := p.engine.NewInstantQuery(ctx, p.storage, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	v, err := q.Exec(ctx).Vector()
	var out []metric.Sample
	for _, s := range v {
		out = append(out, metric.Sample{Labels: s.Metric, Point: metric.Point{T: at, V: s.F}})
	}
	return out, err
}

func (p past) Range(ctx context.Context, expr string, w metric.Window) ([]metric.Series, error) {
	q, err := p.engine.NewRangeQuery(ctx, p.storage, nil, expr, w.From, w.To, w.Step)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	m, err := q.Exec(ctx).Matrix()
	var out []metric.Series
	for _, s := range m {
		one := metric.Series{Labels: s.Metric}
		for _, f := range s.Floats {
			one.Points = append(one.Points, metric.Point{T: time.UnixMilli(f.T), V: f.F})
		}
		out = append(out, one)
	}
	return out, err
}

// tenDays is a shop of which ten days were kept, a sample each minute. Each
// service answers two requests a second, 99.6 % of them within half a second
// and all within one; one in a thousand is an error. Each tells of it in another
// way: classic histograms in seconds and in milliseconds, and native ones.
func tenDays(t *testing.T, end time.Time) past {
	t.Helper()
	p := past{storage: teststorage.New(t), engine: engine.NewEngine(engine.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})}
	app := p.storage.Appender(t.Context())
	for i := range 10 * 24 * 60 {
		at, n := end.Add(time.Duration(i-10*24*60)*time.Minute).UnixMilli(), 120*float64(i+1)
		put := func(v float64, pairs ...string) {
			if _, err := app.Append(0, labels.FromStrings(pairs...), at, v); err != nil {
				t.Fatal(err)
			}
		}
		classic := func(name, unit string, buckets map[string]float64, more ...string) {
			for le, share := range buckets {
				put(share*n, append([]string{"__name__", name + unit + "_bucket", "le", le}, more...)...)
			}
			put(n, append([]string{"__name__", name + unit + "_bucket", "le", "+Inf"}, more...)...)
			put(n, append([]string{"__name__", name + unit + "_count"}, more...)...)
			put(.2*n, append([]string{"__name__", name + unit + "_sum"}, more...)...)
		}
		web := []string{"job", "shop", "instance", "w1", "service_name", "web", "http_response_status_code", "200"}
		classic("http_server_request_duration", "_seconds", map[string]float64{"0.1": .5, "0.5": .996, "1": 1}, web...)
		web[len(web)-1] = "500"
		put(.001*n, append([]string{"__name__", "http_server_request_duration_seconds_count"}, web...)...)
		mesh := []string{"reporter", "destination", "destination_canonical_service", "checkout", "destination_service_namespace", "shop", "destination_workload_namespace", "shop", "response_code", "200"}
		classic("istio_request_duration", "_milliseconds", map[string]float64{"100": .5, "500": .996, "1000": 1}, mesh...)
		put(.999*n, append([]string{"__name__", "istio_requests_total"}, mesh...)...)
		mesh[len(mesh)-1] = "503"
		put(.001*n, append([]string{"__name__", "istio_requests_total"}, mesh...)...)
		// Schema 0: bucket k holds what is in (2^(k-1), 2^k].
		h := &histogram.FloatHistogram{Schema: 0, Count: n, Sum: .2 * n, PositiveSpans: []histogram.Span{{Offset: -2, Length: 3}}, PositiveBuckets: []float64{.5 * n, .496 * n, .004 * n}}
		if _, err := app.AppendHistogram(0, labels.FromStrings("__name__", "http_server_request_duration_seconds", "job", "shop", "instance", "n1", "service_name", "native", "http_response_status_code", "200"), at, nil, h); err != nil {
			t.Fatal(err)
		}
		put(n, "__name__", "traefik_service_requests_total", "service", "cart@docker", "code", "200")
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	return p
}

// What is suggested for whatever tells of a service is an objective that, put
// into the configuration as it stands, is judged and kept.
func TestWhatIsSuggestedWorksAsItStands(t *testing.T) {
	end := time.Now().Truncate(binLong)
	q := tenDays(t, end)
	catalogue, err := detect.Defaults().Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	cfg := detect.Defaults()
	cfg.Interval = time.Minute
	rounds := detect.New(catalogue, cfg)
	if _, err := rounds.Round(t.Context(), detect.Env{Tenant: "t", Environment: "prod", Querier: q}, end.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	list, later, err := NewAdvisor(nil, q).Suggest(t.Context(), rounds.Countables("t", "prod"), end)
	if err != nil || later != 0 {
		t.Fatalf("%d are left, %v", later, err)
	}
	want := map[string]string{
		"service:web answers": "99.5", "service:web latency": "web answers within 500 ms", "service:shop:checkout answers": "99.5",
		"service:shop:checkout latency": "checkout answers within 500 ms", "service:native latency": "native answers within 500 ms",
		"service:native answers": "told as a share only", "route:cart@docker answers": "99.9",
	}
	var text strings.Builder
	for _, s := range list {
		key := s.Entity + " " + s.About
		if said := fmt.Sprintf("%g %s %s", s.Target, s.Title, s.Reason); want[key] == "" || !strings.Contains(said, want[key]) {
			t.Errorf("%s: %s, want %q", key, said, want[key])
		}
		delete(want, key)
		text.WriteString(s.YAML)
		if s.Backtest != nil && (s.Backtest.Pages != 0 || s.Backtest.Days < 9 || !strings.Contains(s.Sentence(), "nobody would have been told")) {
			t.Errorf("%s: %s %+v", key, s.Sentence(), s.Backtest)
		}
	}
	if len(want) > 0 {
		t.Errorf("nothing is said of %v", want)
	}

	var c Config
	if err := yaml.Unmarshal([]byte(text.String()), &c); err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	if err := c.Validate(); err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	r, err := NewEvaluator(c).Round(t.Context(), Where{Tenant: "t", Environment: "prod", Querier: q}, end)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.Observations {
		if o.Sign != "clear" {
			t.Errorf("%s: %s %s", o.Key.Check, o.Sign, o.Reason)
		}
	}
	if e := r.Estate.Entities; len(e) != 6 || !strings.Contains(fmt.Sprint(e), "route:cart@docker route") {
		t.Errorf("about %v", e)
	}

	// What was taken over is not suggested again.
	again, _, err := NewAdvisor(c, q).Suggest(t.Context(), rounds.Countables("t", "prod"), end)
	if err != nil || len(again) != 1 || again[0].Entity != "service:native" || again[0].About != "answers" {
		t.Errorf("with objectives: %+v, %v", again, err)
	}
}

// failing answers no query.
type failing struct{ err error }

func (f failing) Instant(context.Context, string, time.Time) ([]metric.Sample, error) {
	return nil, f.err
}
func (f failing) Range(context.Context, string, metric.Window) ([]metric.Series, error) {
	return nil, f.err
}

func TestAHistoryThatCannotBeReadIsSaid(t *testing.T) {
	of := []detect.Countable{{Entity: "service:a", Kind: "service", Name: "a", Shown: true, Answers: &detect.Events{Bad: "b[$window]", All: "a[$window]"},
		Latency: &detect.Distribution{Name: "h", PerSecond: 1, Plain: true}}}
	list, _, err := NewAdvisor(nil, failing{metric.ErrTooLarge}).Suggest(t.Context(), of, time.Now())
	if !errors.Is(err, metric.ErrTooLarge) || len(list) != 2 || !strings.Contains(list[0].Reason, "more than one query") || list[0].Objective != nil {
		t.Errorf("%+v, %v", list, err)
	}
	of[0].Waits = "waits by design: about 30 s whatever the load"
	if list, _, _ = NewAdvisor(nil, failing{metric.ErrUnavailable}).Suggest(t.Context(), of, time.Now()); len(list) != 2 || list[1].Reason != "It waits by design: about 30 s whatever the load." {
		t.Errorf("what waits: %+v", list)
	}
}
