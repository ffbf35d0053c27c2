package slo

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/metric"
)

// Harm is what a stretch of time cost an objective. A figure that could not be
// counted is not there, and never zero.
type Harm struct {
	Objective string    `json:"objective"` // id
	Title     string    `json:"title"`
	Service   string    `json:"service"`
	Target    float64   `json:"target" doc:"per cent of events that are to be good"`
	Window    int64     `json:"windowSeconds" doc:"over which it is promised"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	// Missing says why the events of this time could not be counted.
	Missing string   `json:"missing,omitempty"`
	Bad     *float64 `json:"bad,omitempty" doc:"events that went wrong in this time"`
	Total   *float64 `json:"total,omitempty" doc:"all events in this time"`
	// Burned and Left are shares of the whole window's error budget.
	Burned *float64 `json:"budgetBurned,omitempty" doc:"share of the window's error budget that this time used"`
	Left   *float64 `json:"budgetLeft,omitempty" doc:"share of the window's error budget that was left at its end, below 0 where it was used up"`
	// Gone is how long what is left lasts at the rate of the last five minutes;
	// 0 where it does not end, is over, or cannot be told.
	Gone int64 `json:"goneInSeconds,omitempty" doc:"until the budget is used up at the rate of the last five minutes"`
}

// Kept tells whether no more went wrong in that time than may.
func (h Harm) Kept() bool {
	return h.Bad != nil && h.Total != nil && *h.Bad <= (1-h.Target/100)**h.Total
}

// lately is the stretch whose rate says when a budget ends.
const lately = 5 * time.Minute

// Weigh says what the time from..to cost an objective, by the events of that
// time, of the whole window that ends with it and, where it still goes on, of
// the last five minutes. Pass recent as Missing where it is over.
func Weigh(o Objective, from, to time.Time, during, all, recent Counts) Harm {
	h := Harm{Objective: o.ID, Title: o.Name(), Service: o.Service, Target: o.Target, Window: int64(o.Over() / time.Second), From: from, To: to}
	switch {
	case during.Missing != "":
		h.Missing = during.Missing
		return h
	case during.Total <= 0:
		// Nothing may have been asked because nothing could be asked.
		h.Missing = "Nothing was asked of it in this time."
		return h
	}
	// Counts that Prometheus extrapolates may be off by a little.
	bad := min(max(0, during.Bad), during.Total)
	h.Bad, h.Total = &bad, &during.Total
	if all.Missing != "" || all.Total <= 0 {
		return h
	}
	budget := o.budget() * all.Total // events that may be bad
	burned, left := bad/budget, 1-max(0, all.Bad)/budget
	h.Burned, h.Left = &burned, &left
	if recent.Missing == "" && recent.Bad > 0 && left > 0 {
		lasts := left * budget / recent.Bad * lately.Seconds()
		h.Gone = int64(min(math.Ceil(lasts), float64(h.Window)))
	}
	return h
}

// Assessor counts what stretches of time cost objectives. It is safe for
// concurrent use.
type Assessor struct {
	objectives Config
	querier    metric.Querier

	mu    sync.Mutex
	whole map[int]counted // by objective: its window's counts, which are dear
}

// NewAssessor returns an assessor of objectives that were validated.
func NewAssessor(c Config, q metric.Querier) *Assessor {
	return &Assessor{objectives: c, querier: q, whole: map[int]counted{}}
}

// Objectives are those that it knows.
func (a *Assessor) Objectives() Config { return a.objectives }

// mostHarms bounds what is counted of one stretch of time.
const mostHarms = 10

// Assess counts the objectives that are asked for; at most ten, more is how many
// it left out. Of a stretch that is longer than an objective's window the end is
// counted. Live says that the stretch goes on. An error says that figures could
// not be had; the harms stand all the same, and say so.
func (a *Assessor) Assess(ctx context.Context, wanted func(Objective) bool, from, to time.Time, live bool) (harms []Harm, more int, err error) {
	for n, o := range a.objectives {
		if !wanted(o) {
			continue
		}
		if len(harms) == mostHarms {
			more++
			continue
		}
		h, failed := a.assess(ctx, n, from, to, live)
		if failed != nil {
			err = failed
		}
		harms = append(harms, h)
	}
	return harms, more, err
}

func (a *Assessor) assess(ctx context.Context, n int, from, to time.Time, live bool) (Harm, error) {
	o := a.objectives[n]
	span := max(to.Sub(from).Round(time.Second), lately)
	span = min(span, o.Over())
	from = to.Add(-span)
	during, err := count(ctx, a.querier, o, span, to)
	recent := Counts{Missing: "It is over."}
	if err != nil || during.Missing != "" {
		return Weigh(o, from, to, during, recent, recent), err
	}
	all, err := a.all(ctx, n, to)
	if err != nil {
		return Weigh(o, from, to, during, all, recent), err
	}
	if live {
		recent, err = count(ctx, a.querier, o, lately, to)
	}
	return Weigh(o, from, to, during, all, recent), err
}

// all counts the whole window of an objective, seldom: it costs much and moves
// slowly.
func (a *Assessor) all(ctx context.Context, n int, at time.Time) (Counts, error) {
	o := a.objectives[n]
	a.mu.Lock()
	old, have := a.whole[n]
	a.mu.Unlock()
	if have && old.Missing == "" && at.Sub(old.at).Abs() < min(again, stale(o.Over())) {
		return old.Counts, nil
	}
	c, err := count(ctx, a.querier, o, o.Over(), at)
	if err == nil {
		a.mu.Lock()
		a.whole[n] = counted{c, at}
		a.mu.Unlock()
	}
	return c, err
}

// Budget is the share of the window's events that may be bad, as people write
// it: 0.1 %.
func (h Harm) Budget() string { return percent(1 - h.Target/100) }

// Over is the time over which it is promised, in the form of a configuration.
func (h Harm) Over() string { return model.Duration(time.Duration(h.Window) * time.Second).String() }
