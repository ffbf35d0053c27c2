package tsdb

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/fileutil"
)

// damagedDir takes what could not be read. Nothing in it is ever deleted or
// read again; it is for people.
const damagedDir = "damaged"

// Recovered says what Open found damaged and what that cost, one sentence
// each; empty after a normal start.
func (d *DB) Recovered() []string { return d.recovered }

func (d *DB) note(format string, args ...any) {
	d.recovered = append(d.recovered, fmt.Sprintf(format, args...))
}

// lockFile is the engine's own, so that other tools respect it too.
const lockFile = "lock"

// open takes the lock, moves aside what cannot be read and opens the rest.
// The lock comes first: nothing may be repaired while another process writes.
func (d *DB) open(log *slog.Logger, reg prometheus.Registerer) (err error) {
	if d.lock, _, err = fileutil.Flock(d.path(lockFile)); err != nil {
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
	if d.db, err = tsdb.Open(d.cfg.Dir, log, reg, d.cfg.options(), nil); err != nil {
		return fmt.Errorf("metrics: open %s: %w", d.cfg.Dir, err)
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
