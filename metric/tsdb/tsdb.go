// Package tsdb is the embedded engine: Prometheus' time series database and
// its PromQL engine, in this process and in one directory.
//
// Invariants: one process at a time opens a directory. An acknowledged Append
// survives the death of the process (the write-ahead log is written, though
// not synced, before Append returns; a loss of power costs what the kernel
// had not yet written, some seconds). Queries are bounded in samples, time
// and number; one past a bound fails with metric.ErrTooLarge and harms no
// other.
//
// Reading back what a killed process had written takes a while where there is
// much (some 5 seconds for each 25 million samples). Begin returns before it;
// opening.go is the one place that knows how far it is. Until then, every read
// and write fails with a metric.StartingError and changes nothing.
//
// Failure behaviour: Open always comes up again on what can be read. Damage
// in the write-ahead log costs the damaged pages of 32 KiB, a damaged block
// is moved aside whole (one whose damage lies within is found by reading all
// blocks in the background after an unclean stop); Recovered says in plain words what was lost. Only a
// directory that cannot be used at all (locked by another process, not
// writable, disk full) is an error.
package tsdb

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/fileutil"
	"github.com/prometheus/prometheus/util/compression"

	"github.com/evenkeel/evenkeel/metric"
)

var (
	_ metric.Querier  = (*DB)(nil)
	_ metric.Appender = (*DB)(nil)
)

// DB is an open directory of figures. It is safe for concurrent use.
type DB struct {
	cfg       Config
	opening   opening
	engine    *promql.Engine
	own       *prometheus.Registry // the engine's own counters, for Stats
	lock      fileutil.Releaser
	verify    verifier
	notes     sync.Mutex
	recovered []string

	snapshotting sync.Mutex

	closing  sync.Once
	closeErr error
}

// Open opens the directory, repairing what a crash has left, and returns when
// everything is there. The engine's own figures are registered with reg, which
// may be nil.
func Open(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*DB, error) {
	d, err := Begin(cfg, log, reg)
	if err != nil {
		return nil, err
	}
	<-d.Opened()
	if err := d.Ready(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Begin does as Open, but takes the directory and returns: what is in it is
// read back in the background. Opened is closed when that has ended, and Ready
// says how.
func Begin(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*DB, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if cfg.Dir == "" {
		return nil, errors.New("metrics: no directory is set")
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("metrics: make the directory: %w", err)
	}
	d := &DB{cfg: cfg, opening: newOpening(), own: prometheus.NewRegistry()}
	d.verify.damaged = map[ulid.ULID]struct{}{}
	unclean, err := d.takeLock()
	if err != nil {
		return nil, err
	}
	d.engine = promql.NewEngine(promql.EngineOpts{
		Logger:               log,
		Reg:                  reg,
		MaxSamples:           cfg.MaxSamples,
		Timeout:              time.Duration(cfg.QueryTimeout),
		ActiveQueryTracker:   newGate(cfg.MaxConcurrent, cfg.MaxQueued),
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               parser.NewParser(parser.Options{}),
	})
	go d.readBack(log, reg, unclean)
	return d, nil
}

// options are for small memory: a head of some thousand series should cost
// megabytes. The block's chunk files are preallocated at their full size, so
// that they are small too: a nearly full disk must still be able to compact.
func (c Config) options() *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.RetentionDuration = time.Duration(c.RetentionTime).Milliseconds()
	o.MaxBytes = int64(c.RetentionSize)
	o.MinBlockDuration = (2 * time.Hour).Milliseconds()
	o.MaxBlockDuration = max(o.MinBlockDuration, min(o.RetentionDuration/10, (31*24*time.Hour).Milliseconds()))
	// No snapshot of the memory at a clean stop: it would save the next start
	// most of the reading back, but not the one after a kill, and it has given
	// wrong answers (prometheus/prometheus#9725, #11606).
	o.WALCompression = compression.Snappy
	o.WALSegmentSize = 32 << 20
	o.MaxBlockChunkSegmentSize = 64 << 20
	o.NoLockfile = true // it is held by DB, from before the repair
	o.StripeSize = 1 << 10
	o.HeadChunksWriteBufferSize = 256 << 10
	o.OutOfOrderTimeWindow = time.Duration(c.OutOfOrderWindow).Milliseconds()
	o.EnableExemplarStorage = true
	o.MaxExemplars = c.MaxExemplars
	return o
}

// Dir returns the directory.
func (d *DB) Dir() string { return d.cfg.Dir }

// Storage is what Prometheus' own parts read from and write to (scraping,
// remote write, the query API).
type Storage interface {
	storage.SampleAndChunkQueryable
	storage.AppendableV2
}

// Storage returns the storage itself. It is closed with Close, not by its
// users.
func (d *DB) Storage() Storage { return whenOpen{d} }

// Exemplars returns the storage's exemplars.
func (d *DB) Exemplars() storage.ExemplarQueryable { return whenOpen{d} }

// Engine returns the PromQL engine. Its queries pass the same bounds as
// Instant and Range.
func (d *DB) Engine() *promql.Engine { return d.engine }

// closeWithin is how long Close waits for the directory to be read back.
const closeWithin = time.Second

// Close stops compaction and closes the files. It may be called again.
//
// Nothing can interrupt the reading back of a directory. Close waits for it,
// but no longer than a second. A process that ends then leaves the files as a
// kill does, which costs nothing; in one that goes on they are closed once
// they were read.
func (d *DB) Close() error {
	d.closing.Do(func() {
		closeErr := d.engine.Close()
		select {
		case <-d.Opened():
		case <-time.After(closeWithin):
		}
		if db := d.opening.abandon(); db != nil {
			closeErr = errors.Join(closeErr, d.closeFiles(db))
		}
		if closeErr != nil {
			d.closeErr = fmt.Errorf("metrics: close %s: %w", d.cfg.Dir, closeErr)
		}
	})
	return d.closeErr
}

func (d *DB) closeFiles(db *tsdb.DB) error {
	d.stopVerifying()
	return errors.Join(db.Close(), d.dropDamaged(), d.unlock())
}

func (d *DB) path(elem ...string) string {
	return filepath.Join(append([]string{d.cfg.Dir}, elem...)...)
}
