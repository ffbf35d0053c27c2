package store

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	s.guard = &guard{s: s, name: name, done: make(chan struct{}), stop: func() {}}
	if s.standby {
		err = s.guard.stand(ctx)
	} else {
		err = s.guard.acquire(ctx, guardPatience)
	}
	if err != nil {
		s.guard = nil
		return err
	}
	if err := s.beginTerm(ctx); err != nil {
		err = errors.Join(err, s.guard.conn.Close())
		s.guard = nil
		return err
	}
	s.guard.start()
	return nil
}
