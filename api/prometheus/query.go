package prometheus

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// maxSteps is Prometheus' bound of points for each series.
const maxSteps = 11_000

func (a *api) query(r *http.Request) (any, error) {
	at, err := timeOr(r, "time", time.Now())
	if err != nil {
		return nil, err
	}
	opts, ctx, cancel, err := options(r)
	if err != nil {
		return nil, err
	}
	defer cancel()
	q, err := a.db.Engine().NewInstantQuery(ctx, a.db.Storage(), opts, r.FormValue("query"), at)
	if err != nil {
		return nil, bad("invalid parameter \"query\": %w", err)
	}
	return run(ctx, q)
}

func (a *api) queryRange(r *http.Request) (any, error) {
	start, err := timeOf(r, "start")
	if err != nil {
		return nil, err
	}
	end, err := timeOf(r, "end")
	if err != nil {
		return nil, err
	}
	if end.Before(start) {
		return nil, bad("invalid parameter \"end\": it lies before start")
	}
	step, err := durationOf(r, "step")
	if err != nil {
		return nil, err
	}
	if step < time.Millisecond {
		return nil, bad("invalid parameter \"step\": it must be at least 1ms")
	}
	if end.Sub(start)/step > maxSteps {
		return nil, bad("exceeded maximum resolution of %d points per timeseries; use a longer step or a shorter time", maxSteps)
	}
	opts, ctx, cancel, err := options(r)
	if err != nil {
		return nil, err
	}
	defer cancel()
	q, err := a.db.Engine().NewRangeQuery(ctx, a.db.Storage(), opts, r.FormValue("query"), start, end, step)
	if err != nil {
		return nil, bad("invalid parameter \"query\": %w", err)
	}
	return run(ctx, q)
}

// openResult is a result whose points belong to its query until it is closed.
type openResult struct {
	*promql.Result
	query promql.Query
}

func run(ctx context.Context, q promql.Query) (any, error) {
	res := q.Exec(ctx)
	if res.Err != nil {
		q.Close()
		return nil, res.Err
	}
	return openResult{res, q}, nil
}

// options are the query's own bounds; a timeout above the storage's has no
// effect.
func options(r *http.Request) (promql.QueryOpts, context.Context, context.CancelFunc, error) {
	var lookback, timeout time.Duration
	var err error
	if r.FormValue("lookback_delta") != "" {
		if lookback, err = durationOf(r, "lookback_delta"); err != nil {
			return nil, nil, nil, err
		}
	}
	ctx, cancel := context.WithCancel(r.Context())
	if r.FormValue("timeout") != "" {
		if timeout, err = durationOf(r, "timeout"); err != nil {
			cancel()
			return nil, nil, nil, err
		}
		cancel()
		ctx, cancel = context.WithTimeout(r.Context(), timeout)
	}
	return promql.NewPrometheusQueryOpts(false, lookback, nil), ctx, cancel, nil
}

func (a *api) queryExemplars(r *http.Request) (any, error) {
	start, end, err := window(r)
	if err != nil {
		return nil, err
	}
	expr, err := a.parser.ParseExpr(r.FormValue("query"))
	if err != nil {
		return nil, bad("invalid parameter \"query\": %w", err)
	}
	type exemplar struct {
		Labels    labels.Labels `json:"labels"`
		Value     string        `json:"value"`
		Timestamp float64       `json:"timestamp"`
	}
	type series struct {
		Labels    labels.Labels `json:"seriesLabels"`
		Exemplars []exemplar    `json:"exemplars"`
	}
	out := []series{}
	selectors := parser.ExtractSelectors(expr)
	if len(selectors) == 0 {
		return out, nil
	}
	q, err := a.db.Exemplars().ExemplarQuerier(r.Context())
	if err != nil {
		return nil, err
	}
	found, err := q.Select(timestamp.FromTime(start), timestamp.FromTime(end), selectors...)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		s := series{Labels: f.SeriesLabels}
		for _, e := range f.Exemplars {
			s.Exemplars = append(s.Exemplars, exemplar{e.Labels, strconv.FormatFloat(e.Value, 'g', -1, 64), float64(e.Ts) / 1000})
		}
		out = append(out, s)
	}
	return out, nil
}

func (a *api) formatQuery(r *http.Request) (any, error) {
	expr, err := a.parser.ParseExpr(r.FormValue("query"))
	if err != nil {
		return nil, bad("invalid parameter \"query\": %w", err)
	}
	return expr.Pretty(0), nil
}

// timeOf reads a time as Prometheus does: unix seconds or RFC 3339.
func timeOf(r *http.Request, name string) (time.Time, error) {
	s := r.FormValue(name)
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		// Milliseconds beyond these bounds are not times that can be stored.
		if ms := math.Round(v * 1000); math.Abs(ms) < math.MaxInt64/4 {
			return time.UnixMilli(int64(ms)).UTC(), nil
		}
		return time.Time{}, bad("invalid parameter %q: %q is out of bounds", name, s)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, bad("invalid parameter %q: %q is neither unix seconds nor a time such as 2026-11-01T12:00:00Z", name, s)
	}
	return t, nil
}

func timeOr(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	if r.FormValue(name) == "" {
		return otherwise, nil
	}
	return timeOf(r, name)
}

// window is start and end where both may be missing: then it is all time.
func window(r *http.Request) (start, end time.Time, err error) {
	if start, err = timeOr(r, "start", time.UnixMilli(math.MinInt64/4)); err != nil {
		return
	}
	if end, err = timeOr(r, "end", time.UnixMilli(math.MaxInt64/4)); err != nil {
		return
	}
	if end.Before(start) {
		err = bad("invalid parameter \"end\": it lies before start")
	}
	return
}

// durationOf reads seconds or a duration such as 5m.
func durationOf(r *http.Request, name string) (time.Duration, error) {
	s := r.FormValue(name)
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		if ns := v * float64(time.Second); ns >= 0 && ns < math.MaxInt64/2 {
			return time.Duration(ns), nil
		}
		return 0, bad("invalid parameter %q: %q is out of bounds", name, s)
	}
	d, err := model.ParseDuration(s)
	if err != nil {
		return 0, bad("invalid parameter %q: %q is neither seconds nor a duration such as 5m", name, s)
	}
	return time.Duration(d), nil
}
