package tsdb_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// writerDir makes the test's own binary the process that is to be killed.
const writerDir = "EVENKEEL_TEST_WRITER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		write(dir)
		return
	}
	os.Exit(m.Run())
}

// write appends rounds of 200 series for ever and prints each round's number
// once it is acknowledged.
func write(dir string) {
	db, err := tsdb.Open(tsdb.Config{Dir: dir}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	from := 0
	if s, err := db.Instant(context.Background(), `max(max_over_time(m[100d]))`, start.Add(50*24*time.Hour)); err == nil && len(s) == 1 {
		from = int(s[0].V) + 1
	}
	for i := from; ; i++ {
		if err := db.Append(context.Background(), batch(200, start.Add(time.Duration(i)*time.Second), float64(i))); err != nil {
			fmt.Println("append:", err)
			return
		}
		fmt.Println(i)
	}
}

func TestKilledAtAnyMoment(t *testing.T) {
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	acknowledged := -1
	for range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writerDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.Duration(100+rand.IntN(300)) * time.Millisecond
		timer := time.AfterFunc(kill, func() { _ = cmd.Process.Kill() })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(lines.Text())
			}
			acknowledged = n
		}
		_ = cmd.Wait()
		timer.Stop()
	}
	if acknowledged < 10 {
		t.Fatalf("only %d rounds were written", acknowledged)
	}
	began := time.Now()
	db := open(t, tsdb.Config{Dir: dir})
	t.Logf("%d rounds of 200 samples, open again after %s, recovered: %q", acknowledged+1, time.Since(began), db.Recovered())
	at := start.Add(time.Duration(acknowledged) * time.Second)
	if got := one(t, db, `count(count_over_time(m[100d]) >= `+fmt.Sprint(acknowledged+1)+`)`, at); got != 200 {
		t.Errorf("%v series have all %d acknowledged samples, want 200", got, acknowledged+1)
	}
	if got := one(t, db, `min(m)`, at); got != float64(acknowledged) {
		t.Errorf("the last acknowledged value is %v, want %d", got, acknowledged)
	}
}

// filled makes a storage of 50 series and n rounds and closes it.
func filled(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	db, err := tsdb.Open(tsdb.Config{Dir: dir}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, db, 50, n)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(dir, "wal", "0*"))
	if err != nil || len(out) == 0 {
		t.Fatalf("segments %v, %v", out, err)
	}
	return out
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedLogCostsTheDamageOnly(t *testing.T) {
	const rounds = 600 // less than three hours: no compaction comes between
	last := start.Add((rounds - 1) * 15 * time.Second)
	for _, c := range []struct {
		name   string
		damage func(data []byte) []byte
		want   string // in Recovered
		lost   int    // rounds lost at most
	}{
		{"one bit", func(b []byte) []byte { b[len(b)/2+100] ^= 0x10; return b }, "was damaged", 60},
		{"a length", func(b []byte) []byte { // of the first fragment of the third page
			b[2*32<<10+1], b[2*32<<10+2] = 0xff, 0xff
			return b
		}, "was damaged", 60},
		{"a page of zeros", func(b []byte) []byte { clear(b[2*32<<10 : 3*32<<10]); return b }, "was damaged", 60},
		{"a page of noise", func(b []byte) []byte {
			for i := 2 * 32 << 10; i < 3*32<<10; i++ {
				b[i] = byte(rand.Uint32())
			}
			return b
		}, "was damaged", 60},
		{"the end cut off", func(b []byte) []byte { return b[:len(strings.TrimRight(string(b), "\x00"))-3] }, "cut off", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filled(t, rounds)
			edit(t, segments(t, dir)[0], c.damage)
			db := open(t, tsdb.Config{Dir: dir})
			if got := strings.Join(db.Recovered(), "\n"); !strings.Contains(got, c.want) || strings.Contains(got, "three hours") {
				t.Errorf("recovered: %s", got)
			}
			if got := one(t, db, `min(count_over_time(m[1d]))`, last); got < rounds-float64(c.lost) || got > rounds {
				t.Errorf("%v of %d rounds are left", got, rounds)
			}
			if c.lost > 1 {
				if got := one(t, db, `min(m)`, last); got != rounds-1 {
					t.Errorf("the last value, after the damage, is %v", got)
				}
			}
			if err := db.Append(context.Background(), batch(50, last.Add(time.Minute), 5)); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			again := open(t, tsdb.Config{Dir: dir})
			if r := again.Recovered(); len(r) != 0 {
				t.Errorf("a second start still recovers: %q", r)
			}
			if got := one(t, again, `min(m)`, last.Add(time.Minute)); got != 5 {
				t.Errorf("what was written after the repair is %v", got)
			}
		})
	}
}

// TestAnyDamageIsSurvived flips bytes at random places of all files.
func TestAnyDamageIsSurvived(t *testing.T) {
	dir := filled(t, 300)
	clean := t.TempDir()
	for i := range 25 {
		work := filepath.Join(clean, fmt.Sprint(i))
		if err := os.CopyFS(work, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		files := segments(t, work)
		heads, _ := filepath.Glob(filepath.Join(work, "chunks_head", "*"))
		files = append(files, heads...)
		r := rand.New(rand.NewPCG(uint64(i), 1))
		edit(t, files[r.IntN(len(files))], func(b []byte) []byte {
			for range 1 + r.IntN(20) {
				if len(b) > 0 {
					b[r.IntN(len(b))] = byte(r.Uint32())
				}
			}
			return b[:len(b)-min(len(b), r.IntN(2)*r.IntN(100))]
		})
		db, err := tsdb.Open(tsdb.Config{Dir: work}, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatalf("seed %d: %v", i, err)
		}
		if err := db.Append(context.Background(), batch(50, start.Add(400*15*time.Second), 1)); err != nil {
			t.Errorf("seed %d: %v", i, err)
		}
		if _, err := db.Instant(context.Background(), `count(m)`, start.Add(400*15*time.Second)); err != nil {
			t.Errorf("seed %d: %v", i, err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("seed %d: %v", i, err)
		}
	}
}

func TestDamagedBlocksAreMovedAside(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, block string){
		"index cut": func(t *testing.T, block string) {
			edit(t, filepath.Join(block, "index"), func(b []byte) []byte { return b[:len(b)/2] })
		},
		"no meta": func(t *testing.T, block string) { _ = os.Remove(filepath.Join(block, "meta.json")) },
		"bad meta": func(t *testing.T, block string) {
			edit(t, filepath.Join(block, "meta.json"), func([]byte) []byte { return []byte("{") })
		},
		"chunks gone": func(t *testing.T, block string) {
			edit(t, filepath.Join(block, "chunks", "000001"), func([]byte) []byte { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, tsdb.Config{Dir: t.TempDir()})
			last := fill(t, db, 20, 30)
			dir := t.TempDir()
			if err := db.Snapshot(context.Background(), dir); err != nil {
				t.Fatal(err)
			}
			var block string
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if _, err := ulid.ParseStrict(e.Name()); err == nil {
					block = e.Name()
				}
			}
			damage(t, filepath.Join(dir, block))
			got := open(t, tsdb.Config{Dir: dir})
			if r := got.Recovered(); len(r) != 1 || !strings.Contains(r[0], block) {
				t.Errorf("recovered %q, want the block %s named", r, block)
			}
			if _, err := os.Stat(filepath.Join(dir, "damaged", block)); err != nil {
				t.Error(err)
			}
			if s, err := got.Instant(context.Background(), `m`, last); err != nil || len(s) != 0 {
				t.Errorf("%v, %v", s, err)
			}
		})
	}
}

func TestAMissingSegmentIsBridged(t *testing.T) {
	dir := filled(t, 10)
	for range 2 { // each start begins a segment
		db := open(t, tsdb.Config{Dir: dir})
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := segments(t, dir)
	if err := os.Remove(s[1]); err != nil {
		t.Fatal(err)
	}
	db := open(t, tsdb.Config{Dir: dir})
	if r := db.Recovered(); len(r) != 1 || !strings.Contains(r[0], "lacks its segments") {
		t.Errorf("recovered %q", r)
	}
	if got := one(t, db, `count(m)`, start.Add(9*15*time.Second)); got != 50 {
		t.Errorf("count(m) = %v", got)
	}
}

// TestDamageWithinABlockIsFoundAfterAnUncleanStop: such a block opens, and
// only reading it shows the damage.
func TestDamageWithinABlockIsFoundAfterAnUncleanStop(t *testing.T) {
	db := open(t, tsdb.Config{Dir: t.TempDir()})
	last := fill(t, db, 20, 30)
	dir := t.TempDir()
	if err := db.Snapshot(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	chunks, err := filepath.Glob(filepath.Join(dir, "0*", "chunks", "000001"))
	if err != nil || len(chunks) != 1 {
		t.Fatalf("%v, %v", chunks, err)
	}
	edit(t, chunks[0], func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b })
	if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil { // as a killed process leaves it
		t.Fatal(err)
	}
	got := open(t, tsdb.Config{Dir: dir})
	deadline := time.Now().Add(10 * time.Second)
	for len(got.Recovered()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the damage was not found")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if r := got.Recovered()[0]; !strings.Contains(r, "The metrics from 2026-11-01T12:00:00Z") {
		t.Errorf("recovered %q", r)
	}
	if err := got.Close(); err != nil {
		t.Fatal(err)
	}
	// The next start, clean or not, is without the block.
	again := open(t, tsdb.Config{Dir: dir})
	if s, err := again.Instant(context.Background(), `m`, last); err != nil || len(s) != 0 {
		t.Errorf("%v, %v", s, err)
	}
}
