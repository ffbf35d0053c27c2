// Command quiet watches a machine on which nothing is wrong and fails when
// Evenkeel says otherwise.
//
//	go run ./lab/quiet -for 30m             # a machine that is left alone
//	go run ./lab/quiet -for 30m -compile    # a machine that compiles Go
//
// A compiling machine is busy, and busy is not wrong: its CPUs are wanted by
// one program that gets all of them, and nobody waits who would mind. Findings
// of severity info are allowed and listed.
//
// Exit code: 0 where no finding above info was raised, 1 where one was, 2
// where the run did not come to its end.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quiet:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, out io.Writer) (code int, err error) {
	fs := flag.NewFlagSet("quiet", flag.ContinueOnError)
	length := fs.Duration("for", 30*time.Minute, "how long to watch")
	compile := fs.Bool("compile", false, "compile the whole of Evenkeel meanwhile, again and again")
	program := fs.String("evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	stage, err := lab.NewStage("quiet")
	if err != nil {
		return 2, err
	}
	defer func() {
		if closeErr := stage.Close(); closeErr != nil {
			code, err = 2, closeErr
		}
	}()
	if err := stage.BuildEvenkeel(*program); err != nil {
		return 2, err
	}
	e, err := stage.StartEvenkeel(ctx, lab.Options{})
	if err != nil {
		return 2, err
	}
	began := time.Now()
	fmt.Fprintf(out, "watching for %s\n", *length)
	if *compile {
		if err := compileForever(stage); err != nil {
			return 2, err
		}
	}
	seen := map[string]finding.Finding{}
	for time.Since(began) < *length {
		list, err := e.Findings(ctx, began.Add(-time.Minute))
		if err != nil {
			return 2, err
		}
		for _, f := range list {
			if old, known := seen[f.ID]; !known || f.Severity > old.Severity {
				seen[f.ID] = f
				fmt.Fprintf(out, "%5.0f s  %s: %s\n", time.Since(began).Seconds(), f.Severity, f.Title)
			}
		}
		select {
		case <-ctx.Done():
			return 2, ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
	return verdict(out, seen)
}

func verdict(out io.Writer, seen map[string]finding.Finding) (int, error) {
	t := lab.Table{Header: []string{"Severity", "Check", "Entity", "Finding", "Culprit"}}
	above := 0
	for _, f := range slices.SortedFunc(maps.Values(seen), func(a, b finding.Finding) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.ID, b.ID))
	}) {
		culprit := ""
		if len(f.Culprits) > 0 {
			culprit = f.Culprits[0].Name + " " + f.Culprits[0].Text
		}
		t.Add(f.Severity.String(), f.Check, f.Entity, f.Title, culprit)
		if f.Severity > finding.Info {
			above++
		}
	}
	if len(t.Rows) > 0 {
		if err := t.Print(out); err != nil {
			return 2, err
		}
	}
	fmt.Fprintf(out, "%d findings above info, %d in all\n", above, len(seen))
	if above > 0 {
		return 1, nil
	}
	return 0, nil
}

// compileForever builds everything anew, again and again, in a cache of its
// own, until the stage is closed.
func compileForever(stage *lab.Stage) error {
	module, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env GOMOD: %w", err)
	}
	// The loop is a shell's, as it would be a build agent's.
	cmd := exec.Command("sh", "-c", "while go build -o /dev/null ./cmd/evenkeel; do rm -rf \"$GOCACHE\"; done")
	cmd.Dir = filepath.Dir(string(module))
	cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(stage.Dir, "gocache"))
	_, err = stage.Start("compile", cmd)
	return err
}
