package estate

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// CallEvidence is all that is known of who calls whom in one environment.
type CallEvidence struct {
	// Relations are those that hold now; others than Calls are passed over.
	Relations []Relation
	Sightings []Sighting
	// Watcher is the source whose relations have sightings behind them. One of
	// them that has none was seen before Began, and nobody knows when.
	Watcher string
	// Began is since when sightings are remembered.
	Began time.Time
	Now   time.Time
}

// How sure a call is by what one source says, beside how sure the source is:
// who saw n calls of it, of those that might have been strays, by (n+1)/(n+2)
// (Laplace's rule of succession).
const (
	declaredProof = .8 // a person vouches, and nothing shows it
	unknownProof  = .7 // it was seen, and nobody looks, or knows when that was
	// fadesTo is what the freshness of a call has come down to when it lapses.
	fadesTo = .25
	// disputed is what is left of what a source says that another contradicts.
	disputed = .5
)

// freshness is how much of what was seen so long ago is still believed: all of
// it for StaleAfter, from there down in step with the logarithm of the age to
// fadesTo, and nothing from LapsesAfter on.
func freshness(age time.Duration) float64 {
	switch {
	case age <= StaleAfter:
		return 1
	case age >= LapsesAfter:
		return 0
	}
	return 1 - (1-fadesTo)*math.Log(float64(age)/float64(StaleAfter))/math.Log(float64(LapsesAfter)/float64(StaleAfter))
}

// ends name a call.
type ends [2]string

// voice is what one source says of a call, while it is weighed.
type voice struct {
	CallSource
	base     float64 // how sure the source is of what it sees
	fresh    float64
	proof    float64
	rated    time.Time
	disputed bool
}

func (v *voice) say() float64 {
	if v.disputed {
		return v.base * v.fresh * disputed
	}
	return v.base * v.fresh
}

// Fuse joins what all sources say of who calls whom into one call each, by the
// ids of both ends. It is pure.
//
// A source's say is how sure it is of what it sees, times the freshness of
// that, halved where another contradicts it. Sources err for reasons of their
// own, so that the confidence in a call is 1 - (1-say*proof) * ... over all of
// them. A source whose sightings have lapsed has no say, and a call that nobody
// has a say in is left out.
func Fuse(in CallEvidence) []Call {
	voices := map[ends][]*voice{}
	watched := map[ends]float64{} // how sure the watcher is, of its relations
	since := map[ends]time.Time{}
	for _, r := range in.Relations {
		if r.Kind != Calls || r.From == r.To {
			continue
		}
		at := ends{r.From, r.To}
		if had, ok := since[at]; !ok || r.Since.Before(had) {
			since[at] = r.Since
		}
		if r.Source == in.Watcher {
			watched[at] = r.Confidence
		}
	}
	seen := map[ends]bool{}
	for _, s := range in.Sightings {
		at := ends{s.From, s.To}
		if s.From == s.To {
			continue
		}
		seen[at] = true
		if v := in.sighted(s, watched[at]); v.fresh > 0 {
			voices[at] = append(voices[at], v)
		}
	}
	for _, r := range in.Relations {
		at := ends{r.From, r.To}
		if r.Kind != Calls || r.From == r.To || r.Source == in.Watcher && seen[at] {
			continue
		}
		if v := in.related(r, voices[at]); v.fresh > 0 {
			voices[at] = append(voices[at], v)
		}
	}
	disputes := in.disputes(voices)
	out := make([]Call, 0, len(voices))
	for at, list := range voices {
		c := in.fused(at, list)
		c.Contradictions, c.since = disputes[at], since[at]
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Call) int { return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To)) })
	return out
}

// unsaid is how sure one is of a sighting that no relation stands for yet: as
// sure as of most figures.
const unsaid = .95

// sighted is what a sighting says.
func (in CallEvidence) sighted(s Sighting, base float64) *voice {
	if base == 0 {
		base = unsaid
	}
	v := &voice{base: base, proof: (s.Calls + 1) / (s.Calls + 2), rated: s.Rated}
	v.CallSource = CallSource{Name: s.By, Source: s.Source, State: Current, Since: s.Noted, First: s.First, Last: s.Last, Heard: s.Heard,
		Calls: s.Calls, Rate: s.Rate, Counts: s.Counts}
	age := in.Now.Sub(s.Last)
	if s.Last.IsZero() {
		age = in.Now.Sub(s.Noted)
	}
	v.fresh = freshness(age)
	switch {
	case in.Now.Sub(s.Heard) > SilentAfter:
		v.State, v.proof = Silent, min(v.proof, unknownProof)
	case s.Last.IsZero():
		v.State = Unseen
	case age > StaleAfter:
		v.State = Stale
	}
	return v
}

// related is what a relation says that has no sighting behind it; others are
// the sightings of the same call.
func (in CallEvidence) related(r Relation, others []*voice) *voice {
	v := &voice{base: r.Confidence, fresh: 1, proof: 1, CallSource: CallSource{Name: r.Source, Source: r.Source, State: Told, Since: r.Since}}
	switch r.Source {
	case Declared:
		v.State, v.proof = Unseen, declaredProof
		v.Never = !in.Began.IsZero() && !in.Began.After(r.Since) && in.Now.Sub(r.Since) < LapsesAfter
		v.Since = later(later(r.Since, in.Began), in.Now.Add(-LapsesAfter)) // older sightings are forgotten
		if slices.ContainsFunc(others, func(o *voice) bool { return !o.Last.IsZero() }) {
			v.State = Told
		}
	case in.Watcher:
		v.Name, v.State, v.proof, v.Since = "figures before the start", Unknown, unknownProof, in.Began
		if !in.Began.IsZero() {
			v.fresh = freshness(in.Now.Sub(in.Began))
		}
	}
	return v
}

// Lapsed are the relations of the watcher that nothing stands behind any more:
// nobody remembers a sighting of them, and sightings are remembered for longer
// than they count.
func (in CallEvidence) Lapsed() (out []Relation) {
	if in.Began.IsZero() || in.Now.Sub(in.Began) < LapsesAfter {
		return nil
	}
	seen := map[ends]bool{}
	for _, s := range in.Sightings {
		seen[ends{s.From, s.To}] = true
	}
	for _, r := range in.Relations {
		if r.Kind == Calls && r.Source == in.Watcher && !seen[ends{r.From, r.To}] {
			out = append(out, Relation{From: r.From, Kind: r.Kind, To: r.To})
		}
	}
	return out
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// fused is the call of which the voices tell.
func (in CallEvidence) fused(at ends, list []*voice) Call {
	doubt := 1.0
	c := Call{From: at[0], To: at[1], State: Unseen}
	for _, v := range list {
		v.Confidence = hundredths(v.say() * v.proof)
		doubt *= 1 - v.say()*v.proof
		c.Last, c.weight = later(c.Last, v.Last), max(c.weight, v.say())
		if slices.Index(callStates, v.State) < slices.Index(callStates, c.State) {
			c.State = v.State
		}
		c.Sources = append(c.Sources, v.CallSource)
	}
	if c.State == Told && slices.ContainsFunc(list, func(v *voice) bool { return v.State == Stale || v.State == Silent }) {
		// Who vouches for it has not seen it later than those who look.
		c.State = Stale
		if !slices.ContainsFunc(list, func(v *voice) bool { return v.State == Stale }) {
			c.State = Silent
		}
	}
	c.Confidence = hundredths(1 - doubt)
	c.Sure = SureOf(c.Confidence)
	slices.SortFunc(c.Sources, func(a, b CallSource) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), strings.Compare(a.Name, b.Name))
	})
	return c
}

func hundredths(v float64) float64 { return math.Round(v*100) / 100 }

// Weigh puts one relation for each call in the place of those that several
// sources tell of it, for who ranks causes: what was not seen for long, and what
// is contradicted, counts for less, and what has lapsed for nothing. How many
// calls were seen does not count: whoever ranks has the figures. Confidences go
// in steps, so that what fades does not make a new case of it each time.
func Weigh(relations []Relation, calls []Call) []Relation {
	out := make([]Relation, 0, len(relations))
	for _, r := range relations {
		if r.Kind != Calls {
			out = append(out, r)
		}
	}
	for _, c := range calls {
		if w := math.Round(c.weight*20) / 20; w > 0 {
			out = append(out, Relation{From: c.From, Kind: Calls, To: c.To, Source: c.By(), Confidence: w, Sure: c.Sure, Since: c.since})
		}
	}
	return out
}
