package kube

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// changesOf tells what somebody did between two states of one object; either
// may be nil, for one that is new or gone. Pure.
func (s *state) changesOf(r *resource, old, now object, at time.Time) (out []estate.Change) {
	is := now
	if is == nil {
		is = old
	}
	m := is.meta()
	add := func(id, kind, summary, before, after string) {
		c := estate.Change{At: at, Entity: id, Kind: kind, Summary: summary, Before: before, After: after, Who: m.By.Name}
		switch {
		case now == nil:
			c.Who = "" // the API does not say who deletes
		case old != nil:
			// Who takes back what they wrote leaves no trace of it: then the
			// last that is left is one from before.
			t, err := time.Parse(time.RFC3339, m.By.At)
			switch newer := m.By.At > old.meta().By.At; {
			case err != nil || !newer && at.Sub(t) > 2*time.Second:
				if c.Who = ""; kind == "scale" {
					c.Who = m.By.Scaled
				}
			case newer && at.Sub(t) < time.Hour:
				c.At = t
			}
		}
		c.Key = fmt.Sprintf("%s:%s:%s:%s", kind, id, m.UID, m.ResourceVersion)
		if now == nil {
			c.Key += ":gone"
		}
		out = append(out, c)
	}
	switch is := is.(type) {
	case *node:
		nodeChanges(s.id(Node, m.Name), cast[*node](old), cast[*node](now), add)
	case *workload:
		if _, owned := m.controller(); owned {
			break // a revision, or a run of a cron job: its owner tells
		}
		workloadChanges(s.workloadID(m.Namespace, is.kind, m.Name), is.kind, cast[*workload](old), cast[*workload](now), add)
	case *content:
		contentChanges(s, r, cast[*content](old), cast[*content](now), add)
	case *autoscaler:
		if a, b := cast[*autoscaler](old), cast[*autoscaler](now); a != nil && b != nil && a.Status.Desired != b.Status.Desired {
			add(s.id(Autoscaler, m.Namespace, m.Name), "autoscale", fmt.Sprintf("The autoscaler %s wants %d instead of %d of %s", m.key(), b.Status.Desired, a.Status.Desired, b.Spec.Target.Name),
				strconv.Itoa(a.Status.Desired), strconv.Itoa(b.Status.Desired))
		}
	case *role:
		if a, b := cast[*role](old), cast[*role](now); a != nil && b != nil && fmt.Sprint(a.Rules) != fmt.Sprint(b.Rules) {
			add(s.id(Cluster), "rights", fmt.Sprintf("The rules of the role %s changed", strings.TrimPrefix(m.key(), "/")), ruleText(a), ruleText(b))
		}
	case described:
		specChanges(s, r, cast[described](old), cast[described](now), add)
	case *application, *fluxApp:
		gitopsChange(s, r, old, now, add)
	case *binding:
		bindingChanges(s, cast[*binding](old), cast[*binding](now), add)
	}
	return out
}

// cast is o as its type; nil where it is nothing.
func cast[P object](o object) (p P) {
	p, _ = o.(P)
	return p
}

type adder func(id, kind, summary, before, after string)

func nodeChanges(id string, old, now *node, add adder) {
	switch {
	case old == nil:
		add(id, "node-join", fmt.Sprintf("The node %s joined", now.Name), "", now.Status.Info.Kubelet)
		return
	case now == nil:
		add(id, "node-leave", fmt.Sprintf("The node %s left", old.Name), old.Status.Info.Kubelet, "")
		return
	}
	if a, b := old.Spec.Unschedulable, now.Spec.Unschedulable; a != b {
		kind, text := "node-uncordon", "The node %s takes pods again"
		if b {
			kind, text = "node-cordon", "The node %s was cordoned: it takes no new pods"
		}
		add(id, kind, fmt.Sprintf(text, now.Name), "", "")
	}
	if a, b := old.Status.Info.Kubelet, now.Status.Info.Kubelet; a != b && a != "" {
		add(id, "node-upgrade", fmt.Sprintf("The node %s runs kubelet %s instead of %s", now.Name, b, a), a, b)
	}
	if a, b := old.taints(), now.taints(); a != b {
		add(id, "node-taint", fmt.Sprintf("The taints of the node %s changed", now.Name), a, b)
	}
}

// taints are those that people and autoscalers set. What the node controller
// sets follows from the node's state, and cordoning is told of itself.
func (n *node) taints() string {
	var out []string
	for _, t := range n.Spec.Taints {
		if !strings.HasPrefix(t.Key, "node.kubernetes.io/") {
			out = append(out, t.Key+"="+t.Value+":"+t.Effect)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

func workloadChanges(id, kind string, old, now *workload, add adder) {
	switch {
	case old == nil:
		add(id, "workload-new", fmt.Sprintf("The %s %s was made", kind, now.key()), "", images(now))
		return
	case now == nil:
		add(id, "workload-gone", fmt.Sprintf("The %s %s was deleted", kind, old.key()), images(old), "")
		return
	}
	if a, b := old.Spec.Replicas, now.Spec.Replicas; a != nil && b != nil && *a != *b {
		add(id, "scale", fmt.Sprintf("%s was scaled from %d to %d", now.key(), *a, *b), strconv.Itoa(*a), strconv.Itoa(*b))
	}
	if before, after := templateDiff(old.template(), now.template()); len(before)+len(after) > 0 {
		add(id, "rollout", fmt.Sprintf("%s is rolled out anew: %s", now.key(), strings.Join(topics(after, before), ", ")),
			strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	if a, b := old.Spec.Paused || old.Spec.Suspend, now.Spec.Paused || now.Spec.Suspend; a != b {
		word := "was taken up again"
		if b {
			word = "was paused"
		}
		add(id, "pause", now.key()+" "+word, "", "")
	}
	if a, b := old.Spec.Schedule, now.Spec.Schedule; a != b {
		add(id, "schedule", fmt.Sprintf("%s runs at %q instead of %q", now.key(), b, a), a, b)
	}
}

func images(w *workload) string {
	var out []string
	for _, c := range w.template().Spec.Containers {
		out = append(out, c.Image)
	}
	return strings.Join(out, ",")
}

// topics are the first words of a diff's lines, each once: what changed.
func topics(lists ...[]string) (out []string) {
	for _, list := range lists {
		for _, line := range list {
			topic, _, _ := strings.Cut(line, ":")
			if !slices.Contains(out, topic) {
				out = append(out, topic)
			}
		}
	}
	return out
}

// templateDiff lists what is different between two pod templates, one line
// for each thing: how it was and how it is. Values of variables are not shown.
func templateDiff(a, b *template) (before, after []string) { return linesDiff(a.lines(), b.lines()) }

func linesDiff(was, is map[string]string) (before, after []string) {
	for _, k := range slices.Sorted(maps.Keys(was)) {
		if now, ok := is[k]; !ok || now != was[k] {
			before = append(before, shown(k, was[k]))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(is)) {
		if then, ok := was[k]; !ok || then != is[k] {
			after = append(after, shown(k, is[k]))
		}
	}
	return before, after
}

// shown is a line for people: hashes tell them nothing.
func shown(key, value string) string {
	if hidden, ok := strings.CutPrefix(value, "#"); ok {
		return key + ": (" + hidden + ")"
	}
	return key + ": " + value
}

func (t *template) lines() map[string]string {
	out := map[string]string{}
	if t.Spec.Account != "" {
		out["service account"] = t.Spec.Account
	}
	if at := t.Annotations[annotationRestarted]; at != "" {
		out["restart"] = at
	}
	for _, c := range t.Spec.Containers {
		out["image of "+c.Name] = c.Image
		if r := append(pairs(c.Resources.Requests), pairs(c.Resources.Limits)...); len(r) > 0 {
			out["resources of "+c.Name] = "requests " + strings.Join(pairs(c.Resources.Requests), " ") + ", limits " + strings.Join(pairs(c.Resources.Limits), " ")
		}
		if len(c.Command)+len(c.Args) > 0 {
			out["command of "+c.Name] = "#" + digest(c.Command, c.Args)
		}
		for k, v := range c.Env {
			out["variable "+k+" of "+c.Name] = "#" + v
		}
	}
	for _, v := range t.Spec.Volumes {
		switch {
		case v.Claim != nil:
			out["claim "+v.Claim.Name] = "mounted"
		case v.ConfigMap != nil:
			out["config map "+v.ConfigMap.Name] = "mounted"
		case v.Secret != nil:
			out["secret "+v.Secret.Name] = "mounted"
		}
	}
	return out
}

func contentChanges(s *state, r *resource, old, now *content, add adder) {
	is := now
	if is == nil {
		is = old
	}
	kind, word := ConfigMap, "config map"
	if r.name == secrets {
		kind, word = Secret, "secret"
	}
	if is.Type == helmRelease {
		releaseChanges(s.id(Release, is.Namespace, is.Labels["name"]), old, now, add)
		return
	}
	if is.scaler != nil {
		scalerChanges(s.id(ClusterAutoscaler, is.Namespace, "cluster-autoscaler"), old.scales(), now.scales(), add)
		return
	}
	if old == nil || now == nil {
		return // they come and go with what uses them
	}
	var added, removed, other []string
	for k, v := range now.Data {
		if was, ok := old.Data[k]; !ok {
			added = append(added, k)
		} else if was != v {
			other = append(other, k)
		}
	}
	for k := range old.Data {
		if _, ok := now.Data[k]; !ok {
			removed = append(removed, k)
		}
	}
	var parts []string
	for _, p := range []struct {
		word string
		keys []string
	}{{"changed", other}, {"new", added}, {"gone", removed}} {
		if len(p.keys) > 0 {
			slices.Sort(p.keys)
			parts = append(parts, p.word+": "+strings.Join(p.keys, ", "))
		}
	}
	if len(parts) > 0 {
		add(s.id(kind, is.Namespace, is.Name), string(kind)+"-change", fmt.Sprintf("The %s %s is another (%s)", word, is.key(), strings.Join(parts, "; ")), old.hash(), now.hash())
	}
}

// releaseChanges tells of a revision that Helm has deployed, or could not.
func releaseChanges(id string, old, now *content, add adder) {
	if now == nil || old != nil && old.Labels["status"] == now.Labels["status"] {
		return
	}
	name, version := now.Namespace+"/"+now.Labels["name"], now.Labels["version"]
	switch now.Labels["status"] {
	case "deployed":
		add(id, "release", fmt.Sprintf("Helm release %s: revision %s is deployed", name, version), "", version)
	case "failed":
		add(id, "release", fmt.Sprintf("Helm release %s: revision %s has failed", name, version), "", version)
	}
}

func ruleText(r *role) string {
	var out []string
	for _, rule := range r.Rules {
		out = append(out, strings.Join(rule.Verbs, ",")+" "+strings.Join(rule.Resources, ","))
	}
	return strings.Join(out, "\n")
}

func bindingChanges(s *state, old, now *binding, add adder) {
	is := now
	if is == nil {
		is = old
	}
	id := s.id(RoleBinding, is.Name)
	if is.Namespace != "" {
		id = s.id(RoleBinding, is.Namespace, is.Name)
	}
	text := func(b *binding) string {
		if b == nil {
			return ""
		}
		f := grant{binding: b}.facts()
		return f["role"] + " to " + f["subjects"]
	}
	if before, after := text(old), text(now); before != after {
		add(id, "rights", fmt.Sprintf("The role binding %s changed", strings.TrimPrefix(is.key(), "/")), before, after)
	}
}
