package detect

import (
	"github.com/evenkeel/evenkeel/estate"
)

// edgeConfidence is how sure an edge is that the figures of a mesh, a tracer or
// an agent show: they saw the calls themselves.
const edgeConfidence = 0.95

// calls tells the estate of an edge: both ends, and who calls whom.
func (p *picture) calls(e *Entity, out *estate.Observation) {
	caller, callee := p.endsOf(e)
	out.Entities = append(out.Entities, estate.Entity{ID: caller, Kind: estate.Kind(e.Kind.Between[0]), Name: e.Labels["caller"]},
		estate.Entity{ID: callee, Kind: estate.Kind(e.Kind.Between[1]), Name: e.Labels["callee"]})
	if caller != callee {
		out.Relations = append(out.Relations, estate.Relation{From: caller, Kind: estate.Calls, To: callee, Confidence: edgeConfidence})
	}
}

// endsOf are the ids of the two ends of an edge: those under which figures of
// their own are kept, where there are any.
func (p *picture) endsOf(e *Entity) (caller, callee string) {
	ids := [2]string{}
	for i, label := range []string{"caller", "callee"} {
		kind, at := estate.Kind(e.Kind.Between[i]), e.Labels[label]
		ids[i] = estate.ID(kind, at)
		if namespace := e.Labels[label+"_namespace"]; namespace != "" {
			ids[i] = estate.ID(kind, namespace, at)
		} else if fuller := p.fuller[name{e.Kind.ends[i], ids[i]}]; len(fuller) == 1 {
			for only := range fuller {
				ids[i] = only
			}
		}
	}
	return ids[0], ids[1]
}
