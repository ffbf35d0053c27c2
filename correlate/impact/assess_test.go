package impact

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// shop is 40 minutes of three services as OpenTelemetry tells of them. In the
// last ten checkout fails half of what Acme asks, and takes seven times as long;
// front, whose series name no customers, only takes twice as long; ledger is as ever.
func shop(t *testing.T, now time.Time) *tsdb.DB {
	t.Helper()
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	totals := map[string]float64{}
	for at := now.Add(-40 * time.Minute); !at.After(now); at = at.Add(15 * time.Second) {
		bad := at.After(now.Add(-10 * time.Minute))
		var batch []metric.Sample
		count := func(rate float64, name string, pairs ...string) {
			pairs = append([]string{"__name__", "http_server_request_duration_seconds_" + name, "job", "shop"}, pairs...)
			key := fmt.Sprint(pairs)
			totals[key] += 15 * rate
			batch = append(batch, metric.Sample{Labels: labels.FromStrings(pairs...), Point: metric.Point{T: at, V: totals[key]}})
		}
		answers := func(rate, failing, took float64, pairs ...string) {
			for code, r := range map[string]float64{"200": rate - failing, "500": failing} {
				with := append([]string{"http_response_status_code", code}, pairs...)
				count(r, "count", with...)
				count(r*took, "sum", with...)
				count(r, "bucket", append([]string{"le", "+Inf"}, with...)...)
			}
		}
		acme, slow, late := .004, .022, .1
		if bad {
			acme, slow, late = 2, .155, .2
		}
		answers(4, acme, slow, "service_name", "checkout", "tenant_id", "Acme")
		answers(6, .006, slow, "service_name", "checkout", "tenant_id", "Nordwind")
		answers(20, 0, late, "service_name", "front")
		answers(1, 0, .01, "service_name", "ledger", "customer", "Acme")
		if err := db.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// watched is an engine that has looked at the shop since it began.
func watched(t *testing.T, q metric.Querier, now time.Time) *detect.Engine {
	t.Helper()
	cfg := detect.Defaults()
	catalogue, err := cfg.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	engine := detect.New(catalogue, cfg)
	for at := now.Add(-39 * time.Minute); !at.After(now); at = at.Add(30 * time.Second) {
		if _, err := engine.Round(t.Context(), detect.Env{Tenant: "t", Environment: "prod", Querier: q}, at); err != nil {
			t.Fatal(err)
		}
	}
	return engine
}

// away is a metric store that does not answer.
type away struct{}

func (away) Instant(context.Context, string, time.Time) ([]metric.Sample, error) {
	return nil, metric.ErrUnavailable
}

func (away) Range(context.Context, string, metric.Window) ([]metric.Series, error) {
	return nil, metric.ErrUnavailable
}

// half is a metric store that answers but for the questions that hold a text.
type half struct {
	metric.Querier
	not string
}

func (h half) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	if strings.Contains(expr, h.not) {
		return nil, metric.ErrUnavailable
	}
	return h.Querier.Instant(ctx, expr, at)
}

func TestWhatIsCountedOfWhatNothingWasPromisedOf(t *testing.T) {
	now := time.Now().Truncate(15 * time.Second)
	db := shop(t, now)
	engine := watched(t, db, now)
	promises := slo.Config{{ID: "pay", Title: "Payment answers", Service: "pay", Target: 99.9,
		Bad:   `sum(increase(http_server_request_duration_seconds_count{service_name="front",http_response_status_code="500"}[$window]))`,
		Total: `sum(increase(http_server_request_duration_seconds_count{service_name="front"}[$window]))`}}
	assessor := func(q metric.Querier, c slo.Config) *Assessor {
		return NewAssessor(Options{Objectives: slo.NewAssessor(c, q), Environment: "prod", Metrics: q,
			Requests: func(entities []string) map[string]detect.Requests { return engine.Requests("t", "prod", entities) }})
	}
	of := func(names ...string) Trouble {
		x := Trouble{Environment: "prod", From: now.Add(-10 * time.Minute), To: now, Live: true}
		for _, n := range names {
			x.Feels(Service(n))
		}
		return x
	}
	m, err := assessor(db, promises).Assess(t.Context(), of("front", "checkout", "pay", "cart"))
	if err != nil || len(m.Objectives) != 1 || len(m.Requests) != 2 || len(m.Uncounted) != 1 || m.Unpromised != "" {
		t.Fatalf("%+v, %v", m, err)
	}
	near := func(what string, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > .05*want {
			t.Errorf("%s: %v, want %g", what, got, want)
		}
	}
	checkout, front := m.Requests[0], m.Requests[1]
	near("requests", checkout.Total, 6000)
	near("failed", checkout.Failed, 1203)
	near("usually", checkout.UsualFailed, .001)
	near("latency", checkout.Latency, .155)
	near("usual latency", checkout.UsualLatency, .022)
	near("requests of front", front.Total, 12_000)
	if *front.Failed != 0 || !front.Worse() || !strings.Contains(Went(front), "None of 12 k requests failed; an answer took 200 ms on average instead of 10") {
		t.Errorf("%s", Went(front))
	}
	// Who fails a few as ever is named after who fails many, with its own figures.
	if !m.Told || len(m.Hit) != 2 || m.Hit[0].Name != "Acme" || m.Hit[1].Name != "Nordwind" || math.Abs(m.Hit[0].Failed-1200) > 60 || math.Abs(m.Hit[0].Total-2400) > 100 || m.Hit[1].Failed > 6 {
		t.Errorf("%+v", m.Hit)
	}
	if all := strings.Join(m.Sentences(), "\n"); !strings.Contains(all, "How many requests of cart failed is not known") || !strings.Contains(all, "Customers whose requests failed: Acme (") {
		t.Error(all)
	}

	// That nobody's requests failed is not said where it could not be asked.
	for _, not := range []string{"topk(2, group", "topk(50", ") and ("} {
		if m, err = assessor(half{db, not}, nil).Assess(t.Context(), of("checkout")); err == nil || m.Told || strings.Contains(strings.Join(m.Sentences(), " "), "No request of a customer") {
			t.Errorf("without %q: %v, %q", not, err, m.Sentences())
		}
	}
	// Labels that name customers who all are well are told from no labels at all.
	if m, err = assessor(db, nil).Assess(t.Context(), of("ledger")); err != nil || !m.Told || len(m.Hit) != 0 || !strings.Contains(strings.Join(m.Sentences(), " "), "No request of a customer") {
		t.Errorf("%v, %v", m.Sentences(), err)
	}
	if m, err = assessor(db, nil).Assess(t.Context(), of("front")); err != nil || m.Told || !strings.Contains(strings.Join(m.Sentences(), " "), "Which customers it touched is not known") || !strings.Contains(m.Unpromised, "Nothing was promised yet") {
		t.Errorf("%v, %v", m.Sentences(), err)
	}
	// Of the time before there are figures of a part only, and so it is told.
	long := of("checkout")
	long.From = now.Add(-2 * time.Hour)
	if m, err = assessor(db, nil).Assess(t.Context(), long); err != nil || m.Requests[0].Seen > .4 || !strings.Contains(Went(m.Requests[0]), "% of this time only") {
		t.Errorf("%+v, %v", m.Requests, err)
	}
	// Without figures nothing is zero.
	m, err = assessor(away{}, promises).Assess(t.Context(), of("checkout", "pay"))
	if err == nil || m.Requests[0].Total != nil || m.Requests[0].Failed != nil || m.Requests[0].Missing == "" || m.Objectives[0].Bad != nil {
		t.Errorf("%+v, %v", m, err)
	}
}

// Who looks at three in the morning does not wait for a round that waits for
// figures.
func TestNobodyWaitsForWhoTellsOfRequests(t *testing.T) {
	wait := make(chan struct{})
	defer close(wait)
	a := NewAssessor(Options{Objectives: slo.NewAssessor(nil, away{}), Metrics: away{}, Requests: func([]string) map[string]detect.Requests { <-wait; return nil }})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	m, err := a.Assess(ctx, Trouble{Felt: []Subject{Service("checkout")}})
	if err == nil || len(m.Requests) != 1 || m.Requests[0].Missing == "" || m.Requests[0].Failed != nil {
		t.Errorf("%+v, %v", m, err)
	}
}

// A name says which service is meant where there is one environment. In a cluster
// an objective must be of that cluster: by the id of the thing, or by its queries.
func TestObjectivesOfClusters(t *testing.T) {
	q := func(more string) slo.Objective {
		return slo.Objective{Service: "checkout", Target: 99, Bad: "sum(increase(bad_total{" + more + "}[$window]))", Total: "sum(increase(all_total{" + more + "}[$window]))"}
	}
	here, other, elsewhere, thing := q(`cluster="eu"`), q(`cluster="us"`), q(``), q(``)
	here.ID, other.ID, elsewhere.ID, thing.ID = "here", "other", "elsewhere", "thing"
	thing.Entity = "service:eu:shop:checkout"
	a := NewAssessor(Options{Objectives: slo.NewAssessor(slo.Config{here, other, elsewhere, thing}, away{}), Environment: "prod", Metrics: away{},
		Requests: func([]string) map[string]detect.Requests { return nil }})
	of := func(environment, entity string) string {
		m, _ := a.Assess(t.Context(), Trouble{Environment: environment, Felt: []Subject{{entity, "it"}}})
		var ids []string
		for _, h := range m.Objectives {
			ids = append(ids, h.Objective)
		}
		return strings.Join(ids, " ") + m.Unpromised
	}
	for _, c := range []struct{ environment, entity, want string }{
		{"eu", "service:eu:shop:checkout", "here thing"},
		{"us", "service:us:shop:checkout", "other"},
		{"asia", "service:asia:shop:checkout", `No objective is about what feels this in the cluster asia, so that there is no error budget to tell of. One that is names the thing (entity), or asks for cluster="asia" in its queries.`},
		{"prod", "service:checkout", "here other elsewhere thing"},
		{"prod", "service:search", "No objective is about what feels this, so that there is no error budget to tell of."},
	} {
		if got := of(c.environment, c.entity); got != c.want {
			t.Errorf("%s in %s: %q", c.entity, c.environment, got)
		}
	}
}

func TestTheTimeIsCountedOnce(t *testing.T) {
	to := time.Date(2027, 3, 1, 3, 0, 0, 0, time.UTC)
	for _, span := range []time.Duration{time.Second, 90 * time.Second, 10 * time.Minute, 5 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 90 * 24 * time.Hour} {
		w := window(to.Add(-span), to, 45*time.Second)
		points := int(w.To.Sub(w.From)/w.Step) + 1
		if points > mostPoints || w.Step < leastStep || !w.To.Equal(to) {
			t.Errorf("%s: %d points each %s", span, points, w.Step)
		}
		want := min(max(span, leastStep), longest)
		if off := to.Sub(begin(w)) - want; off.Abs() > max(w.Step/2, time.Minute) {
			t.Errorf("%s: counts from %s", span, begin(w))
		}
	}
}
