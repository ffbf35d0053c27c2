package slo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/metric"
)

// Suggestion is an objective that history supports, or why there is none.
type Suggestion struct {
	Entity string `json:"entity"`
	Name   string `json:"name"`
	About  string `json:"about" enum:"answers,latency"`
	// Objective is there where one is suggested, with the configuration that
	// makes it one.
	Objective *Objective `json:"-"`
	Title     string     `json:"title,omitempty"`
	Target    float64    `json:"target,omitempty" doc:"per cent of events that are to be good"`
	YAML      string     `json:"yaml,omitempty" doc:"for the configuration, under slos"`
	Reason    string     `json:"reason,omitempty" doc:"why nothing is suggested"`
	Backtest  *Backtest  `json:"backtest,omitempty" doc:"what it would have meant in the history that was kept"`
}

// Sentence says for people what the suggestion would have meant.
func (s Suggestion) Sentence() string {
	if s.Backtest == nil {
		return s.Reason
	}
	b := *s.Backtest
	out := fmt.Sprintf("In %d days it would have been kept with half of the day's budget to spare on %d", b.Days, b.Kept)
	switch {
	case b.Pages+b.Slow == 0:
		out += ", and nobody would have been told anything."
	default:
		out += fmt.Sprintf(", and it would have burned %s fast enough to wake somebody and %s slowly.", times(b.Pages), times(b.Slow))
	}
	if b.Left <= 0 {
		return out + " The budget would have been used up."
	}
	return out + fmt.Sprintf(" %s of the budget would be left.", figure.In(b.Left, "ratio"))
}

func times(n int) string {
	if n == 1 {
		return "1 time"
	}
	return fmt.Sprintf("%d times", n)
}

const (
	// history is as much of the past as is read.
	history = 28 * 24 * time.Hour
	// adviceLasts is how long a suggestion stands before it is worked out anew.
	adviceLasts = 6 * time.Hour
	// mostAdvised bounds of how many entities histories are read.
	mostAdvised = 100
	// longestLook bounds the time for the history of one entity, and longestWait
	// that of one question. What is not done by then is done by the next one.
	longestLook, longestWait = 30 * time.Second, 20 * time.Second
)

// Advisor suggests objectives by what was kept. It is safe for concurrent use.
type Advisor struct {
	objectives Config
	querier    metric.Querier

	mu   sync.Mutex
	said map[[2]string]advice // by entity and what it is about
}

type advice struct {
	Suggestion
	at time.Time
}

// NewAdvisor returns an advisor beside objectives that were validated.
func NewAdvisor(c Config, q metric.Querier) *Advisor {
	return &Advisor{objectives: c, querier: q, said: map[[2]string]advice{}}
}

// Suggest says for each entity without an objective what could be promised of
// it, those with most to do first. Later is how many there was no time for; the
// next question goes on with them. An error says that figures could not be had.
func (a *Advisor) Suggest(ctx context.Context, of []detect.Countable, now time.Time) (out []Suggestion, later int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	began := time.Now()
	seen := map[[2]string]bool{}
	var failed error
	for n, c := range of {
		for _, about := range []string{"answers", "latency"} {
			if about == "answers" && !c.Shown || about == "latency" && c.Latency == nil || a.promised(c, about) {
				continue
			}
			key := [2]string{c.Entity, about}
			seen[key] = true
			old, have := a.said[key]
			if have && now.Sub(old.at) < adviceLasts && c.Waits == "" {
				out = append(out, old.Suggestion)
				continue
			}
			if n >= mostAdvised || time.Since(began) > longestWait {
				later++
				continue
			}
			s, err := a.suggest(ctx, c, about, now)
			if err != nil {
				if ctx.Err() != nil {
					return out, later, ctx.Err()
				}
				failed = fmt.Errorf("the history of %s: %w", c.Name, err)
			} else {
				a.said[key] = advice{s, now}
			}
			out = append(out, s)
		}
	}
	for key := range a.said {
		if !seen[key] {
			delete(a.said, key)
		}
	}
	return out, later, failed
}

// promised says that there is an objective of that sort already.
func (a *Advisor) promised(c detect.Countable, about string) bool {
	return slices.ContainsFunc(a.objectives, func(o Objective) bool {
		late := o.Latency != nil || strings.Contains(o.Bad, "_bucket") || strings.Contains(o.Bad, "histogram_fraction")
		return late == (about == "latency") && (o.About() == c.Entity || o.Entity == "" && o.Service == c.Name)
	})
}

func (a *Advisor) suggest(ctx context.Context, c detect.Countable, about string, now time.Time) (Suggestion, error) {
	ctx, cancel := context.WithTimeout(ctx, longestLook)
	defer cancel()
	s := Suggestion{Entity: c.Entity, Name: c.Name, About: about}
	kind, service, _ := strings.Cut(c.Entity, ":")
	o := Objective{Service: service, Window: defaultWindow}
	if kind != "service" {
		o.Service, o.Entity = c.Name, c.Entity
	}
	o.ID = idOf(strings.TrimPrefix(c.Entity, "service:"))
	end := now.Truncate(binLong)
	var b Backtest
	var err error
	switch {
	case about == "answers" && c.Answers == nil:
		s.Reason = "Its errors are told as a share only, and nothing counts them."
		return s, nil
	case about == "latency" && c.Waits != "":
		s.Reason = "It " + c.Waits + "."
		return s, nil
	case about == "answers":
		o.ID, o.Title, o.Bad, o.Total = o.ID+"-answers", c.Name+" answers without an error", c.Answers.Bad, c.Answers.All
		var h History
		if h, err = a.history(ctx, o, end, false); err == nil {
			o, b, s.Reason = Propose(o, h, targets)
		}
	default:
		o, b, s.Reason, err = a.latency(ctx, c, o, end)
	}
	if err != nil {
		s.Reason = "Its history could not be read."
		if errors.Is(err, metric.ErrTooLarge) {
			s.Reason = "Its history is more than one query may read."
		}
		return s, err
	}
	if s.Reason == "" {
		s.Objective, s.Title, s.Target, s.Backtest = &o, o.Title, o.Target, &b
		text, err := yaml.Marshal(Config{o})
		if err != nil {
			return s, fmt.Errorf("writing an objective: %w", err)
		}
		s.YAML = string(text)
	}
	return s, nil
}

// latency finds the shortest time that would have been kept: with 99 % of the
// answers, or else with 95 %.
func (a *Advisor) latency(ctx context.Context, c detect.Countable, o Objective, end time.Time) (Objective, Backtest, string, error) {
	bounds, err := a.bounds(ctx, *c.Latency, end)
	if err != nil {
		return o, Backtest{}, "", err
	}
	why := "No figures of how long it takes were kept."
	read := map[time.Duration]History{}
	for _, target := range lateTargets {
		for _, under := range bounds {
			o := o.late(c, under)
			if read[under] == nil {
				if read[under], err = a.history(ctx, o, end, true); err != nil {
					return o, Backtest{}, "", err
				}
			}
			kept, b, reason := Propose(o, read[under], []float64{target})
			if reason == "" {
				return kept, b, "", nil
			}
			why = reason
		}
	}
	return o, Backtest{}, why, nil
}

// late is the objective that answers come in time.
func (o Objective) late(c detect.Countable, under time.Duration) Objective {
	d := *c.Latency
	o.ID += "-within-" + model.Duration(under).String()
	o.Title = fmt.Sprintf("%s answers within %s", c.Name, figure.Span(under))
	if d.Plain {
		o.Latency = &Latency{Histogram: d.Name, Selector: d.Selector, Under: model.Duration(under), Native: d.Native}
	} else {
		o.Bad, o.Total = d.Late(under.Seconds())
	}
	return o
}

// nice are the figures that people say, of a decade.
var nice = []float64{1, 2, 2.5, 5, 10}

// bounds are the times that may be promised, the shortest first: the bounds of
// a classic histogram's buckets that are near what most days showed, or round
// figures above that.
func (a *Advisor) bounds(ctx context.Context, d detect.Distribution, end time.Time) ([]time.Duration, error) {
	usual, err := a.usual(ctx, d, end)
	if err != nil || usual <= 0 {
		return nil, err
	}
	var out []time.Duration
	if d.Native {
		decade := math.Pow(10, math.Floor(math.Log10(usual)))
		for _, scale := range []float64{decade, 10 * decade} {
			for _, n := range nice[:len(nice)-1] {
				if v := n * scale; v >= usual {
					out = append(out, time.Duration(math.Round(v*1e6))*time.Microsecond)
				}
			}
		}
		return out[:min(len(out), mostBounds)], nil
	}
	samples, err := a.querier.Instant(ctx, strings.ReplaceAll(d.Buckets(), "$window", "1d"), end)
	if err != nil {
		return nil, err
	}
	for _, s := range samples {
		le, err := strconv.ParseFloat(s.Labels.Get("le"), 64)
		// A bucket that holds less than half of what is usual is none to promise.
		if v := le / d.PerSecond; err == nil && !math.IsInf(le, 0) && v > 0 && v >= usual/2 {
			out = append(out, time.Duration(math.Round(v*1e6))*time.Microsecond)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), mostBounds)], nil
}

// mostBounds bounds how many times are tried for one entity.
const mostBounds = 5

// usual is what 99 % of the answers stayed under on three days of four.
func (a *Advisor) usual(ctx context.Context, d detect.Distribution, end time.Time) (float64, error) {
	const day = 24 * time.Hour
	query := strings.ReplaceAll(d.Quantile(.99), "$window", "1d")
	var days []float64
	for at := end; at.After(end.Add(-history)); at = at.Add(-day) {
		samples, err := a.querier.Instant(ctx, query, at)
		if err != nil {
			return 0, err
		}
		if len(samples) == 1 && !math.IsNaN(samples[0].V) && !math.IsInf(samples[0].V, 0) {
			days = append(days, samples[0].V)
		}
	}
	if len(days) == 0 {
		return 0, nil
	}
	slices.Sort(days)
	return days[int(keptShare*float64(len(days)-1))], nil
}

// history counts what was kept, day by day, so that no query is large. Both says
// that a day is unknown where its bad events cannot be counted; otherwise there
// were none.
func (a *Advisor) history(ctx context.Context, o Objective, end time.Time, both bool) (History, error) {
	const day = 24 * time.Hour
	queries := o.queries(model.Duration(binLong).String())
	h := make(History, int(history/binLong))
	for i := range h {
		h[i].Total = math.NaN()
	}
	first := len(h)
	begin := end.Add(-history)
	for from := begin; from.Before(end); from = from.Add(day) {
		w := metric.Window{From: from.Add(binLong), To: from.Add(day), Step: binLong}
		totals, err := a.querier.Range(ctx, queries[1], w)
		if err != nil {
			return nil, err
		}
		if len(totals) == 0 {
			continue
		}
		bads, err := a.querier.Range(ctx, queries[0], w)
		if err != nil {
			return nil, err
		}
		if both && len(bads) == 0 {
			continue
		}
		at := func(t time.Time) int { return int(t.Sub(begin)/binLong) - 1 }
		for _, p := range totals[0].Points {
			if i := at(p.T); i >= 0 && i < len(h) {
				h[i].Total = p.V
				first = min(first, i)
			}
		}
		if len(bads) == 0 {
			continue // nothing bad was ever counted
		}
		for _, p := range bads[0].Points {
			if i := at(p.T); i >= 0 && i < len(h) && !math.IsNaN(p.V) {
				h[i].Bad = min(max(0, p.V), max(0, h[i].Total))
			}
		}
	}
	return h[first:], nil
}
