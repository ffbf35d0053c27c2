package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// The map of a cluster is made in three steps, each pure: what is drawn
// (mapGraph, here), where (maplayout.go), and how the lines go (maproute.go).

// mapThing is one thing on the map: a workload, or what leads to one, or what
// is called and lies outside.
type mapThing struct {
	ID, Name, Where string // Where is its application or its namespace
	Kind            estate.Kind
	Sort            string // "Deployment"
	URL             string
	Mark            string
	State           string // how it does, in a sentence
	Why             string // what makes it stand out: its state, or a finding
	Ready           string // "2 of 3"
	Findings        tally
	Group           int  // place in mapGraph.Groups
	Outside         bool // of the cluster: nothing is known of how it does
}

// sick tells that it is to stand out.
func (t mapThing) sick() bool {
	return t.Mark == "now" || t.Mark == "soon" || t.Mark == "risk" || t.Mark == "tended"
}

// shown is what a thing is called on the map; what leads in is known by its
// host.
func (t mapThing) shown() string {
	if t.Kind == "ingress" || t.Kind == "route" {
		host, _, _ := strings.Cut(t.State, ",")
		return cmp.Or(strings.ToLower(host), t.Name)
	}
	return t.Name
}

// found adds a finding; where it is worse than all that is known, it is why.
// What is only worth knowing, or was accepted, changes nothing.
func (t *mapThing) found(f finding.Finding) {
	t.Findings.add(f)
	if mark := worse(t.Mark, markOf(f)); mark != t.Mark && markRank(mark) <= markRank("unknown") {
		t.Mark, t.Why = mark, f.Title
	}
}

// mapGroup is a namespace, or an application where one namespace is drawn.
type mapGroup struct {
	Name, URL string
	Tier      int   // what is asked from outside first, then what is called, then the others
	Things    []int // places in mapGraph.Things, in the order of their names
	Apps      []mapApp
}

// mapApp is the things of one application, or of none.
type mapApp struct {
	Name   string
	Things []int
}

// mapTie is who calls or leads to whom.
type mapTie struct {
	From, To int
	Rate     float64 // requests a second, where Known
	Known    bool
	Leads    bool // an ingress or route leads there; else it calls
}

type mapGraph struct {
	Things []mapThing
	Groups []mapGroup
	Ties   []mapTie
	Bare   int // namespaces without anything to draw
}

// worse is the mark of the two that hurts more.
func worse(a, b string) string {
	if b != "" && markRank(b) >= 0 && markRank(b) < markRank(a) {
		return b
	}
	return a
}

// mark is the worst in a group; what rests, or is accepted, is well enough.
func (g *mapGraph) mark(n int) string {
	mark := "steady"
	for _, t := range g.Groups[n].Things {
		if m := g.Things[t].Mark; markRank(m) <= markRank("unknown") {
			mark = worse(mark, m)
		}
	}
	return mark
}

// rank orders groups, what hurts first.
func (g *mapGraph) rank(n int) int { return markRank(g.mark(n)) }

// counts tells how many of a group's things have each mark, what hurts first.
func (g *mapGraph) counts(things []int) (out []markCount) {
	for _, t := range things {
		mark := g.Things[t].Mark
		if g.Things[t].Outside {
			continue
		}
		i := slices.IndexFunc(out, func(c markCount) bool { return c.Mark == mark })
		if i < 0 {
			i, out = len(out), append(out, markCount{Mark: mark})
		}
		out[i].Count++
	}
	slices.SortFunc(out, func(a, b markCount) int { return cmp.Compare(markRank(a.Mark), markRank(b.Mark)) })
	return out
}

type markCount struct {
	Mark  string
	Count int
}

// mapWord is the word of a mark on the map.
func mapWord(mark string) string {
	return map[string]string{"now": "now", "soon": "soon", "risk": "at risk", "tended": "looked after", "unknown": "not known",
		"accepted": "accepted", "info": "at rest", "steady": "well"}[mark]
}

// word is that of a thing's mark.
func (t mapThing) word() string {
	if t.Outside {
		return "elsewhere"
	}
	return mapWord(t.Mark)
}

// mapFacts is what the map is made of.
type mapFacts struct {
	Entities  []estate.Entity   // namespaces, workloads, services, ingresses, routes
	Relations []estate.Relation // calls and routes-to
	Rates     map[[2]string]float64
	Standing  []finding.Finding
}

// most that is drawn of what lies outside.
const mapOutside = 12

// graphOf finds out what there is, how each does, and who calls whom.
func graphOf(in mapFacts, v *kubeView) *mapGraph {
	g := &mapGraph{}
	spaces := map[string]int{}
	for _, e := range in.Entities {
		if e.Kind == kindNamespace {
			spaces[e.Name] = 0
			g.Groups = append(g.Groups, mapGroup{Name: e.Name, URL: thenURL(v.Env, e.ID, v.At), Tier: 2})
		}
	}
	slices.SortFunc(g.Groups, func(a, b mapGroup) int { return strings.Compare(a.Name, b.Name) })
	for i, s := range g.Groups {
		spaces[s.Name] = i
	}
	x := &mapIndex{byID: map[string]int{}, named: map[string]int{}, alone: map[string]int{}, behind: map[string][]int{}}
	byID := slices.SortedFunc(slices.Values(in.Entities), func(a, b estate.Entity) int { return strings.Compare(a.ID, b.ID) })
	for _, e := range byID {
		space, known := spaces[spaceOf(e.ID)]
		if known && e.Kind == kindWorkload {
			x.add(g, e, workloadThing(e, v, space))
		}
	}
	x.fold(g)
	for _, f := range in.Standing {
		if i, ok := x.troubled(f.Entity, g); ok {
			g.Things[i].found(f)
		}
	}
	for _, r := range in.Relations {
		if r.Kind == "routes-to" && strings.HasPrefix(r.From, "service:") {
			if i, ok := x.byID[r.To]; ok && !slices.Contains(x.behind[r.From], i) {
				x.behind[r.From] = append(x.behind[r.From], i)
			}
		}
	}
	g.lead(byID, in, x, v, spaces)
	g.call(in, x, v)
	for i := range g.Things {
		s := &g.Groups[g.Things[i].Group]
		s.Things = append(s.Things, i)
	}
	g.settle()
	return g
}

// settle puts things and groups in order, and takes empty groups out.
func (g *mapGraph) settle() {
	kept := make([]int, len(g.Groups))
	var groups []mapGroup
	for i, s := range g.Groups {
		if kept[i] = len(groups); len(s.Things) == 0 {
			g.Bare++
			continue
		}
		slices.SortFunc(s.Things, func(a, b int) int {
			return cmp.Or(strings.Compare(g.Things[a].Name, g.Things[b].Name), strings.Compare(g.Things[a].ID, g.Things[b].ID))
		})
		s.Apps = g.apps(s.Things)
		groups = append(groups, s)
	}
	for i := range g.Things {
		g.Things[i].Group = kept[g.Things[i].Group]
	}
	g.Groups = groups
}

// apps are what leads into a group, its applications with more than one thing
// by name, and last what belongs to none of them.
func (g *mapGraph) apps(things []int) (out []mapApp) {
	of := map[string][]int{}
	for _, t := range things {
		of[g.Things[t].Where] = append(of[g.Things[t].Where], t)
	}
	var alone, leads []int
	for _, t := range things {
		switch name := g.Things[t].Where; {
		case g.Things[t].Kind == "ingress" || g.Things[t].Kind == "route":
			leads = append(leads, t)
		case name == "" || len(of[name]) < 2:
			alone = append(alone, t)
		case of[name][0] == t:
			out = append(out, mapApp{name, of[name]})
		}
	}
	slices.SortFunc(out, func(a, b mapApp) int { return strings.Compare(a.Name, b.Name) })
	if len(leads) > 0 {
		out = slices.Insert(out, 0, mapApp{"", leads})
	}
	if len(alone) > 0 {
		out = append(out, mapApp{"", alone})
	}
	return out
}

func workloadThing(e estate.Entity, v *kubeView, group int) mapThing {
	a := e.Attributes
	state := v.trust(workloadStanding(a, v.when()))
	t := mapThing{ID: e.ID, Name: subjectOf(e.ID).cube.own, Where: a["application"], Kind: e.Kind, Sort: a["kind"], URL: thenURL(v.Env, e.ID, v.At), Mark: state.Mark, State: state.Text, Why: state.Text, Group: group}
	if ready, known := countIn(a, "ready"); known {
		wanted, _ := countIn(a, "wanted")
		t.Ready = fmt.Sprintf("%d of %d", ready, wanted)
	}
	return t
}

// mapIndex finds the thing that an id means, however much the id tells.
type mapIndex struct {
	byID   map[string]int   // entity
	named  map[string]int   // namespace/name
	alone  map[string]int   // name that only one workload has; -1 where several have it
	behind map[string][]int // workloads that answer for a service
}

func (x *mapIndex) add(g *mapGraph, e estate.Entity, t mapThing) {
	i := len(g.Things)
	g.Things = append(g.Things, t)
	x.byID[e.ID] = i
	k := subjectOf(e.ID).cube
	if _, had := x.named[k.space+"/"+k.own]; !had {
		x.named[k.space+"/"+k.own] = i
	}
	if _, had := x.alone[k.own]; had {
		i = -1
	}
	x.alone[k.own] = i
}

// fold makes the runs of a cron job one with it. Their names tell whose they
// are: the cron job's and a number.
func (x *mapIndex) fold(g *mapGraph) {
	gone := map[int]int{}
	for i, t := range g.Things {
		base := strings.TrimRight(t.Name, "0123456789")
		if t.Sort != "Job" || base == t.Name || !strings.HasSuffix(base, "-") {
			continue
		}
		k := subjectOf(t.ID).cube
		if to, ok := x.byID[estate.ID(kindWorkload, k.cluster, k.space, "cronjob/"+strings.TrimSuffix(base, "-"))]; ok {
			gone[i] = to
			if t.sick() {
				g.Things[to].Mark, g.Things[to].Why = worse(g.Things[to].Mark, t.Mark), "Its run "+t.Name+": "+t.Why
			}
		}
	}
	if len(gone) == 0 {
		return
	}
	at := make([]int, len(g.Things))
	var kept []mapThing
	for i, t := range g.Things {
		if _, is := gone[i]; !is {
			at[i] = len(kept)
			kept = append(kept, t)
		}
	}
	move := func(all map[string]int) {
		for id, i := range all {
			if i < 0 {
				continue
			}
			if to, is := gone[i]; is {
				i = to
			}
			all[id] = at[i]
		}
	}
	move(x.byID)
	move(x.named)
	move(x.alone)
	g.Things = kept
}

// troubled is the workload that a finding is about, or about a pod of.
func (x *mapIndex) troubled(id string, g *mapGraph) (int, bool) {
	if i, ok := x.byID[id]; ok {
		return i, true
	}
	k := subjectOf(id).cube
	if !strings.HasPrefix(id, string(kindPod)+":") || k.space == "" {
		return 0, false
	}
	// A pod's name is its workload's with one or two parts more.
	name := k.own
	for range 3 {
		cut := strings.LastIndexByte(name, '-')
		if cut < 0 {
			return 0, false
		}
		name = name[:cut]
		if i, ok := x.named[k.space+"/"+name]; ok && subjectOf(g.Things[i].ID).cube.has(id) {
			return i, true
		}
	}
	return 0, false
}

// means are the things that the end of a call means. Figures name services and
// workloads without their cluster, and often after the workload.
func (x *mapIndex) means(id, cluster string) []int {
	if i, ok := x.byID[id]; ok {
		return []int{i}
	}
	if list := x.behind[id]; len(list) > 0 {
		return list
	}
	kind, rest, _ := strings.Cut(id, ":")
	if kind != "service" && kind != string(kindWorkload) && kind != string(kindPod) {
		return nil
	}
	parts := strings.Split(rest, ":")
	switch len(parts) {
	case 1:
		if i, ok := x.alone[parts[0]]; ok && i >= 0 {
			return []int{i}
		}
	case 2:
		if i, ok := x.named[parts[0]+"/"+parts[1]]; ok {
			return []int{i}
		}
		return x.behind[estate.ID("service", cluster, parts[0], parts[1])]
	case 3:
		if parts[0] == cluster {
			if i, ok := x.named[parts[1]+"/"+parts[2]]; ok {
				return []int{i}
			}
		}
	}
	return nil
}

// lead adds what leads into the cluster: ingresses and routes.
func (g *mapGraph) lead(entities []estate.Entity, in mapFacts, x *mapIndex, v *kubeView, spaces map[string]int) {
	leads := map[string][]string{}
	for _, r := range in.Relations {
		if r.Kind == "routes-to" && !strings.HasPrefix(r.From, "service:") {
			leads[r.From] = append(leads[r.From], r.To)
		}
	}
	for _, e := range entities {
		group, known := spaces[spaceOf(e.ID)]
		if !known || e.Kind != "ingress" && e.Kind != "route" {
			continue
		}
		b := boundOf(e, v)
		t := mapThing{ID: e.ID, Name: subjectOf(e.ID).cube.own, Kind: e.Kind, Sort: upperFirst(kindWord(e.Kind, 1)), URL: b.URL, State: upperFirst(b.Text), Why: upperFirst(b.Text), Mark: v.trusted(cmp.Or(b.Mark, "steady")), Group: group}
		g.Groups[group].Tier = 0
		from := len(g.Things)
		for _, f := range in.Standing {
			if f.Entity == e.ID {
				t.found(f)
			}
		}
		g.Things = append(g.Things, t)
		for _, service := range leads[e.ID] {
			for _, to := range append(slices.Clone(x.behind[service]), x.means(service, subjectOf(e.ID).cube.cluster)...) {
				g.tie(mapTie{From: from, To: to, Leads: true})
			}
		}
	}
}

// tie adds one, or to the one that there is.
func (g *mapGraph) tie(t mapTie) {
	if t.From == t.To {
		return
	}
	for i := range g.Ties {
		if o := &g.Ties[i]; o.From == t.From && o.To == t.To {
			o.Rate, o.Known = o.Rate+t.Rate, o.Known || t.Known
			return
		}
	}
	g.Ties = append(g.Ties, t)
}

// call adds who calls whom, by the ids of both ends so that the order is
// always the same, and what lies outside the cluster.
func (g *mapGraph) call(in mapFacts, x *mapIndex, v *kubeView) {
	cluster := v.Env
	for _, e := range in.Entities {
		if k := subjectOf(e.ID).cube; k.cluster != "" {
			cluster = k.cluster
			break
		}
	}
	calls := map[[2]string]bool{}
	for _, r := range in.Relations {
		if r.Kind == estate.Calls {
			calls[[2]string{r.From, r.To}] = true
		}
	}
	ends := make([][2]string, 0, len(calls))
	for c := range calls {
		ends = append(ends, c)
	}
	slices.SortFunc(ends, func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(in.Rates[b], in.Rates[a]), strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	})
	beyond, outside := map[string]int{}, -1
	far := func(id string) []int {
		if outside < 0 {
			outside = len(g.Groups)
			g.Groups = append(g.Groups, mapGroup{Name: "Outside this cluster", Tier: 3})
		}
		i, had := beyond[id]
		if !had && len(beyond) >= mapOutside {
			return nil
		}
		if !had {
			s := subjectOf(id)
			kind, _, _ := strings.Cut(id, ":")
			i = len(g.Things)
			beyond[id] = i
			g.Things = append(g.Things, mapThing{ID: id, Name: s.name, Kind: estate.Kind(kind), Sort: upperFirst(kindWord(estate.Kind(kind), 1)), URL: thenURL("", id, v.At), Mark: "info", State: "It is not in this cluster.", Why: "It is not in this cluster.", Group: outside, Outside: true})
		}
		return []int{i}
	}
	type pair struct{ from, to int }
	seen := map[pair]int{}
	for _, c := range ends {
		from, to := x.means(c[0], cluster), x.means(c[1], cluster)
		switch {
		case len(from) == 0 && len(to) == 0:
			continue
		case len(from) == 0:
			from = far(c[0])
		case len(to) == 0:
			to = far(c[1])
		}
		rate, known := in.Rates[c]
		for _, a := range from {
			for _, b := range to {
				if a == b {
					continue
				}
				// What goes to several workloads behind one service cannot be told apart.
				t := mapTie{From: a, To: b, Rate: rate, Known: known && len(from)*len(to) == 1}
				if !t.Known {
					t.Rate = 0
				}
				if i, had := seen[pair{a, b}]; had {
					g.Ties[i].Rate, g.Ties[i].Known = g.Ties[i].Rate+t.Rate, g.Ties[i].Known || t.Known
					continue
				}
				seen[pair{a, b}] = len(g.Ties)
				g.Ties = append(g.Ties, t)
				for _, end := range []int{a, b} {
					s := &g.Groups[g.Things[end].Group]
					s.Tier = min(s.Tier, 1)
				}
			}
		}
	}
	if outside >= 0 {
		g.Groups[outside].Tier = 3
	}
}

// countsText says "2 now, 1 soon, 14 well".
func countsText(counts []markCount) string {
	var parts []string
	for _, c := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", c.Count, mapWord(c.Mark)))
	}
	return strings.Join(parts, ", ")
}

// rateText is how much goes along a tie; "" where nobody tells.
func rateText(t mapTie) string {
	if !t.Known {
		return ""
	}
	return figure.In(t.Rate, "1/s")
}
