package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/internal/health"
)

// clusterView is what a cluster's page shows.
type clusterView struct {
	State      condition
	Version    string
	Nodes      int
	NodesReady int
	NodesWell  bool // whether it is known how many nodes there are
	Unready    []nodeLine
	Phases     []phaseCount
	Pods       int
	Uses       []useLine
	Unreadable []string
	Spaces     []spaceLine // those with the worst findings first
	MoreSpaces int
}

type phaseCount struct {
	Phase string
	Count int
}

// useLine is what is asked of a resource, of what can be had.
type useLine struct {
	Title     string
	Asked, Of string
	Share     float64
	Known     bool
	Ratio     string
}

// nodeLine is a node that is not as it should be.
type nodeLine struct{ Name, URL, Why, Mark string }

const spacesOnCluster = 8

// doubt says why what is known of a cluster may be old: nobody watches it any
// more, or it does not answer. What was recorded of a past time is told as it
// was then.
func (c *Console) doubt(r *http.Request, env string, at time.Time) (string, error) {
	all, err := c.Estate.Part(r.Context(), c.actor(r), estate.Part{Tenant: c.opt.Tenant, Environment: env, Kinds: []estate.Kind{kindCluster}, At: at})
	if err != nil || len(all) == 0 {
		return "", err
	}
	switch s := c.reachOf(all[0], at); s.Mark {
	case "steady":
		return "", nil
	default:
		return s.Text, nil
	}
}

// reachOf tells whether a cluster is seen.
func (c *Console) reachOf(e estate.Entity, at time.Time) condition {
	if at.IsZero() {
		now := c.opt.Now()
		i := slices.IndexFunc(c.Health.Statuses(now), func(s health.Status) bool { return s.Part == "kubernetes "+e.Environment })
		if i < 0 {
			return condition{"unknown", "Evenkeel does not watch this cluster now. What is shown is what was seen last, and may be old."}
		}
		if s := c.Health.Statuses(now)[i]; s.State == health.Stale {
			return condition{"unknown", "Nothing was heard of this cluster since " + clock(s.LastOK, now) + ". What is shown may be old."}
		}
	}
	switch e.Attributes["reachable"] {
	case "true":
		return condition{"steady", "It is connected."}
	case "false":
		return condition{"unknown", "Its API server cannot be reached. What is shown is what was seen last, and may be old."}
	}
	return condition{"unknown", "It is being read for the first time, or did not answer yet. What is missing is not known to be absent."}
}

func (c *Console) readCluster(r *http.Request, v *kubeView, e estate.Entity) error {
	all, err := c.part(r, v, nil, kindNode, kindNamespace, kindWorkload, kindQuota, kindPod)
	if err != nil {
		return err
	}
	standing, err := c.standingFindings(r, e.Environment, v.At)
	if err != nil {
		return err
	}
	cl := &clusterView{State: c.reachOf(e, v.At), Version: e.Attributes["version"], Unreadable: entries(e.Attributes["unreadable"])}
	_, cl.NodesWell = e.Attributes["nodes"]
	phases := map[string]int{}
	var asked, had load
	for _, x := range all {
		switch x.Kind {
		case kindNode:
			cl.Nodes++
			if why, mark := nodeTrouble(x.Attributes); why == "" {
				cl.NodesReady++
			} else {
				if x.Attributes["ready"] == "true" {
					cl.NodesReady++
				}
				cl.Unready = append(cl.Unready, nodeLine{Name: x.Name, URL: thenURL(v.Env, x.ID, v.At), Why: why, Mark: mark})
			}
			had.allocatable(x.Attributes)
		case kindPod:
			cl.Pods++
			phases[cmp.Or(x.Attributes["phase"], "Unknown")]++
			asked.pod(x.Attributes)
		}
	}
	slices.SortStableFunc(cl.Unready, func(a, b nodeLine) int { return cmp.Compare(markRank(a.Mark), markRank(b.Mark)) })
	for _, p := range []string{"Running", "Pending", "Failed", "Unknown", "Succeeded"} {
		if n := phases[p]; n > 0 {
			cl.Phases = append(cl.Phases, phaseCount{p, n})
		}
	}
	cl.Uses = asked.of(had)
	cl.Spaces = spaceLines(all, standing, v)
	cl.MoreSpaces = max(0, len(cl.Spaces)-spacesOnCluster)
	cl.Spaces = cl.Spaces[:len(cl.Spaces)-cl.MoreSpaces]
	v.Cluster = cl
	return nil
}

// markRank orders marks, what hurts first; those that somebody has answered come
// after those that nobody has.
func markRank(mark string) int {
	return slices.Index([]string{"now", "soon", "risk", "tended", "unknown", "accepted", "info", "steady"}, mark)
}

// nodeTrouble says what is wrong with a node; "" where nothing is.
func nodeTrouble(a map[string]string) (why, mark string) {
	var parts []string
	switch a["ready"] {
	case "true":
	case "false":
		parts, mark = append(parts, "not ready"), "now"
	default:
		parts, mark = append(parts, "whether it is ready is not known"), "unknown"
	}
	if p := entries(a["pressure"]); len(p) > 0 {
		parts, mark = append(parts, "short of "+joined(p)), cmp.Or(mark, "soon")
	}
	if a["network_unavailable"] == "true" {
		parts, mark = append(parts, "without network"), cmp.Or(mark, "soon")
	}
	if a["lease_age_state"] == "stale" {
		parts, mark = append(parts, "its kubelet is silent"), cmp.Or(mark, "soon")
	}
	if a["cordoned"] == "true" {
		parts, mark = append(parts, "takes no new pods"), cmp.Or(mark, "info")
	}
	return strings.Join(parts, ", "), mark
}

// load is what pods ask for, or what nodes have to give.
type load struct {
	cpu, memory float64
	pods        int
	unknown     bool // some of it is not told
}

// pod adds what a pod takes of a node; one that is over or waits takes nothing.
func (l *load) pod(a map[string]string) {
	if a["node"] == "" || a["phase"] == "Succeeded" || a["phase"] == "Failed" {
		return
	}
	cpu, known := amountIn(a, "requests_cpu")
	memory, both := amountIn(a, "requests_memory")
	l.cpu, l.memory, l.pods = l.cpu+cpu, l.memory+memory, l.pods+1
	l.unknown = l.unknown || !known || !both
}

func (l *load) allocatable(a map[string]string) {
	cpu, known := amountIn(a, "allocatable_cpu")
	memory, both := amountIn(a, "allocatable_memory")
	pods, all := countIn(a, "allocatable_pods")
	l.cpu, l.memory, l.pods = l.cpu+cpu, l.memory+memory, l.pods+pods
	l.unknown = l.unknown || !known || !both || !all
}

// of holds what is asked for against what there is.
func (l load) of(had load) []useLine {
	line := func(title, unit string, asked, of float64, known bool) useLine {
		u := useLine{Title: title, Of: figure.In(of, unit), Known: known && of > 0}
		if known {
			u.Asked = figure.In(asked, unit)
		}
		if u.Known {
			u.Share, u.Ratio = min(1, asked/of), figure.In(asked/of, "ratio")
		}
		return u
	}
	known := !l.unknown && !had.unknown
	return []useLine{line("Processors", "cores", l.cpu, had.cpu, known), line("Memory", "bytes", l.memory, had.memory, known),
		line("Pods", "count", float64(l.pods), float64(had.pods), !had.unknown)}
}

// clustersPage lists the clusters.
type clustersPage struct {
	At    time.Time
	Asked time.Time
	Lines []clusterLine
}

type clusterLine struct {
	Entity     estate.Entity
	URL        string
	SpacesURL  string
	State      condition
	Nodes      string // "3 of 4", or that it is not known
	Unreadable []string
	Findings   tally
}

func (c *Console) clusters(w http.ResponseWriter, r *http.Request) error {
	at, err := askedTime(r.URL.Query().Get("at"))
	if err != nil {
		return err
	}
	p := clustersPage{At: at, Asked: c.opt.Now()}
	page, err := c.Estate.Entities(r.Context(), c.actor(r), estate.Filter{Tenant: c.opt.Tenant, Kinds: []estate.Kind{kindCluster}, At: at, Limit: 500})
	if err != nil {
		return err
	}
	for _, e := range page.Entities {
		v := &kubeView{At: at, Asked: p.Asked, Env: e.Environment}
		l := clusterLine{Entity: e, URL: thenURL(e.Environment, e.ID, at), State: c.reachOf(e, at), Unreadable: entries(e.Attributes["unreadable"]),
			SpacesURL: with("/namespaces", "env", e.Environment, "at", atText(at)), Nodes: "not known"}
		if _, known := e.Attributes["nodes"]; known {
			nodes, err := c.part(r, v, nil, kindNode)
			if err != nil {
				return err
			}
			ready := 0
			for _, n := range nodes {
				if n.Attributes["ready"] == "true" {
					ready++
				}
			}
			l.Nodes = fmt.Sprintf("%d of %d", ready, len(nodes))
		}
		standing, err := c.standingFindings(r, e.Environment, at)
		if err != nil {
			return err
		}
		for _, f := range standing {
			l.Findings.add(f)
		}
		p.Lines = append(p.Lines, l)
	}
	return c.render(w, r, http.StatusOK, "Kubernetes", "/estate", clustersView(p))
}
