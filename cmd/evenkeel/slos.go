package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// slos lists the service level objectives; it finds something where one burns,
// and cannot tell where one cannot be counted.
func slos(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	suggest := fs.Bool("suggest", false, "suggest objectives for services and routes that have none, by what was kept of them")
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	if *suggest {
		return suggestions(ctx, a, c, out)
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
		case (s.State == "no-data" || s.State == "kept" && s.Reason != "") && code == exitOK:
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

// suggestions lists what could be promised, and the configuration that does so.
// Nothing is found where all that is asked has an objective already.
func suggestions(ctx context.Context, a asked, c *client.Client, out io.Writer) (int, error) {
	found, err := c.Suggestions(ctx)
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	var rows [][]string
	var text strings.Builder
	for _, s := range found.Suggestions {
		promise := "nothing"
		if s.YAML != "" {
			code = exitFound
			promise = strconv.FormatFloat(s.Target, 'f', -1, 64) + " %"
			text.WriteString(s.YAML)
		}
		rows = append(rows, []string{s.Entity, s.About, promise, s.Title, s.Sentence()})
	}
	return code, a.answer(out, found, func() {
		table(out, []string{"of", "about", "promise", "what", "what it would have meant"}, rows, "All that tells of its errors or of how long it takes has an objective.")
		if found.Later > 0 {
			fmt.Fprintf(out, "\nThere was no time for %d more; ask again.\n", found.Later)
		}
		if text.Len() > 0 {
			fmt.Fprintf(out, "\nFor the configuration (leave out what you do not want to promise):\n\nslos:\n%s", text.String())
		}
	})
}
