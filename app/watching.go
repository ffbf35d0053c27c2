package app

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/internal/health"
)

// checks is what the last round said.
func (a *App) checks(tenant, environment string) []api.Check {
	if tenant != a.tenant {
		return nil
	}
	all := a.clusterChecks.checks(environment)
	if coverage := a.coverage.Load(); coverage != nil {
		all = append(slices.DeleteFunc(slices.Clone(*coverage), func(c detect.Coverage) bool { return c.Environment != environment }), all...)
	}
	out := make([]api.Check, 0, len(all))
	for _, c := range all {
		out = append(out, api.Check{Check: c.Check, Entity: c.Entity, State: string(c.State), Since: c.Since, Reason: c.Reason, ToldWith: c.ToldWith})
	}
	return out
}

// probes are the probes with their last results.
func (a *App) probes() []api.Probe {
	if a.local == nil {
		return nil
	}
	var out []api.Probe
	for _, r := range a.local.prober.Results() {
		p := api.Probe{Name: r.Name, Type: string(r.Type), Target: r.Target, Outcome: string(r.Outcome), Reason: r.Message}
		if n := len(r.Rounds); n > 0 {
			p.At, p.Took = r.Rounds[n-1].At, r.Rounds[n-1].Took
		}
		out = append(out, p)
	}
	return out
}

// targets are the scraped exporters with their last results.
func (a *App) targets() []api.Target {
	if a.local == nil {
		return nil
	}
	var out []api.Target
	for _, t := range a.local.scraper.Targets() {
		out = append(out, api.Target{Job: t.Job, Instance: t.Instance, Health: t.Health, Error: t.LastError, At: t.LastScrape, Took: t.Took})
	}
	return out
}

// ready says whether the first figures were read and judged.
func (a *App) ready() (bool, string) {
	need := []string{figuresPart, "checks"}
	if a.local != nil {
		need = []string{figuresPart, "host figures", "host estate", "checks"}
	}
	state := map[string]health.Status{}
	for _, s := range a.board.Statuses(time.Now()) {
		state[s.Part] = s
	}
	for _, part := range need {
		switch s := state[part]; s.State {
		case "":
			return false, part + " have not begun"
		case health.Starting:
			if s.Doing != "" {
				return false, s.Doing
			}
			return false, "the first round of " + part + " has not ended"
		case health.Failing:
			if s.LastOK.IsZero() {
				return false, part + " fail: " + s.Error
			}
		}
	}
	return true, ""
}

// Progress tells each step on the way to the first figures, in plain words,
// and ends when they are there.
func (a *App) Progress(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		done := map[string]bool{}
		var doing string
		var told time.Time
		for {
			for _, s := range a.board.Statuses(time.Now()) {
				if s.Doing != "" && s.Doing != doing && time.Since(told) > time.Second {
					doing, told = s.Doing, time.Now()
					if !yield(sentence(doing)) {
						return
					}
				}
				if done[s.Part] || s.State == health.Starting {
					continue
				}
				done[s.Part] = true
				for _, text := range a.steps(s) {
					if !yield(text) {
						return
					}
				}
			}
			if ready, _ := a.ready(); ready {
				yield("Ready: the console shows this machine.")
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// steps say what the end of a part's first round means to a person.
func (a *App) steps(s health.Status) []string {
	if s.State == health.Failing {
		return []string{s.Part + " cannot be read in full: " + s.Error}
	}
	switch s.Part {
	case figuresPart:
		if a.local == nil {
			return nil
		}
		var notes []string
		for _, text := range a.local.db.Recovered() {
			notes = append(notes, "Note: "+text)
		}
		return notes
	case "host figures":
		return []string{"The first figures of this machine are in."}
	case "host estate":
		return []string{"What there is on it is known."}
	case "checks":
		if c := a.coverage.Load(); c != nil {
			return []string{fmt.Sprintf("The first round of checks is done: %d.", len(*c))}
		}
	}
	return nil
}

// sentence makes a sentence of a clause.
func sentence(clause string) string {
	return strings.ToUpper(clause[:1]) + clause[1:] + "."
}
