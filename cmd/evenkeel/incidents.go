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

	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/respond"
)

func incidents(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	state := fs.String("state", "triggered,acknowledged,snoozed", "`states` to list, separated by commas: triggered, acknowledged, snoozed, resolved")
	severity := fs.String("severity", "", "this `severity` or worse: info, warning, critical")
	text := fs.String("q", "", "`part` of the title")
	limit := fs.Int("limit", 50, "at most so many")
	rest, err := parseSome(fs, args, 0, 1)
	if err != nil {
		return exitUnsure, err
	}
	c, err := a.client()
	if err != nil {
		return exitUnsure, err
	}
	if len(rest) == 1 {
		return tellStory(ctx, a, c, out, rest[0])
	}
	page, err := c.Incidents(ctx, a.query(url.Values{"state": {*state}, "severity": {*severity}, "q": {*text}, "limit": {strconv.Itoa(*limit)}}))
	if err != nil {
		return exitUnsure, err
	}
	err = a.answer(out, page, func() {
		incidentTable(out, page.Incidents)
		if page.Next != "" {
			fmt.Fprintln(out, "\nThere are more; --limit shows them.")
		}
	})
	if len(page.Incidents) > 0 {
		return exitFound, err
	}
	return exitOK, err
}

func incidentTable(out io.Writer, list []respond.Incident) {
	now := time.Now()
	var rows [][]string
	for _, i := range list {
		rows = append(rows, []string{strconv.FormatInt(i.Number, 10), i.Severity.String(), string(i.State), i.Title, strconv.Itoa(i.Firing), ago(i.OpenedAt, now)})
	}
	table(out, []string{"number", "severity", "state", "what", "alerts", "since"}, rows, "No incidents.")
}

// incidentNumber reads a number such as 12 or #12.
func incidentNumber(name string) (string, bool) {
	number := strings.TrimPrefix(name, "#")
	_, err := strconv.ParseUint(number, 10, 63)
	return number, err == nil
}

// incidentID is the id of the incident that a person names by its number, or by
// the id itself.
func incidentID(ctx context.Context, c *client.Client, name string) (string, error) {
	number, ok := incidentNumber(name)
	if !ok {
		return name, nil
	}
	page, err := c.Incidents(ctx, url.Values{"number": {number}})
	if err != nil {
		return "", err
	}
	if len(page.Incidents) == 0 {
		return "", fmt.Errorf("there is no incident %s; 'evenkeel incidents' lists them", number)
	}
	return page.Incidents[0].ID, nil
}

func showIncident(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	rest, c, err := a.connect(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	return tellStory(ctx, a, c, out, rest[0])
}

func tellStory(ctx context.Context, a asked, c *client.Client, out io.Writer, name string) (int, error) {
	id, err := incidentID(ctx, c, name)
	if err != nil {
		return exitUnsure, err
	}
	s, err := c.Incident(ctx, id)
	if err != nil {
		return exitUnsure, err
	}
	code := exitOK
	if s.Incident.State != respond.Resolved {
		code = exitFound
	}
	return code, a.answer(out, s, func() {
		i := s.Incident
		fmt.Fprintf(out, "#%d %s (%s, %s since %s)\n", i.Number, i.Title, i.Severity, i.State, i.ChangedAt.Local().Format(time.DateTime))
		if i.Held != "" {
			fmt.Fprintf(out, "It pages nobody for now: %s\n", i.Held)
		}
		handsOf(out, s)
		section(out, "Alerts", len(s.Alerts), func(n int) string { return string(s.Alerts[n].Fate) + "  " + s.Alerts[n].Title })
		section(out, "What happened", len(s.Entries), func(n int) string {
			e := s.Entries[n]
			return e.At.Local().Format(time.DateTime) + "  " + e.Reason
		})
	})
}

// answerIncident is a verb that says one thing to one incident.
func answerIncident(what string) func(context.Context, *flag.FlagSet, []string, io.Writer) (int, error) {
	return func(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
		a := askFlags(fs)
		note := fs.String("note", "", "what others should `know`")
		rest, c, err := a.connect(fs, args, 1)
		if err != nil {
			return exitUnsure, err
		}
		return tellIncident(ctx, a, c, out, rest[0], what, *note)
	}
}

func tellIncident(ctx context.Context, a asked, c *client.Client, out io.Writer, name, what, note string) (int, error) {
	id, err := incidentID(ctx, c, name)
	if err != nil {
		return exitUnsure, err
	}
	i, err := c.AnswerIncident(ctx, id, what, note)
	if err != nil {
		return exitUnsure, err
	}
	err = a.answer(out, i, func() { incidentTable(out, []respond.Incident{i}) })
	if err == nil && what == "resolve" && !a.json() {
		err = stillOpen(ctx, c, out, id)
	}
	return exitOK, err
}

func declareIncident(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	severity := fs.String("severity", "critical", "`severity`: info, warning, critical")
	policy := fs.String("policy", "", "`policy` that says who is told; default: the one named default")
	about := fs.String("finding", "", "`id` of the finding that it is about")
	rest, c, err := a.connect(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	i, err := c.DeclareIncident(ctx, rest[0], *severity, *policy, *about)
	if err != nil {
		return exitUnsure, err
	}
	return saying(ctx, a, c, out, i)
}

// document prints what was learnt.
func document(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	rest, c, err := a.connect(fs, args, 1)
	if err != nil {
		return exitUnsure, err
	}
	id, err := incidentID(ctx, c, rest[0])
	if err != nil {
		return exitUnsure, err
	}
	text, err := c.Document(ctx, id)
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, map[string]string{"markdown": text}, func() { fmt.Fprint(out, text) })
}
