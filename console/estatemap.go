package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
)

// mapPage is the map of one cluster, or of one namespace in it.
type mapPage struct {
	Env, Space string
	At, Asked  time.Time
	Cluster    estate.Entity
	All        []string // environments that have one
	Spaces     []string
	Doubt      string
	Verdict    condition
	Notes      []string
	Graph      *mapGraph
	Pictures   []*mapPicture
	Left       int // workloads of the namespace that are not drawn
	Calls      bool
	Rates      bool
}

const (
	mapThings       = 150 // most that are drawn of one namespace
	mapNamespaces   = 120 // most that are drawn of one cluster
	mapEnvironments = 20  // most that are asked for who calls whom
	mapListed       = 400 // most that the list beneath names
)

func (c *Console) estateMap(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	at, err := askedTime(q.Get("at"))
	if err != nil {
		return err
	}
	p := mapPage{Env: q.Get("env"), Space: q.Get("ns"), At: at, Asked: c.opt.Now()}
	clusters, err := c.Estate.Entities(r.Context(), c.actor(r), estate.Filter{Tenant: c.opt.Tenant, Kinds: []estate.Kind{kindCluster}, At: at, Limit: 500})
	if err != nil {
		return err
	}
	for _, e := range clusters.Entities {
		if p.All = append(p.All, e.Environment); p.Cluster.ID == "" && (p.Env == "" || p.Env == e.Environment) {
			p.Cluster = e
		}
	}
	if p.Cluster.ID == "" && p.Env != "" {
		return estate.ErrNotFound
	}
	title := "Map"
	if p.Cluster.ID != "" {
		p.Env = p.Cluster.Environment
		title = "Map of " + p.Env
		if err := c.readMap(r, &p); err != nil {
			return err
		}
	}
	return c.render(w, r, http.StatusOK, title, "/estate", mapView(p))
}

// readMap reads what is drawn, in a fixed number of questions, and draws it.
func (c *Console) readMap(r *http.Request, p *mapPage) error {
	v := &kubeView{At: p.At, Asked: p.Asked, Env: p.Env}
	if s := c.reachOf(p.Cluster, p.At); s.Mark != "steady" {
		v.Doubt, p.Doubt = s.Text, s.Text
	}
	facts := mapFacts{}
	var err error
	if facts.Entities, err = c.part(r, v, nil, kindNamespace, kindWorkload, "service", "ingress", "route"); err != nil {
		return err
	}
	if facts.Relations, err = c.Estate.Graph(r.Context(), c.actor(r), c.opt.Tenant, p.Env, p.At, "routes-to", estate.Calls); err != nil {
		return err
	}
	if facts.Standing, err = c.standingFindings(r, p.Env, p.At); err != nil {
		return err
	}
	calls, err := c.callsBeside(r, p)
	if err != nil {
		p.Notes = append(p.Notes, c.partError(r, "Who calls whom", err))
	}
	facts.Relations = append(facts.Relations, calls...)
	if p.At.IsZero() && c.Courses != nil {
		facts.Rates = ratesOf(c.Courses())
	}
	g := graphOf(facts, v)
	for _, t := range g.Ties {
		p.Calls, p.Rates = p.Calls || !t.Leads, p.Rates || t.Known
	}
	for _, s := range g.Groups {
		if s.URL != "" {
			p.Spaces = append(p.Spaces, s.Name)
		}
	}
	p.Graph = g
	forms := mapForms
	if p.Space != "" {
		var ok bool
		p.Graph, p.Left, ok = g.within(p.Space, mapThings, func(space string) string { return mapURL(p.Env, space, p.At) })
		if !ok { // it has nothing to draw, or there is none
			if !slices.ContainsFunc(facts.Entities, func(e estate.Entity) bool { return e.ID == spaceID(*p) }) {
				return estate.ErrNotFound
			}
			p.Graph = &mapGraph{}
		}
		forms = slices.Clone(forms)
		for i := range forms {
			forms[i] = forms[i].inner()
		}
	} else {
		p.Left = g.trim(mapNamespaces)
	}
	for _, f := range forms {
		p.Pictures = append(p.Pictures, p.Graph.draw(f))
	}
	p.Verdict = mapVerdict(p.Graph, p.Space)
	return nil
}

// callsBeside are the calls that figures tell of. What is seen by figures is
// kept in environments that have no cluster of their own.
func (c *Console) callsBeside(r *http.Request, p *mapPage) (out []estate.Relation, err error) {
	environments, err := c.Estate.Environments(r.Context(), c.actor(r), c.opt.Tenant)
	asked := 0
	for _, e := range environments {
		if e.Name == p.Env || e.Entities[kindCluster] > 0 || asked >= mapEnvironments {
			continue
		}
		asked++
		list, err := c.Estate.Graph(r.Context(), c.actor(r), c.opt.Tenant, e.Name, p.At, estate.Calls)
		if err != nil {
			return out, err
		}
		out = append(out, list...)
	}
	return out, err
}

// ratesOf are the requests a second from caller to callee.
func ratesOf(courses []detect.Course) map[[2]string]float64 {
	out := map[[2]string]float64{}
	for _, x := range courses {
		if x.Kind == "edge" && x.Signal == "traffic" {
			out[[2]string{x.Caller, x.Callee}] += x.Value
		}
	}
	return out
}

// trim leaves out namespaces beyond the most that are drawn, those that are
// well first.
func (g *mapGraph) trim(most int) (left int) {
	if len(g.Groups) <= most {
		return 0
	}
	order := make([]int, len(g.Groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return g.rank(a) - g.rank(b) })
	gone := map[int]bool{}
	for _, n := range order[most:] {
		gone[n] = true
	}
	left = len(gone)
	at, group := map[int]int{}, make([]int, len(g.Groups))
	var groups []mapGroup
	for n, s := range g.Groups {
		if !gone[n] {
			group[n] = len(groups)
			groups = append(groups, mapGroup{Name: s.Name, URL: s.URL, Tier: s.Tier})
		}
	}
	var things []mapThing
	for i, t := range g.Things {
		if gone[t.Group] {
			continue
		}
		at[i], t.Group = len(things), group[t.Group]
		groups[t.Group].Things = append(groups[t.Group].Things, len(things))
		things = append(things, t)
	}
	var ties []mapTie
	for _, t := range g.Ties {
		from, ok := at[t.From]
		to, also := at[t.To]
		if ok && also {
			t.From, t.To = from, to
			ties = append(ties, t)
		}
	}
	g.Things, g.Groups, g.Ties = things, groups, ties
	g.settle()
	return left
}

// mapVerdict says in a sentence how the workloads on a map do.
func mapVerdict(g *mapGraph, space string) condition {
	var all []int
	for i, t := range g.Things {
		if t.Kind == kindWorkload {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return condition{"unknown", "No workload was seen."}
	}
	counts := g.counts(all)
	sick, unknown := 0, 0
	var parts []string
	for _, c := range counts {
		switch {
		case c.Mark == "unknown":
			unknown = c.Count
		case mapThing{Mark: c.Mark}.sick():
			sick += c.Count
			parts = append(parts, fmt.Sprintf("%d %s", c.Count, mapWord(c.Mark)))
		}
	}
	of := countOf(len(all), "workload", "workloads")
	if space == "" {
		of += " in " + countOf(len(g.spaces()), "namespace", "namespaces")
	}
	switch {
	case sick > 0:
		text := fmt.Sprintf("%s of %s %s not well: %s.", upperFirst(number(sick)), of, plural(sick, "is", "are"), strings.Join(parts, ", "))
		if unknown > 0 {
			text += fmt.Sprintf(" How %s is not known.", countOf(unknown, "other does", "others do"))
		}
		return condition{counts[0].Mark, text}
	case unknown > 0:
		return condition{"unknown", fmt.Sprintf("How %s of %s %s is not known.", number(unknown), of, plural(unknown, "does", "do"))}
	}
	return condition{"steady", fmt.Sprintf("All is well: %s.", of)}
}

// spaces are the groups that are namespaces.
func (g *mapGraph) spaces() (out []mapGroup) {
	for _, s := range g.Groups {
		if s.URL != "" {
			out = append(out, s)
		}
	}
	return out
}

// mapURL is the map of a namespace, or of all where space is empty.
func mapURL(env, space string, at time.Time) string {
	return with("/map", "env", env, "ns", space, "at", atText(at))
}

// listed are the things that the list names, what hurts first.
func (g *mapGraph) listed() []int {
	order := make([]int, len(g.Things))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return markRank(g.Things[a].Mark) - markRank(g.Things[b].Mark) })
	return order[:min(mapListed, len(order))]
}

// sickest are the workloads that are not well, what hurts first.
func (g *mapGraph) sickest() (out []mapThing) {
	for _, i := range g.listed() {
		if t := g.Things[i]; t.sick() && t.Kind == kindWorkload {
			out = append(out, t)
		}
	}
	return out
}

// mapTied is one end of a tie, told from the other.
type mapTied struct {
	Thing int
	Name  string
	URL   string
	Rate  string
}

// tied are the ends of a thing's ties: whom it calls or leads to, and by whom
// it is called; the most first.
func (g *mapGraph) tied() (calls, called map[int][]mapTied) {
	calls, called = map[int][]mapTied{}, map[int][]mapTied{}
	ties := slices.Clone(g.Ties)
	slices.SortStableFunc(ties, func(a, b mapTie) int {
		switch {
		case a.Rate > b.Rate:
			return -1
		case a.Rate < b.Rate:
			return 1
		}
		return 0
	})
	name := func(of, n int) string {
		t := g.Things[n]
		if s := g.Groups[t.Group]; s.URL != "" && t.Group != g.Things[of].Group {
			return s.Name + "/" + t.Name
		}
		return t.Name
	}
	for _, t := range ties {
		calls[t.From] = append(calls[t.From], mapTied{t.To, name(t.From, t.To), g.Things[t.To].URL, rateText(t)})
		called[t.To] = append(called[t.To], mapTied{t.From, name(t.To, t.From), g.Things[t.From].URL, rateText(t)})
	}
	return calls, called
}

// px writes a length of a picture.
func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// viewBox is the box of a picture.
func (p *mapPicture) viewBox() string { return fmt.Sprintf("0 0 %.0f %.0f", p.Width, p.Height) }

// label is a thing for those who hear it.
func (t mapThing) label() string {
	text := t.Name + ", " + strings.ToLower(t.Sort) + ", " + t.word()
	if t.Why != "" {
		text += ": " + t.Why
	}
	return text
}

// spaceID is the id of the namespace that a page shows.
func spaceID(p mapPage) string {
	return estate.ID(kindNamespace, subjectOf(p.Cluster.ID).cube.cluster, p.Space)
}
