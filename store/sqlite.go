package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	// readers is how many queries run at the same time.
	readers = 4
	// checkWithin bounds the look for damage after an unclean end, so that a
	// large database does not delay the start. Check looks without a bound.
	checkWithin = time.Second
)

// openSQLite opens the database file. Writes go through one connection whose
// transactions take the write lock at once, so that they queue and never fail
// halfway; reads have their own and see the last committed state.
//
// synchronous=FULL: a commit has reached the disk when it returns.
func (s *Store) openSQLite(ctx context.Context, path string) error {
	if err := s.lookForLoss(path); err != nil {
		return err
	}
	s.sqlite = path
	if err := s.tellLoss(path); err != nil {
		return err
	}
	if err := private(path); err != nil {
		return err
	}
	write, err := sql.Open("sqlite", sqliteDSN(path, "immediate",
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "journal_size_limit(67108864)", "cache_size(-8000)"))
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	s.write = bun.NewDB(write, sqlitedialect.New())
	if err := s.explain("read state.db", s.probe(ctx)); err != nil {
		return err
	}
	read, err := sql.Open("sqlite", sqliteDSN(path, "deferred", "busy_timeout(10000)", "query_only(1)", "cache_size(-4000)"))
	if err != nil {
		return err
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(2)
	s.read = bun.NewDB(read, sqlitedialect.New())
	return nil
}

// private makes a file that only its owner may read, or makes it so: it holds
// the hashes of passwords. SQLite gives its other files the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func sqliteDSN(path, txlock string, pragmas ...string) string {
	q := url.Values{"_pragma": pragmas, "_txlock": {txlock}}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}
	return u.String()
}

// lookForLoss refuses to begin anew where a database was before: SQLite would
// make an empty one without a word.
func (s *Store) lookForLoss(path string) error {
	size := func(p string) (int64, error) {
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	db, err := size(path)
	if err != nil {
		return err
	}
	wal, err := size(path + "-wal")
	if err != nil {
		return err
	}
	if db == 0 && (s.lock.holds || wal > 0) {
		return fmt.Errorf("%w: %s is missing or empty, though Evenkeel has kept state there; %s. To begin with nothing, remove evenkeel.lock",
			ErrCorrupt, path, remedy)
	}
	return nil
}

// probe reads the database for the first time, and looks for damage where the
// process before did not end in good order.
func (s *Store) probe(ctx context.Context) error {
	var version int
	if err := s.write.NewRaw("PRAGMA schema_version").Scan(ctx, &version); err != nil {
		return err
	}
	if !s.lock.unclean {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	err := s.quickCheck(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		s.log.Info("state.db is too large to be looked through whole at this start", "file", s.sqlite)
		return nil
	}
	return err
}

func (s *Store) quickCheck(ctx context.Context) error {
	var found string
	if err := s.write.NewRaw("PRAGMA quick_check(1)").Scan(ctx, &found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s: %s; %s", ErrCorrupt, s.sqlite, found, remedy)
	}
	return nil
}
