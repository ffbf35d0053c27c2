package tsdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

// verifier reads blocks through, in the background, after the process was
// killed or the power was lost. Open finds a block that does not open at all;
// damage within one would show only when a query or a compaction comes upon
// it, and fail that each time.
type verifier struct {
	stop    context.CancelFunc
	done    sync.WaitGroup
	mu      sync.Mutex
	damaged map[ulid.ULID]struct{} // saved aside, to be dropped by the engine
}

// breather keeps the reading from taking a core: a rest after each so many
// series.
const (
	breatherSeries = 500
	breather       = 2 * time.Millisecond
)

// verifyBlocks starts reading all blocks that db has now.
func (d *DB) verifyBlocks(db *tsdb.DB) {
	ctx, cancel := context.WithCancel(context.Background())
	d.verify.stop = cancel
	d.verify.done.Go(func() {
		for _, b := range db.Blocks() {
			err := readThrough(ctx, b)
			if err == nil || ctx.Err() != nil {
				continue
			}
			d.quarantine(b, err)
		}
	})
}

// readThrough reads every series and chunk of a block; each has a checksum.
func readThrough(ctx context.Context, b *tsdb.Block) error {
	ir, err := b.Index()
	if err != nil {
		return err
	}
	defer ir.Close()
	cr, err := b.Chunks()
	if err != nil {
		return err
	}
	defer cr.Close()
	name, value := index.AllPostingsKey()
	p, err := ir.Postings(ctx, name, value)
	if err != nil {
		return err
	}
	var (
		builder labels.ScratchBuilder
		metas   []chunks.Meta
	)
	for n := 1; p.Next(); n++ {
		if err := ir.Series(p.At(), &builder, &metas); err != nil {
			return err
		}
		for _, m := range metas {
			if _, _, err := cr.ChunkOrIterable(m); err != nil {
				return err
			}
		}
		if n%breatherSeries == 0 {
			select {
			case <-time.After(breather):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return p.Err()
}

// quarantine saves a damaged block's files aside and lets the engine drop it
// at its next look at the blocks, within a minute.
func (d *DB) quarantine(b *tsdb.Block, why error) {
	meta := b.Meta()
	_, err := os.Lstat(d.path(damagedDir, meta.ULID.String()))
	if os.IsNotExist(err) { // else it is there since before a kill
		err = b.Snapshot(d.path(damagedDir))
	}
	if err != nil {
		d.note("The block of metrics %s is damaged (%v) and could not be moved aside: %v. Queries over its time will fail.", meta.ULID, why, err)
		return
	}
	d.verify.mu.Lock()
	d.verify.damaged[meta.ULID] = struct{}{}
	d.verify.mu.Unlock()
	d.note("A block of metrics was damaged and was moved to %s: %v. The metrics from %s to %s are lost.",
		d.path(damagedDir, meta.ULID.String()), why, at(meta.MinTime), at(meta.MaxTime))
}

func at(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// blocksToDelete adds the damaged blocks to those past their retention.
func (d *DB) blocksToDelete(blocks []*tsdb.Block) map[ulid.ULID]struct{} {
	engine, err := d.opened()
	if err != nil {
		return nil // retention waits for the next look
	}
	out := tsdb.DefaultBlocksToDelete(engine)(blocks)
	d.verify.mu.Lock()
	defer d.verify.mu.Unlock()
	for _, b := range blocks {
		if _, ok := d.verify.damaged[b.Meta().ULID]; ok {
			out[b.Meta().ULID] = struct{}{}
		}
	}
	return out
}

// dropDamaged removes the damaged blocks that the engine, now closed, has not
// come to drop.
func (d *DB) dropDamaged() error {
	d.verify.mu.Lock()
	defer d.verify.mu.Unlock()
	var errs []error
	for id := range d.verify.damaged {
		errs = append(errs, os.RemoveAll(d.path(id.String())))
	}
	return errors.Join(errs...)
}

func (d *DB) stopVerifying() {
	if d.verify.stop != nil {
		d.verify.stop()
	}
	d.verify.done.Wait()
}

// Recovered says what was found damaged and what that cost, one sentence
// each; empty after a normal start. After a stop that was not clean, blocks
// are still read through in the background for a while: it may grow.
func (d *DB) Recovered() []string {
	d.notes.Lock()
	defer d.notes.Unlock()
	return append([]string(nil), d.recovered...)
}

func (d *DB) note(format string, args ...any) {
	d.notes.Lock()
	defer d.notes.Unlock()
	d.recovered = append(d.recovered, fmt.Sprintf(format, args...))
}
