package estate

import (
	"maps"
	"math"

	"github.com/evenkeel/evenkeel/internal/naming"
)

// view is what one source last saw, as it is stored.
type view struct {
	entities  map[string]*marked[Entity]
	relations map[joint]*marked[Relation]
	// reported holds the keys of changes that are stored already.
	reported map[string]bool
	// round marks what the observation at hand has shown.
	round int
}

type marked[T any] struct {
	value T
	round int
}

func newView(entities []Entity, relations []Relation) *view {
	v := &view{entities: make(map[string]*marked[Entity], len(entities)),
		relations: make(map[joint]*marked[Relation], len(relations)), reported: map[string]bool{}}
	v.merge(Delta{Appear: entities, Join: relations})
	return v
}

// beside returns what Diff compares an observation with: all for one that is
// complete, and else what it names, so that a small observation of a large
// estate is cheap.
func (v *view) beside(o Observation) (entities []Entity, relations []Relation) {
	if !o.Complete {
		seen := map[string]bool{}
		take := func(id string) {
			id = naming.Name(id)
			if e, ok := v.entities[id]; ok && !seen[id] {
				seen[id] = true
				entities = append(entities, e.value)
			}
		}
		for _, e := range o.Entities {
			take(e.ID)
		}
		for _, id := range o.Gone {
			take(id)
		}
		joined := map[joint]bool{}
		for _, list := range [][]Relation{o.Relations, o.Ended} {
			for _, r := range list {
				r.From, r.To = naming.Name(r.From), naming.Name(r.To)
				if was, ok := v.relations[r.joint()]; ok && !joined[r.joint()] {
					joined[r.joint()] = true
					relations = append(relations, was.value)
				}
			}
		}
		return entities, relations
	}
	for _, e := range v.entities {
		entities = append(entities, e.value)
	}
	for _, r := range v.relations {
		relations = append(relations, r.value)
	}
	return entities, relations
}

// shows tells whether an observation shows nothing but what is stored. It is
// the answer to nearly all observations, so it allocates nothing; where it says
// no, Diff finds out.
func (v *view) shows(o Observation) bool {
	v.round++
	entities, relations := 0, 0
	for _, e := range o.Entities {
		was, ok := v.entities[e.ID]
		if !ok || was.value.Name != e.Name || was.value.Kind != e.Kind || !maps.Equal(was.value.Attributes, e.Attributes) {
			return false
		}
		if was.round != v.round {
			was.round = v.round
			entities++
		}
	}
	for _, r := range o.Relations {
		was, ok := v.relations[r.joint()]
		if !ok || math.Abs(was.value.Confidence-r.Confidence) >= confidenceStep {
			return false
		}
		if was.round != v.round {
			was.round = v.round
			relations++
		}
	}
	for _, id := range o.Gone {
		if _, ok := v.entities[id]; ok {
			return false
		}
	}
	for _, r := range o.Ended {
		if _, ok := v.relations[r.joint()]; ok {
			return false
		}
	}
	for _, c := range o.Changes {
		if c.Key == "" || !v.reported[c.Key] {
			return false
		}
	}
	return !o.Complete || entities == len(v.entities) && relations == len(v.relations)
}

// merge applies a delta: what the source sees after it.
func (v *view) merge(d Delta) {
	for _, e := range d.Vanish {
		delete(v.entities, e.ID)
	}
	for _, e := range d.Appear {
		v.entities[e.ID] = &marked[Entity]{value: e}
	}
	for _, r := range d.Part {
		delete(v.relations, r.joint())
	}
	for _, r := range d.Join {
		v.relations[r.joint()] = &marked[Relation]{value: r}
	}
	if len(v.reported)+len(d.Changes) > maxReported {
		clear(v.reported)
	}
	for _, c := range d.Changes {
		v.reported[c.Key] = true
	}
}
