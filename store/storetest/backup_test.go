package storetest_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/store"
	"github.com/evenkeel/evenkeel/store/storetest"
)

var quiet = slog.New(slog.DiscardHandler)

// answers asks a store for everything that a user can see.
func answers(t *testing.T, s *store.Store) []any {
	t.Helper()
	var out []any
	add := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	page, err := s.Findings(t.Context(), finding.Filter{Tenant: "default", Limit: 500})
	add(page, err)
	for _, f := range page.Findings {
		events, err := s.FindingEvents(t.Context(), "default", f.ID)
		add(events, err)
	}
	for _, at := range []time.Time{{}, begin.Add(30 * time.Second), begin.Add(90 * time.Second)} {
		page, err := s.Entities(t.Context(), estate.Filter{Tenant: "default", Limit: 500, At: at})
		add(page, err)
		relations, err := s.Relations(t.Context(), "default", "home", "host:web-1", at)
		add(relations, err)
	}
	changes, err := s.Changes(t.Context(), estate.ChangeFilter{Tenant: "default"})
	add(changes, err)
	users, err := s.Users(t.Context())
	add(users, err)
	tokens, err := s.Tokens(t.Context())
	add(tokens, err)
	log, err := s.Audit(t.Context(), access.AuditFilter{Tenant: "default"})
	add(log, err)
	blob, err := s.LoadBaselines(t.Context(), "default", "home")
	add(blob, err)
	return out
}

var begin = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// live puts something of everything into a store.
func live(t *testing.T, s *store.Store) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	findings, things := finding.NewService(s, quiet), estate.NewService(s, quiet)
	actor := access.Evenkeel("default")
	for i, name := range []string{"a'b", "c\\d", "ünï\n☃"} {
		at := begin.Add(time.Duration(i) * time.Minute)
		half := 0.5
		check(findings.Record(t.Context(), []finding.Observation{{At: at, Sign: finding.Firing,
			Key:    finding.Key{Tenant: "default", Environment: "home", Practice: "detect", Check: "c", Entity: "unit:" + name},
			Report: finding.Report{Severity: finding.Warning, Title: name, Evidence: []finding.Evidence{{Text: "<b>", Value: &half}}}}}))
		check(things.Observe(t.Context(), estate.Observation{Tenant: "default", Environment: "home", Source: "host", At: at, Complete: true,
			Entities:  []estate.Entity{{ID: "unit:" + name, Kind: estate.Unit, Name: name}, {ID: "host:web-1", Kind: estate.Host, Name: "web-1"}},
			Relations: []estate.Relation{{From: "unit:" + name, Kind: estate.RunsOn, To: "host:web-1", Confidence: 0.123456789}},
			Changes:   []estate.Change{{Entity: "unit:" + name, Kind: "unit-restart", Summary: name}}}))
	}
	page, err := findings.List(t.Context(), actor, finding.Filter{Tenant: "default"})
	check(err)
	_, err = findings.Accept(t.Context(), actor, "default", page.Findings[0].ID, begin.Add(48*time.Hour), "planned work", begin.Add(time.Hour))
	check(err)
	entry := access.Entry{ID: "01", Tenant: "default", At: begin}
	check(s.SaveUser(t.Context(), access.User{ID: "u", Name: "ada", Password: "x", Grants: actor.Grants, Created: begin}, entry))
	entry.ID = "02"
	check(s.SaveToken(t.Context(), access.Token{ID: "t", Hash: "h", Name: "ci", Created: begin}, entry))
	check(s.SaveBaselines(t.Context(), "default", "home", bytes.Repeat([]byte{0, 1, 0xff}, 1000), begin))
}

func openStore(t *testing.T, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg, quiet)
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

func TestABackupRestoredIntoEitherDatabaseGivesTheSameAnswers(t *testing.T) {
	kinds := map[string]func(t *testing.T) store.Config{
		"SQLite":     func(t *testing.T) store.Config { return store.Config{Dir: t.TempDir()} },
		"PostgreSQL": func(t *testing.T) store.Config { return store.Config{Dir: t.TempDir(), DSN: storetest.Postgres(t)} },
	}
	for from, source := range kinds {
		for to, target := range kinds {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				s := openStore(t, source(t))
				live(t, s)
				want := answers(t, s)
				file := filepath.Join(t.TempDir(), "backup.tar.gz")
				if err := s.BackupTo(t.Context(), file); err != nil {
					t.Fatal(err)
				}
				if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("others may read the backup: %v, %v", info.Mode(), err)
				}
				cfg := target(t)
				if err := store.Restore(t.Context(), cfg, file, quiet); err != nil {
					t.Fatal(err)
				}
				restored := openStore(t, cfg)
				if d := cmp.Diff(want, answers(t, restored)); d != "" {
					t.Errorf("(-before +after):\n%s", d)
				}
				if err := restored.Check(t.Context()); err != nil {
					t.Error(err)
				}
				// What was restored goes on, with the same identities.
				err := finding.NewService(restored, quiet).Record(t.Context(), []finding.Observation{{At: begin.Add(time.Hour), Sign: finding.Clear,
					Key: finding.Key{Tenant: "default", Environment: "home", Practice: "detect", Check: "c", Entity: "unit:a'b"}}})
				if err != nil {
					t.Error(err)
				}
				restored.Close()
				if err := store.Restore(t.Context(), cfg, file, quiet); err == nil {
					t.Error("a backup was restored over state")
				} else {
					t.Log(err)
				}
			})
		}
	}
}

// unzipped is the content of a gzip file that is whole.
func unzipped(b []byte) ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zip)
}

func TestADamagedBackupIsRefusedAndLeavesNothing(t *testing.T) {
	s := openStore(t, store.Config{Dir: t.TempDir()})
	live(t, s)
	whole := filepath.Join(t.TempDir(), "backup.tar.gz")
	if err := s.BackupTo(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if err := s.BackupTo(t.Context(), whole); err == nil {
		t.Error("a backup was overwritten")
	}
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	content, err := unzipped(good)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	dir, bad := t.TempDir(), filepath.Join(t.TempDir(), "bad.tar.gz")
	for i := range 40 {
		b := bytes.Clone(good)
		if i%2 == 0 {
			b = b[:random.IntN(len(b))]
		} else {
			// Past gzip's header, of which some bytes mean nothing.
			b[10+random.IntN(len(b)-10)] ^= 1 << random.IntN(8)
		}
		if same, err := unzipped(b); err == nil && bytes.Equal(same, content) {
			continue // some bits fill up a byte and mean nothing
		}
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := store.Restore(t.Context(), store.Config{Dir: dir}, bad, quiet); !errors.Is(err, store.ErrBackup) {
			t.Fatalf("damage %d: %v, want ErrBackup", i, err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "state*")); err != nil || len(left) > 0 {
			t.Fatalf("it left %v", left)
		}
	}
	if err := store.Restore(t.Context(), store.Config{Dir: dir}, whole, quiet); err != nil {
		t.Errorf("the good one after the bad ones: %v", err)
	}
}
