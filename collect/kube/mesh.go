package kube

import (
	"slices"
	"strconv"
	"strings"
)

// Who is in a service mesh, and with which sidecar.

const (
	istio   = "istio"
	linkerd = "linkerd"
	// Where the control planes are unless somebody put them elsewhere. What is
	// said in Istio's holds for the whole mesh.
	istioSpace   = "istio-system"
	linkerdSpace = "linkerd"
	// maxVersions bounds the versions that are named of one workload.
	maxVersions = 4
)

// sidecar is the mesh that a pod is in and the version of its sidecar; empty
// where it is in none, or the image does not say.
func (o *pod) sidecar() (mesh, version string) {
	for _, list := range [][]podContainer{o.Spec.Containers, o.Spec.Init} { // newer sidecars are init containers that go on
		for _, c := range list {
			switch c.Name {
			case "istio-proxy":
				return istio, same(imageVersion(c.Image))
			case "linkerd-proxy":
				return linkerd, same(imageVersion(c.Image))
			}
		}
	}
	if o.Annotations[annotationAmbient] == "enabled" {
		return istio, ""
	}
	return "", ""
}

// imageVersion is an image's tag; empty where it has none.
func imageVersion(image string) string {
	image, _, _ = strings.Cut(image, "@")
	_, tag, _ := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	return strings.TrimSuffix(tag, "-distroless")
}

// asksFor is the mesh that a namespace wants its pods to have a sidecar of.
func (o *namespace) asksFor() string {
	switch {
	case o.Annotations[annotationLinkerd] == "enabled" || o.Annotations[annotationLinkerd] == "ingress":
		return linkerd
	case o.Labels["istio-injection"] == "disabled":
		return ""
	case o.Labels["istio-injection"] == "enabled" || o.Labels["istio.io/rev"] != "":
		return istio
	}
	return ""
}

// without is the mesh that a pod should be in and is not; empty where it is,
// need not, or cannot be.
func (s *state) without(o *pod) string {
	space, ok := one[*namespace](s, namespaces, "", o.Namespace)
	if !ok || o.mesh != "" || o.Spec.HostNetwork {
		return ""
	}
	wanted := space.asksFor()
	switch firstOf(o.Labels[annotationIstio], o.Annotations[annotationIstio]) {
	case "false":
		if wanted == istio {
			wanted = ""
		}
	case "true":
		wanted = istio
	}
	switch o.Annotations[annotationLinkerd] {
	case "disabled":
		if wanted == linkerd {
			wanted = ""
		}
	case "enabled", "ingress":
		wanted = linkerd
	}
	// A mesh's own namespace and the cluster's are left alone.
	if o.Namespace == "kube-system" || o.Namespace == linkerdSpace && wanted == linkerd {
		return ""
	}
	return wanted
}

// planes are the versions of the control planes of a mesh that run.
func (s *state) planes(mesh string) (versions []string) {
	space, label, value, name := istioSpace, "app", "istiod", "discovery"
	if mesh == linkerd {
		space, label, value, name = linkerdSpace, "linkerd.io/control-plane-component", "destination", "linkerd-proxy"
	}
	for _, w := range all[*workload](s, deployments, space) {
		if w.Labels[label] != value && w.template().Labels[label] != value {
			continue
		}
		for _, c := range w.template().Spec.Containers {
			if version := imageVersion(c.Image); c.Name == name && version != "" {
				versions = append(versions, version)
			}
		}
	}
	return versions
}

// behind is by how many minor versions a sidecar is older than the control
// plane that is nearest to it; below zero where it is newer.
func behind(proxy string, planes []string) (n int, ok bool) {
	family, own, ok := minorOf(proxy)
	if !ok {
		return 0, false
	}
	found := false
	for _, plane := range planes {
		f, its, ok := minorOf(plane)
		if !ok || f != family {
			continue
		}
		if d := its - own; !found || abs(d) < abs(n) {
			n, found = d, true
		}
	}
	return n, found
}

func abs(n int) int { return max(n, -n) }

// minorOf counts the minor versions up to a version: of "1.22.3",
// "stable-2.14.1" or "edge-24.5.1", of which the last has one a month.
func minorOf(version string) (family string, n int, ok bool) {
	a := 1_000
	for _, f := range []string{"stable-", "edge-", "v"} {
		if rest, found := strings.CutPrefix(version, f); found {
			family, version = f, rest
		}
	}
	if family == "edge-" {
		a = 12
	}
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return "", 0, false
	}
	minor, _, _ := strings.Cut(parts[1], "-")
	major, err := strconv.Atoi(parts[0])
	small, err2 := strconv.Atoi(minor)
	return strings.TrimPrefix(family, "v"), major*a + small, err == nil && err2 == nil
}

// meshFacts tell of the mesh that a workload's pods are in.
func (v *space) meshFacts(id string, w *workload, f facts) {
	mesh, whole := "", true
	var versions []string
	for _, o := range v.podsOf[id] {
		if o.mesh == "" {
			whole = false
			continue
		}
		mesh = o.mesh
		if o.proxy != "" && !slices.Contains(versions, o.proxy) && len(versions) < maxVersions {
			versions = append(versions, o.proxy)
		}
	}
	slices.Sort(versions)
	f.text("mesh", mesh)
	f.list("proxy_versions", versions)
	if mesh != "" {
		f.truth("mesh_whole", whole)
	}
	var planes []string
	if len(versions) > 0 {
		planes = v.planes(mesh)
	}
	for i, version := range versions {
		n, ok := behind(version, planes)
		if was, err := strconv.Atoi(f["proxy_behind"]); ok && (i == 0 || err != nil || abs(n) > abs(was)) {
			f.number("proxy_behind", n)
			f.list("control_plane", planes)
		}
	}
	if v.readable[peerAuthentications] && len(v.podsOf[id]) > 0 {
		f.text("mtls", v.mtlsOf(v.templateOf(w).Labels))
	}
}

// meshSpaceFacts tell of the mesh in a whole namespace.
func (v *space) meshSpaceFacts(o *namespace, f facts) {
	if o != nil {
		f.text("mesh", o.asksFor())
	}
	n := 0
	for _, p := range v.pods {
		if p.mesh == istio {
			n++
		}
	}
	if n == 0 {
		return
	}
	f.number("mesh_pods", n)
	if !v.readable[peerAuthentications] {
		return
	}
	mode := v.mtlsOf(nil)
	f.text("mtls", mode)
	if mode != "strict" {
		return
	}
	var weaker []string
	for _, w := range v.workloads {
		if m := v.mtlsOf(v.templateOf(w).Labels); m != mode && len(v.podsOf[v.workloadID(v.name, w.kind, w.Name)]) > 0 {
			weaker = append(weaker, w.Name+"="+m)
		}
	}
	f.list("mtls_exceptions", weaker)
}
