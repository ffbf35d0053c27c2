package storetest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/store"
	"github.com/evenkeel/evenkeel/store/storetest"
)

// standBy opens a store that waits for the database; the channel yields it when
// it has taken over.
func standBy(t *testing.T, dsn string) <-chan *store.Store {
	t.Helper()
	opened := make(chan *store.Store, 1)
	dir := t.TempDir()
	go func() {
		defer close(opened)
		s, err := store.Open(t.Context(), store.Config{Dir: dir, DSN: dsn, Standby: true}, quiet)
		if err != nil {
			if t.Context().Err() == nil {
				t.Errorf("stand by: %v", err)
			}
			return
		}
		opened <- s
	}()
	return opened
}

func taken(t *testing.T, opened <-chan *store.Store, within time.Duration) *store.Store {
	t.Helper()
	select {
	case s, ok := <-opened:
		if !ok {
			t.FailNow()
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	case <-time.After(within):
		t.Fatalf("it has not taken over after %s", within)
	}
	return nil
}

func audit(t *testing.T, s *store.Store, id string) error {
	return s.AppendAudit(t.Context(), access.Entry{ID: id, Tenant: "default", At: time.Now()})
}

func TestOneThatStandsByTakesOverWhenTheOtherEnds(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	first := openStore(t, store.Config{Dir: t.TempDir(), DSN: dsn})
	opened := standBy(t, dsn)
	select {
	case <-opened:
		t.Fatal("it did not wait")
	case <-time.After(500 * time.Millisecond):
	}
	if err := audit(t, first, "1"); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := taken(t, opened, 5*time.Second)
	if page, err := second.Audit(t.Context(), access.AuditFilter{Tenant: "default"}); err != nil || len(page.Entries) != 1 {
		t.Errorf("%d entries, %v", len(page.Entries), err)
	}
}

// A process that has lost its lock without knowing must not write any more: the
// other one has read the state by then.
func TestWhatAReplacedProcessWritesIsRefused(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t)
	first := openStore(t, store.Config{Dir: t.TempDir(), DSN: dsn})
	opened := standBy(t, dsn)
	time.Sleep(300 * time.Millisecond) // it waits by now
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	// Writers go on as fast as they can while the lock changes hands: each write
	// that is acknowledged to the first must be there when the second begins.
	var mu sync.Mutex
	var written []string
	var writing sync.WaitGroup
	refused := make(chan error, 4)
	for w := range 4 {
		writing.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d", w, n)
				err := audit(t, first, id)
				if errors.Is(err, store.ErrInUse) {
					refused <- err
					return
				}
				if err == nil {
					mu.Lock()
					written = append(written, id)
					mu.Unlock()
				}
			}
		})
	}
	if _, err := admin.Exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = x'65766b6c'::int
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`); err != nil {
		t.Fatal(err)
	}
	second := taken(t, opened, 5*time.Second)
	there := map[string]bool{}
	for before := ""; ; {
		page, err := second.Audit(t.Context(), access.AuditFilter{Tenant: "default", Limit: 500, Cursor: before})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			there[e.ID] = true
		}
		if before = page.Next; before == "" {
			break
		}
	}
	writing.Wait()
	if err := <-refused; !strings.Contains(err.Error(), "taken over") {
		t.Errorf("refused with %v", err)
	}
	select {
	case <-first.Lost():
	default:
		t.Error("the first does not know that it must end")
	}
	if len(written) == 0 {
		t.Error("nothing was written; the test shows nothing")
	}
	for _, id := range written {
		if !there[id] {
			t.Errorf("%s was acknowledged after the other had begun to read", id)
		}
	}
	if err := audit(t, second, "after"); err != nil {
		t.Error(err)
	}
}

// A holder that hangs keeps its connection, and so the lock.
func TestAHolderThatHangsIsReplaced(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	dsn := storetest.Postgres(t)
	first := openStore(t, store.Config{Dir: t.TempDir(), DSN: dsn})
	if err := first.Close(); err != nil { // the schema is there
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	hung, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	if _, err := hung.ExecContext(t.Context(), "SELECT pg_advisory_lock(x'65766b6c'::int, hashtext('x'))"); err != nil {
		t.Fatal(err)
	}
	// The second half of the lock is the store's own affair: it is asked of one
	// that waits.
	var room int64
	probe := openStore(t, store.Config{Dir: t.TempDir(), DSN: dsn})
	if err := db.QueryRowContext(t.Context(), `SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = x'65766b6c'::int AND pid <>
		(SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_advisory_lock(%' AND datname = current_database() LIMIT 1)
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&room); err != nil {
		t.Fatal(err)
	}
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := hung.ExecContext(t.Context(), fmt.Sprintf("SELECT pg_advisory_lock(x'65766b6c'::int, %d)", int32(uint32(room)))); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	taken(t, standBy(t, dsn), time.Minute)
	if waited := time.Since(began); waited < 15*time.Second {
		t.Errorf("it was taken for hung after %s", waited)
	}
	if err := hung.PingContext(context.WithoutCancel(t.Context())); err == nil {
		t.Error("its connection stands")
	}
}
