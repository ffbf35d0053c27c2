package correlate

import (
	"errors"
	"fmt"
)

// Signal is what a series means.
type Signal string

// The signals that the engine can do something with.
const (
	Latency  Signal = "latency"  // mean time of one request, in any one unit
	Errors   Signal = "errors"   // share of requests that failed, 0 to 1
	Traffic  Signal = "traffic"  // requests in a sample's step
	Resource Signal = "resource" // use or saturation of anything, in any unit
)

// Series is one signal of one entity in normal operation and in the incident's
// window. A missing sample is NaN.
type Series struct {
	Entity string
	Signal Signal
	Name   string    // what people call it, such as "latency (Average)"
	Normal []float64 // one step apart, oldest first
	Window []float64 // one for each of Case.Times
}

// Call says that one entity asks another and waits for its answer.
type Call struct{ Caller, Callee string }

// Symptom is what somebody noticed.
type Symptom struct {
	Entity string
	Signal Signal
	At     int64 // Unix seconds
}

// Case is all that a diagnosis rests on.
type Case struct {
	Symptom Symptom
	Times   []int64 // start of each sample of the window, Unix seconds, rising
	Step    int64   // seconds that one sample covers
	Calls   []Call
	Series  []Series
}

// Verdict is the answer in one word.
type Verdict string

// The verdicts.
const (
	CauseFound Verdict = "cause"
	NoSymptom  Verdict = "none"
	Unknown    Verdict = "unknown"
)

// Cause is one hypothesis. Evidence holds sentences; those that speak against
// it begin with "against: ".
type Cause struct {
	Entity   string   `json:"entity"`
	Score    float64  `json:"score"`
	Evidence []string `json:"evidence"`
}

// Exclusion is an entity that looked suspicious, or could not be seen, and why
// it is not among the causes.
type Exclusion struct {
	Entity string `json:"entity"`
	Reason string `json:"reason"`
}

// Diagnosis is the answer. Causes are ranked, best first.
type Diagnosis struct {
	Verdict  Verdict     `json:"verdict"`
	Causes   []Cause     `json:"causes"`
	Excluded []Exclusion `json:"excluded"`
	Reason   string      `json:"reason"` // one sentence for people
	// Notes say what of the input looks like a mistake, and how much is left out.
	Notes []string `json:"notes,omitempty"`
}

// ErrCase is a case that cannot be judged as it was given.
var ErrCase = errors.New("correlate: the case cannot be judged")

func (c *Case) check() error {
	if len(c.Times) == 0 || c.Step <= 0 {
		return fmt.Errorf("%w: the incident's window has no samples", ErrCase)
	}
	for i, t := range c.Times[1:] {
		if t <= c.Times[i] {
			return fmt.Errorf("%w: times must rise; %d follows %d", ErrCase, t, c.Times[i])
		}
	}
	seen := map[[2]string]bool{}
	for _, s := range c.Series {
		if len(s.Window) != len(c.Times) {
			return fmt.Errorf("%w: %s of %s has %d samples in the window, not %d", ErrCase, s.Name, s.Entity, len(s.Window), len(c.Times))
		}
		if k := [2]string{s.Entity, string(s.Signal)}; s.Signal != Resource {
			if seen[k] {
				return fmt.Errorf("%w: %s of %s is given twice", ErrCase, s.Signal, s.Entity)
			}
			seen[k] = true
		}
	}
	if !seen[[2]string{c.Symptom.Entity, string(c.Symptom.Signal)}] {
		return fmt.Errorf("%w: there is no %s of %s, where the symptom was seen", ErrCase, c.Symptom.Signal, c.Symptom.Entity)
	}
	if c.Symptom.Signal != Latency && c.Symptom.Signal != Errors {
		return fmt.Errorf("%w: a symptom is latency or errors, not %s", ErrCase, c.Symptom.Signal)
	}
	return nil
}
