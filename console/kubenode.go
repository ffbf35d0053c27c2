package console

import (
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// nodeView is what a node's page shows.
type nodeView struct {
	State      condition
	Conditions []conditionLine
	Uses       []useLine
	Pods       []podLine
	More       int
}

// conditionLine is one thing that a node says of itself.
type conditionLine struct{ Title, Text, Mark string }

func (c *Console) readNode(r *http.Request, v *kubeView, e estate.Entity, rng askedRange) error {
	pods, err := c.part(r, v, []string{e.ID}, kindPod)
	if err != nil {
		return err
	}
	n := &nodeView{State: v.trust(nodeStanding(e.Attributes, v.when())), Conditions: conditions(e.Attributes)}
	v.Node = n
	for i := range n.Conditions {
		n.Conditions[i].Mark = v.trusted(n.Conditions[i].Mark)
	}
	var asked, had load
	had.allocatable(e.Attributes)
	for _, p := range pods {
		v.near[p.ID] = true
		asked.pod(p.Attributes)
	}
	n.Uses = asked.of(had)
	n.Pods, n.More = podLines(pods, v)
	for i := range n.Pods {
		n.Pods[i].Node = "" // it is this one
	}
	return c.figuresOf(r.Context(), n.Pods, subjectOf(e.ID), `node="$own"`, rng.To)
}

// nodeStanding says how a node does.
func nodeStanding(a map[string]string, now time.Time) condition {
	since := ""
	if t := timeIn(a, "ready_since"); !t.IsZero() && now.After(t) {
		since = " for " + spanWords(now.Sub(t))
	}
	why, mark := nodeTrouble(a)
	switch {
	case why == "":
		return condition{"steady", "It has been ready" + since + "."}
	case a["ready"] == "false":
		why = strings.Replace(why, "not ready", "It has not been ready"+since, 1)
	case a["ready"] == "true":
		why = "It is ready, but " + strings.Replace(why, "its kubelet is silent", "its kubelet has not been heard of in time", 1)
	}
	return condition{mark, upperFirst(why) + "."}
}

// conditions are what a node says of itself; what it does not say is not known.
func conditions(a map[string]string) []conditionLine {
	truth := func(title, key, good, yes, no string) conditionLine {
		l := conditionLine{Title: title, Text: "not known", Mark: "unknown"}
		switch a[key] {
		case "true":
			l.Text = yes
		case "false":
			l.Text = no
		default:
			return l
		}
		if l.Mark = "soon"; a[key] == good {
			l.Mark = "steady"
		}
		return l
	}
	out := []conditionLine{truth("Ready", "ready", "true", "yes", "no")}
	short := entries(a["pressure"])
	line := conditionLine{"Short of", "nothing", "steady"}
	switch {
	case len(short) > 0:
		line = conditionLine{"Short of", joined(short), "soon"}
	case a["ready"] != "true":
		line = conditionLine{"Short of", "not known", "unknown"}
	}
	out = append(out, line, truth("Network", "network_unavailable", "false", "missing", "there"))
	if a["network_unavailable"] == "" { // most networks do not say
		out = out[:2]
	}
	switch a["lease_age_state"] {
	case "fresh":
		out = append(out, conditionLine{"Kubelet", "heard of in time", "steady"})
	case "stale":
		out = append(out, conditionLine{"Kubelet", "silent for too long", "soon"})
	default:
		out = append(out, conditionLine{"Kubelet", "not known", "unknown"})
	}
	takes := truth("Takes new pods", "cordoned", "false", "no, it is cordoned", "yes")
	if a["cordoned"] == "true" {
		takes.Mark = "info"
	}
	out = append(out, takes)
	if n, known := countIn(a, "flaps"); known && n > 0 {
		out = append(out, conditionLine{"Came and went", countOf(n, "time", "times") + " in an hour", "soon"})
	}
	if a["taints"] != "" {
		out = append(out, conditionLine{"Taints", strings.ReplaceAll(a["taints"], ",", ", "), "info"})
	}
	return out
}

// inCube leaves out the relations that the page of a thing of a cluster shows
// otherwise: in its first line, in tables and lists.
func inCube(e estate.Entity, relations []estate.Relation) (out []estate.Relation) {
	if subjectOf(e.ID).cube.cluster == "" {
		return relations
	}
	for _, rel := range relations {
		drawn := rel.Kind == "in" ||
			e.Kind == kindNode && rel.Kind == estate.RunsOn && rel.To == e.ID ||
			e.Kind == kindNamespace && rel.Kind == "limited-by" ||
			e.Kind == kindWorkload && (rel.Kind == "routes-to" || rel.Kind == "scaled-by" || rel.Kind == "limited-by" || rel.Kind == "allowed-by" ||
				rel.Kind == estate.Owns && strings.HasPrefix(rel.To, string(kindPod)+":"))
		if !drawn {
			out = append(out, rel)
		}
	}
	return out
}
