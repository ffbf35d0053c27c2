package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"
)

func entities(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	kind := fs.String("kind", "", "only of this `kind`: host, disk, filesystem, group, endpoint, ...")
	text := fs.String("q", "", "`part` of the name, id or an attribute")
	at := fs.String("at", "", "as of this `time` (RFC 3339)")
	limit := fs.Int("limit", 100, "at most so many")
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	page, err := c.Entities(ctx, a.query(url.Values{"kind": {*kind}, "q": {*text}, "at": {*at}, "limit": {strconv.Itoa(*limit)}}))
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, page, func() {
		var rows [][]string
		for _, e := range page.Entities {
			rows = append(rows, []string{string(e.Kind), e.Name, e.ID, e.Since.Local().Format(time.DateTime)})
		}
		table(out, []string{"kind", "name", "id", "seen since"}, rows, "Nothing is known yet.")
		if page.Next != "" {
			fmt.Fprintf(out, "\n%d of %d; --limit shows more.\n", len(page.Entities), page.Total)
		}
	})
}

func changes(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	entity := fs.String("entity", "", "only of this entity's `id`")
	limit := fs.Int("limit", 50, "at most so many")
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	page, err := c.Changes(ctx, a.query(url.Values{"entity": {*entity}, "limit": {strconv.Itoa(*limit)}}))
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, page, func() {
		var rows [][]string
		for _, ch := range page.Changes {
			rows = append(rows, []string{ch.At.Local().Format(time.DateTime), ch.Kind, ch.Summary, ch.Who})
		}
		table(out, []string{"when", "kind", "what", "who"}, rows, "No changes were seen.")
	})
}
