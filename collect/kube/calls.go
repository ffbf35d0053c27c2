package kube

import (
	"net/netip"
	"slices"
	"strings"
)

// maxCalls bounds the calls that policies are held against.
const maxCalls = 5_000

// Call is that one thing asks another, by their ids in the graph or as figures
// name them: workload:CLUSTER:NAMESPACE:deployment/NAME,
// service:CLUSTER:NAMESPACE:NAME, or the same without the cluster.
type Call struct{ From, To string }

// Calls takes who calls whom, as far as it is known, for the policies to be
// held against. It replaces what was known before. Called again and again, it
// also has the policies follow what changed at the other end of a call.
func (w *Watcher) Calls(list []Call) {
	list = list[:min(len(list), maxCalls)]
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.complete {
		w.state.calls = slices.Clone(list)
		return
	}
	for _, c := range slices.Concat(list, w.state.calls) {
		for _, id := range []string{c.From, c.To} {
			if space := w.state.spaceOfID(id); w.state.count(policies, space) > 0 {
				w.dirty.spaces[space] = true
			}
		}
	}
	w.state.calls = slices.Clone(list)
}

// inCluster are the kind, namespace and name that an id says, where it may be
// of this cluster.
func (s *state) inCluster(id string) (kind, space, name string) {
	parts := strings.Split(id, ":")
	if len(parts) == 4 && parts[1] == s.cluster {
		parts = slices.Delete(parts, 1, 2)
	}
	if len(parts) != 3 {
		return "", "", ""
	}
	return parts[0], parts[1], parts[2]
}

func (s *state) spaceOfID(id string) string {
	_, space, _ := s.inCluster(id)
	return space
}

// party is one end of a call: a workload and the labels of its pods.
type party struct {
	id, space string
	labels    map[string]string
	template  *workload
}

// parties are the workloads that an id stands for.
func (s *state) parties(id string) (out []party) {
	kind, space, name := s.inCluster(id)
	match := func(w *workload) bool { return false }
	switch kind {
	case "workload":
		match = func(w *workload) bool { return name == w.Name || name == strings.ToLower(w.kind)+"/"+w.Name }
	case "service":
		if o, ok := one[*service](s, services, space, name); ok && len(o.Spec.Selector) > 0 {
			match = func(w *workload) bool { return within(o.Spec.Selector, s.templateOf(w).Labels) }
		} else if !ok { // a mesh calls a workload a service, too
			match = func(w *workload) bool { return name == w.Name }
		}
	default:
		return nil
	}
	for _, of := range []string{kindDeployment, kindStatefulSet, kindDaemonSet, kindRollout} {
		for _, w := range all[*workload](s, workloads[of], space) {
			if match(w) {
				out = append(out, party{s.workloadID(space, w.kind, w.Name), space, s.templateOf(w).Labels, w})
			}
		}
	}
	return out
}

// cut is, by policy of the namespace, the calls that it keeps from being
// answered. Where several together do, the newest is named: without it the call
// went through, or the others would have been found before.
func (v *space) cut() map[string][]string {
	out := map[string][]string{}
	mine := all[*policy](v.state, policies, v.name)
	if len(mine) == 0 || !v.readable[pods] || !v.readable[namespaces] {
		return out
	}
	for _, c := range v.calls {
		if v.spaceOfID(c.From) != v.name && v.spaceOfID(c.To) != v.name {
			continue
		}
		for _, from := range v.parties(c.From) {
			for _, to := range v.parties(c.To) {
				if from.id == to.id {
					continue
				}
				for _, way := range []struct {
					kind     string
					of, peer party
				}{{"Ingress", to, from}, {"Egress", from, to}} {
					if way.of.space != v.name {
						continue
					}
					if name := v.closed(mine, way.kind, way.of, way.peer); name != "" {
						if text := from.id + "->" + to.id; !slices.Contains(out[name], text) {
							out[name] = append(out[name], text)
						}
					}
				}
			}
		}
	}
	return out
}

// closed names the policy that closes a party to a peer in one direction; empty
// where none selects it, or one lets the peer through. Ports are left aside:
// who calls is not known to a port.
func (v *space) closed(list []*policy, kind string, of, peer party) string {
	var newest *policy
	for _, p := range list {
		if !slices.Contains(p.Spec.Types, kind) || !p.Spec.Pods.matches(of.labels) {
			continue
		}
		rules := p.Spec.In
		if kind == "Egress" {
			rules = p.Spec.Egress
		}
		for _, r := range rules {
			ends := r.From
			if kind == "Egress" {
				ends = r.To
			}
			if len(ends) == 0 || slices.ContainsFunc(ends, func(e policyPeer) bool { return v.fits(e, peer) }) {
				return ""
			}
		}
		if newest == nil || p.Created > newest.Created {
			newest = p
		}
	}
	if newest == nil {
		return ""
	}
	return newest.Name
}

// fits tells whether a rule's end stands for a party. What cannot be told fits:
// nothing is said to be cut that may be open.
func (v *space) fits(e policyPeer, peer party) bool {
	if e.Block != nil {
		return v.inBlock(e, peer)
	}
	if e.Spaces == nil && peer.space != v.name {
		return false
	}
	if e.Spaces != nil {
		labels := map[string]string{"kubernetes.io/metadata.name": peer.space}
		if o, ok := one[*namespace](v.state, namespaces, "", peer.space); ok {
			labels = o.Labels
		}
		if !e.Spaces.matches(labels) {
			return false
		}
	}
	return e.Pods == nil || e.Pods.matches(peer.labels)
}

// inBlock tells whether some pod of the party has an address of the block.
func (v *space) inBlock(e policyPeer, peer party) bool {
	block, err := netip.ParsePrefix(e.Block.CIDR)
	if err != nil {
		return true
	}
	known := false
	for _, o := range v.objects[pods][peer.space] {
		p, ok := o.(*pod)
		if !ok || !peer.template.Spec.Selector.matches(p.Labels) {
			continue
		}
		at, err := netip.ParseAddr(p.Status.PodIP)
		if err != nil {
			continue
		}
		known = true
		if block.Contains(at) && !slices.ContainsFunc(e.Block.Except, func(text string) bool {
			not, err := netip.ParsePrefix(text)
			return err == nil && not.Contains(at)
		}) {
			return true
		}
	}
	return !known
}
