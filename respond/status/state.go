package status

import (
	"slices"
	"time"
)

// State is how a component does.
type State string

const (
	Operational State = "operational"
	Unknown     State = "unknown" // nobody watched
	Maintained  State = "maintenance"
	Degraded    State = "degraded"
	Partial     State = "partial" // fails for some
	Major       State = "major"   // fails for all
)

// states from the best to the worst.
var states = []State{Operational, Unknown, Maintained, Degraded, Partial, Major}

// Valid tells whether it is one.
func (s State) Valid() bool { return slices.Contains(states, s) }

// Worst is the worst of states; Operational where there is none.
func Worst(list ...State) State {
	worst := Operational
	for _, s := range list {
		if slices.Index(states, s) > slices.Index(states, worst) {
			worst = s
		}
	}
	return worst
}

// Words are what readers are told of a state.
func (s State) Words() string {
	return map[State]string{Operational: "Works", Unknown: "Not known", Maintained: "Maintenance", Degraded: "Slower or limited", Partial: "Fails for some", Major: "Out of order"}[s]
}

// Interval is a time in which a component was seen in one state.
type Interval struct {
	Page      string    `json:"page"`
	Component string    `json:"component"`
	State     State     `json:"state"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"` // when it was last seen so
}

const (
	// seenEvery is how often a standing state is written down.
	seenEvery = 5 * time.Minute
	// gapAfter is how long after it was last seen a state is not known any
	// more.
	gapAfter = 15 * time.Minute
	// History is for how long incidents and days are shown.
	History = 90 * 24 * time.Hour
	// unseenDay is how much of a day may be unseen where it is called well.
	unseenDay = time.Hour
)

// Observe takes a component's state of now in: it returns the intervals to be
// stored. Last is the component's newest one, zero where there is none.
func Observe(last Interval, state State, now time.Time) []Interval {
	next := Interval{Page: last.Page, Component: last.Component, State: state, From: now, To: now}
	switch {
	case last.From.IsZero() || now.Sub(last.To) > gapAfter:
		return []Interval{next}
	case now.Before(last.To):
		return nil // the clock was set back: what was seen stays seen
	case last.State != state:
		last.To = now
		return []Interval{last, next}
	case now.Sub(last.To) >= seenEvery:
		last.To = now
		return []Interval{last}
	}
	return nil
}

// Day is one UTC day of a component.
type Day struct {
	Date  time.Time `json:"date"`
	State State     `json:"state"`
}

// Days are the last days of a component, the oldest first. A day is well only
// where it was watched but for an hour; else it is as bad as it was seen, or
// unknown. Before since there was no component.
func Days(list []Interval, since, now time.Time, count int) []Day {
	today := now.UTC().Truncate(24 * time.Hour)
	out := make([]Day, 0, count)
	for n := count - 1; n >= 0; n-- {
		from := today.AddDate(0, 0, -n)
		to := from.AddDate(0, 0, 1)
		d := Day{Date: from, State: Operational}
		begin, end := latest(from, since), earliest(to, now)
		seen := time.Duration(0)
		for _, i := range list {
			until := i.To
			if now.Sub(until) < gapAfter && until.Before(now) {
				until = now // it stands: the next reading is not due yet
			}
			a, b := latest(i.From, begin), earliest(until, end)
			if b.Before(a) || b.Equal(a) && i.State == Operational {
				continue
			}
			seen += b.Sub(a)
			d.State = Worst(d.State, i.State)
		}
		if d.State == Operational && (!begin.Before(end) || end.Sub(begin)-seen > min(unseenDay, end.Sub(begin)/2)) {
			d.State = Unknown
		}
		out = append(out, d)
	}
	return out
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
