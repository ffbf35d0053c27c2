package storetest_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/store"
	"github.com/evenkeel/evenkeel/store/storetest"
)

func TestASecondProcessOnOneDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	s := openStore(t, store.Config{Dir: t.TempDir(), DSN: dsn})
	_, err := store.Open(t.Context(), store.Config{Dir: t.TempDir(), DSN: dsn}, quiet)
	if !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), "evenkeel, process ") {
		t.Errorf("got %v; want ErrInUse and who it is", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openStore(t, store.Config{Dir: t.TempDir(), DSN: dsn})
}

func TestALostConnectionIsMadeGood(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	s := openStore(t, store.Config{Dir: t.TempDir(), DSN: dsn})
	write := func(id string) error {
		return s.AppendAudit(t.Context(), access.Entry{ID: id, Tenant: "default", At: time.Now()})
	}
	if err := write("1"); err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	holder := func() (pid int) {
		err := admin.QueryRow(`SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&pid)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			t.Fatal(err)
		}
		return pid
	}
	before := holder()
	// Every connection of the store ends, the one that holds the lock too.
	_, err = admin.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if err != nil {
		t.Fatal(err)
	}
	if err := write("2"); err != nil {
		t.Errorf("a write right after the connection was lost: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for pid := holder(); pid == 0 || pid == before; pid = holder() {
		select {
		case <-ctx.Done():
			t.Fatal("the lock was not taken again")
		case <-time.After(100 * time.Millisecond):
		}
	}
	if page, err := s.Audit(t.Context(), access.AuditFilter{Tenant: "default"}); err != nil || len(page.Entries) != 2 {
		t.Errorf("%d entries, %v", len(page.Entries), err)
	}
}
