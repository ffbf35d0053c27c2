package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// worker does what orders leave behind. Knob: pace, between two looks (200 ms).
func worker(fs *flag.FlagSet, k *knob.Set) func() error {
	s := newService("worker", fs, k)
	primaryAt := fs.String("primary", "", "`address` of PostgreSQL")
	return func() error {
		db, err := newDatabases(s).open(*primaryAt, "app")
		if err != nil {
			return err
		}
		done := s.make.NewHistogramVec(prometheus.HistogramOpts{Name: "messaging_process_duration_seconds", Help: "How long a round of work took.",
			Buckets: seconds}, []string{"messaging_system", "messaging_operation_name", "messaging_destination_name", "error_type"})
		left := s.make.NewGauge(prometheus.GaugeOpts{Name: "shop_outbox_pending", Help: "Orders that wait for the worker."})
		worked := s.make.NewCounter(prometheus.CounterOpts{Name: "messaging_client_consumed_messages_total", Help: "Orders that the worker has done."})
		go func() {
			for {
				began, kind := time.Now(), ""
				n, rest, err := workOff(db)
				if err != nil {
					kind = errorType(err)
					fmt.Fprintln(os.Stderr, "worker:", err)
				} else {
					left.Set(float64(rest))
					worked.Add(float64(n))
				}
				done.WithLabelValues("outbox", "process", "orders", kind).Observe(time.Since(began).Seconds())
				time.Sleep(k.Duration("pace", 200*time.Millisecond))
			}
		}()
		return s.run()
	}
}

// workOff does up to 100 orders' work, and returns how many are left.
func workOff(db *database) (n, rest int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = db.with(ctx, func(c *pgxpool.Conn) error {
		err := db.timed("DELETE", "outbox", func() error {
			tag, err := c.Exec(ctx, `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED)`)
			n = tag.RowsAffected()
			return err
		})
		if err != nil {
			return err
		}
		return db.timed("SELECT", "outbox", func() error { return c.QueryRow(ctx, "SELECT count(*) FROM outbox").Scan(&rest) })
	})
	return n, rest, err
}
