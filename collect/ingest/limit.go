package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// counts are the receiver's own figures.
type counts struct {
	requests *prometheus.CounterVec
	samples  *prometheus.CounterVec
}

func newCounts(reg prometheus.Registerer) *counts {
	c := &counts{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_ingest_requests_total",
			Help: "Remote write requests by the class of their answer.",
		}, []string{"answer"}),
		samples: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_ingest_samples_total",
			Help: "Samples received by remote write, by what became of them.",
		}, []string{"result"}),
	}
	if reg != nil {
		reg.MustRegister(c.requests, c.samples)
	}
	return c
}

// limited counts samples and refuses new series past the limit.
type limited struct {
	into   storage.AppendableV2
	active func() uint64
	max    uint64
	counts *counts
}

// AppenderV2 implements storage.AppendableV2.
func (l *limited) AppenderV2(ctx context.Context) storage.AppenderV2 {
	app := l.into.AppenderV2(ctx)
	a := &limitedAppender{AppenderV2: app, limited: l, results: map[string]int{}}
	a.known, _ = app.(storage.GetRef)
	a.exemplars, _ = app.(storage.ExemplarAppenderV2)
	return a
}

type limitedAppender struct {
	storage.AppenderV2
	*limited
	known     storage.GetRef
	exemplars storage.ExemplarAppenderV2
	written   int
	results   map[string]int // refused samples by why
}

// errSeriesLimit tells the library's handler, which knows only the storage's
// own errors, that the sample is refused for good: it says that it is out of
// bounds.
type errSeriesLimit struct{ max uint64 }

func (e errSeriesLimit) Error() string {
	return fmt.Sprintf("new series refused: there are %d active series, as many as max_series allows; send fewer (drop a label that grows without bound), or raise max_series", e.max)
}

func (e errSeriesLimit) Is(target error) bool { return target == storage.ErrOutOfBounds }

// Append implements storage.AppenderV2.
func (a *limitedAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	// Known series are told apart only when it matters: it costs a look-up.
	if ref == 0 && a.active() >= a.max && a.known != nil {
		if ref, _ = a.known.GetRef(ls, ls.Hash()); ref == 0 {
			a.results["series_limit"]++
			return 0, errSeriesLimit{a.max}
		}
	}
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	if partial := (*storage.AppendPartialError)(nil); err == nil || errors.As(err, &partial) {
		a.written++
		return ref, err
	}
	a.results[reason(err)]++
	return ref, err
}

// AppendExemplars implements storage.ExemplarAppenderV2, which the library
// asks for.
func (a *limitedAppender) AppendExemplars(ref storage.SeriesRef, ls labels.Labels, es []exemplar.Exemplar) (storage.SeriesRef, error) {
	if a.exemplars == nil {
		return ref, nil
	}
	return a.exemplars.AppendExemplars(ref, ls, es)
}

// Commit implements storage.AppenderV2.
func (a *limitedAppender) Commit() error {
	if err := a.AppenderV2.Commit(); err != nil {
		return err
	}
	a.counts.samples.WithLabelValues("written").Add(float64(a.written))
	a.countRefused()
	return nil
}

// Rollback implements storage.AppenderV2.
func (a *limitedAppender) Rollback() error {
	a.countRefused()
	return a.AppenderV2.Rollback()
}

func (a *limitedAppender) countRefused() {
	for result, n := range a.results {
		a.counts.samples.WithLabelValues(result).Add(float64(n))
	}
}

func reason(err error) string {
	switch {
	case errors.Is(err, storage.ErrOutOfOrderSample), errors.Is(err, storage.ErrTooOldSample):
		return "too_old"
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		return "duplicate"
	case errors.Is(err, storage.ErrOutOfBounds):
		return "out_of_bounds"
	}
	return "invalid"
}

// deferring keeps refusals of single samples to itself until the commit.
// The library's handler of version 1 would give up a whole request, hundreds
// of good samples, for the first bad one.
type deferring struct{ into *limited }

// AppenderV2 implements storage.AppendableV2.
func (d deferring) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &deferringAppender{limitedAppender: d.into.AppenderV2(ctx).(*limitedAppender)}
}

type deferringAppender struct {
	*limitedAppender
	refused int
	first   error
}

// Append implements storage.AppenderV2.
func (a *deferringAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	next, err := a.limitedAppender.Append(ref, ls, st, t, v, h, fh, opts)
	if err == nil {
		return next, nil
	}
	if partial := (*storage.AppendPartialError)(nil); errors.As(err, &partial) {
		return next, nil
	}
	a.refused++
	if a.first == nil {
		a.first = fmt.Errorf("%s: %w", ls, err)
	}
	return ref, nil
}

// Commit writes what was taken, then says what was not.
func (a *deferringAppender) Commit() error {
	if err := a.limitedAppender.Commit(); err != nil {
		return err
	}
	if a.refused > 0 {
		return errRefused{a.refused, a.first}
	}
	return nil
}

// errRefused says that some samples of a request were refused for good. As
// errSeriesLimit, it speaks to the library's handler as out of bounds.
type errRefused struct {
	n     int
	first error
}

func (e errRefused) Error() string {
	return fmt.Sprintf("%d samples were refused, all others are written. The first: %s", e.n, e.first)
}

func (e errRefused) Is(target error) bool { return target == storage.ErrOutOfBounds }
