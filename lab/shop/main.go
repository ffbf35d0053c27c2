// Command shop runs a small shop of many services on this machine, makes real
// faults in it, one after another, and shows what Evenkeel said about each.
//
//	go run ./lab/shop                       # all, as a table; about two hours
//	go run ./lab/shop -list
//	go run ./lab/shop -only bank-slow,dns-slow -output json
//	go run ./lab/shop -markdown
//	go run ./lab/shop -serve                # only the shop and Evenkeel, to look at
//
// The shop is real: five services, PostgreSQL with a replica that it streams
// to, Redis, a name server, a bank, and customers who do not wait for each
// other; lab/shop/role has the parts. Each has an address of its own in
// 127.23.0.0/24. Evenkeel scrapes all of it every 5 s and is seen only through
// its API; each fault meets a fresh one. What customers feel is measured by the customers: a fault that they
// did not feel was not made, whatever was said about it.
//
// It needs Debian's postgresql and redis-server, and shows more with the
// exporters of both; some faults need root, cgroups of version 1, nft or
// stress-ng. Everything is undone at the end and on Ctrl-C.
//
// Exit code: 0 where every fault was detected and every control stayed calm, 1
// where not, 2 where one could not be made here.
package main

import (
	"context"
	"encoding/json"
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
		fmt.Fprintln(os.Stderr, "shop:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, progress io.Writer) (code int, err error) {
	fs := flag.NewFlagSet("shop", flag.ContinueOnError)
	only := fs.String("only", "", "comma-separated `names`; all by default")
	list := fs.Bool("list", false, "list the faults and controls")
	output := fs.String("output", "table", "table, markdown or json")
	markdown := fs.Bool("markdown", false, "the same as -output markdown")
	program := fs.String("evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	serve := fs.Bool("serve", false, "run the shop and Evenkeel without faults until Ctrl-C")
	declare := fs.Bool("declare", false, "tell Evenkeel by its configuration what needs what")
	shots := fs.String("shots", "", "`folder` for pictures of the case of each fault, by Chromium")
	keep := fs.String("keep", "", "`folder` for what Evenkeel kept of each fault: a data folder, of which 'evenkeel replay' can run the time again")
	var p pace
	fs.DurationVar(&p.learn, "learn", 3*time.Minute, "ordinary traffic that Evenkeel has learned from before all faults")
	fs.DurationVar(&p.settle, "settle", time.Minute, "ordinary traffic before each fault")
	fs.DurationVar(&p.hold, "hold", 75*time.Second, "how long each fault lasts")
	fs.DurationVar(&p.after, "after", 6*time.Minute, "longest wait after a fault for its findings to end")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if *markdown {
		*output = "markdown"
	}
	chosen, err := choose(*only)
	if err != nil {
		return 2, err
	}
	if *list {
		t := lab.Table{Header: []string{"Name", "How it is made", "True cause"}}
		for _, f := range chosen {
			t.Add(f.name, f.what, f.truth)
		}
		return 0, t.Print(out)
	}
	for _, folder := range []string{*shots, *keep} {
		if folder == "" {
			continue
		}
		if err := os.MkdirAll(folder, 0o755); err != nil { // now, and not after the first fault
			return 2, err
		}
	}
	stage, err := lab.NewStage("shop")
	if err != nil {
		return 2, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel() // the customers leave first
		if closeErr := stage.Close(); closeErr != nil {
			fmt.Fprintln(progress, "could not be undone:", closeErr)
			code = 2
		}
	}()
	r, err := newRunner(ctx, stage, *program, *declare, p, progress)
	if err != nil {
		return 2, err
	}
	r.shots, r.keep = *shots, *keep
	if *serve {
		e, err := stage.StartEvenkeel(ctx, lab.Options{Config: r.config})
		if err != nil {
			return 2, err
		}
		r.say("Evenkeel is at %s (token %s), the shop at http://%s", e.URL, e.Token, frontAt)
		<-ctx.Done()
		return 0, nil
	}
	results, err := r.run(ctx, chosen)
	if showErr := show(out, *output, results); err != nil || showErr != nil {
		return 2, errors.Join(err, showErr) // with what was seen until then
	}
	return exitCode(results), nil
}

func show(out io.Writer, format string, results []outcome) error {
	t := table(results)
	switch format {
	case "json":
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(results)
	case "markdown":
		t.Markdown(out)
		printSummary(out, results)
		return nil
	}
	err := t.Print(out)
	printSummary(out, results)
	return err
}

func choose(only string) ([]fault, error) {
	if only == "" {
		return faults, nil
	}
	var chosen []fault
	for name := range strings.SplitSeq(only, ",") {
		at := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no fault %q; -list shows them", name)
		}
		chosen = append(chosen, faults[at])
	}
	return chosen, nil
}

func exitCode(results []outcome) int {
	code := 0
	for _, o := range results {
		switch o.Verdict {
		case notMade:
			return 2
		case missed, falseAlarm:
			code = 1
		}
	}
	return code
}
