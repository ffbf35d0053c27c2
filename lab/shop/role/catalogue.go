package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// keepFor is how long the cache keeps an item.
const keepFor = 10 * time.Minute

// catalogue knows the items: from the cache, or else from the database, which
// has to count what else is like it.
func catalogue(fs *flag.FlagSet, k *knob.Set) func() error {
	s := newService("catalogue", fs, k)
	primaryAt := fs.String("primary", "", "`address` of PostgreSQL")
	cacheAt := fs.String("cache", "", "`address` of Redis")
	return func() error {
		dbs := newDatabases(s)
		db, err := dbs.open(*primaryAt, "app")
		if err != nil {
			return err
		}
		host, port, err := net.SplitHostPort(*cacheAt)
		if err != nil {
			return err
		}
		cache := redis.NewClient(&redis.Options{Addr: *cacheAt, DialTimeout: time.Second, ReadTimeout: time.Second, MaxRetries: -1, DisableIdentity: true})
		asked := s.make.NewCounterVec(prometheus.CounterOpts{Name: "shop_cache_requests_total", Help: "What the cache was asked for."}, []string{"result"})
		timed := func(operation string, do func() error) error {
			began := time.Now()
			err := do()
			kind := ""
			if err != nil && !errors.Is(err, redis.Nil) {
				kind = errorType(err)
			}
			dbs.took.WithLabelValues("redis", operation, "", host, port, kind).Observe(time.Since(began).Seconds())
			return err
		}
		s.handle("GET", "/items/{id}", func(w http.ResponseWriter, r *http.Request) int {
			id, err := strconv.Atoi(r.PathValue("id"))
			if err != nil {
				return answerWith(w, http.StatusBadRequest, "which item?")
			}
			key := "item:" + strconv.Itoa(id)
			var price int
			if timed("GET", func() (err error) { price, err = cache.Get(r.Context(), key).Int(); return err }) == nil {
				asked.WithLabelValues("hit").Inc()
				return answerWith(w, http.StatusOK, map[string]any{"item": id, "price": price})
			}
			asked.WithLabelValues("miss").Inc()
			if price, err = look(r.Context(), db, id); err != nil {
				return answerWith(w, http.StatusServiceUnavailable, err.Error())
			}
			// Without a cache the shop is slower and still right.
			_ = timed("SET", func() error { return cache.Set(r.Context(), key, price, keepFor).Err() })
			return answerWith(w, http.StatusOK, map[string]any{"item": id, "price": price})
		})
		return s.run()
	}
}

// look reads an item, and how its price stands among those like it.
func look(ctx context.Context, db *database, id int) (price int, err error) {
	err = db.with(ctx, func(c *pgxpool.Conn) error {
		return db.timed("SELECT", "items", func() error {
			return c.QueryRow(ctx, `SELECT i.price + 0 * (SELECT count(*) FROM items o WHERE o.id BETWEEN i.id AND i.id + 50000 AND md5(o.title) < 'a')
				FROM items i WHERE i.id = $1`, id).Scan(&price)
		})
	})
	return price, err
}
