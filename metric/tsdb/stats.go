package tsdb

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/tsdb"
)

// Stats is what the storage holds.
type Stats struct {
	Series   uint64 `json:"series"`   // active series: written to within the last two to three hours
	Blocks   int    `json:"blocks"`   // blocks on disk
	Samples  uint64 `json:"samples"`  // samples in these blocks
	Appended uint64 `json:"appended"` // samples taken since the start of the process
	// OutOfOrder counts samples that were taken late; TooOld those that were
	// refused for being later than the window. Both since the start.
	OutOfOrder uint64 `json:"outOfOrder"`
	TooOld     uint64 `json:"tooOld"`
	// FailedCompactions since the start; above zero means that the disk is
	// full or a block is damaged.
	FailedCompactions uint64    `json:"failedCompactions"`
	Oldest            time.Time `json:"oldest,omitzero"` // zero if there is nothing
	Newest            time.Time `json:"newest,omitzero"`
	Bytes             int64     `json:"bytes"` // on disk, write-ahead log included
}

// Stats counts what is there. It walks the directory's file sizes.
func (d *DB) Stats() (Stats, error) {
	db, err := d.opened()
	if err != nil {
		return Stats{}, fmt.Errorf("metrics: count: %w", err)
	}
	s := Stats{Series: db.Head().NumSeries()}
	oldest, newest := db.Head().MinTime(), db.Head().MaxTime()
	for _, b := range db.BlockMetas() {
		s.Blocks++
		s.Samples += b.Stats.NumSamples
		oldest, newest = min(oldest, b.MinTime), max(newest, b.MaxTime)
	}
	if oldest != math.MaxInt64 && newest != math.MinInt64 {
		s.Oldest, s.Newest = timestamp.Time(oldest).UTC(), timestamp.Time(newest).UTC()
	}
	families, err := d.own.Gather()
	if err != nil {
		return Stats{}, fmt.Errorf("metrics: count: %w", err)
	}
	counters := map[string]*uint64{
		"prometheus_tsdb_head_samples_appended_total":              &s.Appended,
		"prometheus_tsdb_head_out_of_order_samples_appended_total": &s.OutOfOrder,
		"prometheus_tsdb_too_old_samples_total":                    &s.TooOld,
		"prometheus_tsdb_compactions_failed_total":                 &s.FailedCompactions,
	}
	for _, f := range families {
		if into := counters[f.GetName()]; into != nil {
			for _, m := range f.GetMetric() {
				*into += uint64(m.GetCounter().GetValue())
			}
		}
	}
	s.Bytes, err = dirSize(d.cfg.Dir)
	return s, err
}

// ActiveSeries is the number of series in memory, cheap enough to ask at
// every write.
func (d *DB) ActiveSeries() uint64 {
	db, err := d.opened()
	if err != nil {
		return 0 // nothing can be written either
	}
	return db.Head().NumSeries()
}

// dirSize adds up the files below dir. Files that vanish meanwhile, as the
// engine's do, count as nothing.
func dirSize(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("metrics: measure %s: %w", dir, err)
	}
	return total, nil
}

// Cardinality returns where the active series come from: the limit largest
// metrics, labels and label pairs. It walks the whole index in memory.
func (d *DB) Cardinality(limit int) (*tsdb.Stats, error) {
	db, err := d.opened()
	if err != nil {
		return nil, err
	}
	return db.Head().Stats(model.MetricNameLabel, limit), nil
}
