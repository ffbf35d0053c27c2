package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/respond"
)

// decideWithin is how long a new incident may take until it is decided who is
// told.
const decideWithin = 5 * time.Second

// saying shows a new incident and who is told of it. That nobody is, is not
// what the asker wanted, and they would wait for nobody.
func saying(ctx context.Context, a asked, c *client.Client, out io.Writer, i respond.Incident) (int, error) {
	var story respond.Story
	ctx, cancel := context.WithTimeout(ctx, decideWithin)
	defer cancel()
	for {
		s, err := c.Incident(ctx, i.ID)
		if err == nil {
			story = s.Story
		}
		if len(ways(story)) > 0 || len(hindrances(story)) > 0 || story.Incident.State != respond.Triggered && err == nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
			continue
		}
		break
	}
	code, told := exitUnsure, ways(story)
	if len(told) > 0 {
		code = exitOK
	}
	return code, a.answer(out, story.Incident, func() {
		incidentTable(out, []respond.Incident{story.Incident})
		for _, w := range told {
			fmt.Fprintln(out, "Being told: "+w)
		}
		if len(told) == 0 {
			fmt.Fprintln(out, "\nNobody is told.")
			for _, h := range hindrances(story) {
				fmt.Fprintln(out, "  "+h)
			}
		}
	})
}

// ways are the contacts by which somebody is being told.
func ways(s respond.Story) (out []string) {
	for _, m := range s.Messages {
		if m.Kind == respond.PageMessage && m.State != respond.Failed && m.State != respond.Superseded {
			out = append(out, fmt.Sprintf("%s (%s)", m.Contact.Name, m.Contact.Channel))
		}
	}
	return out
}

// hindrances are why somebody is not told.
func hindrances(s respond.Story) (out []string) {
	for _, e := range s.Entries {
		if nobody := e.Kind == respond.NobodyToPage || e.Kind == respond.PageEnded || e.Kind == respond.Held; nobody && !slices.Contains(out, e.Reason) {
			out = append(out, e.Reason)
		}
	}
	return out
}
