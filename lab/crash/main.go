// Command crash kills Evenkeel at a random moment under load, again and again
// on the same data, and looks for what was lost.
//
//	go run ./lab/crash -n 100
//
// In each round, programs make API tokens, acknowledge and accept findings,
// and remote-write samples; whatever Evenkeel answered with a 2xx is written
// down here. Then the process gets SIGKILL, is started again, and is asked for
// all of it. The goals: no acknowledged write to the state is missing, samples
// are lost for the last seconds at most, and the start takes less than 3 s.
//
// Killing the process leaves the machine up: what the kernel had already been
// given is on its way to the disk. A power cut is another experiment.
//
// Exit code: 0 where every goal was met, 1 where one was missed, 2 where the
// run did not come to its end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// The goals.
const (
	readyWithin = 3 * time.Second
	maxLoss     = 5 * time.Second // of samples, before the kill
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, progress io.Writer) (int, error) {
	fs := flag.NewFlagSet("crash", flag.ContinueOnError)
	rounds := fs.Int("n", 100, "how often to kill it")
	least := fs.Duration("least", 200*time.Millisecond, "shortest time under load before a kill")
	most := fs.Duration("most", 3*time.Second, "longest time under load before a kill")
	markdown := fs.Bool("markdown", false, "print the table for the documentation")
	program := fs.String("evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	r, err := crash(ctx, *rounds, *least, *most, *program, progress)
	if err != nil {
		return 2, err
	}
	t := r.table()
	if *markdown {
		t.Markdown(out)
	} else if err := t.Print(out); err != nil {
		return 2, err
	}
	for _, lost := range r.lost {
		fmt.Fprintln(out, "lost:", lost)
	}
	if len(r.missed()) > 0 {
		return 1, nil
	}
	return 0, nil
}

// report is what all rounds gave.
type report struct {
	rounds  int
	written int // acknowledged writes to the state
	samples int // acknowledged samples
	lost    []string
	gaps    []time.Duration // age of the newest sample that survived, per round, counted back from the last acknowledged one
	starts  []time.Duration // from the start of the process until it was ready
}

func (r *report) missed() (goals []string) {
	if len(r.lost) > 0 {
		goals = append(goals, "acknowledged state was lost")
	}
	if worst(r.gaps) > maxLoss {
		goals = append(goals, "samples were lost for longer than "+maxLoss.String())
	}
	if worst(r.starts) >= readyWithin {
		goals = append(goals, "a start took "+readyWithin.String()+" or longer")
	}
	if r.written == 0 || r.samples == 0 {
		goals = append(goals, "nothing was written; the run proves nothing")
	}
	return goals
}

func (r *report) table() lab.Table {
	t := lab.Table{Header: []string{"What", "Value"}}
	t.Add("SIGKILL under load", fmt.Sprint(r.rounds))
	t.Add("acknowledged writes to the state", fmt.Sprint(r.written))
	t.Add("of these lost", fmt.Sprint(len(r.lost)))
	t.Add("acknowledged samples", fmt.Sprint(r.samples))
	t.Add("samples lost before a kill, at most", worst(r.gaps).Round(time.Millisecond).String())
	t.Add("start to ready, median", median(r.starts).Round(time.Millisecond).String())
	t.Add("start to ready, slowest", worst(r.starts).Round(time.Millisecond).String())
	verdict := "met"
	for i, goal := range r.missed() {
		if i == 0 {
			verdict = ""
		} else {
			verdict += "; "
		}
		verdict += goal
	}
	t.Add("goals", verdict)
	return t
}

func worst(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return slices.Max(list)
}

func median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(list))[len(list)/2]
}

// crash runs the rounds.
func crash(ctx context.Context, rounds int, least, most time.Duration, program string, progress io.Writer) (r *report, err error) {
	stage, err := lab.NewStage("crash")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := stage.BuildEvenkeel(program); err != nil {
		return nil, err
	}
	data := filepath.Join(stage.Dir, "data")
	open, _, err := lab.FillHistory(ctx, data, lab.Past{Entities: 500, Findings: 2000, Open: 1000}, time.Now())
	if err != nil {
		return nil, err
	}
	r = &report{rounds: rounds}
	book := newLedger(open)
	for round := range rounds + 1 {
		began := time.Now()
		part := stage.Part()
		e, err := part.StartEvenkeel(ctx, lab.Options{Data: data})
		if err != nil {
			return r, fmt.Errorf("start %d: %w", round, err)
		}
		r.starts = append(r.starts, e.Ready)
		lost, gap, err := book.check(ctx, e, round == rounds)
		if err != nil {
			return r, fmt.Errorf("after kill %d: %w", round, err)
		}
		r.lost = append(r.lost, lost...)
		if round > 0 {
			r.gaps = append(r.gaps, gap)
		}
		if round < rounds {
			load, cancel := context.WithTimeout(ctx, least+rand.N(most-least))
			written, samples, err := book.write(ctx, load, e, round)
			cancel()
			if err != nil {
				return r, fmt.Errorf("round %d: %w", round, err)
			}
			r.written, r.samples = r.written+written, r.samples+samples
		}
		if err := part.Close(); err != nil { // SIGKILL
			return r, err
		}
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		fmt.Fprintf(progress, "round %d: ready after %d ms, gap %s, %d lost; %d writes so far (%s)\n",
			round, e.Ready.Milliseconds(), gap.Round(time.Millisecond), len(lost), r.written, time.Since(began).Round(time.Millisecond))
	}
	return r, nil
}
