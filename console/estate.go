package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// estatePage is the list of what is watched.
type estatePage struct {
	Text, Kind, Env string
	At              string
	Kinds           []kindCount
	Environments    []estate.EnvironmentSummary
	Page            estate.Page
	Troubled        map[string]finding.Severity // worst open finding, by entity id
	Next            string
	Sights, Calls   bool // whether there is a page of what can be seen, and of who calls whom
	Asked           time.Time
}

type kindCount struct {
	Kind  estate.Kind
	Count int
}

func (c *Console) estate(w http.ResponseWriter, r *http.Request) error {
	ctx, actor, q := r.Context(), c.actor(r), r.URL.Query()
	p := estatePage{Text: q.Get("q"), Kind: q.Get("kind"), Env: q.Get("env"), At: q.Get("at"), Asked: c.opt.Now(), Sights: c.Sights != nil, Calls: c.Calls != nil}
	at, err := askedTime(p.At)
	if err != nil {
		return err
	}
	if p.Environments, err = c.Estate.Environments(ctx, actor, c.opt.Tenant); err != nil {
		return err
	}
	p.Kinds = countKinds(p.Environments, p.Env)
	f := estate.Filter{Tenant: c.opt.Tenant, Text: p.Text, At: at, Limit: 100, Cursor: q.Get("after")}
	if p.Kind != "" {
		f.Kinds = []estate.Kind{estate.Kind(p.Kind)}
	}
	if p.Env != "" {
		f.Environments = []string{p.Env}
	}
	if p.Page, err = c.Estate.Entities(ctx, actor, f); err != nil {
		return err
	}
	if p.Troubled, err = c.troubled(r); err != nil {
		return err
	}
	if p.Page.Next != "" {
		q.Set("after", p.Page.Next)
		p.Next = "/estate?" + q.Encode()
	}
	return c.render(w, r, http.StatusOK, "Estate", "/estate", estateView(p))
}

// countKinds adds up the environments, or takes one; hosts come first, then by
// name.
func countKinds(environments []estate.EnvironmentSummary, env string) []kindCount {
	sum := map[estate.Kind]int{}
	for _, e := range environments {
		if env == "" || e.Name == env {
			for k, n := range e.Entities {
				sum[k] += n
			}
		}
	}
	out := make([]kindCount, 0, len(sum))
	for k, n := range sum {
		if n > 0 {
			out = append(out, kindCount{k, n})
		}
	}
	slices.SortFunc(out, func(a, b kindCount) int {
		if (a.Kind == estate.Host) != (b.Kind == estate.Host) {
			if a.Kind == estate.Host {
				return -1
			}
			return 1
		}
		return strings.Compare(string(a.Kind), string(b.Kind))
	})
	return out
}

// troubled is the worst open finding of each entity that has one.
func (c *Console) troubled(r *http.Request) (map[string]finding.Severity, error) {
	list, err := c.Findings.List(r.Context(), c.actor(r), finding.Filter{
		Tenant: c.opt.Tenant, States: []finding.State{finding.Open, finding.Acknowledged}, Limit: 500,
	})
	if err != nil {
		return nil, err
	}
	worst := map[string]finding.Severity{}
	for _, f := range list.Findings {
		worst[f.Entity] = max(worst[f.Entity], f.Severity)
	}
	return worst, nil
}
