package store

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADamagedLogIsTold(t *testing.T) {
	live := t.TempDir()
	s := mustOpen(t, Config{Dir: live})
	const written = 50
	for i := range written {
		if err := write(s, i, 100); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(live, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	db, wal := read("state.db"), read("state.db-wal")

	for name, c := range map[string]struct {
		damage func([]byte) []byte
		told   bool
		least  int // rows that must be there
	}{
		"whole":                 {func(b []byte) []byte { return b }, false, written},
		"cut in its last frame": {func(b []byte) []byte { return b[:len(b)-100] }, false, written - 1},
		"cut at its beginning":  {func(b []byte) []byte { return b[:20] }, false, 0},
		// Behind the middle are rows; the tables themselves come first.
		"a bit in the rows":       {func(b []byte) []byte { b[len(b)*3/4] ^= 1; return b }, true, 1},
		"a bit in the last frame": {func(b []byte) []byte { b[len(b)-1000] ^= 1; return b }, true, written - 1},
		"a zeroed block in the rows": {func(b []byte) []byte {
			copy(b[len(b)*3/4:], make([]byte, 4096))
			return b
		}, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range map[string][]byte{"state.db": db, "state.db-wal": c.damage(bytes.Clone(wal)),
				"evenkeel.lock": []byte("process 1\nholds state.db\n")} {
				if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var said strings.Builder
			s, err := Open(t.Context(), Config{Dir: dir}, slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn})))
			if name == "cut at its beginning" && err != nil {
				return // the tables themselves were in the log only
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			n := entries(t, s)
			if n < c.least || c.told && n == written {
				t.Errorf("%d of %d rows are there, want at least %d", n, written, c.least)
			}
			if told := strings.Contains(said.String(), "damaged"); told != c.told {
				t.Errorf("told: %v, want %v: %s", told, c.told, said.String())
			}
			if _, err := os.Stat(filepath.Join(dir, "state.db-wal.damaged")); (err == nil) != c.told {
				t.Errorf("a copy of the damaged log: %v", err)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzReadWAL: whatever the file holds, looking at it ends, and counts no more
// than fits.
func FuzzReadWAL(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0x37, 0x7f, 0x06, 0x82}, 100))
	path := filepath.Join(f.TempDir(), "wal")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		loss, err := readWAL(path)
		if err != nil || loss.Kept+loss.Lost > 1+len(b)/512 {
			t.Errorf("%+v, %v", loss, err)
		}
	})
}
