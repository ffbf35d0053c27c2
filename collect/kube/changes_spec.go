package kube

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/estate"
)

// described is an object whose changes are told line by line.
type described interface {
	object
	lines() map[string]string
}

// specWords names, for each resource of such objects, the kind of entity that
// its changes are told of, and how people call it.
var specWords = map[string]struct {
	kind estate.Kind
	word string
}{
	limitRanges: {LimitRange, "limit range"}, verticals: {VerticalAutoscaler, "vertical autoscaler"}, definitions: {Definition, "custom resource definition"},
	nodePools: {NodePool, "node pool"}, virtualServices: {VirtualService, "virtual service"}, destinationRules: {DestinationRule, "destination rule"},
	serviceEntries: {Namespace, "service entry"}, meshGateways: {MeshGateway, "gateway"}, peerAuthentications: {PeerAuthentication, "peer authentication"},
	meshServers: {MeshServer, "server"}, authorizations: {MeshServer, "server authorization"}, serviceProfiles: {ServiceProfile, "service profile"},
}

// specChanges tells what is another in such an object, that it is new, or that
// it was deleted.
func specChanges(s *state, r *resource, old, now described, add adder) {
	is := now
	if is == nil {
		is = old
	}
	m, w := is.meta(), specWords[r.name]
	name := strings.TrimPrefix(m.key(), "/")
	id := s.id(w.kind, m.Name)
	switch o := is.(type) {
	case *serviceEntry: // no entity of its own
		id = s.id(Namespace, m.Namespace)
	case *authorization:
		id = s.id(Namespace, m.Namespace)
		if o.Spec.Server.Name != "" {
			id = s.id(w.kind, m.Namespace, o.Spec.Server.Name)
		}
	default:
		if m.Namespace != "" {
			id = s.id(w.kind, m.Namespace, m.Name)
		}
	}
	told := strings.ReplaceAll(w.word, " ", "-")
	switch {
	case old == nil:
		add(id, told+"-new", fmt.Sprintf("The %s %s is new", w.word, name), "", written(now.lines()))
		return
	case now == nil:
		add(id, told+"-gone", fmt.Sprintf("The %s %s was deleted", w.word, name), written(old.lines()), "")
		return
	}
	if before, after := linesDiff(old.lines(), now.lines()); len(before)+len(after) > 0 {
		add(id, told+"-change", fmt.Sprintf("The %s %s is another: %s", w.word, name, strings.Join(topics(after, before), ", ")),
			strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// written are lines as a text, sorted.
func written(lines map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(lines)) {
		out = append(out, shown(k, lines[k]))
	}
	return strings.Join(out, "\n")
}
