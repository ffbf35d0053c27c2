package kube

import (
	"strconv"
	"strings"

	quantity "k8s.io/apimachinery/pkg/api/resource"

	"github.com/evenkeel/evenkeel/estate"
)

// What limits a namespace and what scales its workloads up and down in size;
// who its pods run as; copies of its volumes.

func (v *space) mapRoom() {
	for _, o := range all[*limitRange](v.state, limitRanges, v.name) {
		var limits []string
		for _, line := range pairs(o.lines()) {
			limits = append(limits, strings.ReplaceAll(line, " ", "-"))
		}
		f := facts{}
		f.list("limits", limits)
		v.p.join(v.id(Namespace, v.name), LimitedBy, v.add(LimitRange, o.Name, f))
	}
	for _, o := range all[*verticalAutoscaler](v.state, verticals, v.name) {
		v.mapVertical(o)
	}
	v.mapAccounts()
	for _, o := range all[*snapshot](v.state, snapshots, v.name) {
		f := facts{}
		f.text("class", o.Spec.Class)
		f.text("created", o.Status.Created)
		f.text("size", amount(o.Status.Size))
		f.text("error", o.Status.Error.Message)
		if o.Status.Ready != nil {
			f.truth("ready", *o.Status.Ready)
		}
		id := v.add(Snapshot, o.Name, f)
		if claim := o.Spec.Source.Claim; claim != "" {
			f["claim"] = claim
			v.p.join(id, CopyOf, v.id(Claim, v.name, claim))
		}
	}
	v.mapScaler()
}

func (v *space) mapAccounts() {
	used := map[string]int{}
	for _, o := range v.pods {
		used[firstOf(o.Spec.Account, "default")]++
	}
	for _, o := range all[*serviceAccount](v.state, accounts, v.name) {
		f := facts{}
		f.truth("mounts_token", o.Automount == nil || *o.Automount)
		var pull []string
		for _, s := range o.Pull {
			pull = append(pull, s.Name)
		}
		f.list("pull_secrets", pull)
		if v.readable[pods] {
			f.number("used_by", used[o.Name])
		}
		v.add(ServiceAccount, o.Name, f)
	}
	if !v.readable[accounts] {
		return
	}
	for _, w := range v.workloads {
		v.p.join(v.workloadID(v.name, w.kind, w.Name), RunsAs, v.id(ServiceAccount, v.name, firstOf(v.templateOf(w).Spec.Account, "default")))
	}
	for _, o := range v.alone {
		v.p.join(v.id(Pod, v.name, o.Name), RunsAs, v.id(ServiceAccount, v.name, firstOf(o.Spec.Account, "default")))
	}
}

func (v *space) mapVertical(o *verticalAutoscaler) {
	f := facts{"target": strings.ToLower(o.Spec.Target.Kind) + "/" + o.Spec.Target.Name, "mode": firstOf(o.Spec.Update.Mode, "Auto")}
	provided := find(o.Status.Conditions, "RecommendationProvided")
	f.text("provided", provided.truth())
	f.text("reason", why(provided, find(o.Status.Conditions, "ConfigUnsupported")))
	f.text("created", o.Created)
	w, known := one[*workload](v.state, workloads[o.Spec.Target.Kind], v.name, o.Spec.Target.Name)
	f.truth("target_known", known)
	for _, resource := range []string{"cpu", "memory"} {
		var wanted, asked []string
		for _, c := range o.Status.Recommendation.Containers {
			wanted = append(wanted, c.Target[resource])
			if known {
				for _, its := range v.templateOf(w).Spec.Containers {
					if its.Name == c.Name {
						asked = append(asked, its.Resources.Requests[resource])
					}
				}
			}
		}
		f.text("recommended_"+resource, coarse(sum(wanted)))
		f.text("requested_"+resource, sum(asked))
	}
	id := v.add(VerticalAutoscaler, o.Name, f)
	v.p.join(v.workloadID(v.name, o.Spec.Target.Kind, o.Spec.Target.Name), ScaledBy, id)
}

// coarse rounds a number to two digits: a recommendation moves a little each
// minute, and that is no news.
func coarse(text string) string {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n <= 0 {
		return ""
	}
	if n, err = strconv.ParseFloat(strconv.FormatFloat(n, 'g', 2, 64), 64); err != nil {
		return ""
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// templateOf is a workload's template: a Rollout may leave it to a deployment.
func (s *state) templateOf(w *workload) *template {
	if w.Spec.Of.Kind == kindDeployment {
		if of, ok := one[*workload](s, deployments, w.Namespace, w.Spec.Of.Name); ok {
			return of.template()
		}
	}
	return w.template()
}

// rolloutFacts tell how one of Argo's Rollouts goes.
func (w *workload) rolloutFacts(f facts) {
	f.text("rollout_phase", w.Status.Phase)
	f.text("rollout_message", w.Status.Message)
	f.truth("aborted", w.Status.Abort)
	for _, p := range w.Status.Pauses {
		f.text("paused_since", p.Since)
		f.text("pause_reason", p.Reason)
	}
	switch {
	case bool(w.Spec.Strategy.Canary):
		f["strategy"] = "canary"
	case bool(w.Spec.Strategy.BlueGreen):
		f["strategy"] = "blue-green"
	}
}

// lacksDriver is the storage driver that a pod's volumes need and that has not
// registered on its node.
func (s *state) lacksDriver(o *pod) string {
	if o.Spec.Node == "" || !s.readable[csiNodes] {
		return ""
	}
	for _, v := range o.Spec.Volumes {
		if v.Claim == nil {
			continue
		}
		c, ok := one[*claim](s, claims, o.Namespace, v.Claim.Name)
		if !ok {
			continue
		}
		disk, ok := one[*persistentVolume](s, volumes, "", c.Spec.Volume)
		if !ok || disk.Spec.CSI.Driver == "" {
			continue
		}
		if n, ok := one[*csiNode](s, csiNodes, "", o.Spec.Node); !ok || !n.has(disk.Spec.CSI.Driver) {
			return disk.Spec.CSI.Driver
		}
	}
	return ""
}

// mapRoomShared is what of all this belongs to no namespace.
func (s *state) mapRoomShared(add func(kind estate.Kind, name string, f facts), p *picture) {
	for _, o := range all[*definition](s, definitions, "") {
		established := find(o.Status.Conditions, "Established")
		f := facts{"group": o.Spec.Group, "kind": o.Spec.Names.Kind}
		f.list("versions", o.served())
		f.text("established", established.truth())
		f.text("reason", why(find(o.Status.Conditions, "NamesAccepted"), established))
		add(Definition, o.Name, f)
	}
	on := map[string]int{}
	for _, n := range all[*csiNode](s, csiNodes, "") {
		for _, d := range n.Spec.Drivers {
			on[d.Name]++
		}
	}
	for _, o := range all[*named](s, drivers, "") {
		f := facts{}
		if s.readable[csiNodes] {
			f.number("nodes", on[o.Name])
		}
		add(StorageDriver, o.Name, f)
	}
	s.mapStorageClasses(add)
	for _, o := range all[*nodePool](s, nodePools, "") {
		ready := find(o.Status.Conditions, "Ready")
		f := facts{}
		f.text("ready", ready.truth())
		f.text("reason", why(ready, find(o.Status.Conditions, "NodeClassReady"), find(o.Status.Conditions, "ValidationSucceeded")))
		nearest := -1.0
		for resource, text := range o.Spec.Limits {
			hard, err := quantity.ParseQuantity(string(text))
			used, err2 := quantity.ParseQuantity(string(o.Status.Resources[resource]))
			if err != nil || err2 != nil || hard.IsZero() {
				continue
			}
			if ratio := used.AsApproximateFloat64() / hard.AsApproximateFloat64(); ratio > nearest || ratio == nearest && resource < f["nearest_resource"] {
				nearest = ratio
				f["nearest_resource"], f["nearest"] = resource, strconv.FormatFloat(ratio, 'f', 3, 64)
			}
		}
		add(NodePool, o.Name, f)
	}
	for _, o := range all[*nodeClaim](s, nodeClaims, "") {
		f := facts{"pool": o.Labels["karpenter.sh/nodepool"], "created": o.Created}
		var steps []condition
		for _, step := range []string{"Launched", "Registered", "Initialized", "Ready"} {
			c := find(o.Status.Conditions, step)
			steps = append(steps, c)
			f.text(strings.ToLower(step), c.truth())
		}
		f.text("reason", why(steps...))
		f.text("ready_since", steps[3].Transition)
		f.text("drifted", find(o.Status.Conditions, "Drifted").truth())
		f.text("node", o.Status.Node)
		f.text("deleting_since", o.Deleting)
		add(NodeClaim, o.Name, f)
		id := s.id(NodeClaim, o.Name)
		if f["pool"] != "" {
			p.join(s.id(NodePool, f["pool"]), estate.Owns, id)
		}
		if o.Status.Node != "" {
			p.join(id, Binds, s.id(Node, o.Status.Node))
		}
	}
}

func (s *state) mapStorageClasses(add func(kind estate.Kind, name string, f facts)) {
	used, copied := map[string]int{}, map[string]int{}
	for name := range s.objects[claims] {
		v := &space{state: s, name: name}
		copies := map[string]bool{}
		for _, o := range s.objects[snapshots][name] {
			if o, ok := o.(*snapshot); ok {
				copies[o.Spec.Source.Claim] = true
			}
		}
		for _, o := range all[*claim](s, claims, name) {
			if o.Status.Phase != "Bound" {
				continue
			}
			class, _ := v.classOf(o)
			used[class]++
			if copies[o.Name] {
				copied[class]++
			}
		}
	}
	for _, o := range all[*storageClass](s, storages, "") {
		f := facts{"provisioner": o.Provisioner}
		f.text("reclaim", o.Reclaim)
		f.text("binding_mode", o.Binding)
		f.truth("default", o.Annotations[annotationDefaultClass] == "true")
		if s.readable[claims] {
			f.number("claims", used[o.Name])
			if s.readable[snapshots] { // only then somebody could have made one
				f.number("claims_copied", copied[o.Name])
				f.truth("can_be_copied", true)
			}
		}
		if s.readable[drivers] {
			_, csi := one[*named](s, drivers, "", o.Provisioner)
			f.truth("csi", csi)
		}
		add(StorageClass, o.Name, f)
	}
}
