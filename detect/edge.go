package detect

import (
	"github.com/evenkeel/evenkeel/estate"
)

// edgeConfidence is how sure an edge is that the figures of a mesh, a tracer or
// an agent show: they saw the calls themselves.
const edgeConfidence = 0.95

// calls tells the estate of an edge: both ends, and who calls whom. An end has
// the id under which figures of its own are kept, where there are any.
func (p *picture) calls(e *Entity, out *estate.Observation) {
	ids := make([]string, 2)
	for i, label := range []string{"caller", "callee"} {
		kind, at := estate.Kind(e.Kind.Between[i]), e.Labels[label]
		bare := estate.ID(kind, at)
		ids[i] = bare
		if namespace := e.Labels[label+"_namespace"]; namespace != "" {
			ids[i] = estate.ID(kind, namespace, at)
		} else if fuller := p.fuller[name{e.Kind.ends[i], bare}]; len(fuller) == 1 {
			for only := range fuller {
				ids[i] = only
			}
		}
		out.Entities = append(out.Entities, estate.Entity{ID: ids[i], Kind: kind, Name: at})
	}
	if ids[0] != ids[1] {
		out.Relations = append(out.Relations, estate.Relation{From: ids[0], Kind: estate.Calls, To: ids[1], Confidence: edgeConfidence})
	}
}
