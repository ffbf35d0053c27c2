package collect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// DefaultSeriesLimit is how many series one source may have.
const DefaultSeriesLimit = 20_000

// Recorder writes what a source yields into the storage as a scrape of it
// would: all samples of a round with one timestamp and the target's labels,
// with up, scrape_duration_seconds, scrape_samples_scraped and
// scrape_series_added beside them, and a staleness marker for each series
// that the round before had and this one lacks.
//
// Timestamps that a source sets itself are not used. Histograms are written
// as classic series, native ones as native histograms, those that are both as
// both. A label that the target sets too is kept with the prefix "exported_".
//
// Rounds exclude each other; a Recorder is safe for concurrent use.
type Recorder struct {
	target labels.Labels
	source prometheus.Gatherer
	into   storage.AppendableV2
	limit  int

	mu     sync.Mutex
	known  map[string]*known // by the key that round.append builds
	report [4]known          // up and its like
	round  uint64
	meta   map[string]metadata.Metadata
	key    []byte // reused
}

// known is a series that an earlier round has written.
type known struct {
	ref    storage.SeriesRef
	labels labels.Labels
	round  uint64 // the last that had it
}

// NewRecorder returns a recorder of one source. Target holds the labels that
// every series gets, "job" and "instance" among them. Limit bounds the
// source's series; zero means DefaultSeriesLimit.
func NewRecorder(target labels.Labels, source prometheus.Gatherer, into storage.AppendableV2, limit int) *Recorder {
	if limit == 0 {
		limit = DefaultSeriesLimit
	}
	r := &Recorder{target: target, source: source, into: into, limit: limit,
		known: map[string]*known{}, meta: map[string]metadata.Metadata{}}
	for i, name := range []string{"up", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added"} {
		b := labels.NewBuilder(target)
		r.report[i].labels = b.Set(model.MetricNameLabel, name).Labels()
	}
	return r
}

// Record gathers once and writes it all with the timestamp now.
//
// What a source yields is written even if other parts of it fail; the error
// then names those. A source that yields nothing but an error is down: up is
// 0 and its series end. Series past the limit are left out and the error
// says how many. If the storage fails, nothing of the round is written.
func (r *Recorder) Record(ctx context.Context, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	began := time.Now()
	families, sourceErr := r.source.Gather()

	r.round++
	clear(r.meta)
	w := &round{Recorder: r, app: r.into.AppenderV2(ctx), t: timestamp.FromTime(now)}
	for _, f := range families {
		w.family(f)
	}
	for key, k := range r.known {
		if k.round != r.round {
			w.stale(k)
			delete(r.known, key)
		}
	}
	up := 1.0
	if sourceErr != nil && len(families) == 0 {
		up = 0
	}
	for i, v := range []float64{up, time.Since(began).Seconds(), float64(w.samples), float64(w.added)} {
		w.write(&r.report[i], v)
	}
	if err := w.app.Commit(); err != nil {
		return errors.Join(fmt.Errorf("record %s: %w", r.target, err), sourceErr)
	}
	return errors.Join(sourceErr, w.complaint())
}

// Stop ends all series of the source with a staleness marker at now, so that
// queries do not carry their last values on. Record may be called again.
func (r *Recorder) Stop(ctx context.Context, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := &round{Recorder: r, app: r.into.AppenderV2(ctx), t: timestamp.FromTime(now)}
	for _, k := range r.known {
		w.stale(k)
	}
	for i := range r.report {
		w.stale(&r.report[i])
	}
	clear(r.known)
	if err := w.app.Commit(); err != nil {
		return fmt.Errorf("end the series of %s: %w", r.target, err)
	}
	return nil
}

// Metadata returns type, help and unit of each metric that the last round
// had, by its name.
func (r *Recorder) Metadata() map[string]metadata.Metadata {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]metadata.Metadata, len(r.meta))
	for name, m := range r.meta {
		out[name] = m
	}
	return out
}

// Target returns the labels that every series gets.
func (r *Recorder) Target() labels.Labels { return r.target }

// round is one round of writing.
type round struct {
	*Recorder
	app     storage.AppenderV2
	t       int64
	samples int // written
	added   int // series that the round before did not have
	over    int // series left out for the limit
	refused int // samples that the storage refused one by one
	refusal error
}

func (w *round) write(k *known, v float64) {
	w.appendAs(k, v, sampleOptions{})
}

// stale ends a series. If the storage refuses the marker, the series has a
// newer sample from elsewhere: it has not ended.
func (w *round) stale(k *known) {
	_, err := w.app.Append(k.ref, k.labels, 0, w.t, math.Float64frombits(value.StaleNaN), nil, nil, storage.AOptions{RejectOutOfOrder: true})
	if err != nil && !errors.Is(err, storage.ErrOutOfOrderSample) && !errors.Is(err, storage.ErrDuplicateSampleForTimestamp) {
		w.refuse(err)
	}
}

func (w *round) refuse(err error) {
	w.refused++
	if w.refusal == nil {
		w.refusal = err
	}
}

// complaint says what was left out of the round.
func (w *round) complaint() error {
	var errs []error
	if w.over > 0 {
		errs = append(errs, fmt.Errorf("record %s: %d series were left out, the source has more than its limit of %d; find the label that grows without bound, or raise the limit", w.target, w.over, w.limit))
	}
	if w.refused > 0 {
		errs = append(errs, fmt.Errorf("record %s: %d samples were refused, the first with: %w; if the clock was set back, they come in again once it has caught up", w.target, w.refused, w.refusal))
	}
	return errors.Join(errs...)
}
