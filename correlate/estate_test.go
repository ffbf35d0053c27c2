package correlate

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// town is an invented estate: services that call others, each with a time of
// its own and a chance to fail of its own; callers wait and fail with those
// whom they call.
type town struct {
	rng   *rand.Rand
	calls [][]int // by caller; only to higher numbers
	own   []float64
	fail  []float64
}

func build(seed uint64) *town {
	rng := rand.New(rand.NewPCG(seed, 7))
	n := 8 + rng.IntN(25)
	t := &town{rng: rng, calls: make([][]int, n), own: make([]float64, n), fail: make([]float64, n)}
	for i := range n {
		t.own[i] = .005 * math.Exp(1.2*rng.NormFloat64())
		t.fail[i] = .002 * rng.Float64()
		if i == 0 {
			continue
		}
		// A tree, so that the front depends on all, and some more calls.
		parent := rng.IntN(i)
		t.calls[parent] = append(t.calls[parent], i)
		if extra := rng.IntN(i); extra != parent && rng.Float64() < .3 {
			t.calls[extra] = append(t.calls[extra], i)
		}
	}
	return t
}

// sample is one step: requests, mean time and failed share of each service.
// slow and failing are what the fault adds to one of them.
func (t *town) sample(at int, slow, failing float64) (requests, latency, errors []float64) {
	n := len(t.calls)
	requests, latency, errors = make([]float64, n), make([]float64, n), make([]float64, n)
	requests[0] = 400 + 60*t.rng.NormFloat64()
	for i := range n {
		for _, b := range t.calls[i] {
			requests[b] += requests[i]
		}
	}
	for i := n - 1; i >= 0; i-- {
		latency[i] = t.own[i] * math.Exp(.08*t.rng.NormFloat64())
		ok := 1 - t.fail[i]
		if i == at {
			latency[i] += slow
			ok -= failing
		}
		for _, b := range t.calls[i] {
			latency[i] += latency[b]
			ok *= 1 - errors[b]
		}
		bad := 0.0
		if p := 1 - ok; requests[i] > 0 {
			bad = max(0, p+math.Sqrt(p*(1-p)/requests[i])*t.rng.NormFloat64())
		}
		errors[i] = min(1, bad)
	}
	return requests, latency, errors
}

// incident is a case on the town with 200 samples of normal operation and five
// of the window, of which the fault at service at reaches the last three.
func (t *town) incident(signal Signal, at int, slow, failing float64) Case {
	const past, length = 200, 5
	n := len(t.calls)
	c := Case{Symptom: Symptom{Entity: "s0", Signal: signal, At: 601}, Step: 300}
	traffic, kpi := make([]Series, n), make([]Series, n)
	for i := range n {
		name := fmt.Sprintf("s%d", i)
		traffic[i] = Series{Entity: name, Signal: Traffic, Name: "requests"}
		kpi[i] = Series{Entity: name, Signal: signal, Name: string(signal)}
		for _, b := range t.calls[i] {
			c.Calls = append(c.Calls, Call{name, fmt.Sprintf("s%d", b)})
		}
	}
	for k := range past + length {
		where := -1
		if k >= past+2 {
			where = at
		}
		requests, latency, errors := t.sample(where, slow, failing)
		if signal == Errors {
			latency = errors
		}
		for i := range n {
			if k < past {
				traffic[i].Normal = append(traffic[i].Normal, requests[i])
				kpi[i].Normal = append(kpi[i].Normal, latency[i])
			} else {
				traffic[i].Window = append(traffic[i].Window, requests[i])
				kpi[i].Window = append(kpi[i].Window, latency[i])
			}
		}
	}
	for k := range length {
		c.Times = append(c.Times, int64(300*k))
	}
	c.Series = append(traffic, kpi...)
	return c
}
