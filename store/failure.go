package store

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrFull is wrapped when there is no room left to write.
	ErrFull = errors.New("no space is left for state; make room, and it goes on by itself")
	// ErrCorrupt is wrapped when the database is damaged or has vanished.
	ErrCorrupt = errors.New("the state database is damaged")
	// ErrInUse is wrapped when another process uses the same data.
	ErrInUse = errors.New("the data is in use")
	// ErrNewer is wrapped when a newer Evenkeel wrote the data.
	ErrNewer = errors.New("the data was written by a newer version of Evenkeel")
)

// remedy is what to do about a damaged SQLite file.
const remedy = `restore the last backup into a new folder ("evenkeel restore"), and keep the damaged file until you have looked at what came out`

// explain names what failed and turns what the two databases say into the
// errors above.
func (s *Store) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	switch kind(err) {
	case full:
		err = fmt.Errorf("%w (%w)", ErrFull, err)
	case corrupt:
		err = fmt.Errorf("%w: %s: %w; %s", ErrCorrupt, s.sqlite, err, remedy)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// failure is what an error of either database means.
type failure int

const (
	other failure = iota
	full
	corrupt
	duplicate
	gone // the connection
)

func kind(err error) failure {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch code := lite.Code(); {
		case code == sqlite3.SQLITE_CONSTRAINT_UNIQUE, code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return duplicate
		case code&0xff == sqlite3.SQLITE_FULL:
			return full
		case code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB:
			return corrupt
		}
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "23505":
			return duplicate
		case "53100":
			return full
		case "57P01", "57P02", "57P03":
			return gone
		case "XX001", "XX002":
			return corrupt
		}
	}
	if pgconn.SafeToRetry(err) {
		return gone
	}
	return other
}
