package kube

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// space is one namespace while it is mapped.
type space struct {
	*state
	name string
	now  time.Time
	p    picture

	workloads []*workload
	pods      []*pod
	podsOf    map[string][]*pod // by workload id
	alone     []*pod            // of no workload
	users     map[string]int    // pods by the claim that they mount
	found     map[string]facts  // what scanners say, by workload id
}

// mapSpace is the picture of a namespace and all that is in it but its pods,
// which are mapped one by one.
func (s *state) mapSpace(name string, now time.Time) picture {
	v := &space{state: s, name: name, now: now, podsOf: map[string][]*pod{}, users: map[string]int{}, found: map[string]facts{}}
	for _, kind := range []string{kindDeployment, kindStatefulSet, kindDaemonSet, kindReplicaSet, kindJob, kindCronJob, kindRollout} {
		for _, w := range all[*workload](s, workloads[kind], name) {
			// The replica sets of a deployment are its revisions, and no
			// workloads of their own.
			if _, owned := w.controller(); kind != kindReplicaSet || !owned {
				v.workloads = append(v.workloads, w)
			}
		}
	}
	for _, o := range s.objects[pods][name] {
		o, ok := o.(*pod)
		if !ok {
			continue
		}
		v.pods = append(v.pods, o)
		if kind, owner, ok := s.workloadOf(&o.Meta); ok {
			id := s.workloadID(name, kind, owner)
			v.podsOf[id] = append(v.podsOf[id], o)
		} else {
			v.alone = append(v.alone, o)
		}
		for _, volume := range o.Spec.Volumes {
			if volume.Claim != nil {
				v.users[volume.Claim.Name]++
			}
		}
	}
	v.findings()
	v.mapNamespace()
	for _, w := range v.workloads {
		v.mapWorkload(w)
	}
	v.mapServices()
	v.mapIngresses()
	v.mapPolicies()
	v.mapClaims()
	v.mapAutoscalers()
	v.mapBudgets()
	v.mapQuotas()
	v.mapContents()
	v.mapCustom()
	v.mapRoom()
	v.mapMesh()
	v.mapBindings(roleBindings(s, bindings, name))
	return v.p
}

func (v *space) add(kind estate.Kind, name string, f facts) string {
	id := v.id(kind, v.name, name)
	f["namespace"] = v.name
	v.p.add(kind, id, v.name+"/"+name, f)
	v.p.join(id, In, v.id(Namespace, v.name))
	return id
}

func (v *space) mapNamespace() {
	o, ok := one[*namespace](v.state, namespaces, "", v.name)
	if !ok && v.readable[namespaces] {
		return
	}
	f := facts{}
	if ok {
		f.text("phase", o.Status.Phase)
	}
	if v.readable[pods] {
		f.number("pods", len(v.pods))
	}
	if v.readable[policies] {
		f.number("policies", v.count(policies, v.name))
	}
	v.meshSpaceFacts(o, f)
	maps.Copy(f, v.found[""])
	for _, resource := range []string{vulnerabilityReports, auditReports, policyReports} {
		if v.count(resource, v.name) >= maxReports {
			f.truth("reports_left_out", true)
		}
	}
	id := v.id(Namespace, v.name)
	v.p.add(Namespace, id, v.name, f)
	v.p.join(id, In, v.id(Cluster))
}

func (v *space) mapWorkload(w *workload) {
	id := v.workloadID(v.name, w.kind, w.Name)
	t := v.templateOf(w)
	f := facts{"kind": w.kind, "namespace": v.name}
	st := w.Status
	wanted, ready, available, updated := 1, st.Ready, st.Available, st.Updated
	if w.Spec.Replicas != nil {
		wanted = *w.Spec.Replicas
	}
	switch w.kind {
	case kindDaemonSet:
		wanted, ready, available, updated = st.WantedNodes, st.ReadyNodes, st.AvailableNodes, st.UpdatedNodes
	case kindJob:
		if w.Spec.Completions != nil {
			wanted = *w.Spec.Completions
		}
		ready, available, updated = st.Succeeded, st.Succeeded, st.Succeeded
	}
	if w.kind != kindCronJob {
		f.number("wanted", wanted)
		f.number("ready", ready)
		f.number("available", available)
		f.number("updated", updated)
		f.number("failed", st.Failed)
	}
	if w.kind != kindCronJob && w.kind != kindJob {
		since := find(st.Conditions, "Available")
		if since.Status == "False" {
			f.text("unavailable_since", since.Transition)
			v.lasts(id, "unavailable", false, v.now)
		} else {
			f.text("unavailable_since", v.lasts(id, "unavailable", available < wanted, v.now))
		}
	}
	f.text("generation", strconv.FormatInt(w.Generation, 10))
	if w.kind != kindJob && w.kind != kindCronJob && (w.kind != kindRollout || st.Observed > 0) {
		f.text("observed_generation", strconv.FormatInt(int64(st.Observed), 10))
	}
	if c := find(st.Conditions, "Progressing"); c.Status != "" {
		f.text("progressing", c.truth())
		f.text("progress_reason", c.Reason)
	}
	if c := find(st.Conditions, "Failed"); c.Status == "True" { // of a job
		f.text("progress_reason", c.Reason)
	}
	f.text("revision", firstOf(w.Annotations[annotationRevision], st.Revision))
	f.truth("paused", w.Spec.Paused)
	f.truth("suspended", w.Spec.Suspend)
	f.text("schedule", w.Spec.Schedule)
	f.text("last_success", firstOf(st.LastSuccess, st.Completed))
	if w.kind == kindJob || w.kind == kindCronJob {
		f.number("active", int(st.Active))
	}
	strategy := w.Spec.Strategy
	if strategy.Type == "" {
		strategy = w.Spec.UpdateStrategy
	}
	f.text("strategy", strategy.Type)
	f.text("max_unavailable", string(strategy.Rolling.Unavailable))
	f.text("max_surge", string(strategy.Rolling.Surge))
	f.text("service_account", t.Spec.Account)
	f.text("application", firstOf(w.Labels[labelPartOf], w.Labels[labelInstance]))
	if w.kind == kindRollout {
		w.rolloutFacts(f)
	}
	v.templateFacts(t, f)
	v.meshFacts(id, w, f)
	maps.Copy(f, v.found[id])
	if w.kind != kindJob && w.kind != kindCronJob && v.readable[pods] && v.readable[nodes] {
		zones := map[string]bool{}
		for _, o := range v.podsOf[id] {
			if n, ok := one[*node](v.state, nodes, "", o.Spec.Node); ok && n.zone() != "" {
				zones[n.zone()] = true
			}
		}
		f.number("zones", len(zones))
	}
	v.p.add(Workload, id, v.name+"/"+w.Name, f)
	v.p.join(id, In, v.id(Namespace, v.name))
	if o, ok := w.controller(); ok && o.Kind == kindCronJob {
		v.p.join(v.workloadID(v.name, o.Kind, o.Name), estate.Owns, id)
	}
}

// What a workload belongs to, by the labels that Kubernetes recommends.
const (
	labelPartOf   = "app.kubernetes.io/part-of"
	labelInstance = "app.kubernetes.io/instance"
)

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func (v *space) templateFacts(t *template, f facts) {
	var images, cpu, memory, limits []string
	var readiness, liveness, startup present
	for _, c := range t.Spec.Containers {
		images = append(images, c.Image)
		cpu = append(cpu, c.Resources.Requests["cpu"])
		memory = append(memory, c.Resources.Requests["memory"])
		limits = append(limits, c.Resources.Limits["memory"])
		readiness, liveness, startup = readiness || c.Readiness, liveness || c.Liveness, startup || c.Startup
	}
	f.list("images", images)
	f.text("requests_cpu", sum(cpu))
	f.text("requests_memory", sum(memory))
	if !slices.Contains(limits, "") { // one without a limit has none for the pod
		f.text("limits_memory", sum(limits))
	}
	var probes []string
	for _, p := range []struct {
		is   present
		name string
	}{{readiness, "readiness"}, {liveness, "liveness"}, {startup, "startup"}} {
		if p.is {
			probes = append(probes, p.name)
		}
	}
	f.list("probes", probes)
}

// selected are the workloads and the single pods that labels select.
func (v *space) selected(match func(labels map[string]string) bool) (ids []string, count int) {
	for _, w := range v.workloads {
		if w.kind != kindCronJob && match(v.templateOf(w).Labels) {
			id := v.workloadID(v.name, w.kind, w.Name)
			ids = append(ids, id)
			count += len(v.podsOf[id])
		}
	}
	for _, o := range v.alone {
		if match(o.Labels) {
			count++
		}
	}
	return ids, count
}

func (v *space) mapServices() {
	endpoints := map[string]readiness{}
	for _, o := range v.objects[endpointSlices][v.name] {
		if o, ok := o.(*slice); ok {
			of := o.Labels["kubernetes.io/service-name"]
			sum := endpoints[of]
			endpoints[of] = readiness{sum.Ready + o.Endpoints.Ready, sum.NotReady + o.Endpoints.NotReady}
		}
	}
	for _, o := range all[*service](v.state, services, v.name) {
		f := facts{"type": o.Spec.Type}
		f.list("selector", pairs(o.Spec.Selector))
		if v.readable[endpointSlices] && o.Spec.Type != "ExternalName" {
			f.number("endpoints_ready", endpoints[o.Name].Ready)
			f.number("endpoints_not_ready", endpoints[o.Name].NotReady)
		}
		f.text("cluster_ip", o.Spec.ClusterIP)
		f.text("external_name", o.Spec.External)
		var ports []string
		for _, p := range o.Spec.Ports {
			ports = append(ports, strconv.Itoa(p.Port)+"/"+p.Protocol)
		}
		f.list("ports", ports)
		id := v.add(Service, o.Name, f)
		if len(o.Spec.Selector) > 0 {
			to, _ := v.selected(func(labels map[string]string) bool { return within(o.Spec.Selector, labels) })
			for _, w := range to {
				v.p.join(id, RoutesTo, w)
			}
		}
	}
}

func (v *space) mapIngresses() {
	for _, o := range all[*ingress](v.state, ingresses, v.name) {
		f := facts{}
		class := firstOf(o.Spec.Class, o.Annotations[annotationIngressClass])
		f.text("class", class)
		if v.readable[classes] && class != "" {
			_, known := one[*named](v.state, classes, "", class)
			f.truth("class_known", known)
		}
		var hosts, tls, absent, address []string
		for _, t := range o.Spec.TLS {
			tls = append(tls, t.Secret)
			if _, ok := one[*content](v.state, secrets, v.name, t.Secret); !ok && v.readable[secrets] {
				absent = append(absent, firstOf(append(t.Hosts, "*")...)+"="+t.Secret)
			}
		}
		var to []ingressBackend
		if o.Spec.Default != nil {
			to = append(to, *o.Spec.Default)
		}
		for _, r := range o.Spec.Rules {
			if r.Host != "" {
				hosts = append(hosts, r.Host)
			}
			for _, path := range r.HTTP.Paths {
				to = append(to, path.Backend)
			}
		}
		var backends, missing []string
		id := v.id(Ingress, v.name, o.Name)
		for _, b := range to {
			name := b.Service.Name
			if name == "" {
				continue
			}
			text := name + ":" + firstOf(b.Service.Port.Name, strconv.Itoa(b.Service.Port.Number))
			if slices.Contains(backends, text) {
				continue
			}
			backends = append(backends, text)
			if _, ok := one[*service](v.state, services, v.name, name); !ok && v.readable[services] {
				missing = append(missing, text)
			}
			if l := (link{id, RoutesTo, v.id(Service, v.name, name)}); !slices.Contains(v.p.relations, l) {
				v.p.relations = append(v.p.relations, l)
			}
		}
		for _, a := range o.Status.LoadBalancer.Ingress {
			address = append(address, firstOf(a.Hostname, a.IP))
		}
		f.list("hosts", hosts)
		f.list("tls_secrets", tls)
		f.list("tls_missing", absent)
		f.list("backends", backends)
		f.list("backends_missing", missing)
		f.list("address", address)
		v.add(Ingress, o.Name, f)
	}
}

func (v *space) mapPolicies() {
	cut := v.cut()
	for _, o := range all[*policy](v.state, policies, v.name) {
		f := facts{}
		f.text("selector", o.Spec.Pods.String())
		ids, count := v.selected(o.Spec.Pods.matches)
		if v.readable[pods] {
			f.number("selects", count)
		}
		f.list("types", o.Spec.Types)
		f.text("allows_dns", o.allowsDNS())
		f.list("blocks", cut[o.Name])
		id := v.add(NetworkPolicy, o.Name, f)
		for _, w := range ids {
			v.p.join(w, AllowedBy, id)
		}
	}
}

// allowsDNS tells whether pods may ask port 53: unrestricted where the policy
// says nothing of what goes out.
func (p *policy) allowsDNS() string {
	if !slices.Contains(p.Spec.Types, "Egress") {
		return "unrestricted"
	}
	for _, r := range p.Spec.Egress {
		if len(r.Ports) == 0 {
			return "true"
		}
		for _, port := range r.Ports {
			from, err := strconv.Atoi(string(port.Port))
			switch {
			case port.Port == "" || strings.HasPrefix(string(port.Port), "dns"):
				return "true"
			case err == nil && (from == 53 || from < 53 && port.End >= 53):
				return "true"
			}
		}
	}
	return "false"
}
