package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"

	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/respond"
)

// check looks for all that was acknowledged, compares what arrived with what the
// ledger says, and runs "evenkeel verify ledger".
func (w *world) check(ctx context.Context, r *receiver, out *report) error {
	m, err := w.fleet.working(ctx)
	if err != nil {
		return err
	}
	e := m.running()
	stories, err := read(ctx, e)
	if err != nil {
		return err
	}
	out.alerts, out.answers, out.arrived = len(w.alerts), len(w.answers), len(r.arrived)
	out.problems = compare(stories, w.alerts, w.answers, r.arrived)
	for id, n := range r.arrived {
		out.byKill += r.kept[id]
		out.byReceiver += max(0, n-1-r.kept[id])
	}
	cmd := exec.CommandContext(ctx, filepath.Join(w.fleet.stage.Dir, "evenkeel"), "verify", "ledger", "--data", e.Data)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	out.verified, out.exit = string(text), cmd.ProcessState.ExitCode()
	return nil
}

// read reads the story of every incident.
func read(ctx context.Context, e *lab.Evenkeel) (stories []respond.Story, err error) {
	for cursor := ""; ; {
		page, err := incidents(ctx, e, "limit=200&cursor="+url.QueryEscape(cursor))
		if err != nil {
			return nil, err
		}
		for _, i := range page.Incidents {
			text, err := e.Do(ctx, http.MethodGet, "/api/v1/incidents/"+i.ID, nil)
			if err != nil {
				return nil, err
			}
			var s respond.Story
			if err := json.Unmarshal(text, &s); err != nil {
				return nil, err
			}
			stories = append(stories, s)
		}
		if cursor = page.Next; cursor == "" {
			return stories, nil
		}
	}
}

// compare says what is not as it was acknowledged, or as the ledger says.
func compare(stories []respond.Story, alerts map[string]bool, answers map[string]int64, arrived map[string]int) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	there, revision := map[string]bool{}, map[string]int64{}
	for _, s := range stories {
		revision[s.Incident.ID] = s.Incident.Revision
		for _, a := range s.Alerts {
			there[a.Labels["alertname"]] = true
		}
		for _, m := range s.Messages {
			n := arrived[m.ID]
			if (m.State == respond.Sent || m.State == respond.Delivered) && n == 0 {
				wrong("message %s is %s and has not arrived", m.ID, m.State)
			}
			if n > 1 && !m.PossibleDuplicate {
				wrong("message %s arrived %d times and is not marked as a possible duplicate", m.ID, n)
			}
		}
	}
	for name := range alerts {
		if !there[name] {
			wrong("alert %s was acknowledged and is in no incident", name)
		}
	}
	for id, n := range answers {
		if revision[id] < n {
			wrong("what a person did to incident %s at revision %d is lost: it is at %d", id, n, revision[id])
		}
	}
	return problems
}
