package kube

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	quantity "k8s.io/apimachinery/pkg/api/resource"
)

func (v *space) mapClaims() {
	reasons := map[string]string{}
	for _, e := range all[*event](v.state, events, v.name) {
		if e.Involved.Kind == "PersistentVolumeClaim" {
			reasons[e.Involved.Name] = e.Message
		}
	}
	for _, o := range all[*claim](v.state, claims, v.name) {
		f := facts{"phase": o.Status.Phase}
		class, known := v.classOf(o)
		f.text("class", class)
		if v.readable[storages] {
			f.truth("class_known", known != nil || class == "" && o.Spec.Class != nil)
		}
		if known != nil {
			f.text("binding_mode", known.Binding)
		}
		f.text("size", amount(firstOf(o.Status.Capacity["storage"], o.Spec.Resources.Requests["storage"])))
		f.text("volume", o.Spec.Volume)
		if o.Status.Phase == "Pending" {
			f.text("pending_since", o.Created)
			f.text("pending_reason", reasons[o.Name])
		}
		f.list("access_modes", o.Spec.Modes)
		if v.readable[pods] {
			f.number("used_by", v.users[o.Name])
		}
		id := v.add(Claim, o.Name, f)
		if o.Spec.Volume != "" {
			v.p.join(id, Binds, v.id(PersistentVolume, o.Spec.Volume))
		}
	}
}

// classOf is a claim's storage class: the cluster's default where it names
// none.
func (v *space) classOf(o *claim) (string, *storageClass) {
	if o.Spec.Class != nil {
		class, _ := one[*storageClass](v.state, storages, "", *o.Spec.Class)
		return *o.Spec.Class, class
	}
	for _, class := range all[*storageClass](v.state, storages, "") {
		if class.Annotations[annotationDefaultClass] == "true" {
			return class.Name, class
		}
	}
	return "", nil
}

func (v *space) mapAutoscalers() {
	for _, o := range all[*autoscaler](v.state, autoscalers, v.name) {
		f := facts{"target": strings.ToLower(o.Spec.Target.Kind) + "/" + o.Spec.Target.Name}
		f.optional("min", o.Spec.Min)
		f.number("max", o.Spec.Max)
		f.number("current", o.Status.Current)
		f.number("desired", o.Status.Desired)
		f.text("able", find(o.Status.Conditions, "AbleToScale").truth())
		active, limited := find(o.Status.Conditions, "ScalingActive"), find(o.Status.Conditions, "ScalingLimited")
		f.text("active", active.truth())
		if active.Status == "False" {
			f.text("active_reason", active.Reason)
		}
		f.text("limited", limited.truth())
		if limited.Status == "True" {
			f.text("limited_reason", limited.Reason)
		}
		id := v.add(Autoscaler, o.Name, f)
		if top := o.Status.Desired >= o.Spec.Max; top && limited.Status == "True" && limited.Reason == "TooManyReplicas" {
			f.text("at_max_since", limited.Transition)
		} else {
			f.text("at_max_since", v.lasts(id, "at max", top, v.now))
		}
		v.p.join(v.workloadID(v.name, o.Spec.Target.Kind, o.Spec.Target.Name), ScaledBy, id)
	}
}

func (v *space) mapBudgets() {
	for _, o := range all[*budget](v.state, budgets, v.name) {
		f := facts{}
		f.text("selector", o.Spec.Selector.String())
		f.number("wanted_healthy", o.Status.Wanted)
		f.number("healthy", o.Status.Healthy)
		f.number("allowed", o.Status.Allowed)
		ids, count := v.selected(o.Spec.Selector.matches)
		if v.readable[pods] {
			f.number("selects", count)
		}
		id := v.add(Budget, o.Name, f)
		f.text("blocks_since", v.lasts(id, "blocks", o.Status.Allowed == 0 && o.Status.Expected > 0, v.now))
		for _, w := range ids {
			v.p.join(w, LimitedBy, id)
		}
	}
}

func (v *space) mapQuotas() {
	for _, o := range all[*quota](v.state, quotas, v.name) {
		f := facts{}
		f.list("used", pairs(o.Status.Used))
		f.list("hard", pairs(o.Status.Hard))
		nearest, which := -1.0, ""
		for _, pair := range pairs(o.Status.Hard) {
			name, text, _ := strings.Cut(pair, "=")
			hard, err := quantity.ParseQuantity(text)
			used, err2 := quantity.ParseQuantity(o.Status.Used[name])
			if err != nil || err2 != nil || hard.IsZero() {
				continue
			}
			if ratio := used.AsApproximateFloat64() / hard.AsApproximateFloat64(); ratio > nearest {
				nearest, which = ratio, name
			}
		}
		if which != "" {
			f.text("nearest", strconv.FormatFloat(nearest, 'f', 3, 64))
			f.text("nearest_resource", which)
		}
		f.text("denied_since", v.turnedAway(o))
		v.p.join(v.id(Namespace, v.name), LimitedBy, v.add(Quota, o.Name, f))
	}
}

func (v *space) mapContents() {
	for _, o := range all[*content](v.state, configMaps, v.name) {
		f := facts{"hash": o.hash()}
		f.number("keys", len(o.Data))
		v.add(ConfigMap, o.Name, f)
	}
	latest := map[string]*content{}
	for _, o := range all[*content](v.state, secrets, v.name) {
		if o.Type == helmRelease {
			name := o.Labels["name"]
			if was := latest[name]; was == nil || revision(was) < revision(o) {
				latest[name] = o
			}
			continue
		}
		f := facts{"hash": o.hash(), "kind": o.Type}
		f.number("keys", len(o.Data))
		v.add(Secret, o.Name, f)
	}
	for name, o := range latest {
		f := facts{"revision": o.Labels["version"], "status": o.Labels["status"]}
		f.truth("ready", o.Labels["status"] == "deployed")
		if s := o.Labels["status"]; s != "deployed" {
			f.text("reason", s)
		}
		v.add(Release, name, f)
	}
}

const helmRelease = "helm.sh/release.v1"

// revision is that of a Helm release's secret; 0 where it has none.
func revision(o *content) int {
	n, err := strconv.Atoi(o.Labels["version"])
	if err != nil {
		return 0
	}
	return n
}

func (c *content) hash() string {
	parts := pairs(c.Data)
	return digest([]byte(strings.Join(parts, "\n")))
}

// grant is a role binding with what its role permits.
type grant struct {
	*binding
	writes string // true, false, or empty where the role is not known
}

func roleBindings(s *state, resource, space string) (out []grant) {
	for _, b := range all[*binding](s, resource, space) {
		from, in := roles, space
		if b.Ref.Kind == "ClusterRole" {
			from, in = clusterRoles, ""
		}
		g := grant{binding: b}
		if r, ok := one[*role](s, from, in, b.Ref.Name); ok {
			g.writes = strconv.FormatBool(r.writes())
		}
		out = append(out, g)
	}
	return out
}

// writes tells whether a role permits more than to read.
func (r *role) writes() bool {
	for _, rule := range r.Rules {
		for _, verb := range rule.Verbs {
			if verb != "get" && verb != "list" && verb != "watch" {
				return true
			}
		}
	}
	return false
}

func (g grant) facts() facts {
	f := facts{"role": g.Ref.Kind + "/" + g.Ref.Name}
	var subjects []string
	for _, s := range g.Subjects {
		name := s.Name
		if s.Namespace != "" {
			name = s.Namespace + "/" + name
		}
		subjects = append(subjects, fmt.Sprintf("%s:%s", s.Kind, name))
	}
	slices.Sort(subjects)
	f.list("subjects", subjects)
	f.text("permits_write", g.writes)
	return f
}

func (v *space) mapBindings(grants []grant) {
	for _, g := range grants {
		v.add(RoleBinding, g.Name, g.facts())
	}
}

// turnedAway is since when a quota has turned pods away; empty where it has not.
// Events tell of it, where they may be read and nothing dropped them, and so do
// those who wanted the pods.
func (v *space) turnedAway(o *quota) (since string) {
	words := "exceeded quota: " + o.Name + ","
	first := func(message, at string) {
		if strings.Contains(message, words) && (since == "" || at < since) {
			since = at
		}
	}
	for _, e := range all[*event](v.state, events, v.name) {
		first(e.Message, e.Created)
	}
	for _, resource := range []string{deployments, replicaSets} {
		for _, w := range all[*workload](v.state, resource, v.name) {
			if c := find(w.Status.Conditions, "ReplicaFailure"); c.Status == "True" {
				first(c.Message, c.Transition)
			}
		}
	}
	return since
}
