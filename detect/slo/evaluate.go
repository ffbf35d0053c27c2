package slo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/metric"
)

// Practice is what findings of objectives are filed under.
const Practice = "slo"

// Where says whose objectives are judged, by which figures.
type Where struct {
	Tenant, Environment string
	Querier             metric.Querier
}

// Status is an objective with what was said of it last.
type Status struct {
	Objective Objective
	Judgement Judgement
	At        time.Time // zero before the first round
}

// Evaluator counts and judges objectives, round by round. It is safe for
// concurrent use.
type Evaluator struct {
	objectives Config

	mu     sync.Mutex
	counts []map[time.Duration]counted // by objective and window
	unseen []time.Time                 // since when an objective cannot be counted; zero where it can
	calm   []calm
	last   []Status
}

// calm is whether the calm after a burn may be trusted. A trouble that comes
// and goes would else end and begin again with each of its pauses.
type calm struct {
	over    time.Time     // when it last ended a burn early
	long    time.Duration // the long window of that burn
	relapse time.Time     // when one burned again soon after that
}

const (
	// relapsed is how soon after an early end a burn is the same trouble.
	relapsed = 6 * time.Hour
	// distrust is how long calm ends nothing early after that.
	distrust = 72 * time.Hour
)

func (c calm) trusted(now time.Time) bool {
	return c.relapse.IsZero() || now.Sub(c.relapse) >= distrust
}

// after is what is known of calm when an objective was judged.
func (c calm) after(j, before Judgement, now time.Time) calm {
	switch {
	case j.Verdict == Burning && j.Long <= c.long && now.Sub(c.over) < relapsed:
		return calm{relapse: now}
	case j.Verdict != Burning && j.Over && before.Verdict == Burning:
		c.over, c.long = now, before.Long
	}
	return c
}

// counted is one window's counts with the time at which they were asked for.
type counted struct {
	Counts
	at time.Time
}

// NewEvaluator returns an evaluator of objectives that were validated.
func NewEvaluator(c Config) *Evaluator {
	e := &Evaluator{objectives: c}
	for _, o := range c {
		e.counts = append(e.counts, map[time.Duration]counted{})
		e.unseen = append(e.unseen, time.Time{})
		e.calm = append(e.calm, calm{})
		e.last = append(e.last, Status{Objective: o})
	}
	return e
}

// stale is how old the counts of a window may be: long ones move slowly, and
// cost much to ask for. A fast burn shows in an hour's within a quarter of a
// minute.
func stale(window time.Duration) time.Duration {
	if window <= time.Hour {
		return window / 240
	}
	return min(window/60, 30*time.Minute)
}

// again is when a window that could not be counted is asked for again.
const again = time.Minute

// Round counts what is due and judges all objectives. An error says that
// figures could not be had; the observations stand all the same.
func (e *Evaluator) Round(ctx context.Context, w Where, now time.Time) (Round, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := Round{Estate: estate.Observation{Tenant: w.Tenant, Environment: w.Environment, Source: Practice, At: now}}
	var failed error
	for n, o := range e.objectives {
		windows := o.Windows()
		if before := e.last[n].Judgement; before.Verdict == Burning || before.Over {
			windows = append(windows, calms[0])
		} else {
			delete(e.counts[n], calms[0])
		}
		for _, window := range windows {
			old, have := e.counts[n][window]
			wait := stale(window)
			if old.Missing != "" {
				wait = min(wait, again)
			}
			if age := now.Sub(old.at); have && age >= 0 && age < wait {
				continue
			}
			c, err := count(ctx, w.Querier, o, window, now)
			if err != nil {
				if ctx.Err() != nil {
					return out, ctx.Err()
				}
				failed = fmt.Errorf("objective %s over %s: %w", o.ID, model.Duration(window), err)
			}
			e.counts[n][window] = counted{c, now}
		}
		counts := map[time.Duration]Counts{}
		for window, c := range e.counts[n] {
			counts[window] = c.Counts
		}
		j := Judge(o, counts, e.calm[n].trusted(now))
		e.calm[n] = e.calm[n].after(j, e.last[n].Judgement, now)
		e.last[n] = Status{o, j, now}
		switch {
		case j.Verdict != NoData:
			e.unseen[n] = time.Time{}
		case e.unseen[n].IsZero():
			e.unseen[n] = now
		}
		out.Observations = append(out.Observations, observation(o, j, w, now), blindness(o, j, e.unseen[n], w, now))
		out.Estate.Entities = append(out.Estate.Entities, estate.Entity{ID: o.About(), Kind: o.kind(), Name: o.Service})
	}
	return out, failed
}

// Round is what one round says.
type Round struct {
	Observations []finding.Observation
	Estate       estate.Observation
}

// Statuses returns the objectives with what was said of them last.
func (e *Evaluator) Statuses() []Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Status{}, e.last...)
}

// count asks for the events of one window. An error says that nothing could be
// asked; what the answer lacks is Missing.
func count(ctx context.Context, q metric.Querier, o Objective, window time.Duration, now time.Time) (Counts, error) {
	queries := o.queries(model.Duration(window).String())
	var values [2]float64
	var have [2]bool
	for n, expr := range queries {
		samples, err := q.Instant(ctx, expr, now)
		if err != nil {
			reason := "The figures cannot be had."
			if errors.Is(err, metric.ErrTooLarge) {
				reason = "A query reads more than one query may; make it smaller with a recording rule."
			}
			return Counts{Missing: reason}, err
		}
		if len(samples) > 1 {
			return Counts{Missing: fmt.Sprintf("The query gives %d series; sum them up to one: %s", len(samples), expr)}, nil
		}
		if len(samples) == 1 && !math.IsNaN(samples[0].V) && !math.IsInf(samples[0].V, 0) {
			values[n], have[n] = samples[0].V, true
		}
	}
	switch {
	case !have[1]:
		return Counts{Missing: "There is no such series: " + queries[1]}, nil
	case !have[0] && o.Latency != nil && !o.Latency.Native && values[1] > 0:
		return Counts{Missing: fmt.Sprintf("The histogram %s has no bucket at %s (le %g); set under to one that it has.", o.Latency.Histogram, o.Latency.Under, o.Latency.under())}, nil
	}
	// No bad series at all: nothing bad was ever counted.
	return Counts{Bad: max(0, values[0]), Total: values[1]}, nil
}

// observation turns a judgement into what findings are made of.
func observation(o Objective, j Judgement, w Where, now time.Time) finding.Observation {
	out := finding.Observation{At: now, Sign: finding.Clear, Reason: "The error budget lasts.",
		Key: finding.Key{Tenant: w.Tenant, Environment: w.Environment, Practice: Practice, Check: Burns(o), Entity: o.About()}}
	switch {
	case j.Verdict == NoData:
		out.Sign, out.Reason = finding.NoData, j.Reason
	case j.Verdict == NoTraffic:
		out.Sign, out.Reason = finding.NoData, "Nothing was asked of it in the last hour."
	case j.Verdict == Kept && (!j.Known || j.Left <= 0):
		out.Reason = strings.TrimSpace("It burns no faster than it may. " + j.Reason)
	case j.Verdict == Burning:
		out.Sign, out.Reason = finding.Firing, ""
		out.Report = report(o, j, now)
	}
	return out
}

// patience is how long an objective may not be countable before that is a
// finding of its own: nobody would miss a warning that never comes.
const patience = 15 * time.Minute

// burns begins the ids of the checks that say that an objective burns.
const burns = "slo:"

// Burns is the id of the check that says that an objective burns.
func Burns(o Objective) string { return burns + o.ID }

// BurntBy is the id of the objective that a check says to burn; false for any
// other check.
func BurntBy(check string) (objective string, ok bool) { return strings.CutPrefix(check, burns) }

// Unseen is the id of the check that says that an objective cannot be judged.
func Unseen(o Objective) string { return "slo-unseen:" + o.ID }

// blindness says whether an objective cannot be judged.
func blindness(o Objective, j Judgement, since time.Time, w Where, now time.Time) finding.Observation {
	out := finding.Observation{At: now, Sign: finding.Clear, Reason: "It can be counted.",
		Key: finding.Key{Tenant: w.Tenant, Environment: w.Environment, Practice: Practice, Check: Unseen(o), Entity: o.About()}}
	if since.IsZero() || now.Sub(since) < patience {
		return out
	}
	out.Sign, out.Since = finding.Firing, since
	out.Report = finding.Report{Severity: finding.Info, EntityKind: string(o.kind()), EntityName: o.Service,
		Title:    fmt.Sprintf("Whether it is kept cannot be told: %s", o.Name()),
		Effect:   "Nobody may be told when this promise is broken, for not all of its figures can be had.",
		Remedy:   []string{"Ask for the query's parts one by one, and see which of them gives nothing.", "See whether what exports these figures is scraped."},
		Evidence: []finding.Evidence{{Text: j.Reason}}}
	return out
}

func report(o Objective, j Judgement, now time.Time) finding.Report {
	budget := o.budget()
	r := finding.Report{Severity: j.Severity, EntityKind: string(o.kind()), EntityName: o.Service,
		Title: fmt.Sprintf("%s: %s go wrong, %s may", o.Name(), figure.In(j.Now, "ratio"), percent(budget)),
		Effect: fmt.Sprintf("In the last %s, %s of what was asked of %s went wrong; %s may. The error budget burns %s times as fast as it may.",
			figure.Span(j.Long), figure.In(j.Rate, "ratio"), o.Service, percent(budget), figure.Number(j.Burn)),
		Remedy: []string{
			fmt.Sprintf("Look at what changed for %s, and at findings of what it runs on and calls.", o.Service),
			"If a release began it, take the release back first and look for the reason later.",
			"If it is by design, change the objective; a promise that is not kept warns nobody.",
		}}
	switch {
	case j.Known && j.Left <= 0:
		r.Effect += fmt.Sprintf(" The budget of %s is used up.", figure.Span(o.Over()))
	case j.Gone > 0:
		r.Effect += fmt.Sprintf(" %s of the budget of %s is left; at this rate it is gone in %s.", figure.In(j.Left, "ratio"), figure.Span(o.Over()), figure.Span(j.Gone))
	}
	limit := budget
	rate := j.Rate
	queries := o.queries(model.Duration(j.Short).String())
	r.Evidence = []finding.Evidence{{Signal: "bad events", Text: fmt.Sprintf("%s of all events are bad over %s; %s may be", figure.In(j.Rate, "ratio"), figure.Span(j.Long), percent(budget)),
		Query: fmt.Sprintf("(%s) / (%s)", queries[0], queries[1]), From: now.Add(-j.Long), To: now, Value: &rate, Limit: &limit, Unit: "ratio"}}
	return r
}

// percent writes a budget as exactly as it was promised: 0.1 %, not 0 %.
func percent(share float64) string {
	return figure.Number(math.Round(share*1e9)/1e7) + " %"
}
