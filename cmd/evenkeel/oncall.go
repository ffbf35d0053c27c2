package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond/oncall"
)

// whoIsOnCall exits with 1 where nobody is on call in a schedule that wants
// somebody at all times.
func whoIsOnCall(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	when := fs.String("at", "", "`time` such as 2027-03-28T03:00:00+02:00; default: now")
	rest, err := parseSome(fs, args, 0, 1)
	if err != nil {
		return exitUnsure, err
	}
	c, err := a.client()
	if err != nil {
		return exitUnsure, err
	}
	at := time.Now()
	if *when != "" {
		if at, err = time.Parse(time.RFC3339, *when); err != nil {
			return exitUnsure, fmt.Errorf("--at %q is not a time such as 2027-03-28T03:00:00+02:00", *when)
		}
	}
	schedule := ""
	if len(rest) > 0 {
		schedule = rest[0]
	}
	list, err := c.OnCall(ctx, schedule, at)
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	for _, s := range list {
		if len(s.Duties) == 0 && !s.PartTime {
			code = exitFound
		}
	}
	return code, a.answer(out, list, func() { dutyTable(out, list) })
}

func dutyTable(out io.Writer, list []oncall.Standing) {
	clock := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Local().Format("Mon 2 Jan 15:04")
	}
	var rows [][]string
	for _, s := range list {
		name := func(id string) string { return cmp.Or(s.Names[id], id) }
		next := ""
		for _, p := range s.Next {
			next += ", " + name(p)
		}
		if next = strings.TrimPrefix(next, ", "); next != "" {
			next += " from " + clock(s.NextAt)
		}
		if len(s.Duties) == 0 {
			rows = append(rows, []string{s.Schedule, "nobody", "", "", next})
		}
		for _, d := range s.Duties {
			rows = append(rows, []string{s.Schedule, name(d.Person), clock(d.Until), d.Why, next})
		}
	}
	table(out, []string{"schedule", "on call", "until", "why", "next"}, rows, "There are no schedules.")
}
