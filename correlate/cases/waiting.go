package cases

import "math"

// slack is by how much more requests may wait than is seen to wait, while there
// is little of it: figures are of the last seconds, and of not all that waits.
const slack = 3.0

// enough is the share of a wait, of so many requests at a time beyond what is
// usual, that a figure can explain, 0 to 1. By Little's law ("A Proof for the
// Queuing Formula: L = λW", 1961) what each request waits for something makes,
// times their rate, how many wait for it at a time; so what waits now and then
// cannot hold up dozens. Near saturation it can: one that waits then holds up a
// queue. Figures that count nothing that waits are bound by nothing.
func (m *signalMechanism) enough(value, waiting float64) float64 {
	if m.Waiting == "" || waiting <= 0 {
		return 1
	}
	tasks := max(0, value)
	busy := tasks // share of time in which something waits
	if m.Waiting == "share" {
		busy = min(value, .999)
		tasks = -math.Log(1 - busy) // as many as come at random
	}
	if busy >= 1 {
		return 1
	}
	return min(1, slack*tasks/(1-busy)/waiting)
}

// waiting is how many requests wait at a time, beyond what is usual, where the
// claim lies; 0 where none is late.
func (x *claim) waiting() float64 {
	late := 0.0
	switch {
	case x.call != nil:
		late = x.call.own.late() * (1 - x.call.owed(1))
	case x.party.counted():
		late = x.party.own.late()
		for _, c := range x.party.calls {
			late -= c.own.late()
		}
	default:
		for _, c := range x.party.callers {
			late += c.own.late()
		}
	}
	return max(0, late)
}
