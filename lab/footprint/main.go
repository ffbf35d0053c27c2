// Command footprint measures what it costs to watch one machine: Evenkeel
// beside Prometheus with node_exporter and Alertmanager, and beside Netdata,
// all in one run on the same machine.
//
//	go run ./lab/footprint -for 10m -markdown > docs/footprint.md
//
// The peers are Debian's packages. Prometheus scrapes itself, node_exporter
// and Alertmanager at the interval that Evenkeel reads the machine at (15 s)
// and evaluates no rule; Evenkeel judges all of its checks. Netdata runs as it
// comes, which is at one second.
//
// CPU seconds are user and kernel time of each process tree from /proc over
// the measured time, which begins after a warm-up; memory is the mean over
// samples taken each 10 s. A peer that is not installed is left out and said
// to be. Exit code: 0 where Evenkeel used no more than Prometheus,
// node_exporter and Alertmanager together, 1 where it used more, 2 where the
// run did not come to its end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, progress io.Writer) (code int, err error) {
	fs := flag.NewFlagSet("footprint", flag.ContinueOnError)
	length := fs.Duration("for", 10*time.Minute, "how long to measure")
	warm := fs.Duration("warm", time.Minute, "how long everything runs before")
	starts := fs.Int("starts", 5, "how often to measure the start")
	markdown := fs.Bool("markdown", false, "print the page for the documentation")
	program := fs.String("evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	stage, err := lab.NewStage("footprint")
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := stage.BuildEvenkeel(*program); err != nil {
		return 2, err
	}
	fmt.Fprintf(progress, "starting Evenkeel %d times\n", *starts)
	startTable, err := measureStarts(ctx, stage, *starts)
	if err != nil {
		return 2, err
	}
	all, err := startAll(ctx, stage, progress)
	if err != nil {
		return 2, err
	}
	fmt.Fprintf(progress, "warming up for %s, measuring for %s\n", *warm, *length)
	if err := measure(ctx, all, *warm, *length); err != nil {
		return 2, err
	}
	use := useTable(all, *length)
	if *markdown {
		page(out, use, startTable, *length)
	} else if err := errors.Join(use.Print(out), startTable.Print(out)); err != nil {
		return 2, err
	}
	return verdict(all), nil
}

// measureStarts starts Evenkeel on fresh data, again and again.
func measureStarts(ctx context.Context, stage *lab.Stage, times int) (lab.Table, error) {
	t := lab.Table{Header: []string{"Start", "to ready", "to the first figures"}}
	for n := range times {
		part := stage.Part()
		began := time.Now()
		e, err := part.StartEvenkeel(ctx, lab.Options{Name: fmt.Sprintf("start-%d", n)})
		if err != nil {
			return t, errors.Join(err, part.Close())
		}
		first, err := e.AwaitData(ctx, began)
		if err := errors.Join(err, part.Close()); err != nil {
			return t, err
		}
		t.Add(fmt.Sprint(n+1), fmt.Sprintf("%d ms", e.Ready.Milliseconds()), fmt.Sprintf("%.1f s", first.Seconds()))
	}
	return t, nil
}

func useTable(all []*watcher, length time.Duration) lab.Table {
	t := lab.Table{Header: []string{"What", "CPU seconds", "of one core", "RSS", "PSS"}}
	for _, w := range all {
		if w.absent != "" {
			t.Add(w.name, w.absent, "", "", "")
			continue
		}
		t.Add(w.name, fmt.Sprintf("%.2f", w.cpu), fmt.Sprintf("%.2f %%", 100*w.cpu/length.Seconds()), lab.MB(w.rss()), lab.MB(w.pss()))
	}
	return t
}

func page(out io.Writer, use, starts lab.Table, length time.Duration) {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	fmt.Fprintf(out, `# Footprint

What it costs to watch one machine, measured side by side in one run. Made by

    go run ./lab/footprint -for %s -markdown

on a machine with %d CPUs, Linux %s. See lab/footprint for what is run and how it is measured.

`, length, runtime.NumCPU(), trim(kernel))
	use.Markdown(out)
	fmt.Fprint(out, "\nAll but Netdata read the machine every 15 s. RSS counts shared pages for each process, PSS divides them.\n\n## Start\n\nOn a fresh data folder:\n\n")
	starts.Markdown(out)
}

func trim(text []byte) string {
	for len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	return string(text)
}

// verdict compares Evenkeel with the sum of the Prometheus family.
func verdict(all []*watcher) int {
	own, family := all[0], all[1]
	if family.absent != "" {
		return 2
	}
	if own.cpu > family.cpu || own.rss() > family.rss() {
		return 1
	}
	return 0
}

// command builds an exec.Cmd only where the program is installed.
func command(name string, args ...string) (*exec.Cmd, bool) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, false
	}
	return exec.Command(path, args...), true
}
