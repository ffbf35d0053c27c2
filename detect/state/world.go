package state

import (
	"slices"
	"strings"
	"sync"

	"github.com/evenkeel/evenkeel/estate"
)

// World is what exists now and how it hangs together. It is safe for
// concurrent use; what it returns is not written to by anybody.
type World interface {
	Entity(id string) (estate.Entity, bool)
	// Out returns the ids that id points at, sorted; In those that point at it.
	Out(id string, kind estate.RelationKind) []string
	In(id string, kind estate.RelationKind) []string
	// Changed returns the ids of what has appeared, vanished, or changed in
	// its attributes or at either end of a relation since the mark, and the
	// mark of now. All says that everything is to be looked at: the mark is
	// zero or too old.
	Changed(mark uint64) (ids []string, now uint64, all bool)
	// Each yields the entities of a kind in no order.
	Each(kind estate.Kind, yield func(estate.Entity) bool)
}

// maxRemembered bounds the changes that a Graph remembers; whoever comes later
// than that looks at everything.
const maxRemembered = 50_000

// Graph is a World that is told of changes. The zero Graph is not
// usable; NewGraph makes one.
type Graph struct {
	mu       sync.RWMutex
	entities map[string]estate.Entity
	kinds    map[estate.Kind]map[string]bool
	out, in  map[edge][]string
	changed  map[string]uint64 // id -> mark of its last change
	mark     uint64
	oldest   uint64 // marks before it are too old
}

// edge is one end of relations of one kind.
type edge struct {
	id   string
	kind estate.RelationKind
}

// NewGraph returns a graph of nothing.
func NewGraph() *Graph {
	return &Graph{entities: map[string]estate.Entity{}, kinds: map[estate.Kind]map[string]bool{},
		out: map[edge][]string{}, in: map[edge][]string{}, changed: map[string]uint64{}}
}

// Apply takes in what is different, at once: nobody sees a part of it.
// Attributes must not be written to afterwards.
func (g *Graph) Apply(d estate.Delta) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range d.Part {
		if take(g.out, edge{r.From, r.Kind}, r.To) {
			take(g.in, edge{r.To, r.Kind}, r.From)
			g.touch(r.From)
			g.touch(r.To)
		}
	}
	for _, e := range d.Vanish { // of what appears anew as well
		if was, ok := g.entities[e.ID]; ok {
			delete(g.entities, e.ID)
			delete(g.kinds[was.Kind], e.ID)
			g.touch(e.ID)
		}
	}
	for _, e := range d.Appear {
		g.entities[e.ID] = e
		if g.kinds[e.Kind] == nil {
			g.kinds[e.Kind] = map[string]bool{}
		}
		g.kinds[e.Kind][e.ID] = true
		g.touch(e.ID)
	}
	for _, r := range d.Join {
		if add(g.out, edge{r.From, r.Kind}, r.To) {
			add(g.in, edge{r.To, r.Kind}, r.From)
			g.touch(r.From)
			g.touch(r.To)
		}
	}
}

// touch notes that something about an id has changed. It needs the lock.
func (g *Graph) touch(id string) {
	g.mark++
	g.changed[id] = g.mark
	if len(g.changed) > maxRemembered {
		clear(g.changed)
		g.oldest = g.mark
	}
}

func add(m map[edge][]string, at edge, id string) bool {
	i, found := slices.BinarySearch(m[at], id)
	if found {
		return false
	}
	// A list that was handed out is never written to.
	m[at] = slices.Insert(slices.Clone(m[at]), i, id)
	return true
}

func take(m map[edge][]string, at edge, id string) bool {
	i, found := slices.BinarySearch(m[at], id)
	if !found {
		return false
	}
	if m[at] = slices.Delete(slices.Clone(m[at]), i, i+1); len(m[at]) == 0 {
		delete(m, at)
	}
	return true
}

// Entity returns one as it is now.
func (g *Graph) Entity(id string) (estate.Entity, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	e, ok := g.entities[id]
	return e, ok
}

// Out returns the ids that id points at.
func (g *Graph) Out(id string, kind estate.RelationKind) []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.out[edge{id, kind}]
}

// In returns the ids that point at id.
func (g *Graph) In(id string, kind estate.RelationKind) []string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.in[edge{id, kind}]
}

// Changed returns what has changed since the mark.
func (g *Graph) Changed(mark uint64) (ids []string, now uint64, all bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if mark == g.mark {
		return nil, mark, mark == 0
	}
	if mark == 0 || mark < g.oldest {
		return nil, g.mark, true
	}
	for id, at := range g.changed {
		if at > mark {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, g.mark, false
}

// Each yields the entities of a kind. The graph is not locked meanwhile.
func (g *Graph) Each(kind estate.Kind, yield func(estate.Entity) bool) {
	g.mu.RLock()
	list := make([]estate.Entity, 0, len(g.kinds[kind]))
	for id := range g.kinds[kind] {
		list = append(list, g.entities[id])
	}
	g.mu.RUnlock()
	for _, e := range list {
		if !yield(e) {
			return
		}
	}
}

// step is one step of a way from an entity to others.
type step struct {
	kind estate.RelationKind
	in   bool // against the relation's direction
	deep bool // on and on, until there is no further
}

// parseSteps reads a way: relation kinds, "<owns" against the direction,
// "owns*" as far as it goes.
func parseSteps(texts []string) []step {
	out := make([]step, len(texts))
	for i, text := range texts {
		kind, deep := strings.CutSuffix(text, "*")
		kind, in := strings.CutPrefix(kind, "<")
		out[i] = step{estate.RelationKind(kind), in, deep}
	}
	return out
}

// back is the way in the other direction.
func back(way []step) []step {
	out := slices.Clone(way)
	slices.Reverse(out)
	for i := range out {
		out[i].in = !out[i].in
	}
	return out
}

// maxDepth bounds a deep step: no chain of owners is longer.
const maxDepth = 8

// walk returns the ids at the end of a way, each once.
func walk(w World, from []string, way []step) []string {
	for _, s := range way {
		var next []string
		seen := map[string]bool{}
		for layer, depth := from, 0; len(layer) > 0; depth++ {
			var further []string
			for _, id := range layer {
				ids := w.Out
				if s.in {
					ids = w.In
				}
				for _, to := range ids(id, s.kind) {
					if !seen[to] {
						seen[to] = true
						further = append(further, to)
					}
				}
			}
			next = append(next, further...)
			layer = further
			if !s.deep || depth == maxDepth {
				break
			}
		}
		from = next
	}
	return from
}

// kindOf is the kind in an entity's id, and cluster its second part.
func kindOf(id string) (kind estate.Kind, cluster string) {
	k, rest, _ := strings.Cut(id, ":")
	cluster, _, _ = strings.Cut(rest, ":")
	return estate.Kind(k), cluster
}

// owner is the topmost workload of a pod or workload; itself where it has none.
func owner(w World, id string) string {
	for range maxDepth {
		up := w.In(id, estate.Owns)
		if len(up) == 0 {
			return id
		}
		id = up[0]
	}
	return id
}
