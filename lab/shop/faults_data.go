package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/evenkeel/evenkeel/lab"
)

func lockPileUp(s *scene, part *lab.Stage) error {
	c, err := connect(s.ctx, primaryAt, "postgres", "shop")
	if err != nil {
		return err
	}
	part.Undo("end the migration", func() error { return c.Close(context.WithoutCancel(s.ctx)) })
	_, err = c.Exec(s.ctx, "BEGIN; LOCK TABLE stock IN ACCESS EXCLUSIVE MODE")
	return err
}

// connectionsExhausted takes each connection that becomes free.
func connectionsExhausted(s *scene, part *lab.Stage) error {
	taken := make(chan []*pgx.Conn, 1)
	ctx := s.during(part, func() {
		for _, c := range <-taken {
			_ = c.Close(context.WithoutCancel(s.ctx)) // PostgreSQL notices in any case
		}
	})
	go func() {
		var all []*pgx.Conn
		for ctx.Err() == nil {
			if c, err := connect(ctx, primaryAt, "report", "shop"); err == nil {
				all = append(all, c)
				continue
			}
			wait(ctx, 20*time.Millisecond)
		}
		taken <- all
	}()
	return nil
}

// during is a context that ends with the part, before "after" is done.
func (s *scene) during(part *lab.Stage, after func()) context.Context {
	ctx, cancel := context.WithCancel(s.ctx)
	part.Undo("end what goes on beside", func() error {
		cancel()
		after()
		return nil
	})
	return ctx
}

func checkpointStorm(s *scene, part *lab.Stage) error {
	if err := s.ownDisks(); err != nil {
		return err
	}
	over := make(chan struct{})
	part.Undo("clean up after the updates", func() error { return s.database.do(context.WithoutCancel(s.ctx), "VACUUM items") })
	ctx := s.during(part, func() { <-over })
	go func() {
		defer close(over)
		for n := 0; ctx.Err() == nil; n = (n + 1) % 30 {
			// A refused statement is tried again: what matters is the load.
			_ = s.database.do(ctx, fmt.Sprintf("UPDATE items SET price = price + 0 WHERE id %% 30 = %d", n), "CHECKPOINT")
		}
	}()
	return nil
}

func droppedIndex(s *scene, part *lab.Stage) error {
	part.Undo("make the index again", func() error { return s.database.do(context.WithoutCancel(s.ctx), wordIndex) })
	return s.database.do(s.ctx, "DROP INDEX items_word")
}

func replicaBehind(s *scene, part *lab.Stage) error {
	part.Undo("let the replica replay", func() error {
		// What is replayed at once may cancel the statement that let it.
		var err error
		for range 10 {
			if err = s.database.on(context.WithoutCancel(s.ctx), replicaAt, "SELECT pg_wal_replay_resume()"); err == nil {
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
		return err
	})
	return s.database.on(s.ctx, replicaAt, "SELECT pg_wal_replay_pause()")
}

func cacheCold(s *scene, part *lab.Stage) error {
	cache := redis.NewClient(&redis.Options{Addr: cacheAt, DisableIdentity: true})
	over := make(chan struct{})
	ctx := s.during(part, func() {
		<-over
		_ = cache.Close()
	})
	if err := cache.FlushAll(ctx).Err(); err != nil {
		close(over)
		return err
	}
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			_ = cache.FlushAll(ctx).Err() // it worked a moment ago
			wait(ctx, 200*time.Millisecond)
		}
	}()
	return nil
}

func noisyBatch(s *scene, part *lab.Stage) error {
	if err := s.ownDisks(); err != nil {
		return err
	}
	part.Undo("drop what the report wrote", func() error {
		return s.database.do(context.WithoutCancel(s.ctx), "DROP TABLE IF EXISTS report_0, report_1, report_2")
	})
	return s.beside(part, "shop-report", nil, "report", "-database", primaryAt, "-connections", "3", "-write")
}

// quietBatch is one report that nobody waits for.
func quietBatch(s *scene, part *lab.Stage) error {
	return s.beside(part, "shop-nightly", []string{"nice", "-n", strconv.Itoa(10)}, "report", "-database", primaryAt, "-once")
}

func quietIdle(s *scene, part *lab.Stage) error {
	part.Undo("let people buy", func() error { s.customers.buying.Store(true); return nil })
	s.customers.buying.Store(false)
	return nil
}
