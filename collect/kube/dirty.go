package kube

import "time"

// changed notes what follows from an object that is another. It needs the lock.
func (w *Watcher) changed(r *resource, old, now object) {
	if !w.complete {
		return // everything is mapped when everything is there
	}
	is := now
	if is == nil {
		is = old
	}
	m, at := is.meta(), time.Now()
	switch r.name {
	case leases:
		return // looked at by the clock
	case nodes:
		w.dirty.nodes[m.Name] = true
		w.flipped(cast[*node](old), cast[*node](now), at)
	case pods:
		w.dirty.pods[m.key()] = true
		w.dirty.spaces[m.Namespace] = true
		if o, ok := is.(*pod); ok {
			w.ends(o, now == nil)
		}
	case namespaces:
		w.dirty.spaces[m.Name] = true
		if a, b := cast[*namespace](old), cast[*namespace](now); a == nil || b == nil || a.asksFor() != b.asksFor() {
			for name := range w.state.objects[pods][m.Name] {
				w.dirty.pods[m.Name+"/"+name] = true
			}
		}
	case replicaSets:
		w.dirty.spaces[m.Namespace] = true
		if old == nil {
			w.podsOf(m) // they may have come before their owner
		}
	case definitions:
		w.dirty.shared = true
		w.installed(cast[*definition](old), cast[*definition](now))
	case csiNodes, volumes:
		w.dirty.shared = true
		w.podsOn(m.Name, is)
	case claims, snapshots:
		w.dirty.spaces[m.Namespace], w.dirty.shared = true, true
	case virtualServices, destinationRules, serviceEntries, meshGateways, peerAuthentications:
		w.inMesh(m.Namespace)
	case services, deployments:
		w.dirty.spaces[m.Namespace] = true
		if r.name == services && (old == nil || now == nil) || r.name == deployments && (m.Namespace == istioSpace || m.Namespace == linkerdSpace) {
			w.inMesh(m.Namespace)
		}
	case storages, classes:
		w.dirty.shared = true
		for space := range w.state.spaces() {
			w.dirty.spaces[space] = true
		}
	case events:
		w.dirty.spaces[m.Namespace] = true
		if e := is.(*event); e.Involved.Kind == "Pod" {
			w.dirty.pods[e.Involved.Namespace+"/"+e.Involved.Name] = true
		}
	case endpointSlices:
		w.dirty.spaces[m.Namespace], w.dirty.shared = true, true
	case clusterRoles:
		w.dirty.shared = true
		for space := range w.state.objects[bindings] {
			w.dirty.spaces[space] = true
		}
	default:
		if m.Namespace == "" {
			w.dirty.shared = true
		} else {
			w.dirty.spaces[m.Namespace] = true
		}
	}
	for _, c := range w.state.changesOf(r, old, now, at) {
		w.note(c)
	}
}

// installed has what a definition brings asked for once it is in force. It
// needs the lock.
func (w *Watcher) installed(old, now *definition) {
	if now == nil || !now.established() || old != nil && old.established() {
		return
	}
	for _, r := range w.list {
		if r.definedBy(now) {
			select {
			case r.news <- struct{}{}:
			default: // it has been told already
			}
		}
	}
}

// podsOf marks the pods that an object controls. It needs the lock.
func (w *Watcher) podsOf(m *Meta) {
	for name, o := range w.state.objects[pods][m.Namespace] {
		if owner, ok := o.meta().controller(); ok && owner.Name == m.Name {
			w.dirty.pods[m.Namespace+"/"+name] = true
		}
	}
}

// podsOn marks the pods whose volumes have to do with a node's drivers or with
// a volume. It needs the lock.
func (w *Watcher) podsOn(name string, is object) {
	disk, ok := is.(*persistentVolume)
	for space, shelf := range w.state.objects[pods] {
		if ok && space != disk.Spec.Claim.Namespace {
			continue
		}
		for key, o := range shelf {
			o, is := o.(*pod)
			if is && len(o.Spec.Volumes) > 0 && (ok || o.Spec.Node == name) {
				w.dirty.pods[space+"/"+key] = true
			}
		}
	}
}

// inMesh marks what a rule of a mesh, or what it is about, may concern: its
// own namespace, and those whose rules may name it. It needs the lock.
func (w *Watcher) inMesh(space string) {
	w.dirty.spaces[space] = true
	for _, resource := range []string{virtualServices, destinationRules} {
		for other := range w.state.objects[resource] {
			w.dirty.spaces[other] = true
		}
	}
	if space == istioSpace || space == linkerdSpace {
		for other := range w.state.spaces() {
			w.dirty.spaces[other] = true
		}
	}
}
