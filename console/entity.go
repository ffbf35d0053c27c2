package console

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// entityPage is one thing of the estate, in a range of time.
type entityPage struct {
	Entity    estate.Entity
	Path      string // of the page, without its query
	Env       string
	Charts    []chart
	Range     askedRange
	At        time.Time // as of; zero for now
	Gone      bool
	Findings  []finding.Finding
	Changes   []changeLine
	Relations []related
	Facts     []Fact
	Top       topTable
	Sight     *detect.Sight
	Calls     entityCalls
	Kube      *kubeView // of what is in a Kubernetes cluster
	Notes     []string
	Asked     time.Time
}

// related is an entity at the other end of relations of one kind.
type related struct {
	Word   string // "runs on"
	Things []relatedThing
}

type relatedThing struct {
	ID, Name, URL string
	Kind          estate.Kind
	Source        string
	Confidence    float64
}

func (c *Console) entity(w http.ResponseWriter, r *http.Request) error {
	ctx, now := r.Context(), c.opt.Now()
	at, err := askedTime(r.URL.Query().Get("at"))
	if err != nil {
		return err
	}
	rng, err := readRange(r, at, now)
	if err != nil {
		return err
	}
	e, relations, err := c.findEntity(r, at)
	if err != nil {
		return err
	}
	p := entityPage{
		Entity: e, Path: "/entities/" + url.PathEscape(e.ID), Env: e.Environment, Charts: c.charts.Kinds[e.Kind],
		Range: rng, At: at, Gone: !e.Until.IsZero(), Relations: relate(e, inCube(e, relations), at), Facts: facts(e), Asked: now,
	}
	if p.Kube, err = c.cube(r, e, at, rng); err != nil {
		p.Notes = append(p.Notes, c.partError(r, "A part of what is known of it", err))
	}
	if p.Kube != nil && p.Kube.Unasked {
		p.Charts = slices.DeleteFunc(slices.Clone(p.Charts), func(ch chart) bool { return ch.Asks })
	}
	if p.Findings, err = c.findingsOf(r, p.Kube, e, timeSpan{rng.From, rng.To}); err != nil {
		p.Notes = append(p.Notes, c.partError(r, "Its findings", err))
	}
	if p.Kube != nil && p.Kube.Workload != nil {
		p.Kube.Workload.Wrote = lastWritten(p.Findings)
	}
	if p.Changes, err = c.changesOf(r, p.Kube, e, timeSpan{rng.From, rng.To}); err != nil {
		p.Notes = append(p.Notes, c.partError(r, "Its changes", err))
	}
	if at.IsZero() {
		if p.Sight, err = c.sightOf(r, e); err != nil {
			p.Notes = append(p.Notes, c.partError(r, "What is seen of it", err))
		}
		var told bool
		if p.Calls, told, err = c.callsOf(r, e); err != nil {
			p.Notes = append(p.Notes, c.partError(r, "Who calls whom", err))
		} else if told { // with more than a relation says
			p.Relations = relate(e, inCube(e, slices.DeleteFunc(relations, func(r estate.Relation) bool { return r.Kind == estate.Calls })), at)
		}
	}
	if e.Kind == estate.Host {
		if p.Top, err = c.topGroups(ctx, subjectOf(e.ID), r.URL.Query().Get("top"), rng.To); err != nil {
			p.Notes = append(p.Notes, c.partError(r, "Who uses the host", err))
		}
	}
	return c.render(w, r, http.StatusOK, e.Name, "/estate", entityView(p))
}

// changesOf reads the changes that may matter to an entity in a span.
func (c *Console) changesOf(r *http.Request, v *kubeView, e estate.Entity, s timeSpan) ([]changeLine, error) {
	if v != nil {
		return c.changesNear(r, v, e, s)
	}
	return c.changesOn(r, e.Environment, e.ID, s)
}

// findingsOf reads an entity's findings in a span; a host has those of all that
// is on it or was seen from it.
func (c *Console) findingsOf(r *http.Request, v *kubeView, e estate.Entity, s timeSpan) ([]finding.Finding, error) {
	if v != nil {
		return c.findingsNear(r, v, e, s)
	}
	f := finding.Filter{
		Tenant: c.opt.Tenant, Environments: []string{e.Environment}, Since: s.From, Until: s.To, Limit: 20,
	}
	if e.Kind == estate.Host {
		f.Host = subjectOf(e.ID).host
	} else {
		f.Entity = e.ID
	}
	list, err := c.Findings.List(r.Context(), c.actor(r), f)
	return list.Findings, err
}

// findEntity looks in the environment that the address names, or in each that
// the actor may see.
func (c *Console) findEntity(r *http.Request, at time.Time) (estate.Entity, []estate.Relation, error) {
	ctx, actor, id := r.Context(), c.actor(r), r.PathValue("id")
	if env := r.URL.Query().Get("env"); env != "" {
		return c.Estate.Entity(ctx, actor, c.opt.Tenant, env, id, at)
	}
	return c.Estate.Find(ctx, actor, c.opt.Tenant, id, at)
}

// entityURL is an entity's page.
func entityURL(env, id string) string {
	u := "/entities/" + url.PathEscape(id)
	if env != "" {
		u += "?env=" + url.QueryEscape(env)
	}
	return u
}

// relate groups relations by how they read from this entity.
func relate(e estate.Entity, relations []estate.Relation, at time.Time) []related {
	var out []related
	for _, rel := range relations {
		other, word := rel.To, relationWord(rel.Kind, true)
		if rel.To == e.ID {
			other, word = rel.From, relationWord(rel.Kind, false)
		}
		kind, _, _ := strings.Cut(other, ":")
		s := subjectOf(other)
		thing := relatedThing{ID: other, Name: s.name, Kind: estate.Kind(kind), URL: thenURL(e.Environment, other, at), Source: rel.Source, Confidence: rel.Confidence}
		i := slices.IndexFunc(out, func(g related) bool { return g.Word == word })
		if i < 0 {
			out = append(out, related{Word: word})
			i = len(out) - 1
		}
		if !slices.ContainsFunc(out[i].Things, func(t relatedThing) bool { return t.ID == other }) {
			out[i].Things = append(out[i].Things, thing)
		}
	}
	for _, g := range out {
		slices.SortFunc(g.Things, func(a, b relatedThing) int {
			if a.Kind != b.Kind {
				return strings.Compare(string(a.Kind), string(b.Kind))
			}
			return strings.Compare(a.Name, b.Name)
		})
	}
	return out
}

func facts(e estate.Entity) []Fact {
	out := make([]Fact, 0, len(e.Attributes))
	for k, v := range e.Attributes {
		out = append(out, Fact{k, v})
	}
	slices.SortFunc(out, func(a, b Fact) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// entityChart draws one chart of an entity: GET /entities/{id}/charts/{chart}.json or .svg.
func (c *Console) entityChart(w http.ResponseWriter, r *http.Request) error {
	now := c.opt.Now()
	rng, err := readRange(r, time.Time{}, now)
	if err != nil {
		return err
	}
	e, _, err := c.findEntity(r, time.Time{})
	if err != nil {
		return err
	}
	name, form, _ := strings.Cut(r.PathValue("file"), ".")
	for _, ch := range c.charts.Kinds[e.Kind] {
		if ch.ID == name {
			return c.sendChart(w, r, ch, subjectOf(e.ID), timeSpan{rng.From, rng.To}, form)
		}
	}
	return errNoPage
}

// topTable is who uses a host, by group.
type topTable struct {
	By   string // column that it is sorted by
	Rows []topRow
}

type topRow struct {
	Group, Kind string
	URL         string
	Cells       [4]topCell // in the order of topColumns
}

type topCell struct {
	Text  string
	Share float64 // of the largest in its column, for the bar
	value float64
}

// topColumns are the columns of the table of consumers.
var topColumns = []struct{ ID, Title, Unit, About, Expr string }{
	{"cpu", "Processor", "cores", "processors kept busy", `sum by (group, kind) (rate(evenkeel_group_cpu_seconds_total{instance=~"$host"}[5m]))`},
	{"delay", "Waits", "seconds", "seconds of waiting for a processor, in each second", `sum by (group, kind) (rate(evenkeel_group_cpu_delay_seconds_total{instance=~"$host"}[5m]))`},
	{"memory", "Memory", "bytes", "resident memory", `sum by (group, kind) (evenkeel_group_memory_bytes{instance=~"$host"})`},
	{"io", "Disk", "bytes/s", "read and written", `sum by (group, kind) (rate(evenkeel_group_read_bytes_total{instance=~"$host"}[5m])) + sum by (group, kind) (rate(evenkeel_group_written_bytes_total{instance=~"$host"}[5m]))`},
}

const topRows = 12

// topGroups reads who uses a host at a time, the most by one column first.
func (c *Console) topGroups(ctx context.Context, s subject, by string, at time.Time) (topTable, error) {
	column := slices.IndexFunc(topColumns, func(x struct{ ID, Title, Unit, About, Expr string }) bool { return x.ID == by })
	column = max(column, 0)
	t := topTable{By: topColumns[column].ID}
	ctx, cancel := context.WithTimeout(ctx, vitalTimeout)
	defer cancel()
	index := map[[2]string]int{}
	var most [4]float64
	for i, col := range topColumns {
		samples, err := c.Metrics.Instant(ctx, s.fill(col.Expr, 5*time.Minute), at)
		if err != nil {
			return t, err
		}
		for _, sample := range samples {
			if math.IsNaN(sample.V) {
				continue
			}
			key := [2]string{sample.Labels.Get("group"), sample.Labels.Get("kind")}
			n, seen := index[key]
			if !seen {
				n = len(t.Rows)
				index[key] = n
				t.Rows = append(t.Rows, topRow{Group: key[0], Kind: key[1]})
			}
			t.Rows[n].Cells[i] = topCell{Text: figure.In(sample.V, col.Unit), value: sample.V}
			most[i] = max(most[i], sample.V)
		}
	}
	slices.SortStableFunc(t.Rows, func(a, b topRow) int {
		switch d := b.Cells[column].value - a.Cells[column].value; {
		case d > 0:
			return 1
		case d < 0:
			return -1
		}
		return strings.Compare(a.Group, b.Group)
	})
	t.Rows = t.Rows[:min(topRows, len(t.Rows))]
	for n := range t.Rows {
		row := &t.Rows[n]
		if row.Group != "(others)" {
			kind := row.Kind
			if kind == "" {
				kind = string(estate.Group)
			}
			row.URL = entityURL("", estate.ID(estate.Kind(kind), s.host, row.Group))
		}
		for i := range row.Cells {
			if most[i] > 0 {
				row.Cells[i].Share = row.Cells[i].value / most[i]
			}
		}
	}
	return t, nil
}

// barWidth is a share as the width of a bar in a 100 wide box.
func barWidth(share float64) string { return strconv.Itoa(int(math.Round(100 * share))) }
