package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/api/client"
)

func checks(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	state := fs.String("state", "", "only in this `state`: ok, firing, pending, unknown")
	record := fs.Bool("record", false, "instead: how each check has done in the last four weeks")
	exempt := fs.Bool("exemptions", false, "instead: what is exempted until a date, by whom and why")
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	if *record {
		return checkRecords(ctx, a, c, out)
	}
	if *exempt {
		return checkExemptions(ctx, a, c, out)
	}
	list, err := c.Checks(ctx, a.query(url.Values{"state": {*state}}))
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	var rows [][]string
	for _, ch := range list {
		if ch.State == "firing" {
			code = exitFound
		}
		rows = append(rows, []string{ch.Check, ch.Entity, ch.State, ch.Reason})
	}
	return code, a.answer(out, list, func() {
		table(out, []string{"check", "of", "state", "why"}, rows, "No round of checks has ended yet.")
	})
}

// checkExemptions tells what is exempted. It ends with 1 where one that ends soon,
// or has ended, is about something that stands.
func checkExemptions(ctx context.Context, a asked, c *client.Client, out io.Writer) (int, error) {
	all, err := c.Exemptions(ctx)
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	var rows [][]string
	for _, x := range all.Exemptions {
		if x.Pressing() {
			code = exitFound
		}
		of := strings.Join(append(x.Entities, x.Matchers...), " ")
		rows = append(rows, []string{x.ID, string(x.State), clockOf(x.Until), x.Owner, strings.Join(x.Checks, " "), of, strconv.Itoa(x.Count), x.Reason})
	}
	return code, a.answer(out, all, func() {
		table(out, []string{"exemption", "state", "until", "owner", "checks", "of", "findings now", "why"}, rows, "Nothing is exempted.")
	})
}

// checkRecords tells how often each check spoke and paged, and what people said.
func checkRecords(ctx context.Context, a asked, c *client.Client, out io.Writer) (int, error) {
	all, err := c.Records(ctx, nil)
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, all, func() {
		var rows [][]string
		for _, r := range all.Records {
			useful := "-"
			if p := r.Precision; p != nil {
				useful = fmt.Sprintf("%.0f %% of %d (%.0f to %.0f %%)", 100*p.Value, r.Useful+r.Noise, 100*p.Low, 100*p.High)
			}
			rows = append(rows, []string{r.Check, strconv.Itoa(r.Findings), strconv.Itoa(r.Entities), strconv.Itoa(r.Standing), fmt.Sprintf("%.1f", r.PagedAWeek), fmt.Sprintf("%d of %d", r.Acted, r.Paged), useful})
		}
		table(out, []string{"check", "findings", "about", "standing", "paged a week", "taken up", "useful"}, rows, "No check has spoken.")
		fmt.Fprintf(out, "%d checks are made here; those that are not listed have not spoken since %s.\n", len(all.Rules), clockOf(all.From))
	})
}
