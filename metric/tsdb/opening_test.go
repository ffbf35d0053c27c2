package tsdb

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/evenkeel/evenkeel/metric"
)

// pipe puts a pipe in the place of the write-ahead log's first segment, so
// that reading it back lasts until feed was called twice: it is looked through
// for damage first.
func pipe(t *testing.T, dir string) (feed func()) {
	t.Helper()
	segment := filepath.Join(dir, "wal", "00000000")
	content, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(segment); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(segment, 0o600); err != nil {
		t.Skipf("no pipe can be made here: %v", err)
	}
	return func() {
		if err := os.WriteFile(segment, content, 0); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsReadBackIsRefusedAndThenWhole(t *testing.T) {
	for _, abandoned := range []bool{false, true} {
		cfg := Config{Dir: t.TempDir()}
		quiet := slog.New(slog.DiscardHandler)
		at := time.Now().Add(-time.Minute)
		past := []metric.Sample{{Labels: labels.FromStrings("__name__", "past"), Point: metric.Point{T: at, V: 1}}}
		d, err := Open(cfg, quiet, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Append(t.Context(), past), d.Close()); err != nil {
			t.Fatal(err)
		}
		feed := pipe(t, cfg.Dir)

		if d, err = Begin(cfg, quiet, nil); err != nil {
			t.Fatal(err)
		}
		_, instant := d.Instant(t.Context(), "past", at)
		_, ranged := d.Range(t.Context(), "past", metric.Window{From: at, To: at, Step: time.Second})
		_, stats := d.Stats()
		_, cardinality := d.Cardinality(10)
		app := d.Storage().AppenderV2(t.Context())
		_, written := app.Append(0, past[0].Labels, 0, at.UnixMilli(), 2, nil, nil, storage.AOptions{})
		for name, err := range map[string]error{
			"Ready": d.Ready(), "Instant": instant, "Range": ranged, "Append": d.Append(t.Context(), past), "Stats": stats,
			"Cardinality": cardinality, "Snapshot": d.Snapshot(t.Context(), t.TempDir()), "an appender": written, "its commit": app.Commit(),
		} {
			if _, ok := errors.AsType[metric.StartingError](err); !ok || !errors.Is(err, metric.ErrUnavailable) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if err := app.Rollback(); err != nil || d.ActiveSeries() != 0 {
			t.Errorf("%d series, %v", d.ActiveSeries(), err)
		}
		if _, err := Begin(cfg, quiet, nil); err == nil {
			t.Error("a second one took the directory")
		}

		if abandoned {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		feed()
		// The second reader comes after the first: until then the pipe is
		// that of the first.
		for d.opening.stats.Head.WALReplayStatus.GetWALReplayStatus().Max == 0 {
			time.Sleep(time.Millisecond)
		}
		feed()
		<-d.Opened()
		if abandoned {
			// It was closed when it came, so that the directory is free.
			if _, err := os.Lstat(filepath.Join(cfg.Dir, lockFile)); !os.IsNotExist(err) {
				t.Errorf("the lock is still there: %v", err)
			}
			continue
		}
		if got, err := d.Instant(t.Context(), "past", at.Add(time.Second)); err != nil || len(got) != 1 || got[0].V != 1 {
			t.Errorf("after it: %v, %v", got, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
