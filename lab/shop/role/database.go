package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// database is a service's pool of connections to one PostgreSQL.
//
// Knob: pool, how many connections may be used at once (10). It can be turned
// while the service runs, as a changed configuration would do it.
type database struct {
	s          *service
	host, port string
	pool       *pgxpool.Pool
	used       chan struct{}

	took    *prometheus.HistogramVec
	waited  *prometheus.HistogramVec
	pending *prometheus.GaugeVec
	failed  *prometheus.CounterVec
	name    string
}

const (
	poolDefault = 10
	poolMost    = 64
	poolWait    = 2 * time.Second // longest wait for a connection
)

// databases makes the metrics that all pools of a service share.
type databases struct {
	s       *service
	took    *prometheus.HistogramVec
	waited  *prometheus.HistogramVec
	pending *prometheus.GaugeVec
	count   *prometheus.GaugeVec
	most    *prometheus.GaugeVec
	failed  *prometheus.CounterVec
}

func newDatabases(s *service) *databases {
	pool := []string{"db_client_connection_pool_name"}
	return &databases{s: s,
		took: s.make.NewHistogramVec(prometheus.HistogramOpts{Name: "db_client_operation_duration_seconds",
			Help: "How long the database took.", Buckets: seconds},
			[]string{"db_system_name", "db_operation_name", "db_collection_name", "server_address", "server_port", "error_type"}),
		waited: s.make.NewHistogramVec(prometheus.HistogramOpts{Name: "db_client_connection_wait_time_seconds",
			Help: "How long work waited for a connection of the pool.", Buckets: seconds}, pool),
		pending: s.make.NewGaugeVec(prometheus.GaugeOpts{Name: "db_client_connection_pending_requests", Help: "Work that waits for a connection."}, pool),
		count: s.make.NewGaugeVec(prometheus.GaugeOpts{Name: "db_client_connection_count", Help: "Connections by state."},
			append(pool, "db_client_connection_state")),
		most:   s.make.NewGaugeVec(prometheus.GaugeOpts{Name: "db_client_connection_max", Help: "The most connections."}, pool),
		failed: s.make.NewCounterVec(prometheus.CounterOpts{Name: "db_client_connection_timeouts_total", Help: "Work that got no connection in time."}, pool),
	}
}

// open returns a pool. It connects when it is first used, so that a service
// can start before its database.
func (d *databases) open(address, user string) (*database, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	c, err := pgxpool.ParseConfig(fmt.Sprintf("postgres://%s@%s/shop?application_name=%s&sslmode=disable", user, address, d.s.name))
	if err != nil {
		return nil, err
	}
	c.MaxConns = poolMost
	c.MaxConnLifetime = 10 * time.Second
	c.ConnConfig.ConnectTimeout = time.Second
	// Plans are made anew for each query: they are to follow the indexes.
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, err
	}
	db := &database{s: d.s, host: host, port: port, pool: pool, used: make(chan struct{}, poolMost),
		took: d.took, waited: d.waited, pending: d.pending, failed: d.failed, name: address}
	go func() {
		for range time.Tick(time.Second) {
			used := float64(len(db.used))
			d.count.WithLabelValues(db.name, "used").Set(used)
			d.count.WithLabelValues(db.name, "idle").Set(max(0, float64(db.size())-used))
			d.most.WithLabelValues(db.name).Set(float64(db.size()))
		}
	}()
	return db, nil
}

func (db *database) size() int {
	return min(poolMost, max(1, int(db.s.knobs.Number("pool", poolDefault))))
}

var errPool = errors.New("no connection of the pool became free in time")

// with runs work on a connection, once the pool has one.
func (db *database) with(ctx context.Context, work func(c *pgxpool.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, poolWait)
	defer cancel()
	began := time.Now()
	db.pending.WithLabelValues(db.name).Inc()
	for len(db.used) >= db.size() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	db.pending.WithLabelValues(db.name).Dec()
	if ctx.Err() != nil {
		db.failed.WithLabelValues(db.name).Inc()
		return errPool
	}
	db.used <- struct{}{}
	defer func() { <-db.used }()
	db.waited.WithLabelValues(db.name).Observe(time.Since(began).Seconds())
	began = time.Now()
	c, err := db.pool.Acquire(ctx)
	if err != nil {
		db.count(began, "CONNECT", "", err)
		return err
	}
	defer c.Release()
	return work(c)
}

// timed measures one operation.
func (db *database) timed(operation, table string, do func() error) error {
	began := time.Now()
	err := do()
	db.count(began, operation, table, err)
	return err
}

func (db *database) count(began time.Time, operation, table string, err error) {
	kind := ""
	var state *pgconn.PgError
	switch {
	case err == nil, errors.Is(err, pgx.ErrNoRows):
	case errors.As(err, &state):
		kind = state.Code
	default:
		kind = errorType(err)
	}
	db.took.WithLabelValues("postgresql", operation, table, db.host, db.port, kind).Observe(time.Since(began).Seconds())
}
