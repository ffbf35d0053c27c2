package detect

import (
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
)

// wait is how long something takes by design: a long poll that answers when
// something has come or its time is up, a report that takes what it takes. It is
// told by its shape: the slowest answers take the same time ever, and much of
// what is asked takes that long.
type wait struct {
	level  float64 // seconds: about, or at the most
	steady bool    // nearly all answers take so long
}

const (
	// leastWait is how long it must take at least: what is quicker is held to what
	// is usual like all else.
	leastWait = 5.
	// pinned is how far the slowest answers may vary, and waited what share of
	// that time the mean must be.
	pinned, waited = 1.25, .2
	// alike is how near the mean must come to the slowest for nearly all to take
	// as long; a quantile lies at the far end of its bucket.
	alike = .55
	// longer is by how much a wait may be passed before it is none.
	longer = 1.25
	// waitErrors is the usual share of errors from which on waiting is no design:
	// what runs into a timeout does not answer.
	waitErrors = .05
	// waitEvery is how often it is worked out anew.
	waitEvery = time.Minute
)

// says is the wait in a sentence about its entity; empty where there is none.
func (w wait) says() string {
	switch {
	case w.level == 0:
		return ""
	case w.steady:
		return "waits by design: about " + figure.In(w.level, "seconds") + " whatever the load"
	}
	return "waits by design: up to " + figure.In(w.level, "seconds") + ", and less where something comes sooner"
}

// waitOf tells from what is usual whether an entity waits by design. What has
// just become slow does not: it must have been so for nearly all that is
// remembered.
func waitOf(mean, slowest, errors *Baseline, loads *Season) wait {
	if !mean.Known() || !slowest.Known() || errors.Known() && errors.Median() > waitErrors {
		return wait{}
	}
	top, means := slowest.quantiles(.05, .5, .95), mean.quantiles(.05, .5, .95)
	if top[2] > pinned*top[0] || means[1] < waited*top[1] {
		return wait{}
	}
	w := wait{level: max(top[1], means[1])}
	if means[2] <= pinned*means[0] && means[1] >= alike*top[1] {
		w = wait{level: means[1], steady: true}
	}
	if w.level < leastWait || w.steady && loads.grows() {
		return wait{}
	}
	return w
}

// grows says that a figure goes with the load, so that it is no wait.
func (s *Season) grows() bool {
	if s == nil {
		return false
	}
	var low, high float32
	for _, l := range s.Loads {
		if l.Figures < perLoad {
			continue
		}
		if low == 0 || l.Mean < low {
			low = l.Mean
		}
		high = max(high, l.Mean)
	}
	return high > pinned*low
}

// latent says that a signal is of how long its entity's answers take.
func (s *Signal) latent() bool { return s.Name == "latency" || s.Distribution == "latency" }

// latencyMean is the signal by which waits and starts are told.
const latencyMean = "latency_mean"

// awaits works out once a minute whether the entity waits by design.
func (e *Entity) awaits(now time.Time) {
	if age := now.Sub(e.weighed); age >= 0 && age < waitEvery {
		return
	}
	e.weighed = now
	var mean, slowest, errors *Baseline
	var loads *Season
	for i, s := range e.Kind.signals {
		switch s.Name {
		case latencyMean:
			mean, loads = e.usual[i], e.seasons[i]
		case "latency_p99":
			slowest = e.usual[i]
		case "errors":
			errors = e.usual[i]
		}
	}
	e.wait = waitOf(mean, slowest, errors, loads)
}

// excuses says that a figure of an entity is a part of its wait: as usual,
// whatever it was before.
func (e *Entity) excuses(s *Signal, v float64) bool {
	if e.wait.level == 0 || !s.latent() {
		return false
	}
	level := e.wait.level
	if !s.Average { // within a histogram's bucket a quantile is a guess
		level = max(level, e.usual[s.index].High())
	}
	return v <= longer*level
}
