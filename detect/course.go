package detect

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Course is how one signal of one entity goes: what it is, what is usual for
// it, and since when it is not.
type Course struct {
	Entity string
	Kind   string // of kinds.yaml
	Name   string // of the entity, for people
	Host   string // id of its machine; empty where it is no part of one
	Type   string // label of probes: "dns", "http"; empty for others
	// Caller and Callee are the ids of the ends of an edge.
	Caller, Callee string
	Signal         string
	Help           string
	Says           string // it as a part of a sentence, see Signal.Says; empty where there is none
	Unit           string
	Better         string
	Value          float64 // the middle one of the last three figures
	Usual          float64 // the learned median, where Known
	Known          bool    // enough was seen to call anything usual
	// Size is by how many spreads Value lies above what is usual, or, below
	// zero, under it; 0 where nothing is known.
	Size float64
	// Worse says that it lies on the bad side.
	Worse bool
	// It left what is usual between Earliest and Latest; zero while it has not.
	Earliest, Latest time.Time
	// Fresh says that the entity was not there when that began: what it takes
	// now it did not take before.
	Fresh bool
	Query string
	// Cold is the start of instances that explains it; nil where none does.
	Cold *ColdStart
}

const (
	// leaves is the size from which on a figure is not usual any more, and
	// returns that under which it is again.
	leaves, returns = 4, 2.5
	// few are the points, and short the time, from which on a course says that
	// it knows; while they are so few, spreads are taken to be wider.
	few   = 12
	short = 45 * time.Second
	// heldFor is how long figures that left what is usual are not learned. What
	// has stood for longer becomes usual.
	heldFor = time.Hour
	// freshFor is how long an entity that was not there before counts as new.
	freshFor = 10 * time.Minute
	// mostCourses bounds what Courses returns, farthest from usual first.
	mostCourses = 20_000
)

// floors are, by unit, the least spread: less than that nobody feels.
var floors = map[string]float64{"ratio": .01, "seconds": .002, "bytes": 1 << 20, "bytes/s": 64 << 10, "1/s": .2, "count": .5, "cores": .05}

// course is what is kept of a Course from round to round.
type course struct {
	last    [3]float64
	n       int       // figures seen, up to 3
	at      time.Time // of the last one
	size    float64
	inside  time.Time // of the last figure that was as usual
	outside time.Time // of the first one of those that are not; zero while there are none
	out     bool
	excused bool // the last figure is a part of a wait by design
	hourly  bool // it is unusual, and as ever at this hour
}

// middle is the middle one of the last figures: one odd figure is none.
func (c *course) middle() float64 {
	v := c.last
	slices.Sort(v[:c.n])
	return v[c.n/2]
}

// take takes in a figure that was read now.
func (c *course) take(v float64, b *Baseline, s *Season, load float64, of *Signal, now time.Time) {
	if !now.After(c.at) {
		return
	}
	if now.Sub(c.at) > maxGap {
		*c = course{excused: c.excused} // what was not watched does not count as seen
	}
	c.at = now
	c.last[0], c.last[1], c.last[2] = v, c.last[0], c.last[1]
	c.n = min(c.n+1, len(c.last))
	m := c.middle()
	c.size = of.spreads(b, m)
	single := of.spreads(b, v)
	c.hourly = false
	if math.Abs(single) >= returns || math.Abs(c.size) >= returns {
		usual := b.Median()
		c.hourly = math.Abs(c.size) >= leaves && s.atHour(m, now)
		c.size, single = s.allow(c.size, m, usual, load, now), s.allow(single, v, usual, load, now)
	}
	if c.excused {
		c.size, single = 0, 0
	}
	switch {
	case math.Abs(single) < returns && !c.out:
		c.inside, c.outside = now, time.Time{}
	case math.Abs(single) >= leaves && c.outside.IsZero():
		c.outside = now
	}
	switch {
	case !c.out && c.n == len(c.last) && math.Abs(c.size) >= leaves && !c.outside.IsZero():
		c.out = true
	case c.out && math.Abs(c.size) < returns:
		c.out, c.inside, c.outside = false, now, time.Time{}
	}
}

// holds says that figures are not to be learned for now.
func (c *course) holds(now time.Time) bool {
	return c != nil && !c.outside.IsZero() && now.Sub(c.outside) < heldFor
}

// aware says that enough was seen to tell what is unusual by many spreads.
func (b *Baseline) aware() bool { return b != nil && b.Points >= few && b.Span >= short }

// spreads says how many spreads a figure lies above what is usual, or, below
// zero, under it. The spread on each side is that of the middle half of the
// figures or of the tail, whichever is wider, and no less than what nobody
// feels; both are those of a normal distribution's standard deviation.
func (b *Baseline) spreads(v, floor float64) float64 {
	if !b.aware() {
		return 0
	}
	q := b.quantiles(.05, .25, .5, .75, .95)
	m := q[2]
	tail := (q[4] - m) / 1.645
	if v < m {
		tail = (m - q[0]) / 1.645
	}
	s := max(tail, (q[3]-q[1])/1.349, .08*math.Abs(m), floor) * (1 + 6/float64(b.Points))
	return (v - m) / s
}

// spreads says how far a figure lies from what is usual, or, while nothing of
// that is known, from what is healthy for all.
func (s *Signal) spreads(b *Baseline, v float64) float64 {
	if !b.aware() && s.Healthy != nil {
		return (v - *s.Healthy) / s.floor()
	}
	return b.spreads(v, s.floor())
}

// floor is the least spread of the signal.
func (s *Signal) floor() float64 {
	if s.Floor > 0 {
		return s.Floor
	}
	return floors[s.Unit]
}

// follow brings the courses up to the round.
func (r *round) follow() {
	for _, e := range r.picture.entities {
		if !e.seen.Equal(r.now) {
			continue
		}
		if e.courses == nil {
			e.courses = make([]*course, len(e.values))
		}
		load := e.load()
		e.awaits(r.now)
		for i, v := range e.values {
			if math.IsNaN(v) || e.Kind.signals[i].Clock {
				continue
			}
			if e.courses[i] == nil {
				e.courses[i] = &course{}
			}
			e.courses[i].excused = e.excuses(e.Kind.signals[i], v)
			e.courses[i].take(v, e.usual[i], e.seasons[i], load, e.Kind.signals[i], r.now)
		}
	}
}

// load is how much the entity has to do; NaN where that is not known.
func (e *Entity) load() float64 {
	for i, s := range e.Kind.signals {
		if s.Name == "traffic" {
			return e.values[i]
		}
	}
	return math.NaN()
}

// accounted are the signals whose course is told also while it is as usual:
// what is asked, how long it takes and how much of it fails is the account that
// blame is settled by.
func accounted(signal string) bool {
	return signal == "traffic" || signal == "errors" || signal == "refused" || signal == "latency" || signal == latencyMean
}

// taken says that a signal is what an entity takes of something that others
// need too, in a unit that can be added up.
func taken(s *Signal) bool {
	return s.Better == "none" && (s.Unit == "cores" || s.Unit == "bytes/s")
}

// Courses are, as of the last round, the courses of all signals that have left
// what is usual, and of those that accounts are settled by. It waits for a round
// that is under way.
func (e *Engine) Courses(tenant, environment string) []Course {
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Course
	for _, x := range w.picture.entities {
		// One round may have missed it.
		if w.at.Sub(x.seen) > 2*e.config.Interval {
			continue
		}
		fresh := w.isFresh(x)
		for i, c := range x.courses {
			s := x.Kind.signals[i]
			if c == nil || w.at.Sub(c.at) > max(2*e.config.Interval, s.Every+e.config.Interval) {
				continue
			}
			isFresh := fresh && taken(s)
			if !c.out && !accounted(s.Name) && !isFresh {
				continue
			}
			out = append(out, w.tell(x, s, c, isFresh))
		}
	}
	slices.SortFunc(out, func(a, b Course) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Size), math.Abs(a.Size)), cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Signal, b.Signal))
	})
	return out[:min(len(out), mostCourses)]
}

// isFresh says that an entity has come while its kind was watched.
func (w *watch) isFresh(x *Entity) bool {
	return x.first.Sub(w.began) > short && w.at.Sub(x.first) < freshFor && !x.known
}

// rises says that a signal has left what is usual, upwards.
func (e *Entity) rises(s *Signal) bool {
	if e.courses == nil {
		return false
	}
	c := e.courses[s.index]
	return c != nil && c.out && c.size > 0
}

func (w *watch) tell(x *Entity, s *Signal, c *course, fresh bool) Course {
	b := x.usual[s.index]
	out := Course{Entity: x.ID, Kind: x.Kind.Name, Name: x.Name, Host: x.Host, Type: x.Labels["type"], Signal: s.Name, Help: s.Help, Says: s.Says, Unit: s.Unit, Better: s.Better,
		Value: c.middle(), Known: b.aware(), Size: c.size, Query: s.Query(x)}
	if out.Known {
		out.Usual = b.Median()
	} else if s.Healthy != nil {
		out.Known, out.Usual = true, *s.Healthy
	}
	if len(x.Kind.Between) == 2 {
		out.Caller, out.Callee = w.picture.endsOf(x)
	}
	if c.excused && !c.out {
		out.Usual = out.Value // nobody is to pay for a wait that is by design
	}
	if s.latent() {
		out.Cold = x.cold.start
	}
	switch {
	case out.Cold != nil && !c.out && s.Average && !b.aware() && out.Value > warmTimes*x.cold.warm:
		// One that is new has no habits; those that are warm stand in.
		out.Known, out.Usual, out.Worse = true, x.cold.warm, true
		out.Size = (out.Value - out.Usual) / max(s.floor(), .08*out.Usual)
		out.Earliest, out.Latest = out.Cold.At, out.Cold.At
	case fresh && !c.out:
		out.Known, out.Usual, out.Fresh = true, 0, true
		out.Size = out.Value / s.floor()
		out.Earliest, out.Latest = x.first.Add(-s.Window), x.first
	case c.out:
		out.Worse = s.Better == "lower" && c.size > 0 || s.Better == "higher" && c.size < 0
		// A rate over a window rises as soon as the window holds a part of what
		// is new, so that its beginning is not before the last usual figure.
		out.Earliest, out.Latest = c.inside, c.outside
		if out.Earliest.IsZero() {
			out.Earliest = c.outside.Add(-s.Window)
		}
	}
	return out
}

// Out says that it has left what is usual.
func (c Course) Out() bool { return !c.Latest.IsZero() }
