package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// hit is one line of what a search found.
type hit struct {
	Title, About, URL string
	Severity          finding.Severity // of a finding
	State             finding.State
}

// searchPage is what was found, by sort.
type searchPage struct {
	Text     string
	Pages    []hit
	Findings []hit
	Entities []hit
	Asked    time.Time
}

// Empty tells that nothing was found.
func (p searchPage) Empty() bool { return len(p.Pages)+len(p.Findings)+len(p.Entities) == 0 }

// places are the pages that a search finds by name.
var places = []hit{
	{Title: "Now", About: "whether all is steady, and what needs you", URL: "/"},
	{Title: "Findings", About: "what is not as it should be", URL: "/findings"},
	{Title: "Resolved findings", About: "what is over", URL: "/findings?state=resolved"},
	{Title: "Estate", About: "everything that is watched", URL: "/estate"},
	{Title: "Kubernetes", About: "the clusters and how they do", URL: "/kubernetes"},
	{Title: "Namespaces", About: "of the clusters: workloads, quotas, findings", URL: "/namespaces"},
	{Title: "Map", About: "of a cluster: workloads, how they do, and who calls whom", URL: "/map"},
	{Title: "Changes", About: "what was changed, and when", URL: "/changes"},
	{Title: "Settings", About: "people, tokens, probes, checks, Evenkeel itself", URL: "/settings"},
}

const hitsOfEach = 8

// search answers the palette with a fragment and everyone else with a page.
func (c *Console) search(w http.ResponseWriter, r *http.Request) error {
	ctx, actor := r.Context(), c.actor(r)
	p := searchPage{Text: strings.TrimSpace(r.URL.Query().Get("q")), Asked: c.opt.Now()}
	if len(p.Text) > 200 {
		return badRequest("Search for something shorter.")
	}
	for _, place := range places {
		if strings.Contains(strings.ToLower(place.Title+" "+place.About), strings.ToLower(p.Text)) {
			p.Pages = append(p.Pages, place)
		}
	}
	if p.Text != "" {
		found, err := c.Findings.List(ctx, actor, finding.Filter{Tenant: c.opt.Tenant, Text: p.Text, Limit: hitsOfEach})
		if err != nil {
			return err
		}
		for _, f := range found.Findings {
			p.Findings = append(p.Findings, hit{Title: f.Title, About: ago(f.ChangedAt, p.Asked), URL: findingURL(f.ID), Severity: f.Severity, State: f.State})
		}
		things, err := c.thingsHolding(ctx, actor, p.Text)
		if err != nil {
			return err
		}
		for _, e := range things {
			about := kindWord(e.Kind, 1)
			if host := subjectOf(e.ID).host; host != "" && e.Kind != estate.Host {
				about += " on " + host
			} else if cube := subjectOf(e.ID).cube; cube.cluster != "" && e.Kind != kindCluster {
				about += " in " + cube.cluster
			}
			p.Entities = append(p.Entities, hit{Title: e.Name, About: about, URL: entityURL(e.Environment, e.ID)})
		}
	}
	if r.Header.Get("HX-Request") == "true" {
		return c.write(w, r, http.StatusOK, searchHits(p))
	}
	return c.render(w, r, http.StatusOK, "Search", "/search", searchView(p))
}

// soughtFirst are the kinds that people look for; what they are made of, such
// as pods, holds the same names and comes after.
var soughtFirst = []estate.Kind{estate.Host, estate.KindService, kindCluster, kindNamespace, kindWorkload, kindNode}

// thingsHolding finds entities by a text, those of the kinds that people look
// for first.
func (c *Console) thingsHolding(ctx context.Context, actor access.Actor, text string) ([]estate.Entity, error) {
	f := estate.Filter{Tenant: c.opt.Tenant, Text: text, Limit: hitsOfEach, Kinds: soughtFirst}
	first, err := c.Estate.Entities(ctx, actor, f)
	if err != nil || len(first.Entities) == hitsOfEach {
		return first.Entities, err
	}
	f.Kinds = nil
	all, err := c.Estate.Entities(ctx, actor, f)
	out := first.Entities
	for _, e := range all.Entities {
		if len(out) < hitsOfEach && !slices.Contains(soughtFirst, e.Kind) {
			out = append(out, e)
		}
	}
	return out, err
}
