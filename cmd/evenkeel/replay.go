package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/review/replay"
)

// replayed runs a time that has passed again, on the running server. It ends
// with 0 where nobody would be paged, 1 where somebody would, 2 where a part of
// the time could not be seen.
func replayed(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	from := fs.String("from", "", "`time` from which on: RFC 3339, a date, Unix seconds or -6h")
	to := fs.String("to", "", "`time` up to which; default: now")
	learn := fs.Duration("learn", replay.UsualLearn, "how `long` before is learned what is usual")
	checks := fs.String("checks", "", "`file` with a draft of checks, in the form of a file of checks; a check of the same id stands in the place of the one that there is")
	only := fs.String("only", "", "`ids` of checks that are told of, with commas between them; default: all, or those of --checks")
	if _, err := parse(fs, args, 0); err != nil {
		return exitUnsure, err
	}
	ask := api.Replay{Environment: *a.environment, Learn: learn.String()}
	var err error
	if ask.From, err = timeOf("--from", *from); err != nil {
		return exitUnsure, err
	}
	if ask.To, err = timeOf("--to", *to); err != nil {
		return exitUnsure, err
	}
	if ask.From.IsZero() {
		return exitUnsure, fmt.Errorf("say from when on: --from -6h, or --from 2026-03-01T09:00:00Z")
	}
	if *checks != "" {
		raw, err := os.ReadFile(*checks)
		if err != nil {
			return exitUnsure, fmt.Errorf("--checks: %w", err)
		}
		ask.Draft = string(raw)
	}
	for id := range strings.SplitSeq(*only, ",") {
		if id = strings.TrimSpace(id); id != "" {
			ask.Only = append(ask.Only, id)
		}
	}
	c, err := a.client()
	if err != nil {
		return exitUnsure, err
	}
	told := 0.0
	r, err := c.Replay(ctx, ask, func(done float64) {
		if done >= told+.1 && !a.json() {
			told = done
			fmt.Fprintf(fs.Output(), "%.0f %% of it has been run again.\n", 100*done)
		}
	})
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	for _, i := range r.Incidents {
		if !i.PagedAt.IsZero() {
			code = exitFound
		}
	}
	if code == exitOK && r.Failed+r.Blind > 0 {
		code = exitUnsure
	}
	return code, a.answer(out, r, func() { printReplay(out, r) })
}

func printReplay(out io.Writer, r replay.Result) {
	fmt.Fprintf(out, "%s, from %s to %s, a round each %s, after %s to learn what is usual.\n", r.Environment,
		clockOf(r.From), clockOf(r.To), r.Step, r.Learned)
	fmt.Fprintln(out, r.Summary)
	if r.PagedAWeek != nil {
		fmt.Fprintf(out, "At this rate %.1f incidents would page somebody in a week.\n", *r.PagedAWeek)
	}
	if r.Why != "" {
		fmt.Fprintln(out, "Not read: "+r.Why)
	}
	var rows [][]string
	for _, f := range r.Findings {
		known := "new"
		if f.Recorded {
			known = "yes"
		}
		since := clockOf(f.Since)
		if f.Before {
			since = "before"
		}
		rows = append(rows, []string{since, clockOf(f.Until), f.Severity.String(), f.Check, f.Title, known, f.Exemption})
	}
	heads := []string{"since", "until", "severity", "check", "finding", "found then", "exempted by"}
	if r.Exempted == 0 {
		heads = heads[:len(heads)-1]
		for n := range rows {
			rows[n] = rows[n][:len(heads)]
		}
	}
	fmt.Fprintln(out)
	nothing := "Nothing would be found."
	if r.Blind+r.Failed > 0 {
		nothing = "Nothing was found, as far as there were figures."
	}
	table(out, heads, rows, nothing)
	rows = nil
	for _, f := range r.Missed {
		rows = append(rows, []string{clockOf(f.Since), clockOf(f.Until), f.Severity.String(), f.Check, f.Title})
	}
	if len(rows) > 0 {
		fmt.Fprintln(out, "\nFound at the time, and not now:")
		table(out, []string{"since", "until", "severity", "check", "finding"}, rows, "")
	}
	section(out, "Cases", len(r.Cases), func(n int) string { return r.Cases[n].Story })
	section(out, "Incidents", len(r.Incidents), func(n int) string {
		i := r.Incidents[n]
		text := fmt.Sprintf("%s %s (%s): ", clockOf(i.OpenedAt), i.Title, i.Severity)
		switch {
		case !i.PagedAt.IsZero():
			text += fmt.Sprintf("%s is paged at %s; %d pages where nobody takes it up", i.Who, clockOf(i.PagedAt), i.Pages)
		case i.Why != "":
			text += "nobody is paged: " + i.Why
		default:
			text += "nobody is paged"
		}
		return text
	})
	section(out, "To know", len(r.LeftOut), func(n int) string { return r.LeftOut[n] })
}

// clockOf is a time as it stands in tables, in UTC; empty for none.
func clockOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
