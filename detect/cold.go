package detect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
)

// Instance is one of those that answer for a service, as coldStart sees it.
type Instance struct {
	Name  string
	Age   time.Duration // since its start; below zero where that is not known
	Again bool          // it was started over and over
	// Traffic is how many requests a second it answers, Takes how many seconds
	// that takes on average, and Usual how many it took before its last start;
	// NaN where that is not known.
	Traffic, Takes, Usual float64
}

// ColdStart is a start of instances that explains why answers take longer: code
// is compiled, caches and pools are filled. It passes by itself.
type ColdStart struct {
	At    time.Time // of the newest start
	Names []string  // of the instances that are new, the newest first
	Of    int       // instances that there are
	Share float64   // of the calls, that go to the new ones
	Habit string    // what their first answers take, to stand behind "its first answers"
	// Excused says that nobody is told of it: who is not asked by customers
	// themselves may start.
	Excused bool
}

// cold is what a round makes of the starts of an entity's instances.
type cold struct {
	start *ColdStart // what explains that it is slow; nil where no start does
	why   string     // why those that were just started do not explain it
	// mean is what answers may take on average because of it, in seconds, and
	// times how many times as long as usual the slowest of them. Warm is what the
	// instances that are not new take.
	mean, times, warm float64
}

const (
	// lingers is how long after a start has had its time the figures, which are
	// of a window, and the middle of the last three still show it.
	lingers = time.Minute
	// slack is how far a mean may lie from what is worked out of its parts.
	slack = 1.25
	// clockSkew is how far in the future a start may lie.
	clockSkew = time.Minute
	// lateAfter is until when it is said of those that were started that this
	// does not explain it any more.
	lateAfter = 30 * time.Minute
)

// coldStart says whether the start of instances explains that a service is
// slow. It does while they are so new that its starts usually take as long, as
// far as their share of the calls goes, if the older ones are not slow as well.
// What starts over and over is in trouble.
//
// Usual is the mean time to answer, in seconds, that is usual for the service, or 0 where
// that is not known.
func coldStart(usual float64, all []Instance, h habit, restless bool, now time.Time) cold {
	var young, old, late []Instance
	again := restless
	for _, i := range all {
		switch {
		case i.Age < -clockSkew || i.Age > lateAfter:
			old = append(old, i)
		case i.Age > h.long+lingers:
			old, late = append(old, i), append(late, i)
		default:
			young = append(young, i)
			again = again || i.Again
		}
	}
	if len(young) == 0 {
		if len(late) == 0 {
			return cold{}
		}
		return cold{why: fmt.Sprintf("%s; that does not explain it any more, since %s", newcomers(late, len(all)), h.most())}
	}
	slices.SortStableFunc(young, func(a, b Instance) int { return int(a.Age - b.Age) })
	warm, slow := warmth(usual, old)
	share := shareOf(young, all)
	switch {
	case again:
		return cold{why: fmt.Sprintf("%s, over and over, which is no ordinary start", newcomers(young, len(all)))}
	case slow:
		return cold{why: fmt.Sprintf("%s, and the older ones are slow as well, so that it is not their start", newcomers(young, len(all)))}
	case warm <= 0:
		return cold{}
	}
	c := cold{warm: warm, times: h.times, mean: slack*(1-share)*warm + share*h.times*warm,
		start: &ColdStart{At: now.Add(-max(0, young[0].Age)), Of: len(all), Share: share, Habit: h.says(), Excused: true}}
	for _, i := range young {
		c.start.Names = append(c.start.Names, i.Name)
	}
	return c
}

// warmth is what instances that are not new take on average, and whether that is
// too long for warm ones. Where it cannot be told, what is usual stands in.
func warmth(usual float64, old []Instance) (takes float64, slow bool) {
	var calls, time, before float64
	for _, i := range old {
		if math.IsNaN(i.Takes) || math.IsNaN(i.Traffic) || i.Traffic <= 0 {
			continue
		}
		own := i.Usual
		if math.IsNaN(own) || own <= 0 {
			own = usual
		}
		calls, time, before = calls+i.Traffic, time+i.Traffic*i.Takes, before+i.Traffic*own
	}
	if calls == 0 {
		return usual, false
	}
	takes, before = time/calls, before/calls
	return takes, before > 0 && takes > warmTimes*before && takes-before > floors["seconds"]
}

// shareOf is the share of the calls that go to some of the instances: by what
// each answers, or by their number where that is not known of any.
func shareOf(some, all []Instance) float64 {
	sum := func(list []Instance) (calls float64) {
		for _, i := range list {
			if !math.IsNaN(i.Traffic) { // what is not counted yet is not in the whole either
				calls += i.Traffic
			}
		}
		return calls
	}
	if whole := sum(all); whole > 0 {
		return sum(some) / whole
	}
	return float64(len(some)) / float64(len(all))
}

// newcomers says which instances were started, and when the newest was.
func newcomers(some []Instance, of int) string {
	youngest := slices.MinFunc(some, func(a, b Instance) int { return int(a.Age - b.Age) })
	ago := "was started " + figure.Span(max(0, youngest.Age)) + " ago"
	switch {
	case len(some) == 1:
		return youngest.Name + " " + ago
	case len(some) == of:
		return fmt.Sprintf("all %d instances were started anew, the last %s ago", of, figure.Span(max(0, youngest.Age)))
	}
	return fmt.Sprintf("%d of %d instances were started anew, the last %s ago", len(some), of, figure.Span(max(0, youngest.Age)))
}

// level is what a figure of how long answers take may be because of the start,
// in seconds; 0 where nothing is excused.
func (c *cold) level(s *Signal, usual *Baseline) float64 {
	switch {
	case c.start == nil || !c.start.Excused || !s.latent():
		return 0
	case s.Average:
		return c.mean
	case c.start.Share <= 1-s.Quantile: // the new ones are not among the slowest that it is of
		return 0
	}
	return c.times * max(usual.Median(), usual.High()/slack, c.warm)
}

// Says is the start in a sentence, as of a time.
func (c ColdStart) Says(now time.Time) string {
	was, its := "were", "their"
	if len(c.Names) == 1 {
		was, its = "was", "its"
	}
	return fmt.Sprintf("%s %s started %s ago; %s first answers %s", c.Who(), was, figure.Span(max(0, now.Sub(c.At))), its, c.Habit)
}

// Who are the instances that are new.
func (c ColdStart) Who() string {
	switch n := len(c.Names); {
	case n == 1:
		return c.Names[0]
	case n == c.Of:
		return fmt.Sprintf("all %d instances", n)
	default:
		return fmt.Sprintf("%d of %d instances", n, c.Of)
	}
}
