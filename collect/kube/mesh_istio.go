package kube

import (
	"slices"
	"strings"
)

// hosted is the service of the cluster that a host of Istio names; ok is false
// where it names something else, such as a host outside.
func hosted(host, space string) (in, name string, ok bool) {
	if host == "" || strings.Contains(host, "*") {
		return "", "", false
	}
	if !strings.Contains(host, ".") {
		return space, host, true
	}
	name, rest, _ := strings.Cut(strings.TrimSuffix(host, "."), ".")
	in, domain, _ := strings.Cut(rest, ".")
	return in, name, domain == "svc.cluster.local"
}

// absent tells that a host names a service of the cluster that is not there,
// and that no service entry makes up for.
func (v *space) absent(host string) bool {
	in, name, ok := hosted(host, v.name)
	if !ok || !v.readable[services] {
		return false
	}
	if _, there := one[*service](v.state, services, in, name); there {
		return false
	}
	full := name + "." + in + ".svc.cluster.local"
	for _, shelf := range v.objects[serviceEntries] {
		for _, o := range shelf {
			if o, ok := o.(*serviceEntry); ok && (slices.Contains(o.Spec.Hosts, host) || slices.Contains(o.Spec.Hosts, full)) {
				return false
			}
		}
	}
	return true
}

// subset finds what a destination rule says of a subset of a host.
func (v *space) subset(host, name string) (labels map[string]string, ok bool) {
	in, service, inside := hosted(host, v.name)
	for _, space := range []string{v.name, in, istioSpace} {
		for _, o := range all[*destinationRule](v.state, destinationRules, space) {
			itsIn, itsName, _ := hosted(o.Spec.Host, space)
			if o.Spec.Host == host || inside && itsIn == in && itsName == service {
				if labels, ok := o.subset(name); ok {
					return labels, true
				}
			}
		}
	}
	return nil, false
}

// empty tells that no pod of a host is in a subset. Of another namespace it is
// not judged: nobody would notice when its pods come.
func (v *space) empty(host string, labels map[string]string) bool {
	in, name, inside := hosted(host, v.name)
	o, there := one[*service](v.state, services, in, name)
	return inside && there && in == v.name && v.readable[pods] && len(o.Spec.Selector) > 0 && !slices.ContainsFunc(v.pods, func(p *pod) bool {
		return within(o.Spec.Selector, p.Labels) && within(labels, p.Labels)
	})
}

func (v *space) mapMesh() {
	for _, o := range all[*virtualService](v.state, virtualServices, v.name) {
		v.mapVirtualService(o)
	}
	for _, o := range all[*destinationRule](v.state, destinationRules, v.name) {
		v.mapDestinationRule(o)
	}
	for _, o := range all[*meshGateway](v.state, meshGateways, v.name) {
		f := facts{}
		var hosts, tls []string
		for _, s := range o.Spec.Servers {
			hosts = append(hosts, s.Hosts...)
			if s.TLS.Mode != "" {
				tls = append(tls, s.TLS.Mode)
			}
		}
		f.list("selector", pairs(o.Spec.Selector))
		f.list("hosts", hosts)
		f.list("tls", tls)
		v.add(MeshGateway, o.Name, f)
	}
	for _, o := range all[*peerAuthentication](v.state, peerAuthentications, v.name) {
		f := facts{"scope": "workload"}
		f.text("mode", o.mode())
		switch {
		case !o.whole():
			f.text("selector", o.Spec.Selector.String())
		case v.name == istioSpace:
			f["scope"] = "mesh"
		default:
			f["scope"] = "namespace"
		}
		var ports []string
		for port, p := range o.Spec.Ports {
			ports = append(ports, port+"="+strings.ToLower(p.Mode))
		}
		slices.Sort(ports)
		f.list("ports", ports)
		id := v.add(PeerAuthentication, o.Name, f)
		if o.whole() {
			v.p.join(v.id(Namespace, v.name), AllowedBy, id)
			continue
		}
		ids, _ := v.selected(o.Spec.Selector.matches)
		for _, w := range ids {
			v.p.join(w, AllowedBy, id)
		}
	}
	v.mapLinkerd()
}

func (v *space) mapVirtualService(o *virtualService) {
	f := facts{}
	f.list("hosts", o.Spec.Hosts)
	f.list("gateways", o.Spec.Gateways)
	f.number("attempts", o.attempts())
	f.list("retries_cut", o.cut())
	id := v.id(VirtualService, v.name, o.Name)
	var backends, missing, subsets, empty, gates []string
	for _, d := range o.destinations() {
		text := d.String()
		if slices.Contains(backends, text) {
			continue
		}
		backends = append(backends, text)
		host, subset := d.Destination.Host, d.Destination.Subset
		if v.absent(host) {
			missing = append(missing, text)
		} else if subset != "" && v.readable[destinationRules] {
			if labels, known := v.subset(host, subset); !known {
				subsets = append(subsets, text)
			} else if v.empty(host, labels) {
				empty = append(empty, text)
			}
		}
		if in, name, ok := hosted(host, v.name); ok {
			if l := (link{id, RoutesTo, v.id(Service, in, name)}); !slices.Contains(v.p.relations, l) {
				v.p.relations = append(v.p.relations, l)
			}
		}
	}
	for _, g := range o.Spec.Gateways {
		space, name, cut := strings.Cut(g, "/")
		if !cut { // an older form names it as if it were a service
			var named bool
			if space, name, named = hosted(g, v.name); !named {
				continue
			}
		}
		if _, ok := one[*meshGateway](v.state, meshGateways, space, name); !ok && g != "mesh" && v.readable[meshGateways] {
			gates = append(gates, g)
		}
	}
	f.list("backends", backends)
	f.list("backends_missing", missing)
	f.list("subsets_missing", subsets)
	f.list("subsets_empty", empty)
	f.list("gateways_missing", gates)
	v.add(VirtualService, o.Name, f)
}

func (v *space) mapDestinationRule(o *destinationRule) {
	f := facts{"host": o.Spec.Host}
	f.truth("host_missing", v.absent(o.Spec.Host))
	f.text("tls", strings.ToLower(o.Spec.Traffic.TLS.Mode))
	f.truth("outlier_detection", bool(o.Spec.Traffic.Outlier))
	in, name, inside := hosted(o.Spec.Host, v.name)
	var subsets, empty []string
	for _, s := range o.Spec.Subsets {
		subsets = append(subsets, s.Name)
		if v.empty(o.Spec.Host, s.Labels) {
			empty = append(empty, s.Name)
		}
	}
	f.list("subsets", subsets)
	f.list("subsets_empty", empty)
	id := v.add(DestinationRule, o.Name, f)
	if inside {
		v.p.join(v.id(Service, in, name), LimitedBy, id)
	}
}

// mtlsOf is what Istio demands of calls to a workload of the namespace: what
// is said of it, of its namespace or of the mesh, in this order. Without
// labels it is the namespace's own.
func (v *space) mtlsOf(labels map[string]string) string {
	pick := func(space string, of map[string]string) (mode string) {
		oldest := ""
		for _, o := range all[*peerAuthentication](v.state, peerAuthentications, space) {
			fits := o.whole()
			if of != nil {
				fits = !o.whole() && o.Spec.Selector.matches(of)
			}
			if fits && o.mode() != "" && (mode == "" || o.Created < oldest) {
				mode, oldest = o.mode(), o.Created
			}
		}
		return mode
	}
	own := ""
	if labels != nil {
		own = pick(v.name, labels)
	}
	return firstOf(own, pick(v.name, nil), pick(istioSpace, nil), "permissive")
}

func (v *space) mapLinkerd() {
	for _, o := range all[*meshServer](v.state, meshServers, v.name) {
		f := facts{"selector": o.Spec.Pods.String(), "port": string(o.Spec.Port)}
		f.text("access", o.Spec.Access)
		if v.readable[authorizations] {
			open := o.Spec.Access == "all-unauthenticated" || o.Spec.Access == "cluster-unauthenticated"
			n := 0
			for _, a := range all[*authorization](v.state, authorizations, v.name) {
				if a.Spec.Server.Name == o.Name || a.Spec.Server.Selector != nil && a.Spec.Server.Selector.matches(o.Labels) {
					n++
					open = open || a.Spec.Client.Unauthenticated
				}
			}
			f.number("authorizations", n)
			f.truth("unauthenticated", open)
		}
		id := v.add(MeshServer, o.Name, f)
		ids, _ := v.selected(o.Spec.Pods.matches)
		for _, w := range ids {
			v.p.join(w, AllowedBy, id)
		}
	}
	for _, o := range all[*serviceProfile](v.state, serviceProfiles, v.name) {
		f := facts{}
		f.number("routes", len(o.Spec.Routes))
		retried := 0
		for _, r := range o.Spec.Routes {
			if r.Retry {
				retried++
			}
		}
		f.number("retried", retried)
		id := v.add(ServiceProfile, o.Name, f)
		if in, name, ok := hosted(o.Name, v.name); ok {
			v.p.join(v.id(Service, in, name), LimitedBy, id)
		}
	}
}
