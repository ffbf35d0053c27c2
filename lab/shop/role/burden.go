package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// cpuTime is what this thread has used.
func cpuTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(ts.Nano())
}

// burn uses CPU time, as work does.
func burn(d time.Duration) {
	if d <= 0 {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for end := cpuTime() + d; cpuTime() < end; {
		for range 20_000 {
		}
	}
}

// spin holds CPUs for a while and lets them go for a while.
func spin(fs *flag.FlagSet, _ *knob.Set) func() error {
	threads := fs.Int("threads", 1, "how many")
	on := fs.Duration("on", 300*time.Millisecond, "how long it runs")
	off := fs.Duration("off", 0, "how long it rests")
	return func() error {
		for range *threads {
			go func() {
				for {
					burn(*on)
					time.Sleep(*off)
				}
			}()
		}
		select {}
	}
}

// fill writes a file until there is no room, and tries on.
func fill(fs *flag.FlagSet, _ *knob.Set) func() error {
	file := fs.String("file", "", "`file`")
	rate := fs.Int("rate", 8<<20, "`bytes` a second")
	return func() error {
		f, err := os.Create(*file)
		if err != nil {
			return err
		}
		piece := make([]byte, *rate/10)
		for i := range piece {
			piece[i] = byte(i)
		}
		for {
			if _, err := f.Write(piece); err != nil && !errors.Is(err, syscall.ENOSPC) {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// report is a batch job that asks the database for everything at once, again
// and again.
func report(fs *flag.FlagSet, _ *knob.Set) func() error {
	at := fs.String("database", "", "`address` of PostgreSQL")
	connections := fs.Int("connections", 1, "how many at once")
	rest := fs.Duration("rest", 0, "between two questions")
	once := fs.Bool("once", false, "end after one question each")
	write := fs.Bool("write", false, "keep each answer in a table of its own, in the place of the last")
	return func() error {
		failed := make(chan error)
		for n := range *connections {
			question := []string{"SELECT md5(string_agg(title, ',' ORDER BY md5(title || price))) FROM items"}
			if *write {
				question = []string{fmt.Sprintf("DROP TABLE IF EXISTS report_%d", n),
					fmt.Sprintf("CREATE TABLE report_%d AS SELECT *, md5(title) AS mark FROM items", n)}
			}
			go func() { failed <- ask(*at, *rest, *once, question) }()
		}
		for range *connections {
			if err := <-failed; err != nil {
				return err
			}
		}
		return nil
	}
}

func ask(address string, rest time.Duration, once bool, question []string) error {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://report@%s/shop?application_name=report&sslmode=disable", address))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for {
		for _, statement := range question {
			if _, err := c.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if once {
			return nil
		}
		time.Sleep(rest)
	}
}
