package tsdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/evenkeel/evenkeel/metric"
)

// opening knows whether the directory is being read back, open, or could not
// be opened.
type opening struct {
	ended chan struct{}
	stats *tsdb.DBStats
	db    atomic.Pointer[tsdb.DB] // nil unless it is open

	mu        sync.Mutex
	failure   error   // once it has ended without success
	abandoned bool    // Close was called
	done      float64 // share that was told; the engine counts anew for each of its logs
}

func newOpening() opening {
	return opening{ended: make(chan struct{}), stats: tsdb.NewDBStats()}
}

// readBack opens the directory, and closes it again where nobody waits for it
// any more.
func (d *DB) readBack(log *slog.Logger, reg prometheus.Registerer, unclean bool) {
	o := &d.opening
	defer close(o.ended)
	db, err := d.open(log, reg)
	if err != nil {
		// The lock's file stays: the next start looks through all blocks.
		o.fail(errors.Join(err, d.lock.Release()))
		return
	}
	if unclean {
		d.verifyBlocks(db)
	}
	if o.publish(db) {
		return
	}
	if err := d.closeFiles(db); err != nil {
		log.Error("the metrics could not be closed", "error", err)
	}
}

func (o *opening) fail(why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failure = why
}

// publish hands the engine to whoever waits for it; false means nobody does.
func (o *opening) publish(db *tsdb.DB) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.abandoned {
		return false
	}
	o.db.Store(db)
	return true
}

// abandon returns the engine to be closed, or nil where there is none, or not
// yet: then it is closed when it comes.
func (o *opening) abandon() *tsdb.DB {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.abandoned = true
	return o.db.Load()
}

// Opened is closed when reading back has ended, well or not.
func (d *DB) Opened() <-chan struct{} { return d.opening.ended }

// Ready returns nil when the directory is open, a metric.StartingError while
// it is being read back, or else why it could not be opened.
func (d *DB) Ready() error {
	_, err := d.opened()
	return err
}

// opened returns the engine, or what Ready says.
func (d *DB) opened() (*tsdb.DB, error) {
	o := &d.opening
	if db := o.db.Load(); db != nil {
		return db, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failure != nil {
		return nil, o.failure
	}
	o.done = max(o.done, d.shareRead())
	return nil, metric.StartingError{Done: o.done}
}

// shareRead is the share of the write-ahead log's bytes that the engine has
// read. It tells only whole segments, of 32 MiB at most.
func (d *DB) shareRead() float64 {
	s := d.opening.stats.Head.WALReplayStatus.GetWALReplayStatus()
	if s.Current == s.Min {
		return 0 // it names the first before it is read, too
	}
	var read, all int64
	for n := s.Min; n <= s.Max; n++ {
		info, err := os.Stat(d.segment(n))
		if err != nil {
			continue // the log of late samples, which is small, is read last
		}
		all += info.Size()
		if n <= s.Current {
			read += info.Size()
		}
	}
	return float64(read) / float64(max(1, all))
}

func (d *DB) segment(n int) string { return d.path("wal", fmt.Sprintf("%08d", n)) }

// whenOpen is the storage for others: the engine's once it is open.
type whenOpen struct{ d *DB }

func (w whenOpen) Querier(from, to int64) (storage.Querier, error) {
	db, err := w.d.opened()
	if err != nil {
		return nil, err
	}
	return db.Querier(from, to)
}

func (w whenOpen) ChunkQuerier(from, to int64) (storage.ChunkQuerier, error) {
	db, err := w.d.opened()
	if err != nil {
		return nil, err
	}
	return db.ChunkQuerier(from, to)
}

func (w whenOpen) ExemplarQuerier(ctx context.Context) (storage.ExemplarQuerier, error) {
	db, err := w.d.opened()
	if err != nil {
		return nil, err
	}
	return db.ExemplarQuerier(ctx)
}

func (w whenOpen) AppenderV2(ctx context.Context) storage.AppenderV2 {
	db, err := w.d.opened()
	if err != nil {
		return refusing{err}
	}
	return db.AppenderV2(ctx)
}

// refusing takes nothing.
type refusing struct{ why error }

func (r refusing) Append(storage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, storage.AppendV2Options) (storage.SeriesRef, error) {
	return 0, r.why
}
func (r refusing) Commit() error   { return r.why }
func (r refusing) Rollback() error { return nil }
