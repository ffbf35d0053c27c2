package main

import (
	"flag"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// ranking is the CPU time that putting the found items in order takes.
const ranking = 2 * time.Millisecond

// search finds items by a word, on the replica.
func search(fs *flag.FlagSet, k *knob.Set) func() error {
	s := newService("search", fs, k)
	replicaAt := fs.String("replica", "", "`address` of PostgreSQL's replica")
	return func() error {
		db, err := newDatabases(s).open(*replicaAt, "app")
		if err != nil {
			return err
		}
		s.handle("GET", "/search", func(w http.ResponseWriter, r *http.Request) int {
			var found []int
			err := db.with(r.Context(), func(c *pgxpool.Conn) error {
				return db.timed("SELECT", "items", func() error {
					rows, err := c.Query(r.Context(), "SELECT id FROM items WHERE lower(word) = lower($1) ORDER BY price LIMIT 20", r.FormValue("q"))
					if err != nil {
						return err
					}
					found, err = pgx.CollectRows(rows, pgx.RowTo[int])
					return err
				})
			})
			if err != nil {
				return answerWith(w, http.StatusServiceUnavailable, err.Error())
			}
			burn(ranking)
			return answerWith(w, http.StatusOK, map[string]any{"items": found})
		})
		return s.run()
	}
}
