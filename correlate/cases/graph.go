package cases

import (
	"cmp"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/estate"
)

// Bounds of a walk.
const (
	// farthest is the strength below which a path counts for nothing.
	farthest = .15
	// mostReached bounds what is reached from one entity.
	mostReached = 4000
)

// need is one direction in which trouble goes along a relation: how strongly
// what happens to one end is felt at the other.
type need struct{ from, to float64 }

// needs are, by kind of relation, how strongly From needs To, and To needs
// From. A host suffers when a disk that is part of it does, and a disk is gone
// when its host is.
var needs = map[estate.RelationKind]need{
	estate.RunsOn:      {from: .9},
	estate.StoredOn:    {from: .95},
	estate.PartOf:      {from: .9, to: .8},
	estate.Serves:      {to: .95},
	estate.Answers:     {to: .95},
	estate.Secures:     {to: .95},
	estate.Calls:       {from: .9},
	estate.Owns:        {from: .8},
	"mounts":           {from: .95},
	"routes-to":        {from: .9},
	estate.ServedBy:    {from: .95},
	"binds":            {from: .95},
	asks:               {from: .95},
	estate.ReachedOver: {from: .9},
	estate.Shows:       {from: .9},
	"scaled-by":        {from: .4},
	"limited-by":       {from: .4},
	"allowed-by":       {from: .4},
	"runs-as":          {from: .4},
	"copy-of":          {from: .2},
	// What lies in one namespace or cluster has hardly more in common than that.
	"in": {from: .2},
}

// otherNeed is for kinds of relation that are not known here.
var otherNeed = need{from: .5}

// Resources of a host are needed by it; what else runs there can only crowd it.
const (
	ofResource  = .7
	ofNeighbour = .3
)

// resources are the kinds of entities on a host that all on it share.
var resources = []string{string(estate.Disk), string(estate.Filesystem), string(estate.Interface), "volume", "conntrack"}

// bystanders are kinds of parts that nothing else on a machine needs or can be
// crowded by.
var bystanders = []string{string(estate.Listener), string(estate.Collector)}

func kindOf(id string) string {
	kind, _, _ := strings.Cut(id, ":")
	return kind
}

// arrow says that its owner needs the entity at place to.
type arrow struct {
	to     int
	weight float64
	edge   int // place in graph.relations
}

// graph is who needs whom.
type graph struct {
	index     map[string]int
	ids       []string
	needs     [][]arrow // by the one who needs
	needed    [][]arrow // by the one who is needed
	relations []estate.Relation
	// Scratch of walks: the strongest path to each place, marked by the walk that
	// wrote it, and by the walk that is done with it.
	best       []reached
	mark, done []int
	walk       int
	queue      queue
	list       []reached
}

// newGraph joins relations; of one that several sources tell, the surest has
// the say.
func newGraph(relations []estate.Relation) *graph {
	list := slices.Clone(relations)
	slices.SortFunc(list, func(a, b estate.Relation) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Source, b.Source))
	})
	list = slices.CompactFunc(list, func(a, b estate.Relation) bool { return a.From == b.From && a.To == b.To && a.Kind == b.Kind })
	g := &graph{index: make(map[string]int, len(list)), relations: list}
	for n, r := range list {
		if r.From == r.To || r.Confidence <= 0 {
			continue
		}
		w, ok := needs[r.Kind]
		if !ok {
			w = otherNeed
		}
		switch resource := slices.Contains(resources, kindOf(r.From)); {
		case r.Kind == estate.RunsOn && resource:
			w.to = ofResource
		case r.Kind == estate.RunsOn || r.Kind == estate.PartOf && !resource:
			w.to = ofNeighbour
		}
		if r.Kind == estate.PartOf && slices.Contains(bystanders, kindOf(r.From)) {
			w.to = 0
		}
		// Who says so at half confidence is believed by three quarters.
		trust := .5 + .5*min(1, r.Confidence)
		a, b := g.place(r.From), g.place(r.To)
		if w.from > 0 {
			g.needs[a] = append(g.needs[a], arrow{b, w.from * trust, n})
			g.needed[b] = append(g.needed[b], arrow{a, w.from * trust, n})
		}
		if w.to > 0 {
			g.needs[b] = append(g.needs[b], arrow{a, w.to * trust, n})
			g.needed[a] = append(g.needed[a], arrow{b, w.to * trust, n})
		}
	}
	g.best, g.mark, g.done = make([]reached, len(g.ids)), make([]int, len(g.ids)), make([]int, len(g.ids))
	return g
}

func (g *graph) place(id string) int {
	i, ok := g.index[id]
	if !ok {
		i = len(g.ids)
		g.index[id] = i
		g.ids, g.needs, g.needed = append(g.ids, id), append(g.needs, nil), append(g.needed, nil)
	}
	return i
}

// reached is an entity with how strongly the start of a walk needs it, and how
// it was come to.
type reached struct {
	at       int
	strength float64
	hops     int
	via      int // place in the walk's list of where it was come from; -1 for the start
	edge     int // place in graph.relations; -1 for the start
}

// reach is what an entity needs (or, against the arrows, what needs it), in
// falling strength: the strongest path to each, down to the strength least.
// Cut tells that there was more than may be looked at.
func (g *graph) reach(id string, against bool, least float64) (found []reached, cut bool) {
	start, ok := g.index[id]
	if !ok {
		return nil, false
	}
	arrows := g.needs
	if against {
		arrows = g.needed
	}
	g.walk++
	q, list := g.queue[:0], g.list[:0]
	defer func() { g.queue, g.list = q, list }()
	push := func(to int, x reached) {
		g.mark[to], g.best[to] = g.walk, x
		q.push(step{x.strength, int32(x.hops), int32(to)})
	}
	push(start, reached{at: start, strength: 1, via: -1, edge: -1})
	for len(q) > 0 {
		at := q.pop().at
		x := g.best[at] // what was pushed last is the strongest, and comes first
		if g.done[at] == g.walk {
			continue
		}
		if len(list) == mostReached {
			return slices.Clone(list), true
		}
		g.done[at] = g.walk
		here := len(list)
		list = append(list, x)
		for _, a := range arrows[at] {
			s := x.strength * a.weight
			if s < least || g.mark[a.to] == g.walk && g.best[a.to].strength >= s {
				continue
			}
			push(a.to, reached{at: a.to, strength: s, hops: x.hops + 1, via: here, edge: a.edge})
		}
	}
	return slices.Clone(list), false
}

// queue is a heap, strongest first; of equals the nearer, then the one that
// stands first in the order of the relations. It is not container/heap's, which
// would put each of a storm's millions of steps into an interface.
type queue []step

type step struct {
	strength float64
	hops, at int32
}

func (q queue) before(i, j int) bool {
	if q[i].strength != q[j].strength {
		return q[i].strength > q[j].strength
	}
	if q[i].hops != q[j].hops {
		return q[i].hops < q[j].hops
	}
	return q[i].at < q[j].at
}

func (q *queue) push(x step) {
	*q = append(*q, x)
	list := *q
	for i := len(list) - 1; i > 0; {
		up := (i - 1) / 2
		if !list.before(i, up) {
			break
		}
		list[i], list[up] = list[up], list[i]
		i = up
	}
}

func (q *queue) pop() step {
	list := *q
	top, last := list[0], len(list)-1
	list[0], list = list[last], list[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && list.before(down+1, down) {
			down++
		}
		if !list.before(down, i) {
			break
		}
		list[i], list[down] = list[down], list[i]
		i = down
	}
	*q = list
	return top
}

// ofNoHost are kinds whose ids name no machine: colons are a part of the name.
var ofNoHost = []string{string(estate.Endpoint), string(estate.KindService), string(estate.Certificate), "database", "cache", "process", "broker", "queue", "resolver", "edge", "query", "route"}

// nameOf makes an id readable: "disk:node-7:sdb" is "disk sdb of node-7".
func nameOf(id string) string {
	kind, rest, ok := strings.Cut(id, ":")
	if !ok {
		return id
	}
	host, name, inner := strings.Cut(rest, ":")
	if !inner || slices.Contains(ofNoHost, kind) {
		return kind + " " + rest
	}
	return kind + " " + name + " of " + host
}

// called is an entity as people know it: by the name that whoever tells of it
// gives, where its id holds another.
func (w *gathering) called(id string) string {
	if name := w.names[id]; name != "" {
		return kindOf(id) + " " + name
	}
	return nameOf(id)
}

// itself are the things that one is, runs on or runs as, it first: all that is
// reached, or with back all from which it is reached, without going along a call.
// There are none where the graph does not have it.
func (g *graph) itself(id string, back bool) (ids []string) {
	list, _ := g.reach(id, back, sharedLeast)
	called := make([]bool, len(list))
	for k, r := range list {
		called[k] = k > 0 && (called[r.via] || g.relations[r.edge].Kind == estate.Calls)
		if !called[k] {
			ids = append(ids, g.ids[r.at])
		}
	}
	return ids
}
