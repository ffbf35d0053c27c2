package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/respond"
	public "github.com/evenkeel/evenkeel/respond/status"
)

// giveRole gives a role of an incident to a person.
func giveRole(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	note := fs.String("note", "", "what others should `know`")
	rest, c, err := a.connect(fs, args, 3)
	if err != nil {
		return exitUnsure, err
	}
	id, err := incidentID(ctx, c, rest[0])
	if err != nil {
		return exitUnsure, err
	}
	person := rest[2]
	if person == "nobody" {
		person = ""
	}
	if _, err = c.GiveRole(ctx, id, rest[1], person, *note); err != nil {
		return exitUnsure, err
	}
	s, err := c.Incident(ctx, id)
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, s.Incident, func() { handsOf(out, s) })
}

// addTask adds a task to an incident, or ends one by its number.
func addTask(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	owner := fs.String("owner", "", "login name of the `person` who does it")
	due := fs.Duration("due", 0, "until when, as `time` from now, such as 2h")
	done := fs.Int("done", 0, "the task with this `number` is done; instead of a text")
	rest, err := parseSome(fs, args, 1, 2)
	if err != nil {
		return exitUnsure, err
	}
	if (len(rest) == 2) == (*done != 0) {
		return exitUnsure, fmt.Errorf("give the text of a new task, or --done with the number of one that is done")
	}
	c, err := a.client()
	if err != nil {
		return exitUnsure, err
	}
	id, err := incidentID(ctx, c, rest[0])
	if err != nil {
		return exitUnsure, err
	}
	if *done != 0 {
		err = endTask(ctx, c, id, *done)
	} else {
		var until time.Time
		if *due > 0 {
			until = time.Now().Add(*due)
		}
		_, err = c.AddTask(ctx, id, rest[1], *owner, until)
	}
	if err != nil {
		return exitUnsure, err
	}
	s, err := c.Incident(ctx, id)
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, s.Tasks, func() { handsOf(out, s) })
}

func endTask(ctx context.Context, c *client.Client, incident string, number int) error {
	s, err := c.Incident(ctx, incident)
	if err != nil {
		return err
	}
	if number < 1 || number > len(s.Tasks) {
		return fmt.Errorf("there is no task %d; 'evenkeel incident %d' lists them", number, s.Incident.Number)
	}
	_, err = c.EndTask(ctx, incident, s.Tasks[number-1].ID)
	return err
}

// handsOf prints who does what in an incident.
func handsOf(out io.Writer, s api.IncidentStory) {
	var has []string
	for _, role := range respond.AllRoles {
		if id := s.Incident.Roles.Of(role); id != "" {
			has = append(has, fmt.Sprintf("%s: %s", role, cmp.Or(s.People[id], id)))
		}
	}
	section(out, "Roles", len(has), func(n int) string { return has[n] })
	now := time.Now()
	section(out, "Tasks", len(s.Tasks), func(n int) string {
		k := s.Tasks[n]
		line := fmt.Sprintf("%2d  [ ] %s", n+1, k.Text)
		if k.Done() {
			line = fmt.Sprintf("%2d  [x] %s", n+1, k.Text)
		}
		if k.Owner != "" {
			line += " (" + cmp.Or(s.People[k.Owner], k.Owner) + ")"
		}
		switch {
		case k.Done():
		case k.Late(now):
			line += ", late since " + k.DueAt.Local().Format(time.DateTime)
		case !k.DueAt.IsZero():
			line += ", until " + k.DueAt.Local().Format(time.DateTime)
		}
		return line
	})
}

// stillOpen says, after a resolution, what is left to do.
func stillOpen(ctx context.Context, c *client.Client, out io.Writer, id string) error {
	s, err := c.Incident(ctx, id)
	if err != nil {
		return err
	}
	for n, k := range s.Tasks {
		if !k.Done() {
			fmt.Fprintf(out, "Still open: %s  (done: evenkeel task %d --done %d)\n", k.Text, s.Incident.Number, n+1)
		}
	}
	return nil
}

// writeUpdate tells those who wait how far an incident is.
func writeUpdate(ctx context.Context, fs *flag.FlagSet, args []string, out io.Writer) (int, error) {
	a := askFlags(fs)
	phase := fs.String("phase", "", "how far it is: investigating, identified, monitoring, resolved; default: as in the last update")
	next := fs.Duration("next", 0, "promise the next update within this `time`; who looks after the incident is reminded")
	open := fs.Bool("public", false, "put it on the status pages, for everybody")
	title := fs.String("title", "", "what the public calls the incident; needed with the first --public")
	components := fs.String("components", "", "what it touches on the status pages beside what its alerts do, as `PAGE/COMPONENT`, separated by commas")
	rest, c, err := a.connect(fs, args, 2)
	if err != nil {
		return exitUnsure, err
	}
	id, err := incidentID(ctx, c, rest[0])
	if err != nil {
		return exitUnsure, err
	}
	in := client.Update{Phase: public.Phase(*phase), Text: strings.TrimSpace(rest[1]), NextMinutes: int(next.Round(time.Minute) / time.Minute), Public: *open, Title: *title}
	if *components != "" {
		in.Components = strings.Split(*components, ",")
	}
	if in.Phase == "" {
		in.Phase = public.Investigating
		before, err := c.Updates(ctx, id)
		if err != nil {
			return exitUnsure, err
		}
		if len(before) > 0 {
			in.Phase = before[len(before)-1].Phase
		}
	}
	u, err := c.WriteUpdate(ctx, id, in)
	if err != nil {
		return exitUnsure, err
	}
	return exitOK, a.answer(out, u, func() {
		reach := "for us alone; --public puts it on the status pages"
		if u.Public {
			reach = "for everybody, as " + strconv.Quote(u.Title)
		}
		fmt.Fprintf(out, "Written (%s), %s.\n", u.Phase, reach)
		if !u.NextAt.IsZero() {
			fmt.Fprintf(out, "The next one is promised for %s.\n", u.NextAt.Local().Format(time.DateTime))
		}
	})
}
