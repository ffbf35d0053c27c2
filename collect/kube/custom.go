package kube

import (
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/estate"
)

// What others install in a cluster. A cluster that does not have it answers
// 404, and is asked again from time to time.
const (
	gateways       = "gateways"
	httpRoutes     = "httproutes"
	grpcRoutes     = "grpcroutes"
	certificates   = "certificates"
	applications   = "applications"   // Argo CD
	kustomizations = "kustomizations" // Flux
	helmReleases   = "helmreleases"   // Flux
	rollouts       = "rollouts"       // Argo Rollouts
	verticals      = "verticalpodautoscalers"
	snapshots      = "volumesnapshots"
	nodePools      = "nodepools"  // Karpenter
	nodeClaims     = "nodeclaims" // Karpenter

	// Istio. Its gateways share their name with those of the Gateway API.
	virtualServices     = "virtualservices"
	destinationRules    = "destinationrules"
	serviceEntries      = "serviceentries"
	meshGateways        = "gateways.networking.istio.io"
	peerAuthentications = "peerauthentications"

	// Linkerd.
	meshServers     = "servers"
	authorizations  = "serverauthorizations"
	serviceProfiles = "serviceprofiles"
)

// argo is where Argo's resources are.
const argo = "/apis/argoproj.io/v1alpha1/"

// The kinds of these.
const (
	Gateway     estate.Kind = "gateway"
	Route       estate.Kind = "route"
	Certificate estate.Kind = "certificate"
	GitOpsApp   estate.Kind = "gitops-app"
)

func customResources() []*resource {
	net, istio, aqua := "/apis/gateway.networking.k8s.io/v1/", "/apis/networking.istio.io/v1/", "/apis/aquasecurity.github.io/v1alpha1/"
	return []*resource{
		plain[monitor](podMonitors, "/apis/monitoring.coreos.com/v1/"+podMonitors), plain[monitor](serviceMonitors, "/apis/monitoring.coreos.com/v1/"+serviceMonitors),
		plain[gateway](gateways, net+gateways), plain[route](httpRoutes, net+httpRoutes), plain[route](grpcRoutes, net+grpcRoutes),
		plain[certificate](certificates, "/apis/cert-manager.io/v1/"+certificates), plain[application](applications, argo+applications),
		plain[fluxApp](kustomizations, "/apis/kustomize.toolkit.fluxcd.io/v1/"+kustomizations), plain[fluxApp](helmReleases, "/apis/helm.toolkit.fluxcd.io/v2/"+helmReleases),
		plain[verticalAutoscaler](verticals, "/apis/autoscaling.k8s.io/v1/"+verticals), plain[snapshot](snapshots, "/apis/snapshot.storage.k8s.io/v1/"+snapshots),
		plain[nodePool](nodePools, "/apis/karpenter.sh/v1/"+nodePools), plain[nodeClaim](nodeClaims, "/apis/karpenter.sh/v1/"+nodeClaims),
		plain[virtualService](virtualServices, istio+virtualServices), plain[destinationRule](destinationRules, istio+destinationRules),
		plain[serviceEntry](serviceEntries, istio+serviceEntries), plain[meshGateway](meshGateways, istio+gateways),
		plain[peerAuthentication](peerAuthentications, "/apis/security.istio.io/v1/"+peerAuthentications),
		plain[meshServer](meshServers, "/apis/policy.linkerd.io/v1beta3/"+meshServers), plain[authorization](authorizations, "/apis/policy.linkerd.io/v1beta1/"+authorizations),
		plain[serviceProfile](serviceProfiles, "/apis/linkerd.io/v1alpha2/"+serviceProfiles),
		{name: vulnerabilityReports, path: aqua + vulnerabilityReports, atOnce: reportsAtOnce, decode: decodeReport},
		{name: auditReports, path: aqua + auditReports, atOnce: reportsAtOnce, decode: decodeReport},
		{name: policyReports, path: "/apis/wgpolicyk8s.io/v1alpha2/" + policyReports, atOnce: reportsAtOnce, decode: decodeReport},
	}
}

type gateway struct {
	Meta `json:"metadata"`
	Spec struct {
		Class string `json:"gatewayClassName"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions"`
	} `json:"status"`
}

type reference struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// in is the namespace of what is referred to: the referrer's own where none is
// named.
func (r reference) in(space string) string { return firstOf(r.Namespace, space) }

type route struct {
	Meta `json:"metadata"`
	Spec struct {
		Hosts   []string    `json:"hostnames"`
		Parents []reference `json:"parentRefs"`
		Rules   []struct {
			Backends []reference `json:"backendRefs"`
		} `json:"rules"`
	} `json:"spec"`
	Status struct {
		Parents []struct {
			Conditions []condition `json:"conditions"`
		} `json:"parents"`
	} `json:"status"`
}

type certificate struct {
	Meta `json:"metadata"`
	Spec struct {
		Secret string   `json:"secretName"`
		Names  []string `json:"dnsNames"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions"`
		NotAfter   string      `json:"notAfter"`
	} `json:"status"`
}

type application struct {
	Meta   `json:"metadata"`
	Status struct {
		Sync struct {
			Status   string `json:"status"`
			Revision string `json:"revision"`
		} `json:"sync"`
		Health struct {
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"health"`
	} `json:"status"`
}

type fluxApp struct {
	Meta `json:"metadata"`
	Spec struct {
		Suspend bool `json:"suspend"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions"`
		Applied    string      `json:"lastAppliedRevision"`
		Attempted  string      `json:"lastAttemptedRevision"`
	} `json:"status"`
}

func (v *space) mapCustom() {
	for _, o := range all[*gateway](v.state, gateways, v.name) {
		f := facts{"class": o.Spec.Class}
		programmed, accepted := find(o.Status.Conditions, "Programmed"), find(o.Status.Conditions, "Accepted")
		f.text("programmed", programmed.truth())
		f.text("accepted", accepted.truth())
		f.text("reason", why(accepted, programmed))
		v.add(Gateway, o.Name, f)
	}
	for _, resource := range []string{httpRoutes, grpcRoutes} {
		for _, o := range all[*route](v.state, resource, v.name) {
			v.mapRoute(resource, o)
		}
	}
	for _, o := range all[*certificate](v.state, certificates, v.name) {
		ready := find(o.Status.Conditions, "Ready")
		f := facts{"secret": o.Spec.Secret}
		f.text("ready", ready.truth())
		f.text("reason", why(ready))
		f.text("not_after", o.Status.NotAfter)
		f.list("names", o.Spec.Names)
		v.add(Certificate, o.Name, f)
	}
	for _, o := range all[*application](v.state, applications, v.name) {
		f := facts{"tool": "argocd"}
		f.text("sync", o.Status.Sync.Status)
		f.text("health", o.Status.Health.Status)
		f.text("reason", o.Status.Health.Message)
		f.text("revision", o.Status.Sync.Revision)
		v.add(GitOpsApp, o.Name, f)
	}
	for _, resource := range []string{kustomizations, helmReleases} {
		for _, o := range all[*fluxApp](v.state, resource, v.name) {
			ready := find(o.Status.Conditions, "Ready")
			f := facts{"tool": "flux"}
			f.text("ready", ready.truth())
			f.text("reason", why(ready))
			f.text("revision", o.revision())
			f.truth("suspended", o.Spec.Suspend)
			v.add(GitOpsApp, fluxName(resource, o.Name), f)
		}
	}
}

// fluxName is unique over Flux's kinds: a HelmRelease may share a name with
// the Kustomization that brought it.
func fluxName(resource, name string) string {
	return map[string]string{kustomizations: "kustomization/", helmReleases: "helmrelease/"}[resource] + name
}

func (o *fluxApp) revision() string { return firstOf(o.Status.Applied, o.Status.Attempted) }

// why is the first reason that something is not so.
func why(all ...condition) string {
	for _, c := range all {
		if c.Status == "False" || c.Status == "Unknown" {
			return strings.TrimSpace(c.Reason + ": " + c.Message)
		}
	}
	return ""
}

func (v *space) mapRoute(resource string, o *route) {
	name := strings.TrimSuffix(resource, "s") + "/" + o.Name
	id := v.id(Route, v.name, name)
	f := facts{}
	f.list("hosts", o.Spec.Hosts)
	var parents []string
	for _, p := range o.Spec.Parents {
		parents = append(parents, p.in(v.name)+"/"+p.Name)
	}
	f.list("parents", parents)
	// One parent that does not take it is trouble for those who come that way.
	for _, p := range o.Status.Parents {
		accepted, resolved := find(p.Conditions, "Accepted"), find(p.Conditions, "ResolvedRefs")
		for key, c := range map[string]condition{"accepted": accepted, "resolved_refs": resolved} {
			if f[key] == "" || c.Status == "False" {
				f.text(key, c.truth())
			}
		}
		if f["reason"] == "" {
			f.text("reason", why(accepted, resolved))
		}
	}
	v.add(Route, name, f)
	for _, rule := range o.Spec.Rules {
		for _, b := range rule.Backends {
			if b.Kind != "" && b.Kind != "Service" {
				continue
			}
			if l := (link{id, RoutesTo, v.id(Service, b.in(v.name), b.Name)}); !slices.Contains(v.p.relations, l) {
				v.p.relations = append(v.p.relations, l)
			}
		}
	}
}

// gitopsChange tells of another revision that Argo CD or Flux has applied.
func gitopsChange(s *state, r *resource, old, now object, add adder) {
	revision := func(o object) string {
		switch o := o.(type) {
		case *application:
			return o.Status.Sync.Revision
		case *fluxApp:
			return o.revision()
		}
		return ""
	}
	before, after := revision(old), revision(now)
	if before == "" || after == "" || before == after {
		return
	}
	m := now.meta()
	add(s.id(GitOpsApp, m.Namespace, fluxName(r.name, m.Name)), "gitops-revision",
		fmt.Sprintf("%s is at revision %s instead of %s", m.key(), after, before), before, after)
}
