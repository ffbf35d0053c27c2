// Package store keeps state: findings and their history, the estate over time,
// people and the audit log, and what detect has learned.
//
// One text of SQL runs on SQLite (embedded, the default) and on PostgreSQL (by
// DSN). Store implements finding.Store, estate.Store and access.Store; what
// must happen together is one transaction.
//
// Invariants: what a method acknowledged is on disk, whatever happens to the
// process or the machine next; one process at a time writes, and what a process
// that was replaced still tries to write is refused; a schema
// only moves forward, an older SQLite database after a backup of it, and one
// that is newer than the program is refused; times are parameters, never the
// database's clock.
//
// Failure behaviour: every error names what was being done. ErrFull, ErrCorrupt
// and ErrInUse say what to do about it. A full disk fails the write and nothing
// else: the next write after there is room again succeeds. A damaged database
// is never replaced by an empty one.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// Config says where state is kept.
type Config struct {
	// DSN of a PostgreSQL database, such as
	// "postgres://evenkeel:secret@db.example.org/evenkeel". Empty: SQLite in Dir.
	DSN string `yaml:"dsn"`
	// Standby makes Open wait while another process works with the PostgreSQL
	// database, and take over when that one ends, or hangs.
	Standby bool `yaml:"standby"`
	// Dir is the data folder; it is made if it is not there. It holds the
	// lock with PostgreSQL too.
	Dir string `yaml:"-"`
}

// Validate checks what can be checked without opening anything. Its errors
// never quote the DSN, which holds a password.
func (c Config) Validate() error {
	if c.DSN != "" && !strings.HasPrefix(c.DSN, "postgres://") && !strings.HasPrefix(c.DSN, "postgresql://") {
		return errors.New("dsn must begin with postgres:// (leave it empty to keep state in SQLite in the data folder)")
	}
	if c.Standby && c.DSN == "" {
		return errors.New("standby needs dsn or dsn_file: only a PostgreSQL database can be taken over by another process")
	}
	if c.Dir == "" {
		return errors.New("the data folder is not set")
	}
	return nil
}

// Store keeps state. It is safe for concurrent use.
type Store struct {
	write *bun.DB // on SQLite a single connection: there can be one writer only
	read  *bun.DB
	log   *slog.Logger

	schema  fs.FS  // the migrations
	sqlite  string // path of the SQLite file, "" on PostgreSQL
	lock    *lock
	guard   *guard // on PostgreSQL
	standby bool
	term    int64 // on PostgreSQL; 0 before it has begun
	// fenced is set while another process may be using the database.
	fenced   atomic.Pointer[error]
	lost     chan struct{} // closed when another has taken over
	loseOnce sync.Once

	closing sync.Once
	closed  error
}

var (
	_ finding.Store = (*Store)(nil)
	_ estate.Store  = (*Store)(nil)
	_ access.Store  = (*Store)(nil)
	_ respond.Store = (*Store)(nil)
)

// Open locks the data folder, opens the database and brings its schema up to
// date. It fails with ErrInUse where another process has it and it shall not
// stand by, with ErrCorrupt
// where the file is damaged or has vanished, and with ErrNewer where a newer
// Evenkeel wrote it.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Store, error) {
	s, err := open(ctx, cfg, migrations, log)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, cfg Config, schema fs.FS, log *slog.Logger) (_ *Store, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	s := &Store{log: log, schema: schema, standby: cfg.Standby, lost: make(chan struct{})}
	if s.lock, err = takeLock(filepath.Join(cfg.Dir, "evenkeel.lock")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if cfg.DSN == "" {
		err = s.openSQLite(ctx, filepath.Join(cfg.Dir, "state.db"))
	} else {
		err = s.openPostgres(ctx, cfg.DSN)
	}
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	if s.sqlite != "" {
		s.lock.holds = true
		if err := s.lock.note(false); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close ends all connections and releases the data folder. It may be called
// again.
func (s *Store) Close() error {
	s.closing.Do(func() {
		var errs []error
		if s.guard != nil {
			errs = append(errs, s.guard.close())
		}
		if s.read != nil && s.read != s.write {
			errs = append(errs, s.read.Close())
		}
		if s.write != nil {
			errs = append(errs, s.write.Close())
		}
		if s.lock != nil {
			errs = append(errs, s.lock.release())
		}
		s.closed = errors.Join(errs...)
	})
	return s.closed
}

// change runs fn in one transaction. What names it in the error.
func (s *Store) change(ctx context.Context, what string, fn func(ctx context.Context, tx bun.Tx) error) error {
	if fence := s.fenced.Load(); fence != nil {
		return fmt.Errorf("%s: %w", what, *fence)
	}
	tx, err := s.begin(ctx)
	if err != nil {
		return s.explain(what, err)
	}
	if s.term > 0 {
		if err := s.inTerm(ctx, tx); err != nil {
			return s.explain(what, errors.Join(err, ended(tx.Rollback())))
		}
	}
	if err := fn(ctx, tx); err != nil {
		return s.explain(what, errors.Join(err, ended(tx.Rollback())))
	}
	return s.explain(what, tx.Commit())
}

// begin begins a transaction. A connection of the pool may have ended since it
// was last used, with the server for example; then the next one is tried, for
// nothing has been done yet.
func (s *Store) begin(ctx context.Context) (tx bun.Tx, err error) {
	for range idle + 1 {
		if tx, err = s.write.BeginTx(ctx, nil); kind(err) != gone {
			break
		}
	}
	return tx, err
}

// postgres tells which of the two databases it is.
func (s *Store) postgres() bool { return s.sqlite == "" }
