// Package health keeps what each running part of the process last said of
// itself, so that Evenkeel can tell when it is itself the one that is blind.
//
// A part reports after each round of its work. A part that has said nothing
// for longer than it promised is Stale: silence is never taken for health.
package health

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// State of a part.
type State string

const (
	Starting State = "starting" // no round has ended yet
	OK       State = "ok"       // the last round succeeded
	Failing  State = "failing"  // the last round failed
	Stale    State = "stale"    // no round has ended for three of its intervals
)

// Status is what the board knows of one part at one time.
type Status struct {
	Part     string        `json:"part"`
	State    State         `json:"state"`
	Since    time.Time     `json:"since"`             // when it entered State
	LastOK   time.Time     `json:"lastOk,omitzero"`   // end of the last good round
	Took     time.Duration `json:"took"`              // how long the last round took, in nanoseconds
	Interval time.Duration `json:"interval,omitzero"` // the promised time between rounds, zero for none
	Error    string        `json:"error,omitempty"`   // why it is failing
	Doing    string        `json:"doing,omitempty"`   // what keeps it from its first round
}

// Board holds the status of all parts. It is safe for concurrent use.
type Board struct {
	mu    sync.Mutex
	parts map[string]*Status
	seen  map[string]time.Time
}

// NewBoard returns an empty board.
func NewBoard() *Board {
	return &Board{parts: map[string]*Status{}, seen: map[string]time.Time{}}
}

// Expect registers a part before its first round. An interval above zero is a
// promise: the part turns Stale when three intervals pass in silence.
func (b *Board) Expect(part string, interval time.Duration, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.parts[part] = &Status{Part: part, State: Starting, Since: now, Interval: interval}
	b.seen[part] = now
}

// Start says what keeps a part from its first round, and how far it is. A part
// that was never expected is registered with no promise.
func (b *Board) Start(part string, now time.Time, doing string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.parts[part]
	if s == nil {
		s = &Status{Part: part, State: Starting, Since: now}
		b.parts[part] = s
	}
	b.seen[part] = now
	s.Doing = doing
}

// Report notes the end of a round: how long it took and how it ended. A part
// that was never expected is registered with no promise.
func (b *Board) Report(part string, now time.Time, took time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.parts[part]
	if s == nil {
		s = &Status{Part: part, State: Starting, Since: now}
		b.parts[part] = s
	}
	b.seen[part] = now
	s.Took = took
	next := OK
	s.Error, s.Doing = "", ""
	if err != nil {
		next, s.Error = Failing, err.Error()
	} else {
		s.LastOK = now
	}
	if s.State != next {
		s.State, s.Since = next, now
	}
}

// Forget removes a part that no longer runs.
func (b *Board) Forget(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.parts, part)
	delete(b.seen, part)
}

// Statuses returns all parts as of now, by name.
func (b *Board) Statuses(now time.Time) []Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Status, 0, len(b.parts))
	for name, s := range b.parts {
		v := *s
		if quiet := now.Sub(b.seen[name]); s.Interval > 0 && quiet > 3*s.Interval {
			v.State, v.Since = Stale, b.seen[name].Add(3*s.Interval)
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Status) int { return cmp.Compare(a.Part, b.Part) })
	return out
}
