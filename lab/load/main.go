// Command load measures Evenkeel under what a large installation asks of it:
// 100,000 active series scraped each 15 s, remote write as fast as it goes,
// pages over a long history, and a start with an hour of figures to read back.
//
//	go run ./lab/load -markdown > docs/load.md
//	go run ./lab/load -only pages
//
// Scraping is measured beside Debian's Prometheus, which scrapes the same
// exporter in the same run. Remote write sends what was encoded beforehand
// from two connections, so that most of the two cores is left to the server.
// Pages are asked one after another over loopback on a data folder that the
// store itself has filled; what is shown is the time that the client waited,
// which is never less than the server's.
//
// Exit code: 0 where the goals were met, 1 where one was missed, 2 where the
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
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// result is one measured figure held against its goal.
type result struct {
	what, value, peer, goal string
	missed                  bool
}

// experiments are the parts of the run, in their order.
var experiments = []struct {
	name string
	run  func(ctx context.Context, stage *lab.Stage, o options) ([]result, error)
}{
	{"scrape", scrape},
	{"write", write},
	{"pages", pages},
	{"start", start},
}

type options struct {
	series             int
	warm, length       time.Duration // of scraping
	writing            time.Duration
	entities, findings int
	progress           io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, progress io.Writer) (code int, err error) {
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	o := options{progress: progress}
	fs.IntVar(&o.series, "series", 100_000, "active series that are scraped, and that a start reads back")
	fs.DurationVar(&o.warm, "warm", time.Minute, "how long scraping runs before it is measured")
	fs.DurationVar(&o.length, "for", 5*time.Minute, "how long scraping is measured")
	fs.DurationVar(&o.writing, "write-for", 15*time.Second, "how long remote write is measured")
	fs.IntVar(&o.entities, "entities", 10_000, "entities in the estate for the pages")
	fs.IntVar(&o.findings, "findings", 100_000, "findings in the history for the pages")
	only := fs.String("only", "", "one of scrape, write, pages, start; all by default")
	markdown := fs.Bool("markdown", false, "print the page for the documentation")
	program := fs.String("evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	stage, err := lab.NewStage("load")
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := errors.Join(stage.BuildEvenkeel(*program), stage.BuildActor()); err != nil {
		return 2, err
	}
	t := lab.Table{Header: []string{"What", "Evenkeel", "Prometheus (Debian)", "Goal", "Met"}}
	for _, x := range experiments {
		if *only != "" && *only != x.name {
			continue
		}
		fmt.Fprintf(progress, "%s\n", x.name)
		part := stage.Part()
		results, err := x.run(ctx, part, o)
		if err := errors.Join(err, part.Close()); err != nil {
			return 2, fmt.Errorf("%s: %w", x.name, err)
		}
		for _, r := range results {
			met := "yes"
			if r.missed {
				met, code = "no", 1
			}
			t.Add(r.what, r.value, r.peer, r.goal, met)
		}
	}
	if len(t.Rows) == 0 {
		return 2, fmt.Errorf("there is no experiment %q", *only)
	}
	if !*markdown {
		return code, t.Print(out)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return 2, err
	}
	fmt.Fprintf(out, "# Load\n\nEvenkeel under the load of a large installation. Made by\n\n    go run ./lab/load -markdown\n\non a machine with %d CPUs, Linux %s. See lab/load for what is done and how it is measured.\n\n", runtime.NumCPU(), strings.TrimSpace(string(kernel)))
	t.Markdown(out)
	return code, nil
}
