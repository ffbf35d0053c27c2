package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// The lock alone cannot keep two processes from writing to one PostgreSQL
// database: one whose connection has broken, or that slept for a minute, may
// have lost the lock and not know it yet, while another has read the state and
// works on. So each process begins a *term* when it has the lock, and every
// transaction looks whether that is still the current one, with a lock on its
// row: beginning the next term waits for the transactions of this one, and all
// that come later see that they are too late. (A fencing token: M. Kleppmann,
// "How to do distributed locking", 2016.)

// beginTerm ends the terms of all others. Whoever reads after it reads what
// they wrote. The table is no part of the schema, which is moved forward only
// after this: two versions of the program must not write at once either.
func (s *Store) beginTerm(ctx context.Context) error {
	_, err := s.write.NewRaw("CREATE TABLE IF NOT EXISTS terms (id INTEGER PRIMARY KEY, term BIGINT NOT NULL, holder TEXT NOT NULL)").Exec(ctx)
	if err == nil {
		_, err = s.write.NewRaw("INSERT INTO terms (id, term, holder) VALUES (1, 0, '') ON CONFLICT DO NOTHING").Exec(ctx)
	}
	if err == nil {
		err = s.write.NewRaw("UPDATE terms SET term = term + 1, holder = ? WHERE id = 1 RETURNING term", s.guard.name).Scan(ctx, &s.term)
	}
	return s.explain("begin to write", err)
}

// inTerm fails with ErrInUse where another process has taken over.
func (s *Store) inTerm(ctx context.Context, tx bun.Tx) error {
	var at int64
	var holder string
	if err := tx.NewRaw("SELECT term, holder FROM terms WHERE id = 1 FOR SHARE").Scan(ctx, &at, &holder); err != nil {
		return err
	}
	return s.compare(at, holder)
}

// sameTerm is inTerm outside of a transaction.
func (s *Store) sameTerm(ctx context.Context) error {
	var at int64
	var holder string
	if err := s.read.NewRaw("SELECT term, holder FROM terms WHERE id = 1").Scan(ctx, &at, &holder); err != nil {
		return err
	}
	return s.compare(at, holder)
}

func (s *Store) compare(at int64, holder string) error {
	if at == s.term {
		return nil
	}
	err := fmt.Errorf("%w: %s has taken over this PostgreSQL database; this process must end", ErrInUse, holder)
	s.fenced.Store(&err)
	s.loseOnce.Do(func() { close(s.lost) })
	return err
}

// Lost is closed when another process has taken the database over. Nothing can
// be written any more, and what this process remembers is out of date: it must
// end.
func (s *Store) Lost() <-chan struct{} { return s.lost }
