package main

import (
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/evenkeel/evenkeel/lab/knob"
)

const (
	// mostSkew is how far a caller's clock may be from one's own.
	mostSkew = time.Minute
	// shownWithin is how long the replica has to show an order.
	shownWithin = 500 * time.Millisecond
)

// checkout takes orders: it asks the catalogue, and within one transaction
// takes the item from the stock, has the bank agree, and writes the order and
// what the worker is to do. It reads orders from the replica.
func checkout(fs *flag.FlagSet, k *knob.Set) func() error {
	s := newService("checkout", fs, k)
	nameServer := fs.String("names", "", "`address` of the name server")
	primaryAt := fs.String("primary", "", "`address` of PostgreSQL")
	replicaAt := fs.String("replica", "", "`address` of its replica")
	return func() error {
		others := newNeighbours(s, *nameServer)
		dbs := newDatabases(s)
		primary, err := dbs.open(*primaryAt, "app")
		if err != nil {
			return err
		}
		replica, err := dbs.open(*replicaAt, "app")
		if err != nil {
			return err
		}
		s.handle("POST", "/orders", func(w http.ResponseWriter, r *http.Request) int {
			if at, err := time.Parse(time.RFC3339Nano, r.Header.Get("Shop-Time")); err != nil || s.now().Sub(at).Abs() > mostSkew {
				return answerWith(w, http.StatusUnauthorized, "the request is not of this time")
			}
			item, err := strconv.Atoi(r.FormValue("item"))
			if err != nil {
				return answerWith(w, http.StatusBadRequest, "which item?")
			}
			if _, err := others.call(r.Context(), "GET", "http", "catalogue", "/items/"+strconv.Itoa(item), nil); err != nil {
				return answerWith(w, http.StatusBadGateway, err.Error())
			}
			var order int64
			err = primary.with(r.Context(), func(c *pgxpool.Conn) error { return buy(r, primary, others, c, item, &order) })
			if err != nil {
				return answerWith(w, http.StatusServiceUnavailable, err.Error())
			}
			return answerWith(w, http.StatusOK, map[string]any{"order": order})
		})
		s.handle("GET", "/orders/{id}", func(w http.ResponseWriter, r *http.Request) int {
			id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
			if err != nil {
				return answerWith(w, http.StatusBadRequest, "which order?")
			}
			var item int
			for until := time.Now().Add(shownWithin); ; time.Sleep(50 * time.Millisecond) {
				err = replica.with(r.Context(), func(c *pgxpool.Conn) error {
					return replica.timed("SELECT", "orders", func() error {
						return c.QueryRow(r.Context(), "SELECT item FROM orders WHERE id = $1", id).Scan(&item)
					})
				})
				if !errors.Is(err, pgx.ErrNoRows) || time.Now().After(until) {
					break
				}
			}
			switch {
			case errors.Is(err, pgx.ErrNoRows):
				return answerWith(w, http.StatusNotFound, "there is no such order")
			case err != nil:
				return answerWith(w, http.StatusServiceUnavailable, err.Error())
			}
			return answerWith(w, http.StatusOK, map[string]any{"order": id, "item": item})
		})
		return s.run()
	}
}

// buy is the transaction of an order.
func buy(r *http.Request, db *database, others *neighbours, c *pgxpool.Conn, item int, order *int64) error {
	ctx := r.Context()
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) // after a commit it does nothing
	exec := func(operation, table, query string, args ...any) error {
		return db.timed(operation, table, func() error { _, err := tx.Exec(ctx, query, args...); return err })
	}
	// The item's row is locked only at the end, so that orders of one item do
	// not wait for each other's bank.
	if _, err := others.call(ctx, "POST", "http", "bank", "/authorise", nil); err != nil {
		return err
	}
	err = db.timed("INSERT", "orders", func() error {
		return tx.QueryRow(ctx, "INSERT INTO orders (item) VALUES ($1) RETURNING id", item).Scan(order)
	})
	if err != nil {
		return err
	}
	if err := exec("INSERT", "outbox", "INSERT INTO outbox (order_id) VALUES ($1)", *order); err != nil {
		return err
	}
	if err := exec("UPDATE", "stock", "UPDATE stock SET sold = sold + 1 WHERE item = $1", item); err != nil {
		return err
	}
	return db.timed("COMMIT", "orders", func() error { return tx.Commit(ctx) })
}

// answerWith writes JSON, and returns the status.
func answerWith(w http.ResponseWriter, status int, said any) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(said) // the caller may have gone away
	return status
}
