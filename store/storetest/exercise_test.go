package storetest_test

import (
	"log/slog"
	"testing"

	"github.com/evenkeel/evenkeel/store"
	"github.com/evenkeel/evenkeel/store/storetest"
)

func open(t *testing.T, dsn string) storetest.Store {
	s, err := store.Open(t.Context(), store.Config{DSN: dsn, Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
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

func TestSQLite(t *testing.T) {
	storetest.Exercise(t, func(t *testing.T) storetest.Store { return open(t, "") })
}

func TestPostgreSQL(t *testing.T) {
	storetest.Postgres(t) // skips all at once where there is none
	storetest.Exercise(t, func(t *testing.T) storetest.Store { return open(t, storetest.Postgres(t)) })
}
