package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

const (
	// connections to PostgreSQL at most, one of them the guard's.
	connections = 9
	// idle connections are kept at most.
	idle = 2
	// guardEvery is how often the guard looks whether it still has the lock.
	guardEvery = 5 * time.Second
	// guardPatience is how long Open waits for the lock of a process that has
	// just ended, until PostgreSQL has noticed that.
	guardPatience = 3 * time.Second
)

func (s *Store) openPostgres(ctx context.Context, dsn string) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The error would quote the DSN, and with it the password.
		return errors.New("dsn cannot be read; it should look like postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	name := fmt.Sprintf("evenkeel, process %d on %s", os.Getpid(), host)
	cfg.RuntimeParams["application_name"] = name[:min(len(name), 63)]
	cfg.RuntimeParams["standard_conforming_strings"] = "on"
	cfg.RuntimeParams["timezone"] = "UTC"
	// bun writes the values into the statement, so that each is another one:
	// preparing them would fill the server's memory for nothing.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(idle)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s.write = bun.NewDB(db, pgdialect.New())
	s.read = s.write
	reach, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := db.PingContext(reach); err != nil {
		return fmt.Errorf("reach PostgreSQL: %w", err)
	}
	s.guard = &guard{s: s, done: make(chan struct{}), stop: func() {}}
	if err := s.guard.acquire(ctx, guardPatience); err != nil {
		s.guard = nil
		return err
	}
	s.guard.start()
	return nil
}

// guard holds an advisory lock on a connection of its own, so that one process
// at a time uses the database. Where the connection breaks it takes the lock
// anew; while it has not got it, writes are refused.
type guard struct {
	s    *Store
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	conn *sql.Conn
}

// acquire takes the lock, waiting for at most patience.
func (g *guard) acquire(ctx context.Context, patience time.Duration) error {
	conn, err := g.s.write.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("lock the database: %w", err)
	}
	var schema string
	if err := conn.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return errors.Join(fmt.Errorf("lock the database: no schema is on the search path: %w", err), conn.Close())
	}
	h := fnv.New32a()
	h.Write([]byte(schema))
	const evenkeel = 0x65766b6c // "evkl"
	room := int32(h.Sum32())
	for deadline := time.Now().Add(patience); ; {
		var got bool
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1, $2)", evenkeel, room).Scan(&got); err != nil {
			return errors.Join(fmt.Errorf("lock the database: %w", err), conn.Close())
		}
		if got {
			break
		}
		if time.Now().After(deadline) {
			holder := "another process"
			// Who it is is a courtesy; without it the refusal stands.
			_ = conn.QueryRowContext(ctx, `SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
				WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1 AND l.objid = $2::bigint::oid LIMIT 1`,
				evenkeel, int64(uint32(room))).Scan(&holder)
			return errors.Join(fmt.Errorf("%w: this PostgreSQL database is used by %s; stop it, or use another database",
				ErrInUse, holder), conn.Close())
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), conn.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
	g.mu.Lock()
	g.conn = conn
	g.mu.Unlock()
	return nil
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
	if conn != nil {
		if conn.PingContext(bounded) == nil || ctx.Err() != nil {
			return
		}
		// Closing a broken connection says nothing new.
		_ = conn.Close()
		g.mu.Lock()
		g.conn = nil
		g.mu.Unlock()
	}
	if err := g.acquire(bounded, 0); err != nil {
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
