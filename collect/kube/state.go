package kube

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// state is all that is known of a cluster's objects: by resource, namespace
// and name.
type state struct {
	cluster string
	objects map[string]map[string]map[string]object
	// readable names the resources that have been listed and can be read.
	readable map[string]bool
	since    map[string]time.Time
	calls    []Call // who calls whom, as others know
}

func newState(cluster string) *state {
	return &state{cluster: cluster, objects: map[string]map[string]map[string]object{}, readable: map[string]bool{}, since: map[string]time.Time{}}
}

func (s *state) put(resource string, o object) (old object) {
	m := o.meta()
	shelf := s.objects[resource]
	if shelf == nil {
		shelf = map[string]map[string]object{}
		s.objects[resource] = shelf
	}
	if shelf[m.Namespace] == nil {
		shelf[m.Namespace] = map[string]object{}
	}
	old = shelf[m.Namespace][m.Name]
	shelf[m.Namespace][m.Name] = o
	return old
}

func (s *state) take(resource, key string) (old object) {
	space, name := cutKey(key)
	old = s.objects[resource][space][name]
	delete(s.objects[resource][space], name)
	if len(s.objects[resource][space]) == 0 {
		delete(s.objects[resource], space)
	}
	return old
}

// one returns an object of a type.
func one[P object](s *state, resource, space, name string) (P, bool) {
	o, ok := s.objects[resource][space][name].(P)
	return o, ok
}

// all returns the objects of a resource in a namespace, by name; those of the
// cluster where space is empty.
func all[P object](s *state, resource, space string) []P {
	shelf := s.objects[resource][space]
	out := make([]P, 0, len(shelf))
	for _, name := range slices.Sorted(maps.Keys(shelf)) {
		if o, ok := shelf[name].(P); ok {
			out = append(out, o)
		}
	}
	return out
}

// count is how many objects of a resource there are in a namespace.
func (s *state) count(resource, space string) int { return len(s.objects[resource][space]) }

// spaces are the namespaces that hold anything, or are there themselves.
func (s *state) spaces() map[string]bool {
	out := map[string]bool{}
	for resource, shelf := range s.objects {
		for space := range shelf {
			if space != "" {
				out[space] = true
			}
		}
		if resource == namespaces {
			for name := range shelf[""] {
				out[name] = true
			}
		}
	}
	return out
}

// lasts returns since when a condition holds; empty where it does not. What
// the API has no time for is timed from when it was seen first.
func (s *state) lasts(id, what string, holds bool, now time.Time) string {
	key := what + " " + id
	if !holds {
		delete(s.since, key)
		return ""
	}
	at, ok := s.since[key]
	if !ok {
		at = now
		s.since[key] = now
	}
	return at.UTC().Format(time.RFC3339)
}

// id names what is in the cluster.
func (s *state) id(kind estate.Kind, parts ...string) string {
	return estate.ID(kind, append([]string{s.cluster}, parts...)...)
}

func (s *state) workloadID(space, kind, name string) string {
	return s.id(Workload, space, strings.ToLower(kind)+"/"+name)
}

// workloadOf is who manages a pod: the topmost that people named.
func (s *state) workloadOf(m *Meta) (kind, name string, ok bool) {
	o, ok := m.controller()
	if !ok {
		return "", "", false
	}
	if o.Kind == kindReplicaSet {
		if set, known := one[*workload](s, replicaSets, m.Namespace, o.Name); known {
			if above, owned := set.controller(); owned {
				o = above
			}
		}
	}
	switch o.Kind {
	case kindDeployment, kindStatefulSet, kindDaemonSet, kindReplicaSet, kindJob, kindRollout:
		return o.Kind, o.Name, true
	}
	return "", "", false
}

// cutKey takes a key apart into namespace and name.
func cutKey(key string) (space, name string) {
	space, name, _ = strings.Cut(key, "/")
	return space, name
}
