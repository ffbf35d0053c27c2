package detect

import (
	"math"
	"time"
)

// Entity is one thing that the signals of a round are about.
type Entity struct {
	ID       string
	Kind     *Kind
	Name     string
	Host     string // id of the machine that reports it; its own for a host; "" where there is none
	HostName string
	Labels   map[string]string

	shorter  []string  // its ids for those who know less of it
	values   []float64 // by Signal.index; NaN where the signal is absent
	source   []int     // by Signal.index: which source answered
	by       *Mapping  // whose figures it was last known by, for kinds that do not tell their age
	usual    []*Baseline
	seasons  []*Season // by Signal.index; nil but for seasonal signals
	courses  []*course // by Signal.index; nil where the signal was never there
	trending map[*Signal]*Trend
	first    time.Time // when it was first seen since the start
	known    bool      // figures of it were learned before the start
	seen     time.Time
	fresh    time.Time // of the newest figure, where the kind has an age
	complete bool      // all facts are known
	told     bool      // the estate has been told of it
	wait     wait      // that is by design
	weighed  time.Time // when that was worked out
	program  string    // what it is an instance of
	fleet    string    // under which starts are remembered, see watch.programs
	begun    started   // its starts
	counts   bool      // the newest of them is to be counted for the program
	cold     cold      // what starts explain of it in this round
	shown    []shown   // of an edge: what exporters showed of it in this round
	between  [2]string // of an edge: its ends, as the estate was last told
}

// Value is the signal's figure in this round, or false where it is absent.
func (e *Entity) Value(s *Signal) (float64, bool) {
	v := e.values[s.index]
	return v, !math.IsNaN(v)
}

// figures are all signals that are there, by name.
func (e *Entity) figures() map[string]any {
	out := map[string]any{}
	for i, v := range e.values {
		if !math.IsNaN(v) {
			out[e.Kind.signals[i].Name] = v
		}
	}
	return out
}

// forget makes the signals that keep says no to absent; all of them for nil.
func (e *Entity) forget(keep func(*Signal) bool) {
	if e.source == nil {
		e.source = make([]int, len(e.values))
		e.usual = make([]*Baseline, len(e.values))
		e.seasons = make([]*Season, len(e.values))
	}
	for i := range e.values {
		if keep == nil || !keep(e.Kind.signals[i]) {
			e.values[i] = math.NaN()
		}
	}
}
