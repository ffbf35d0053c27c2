package tsdb

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"

	"github.com/evenkeel/evenkeel/metric"
)

// maxSteps is how many points one series of a range query may have; it is
// Prometheus' own bound.
const maxSteps = 11_000

// Instant implements metric.Querier.
func (d *DB) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	q, err := d.engine.NewInstantQuery(ctx, d.Storage(), nil, expr, at)
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, queryError(ctx, expr, res.Err)
	}
	switch v := res.Value.(type) {
	case promql.Vector:
		out := make([]metric.Sample, 0, len(v))
		for _, s := range v {
			if s.H == nil {
				out = append(out, metric.Sample{Labels: s.Metric, Point: metric.Point{T: timestamp.Time(s.T).UTC(), V: s.F}})
			}
		}
		return out, nil
	case promql.Scalar:
		return []metric.Sample{{Labels: labels.EmptyLabels(), Point: metric.Point{T: timestamp.Time(v.T).UTC(), V: v.V}}}, nil
	default:
		return nil, fmt.Errorf("query %q: it yields a %s, not one value for each series; use Range for values over time", expr, res.Value.Type())
	}
}

// Range implements metric.Querier.
func (d *DB) Range(ctx context.Context, expr string, w metric.Window) ([]metric.Series, error) {
	switch {
	case w.Step < time.Millisecond:
		return nil, fmt.Errorf("query %q: the step %s is too short; the least is 1ms", expr, w.Step)
	case w.To.Before(w.From):
		return nil, fmt.Errorf("query %q: the end %s lies before the start %s", expr, w.To, w.From)
	case w.To.Sub(w.From)/w.Step > maxSteps:
		return nil, fmt.Errorf("query %q: %w: more than %d points for each series; use a longer step", expr, metric.ErrTooLarge, maxSteps)
	}
	q, err := d.engine.NewRangeQuery(ctx, d.Storage(), nil, expr, w.From, w.To, w.Step)
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, queryError(ctx, expr, res.Err)
	}
	m, err := res.Matrix()
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", expr, err)
	}
	out := make([]metric.Series, 0, len(m))
	for _, s := range m {
		if len(s.Floats) == 0 {
			continue // native histograms only
		}
		points := make([]metric.Point, len(s.Floats))
		for i, p := range s.Floats {
			points[i] = metric.Point{T: timestamp.Time(p.T).UTC(), V: p.F}
		}
		out = append(out, metric.Series{Labels: s.Metric, Points: points})
	}
	return out, nil
}

// queryError tells a query that is too large from one that is wrong.
// The caller's own end is neither.
func queryError(ctx context.Context, expr string, err error) error {
	var (
		samples promql.ErrTooManySamples
		timeout promql.ErrQueryTimeout
	)
	switch {
	case errors.Is(err, metric.ErrTooLarge): // the queue is full
		return fmt.Errorf("query %q: %w", expr, err)
	case errors.As(err, &samples):
		return fmt.Errorf("query %q: %w: %w; ask for fewer series or a shorter time", expr, metric.ErrTooLarge, err)
	case ctx.Err() != nil:
		return fmt.Errorf("query %q: %w", expr, errors.Join(ctx.Err(), err))
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded): // the latter from within the storage
		return fmt.Errorf("query %q: %w: %w", expr, metric.ErrTooLarge, err)
	}
	return fmt.Errorf("query %q: %w", expr, err)
}

// gate bounds how many queries run and how many wait. The engine asks it
// before each query, whoever the query is from.
type gate struct {
	slots  chan int
	queued atomic.Int64
	limit  int64
}

func newGate(concurrent, queued int) *gate {
	g := &gate{slots: make(chan int, concurrent), limit: int64(queued)}
	for i := range concurrent {
		g.slots <- i
	}
	return g
}

// GetMaxConcurrent implements promql.QueryTracker.
func (g *gate) GetMaxConcurrent() int { return cap(g.slots) }

// Insert waits for a slot. It fails at once when too many already wait.
func (g *gate) Insert(ctx context.Context, _ string) (int, error) {
	select {
	case slot := <-g.slots:
		return slot, nil
	default:
	}
	if g.queued.Add(1) > g.limit {
		g.queued.Add(-1)
		return 0, fmt.Errorf("%w: %d queries already wait for their turn; try again in a moment", metric.ErrTooLarge, g.limit)
	}
	defer g.queued.Add(-1)
	select {
	case slot := <-g.slots:
		return slot, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Delete gives the slot back.
func (g *gate) Delete(slot int) { g.slots <- slot }

// Close implements promql.QueryTracker.
func (g *gate) Close() error { return nil }
