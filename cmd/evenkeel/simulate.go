package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/app"
	"github.com/evenkeel/evenkeel/respond/simulate"
)

// simulation tells what would happen with an alert: on the running server, there
// with a draft, or in a configuration file alone. It ends with 0 where somebody
// would be paged, 1 where nobody would, 2 where that could not be told.
func simulation(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	at := fs.String("at", "now", "`time` at which the alert comes in: 2027-03-28T02:30:00+01:00, \"2027-03-28 02:30\", \"Sunday 03:00\", now")
	labels := fs.String("labels", "", "`labels` of the alert, such as severity=critical,service=checkout")
	zone := fs.String("zone", "", "time `zone` of --at and of what is printed, such as Europe/Berlin; default: that of the schedules, or UTC")
	severity := fs.String("severity", "", "`severity`: info, warning, critical; default: the label severity")
	title := fs.String("title", "", "`title` of the alert; default: the label alertname")
	file := fs.String("config", "", "configuration `file` with a draft of policies, contacts, schedules and routes; where no Evenkeel runs here, it alone counts")
	after := fs.Duration("acknowledge-after", -1, "somebody takes it up so `long` after they are told, such as 10m; default: nobody does")
	by := fs.String("by", "", "`who` takes it up; default: whoever is told first")
	within := fs.Duration("within", 7*24*time.Hour, "how `far` is looked ahead")
	if _, err := parse(fs, args, 0); err != nil {
		return exitUnsure, err
	}
	ask := api.Simulation{Environment: *a.environment, Severity: *severity, Title: *title, At: *at, Zone: *zone, By: *by, Within: within.String(), Labels: map[string]string{}}
	if *by != "" && *after < 0 {
		*after = 0
	}
	if *after >= 0 {
		ask.AcknowledgeAfter = after.String()
	}
	for pair := range strings.SplitSeq(*labels, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		switch {
		case strings.TrimSpace(pair) == "":
		case !ok || name == "":
			return exitUnsure, fmt.Errorf("--labels: %q is not a label such as service=checkout", pair)
		default:
			ask.Labels[name] = strings.Trim(value, `"`)
		}
	}
	if *file != "" {
		raw, err := os.ReadFile(*file)
		if err != nil {
			return exitUnsure, fmt.Errorf("--config: %w", err)
		}
		ask.Draft = string(raw)
	}
	t, err := simulated(ctx, a, ask, *after)
	if err != nil {
		return exitUnsure, err
	}
	code := map[simulate.Verdict]int{simulate.Paged: exitOK, simulate.Nobody: exitFound, simulate.Unknown: exitUnsure}[t.Verdict]
	return code, a.answer(out, t, func() { printTrace(out, t) })
}

// simulated asks the server, or where there is none and a file was named, the
// file alone.
func simulated(ctx context.Context, a asked, ask api.Simulation, after time.Duration) (simulate.Trace, error) {
	c, err := a.client()
	if err == nil {
		return c.Simulate(ctx, ask)
	}
	if ask.Draft == "" || *a.server != "" || *a.output != "table" && *a.output != "json" {
		return simulate.Trace{}, err
	}
	w, err := app.WorldOf([]byte(ask.Draft))
	if err != nil {
		return simulate.Trace{}, err
	}
	within, err := time.ParseDuration(ask.Within)
	if err != nil {
		return simulate.Trace{}, err
	}
	return simulate.Simulate(ctx, w, simulate.Ask{Tenant: access.DefaultTenant, Environment: ask.Environment, Labels: ask.Labels, Severity: ask.Severity, Title: ask.Title,
		At: ask.At, Zone: ask.Zone, By: ask.By, Acknowledged: after >= 0, After: max(0, after), Within: within}, time.Now())
}

func printTrace(out io.Writer, t simulate.Trace) {
	fmt.Fprintln(out, t.Summary)
	for _, text := range t.Said {
		fmt.Fprintln(out, text)
	}
	fmt.Fprintf(out, "\nThe alert: %s (%s)", t.Title, t.Severity)
	fmt.Fprintf(out, ", at %s (%s)\n", t.Asked.Local, t.Asked.UTC.Format(time.RFC3339))
	section(out, "Routes asked", len(t.Why), func(n int) string { return t.Why[n] })
	section(out, "Goes to", len(t.Routes), func(n int) string { return routeText(t.Routes[n]) })
	fmt.Fprintln(out)
	var rows [][]string
	for _, e := range t.Events {
		rows = append(rows, []string{e.After, e.Local, e.UTC.Format("15:04:05Z"), e.Text})
		for _, why := range e.NotUsed {
			rows = append(rows, []string{"", "", "", "  not used: " + why})
		}
	}
	table(out, []string{"after", "time", "utc", "what happens"}, rows, "Nothing happens.")
	section(out, "At the end", len(t.Incidents), func(n int) string {
		return fmt.Sprintf("Incident %d: %s", t.Incidents[n].Number, t.Incidents[n].Outcome)
	})
	section(out, "Could not be told", len(t.Unreached), func(n int) string {
		u := t.Unreached[n]
		if u.Who == "" {
			return u.Why
		}
		return u.Who + ": " + u.Why
	})
	section(out, "Taken for granted", len(t.Assumed), func(n int) string { return t.Assumed[n] })
}

func routeText(r simulate.Route) string {
	text := "the policy " + r.Policy
	if r.Name == "" {
		text += ", which does not exist"
	}
	if r.Route != "" {
		text += ", by the route " + r.Route
	}
	switch {
	case r.Muted != "" && r.Until != nil:
		text += fmt.Sprintf("; it pages nobody until %s: %s", r.Until.Local, r.Muted)
	case r.Muted != "":
		text += "; it pages nobody: " + r.Muted
	}
	return text
}
