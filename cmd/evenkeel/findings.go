package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

func status(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	h, err := c.Health(ctx)
	if err != nil {
		return exitUnsure, err
	}
	page, err := c.Findings(ctx, a.query(url.Values{"state": {"open,acknowledged,unknown"}, "limit": {"500"}}))
	if err != nil {
		return exitUnsure, err
	}
	code, sentence := judge(h.Ready, h.Missing, page.Findings)
	for _, p := range h.Parts {
		if p.State == "failing" || p.State == "stale" {
			sentence += fmt.Sprintf("\nEvenkeel itself: %s is %s. %s", p.Part, p.State, p.Error)
			code = max(code, exitUnsure)
		}
	}
	err = a.answer(out, map[string]any{"verdict": verdicts[code], "health": h, "findings": page.Findings}, func() {
		fmt.Fprintln(out, sentence)
		if len(page.Findings) > 0 {
			findingTable(out, page.Findings)
		}
	})
	return code, err
}

var verdicts = map[int]string{exitOK: "steady", exitFound: "found", exitUnsure: "unknown"}

// judge puts the state of production into one sentence and an exit code. What
// is only worth knowing does not count as found.
func judge(ready bool, missing string, list []finding.Finding) (int, string) {
	found, unknown := 0, 0
	for _, f := range list {
		switch {
		case f.State == finding.Unknown:
			unknown++
		case f.Severity > finding.Info:
			found++
		}
	}
	switch {
	case !ready:
		return exitUnsure, "Cannot tell yet: " + missing + "."
	case found > 0:
		return exitFound, fmt.Sprintf("%d not as it should be.", found)
	case unknown > 0:
		return exitUnsure, fmt.Sprintf("Cannot tell: %d findings have lost their data.", unknown)
	}
	return exitOK, "Steady. Nothing needs you."
}

func findings(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	state := fs.String("state", "open,acknowledged,unknown", "`states` to list, separated by commas: open, acknowledged, accepted, unknown, resolved")
	severity := fs.String("severity", "", "this `severity` or worse: info, warning, critical")
	text := fs.String("q", "", "`part` of the title, check, entity or culprit")
	limit := fs.Int("limit", 50, "at most so many")
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	page, err := c.Findings(ctx, a.query(url.Values{"state": {*state}, "severity": {*severity}, "q": {*text}, "limit": {strconv.Itoa(*limit)}}))
	if err != nil {
		return exitUnsure, err
	}
	err = a.answer(out, page, func() {
		findingTable(out, page.Findings)
		if page.Next != "" {
			fmt.Fprintf(out, "\n%d of %d; --limit shows more.\n", len(page.Findings), page.Total)
		}
	})
	if len(page.Findings) > 0 {
		return exitFound, err
	}
	return exitOK, err
}

func findingTable(out io.Writer, list []finding.Finding) {
	now := time.Now()
	var rows [][]string
	for _, f := range list {
		culprit := ""
		if len(f.Culprits) > 0 {
			culprit = f.Culprits[0].Name
		}
		rows = append(rows, []string{f.ID, f.Severity.String(), string(f.State), f.Title, culprit, ago(f.FirstSeen, now)})
	}
	table(out, []string{"id", "severity", "state", "what", "culprit", "since"}, rows, "No findings.")
}

func showFinding(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	rest, c, err := a.connect(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	f, err := c.Finding(ctx, rest[0])
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	if f.State != finding.Resolved {
		code = exitFound
	}
	return code, a.answer(out, f, func() {
		fmt.Fprintf(out, "%s (%s, %s since %s)\n\n%s\n", f.Title, f.Severity, f.State, f.ChangedAt.Local().Format(time.DateTime), f.Effect)
		section(out, "Likely culprit", len(f.Culprits), func(i int) string { return f.Culprits[i].Name + ": " + f.Culprits[i].Text })
		section(out, "Evidence", len(f.Evidence), func(i int) string {
			return strings.Join(append([]string{f.Evidence[i].Text}, f.Evidence[i].Lines...), "\n      ")
		})
		section(out, "What to do", len(f.Remedy), func(i int) string { return f.Remedy[i] })
		section(out, "History", len(f.History), func(i int) string {
			e := f.History[i]
			return strings.TrimSpace(e.At.Local().Format(time.DateTime) + "  " + e.Kind + " by " + e.By + "  " + e.Text)
		})
	})
}

func section(out io.Writer, title string, n int, line func(int) string) {
	if n == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", title)
	for i := range n {
		fmt.Fprintf(out, "  %s\n", line(i))
	}
}

// acknowledge answers a finding by its id, or an incident by its number.
func acknowledge(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	note := fs.String("note", "", "what others should `know`")
	rest, c, err := a.connect(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	if _, ok := incidentNumber(rest[0]); ok {
		return tellIncident(ctx, a, c, out, rest[0], "acknowledge", *note)
	}
	f, err := c.Acknowledge(ctx, rest[0], *note)
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, f, func() { findingTable(out, []finding.Finding{f}) })
}

func accept(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	until := fs.String("until", "", "`when` the acceptance ends: a date (2026-03-01), a time (RFC 3339) or a span such as 24h")
	reason := fs.String("reason", "", "`why` it is accepted")
	return change(ctx, fs, args, out, func(a asked, id string) (finding.Finding, error) {
		end, err := when(*until, time.Now())
		if err != nil {
			return finding.Finding{}, fmt.Errorf("--until: %w", err)
		}
		c, err := a.client()
		if err != nil {
			return finding.Finding{}, err
		}
		return c.Accept(ctx, id, end, *reason)
	})
}

func reopen(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	reason := fs.String("reason", "", "`why` it is open again")
	return change(ctx, fs, args, out, func(a asked, id string) (finding.Finding, error) {
		c, err := a.client()
		if err != nil {
			return finding.Finding{}, err
		}
		return c.Reopen(ctx, id, *reason)
	})
}

// change does one thing to one finding and prints what it is then.
func change(_ context.Context, fs *flag.FlagSet, args []string, out io.Writer, do func(asked, string) (finding.Finding, error)) (int, error) {
	a := askFlags(fs)
	rest, err := parse(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	f, err := do(a, rest[0])
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, f, func() { findingTable(out, []finding.Finding{f}) })
}

// when reads a date, a time, Unix seconds or a span from now on.
func when(text string, now time.Time) (time.Time, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is not a date (2026-03-01), a time (2026-03-01T09:00:00Z), Unix seconds or a span (24h)", text)
	}
	return t, nil
}
