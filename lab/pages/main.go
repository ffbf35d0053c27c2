// Command pages kills Evenkeel at random moments while alerts arrive, people
// answer and messages go out, and looks for pages that were lost:
//
//	go run ./lab/pages -n 500              # SQLite, one process
//	go run ./lab/pages -n 200 -replicas    # PostgreSQL, two processes
//
// The whole program runs, and is seen as others see it. Programs send alerts as
// Prometheus does, to each replica; a person answers incidents by the API; what
// Evenkeel answered with a 2xx is written down here. A receiver of webhooks
// takes messages well, late, or not at all, or takes one and never says so. With
// replicas, one works and the other stands by: whoever works is killed, now and
// then both at once. At the end everything that was acknowledged is looked for,
// what arrived is compared with what the ledger says, and "evenkeel verify
// ledger" is run.
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
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
	}
	os.Exit(code)
}

type options struct {
	kills       int
	replicas    bool
	dsn         string
	least, most time.Duration
	program     string
	progress    io.Writer
}

func run(ctx context.Context, args []string, out, progress io.Writer) (int, error) {
	fs := flag.NewFlagSet("pages", flag.ContinueOnError)
	o := options{progress: progress}
	fs.IntVar(&o.kills, "n", 500, "how often to kill")
	fs.BoolVar(&o.replicas, "replicas", false, "two processes on one PostgreSQL database")
	fs.StringVar(&o.dsn, "dsn", "", "`DSN` of an empty PostgreSQL database for -replicas; a server is started otherwise")
	fs.DurationVar(&o.least, "least", 100*time.Millisecond, "shortest time at work before a kill")
	fs.DurationVar(&o.most, "most", 1500*time.Millisecond, "longest time at work before a kill")
	fs.StringVar(&o.program, "evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	markdown := fs.Bool("markdown", false, "print the table for the documentation")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	r, err := pages(ctx, o)
	if err != nil {
		return 2, err
	}
	t := r.table()
	if *markdown {
		t.Markdown(out)
		fmt.Fprintln(out, "\n    $ evenkeel verify ledger")
		for line := range strings.Lines(r.verified) {
			fmt.Fprint(out, "    ", line)
		}
	} else {
		if err := t.Print(out); err != nil {
			return 2, err
		}
		fmt.Fprintf(out, "\n$ evenkeel verify ledger\n%s", r.verified)
	}
	for _, problem := range r.problems {
		fmt.Fprintln(out, problem)
	}
	if len(r.missed()) > 0 {
		return 1, nil
	}
	return 0, nil
}

// report is what the run gave.
type report struct {
	kills, both int             // both: of the kills, those of both replicas at once
	pauses      []time.Duration // from a kill until somebody worked again
	alerts      int             // distinct ones that were acknowledged
	answers     int             // answers of people that were acknowledged
	arrived     int             // messages
	byKill      int             // messages that came again though they had been taken and answered
	byReceiver  int             // that came again after the receiver had not answered
	verified    string          // what "evenkeel verify ledger" said
	exit        int             // its exit code
	problems    []string
}

func (r *report) missed() (goals []string) {
	if len(r.problems) > 0 {
		goals = append(goals, fmt.Sprintf("%d problems", len(r.problems)))
	}
	if r.exit != 0 {
		goals = append(goals, fmt.Sprintf("verify ledger ended with %d", r.exit))
	}
	// A few kills say little of an average: what is on its way at the moment of
	// one is now none, now three.
	if most := max(r.kills, 20); r.byKill > most {
		goals = append(goals, "more than one duplicate for each kill")
	}
	if r.alerts == 0 || r.answers == 0 || r.arrived == 0 {
		goals = append(goals, "nothing happened; the run proves nothing")
	}
	return goals
}

func (r *report) table() lab.Table {
	t := lab.Table{Header: []string{"What", "Value"}}
	t.Add("SIGKILL at work", fmt.Sprint(r.kills))
	if r.both > 0 {
		t.Add("of these, both replicas at once", fmt.Sprint(r.both))
	}
	slices.Sort(r.pauses)
	if n := len(r.pauses); n > 0 {
		t.Add("from a kill until alerts were taken in again, median", r.pauses[n/2].Round(time.Millisecond).String())
		t.Add("the same, longest", r.pauses[n-1].Round(time.Millisecond).String())
	}
	t.Add("distinct alerts acknowledged to their sender", fmt.Sprint(r.alerts))
	t.Add("answers of people acknowledged", fmt.Sprint(r.answers))
	t.Add("messages that arrived", fmt.Sprint(r.arrived))
	t.Add("of these a second time because of a kill", fmt.Sprintf("%d (%.2f a kill)", r.byKill, float64(r.byKill)/float64(max(1, r.kills))))
	t.Add("a second time because the receiver took one and did not say so", fmt.Sprint(r.byReceiver))
	t.Add("lost, stuck, or not as the ledger says", fmt.Sprint(len(r.problems)))
	t.Add("exit code of verify ledger", fmt.Sprint(r.exit))
	verdict := "met"
	if goals := r.missed(); len(goals) > 0 {
		verdict = strings.Join(goals, "; ")
	}
	t.Add("goals", verdict)
	return t
}

// pages is the whole run.
func pages(ctx context.Context, o options) (r *report, err error) {
	stage, err := lab.NewStage("pages")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := stage.BuildEvenkeel(o.program); err != nil {
		return nil, err
	}
	if o.replicas && o.dsn == "" {
		if o.dsn, err = stage.StartPostgres(ctx, "postgres"); err != nil {
			return nil, err
		}
	}
	receiver, err := startReceiver(stage)
	if err != nil {
		return nil, err
	}
	f, err := newFleet(stage, o, receiver.url)
	if err != nil {
		return nil, err
	}
	if err := f.start(ctx); err != nil {
		return nil, err
	}
	w := newWorld(f)
	stop := w.begin(ctx)
	r = &report{}
	err = f.kill(ctx, o, r)
	stop()
	if err != nil {
		return nil, err
	}
	receiver.behave()
	if err := w.settle(ctx, o.progress); err != nil {
		return nil, err
	}
	return r, w.check(ctx, receiver, r)
}
