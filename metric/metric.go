// Package metric is the way to numbers over time: what a series and a sample
// are, and the two small interfaces through which every other package reads
// and writes them.
//
// The embedded engine (metric/tsdb) and any Prometheus-compatible endpoint
// (metric/remote) implement Querier with the same meaning, so that a practice
// never knows where its numbers live. Only the embedded engine has an
// Appender; an external endpoint is read and never written.
//
// Failure behaviour: a query returns all of its answer or an error, never a
// part of it. An empty answer means that there is no such series at that time,
// which is not the same as a value of zero.
package metric

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// Point is one value at one time.
type Point struct {
	T time.Time
	V float64
}

// Series is a labelled run of points in time order.
type Series struct {
	Labels labels.Labels
	Points []Point
}

// Sample is a series' value at one time. For writing, Labels include the
// metric's name (__name__).
type Sample struct {
	Labels labels.Labels
	Point
}

// Window is a range of time for a range query: points at From, From+Step and
// so on up to To.
type Window struct {
	From, To time.Time
	Step     time.Duration
}

// Querier answers PromQL. Implementations bound the time and the samples that
// one query may take; a query past the bound fails with ErrTooLarge.
type Querier interface {
	// Instant evaluates expr at one time. Scalars come back as one sample
	// without labels. Native histograms in the result are left out.
	Instant(ctx context.Context, expr string, at time.Time) ([]Sample, error)
	// Range evaluates expr at each step of w.
	Range(ctx context.Context, expr string, w Window) ([]Series, error)
}

// Appender takes a batch of samples, whole or not at all.
type Appender interface {
	Append(ctx context.Context, batch []Sample) error
}

// ErrTooLarge is wrapped when a query would read more samples, or take more
// time, than one query may.
var ErrTooLarge = errors.New("query too large")

// ErrUnavailable is wrapped when the numbers cannot be had at all: an external
// endpoint that does not answer. It means unknown, never zero.
var ErrUnavailable = errors.New("metrics unavailable")

// StartingError is an ErrUnavailable that passes by itself: after a start the
// figures of the past are read back first. Nothing can be read or written
// until then.
type StartingError struct {
	Done float64 // share of it that is read, 0 to 1
}

// Error says how far it is, for programs and people alike.
func (e StartingError) Error() string {
	return fmt.Sprintf("the figures of the past are being read back: about %.0f %% done", 100*e.Done)
}

// Unwrap makes it an ErrUnavailable.
func (e StartingError) Unwrap() error { return ErrUnavailable }
