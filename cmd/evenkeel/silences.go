package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/api"
)

// silences lists what keeps alerts from paging.
func silences(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	all := fs.Bool("all", false, "also those that ended in the last 30 days")
	_, c, err := a.connect(fs, args, 0)
	if err != nil {
		return exitUnsure, err
	}
	list, err := c.Silences(ctx)
	if err != nil {
		return exitUnsure, err
	}
	kept := list.Silences[:0]
	for _, x := range list.Silences {
		if (*all || x.State != "expired") && (*a.environment == "" || x.Environment == "" || x.Environment == *a.environment) {
			kept = append(kept, x)
		}
	}
	list.Silences = kept
	return exitOK, a.answer(out, list, func() {
		var rows [][]string
		for _, x := range kept {
			rows = append(rows, []string{x.ID, x.State, strings.Join(x.Matchers, ", "), silenceEnd(x), strconv.Itoa(x.Mutes), x.Owner, x.Reason})
		}
		table(out, []string{"id", "state", "what", "until", "mutes", "owner", "reason"}, rows, "No silences.")
		for _, x := range kept {
			if x.Warning != "" {
				fmt.Fprintf(out, "\n%s: %s\n", x.ID, x.Warning)
			}
		}
	})
}

func silenceEnd(x api.Silence) string { return x.To.Local().Format("2 Jan 15:04") }

// silence keeps alerts from paging for a while.
func silence(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	length := fs.String("for", "2h", "how `long`, such as 90m, 8h or 2d")
	reason := fs.String("reason", "", "`why`, for whoever finds it")
	dry := fs.Bool("dry-run", false, "say what it would mute, and change nothing")
	rest, c, err := a.connect(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	d, err := model.ParseDuration(*length)
	if err != nil || d <= 0 {
		return exitUnsure, fmt.Errorf("--for %s: must be a length of time such as 90m, 8h or 2d", *length)
	}
	in := api.SilenceInput{Environment: *a.environment, Matchers: []string{rest[0]}, To: time.Now().Add(time.Duration(d)), Reason: *reason}
	match, err := c.PreviewSilence(ctx, in)
	if err != nil {
		return exitUnsure, err
	}
	if *dry {
		return exitOK, a.answer(out, match, func() {
			for _, st := range match.Alerts {
				fmt.Fprintln(out, "  "+st.Title)
			}
			fmt.Fprintf(out, "It would mute %d of the %d alerts that stand.\n", match.Count, match.Of)
		})
	}
	if strings.TrimSpace(*reason) == "" {
		return exitUnsure, errors.New("--reason is needed: whoever finds the silence will want to know")
	}
	x, err := c.Silence(ctx, in)
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, x, func() {
		fmt.Fprintf(out, "Silenced until %s: %s. It mutes %d of the %d alerts that stand.\nTo end it: evenkeel expire %s\n",
			silenceEnd(x), strings.Join(x.Matchers, ", "), match.Count, match.Of, x.ID)
	})
}

// expire ends a silence now.
func expire(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	rest, c, err := a.connect(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	x, err := c.ExpireSilence(ctx, rest[0])
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, x, func() {
		fmt.Fprintf(out, "Ended: %s. What it muted and still stands pages again within a minute.\n", strings.Join(x.Matchers, ", "))
	})
}
