package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

var quiet = slog.New(slog.DiscardHandler)

func mustOpen(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func write(s *Store, n int, size int) error {
	return s.AppendAudit(context.Background(), access.Entry{ID: fmt.Sprintf("%08d", n), Tenant: "default",
		At: time.UnixMicro(int64(n + 1)), Detail: strings.Repeat("x", size)})
}

func entries(t *testing.T, s *Store) int {
	t.Helper()
	n := 0
	if err := s.read.NewRaw("SELECT count(*) FROM audit").Scan(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestACommitHasReachedTheDisk(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	var journal string
	var synchronous int
	if err := s.write.NewRaw("PRAGMA journal_mode").Scan(t.Context(), &journal); err != nil {
		t.Fatal(err)
	}
	if err := s.write.NewRaw("PRAGMA synchronous").Scan(t.Context(), &synchronous); err != nil {
		t.Fatal(err)
	}
	if journal != "wal" || synchronous != 2 {
		t.Errorf("journal_mode=%s synchronous=%d; want wal and 2 (FULL)", journal, synchronous)
	}
}

func TestASecondProcessIsRefusedAndToldWho(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	_, err := Open(t.Context(), Config{Dir: dir}, quiet)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, Config{Dir: dir})
}

func TestOnlyTheOwnerMayReadState(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Config{Dir: dir})
	if err := write(s, 1, 10); err != nil {
		t.Fatal(err)
	}
	if err := s.backupBefore(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := s.BackupTo(t.Context(), filepath.Join(dir, "backup")); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 6 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

// first is the schema as it began; next has one more step.
func first(t *testing.T) fstest.MapFS {
	t.Helper()
	text, err := fs.ReadFile(migrations, "00001_spine.sql")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"00001_spine.sql": {Data: text}}
}

func next(t *testing.T, step string) fs.FS {
	t.Helper()
	schema := first(t)
	schema["00002_next.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + step + "\n")}
	return schema
}

func TestAMigrationIsBackedUpBefore(t *testing.T) {
	dir := t.TempDir()
	s, err := open(t.Context(), Config{Dir: dir}, first(t), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(s, 1, 10); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if left, err := filepath.Glob(filepath.Join(dir, "*before*")); err != nil || len(left) > 0 {
		t.Errorf("a new database was backed up: %v", left)
	}
	for _, old := range []string{"0", "7", "8", "9", "10"} {
		if err := os.WriteFile(filepath.Join(dir, "state.db.before-v"+old), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	_, err = open(t.Context(), Config{Dir: dir}, next(t, "CREATE TABLE more (id TEXT); SELECT broken FROM nowhere;"), quiet)
	if err == nil || !strings.Contains(err.Error(), "migrate from version 1 to 2") {
		t.Fatalf("a broken migration: %v", err)
	}
	s, err = open(t.Context(), Config{Dir: dir}, next(t, "CREATE TABLE more (id TEXT); DELETE FROM audit;"), quiet)
	if err != nil {
		t.Fatal("the migration that was mended, after the broken one: ", err)
	}
	if n := entries(t, s); n != 0 {
		t.Errorf("the migration left %d rows", n)
	}
	s.Close()
	before, err := sql.Open("sqlite", filepath.Join(dir, "state.db.before-v1"))
	if err == nil {
		defer before.Close()
		n := 0
		err = before.QueryRow("SELECT count(*) FROM audit").Scan(&n)
		if n != 1 {
			t.Errorf("the backup holds %d rows", n)
		}
	}
	if err != nil {
		t.Error(err)
	}

	_, err = open(t.Context(), Config{Dir: dir}, first(t), quiet)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("the older program on newer data: %v", err)
	}
}

func TestOnlyTheNewestBackupsBeforeMigrationsAreKept(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	for _, version := range []int64{1, 2, 9, 10, 11} {
		if err := s.backupBefore(t.Context(), version); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*before*"))
	if err != nil || len(files) != 3 || strings.Contains(strings.Join(files, " "), "-v2") {
		t.Errorf("kept %v, %v", files, err)
	}
}

func TestADamagedDatabaseIsNeverReplaced(t *testing.T) {
	damage := map[string]func(path string) error{
		"missing": os.Remove,
		"empty":   func(p string) error { return os.Truncate(p, 0) },
		"cut":     func(p string) error { return os.Truncate(p, 5000) },
		"text":    func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("not a database ", 9999)), 0o600) },
		"zeroed in the middle": func(p string) error {
			f, err := os.OpenFile(p, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt(make([]byte, 64<<10), 8<<10)
			return err
		},
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, Config{Dir: dir})
			for i := range 200 {
				if err := write(s, i, 1000); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
			// As after a crash, when the database is looked through.
			if err := os.WriteFile(filepath.Join(dir, "evenkeel.lock"), []byte("process 1\nholds state.db\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "state.db")
			if err := do(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			_, err := Open(t.Context(), Config{Dir: dir}, quiet)
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "evenkeel restore") {
				t.Errorf("got %v; want ErrCorrupt and the remedy", err)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was written to")
			}
		})
	}
}

func TestAFullDiskFailsTheWriteAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	var pages int
	if err := s.write.NewRaw("PRAGMA page_count").Scan(t.Context(), &pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.NewRaw(fmt.Sprintf("PRAGMA max_page_count=%d", pages+20)).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	fillUp(t, s, func() error {
		_, err := s.write.NewRaw("PRAGMA max_page_count=100000").Exec(t.Context())
		return err
	})
}

// fillUp writes until the disk is full, then makes room and writes again.
func fillUp(t *testing.T, s *Store, makeRoom func() error) {
	t.Helper()
	var err error
	kept := 0
	for ; err == nil && kept < 10_000; kept++ {
		err = write(s, kept, 4000)
	}
	kept--
	if !errors.Is(err, ErrFull) {
		t.Fatalf("after %d writes: %v, want ErrFull", kept, err)
	}
	if n := entries(t, s); n != kept {
		t.Errorf("%d rows can be read, %d were acknowledged", n, kept)
	}
	if err := makeRoom(); err != nil {
		t.Fatal(err)
	}
	if err := write(s, 99_999, 4000); err != nil {
		t.Errorf("a write after there is room again: %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestARealFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small filesystem")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a small filesystem cannot be mounted: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Dir: dir}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	fillUp(t, s, func() error { return os.Remove(ballast) })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestAConfigNeverShowsThePassword(t *testing.T) {
	for _, dsn := range []string{"postgres://u:s3cret@[bad/db", "mysql://u:s3cret@h/db", "postgres://u:s3cret@127.0.0.1:1/db?sslmode=disable",
		"postgres://u:s3cret@127.0.0.1:1/db?sslmode=nonsense"} {
		_, err := Open(t.Context(), Config{DSN: dsn, Dir: t.TempDir()}, quiet)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
		t.Log(err)
	}
}

// A table that is not in the list would be lost by a backup, and nobody would
// know before the restore.
func TestEveryTableIsInABackup(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	var have []string
	err := s.read.NewRaw("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").Scan(t.Context(), &have)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range have {
		// The index of texts is made anew by triggers while rows are restored.
		made := strings.HasPrefix(name, "finding_numbers") || strings.HasPrefix(name, "finding_grams") || name == "goose_db_version"
		if !made && !slices.Contains(tables, name) {
			t.Errorf("table %s is in no backup; add it to tables in backup.go, or say here what makes it anew", name)
		}
	}
}
