//go:build linux

package tsdb_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// TestDiskFull fills a small filesystem under a storage that writes, frees it
// again, and starts anew on what there is.
func TestDiskFull(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=24m"); err != nil {
		t.Skip("it takes root to mount a small filesystem: " + err.Error())
	}
	t.Cleanup(func() { _ = syscall.Unmount(mount, syscall.MNT_DETACH) })
	dir, ballast := filepath.Join(mount, "metrics"), filepath.Join(mount, "ballast")
	ctx := context.Background()
	db, err := tsdb.Open(tsdb.Config{Dir: dir}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	acknowledged := map[int]bool{}
	round := 0
	write := func() error {
		round++
		err := db.Append(ctx, batch(100, start.Add(time.Duration(round)*15*time.Second), float64(round)))
		acknowledged[round] = err == nil
		return err
	}
	for range 50 {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	// Fill all that is left.
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 4<<10)
	for err == nil {
		_, err = f.Write(chunk)
	}
	_ = f.Close()
	var full error
	for range 2000 {
		if err := write(); err != nil {
			full = err
			break
		}
	}
	if !errors.Is(full, syscall.ENOSPC) {
		t.Fatalf("on a full disk a write ended with %v", full)
	}
	// A start on a full disk either works or says why not.
	if err := db.Close(); err != nil {
		t.Logf("close on a full disk: %v", err)
	}
	if again, err := tsdb.Open(tsdb.Config{Dir: dir}, slog.New(slog.DiscardHandler), nil); err == nil {
		_ = again.Close()
	} else if !strings.Contains(err.Error(), "no space left") {
		t.Errorf("a start on a full disk: %v", err)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	db, err = tsdb.Open(tsdb.Config{Dir: dir}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("recovered: %q", db.Recovered())
	for range 10 {
		if err := write(); err != nil {
			t.Fatalf("with space again: %v", err)
		}
	}
	missing := 0
	for r := 1; r <= round; r++ {
		s, err := db.Instant(ctx, `count(m)`, start.Add(time.Duration(r)*15*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if acknowledged[r] && (len(s) != 1 || s[0].V != 100) {
			missing++
		}
	}
	if got := one(t, db, `min(m)`, start.Add(time.Duration(round)*15*time.Second)); missing > 0 || got != float64(round) {
		t.Errorf("%d acknowledged rounds of %d are missing; the last value is %v", missing, round, got)
	}
}

// TestDiskFullAndFreedWhileRunning: no new start is needed.
func TestDiskFullAndFreedWhileRunning(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=24m"); err != nil {
		t.Skip("it takes root to mount a small filesystem: " + err.Error())
	}
	t.Cleanup(func() { _ = syscall.Unmount(mount, syscall.MNT_DETACH) })
	dir, ballast := filepath.Join(mount, "metrics"), filepath.Join(mount, "ballast")
	db := open(t, tsdb.Config{Dir: dir})
	ctx := context.Background()
	last := fill(t, db, 100, 20)
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for chunk := make([]byte, 4<<10); err == nil; {
		_, err = f.Write(chunk)
	}
	_ = f.Close()
	for range 2000 {
		last = last.Add(15 * time.Second)
		if err = db.Append(ctx, batch(100, last, 1)); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("on a full disk a write ended with %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		last = last.Add(15 * time.Second)
		if err := db.Append(ctx, batch(100, last, 7)); err != nil {
			t.Fatalf("with space again: %v", err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, tsdb.Config{Dir: dir})
	t.Logf("recovered: %q", again.Recovered())
	if got := one(t, again, `min(count_over_time((m == 7)[25m:15s]))`, last); got < 99 {
		t.Errorf("of 100 rounds after the disk was freed %v are left", got)
	}
}
