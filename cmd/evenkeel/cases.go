package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/correlate/cases"
)

// listCases lists what belongs to one trouble.
func listCases(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	all := fs.Bool("all", false, "also those that are over")
	limit := fs.Int("limit", 50, "at most so many")
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	page, err := c.Cases(ctx, a.query(url.Values{"open": {strconv.FormatBool(!*all)}, "limit": {strconv.Itoa(*limit)}}))
	if err != nil {
		return exitUnsure, err
	}
	open := 0
	err = a.answer(out, page, func() {
		var rows [][]string
		now := time.Now()
		for _, x := range page.Cases {
			cause := "not known"
			if best := x.Best(); best != nil {
				cause = fmt.Sprintf("%s (%.0f %%)", best.Text, 100*best.Score)
			} else if x.Verdict == "none" {
				cause = "nobody is known to feel it"
			}
			rows = append(rows, []string{x.ID, x.Severity.String(), string(x.State), x.Story.What, cause, ago(x.Since, now)})
		}
		table(out, []string{"id", "severity", "state", "what", "cause", "since"}, rows, "No cases.")
	})
	for _, x := range page.Cases {
		if x.State == cases.Open {
			open++
		}
	}
	if open > 0 {
		return exitFound, err
	}
	return exitOK, err
}

// showCase shows one case, or keeps what a person says of it.
func showCase(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	useful := fs.Bool("useful", false, "say that the case was useful")
	noise := fs.Bool("noise", false, "say that the case was noise")
	note := fs.String("note", "", "`why`")
	rest, c, err := a.connect(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	if *useful && *noise {
		return exitUnsure, errors.New("say --useful or --noise, not both")
	}
	if *useful || *noise {
		x, err := c.JudgeCase(ctx, rest[0], api.CaseFeedback{Useful: *useful, Note: *note})
		if err != nil {
			return exitUnsure, err
		}
		return exitOK, a.answer(out, x, func() { fmt.Fprintln(out, "Kept. It counts in the record of its checks.") })
	}
	x, err := c.Case(ctx, rest[0])
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	if x.State == cases.Open {
		code = exitFound
	}
	return code, a.answer(out, x, func() { writeCase(out, x) })
}

func writeCase(out io.Writer, x api.CaseWithHistory) {
	fmt.Fprintf(out, "%s\n%s, %s.", x.Story.Text(time.Local), x.Severity, x.State)
	switch {
	case x.Verdict == "unknown":
		fmt.Fprint(out, " No single cause was found.")
	case x.Verdict == "none":
		fmt.Fprint(out, " Nobody is known to feel it.")
	}
	fmt.Fprintln(out)
	part := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(out, "\n%s\n", title)
		for _, l := range lines {
			fmt.Fprintln(out, "  "+l)
		}
	}
	var lines []string
	if x.Impact != nil {
		part("What users felt", x.Impact.Sentences())
	}
	for _, h := range x.Hypotheses {
		lines = append(lines, fmt.Sprintf("%3.0f %%  %s", 100*h.Score, h.Text))
		for _, e := range h.For {
			lines = append(lines, "        + "+e)
		}
		for _, e := range h.Against {
			lines = append(lines, "        - "+e)
		}
	}
	part("What may cause it", lines)
	part("What to do", x.Steps())
	lines = nil
	for _, m := range x.Members {
		state := ""
		if !m.EndedAt.IsZero() {
			state = " (over)"
		}
		lines = append(lines, fmt.Sprintf("%-8s %s%s: %s [%s]", m.Role, m.Title, state, m.Why, m.Finding))
	}
	part("What belongs to it", lines)
	lines = nil
	for _, e := range x.Excluded {
		lines = append(lines, e.Entity+": "+e.Reason)
	}
	part("What was excluded", lines)
	part("What could not be seen", x.Unseen)
	lines = nil
	for _, e := range x.History {
		lines = append(lines, e.At.Local().Format("15:04:05")+" "+string(e.Kind)+": "+e.Text)
	}
	part("History", lines)
}
