package cases

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// reason is what may lie behind a claim: figures of a thing, or a finding, that
// went wrong with it.
type reason struct {
	entity string
	weight float64
	course *detect.Course // the one that counts most
	more   []*detect.Course
	node   int  // of a finding; -1 for none
	owed   bool // something deeper explains it
	owner  *shortage
}

// shortage tells that somebody takes what others wait for.
type shortage struct {
	course *detect.Course
	text   string
}

// reasons are what may lie behind a claim, strongest first.
func (w *gathering) reasons(a *account, x *claim, members []int, onset time.Time) []reason {
	byEntity := map[string]*reason{}
	weigh := func(at string, path float64, fits func(*signalMechanism) bool) {
		for _, c := range w.wrong[at] {
			m := known.signal(c)
			if !fits(m) {
				continue
			}
			if weight := path * w.strength(x, c, m, onset); weight > 0 {
				byEntity[at] = byEntity[at].with(at, c, weight)
			}
		}
	}
	consider := func(at string, path float64, called, between bool) {
		weigh(at, path, func(m *signalMechanism) bool {
			// Who fails to look names up need not have made the call that fails.
			return (!called || m.Silent || m.Between) && (!m.Between || between || len(m.Told) > 0 && at == x.entity)
		})
	}
	considered := func(at string, path float64, called bool) {
		weigh(at, path, func(m *signalMechanism) bool { return m.Between || m.Stalls && !called })
	}
	found := map[string]int{}
	for _, n := range members {
		f := w.nodes[n].f
		if _, accounted := a.parties[f.Entity]; !w.nodes[n].felt && f.State != finding.Resolved && !accounted {
			if _, twice := found[f.Entity]; !twice {
				found[f.Entity] = n
			}
		}
	}
	// named weighs what was found of a thing; off says that it lies beyond a call.
	named := func(id string, path float64, off bool) {
		n, ok := found[id]
		if !ok {
			return
		}
		if off {
			path *= faintly
		}
		m := w.nodes[n].mech
		if off && m.Is == "saturation" {
			return // what is called would answer late
		}
		weight := path * x.can(m.Explains) * fits(w.nodes[n].f.FirstSeen, onset) * (.6 + .4*effect(w.nodes[n].f))
		if r := byEntity[id]; weight > 0 && (r == nil || weight >= r.weight) {
			byEntity[id] = &reason{entity: id, node: n, weight: weight}
			if r != nil { // its figures say the same
				byEntity[id].course, byEntity[id].more = r.course, r.more
			}
		}
	}
	walk := func(from string, all, between bool) {
		consider(from, 1, false, between)
		list, _ := w.g.reach(from, false, farthest)
		called := make([]bool, len(list))
		for k, r := range list {
			if k == 0 {
				continue
			}
			called[k] = called[r.via] || w.g.relations[r.edge].Kind == "calls"
			id, path := w.g.ids[r.at], r.strength
			off := called[k] && !all
			consider(id, path, off, between)
			named(id, path, off)
		}
	}
	// What goes wrong in a caller itself shows in all its calls, and is its own
	// claim; what lies on its way to others is not, and what makes it stand still
	// makes all whom it asks look late.
	way := func(from string) {
		considered(from, 1, false)
		list, _ := w.g.reach(from, false, farthest)
		called := make([]bool, len(list))
		for k, r := range list {
			called[k] = k > 0 && (called[r.via] || w.g.relations[r.edge].Kind == "calls")
			considered(w.g.ids[r.at], r.strength, called[k])
			if k > 0 && w.g.relations[r.edge].Kind == asks {
				named(w.g.ids[r.at], r.strength, false) // whom it asks for the way
			}
		}
	}
	if x.call != nil {
		consider(x.call.id, 1, false, true)
		way(x.call.caller.id)
		// Whom the one that is called calls shows in its own figures, where it has any.
		walk(x.call.callee.id, !x.call.callee.counted(), true)
	} else {
		walk(x.party.id, len(x.party.calls) == 0, !x.party.counted())
		if !x.party.counted() {
			// Only its callers saw it: what is wrong on their way to it shows so too.
			for _, c := range x.party.callers {
				if c.own.excess() > 0 {
					way(c.caller.id)
				}
			}
		}
	}
	list := make([]reason, 0, len(byEntity))
	for _, id := range slices.Sorted(maps.Keys(byEntity)) {
		list = append(list, *byEntity[id])
	}
	list = w.deeper(list)
	slices.SortStableFunc(list, func(a, b reason) int { return cmp.Compare(b.weight, a.weight) })
	list = list[:min(len(list), mostReasons)]
	mine := w.ownOf(x)
	for n := range list {
		list[n].owner = w.taker(&list[n], mine, onset)
	}
	return list
}

// can is how well trouble that explains shapes so well explains a claim.
func (x *claim) can(explains map[string]float64) float64 {
	return x.late*explains["latency"] + (1-x.late)*explains["errors"]
}

// strength is how well a course on its bad side explains a claim.
func (w *gathering) strength(x *claim, c *detect.Course, m *signalMechanism, onset time.Time) float64 {
	if c.Better == "lower" && c.Value < m.From {
		return 0
	}
	can := x.late*m.Explains["latency"]*m.enough(c.Value, x.waiting()) + (1-x.late)*m.Explains["errors"]
	return can * fits(c.Latest, onset) * (.5 + .5*min(1, math.Log2(1+math.Abs(c.Size)/4)/3))
}

// with adds a course to a reason, which may be none yet.
func (r *reason) with(entity string, c *detect.Course, weight float64) *reason {
	switch {
	case r == nil:
		return &reason{entity: entity, node: -1, course: c, weight: weight}
	case r.course == c:
		r.weight = max(r.weight, weight)
	case weight > r.weight:
		if r.course != nil {
			r.more = append(r.more, r.course)
		}
		r.course, r.weight = c, weight
	case !slices.Contains(r.more, c):
		r.more = append(r.more, c)
	}
	return r
}

// restates says that a reason tells no more than that its entity answers badly.
func (r *reason) restates() bool {
	again := func(c *detect.Course) bool { return known.signal(c).Restates }
	return r.node < 0 && r.course != nil && again(r.course) && !slices.ContainsFunc(r.more, func(c *detect.Course) bool { return !again(c) })
}

// handed is the share of a reason that goes to what it owes itself to.
const handed = .7

// deeper leaves trouble that an entity only sees to who has it: time to look a
// name up is the name server's, where that was slow too; waiting for a disk is
// the disk's; what a quota holds back is counted as waiting for a CPU.
func (w *gathering) deeper(list []reason) []reason {
	for n := range list {
		r := &list[n]
		if r.course == nil {
			continue
		}
		m := known.signal(r.course)
		for _, o := range list {
			if o.entity == r.entity {
				continue
			}
			if m.Of != "" && slices.Contains(strings.Fields(m.Of), kindOf(o.entity)) || w.owes(r, &o, m) {
				r.weight, r.owed = r.weight*(1-handed), true
				break
			}
		}
	}
	return list
}

// owes says that what is wrong with one thing is what another one below it is
// short of: the same want of a resource, or work that is held up by it.
func (w *gathering) owes(r, o *reason, m *signalMechanism) bool {
	if o.course == nil {
		return false
	}
	short := known.signal(o.course).Short
	switch {
	case short == "":
		return false
	case m.Held:
		return w.lies(o.entity, r.entity)
	case m.Short != short:
		return false
	case r.entity == o.course.Host && slices.Contains(resources, kindOf(o.entity)):
		return true
	case o.entity == r.course.Host && slices.Contains(resources, kindOf(r.entity)):
		return false // a machine waits for its disk, not the other way round
	}
	return w.lies(o.entity, r.entity)
}

// lies says that one thing needs another, which does not need it as much.
func (w *gathering) lies(under, over string) bool {
	need := func(from, to string) float64 {
		list, _ := w.g.reach(from, false, farthest)
		for _, r := range list {
			if w.g.ids[r.at] == to {
				return r.strength
			}
		}
		return 0
	}
	down := need(over, under)
	return down > 0 && down > need(under, over)
}

// ownOf are the things that a claim's owner runs as: what they take is its own.
func (w *gathering) ownOf(x *claim) map[string]bool {
	out := map[string]bool{}
	from := []string{x.entity}
	if x.call != nil {
		from = []string{x.call.caller.id, x.call.callee.id}
	}
	for _, id := range from {
		for _, own := range w.g.itself(id, false) {
			out[own] = true
		}
	}
	return out
}

// taker is who takes most more than before of what a reason says is short, on
// the same machine; nil where that is nobody, or several.
func (w *gathering) taker(r *reason, mine map[string]bool, onset time.Time) *shortage {
	if r.course == nil || r.course.Host == "" {
		return nil
	}
	short, ok := takings[known.signal(r.course).Short]
	if !ok {
		return nil
	}
	var best *detect.Course
	most, sum := 0.0, 0.0
	for _, c := range w.takers[r.course.Host] {
		more := c.Value - c.Usual
		if !slices.Contains(short.signals, c.Signal) || c.Entity == r.entity || mine[c.Entity] || more < short.least || fits(c.Latest, onset) < .5 {
			continue
		}
		if sum += more; more > most {
			most, best = more, c
		}
	}
	if best == nil || most < .5*sum {
		return nil
	}
	text := fmt.Sprintf("%s takes %s instead of %s", best.Name, figure.In(best.Value, best.Unit), figure.In(best.Usual, best.Unit))
	if best.Fresh {
		text = fmt.Sprintf("%s takes %s; it was not there before", best.Name, figure.In(best.Value, best.Unit))
	}
	return &shortage{best, text}
}

func (r *reason) text(w *gathering) string {
	if r.node >= 0 {
		return w.nodes[r.node].f.Title
	}
	return w.called(r.entity) + " " + told(r.course)
}
