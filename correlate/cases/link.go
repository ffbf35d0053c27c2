package cases

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

const (
	// linked is the strength from which on two findings belong together.
	linked = .2
	// explained is the strength from which on a cause explains a finding so
	// well that nobody need be told of it again.
	explained = .35
	// sameThing is the strength of a link between findings of one entity, and
	// between a finding and that of its culprit.
	sameThing = .8
	// together is how close in time symptoms must begin to share a resource of
	// which nothing is known to be wrong.
	together = 3 * time.Minute
	// sharedLeast is how much two must need what they share.
	sharedLeast = .6
	// mostCommons bounds the shared things that are looked at, most sharers
	// first.
	mostCommons = 200
)

// node is a finding in the making of cases, with what it needs.
type node struct {
	f     *finding.Finding
	mech  *mechanism
	felt  bool
	reach []reached
	cut   bool
	// at is where each entity stands in reach.
	at map[int]int
	// below are the links to what may explain it.
	below []link
}

// link says that the finding at place by may explain its owner.
type link struct {
	by              int
	strength        float64
	path, time, can float64
	culprit         bool // by names the owner's entity as its culprit, or the reverse
}

// fits is how well the onset of a cause fits that of what it is to explain.
// A cause comes first, or is noticed a little later; what has stood for long
// explains little of what began now.
func fits(cause, effect time.Time) float64 {
	lag := effect.Sub(cause)
	if lag < 0 {
		late := (-lag).Minutes()
		if late <= 2 {
			return 1 - .1*late
		}
		return .8 * math.Exp(-(late-2)/4)
	}
	early := lag.Minutes()
	if early <= 3 {
		return 1
	}
	// 10 minutes .82, an hour .5, six hours .28, a day .13.
	return 1 / (1 + math.Pow(early/60, .75)) * (1 - .5*min(1, early/(24*60)))
}

// blames tells whether a finding names an entity as its first culprit.
func blames(f *finding.Finding, entity string) bool {
	return len(f.Culprits) > 0 && f.Culprits[0].Entity == entity && entity != ""
}

// nodes prepares findings and links them.
func (g *graph) nodes(list []*finding.Finding) []node {
	out := make([]node, len(list))
	byEntity := map[string][]int{}
	for n, f := range list {
		out[n] = node{f: f, mech: known.of(f.Check), felt: felt(f)}
		byEntity[f.Entity] = append(byEntity[f.Entity], n)
	}
	// What lies where: findings by the places of their entities.
	here := map[int][]int{}
	for entity, list := range byEntity {
		if i, ok := g.index[entity]; ok {
			here[i] = list
		}
	}
	for n := range out {
		x := &out[n]
		x.reach, x.cut = g.reach(x.f.Entity, false, farthest)
		x.at = make(map[int]int, len(x.reach))
		seen := map[int]bool{n: true}
		for k, r := range x.reach {
			x.at[r.at] = k
			for _, by := range here[r.at] {
				if !seen[by] {
					seen[by] = true
					x.consider(by, &out[by], r.strength)
				}
			}
		}
		for _, by := range byEntity[x.f.Entity] {
			if !seen[by] { // an entity that no relation names
				seen[by] = true
				x.consider(by, &out[by], 1)
			}
		}
		for _, c := range x.f.Culprits[:min(1, len(x.f.Culprits))] {
			for _, by := range byEntity[c.Entity] {
				if !seen[by] && c.Entity != "" {
					seen[by] = true
					x.consider(by, &out[by], sameThing)
				}
			}
		}
	}
	return out
}

// consider adds a link where by may explain x at all.
func (x *node) consider(by int, y *node, path float64) {
	l := link{by: by, path: path, time: fits(y.f.FirstSeen, x.f.FirstSeen), can: known.explains(y.mech, x.mech)}
	l.culprit = blames(x.f, y.f.Entity) || blames(y.f, x.f.Entity)
	if x.f.Entity == y.f.Entity {
		// What else is wrong with the same thing is the same matter, whichever
		// came of which.
		l.can = max(l.can, sameThing)
	}
	if l.culprit {
		l.can = max(l.can, sameThing)
	}
	l.strength = l.path * l.time * l.can
	x.below = append(x.below, l)
}

// to is the link of x to the finding at place by.
func (x *node) to(by int) (link, bool) {
	for _, l := range x.below {
		if l.by == by {
			return l, true
		}
	}
	return link{}, false
}

// common is something that several symptoms need and that nothing is known to
// be wrong with.
type common struct {
	at       int   // place in the graph
	sufferer []int // nodes
	well     int   // of those who need it as much and are of the same kinds
}

// commons finds what symptoms that began together share. What more than half of
// those who need it do without trouble is no suspect.
func (g *graph) commons(nodes []node) []common {
	byPlace := map[int][]int{}
	var order []int
	for n := range nodes {
		x := &nodes[n]
		if !x.felt {
			continue
		}
		for _, r := range x.reach {
			if r.strength < sharedLeast {
				break
			}
			if byPlace[r.at] == nil {
				order = append(order, r.at)
			}
			byPlace[r.at] = append(byPlace[r.at], n)
		}
	}
	order = slices.DeleteFunc(order, func(at int) bool { return len(byPlace[at]) < 2 })
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(len(byPlace[b]), len(byPlace[a])), cmp.Compare(a, b))
	})
	var out []common
	for _, at := range order[:min(len(order), mostCommons)] {
		list := byPlace[at]
		kinds, entities := map[string]bool{}, map[string]bool{}
		var begun []time.Time
		for _, n := range list {
			kinds[kindOf(nodes[n].f.Entity)] = true
			entities[nodes[n].f.Entity] = true
			begun = append(begun, nodes[n].f.FirstSeen)
		}
		if len(entities) < 2 {
			continue
		}
		// Those that began within one short time of the most; nodes are in the
		// order in which they began.
		var best []int
		for from, to := 0, 0; from < len(list); from++ {
			for to < len(list) && begun[to].Sub(begun[from]) <= together {
				to++
			}
			if to-from > len(best) {
				best = list[from:to]
			}
		}
		if len(best) < 2 {
			continue
		}
		dependants, _ := g.reach(g.ids[at], true, sharedLeast)
		well := 0
		for _, d := range dependants {
			if id := g.ids[d.at]; d.at != at && kinds[kindOf(id)] && !entities[id] {
				well++
			}
		}
		suffer := map[string]bool{}
		for _, n := range best {
			suffer[nodes[n].f.Entity] = true
		}
		if len(suffer) < 2 || well > len(suffer) {
			continue
		}
		out = append(out, common{at: at, sufferer: best, well: well})
	}
	return out
}
