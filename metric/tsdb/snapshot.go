package tsdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// snapshotDir is where a snapshot for another filesystem is made first; one
// that a crash has left is removed by the next Open.
const snapshotDir = "snapshot.tmp"

// Snapshot writes all samples, the newest included, into dir as blocks, while
// reading and writing go on. Opening dir with Open gives the same answers as
// this storage now, but for exemplars, which are kept in memory only. Blocks
// are hard links where dir lies on the same filesystem, else copies. Dir must
// not exist or be empty; after an error it may be partly written.
func (d *DB) Snapshot(ctx context.Context, dir string) error {
	if err := d.snapshot(ctx, dir); err != nil {
		return fmt.Errorf("metrics: snapshot into %s: %w", dir, err)
	}
	return nil
}

func (d *DB) snapshot(ctx context.Context, dir string) error {
	db, err := d.opened()
	if err != nil {
		return err
	}
	d.snapshotting.Lock()
	defer d.snapshotting.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if len(entries) > 0 {
		return errors.New("it is not empty; give a new folder")
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	// The head's block holds in-order samples only.
	if err := db.CompactOOOHead(ctx); err != nil {
		return err
	}
	err = db.Snapshot(dir, true)
	if !errors.Is(err, syscall.EXDEV) {
		return errors.Join(err, ctx.Err())
	}

	if err := os.RemoveAll(dir); err != nil { // the part that was begun
		return err
	}
	defer os.RemoveAll(d.path(snapshotDir))
	if err := db.Snapshot(d.path(snapshotDir), true); err != nil {
		return err
	}
	return errors.Join(os.CopyFS(dir, os.DirFS(d.path(snapshotDir))), ctx.Err())
}
