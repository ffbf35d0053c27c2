package respond_test

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/respond"
)

// book is what lives have acknowledged, written down outside of them.
type book struct {
	mu      sync.Mutex
	alerts  map[string]bool
	answers map[string]int64 // the revision of each incident that somebody answered
	trouble []string
}

func (b *book) note(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	words := strings.Fields(line)
	switch words[0] {
	case "alert":
		b.alerts[words[1]] = true
	case string(respond.Acknowledged), string(respond.Resolved):
		revision, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			b.trouble = append(b.trouble, err.Error())
		}
		b.answers[words[1]] = max(b.answers[words[1]], revision)
	}
}

// ahead is how far the clock is off in the nth life.
func ahead(n int) time.Duration {
	switch n % 7 {
	case 3:
		return 24 * time.Hour
	case 5:
		return -24 * time.Hour
	}
	return 0
}

// soon kills a life at some moment.
func soon(cmd *exec.Cmd) {
	time.AfterFunc(time.Duration(rand.Int64N(int64(600*time.Millisecond))), func() {
		// An error means that it has ended by itself, which Wait tells.
		_ = cmd.Process.Kill()
	})
}

// alone is one life after another on SQLite. In some of them another program
// holds the database's lock for moments, and in some its disk is full.
func alone(t *testing.T, l life, kills int, b *book) string {
	small := onSmallDisk(t, l.Dir)
	locked, full := 0, 0
	for n := range kills {
		l.Ahead = ahead(n)
		over := make(chan struct{})
		var disturbing sync.WaitGroup
		if n%5 == 1 {
			locked++
			disturbing.Go(func() { lockSQLite(t, filepath.Join(l.Dir, "state.db"), over) })
		}
		end := lived(t, l, b.note, func(cmd *exec.Cmd) {
			if n%5 == 3 && small {
				full++
				fill(t, l.Dir)
			}
			soon(cmd)
		})
		close(over)
		disturbing.Wait()
		if small {
			if err := os.Remove(filepath.Join(l.Dir, "ballast")); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		if end != endKilled {
			t.Fatalf("life %d: %s", n, end)
		}
	}
	if !small {
		return fmt.Sprintf("database locked by another program in %d; no full disk, which needs root", locked)
	}
	return fmt.Sprintf("database locked by another program in %d, disk full in %d", locked, full)
}

// onSmallDisk puts the folder on a disk of its own, which can be filled.
func onSmallDisk(t *testing.T, dir string) bool {
	if os.Geteuid() != 0 {
		return false
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1g,mode=0700"); err != nil {
		t.Logf("no disk of its own: %v", err)
		return false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return true
}

// fill leaves no room on the disk of a folder.
func fill(t *testing.T, dir string) {
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	var free unix.Statfs_t
	if err := unix.Statfs(dir, &free); err != nil {
		t.Error(err)
		return
	}
	// Another page may be taken meanwhile: what is left is filled page by page.
	err = unix.Fallocate(int(f.Fd()), 0, 0, max(1, int64(free.Bavail)-16)*free.Bsize)
	for page := make([]byte, free.Bsize); err == nil; {
		_, err = f.Seek(0, 2)
		if err == nil {
			_, err = f.Write(page)
		}
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("fill the disk: %v", err)
	}
}

// lockSQLite holds the write lock of a database for moments, as another program
// does that has the file open.
func lockSQLite(t *testing.T, path string, over <-chan struct{}) {
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(2000)")
	if err != nil {
		t.Error(err)
		return
	}
	defer db.Close()
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(rand.IntN(50)) * time.Millisecond):
		}
		tx, err := db.Begin()
		if err != nil {
			continue // it is not there yet, or not free
		}
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		if err := tx.Rollback(); err != nil {
			t.Errorf("let the lock go: %v", err)
		}
	}
}

// replicas are two at a time on one PostgreSQL database: one works, the other
// stands by. Whoever works is killed, or loses its lock without being killed;
// sometimes the one that stands by is killed; tables are locked by others.
func replicas(t *testing.T, l life, kills int, b *book) string {
	db, err := sql.Open("pgx", l.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var mu sync.Mutex
	begun, killed, idle, deposed, locked := 0, 0, 0, 0, 0
	going := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return killed < kills && !t.Failed()
	}
	over := make(chan struct{})
	var locking, running sync.WaitGroup
	locking.Go(func() { locked = lockPostgres(t, db, over) })
	for slot := range 2 {
		dir := filepath.Join(l.Dir, strconv.Itoa(slot))
		running.Go(func() {
			for going() {
				mine := l
				mu.Lock()
				mine.Dir, mine.Ahead = dir, ahead(begun)
				begun++
				mu.Unlock()
				standing, unaware := true, (*time.Timer)(nil)
				end := lived(t, mine, b.note, func(cmd *exec.Cmd) {
					standing = false
					if rand.IntN(5) > 0 || !going() {
						soon(cmd)
						return
					}
					time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
					takeLock(t, db)
					unaware = time.AfterFunc(20*time.Second, func() {
						t.Error("one that was replaced has not noticed it at its next write")
						_ = cmd.Process.Kill()
					})
				}, func(cmd *exec.Cmd) {
					if rand.IntN(8) == 0 {
						soon(cmd)
					}
				})
				if unaware != nil {
					unaware.Stop()
				}
				mu.Lock()
				switch {
				case end == endReplaced:
					deposed++
				case end != endKilled:
					t.Errorf("a life: %s", end)
				case standing:
					idle++
				default:
					killed++
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	close(over)
	locking.Wait()
	return fmt.Sprintf("of the one of two that worked; besides, %d of the one that stood by, %d lost the lock and were replaced, tables locked by another program %d times",
		idle, deposed, locked)
}

// takeLock ends the connection that holds the database's lock, as a network does
// that breaks.
func takeLock(t *testing.T, db *sql.DB) {
	if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`); err != nil {
		t.Error(err)
	}
}

// lockPostgres locks tables for moments, as a migration or a person does.
func lockPostgres(t *testing.T, db *sql.DB, over <-chan struct{}) (times int) {
	for {
		select {
		case <-over:
			return times
		case <-time.After(time.Duration(rand.IntN(1000)) * time.Millisecond):
		}
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Error(err)
			return times
		}
		table := []string{"messages", "incidents", "alerts", "ledger"}[rand.IntN(4)]
		if _, err := tx.Exec("LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE"); err == nil {
			times++
			time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		} // else it is not there yet, or somebody waits for us and we for them
		if err := tx.Rollback(); err != nil {
			t.Errorf("unlock %s: %v", table, err)
		}
	}
}

// How a life ended.
const (
	endKilled   = "killed"
	endReplaced = "replaced"
	endWell     = "by itself, well"
)

// lived runs a child until it ends. Hear is told what it says; working is called
// when it works, and each of begun when it has begun.
func lived(t *testing.T, l life, hear func(string), working func(*exec.Cmd), begun ...func(*exec.Cmd)) string {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		return err.Error()
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), lifeVariable+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err.Error()
	}
	if err := cmd.Start(); err != nil {
		return err.Error()
	}
	for _, f := range begun {
		f(cmd)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" {
			working(cmd)
			continue
		}
		hear(lines.Text())
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return endWell
	case errors.As(err, &exit) && exit.ExitCode() == exitReplaced:
		return endReplaced
	case errors.As(err, &exit) && !exit.Exited() && problem.Len() == 0:
		return endKilled
	}
	return fmt.Sprintf("ended by itself: %v: %s", err, problem.String())
}
