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

// takeLock keeps other processes out. It comes first: nothing may be repaired
// while another one writes. Unclean says that the last one was killed: a clean
// stop removes the file.
func (d *DB) takeLock() (unclean bool, err error) {
	if d.lock, unclean, err = fileutil.Flock(d.path(lockFile)); err != nil {
		return false, fmt.Errorf("metrics: %s is in use by another process or cannot be written: %w; stop the other one, or choose another folder", d.cfg.Dir, err)
	}
	return unclean, nil
}

// open moves aside what cannot be read and opens the rest.
func (d *DB) open(log *slog.Logger, reg prometheus.Registerer) (*tsdb.DB, error) {
	if err := os.RemoveAll(d.path(snapshotDir)); err != nil {
		return nil, fmt.Errorf("metrics: remove an unfinished snapshot: %w", err)
	}
	if err := d.setAsideBlocks(log); err != nil {
		return nil, fmt.Errorf("metrics: check the blocks: %w", err)
	}
	if err := d.salvage(); err != nil {
		return nil, fmt.Errorf("metrics: check the write-ahead log: %w", err)
	}
	registered, options := &recording{Registry: d.own}, d.cfg.options()
	options.BlocksToDelete = d.blocksToDelete
	db, err := tsdb.Open(d.cfg.Dir, log, registered, options, d.opening.stats)
	if err != nil && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, os.ErrPermission) {
		// The newest hours are beyond repair. The blocks are sound.
		registered.undo()
		if asideErr := d.setAsideHead(err); asideErr != nil {
			return nil, fmt.Errorf("metrics: open %s: %w", d.cfg.Dir, errors.Join(err, asideErr))
		}
		db, err = tsdb.Open(d.cfg.Dir, log, registered, options, d.opening.stats)
	}
	if err != nil {
		return nil, fmt.Errorf("metrics: open %s: %w", d.cfg.Dir, err)
	}
	if err := errors.Join(d.countRepairs(), registered.passOn(reg)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
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

// recording remembers what was registered with the registry of our own, so
// that a second try can register the same again, and others once it is open:
// before, the engine's figures cannot be read.
type recording struct {
	*prometheus.Registry
	collectors []prometheus.Collector
}

// Register implements prometheus.Registerer.
func (r *recording) Register(c prometheus.Collector) error {
	err := r.Registry.Register(c)
	if err == nil {
		r.collectors = append(r.collectors, c)
	}
	return err
}

// MustRegister implements prometheus.Registerer.
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
	r.collectors = nil
}

// passOn registers the same with another one, which may be nil.
func (r *recording) passOn(to prometheus.Registerer) error {
	if to == nil {
		return nil
	}
	for _, c := range r.collectors {
		if err := to.Register(c); err != nil {
			return fmt.Errorf("metrics: register the engine's own figures: %w", err)
		}
	}
	return nil
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
