package slo

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/metric"
)

// Impact is what a stretch of time cost an objective.
type Impact struct {
	Objective string  `json:"objective"`
	Name      string  `json:"name"`
	Service   string  `json:"service"`
	Bad       float64 `json:"bad"`   // events that failed, or were too slow
	Total     float64 `json:"total"` // all events
	// Burned is the share of the whole error budget that the bad events took;
	// nil where the budget cannot be counted.
	Burned *float64 `json:"burned,omitempty"`
	// Left is the share of the budget that is left now, which may be below 0;
	// nil where it cannot be counted.
	Left *float64 `json:"left,omitempty"`
	// Gone is how long the rest lasts at the rate of now, in nanoseconds; 0 where
	// it does not end, is over, or cannot be told.
	Gone time.Duration `json:"gone,omitempty"`
	// Missing is why the events could not be counted; then nothing else is set.
	Missing string `json:"missing,omitempty"`
}

const (
	// leastImpact is the shortest time that is counted: shorter ones hold too few
	// samples for an increase.
	leastImpact = 5 * time.Minute
	// mostImpacts bounds the objectives that are counted at once.
	mostImpacts = 10
)

// Impact counts what a stretch of time cost the objectives that concern says
// yes to. It fails where the figures cannot be had at all.
func (e *Evaluator) Impact(ctx context.Context, q metric.Querier, concern func(Objective) bool, from, to time.Time) ([]Impact, error) {
	var out []Impact
	for n, s := range e.Statuses() {
		o := s.Objective
		if !concern(o) || len(out) >= mostImpacts {
			continue
		}
		window := max(leastImpact, to.Sub(from).Round(time.Second))
		i := Impact{Objective: o.ID, Name: o.Name(), Service: o.Service}
		c, err := count(ctx, q, o, window, to)
		if err != nil {
			return nil, fmt.Errorf("impact on %s: %w", o.ID, err)
		}
		if i.Missing = c.Missing; i.Missing == "" {
			i.Bad, i.Total = c.Bad, c.Total
			e.budget(&i, n, s.Judgement)
		}
		out = append(out, i)
	}
	return out, nil
}

// budget says what the bad events are of the whole budget, as it was counted
// last.
func (e *Evaluator) budget(i *Impact, n int, j Judgement) {
	e.mu.Lock()
	whole, have := e.counts[n][e.objectives[n].Over()]
	e.mu.Unlock()
	if all := whole.Total * e.objectives[n].budget(); have && whole.Missing == "" && all > 0 {
		burned := i.Bad / all
		i.Burned = &burned
	}
	if j.Known {
		left := j.Left
		i.Left, i.Gone = &left, j.Gone
	}
}

// Sentence says it in plain English.
func (i Impact) Sentence() string {
	switch {
	case i.Missing != "":
		return fmt.Sprintf("What it costs %s cannot be told. %s", i.Name, i.Missing)
	case i.Total <= 0:
		return fmt.Sprintf("Nothing was asked of %s in this time.", i.Service)
	}
	text := fmt.Sprintf("%s of %s requests to %s failed or were too slow (%s).", figure.Number(i.Bad), figure.Number(i.Total), i.Service, figure.In(i.Bad/i.Total, "ratio"))
	if i.Burned != nil {
		text += fmt.Sprintf(" That took %s of the error budget", figure.In(*i.Burned, "ratio"))
		switch {
		case i.Left != nil && *i.Left <= 0:
			text += ", which is used up"
		case i.Left != nil && i.Gone > 0:
			text += fmt.Sprintf("; %s is left, and gone in %s at this rate", figure.In(*i.Left, "ratio"), figure.Span(i.Gone))
		case i.Left != nil:
			text += fmt.Sprintf("; %s is left", figure.In(*i.Left, "ratio"))
		}
		text += "."
	}
	return text
}
