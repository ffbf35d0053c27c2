package kube

import (
	"maps"

	"github.com/evenkeel/evenkeel/estate"
)

// graph is what the cluster looks like now, put together from pictures of its
// parts, and what of it has not been told yet. A relation is in the picture of
// one part only.
type graph struct {
	entities  map[string]estate.Entity
	relations map[link]bool
	parts     map[string]picture // ids and links of each part

	// untold are the ids and links that are not as they were when they were
	// told last.
	untold      map[string]bool
	untoldLinks map[link]bool
}

func newGraph() *graph {
	return &graph{entities: map[string]estate.Entity{}, relations: map[link]bool{}, parts: map[string]picture{},
		untold: map[string]bool{}, untoldLinks: map[link]bool{}}
}

// set takes in what a part looks like now; an empty picture takes it out.
func (g *graph) set(part string, p picture) (d estate.Delta) {
	before := g.parts[part]
	now := make(map[string]bool, len(p.entities))
	for i, e := range p.entities {
		now[e.ID] = true
		old, known := g.entities[e.ID]
		if known && old.Name == e.Name && maps.Equal(old.Attributes, e.Attributes) {
			p.entities[i] = old // one copy of what did not change
			continue
		}
		if known {
			d.Vanish = append(d.Vanish, old)
		}
		d.Appear = append(d.Appear, e)
		g.entities[e.ID] = e
		g.untold[e.ID] = true
	}
	for _, e := range before.entities {
		if !now[e.ID] {
			d.Vanish = append(d.Vanish, e)
			delete(g.entities, e.ID)
			g.untold[e.ID] = true
		}
	}
	links := make(map[link]bool, len(p.relations))
	for _, l := range p.relations {
		links[l] = true
		if !g.relations[l] {
			g.relations[l] = true
			g.untoldLinks[l] = true
			d.Join = append(d.Join, l.relation())
		}
	}
	for _, l := range before.relations {
		if !links[l] && g.relations[l] {
			delete(g.relations, l)
			g.untoldLinks[l] = true
			d.Part = append(d.Part, l.relation())
		}
	}
	if len(p.entities) == 0 && len(p.relations) == 0 {
		delete(g.parts, part)
	} else {
		g.parts[part] = p
	}
	return d
}

func (l link) relation() estate.Relation {
	return estate.Relation{From: l.from, Kind: l.kind, To: l.to, Confidence: 1}
}

// whole is an observation of all there is.
func (g *graph) whole() (o estate.Observation) {
	for _, e := range g.entities {
		o.Entities = append(o.Entities, e)
	}
	for l := range g.relations {
		o.Relations = append(o.Relations, l.relation())
	}
	o.Complete = true
	return o
}

// news is an observation of what has not been told.
func (g *graph) news() (o estate.Observation) {
	for id := range g.untold {
		if e, ok := g.entities[id]; ok {
			o.Entities = append(o.Entities, e)
		} else {
			o.Gone = append(o.Gone, id)
		}
	}
	for l := range g.untoldLinks {
		if g.relations[l] {
			o.Relations = append(o.Relations, l.relation())
		} else {
			o.Ended = append(o.Ended, l.relation())
		}
	}
	return o
}
