package kube

import (
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/estate"
)

// condition of the cluster's connection.
type reach struct {
	version    string
	reachable  string // true, false or unknown
	unreadable []string
}

func (s *state) mapCluster(r reach) (p picture) {
	f := facts{"reachable": r.reachable}
	f.text("version", r.version)
	if s.readable[nodes] {
		f.number("nodes", s.count(nodes, ""))
	}
	f.list("unreadable", r.unreadable)
	p.add(Cluster, s.id(Cluster), s.cluster, f)
	return p
}

// mapShared is the picture of what belongs to no namespace, nodes aside.
func (s *state) mapShared() (p picture) {
	add := func(kind estate.Kind, name string, f facts) {
		id := s.id(kind, name)
		p.add(kind, id, name, f)
		p.join(id, In, s.id(Cluster))
	}
	for _, o := range all[*persistentVolume](s, volumes, "") {
		f := facts{"phase": o.Status.Phase}
		f.text("class", o.Spec.Class)
		f.text("size", amount(o.Spec.Capacity["storage"]))
		f.text("reclaim", o.Spec.Reclaim)
		if c := o.Spec.Claim; c.Name != "" {
			f.text("claim", c.Namespace+"/"+c.Name)
		}
		f.text("reason", o.Status.Reason)
		add(PersistentVolume, o.Name, f)
	}
	s.mapRoomShared(add, &p)
	for _, g := range roleBindings(s, clusterBinds, "") {
		add(RoleBinding, g.Name, g.facts())
	}
	for _, kind := range []struct{ resource, name string }{{validating, "validating"}, {mutating, "mutating"}} {
		for _, o := range all[*webhooks](s, kind.resource, "") {
			for _, h := range o.Hooks {
				f := facts{"kind": kind.name, "failure_policy": h.Policy}
				var scope []string
				for _, r := range h.Rules {
					for _, name := range r.Resources {
						if !slices.Contains(scope, name) {
							scope = append(scope, name)
						}
					}
				}
				f.list("scope", scope)
				if to := h.Client.Service; to != nil {
					f["service"] = to.Namespace + "/" + to.Name
					if s.readable[endpointSlices] {
						f.number("endpoints_ready", s.endpoints(to.Namespace, to.Name))
					}
				}
				add(Webhook, o.Name+"/"+h.Name, f)
			}
		}
	}
	for _, o := range all[*apiService](s, apiServices, "") {
		if o.Spec.Service == nil {
			continue // served by the API server itself
		}
		c := find(o.Status.Conditions, "Available")
		f := facts{"service": o.Spec.Service.Namespace + "/" + o.Spec.Service.Name}
		f.text("available", c.truth())
		if c.Status != "True" {
			f.text("reason", strings.TrimSpace(c.Reason+" "+c.Message))
		}
		add(APIService, o.Name, f)
	}
	return p
}

// endpoints counts what is ready to answer for a service.
func (s *state) endpoints(space, name string) (ready int) {
	for _, o := range all[*slice](s, endpointSlices, space) {
		if o.Labels["kubernetes.io/service-name"] == name {
			ready += o.Endpoints.Ready
		}
	}
	return ready
}
