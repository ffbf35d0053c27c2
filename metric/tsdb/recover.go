package tsdb

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/fileutil"
)

// damagedDir takes what could not be read. Nothing in it is ever deleted or
// read again; it is for people.
const damagedDir = "damaged"

// lockFile is the engine's own, so that other tools respect it too.
const lockFile = "lock"

// open takes the lock, moves aside what cannot be read and opens the rest.
// The lock comes first: nothing may be repaired while another process writes.
func (d *DB) open(log *slog.Logger, reg prometheus.Registerer) (err error) {
	var unclean bool // a clean stop removes the file
	if d.lock, unclean, err = fileutil.Flock(d.path(lockFile)); err != nil {
		return fmt.Errorf("metrics: %s is in use by another process or cannot be written: %w; stop the other one, or choose another folder", d.cfg.Dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.lock.Release())
		}
	}()
	if err := os.RemoveAll(d.path(snapshotDir)); err != nil {
		return fmt.Errorf("metrics: remove an unfinished snapshot: %w", err)
	}
	if err := d.setAsideBlocks(log); err != nil {
		return fmt.Errorf("metrics: check the blocks: %w", err)
	}
	if err := d.salvage(); err != nil {
		return fmt.Errorf("metrics: check the write-ahead log: %w", err)
	}
	registered, options := &recording{Registerer: reg}, d.cfg.options()
	options.BlocksToDelete = d.blocksToDelete
	d.db, err = tsdb.Open(d.cfg.Dir, log, registered, options, nil)
	if err != nil && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, os.ErrPermission) {
		// The newest hours are beyond repair. The blocks are sound.
		registered.undo()
		if asideErr := d.setAsideHead(err); asideErr != nil {
			return fmt.Errorf("metrics: open %s: %w", d.cfg.Dir, errors.Join(err, asideErr))
		}
		d.db, err = tsdb.Open(d.cfg.Dir, log, reg, options, nil)
	}
	if err != nil {
		return fmt.Errorf("metrics: open %s: %w", d.cfg.Dir, err)
	}
	d.verify.engine.Store(d.db)
	if unclean {
		d.verifyBlocks()
	}
	return d.countRepairs()
}

// unlock leaves no lock file behind: the next start knows that all was well.
func (d *DB) unlock() error {
	return errors.Join(os.Remove(d.path(lockFile)), d.lock.Release())
}

// setAsideHead moves all that is not yet in blocks out of the engine's way.
func (d *DB) setAsideHead(why error) error {
	for _, name := range []string{"wal", "wbl", "chunks_head"} {
		if _, err := os.Lstat(d.path(name)); os.IsNotExist(err) {
			continue
		}
		to, err := d.setAside(name)
		if err != nil {
			return err
		}
		d.note("The newest metrics, up to three hours, could not be read and are lost: %v. Their files were moved to %s.", why, to)
	}
	return nil
}

// countRepairs notes what the engine has repaired by itself.
func (d *DB) countRepairs() error {
	families, err := d.own.Gather()
	if err != nil {
		return fmt.Errorf("metrics: count repairs: %w", err)
	}
	for _, f := range families {
		if len(f.GetMetric()) == 0 || f.GetMetric()[0].GetCounter().GetValue() == 0 {
			continue
		}
		switch f.GetName() {
		case "prometheus_tsdb_wal_corruptions_total":
			d.note("The write-ahead log held records that cannot be read. The metrics after them, at most the last three hours, are lost.")
		case "prometheus_tsdb_mmap_chunk_corruptions_total":
			d.note("Some of the newest metrics' files were damaged and were restored from the write-ahead log. What it no longer held, some hours of a few series at most, is lost.")
		}
	}
	return nil
}

// recording remembers what was registered, so that a second try can register
// the same again.
type recording struct {
	prometheus.Registerer
	collectors []prometheus.Collector
}

func (r *recording) Register(c prometheus.Collector) error {
	err := r.Registerer.Register(c)
	if err == nil {
		r.collectors = append(r.collectors, c)
	}
	return err
}

func (r *recording) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

func (r *recording) undo() {
	for _, c := range r.collectors {
		r.Unregister(c)
	}
}

// setAsideBlocks opens each block as the engine would and moves those that
// do not open out of its way.
func (d *DB) setAsideBlocks(log *slog.Logger) error {
	entries, err := os.ReadDir(d.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, err := ulid.ParseStrict(e.Name())
		if err != nil || !e.IsDir() {
			continue
		}
		b, err := tsdb.OpenBlock(log, d.path(e.Name()), nil, nil)
		if err == nil {
			err = b.Close()
		}
		if err == nil {
			continue
		}
		to, moveErr := d.setAside(e.Name())
		if moveErr != nil {
			return moveErr
		}
		d.note("A block of metrics could not be read and was moved to %s: %v. Its figures are lost; it was written %s and holds at most the hours before that.",
			to, err, ulid.Time(id.Time()).UTC().Format(time.RFC3339))
	}
	return nil
}

// setAside moves name out of the directory's way and returns its new place.
func (d *DB) setAside(name string) (string, error) {
	to := d.path(damagedDir, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return "", err
	}
	if _, err := os.Lstat(to); err == nil {
		to += "-" + ulid.Make().String()
	}
	return to, os.Rename(d.path(name), to)
}
