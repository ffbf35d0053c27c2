// Command week asks whether somebody would be called in a week in which nothing
// is wrong. It writes the figures of a shop-like estate over eight days into a
// data folder (services that call each other, PostgreSQL with replicas, Redis,
// machines) and has "evenkeel replay" run seven of them by the code of every
// day.
//
//	go run ./lab/week                  # seven quiet days
//	go run ./lab/week -faults          # the same with three faults in it
//	go run ./lab/week -for 12h         # a night only, of the third day
//
// In the quiet week is what real weeks have: days and nights, a weekend, noise
// that remembers, nearly no traffic at night, a nightly batch, three deploys, three
// times the traffic for an evening, fewer instances for a night, an idle primary
// over the weekend whose replica's lag grows by itself, exporters that fall
// silent, counters that begin anew, a cache that is started empty. None of it
// hurts anybody.
//
// Exit code: 0 where nobody was paged in the quiet week, or each fault paged
// somebody; 1 where not; 2 where the run did not come to its end.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/review/replay"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "week:", err)
	}
	os.Exit(code)
}

const day = 24 * time.Hour

func run(ctx context.Context, args []string, out, progress io.Writer) (code int, err error) {
	fs := flag.NewFlagSet("week", flag.ContinueOnError)
	length := fs.Duration("for", 7*day, "how much is run: 7 days, or a part of them")
	begin := fs.Duration("begin", 66*time.Hour, "when a part of them begins, after the first midnight")
	learn := fs.Duration("learn", day, "how long before is learned what is usual")
	step := fs.Duration("step", 30*time.Second, "time between two samples, and two rounds")
	faults := fs.Bool("faults", false, "with a slow service, a lossy network and a leak in it")
	program := fs.String("evenkeel", "", "`file` of a built evenkeel; it is built otherwise")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	stage, err := lab.NewStage("week")
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := stage.BuildEvenkeel(*program); err != nil {
		return 2, err
	}
	// The first day is a Tuesday, so that the weekend lies in the middle.
	began := time.Now().UTC().Truncate(day).Add(-9 * day)
	for began.Weekday() != time.Tuesday {
		began = began.Add(-day)
	}
	from, to := began.Add(day), began.Add(8*day)
	if *length < 7*day {
		from = began.Add(*begin)
		to = from.Add(*length)
	}
	data := filepath.Join(stage.Dir, "data")
	e := newEstate(began, *faults)
	wrote := time.Now()
	if err := history(ctx, data, e, from.Add(-*learn), to, *step); err != nil {
		return 2, err
	}
	fmt.Fprintf(progress, "%s of figures of %d services, written in %s\n", to.Sub(from)+*learn, len(e.services), time.Since(wrote).Round(time.Second))
	server, err := stage.StartEvenkeel(ctx, lab.Options{Data: data, Config: configuration(*step)})
	if err != nil {
		return 2, err
	}
	ran := time.Now()
	r, err := replayed(ctx, stage, server, progress, from, to, *learn)
	if err != nil {
		return 2, err
	}
	fmt.Fprintf(progress, "run again in %s\n", time.Since(ran).Round(time.Second))
	return judge(out, e, r), nil
}

// replayed runs the time by the command that people use.
func replayed(ctx context.Context, stage *lab.Stage, server *lab.Evenkeel, progress io.Writer, from, to time.Time, learn time.Duration) (r replay.Result, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(stage.Dir, "evenkeel"), "replay", "--data", server.Data, "--output", "json",
		"--from", from.Format(time.RFC3339), "--to", to.Format(time.RFC3339), "--learn", learn.String())
	cmd.Stderr = progress
	text, err := cmd.Output()
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("evenkeel replay said %q: %w", text[:min(len(text), 300)], err)
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil // somebody would be paged
	}
	return r, err
}

// configuration is what such a shop's people would write down.
func configuration(step time.Duration) string {
	text := fmt.Sprintf("interval: %s\ndiscover_probes: false\nmetrics: {retention_time: 30d}\n", step)
	text += `respond:
  policies:
  - {id: default, rounds: 1, steps: [{notify: [{kind: channel, id: room}], wait: 30m}]}
  contacts:
  - {id: room, name: the shop's people, channel: webhook, address: "http://127.0.0.1:1/"}
notify: {network: {allow_loopback: true}}
slos:
`
	for _, o := range []struct {
		service, target, under string
	}{{"front", "99", "500ms"}, {"checkout", "97", "1s"}, {"search", "99", "250ms"}, {"catalogue", "99", "100ms"}, {"payments", "95", "500ms"}} {
		of := fmt.Sprintf(`job="%s"`, o.service)
		text += fmt.Sprintf("- {id: %[1]s-answers, title: %[1]s answers, service: %[1]s, target: 99.5, bad: 'sum(increase(http_server_request_duration_seconds_count{%[2]s,http_response_status_code=~\"5..\"}[$window]))', total: 'sum(increase(http_server_request_duration_seconds_count{%[2]s}[$window]))'}\n", o.service, of)
		text += fmt.Sprintf("- {id: %[1]s-fast, title: %[1]s answers within %[4]s, service: %[1]s, target: %[3]s, latency: {histogram: http_server_request_duration_seconds, selector: '%[2]s', under: %[4]s}}\n", o.service, of, o.target, o.under)
	}
	return text
}

// about says that an incident, or a case that stood when it paged, names
// something. Titles hold figures that change, and do not tell which case it is.
func about(r replay.Result, i replay.Incident, name string) bool {
	return strings.Contains(i.Title, name) || slices.ContainsFunc(r.Cases, func(c replay.Case) bool {
		return strings.Contains(c.Story, name) && !c.Since.After(i.PagedAt) && (c.Until.IsZero() || c.Until.After(i.PagedAt))
	})
}

// judge prints what was found and says whether that is as it should be.
func judge(out io.Writer, e *estate, r replay.Result) int {
	code := 0
	fmt.Fprintf(out, "From %s to %s, a round each %s, after %s to learn: %d rounds, %d of them not read in full.\n",
		r.From.UTC().Format(time.DateTime), r.To.UTC().Format(time.DateTime), r.Step, r.Learned, r.Rounds, r.Failed)
	if r.Failed > 0 {
		fmt.Fprintln(out, "Not read:", r.Why)
		code = 2
	}
	found := map[string]int{}
	for _, f := range r.Findings {
		found[f.Severity.String()+" "+f.Check]++
	}
	t := lab.Table{Header: []string{"severity, check", "findings"}}
	for _, what := range slices.Sorted(maps.Keys(found)) {
		t.Add(what, fmt.Sprint(found[what]))
	}
	_ = t.Print(out)
	for _, f := range r.Findings {
		fmt.Fprintf(out, "%s to %s  %s  %s  %s\n", f.Since.UTC().Format("Mon 15:04:05"), f.Until.UTC().Format("Mon 15:04:05"), f.Severity, f.Check, f.Title)
	}
	var paged []replay.Incident
	for _, i := range r.Incidents {
		if !i.PagedAt.IsZero() {
			paged = append(paged, i)
			fmt.Fprintf(out, "paged %s  %s\n", i.PagedAt.UTC().Format("Mon 15:04:05"), i.Title)
		}
	}
	fmt.Fprintf(out, "Pages: %d\n", len(paged))
	if !e.faults {
		if len(paged) > 0 {
			code = cmp.Or(code, 1)
		}
		return code
	}
	for _, x := range []struct {
		what, names string // names stands in what the page says
		when        event
	}{{"a slow service", "catalogue", slow}, {"a lossy network", "payments", loss}, {"a leak", "search", leak}} {
		begin := e.began.Add(time.Duration((float64(24*x.when.day) + x.when.from) * float64(time.Hour)))
		end := begin.Add(time.Duration((x.when.to - x.when.from) * float64(time.Hour)))
		if begin.Before(r.From) || end.After(r.To) {
			continue
		}
		at := slices.IndexFunc(paged, func(i replay.Incident) bool {
			return i.PagedAt.After(begin) && i.PagedAt.Before(end) && about(r, i, x.names)
		})
		if at < 0 {
			fmt.Fprintf(out, "%s: nobody was paged\n", x.what)
			code = cmp.Or(code, 1)
			continue
		}
		fmt.Fprintf(out, "%s: paged after %s: %s\n", x.what, paged[at].PagedAt.Sub(begin).Round(time.Second), paged[at].Title)
	}
	return code
}
