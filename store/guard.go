package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"
)

const (
	// guardEvery is how often the guard looks whether it still has the lock.
	guardEvery = 5 * time.Second
	// guardPatience is how long Open waits for the lock of a process that has
	// just ended, until PostgreSQL has noticed that.
	guardPatience = 3 * time.Second
	// hungAfter is how long the holder of the lock may say nothing before one
	// that stands by takes it for hung. It is four looks of the holder's guard.
	hungAfter = 4 * guardEvery
	// lockClass is the first half of the advisory lock: "evkl".
	lockClass = 0x65766b6c
)

// guard holds an advisory lock on a connection of its own, so that one process
// at a time uses the database. Where the connection breaks it takes the lock
// anew; while it has not got it, writes are refused, and where another process
// has had it meanwhile (term.go), they are refused for good.
type guard struct {
	s    *Store
	name string // of this process
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	conn *sql.Conn
}

// acquire takes the lock, waiting for at most patience.
func (g *guard) acquire(ctx context.Context, patience time.Duration) error {
	conn, room, err := g.reach(ctx)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; {
		got, err := try(ctx, conn, room)
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		if got {
			g.keep(conn)
			return nil
		}
		if time.Now().After(deadline) {
			h := holder{name: "another process"}
			// Who it is is a courtesy; without it the refusal stands.
			if found, err := holding(ctx, conn, room); err == nil && found.name != "" {
				h = found
			}
			return errors.Join(fmt.Errorf("%w: this PostgreSQL database is used by %s; stop it, use another database, or set store.standby to wait for its end and take over",
				ErrInUse, h.name), conn.Close())
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return errors.Join(err, conn.Close())
		}
	}
}

// stand waits until the lock is free, however long that takes, and takes it. A
// holder that has been silent for too long has its connection ended: its
// machine is gone or its process hangs, and what it may still write is refused,
// because this one begins the next term.
func (g *guard) stand(ctx context.Context) error {
	told := ""
	tell := func(text string, args ...any) {
		if key := text + fmt.Sprint(args...); key != told {
			told = key
			g.s.log.Warn(text, args...)
		}
	}
	for {
		err := g.watch(ctx, tell)
		if err == nil || ctx.Err() != nil {
			return err
		}
		tell("standing by: the database cannot be asked; trying again", "error", err)
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
	}
}

// watch is stand on one connection, as long as that holds.
func (g *guard) watch(ctx context.Context, tell func(string, ...any)) error {
	conn, room, err := g.reach(ctx)
	if err != nil {
		return err
	}
	for {
		got, err := try(ctx, conn, room)
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		if got {
			g.keep(conn)
			return nil
		}
		h, err := holding(ctx, conn, room)
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		if h.name != "" {
			tell("standing by: another evenkeel works with this database", "holder", h.name)
		}
		if h.silent > hungAfter {
			tell("the evenkeel that works with this database has been silent for too long; its connection is ended", "holder", h.name)
			if _, err := conn.ExecContext(ctx, "SELECT pg_terminate_backend($1)", h.pid); err != nil {
				return errors.Join(fmt.Errorf("end the connection of %s: %w", h.name, err), conn.Close())
			}
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return errors.Join(err, conn.Close())
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// reach opens the guard's connection; room is the second half of the lock, one
// for each schema.
func (g *guard) reach(ctx context.Context) (_ *sql.Conn, room int32, err error) {
	conn, err := g.s.write.DB.Conn(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("lock the database: %w", err)
	}
	var schema string
	if err := conn.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("lock the database: no schema is on the search path: %w", err), conn.Close())
	}
	// Where this machine is lost, nobody closes the connection; the server shall
	// notice within half a minute. Not every server lets one say so.
	for _, set := range []string{"tcp_keepalives_idle = 10", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3"} {
		if _, err := conn.ExecContext(ctx, "SET "+set); err != nil {
			g.s.log.Debug("the database does not take a setting", "setting", set, "error", err)
		}
	}
	h := fnv.New32a()
	h.Write([]byte(schema))
	return conn, int32(h.Sum32()), nil
}

func try(ctx context.Context, conn *sql.Conn, room int32) (got bool, err error) {
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1, $2)", lockClass, room).Scan(&got); err != nil {
		return false, fmt.Errorf("lock the database: %w", err)
	}
	return got, nil
}

// holder is the process that has the lock.
type holder struct {
	pid    int    // of its connection in the server
	name   string // "" where the lock has just become free
	silent time.Duration
}

func holding(ctx context.Context, conn *sql.Conn, room int32) (h holder, err error) {
	var seconds float64
	err = conn.QueryRowContext(ctx, `SELECT a.pid, a.application_name, extract(epoch FROM clock_timestamp() - coalesce(a.state_change, clock_timestamp()))
		FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1 AND l.objid = $2::bigint::oid
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1`,
		lockClass, int64(uint32(room))).Scan(&h.pid, &h.name, &seconds)
	if errors.Is(err, sql.ErrNoRows) {
		return holder{}, nil
	}
	h.silent = time.Duration(seconds * float64(time.Second))
	return h, err
}

func (g *guard) keep(conn *sql.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conn = conn
}

func (g *guard) start() {
	ctx, cancel := context.WithCancel(context.Background())
	g.stop = cancel
	go func() {
		defer close(g.done)
		tick := time.NewTicker(guardEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-g.s.lost:
				return
			case <-tick.C:
				g.look(ctx)
			}
		}
	}()
}

// look checks that the lock's connection stands, and takes the lock anew where
// it does not.
func (g *guard) look(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, guardEvery)
	defer cancel()
	g.mu.Lock()
	conn := g.conn
	g.mu.Unlock()
	// One that stands by knows a holder that hangs by this query's absence.
	stands := conn != nil && conn.PingContext(bounded) == nil
	if ctx.Err() != nil || stands && g.s.fenced.Load() == nil {
		return
	}
	var err error
	if !stands {
		if conn != nil {
			// Closing a broken connection says nothing new.
			_ = conn.Close()
			g.keep(nil)
		}
		err = g.acquire(bounded, 0)
	}
	if err == nil {
		err = g.s.sameTerm(bounded)
	}
	if err != nil {
		if g.s.fenced.Swap(&err) == nil {
			g.s.log.Error("the lock on the database is lost; nothing is written until it is back", "error", err)
		}
		return
	}
	if g.s.fenced.Swap(nil) != nil {
		g.s.log.Info("the lock on the database is back")
	}
}

func (g *guard) close() error {
	g.stop()
	<-g.done
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn == nil {
		return nil
	}
	return g.conn.Close()
}
