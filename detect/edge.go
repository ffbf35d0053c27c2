package detect

import (
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/estate"
)

// edgeConfidence is how sure an edge is that the figures of a mesh, a tracer or
// an agent show: they saw the calls themselves.
const edgeConfidence = 0.95

const serviceKind = "service"

// cacheSystems are the values of OpenTelemetry's db.system.name that are caches.
var cacheSystems = []string{"redis", "valkey", "memcached", "keydb", "dragonfly", "aws.elasticache"}

// kindOf is the kind that an id tells.
func kindOf(id string) estate.Kind {
	kind, _, _ := strings.Cut(id, ":")
	return estate.Kind(kind)
}

// calls tells the estate of an edge: both ends, and who calls whom.
func (p *picture) calls(e *Entity, out *estate.Observation) {
	caller, callee := p.endsOf(e)
	out.Entities = append(out.Entities, estate.Entity{ID: caller, Kind: kindOf(caller), Name: e.Labels["caller"]})
	if _, met := p.addresses[e.Labels["callee"]]; !met { // who is met tells of itself
		one := estate.Entity{ID: callee, Kind: kindOf(callee), Name: e.Labels["callee"]}
		if one.Kind != serviceKind {
			one.Attributes = map[string]string{AddressFact: one.Name}
		}
		out.Entities = append(out.Entities, one)
	}
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
		if slices.Contains(cacheSystems, e.Labels["system"]) && i == 1 {
			kind = "cache"
		}
		ids[i] = estate.ID(kind, at)
		if met := p.addresses[at]; met != "" {
			ids[i] = met
		} else if namespace := e.Labels[label+"_namespace"]; namespace != "" {
			ids[i] = estate.ID(kind, namespace, at)
		} else {
			ids[i] = p.meet(e.Kind.ends[i], ids[i])
		}
	}
	return ids[0], ids[1]
}
