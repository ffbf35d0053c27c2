package main

import (
	"context"
	"flag"
	"io"
	"strconv"

	"github.com/evenkeel/evenkeel/internal/figure"
)

// slos lists the service level objectives; it finds something where one burns,
// and cannot tell where one cannot be counted.
func slos(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	list, err := c.SLOs(ctx)
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	var rows [][]string
	for _, s := range list {
		switch {
		case s.State == "burning":
			code = exitFound
		case s.State == "no-data" && code == exitOK:
			code = exitUnsure
		}
		left := "unknown"
		if s.Left != nil {
			left = figure.In(*s.Left, "ratio")
		}
		rows = append(rows, []string{s.ID, s.Title, strconv.FormatFloat(s.Target, 'f', -1, 64) + " % in " + figure.Span(s.Window), s.State, left, s.Reason})
	}
	return code, a.answer(out, list, func() {
		table(out, []string{"id", "what", "promised", "state", "budget left", "why"}, rows, "No objectives are configured; name them under slos.")
	})
}
