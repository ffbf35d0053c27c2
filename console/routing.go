package console

import (
	"net/http"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/route"
)

// routingPage is the tree as it stands, and where an alert goes.
type routingPage struct {
	Rows    []route.Row
	Rules   []route.RuleRow
	Labels  string // as typed
	At      string
	Where   *route.Explanation // nil where nobody asked
	Problem string
	Asked   time.Time
}

func (c *Console) routing(w http.ResponseWriter, r *http.Request) error {
	actor, now, q := c.actor(r), c.opt.Now(), r.URL.Query()
	plan, err := c.Routing.Configured(actor, c.opt.Tenant)
	if err != nil {
		return err
	}
	p := routingPage{Rows: plan.Tree.Rows(), Rules: plan.Rules(), Labels: strings.TrimSpace(q.Get("labels")), At: strings.TrimSpace(q.Get("at")), Asked: now}
	status := http.StatusOK
	if p.Labels != "" {
		labels, at, problem := p.question()
		if problem != "" {
			p.Problem, status = problem, http.StatusUnprocessableEntity
		} else {
			e, err := c.Routing.Explain(r.Context(), actor, respond.Alert{AlertKey: respond.AlertKey{Tenant: c.opt.Tenant}, Environment: labels["environment"], Status: respond.Firing, Labels: labels}, at)
			if err != nil {
				return err
			}
			p.Where = &e
		}
	}
	return c.render(w, r, status, "Routes", "/incidents", routingView(p))
}

// question reads what was typed.
func (p routingPage) question() (labels map[string]string, at time.Time, problem string) {
	m, err := route.ParseMatchers(p.Labels)
	if err != nil {
		return nil, at, upperFirst(err.Error()) + "."
	}
	labels = map[string]string{}
	for _, x := range m {
		if x.Op != route.Equal {
			return nil, at, "An alert has values, not conditions: write " + x.Name + "=" + x.Value + "."
		}
		labels[x.Name] = x.Value
	}
	if p.At == "" {
		return labels, p.Asked, ""
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04"} {
		if at, err = time.Parse(layout, p.At); err == nil {
			return labels, at, ""
		}
	}
	return nil, at, "“" + p.At + "” is not a time. Write it like 2027-03-28 02:30, in UTC."
}

// routeName is the last part of a route's path, for the rest stands above it;
// empty where that is its matchers.
func routeName(row route.Row) string {
	if row.Depth == 0 {
		return "Every alert"
	}
	parts := strings.Split(row.Path, " / ")
	if name := parts[len(parts)-1]; !strings.HasPrefix(name, "{") {
		return name
	}
	return ""
}

// routeDoes says what becomes of what a route takes.
func routeDoes(row route.Row) string {
	if row.Muted != "" {
		return "Pages nobody: " + row.Muted
	}
	out := "Goes to the policy " + row.Policy
	if row.Wait > 0 {
		out += " after " + figure.Span(row.Wait)
	}
	switch {
	case len(row.GroupBy) == 0:
		out += ". All of it is one incident."
	case row.GroupBy[0] == "...":
		out += ". Each label set is an incident."
	default:
		out += ". One incident for each " + joined(row.GroupBy) + "."
	}
	return out
}

// goesTo says where an alert goes, one sentence for each target.
func goesTo(t respond.Target, now time.Time) string {
	switch {
	case t.Muted != "" && !t.MutedUntil.IsZero():
		return "Pages nobody until " + clock(t.MutedUntil, now) + ". " + t.Muted
	case t.Muted != "":
		return "Pages nobody. " + t.Muted
	case t.Wait > 0:
		return "Pages by the policy " + t.Policy + ", after " + figure.Span(t.Wait) + " in which others of its group may arrive."
	}
	return "Pages by the policy " + t.Policy + " at once."
}
