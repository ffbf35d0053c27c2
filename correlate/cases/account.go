package cases

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
)

// An account says who pays for what is felt. A service's excess is the time that
// its requests take beyond what is usual, and the requests that fail beyond what
// is usual; the calls that it makes pay for it with their own excess, and those
// whom it calls pay for that. What nobody further down pays for stays where it
// is: that is the claim of a thing to be the cause (docs/rootcause.md; it is
// Diagnose's method on figures of this moment).

const (
	// failure is what a request that fails counts, in seconds of waiting. It
	// makes one account of both: a call that waits until it fails is seen as a
	// failure by who calls, and as waiting by who is called.
	failure = 1.0
	// busier is how many times as often as usual one may ask another for each
	// request of its own before the asking, not the answering, is the news.
	busier = 3.0
	// deepest bounds how many calls deep an account goes, and ends it in circles.
	deepest = 12
	// leastMass is the share of the excess below which nobody is asked.
	leastMass = .01
	// impatient is how many times as long as usual answers take, and leastWait by
	// how many seconds at least, where callers may give up; givenUp is the share of
	// their failures that this counts for, and seenWithin how far apart two onsets
	// may be seen that are one.
	impatient, leastWait = 10.0, .1
	givenUp              = .7
	seenWithin           = 15 * time.Second
	// most of an instance's share of its service's excess, from which on it is
	// that instance and not the service.
	mostOfIt = .6
)

// figures are the courses of what one thing answers, or of what one call takes.
type figures struct{ traffic, latency, errors, refused *detect.Course }

func (f *figures) put(c *detect.Course) {
	switch c.Signal {
	case "traffic":
		f.traffic = c
	case "errors":
		f.errors = c
	case "refused":
		f.refused = c
	case "latency_mean":
		f.latency = c
	case "latency":
		if f.latency == nil {
			f.latency = c
		}
	}
}

// surely is how surely a course lies on its bad side, 0 to 1.
func surely(c *detect.Course) float64 {
	if c == nil || !c.Known {
		return 0
	}
	return min(1, max(0, (c.Size-1.5)/3))
}

// rate is how many requests a second there are now.
func (f *figures) rate() float64 {
	if f.traffic == nil {
		return 0
	}
	return max(0, f.traffic.Value)
}

// late and failed are the excess of all requests in a second: of time, in
// seconds, and of failures, in seconds' worth of them.
func (f *figures) late() float64 {
	if f.latency == nil {
		return 0
	}
	return f.rate() * max(0, f.latency.Value-f.latency.Usual) * surely(f.latency)
}

// What is refused counts as failed: who is refused far more than usual may be
// right all the same, and then nobody felt it.
func (f *figures) failed() float64 {
	share := 0.0
	for _, c := range []*detect.Course{f.errors, f.refused} {
		if c != nil {
			share += max(0, c.Value-c.Usual) * surely(c)
		}
	}
	return failure * f.rate() * min(1, share)
}

// crowd is how many times the usual load is a crowd, and crowdLate how many times as
// long as usual answers must take in it.
const crowd, crowdLate = 1.5, 1.5

// crowded is how many times as much as usual is asked of who answers later for it;
// 0 where that is not so. Held against such loads nothing is unusual, and felt it
// is all the same.
func (f *figures) crowded() float64 {
	t, l := f.traffic, f.latency
	if t == nil || l == nil || !t.Known || !l.Known || t.Usual <= 0 || t.Value < crowd*t.Usual || l.Value < crowdLate*l.Usual {
		return 0
	}
	return t.Value / t.Usual
}

// worse is which of errors and refusals has risen more; nil where neither is known.
func (f *figures) worse() *detect.Course {
	if f.errors == nil || f.refused != nil && f.refused.Value-f.refused.Usual > f.errors.Value-f.errors.Usual {
		return f.refused
	}
	return f.errors
}

func (f *figures) excess() float64 { return f.late() + f.failed() }

// party is somebody who answers: a service, a database, a third party.
type party struct {
	id, name  string
	own       figures
	calls     []*call  // that it makes
	callers   []*call  // that are made to it
	instances []*party // that answer for it
	of        *party   // of which it is an instance; nil otherwise
	share     float64  // of what is wrong with that, its own, where that is most of it
}

// counted says that the party's own figures tell what it answers. A database's
// or a cache's own do not tell what its callers wait for.
func (p *party) counted() bool {
	kind := kindOf(p.id)
	return (kind == string(estate.KindService) || isInstance(kind)) && p.own.rate() > 0 && p.own.latency != nil
}

// call is what one asks of another, as the caller sees it.
type call struct {
	id, name       string
	caller, callee *party
	own            figures
}

// repeats is the excess of a call that is asked far more often for each request
// of its caller than usual: retries, or what a cache used to answer.
func (c *call) repeats() (excess, times float64) {
	mine, theirs := c.own.traffic, c.caller.own.traffic
	if mine == nil || theirs == nil || !mine.Known || !theirs.Known || mine.Usual <= 0 || theirs.Usual <= 0 || theirs.Value <= 0 || c.own.latency == nil {
		return 0, 1
	}
	times = (mine.Value / theirs.Value) / (mine.Usual / theirs.Usual)
	if times <= 1.5 {
		return 0, times
	}
	return mine.Value * (1 - 1/times) * c.own.latency.Value, times
}

// account is the ledger of one moment.
type account struct {
	parties map[string]*party
	calls   map[string]*call
	kept    map[string]*claim // by entity
}

// claim is what an entity keeps of the excess, 0 to 1.
type claim struct {
	entity string
	party  *party // nil for a call
	call   *call  // nil for a party
	mass   float64
	late   float64 // share of the mass that is time, not failures
	repeat float64 // how many times as often it asks; 0 where that is not why
	load   float64 // how many times as much it is asked; 0 where that is not why
}

// newAccount reads what is called and how from the courses.
func newAccount(courses []detect.Course, g *graph) *account {
	a := &account{parties: map[string]*party{}, calls: map[string]*call{}, kept: map[string]*claim{}}
	for n := range courses {
		c := &courses[n]
		switch {
		case c.Caller != "" && c.Callee != "" && c.Caller != c.Callee:
			x := a.calls[c.Entity]
			if x == nil {
				x = &call{id: c.Entity, name: c.Name, caller: a.party(c.Caller, ""), callee: a.party(c.Callee, "")}
				x.caller.calls, x.callee.callers = append(x.caller.calls, x), append(x.callee.callers, x)
				a.calls[c.Entity] = x
			}
			x.own.put(c)
		case answers(c.Kind):
			a.party(c.Entity, c.Name).own.put(c)
		}
	}
	a.staff(g)
	for _, p := range a.parties {
		slices.SortFunc(p.calls, func(x, y *call) int { return cmp.Compare(x.id, y.id) })
		slices.SortFunc(p.callers, func(x, y *call) int { return cmp.Compare(x.id, y.id) })
		slices.SortFunc(p.instances, func(x, y *party) int { return cmp.Compare(x.id, y.id) })
	}
	return a
}

// isInstance says that entities of a kind do the work of services.
func isInstance(kind string) bool { return kind == "process" || kind == "pod" }

// answers says that entities of a kind answer requests of others.
func answers(kind string) bool {
	return slices.Contains([]string{"service", "process", "pod", "database", "cache"}, kind)
}

func (a *account) party(id, name string) *party {
	p := a.parties[id]
	if p == nil {
		p = &party{id: id}
		a.parties[id] = p
	}
	if name != "" {
		p.name = name
	} else if p.name == "" {
		p.name = strings.TrimPrefix(nameOf(id), "service ")
	}
	return p
}

// staff finds the instances of services: who has figures of its own and is what
// a service runs as.
func (a *account) staff(g *graph) {
	for id, p := range a.parties {
		if kindOf(id) != string(estate.KindService) {
			continue
		}
		at, ok := g.index[id]
		if !ok {
			continue
		}
		for _, arrow := range g.needs[at] {
			to := g.ids[arrow.to]
			if x := a.parties[to]; x != nil && isInstance(kindOf(to)) && x.own.rate() > 0 {
				p.instances = append(p.instances, x)
				if x.of == nil || p.id < x.of.id {
					x.of = p
				}
			}
		}
	}
}

// settle hands the excess of a party down to who owes it, and keeps what stays
// where. Weight is the share of the whole that the party stands for. It says
// whether the party has an excess at all.
func (a *account) settle(from *party, weight float64) bool {
	type share struct {
		p          *party
		mass, late float64
	}
	owed := 0.0
	for _, c := range from.calls {
		owed += c.own.excess()
	}
	whole := max(from.own.excess(), owed)
	if whole <= 0 {
		times := from.own.crowded()
		if times > 0 {
			a.keep(from, nil, weight, 1, 0)
			a.kept[from.id].load = times
		}
		return times > 0
	}
	first := (from.own.late() + 1e-12) / (from.own.excess() + 1e-12)
	if c, times := from.besieged(); c != nil {
		// Whoever asks it so much more often than before has done it.
		up := weight * (1 - busier/times)
		a.keep(c.caller, nil, up, first, times)
		weight -= up
	}
	now := []share{{from, weight, first}}
	for range deepest {
		next := map[*party]share{}
		var order []*party
		for _, s := range now {
			for to, m := range a.pass(s.p, s.mass, s.late) {
				if _, ok := next[to]; !ok {
					order = append(order, to)
				}
				x := next[to]
				next[to] = share{to, x.mass + m.mass, (x.mass*x.late + m.mass*m.late) / max(1e-12, x.mass+m.mass)}
			}
		}
		slices.SortFunc(order, func(x, y *party) int { return cmp.Compare(x.id, y.id) })
		now = now[:0]
		for _, p := range order {
			now = append(now, next[p])
		}
		if len(now) == 0 {
			return true
		}
	}
	for _, s := range now { // a circle
		a.keep(s.p, nil, s.mass, s.late, 0)
	}
	return true
}

// besieged is the call by which most of a party's requests come, where it is made
// far more often for each request of its caller than usual; nil where there is none.
func (p *party) besieged() (worst *call, times float64) {
	for _, c := range p.callers {
		if _, n := c.repeats(); n >= busier && n > times && c.own.rate() >= .5*p.own.rate() && p.own.rate() > 0 {
			worst, times = c, n
		}
	}
	return worst, times
}

type passed struct{ mass, late float64 }

// pass hands a party's share on to those whom it calls and says how much goes
// to whom; what they do not pay for is kept.
func (a *account) pass(p *party, mass, late float64) map[*party]passed {
	out := map[*party]passed{}
	if mass < leastMass {
		a.keep(p, nil, mass, late, 0)
		return out
	}
	type bill struct {
		c              *call
		late, failed   float64
		repeats, times float64
		outlasts       bool
	}
	var bills []bill
	sum, waited := 0.0, 0.0 // waited is for those that outlast patience
	for _, c := range p.calls {
		b := bill{c: c, late: c.own.late(), failed: c.own.failed(), outlasts: c.outlasts(p)}
		b.repeats, b.times = c.repeats()
		if paid := b.late + b.failed + b.repeats; paid > 0 {
			bills = append(bills, b)
			sum += paid
			if b.outlasts {
				waited += b.late
			}
		}
	}
	whole := max(p.own.excess(), sum)
	if sum == 0 || whole == 0 {
		a.keepOwn(p, mass, late)
		return out
	}
	kept := mass * (1 - sum/whole)
	gaveUp := 0.0
	if waited > 0 {
		gaveUp = givenUp * kept * (1 - late)
		kept -= gaveUp
	}
	for _, b := range bills {
		part := mass * (b.late + b.failed + b.repeats) / whole
		if b.outlasts {
			part += gaveUp * b.late / waited
		}
		if b.times >= busier && b.c.well() {
			// The one who is asked answers as ever; the one who asks has changed.
			a.keep(p, nil, part, late, b.times)
			continue
		}
		if b.times >= busier {
			again := mass * b.repeats / whole // no failure makes it ask again
			if surely(b.c.own.worse()) >= .5 {
				// A few retries come with any failure; what goes beyond is its own doing.
				again = part * (1 - busier/b.times)
			}
			a.keep(p, nil, again, late, b.times)
			part -= again
		}
		lateShare := b.late / max(1e-12, b.late+b.failed)
		down := part * b.c.owed(lateShare)
		if down > 0 {
			x := out[b.c.callee]
			out[b.c.callee] = passed{x.mass + down, (x.mass*x.late + down*lateShare) / (x.mass + down)}
		}
		a.keep(nil, b.c, part-down, lateShare, 0)
	}
	a.keepOwn(p, kept, late)
	return out
}

// outlasts says that answers to a call have become so late that its caller, who
// fails more than usual since, may well fail for want of patience: who gives up
// waiting fails by itself, and those whom it waited for count no failure.
func (c *call) outlasts(p *party) bool {
	l, e := c.own.latency, p.own.worse()
	return l != nil && l.Known && surely(l) > 0 && surely(e) > 0 && l.Value >= impatient*l.Usual && l.Value-l.Usual >= leastWait && !e.Latest.Before(l.Latest.Add(-seenWithin))
}

// well says that the one who is called answers as usual, by its own figures.
func (c *call) well() bool {
	p := c.callee
	return p.counted() && surely(p.own.latency) < .5 && surely(p.own.worse()) < .5
}

// owed is the share of a call's excess that the one who is called pays for, by
// its own figures. Who has none, or does not count what callers wait for, is
// taken to owe all of it.
func (c *call) owed(late float64) float64 {
	p := c.callee
	if kindOf(p.id) != string(estate.KindService) {
		return 1
	}
	if !p.counted() {
		if p.own.traffic != nil || p.own.latency != nil || p.own.worse() != nil {
			// It has figures, and no requests arrive: what is between, or it is
			// not there at all.
			return .5
		}
		return 1
	}
	per := func(f figures) float64 {
		if r := f.rate(); r > 0 {
			return f.excess() / r
		}
		return 0
	}
	here, there := per(c.own), per(p.own)
	if here <= 0 {
		return 1
	}
	// A callee with several callers has one excess for each request.
	return min(1, there/here)
}

// keepOwn keeps what a party owes to nobody further down: with the instances
// that cause it, where those are few.
func (a *account) keepOwn(p *party, mass, late float64) {
	if len(p.instances) > 1 {
		all := 0.0
		worst := p.instances[0]
		for _, i := range p.instances {
			all += i.own.excess()
			if i.own.excess() > worst.own.excess() {
				worst = i
			}
		}
		if share := worst.own.excess() / max(1e-12, all); all > 0 && share >= max(mostOfIt, 1.5/float64(len(p.instances))) {
			worst.share = share
			a.keep(worst, nil, mass*share, late, 0)
			mass *= 1 - share
		}
	}
	a.keep(p, nil, mass, late, 0)
}

func (a *account) keep(p *party, c *call, mass, late, repeat float64) {
	if mass < 1e-6 {
		return
	}
	id := ""
	if p != nil {
		id = p.id
	} else {
		id = c.id
	}
	x := a.kept[id]
	if x == nil {
		x = &claim{entity: id, party: p, call: c}
		a.kept[id] = x
	}
	x.late = (x.mass*x.late + mass*late) / (x.mass + mass)
	x.mass += mass
	x.repeat = math.Max(x.repeat, repeat)
}
