package probe

import (
	"sync"
	"time"
)

// timeline cuts the time of a round into phases. Entering a phase ends the
// one before, so that the phases cannot overlap or sum to more than the
// whole, even where a dialer races two addresses and its hooks come late.
type timeline struct {
	mu      sync.Mutex
	current Phase
	since   time.Time
	took    map[Phase]time.Duration
	ended   bool
}

var phaseOrder = map[Phase]int{"": 0, PhaseResolve: 1, PhaseConnect: 2, PhaseTLS: 3, PhaseLogin: 4, PhaseSend: 5, PhaseWait: 6, PhaseReceive: 7}

func newTimeline() *timeline { return &timeline{took: map[Phase]time.Duration{}} }

// enter begins a phase. Going back within one hop is ignored: it is a late
// hook of something that has lost a race.
func (t *timeline) enter(p Phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if phaseOrder[p] > phaseOrder[t.current] {
		t.move(p)
	}
}

// hop begins the next request of the same round; what comes until its first
// phase belongs to none.
func (t *timeline) hop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.move("")
}

func (t *timeline) move(p Phase) {
	if t.ended {
		return
	}
	now := time.Now()
	if t.current != "" {
		t.took[t.current] += now.Sub(t.since)
	}
	t.current, t.since = p, now
}

// end closes the last phase and returns those that there were, in order.
func (t *timeline) end() []PhaseTime {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.move("")
	t.ended = true
	var out []PhaseTime
	for _, p := range []Phase{PhaseResolve, PhaseConnect, PhaseTLS, PhaseLogin, PhaseSend, PhaseWait, PhaseReceive} {
		if took, ok := t.took[p]; ok {
			out = append(out, PhaseTime{p, took})
		}
	}
	return out
}

// last is the phase that a failure fell into.
func (t *timeline) last() Phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}
