package route

import (
	"slices"
	"time"
)

// Row is one route of the tree, with what it has from its parents.
type Row struct {
	Path       string        `json:"path"`
	Depth      int           `json:"depth"`
	Matchers   []string      `json:"matchers"` // empty: it takes every alert that comes to it
	Policy     string        `json:"policy"`
	Muted      string        `json:"muted,omitempty"`   // why it pages nobody at all
	GroupBy    []string      `json:"groupBy,omitempty"` // labels that alerts of one incident share; "..." for all
	Wait       time.Duration `json:"wait" doc:"nanoseconds"`
	Continue   bool          `json:"continue,omitempty"`
	MutedIn    []string      `json:"mutedIn,omitempty"`  // time intervals
	ActiveOnly []string      `json:"activeIn,omitempty"` // time intervals
}

// Rows are the routes in the order in which they are asked.
func (t *Tree) Rows() (rows []Row) {
	var walk func(*node)
	walk = func(n *node) {
		by := n.options.GroupBy
		if n.options.GroupByAll {
			by = []string{"..."}
		}
		rows = append(rows, Row{Path: n.Path(), Depth: n.depth, Matchers: n.matchers.Texts(), Policy: n.options.Policy, Muted: n.options.Muted,
			GroupBy: by, Wait: time.Duration(n.options.GroupWait), Continue: n.goOn, MutedIn: n.mute, ActiveOnly: n.active})
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(t.root)
	return rows
}

// RuleRow is an inhibit rule as people read it.
type RuleRow struct {
	Name   string   `json:"name"`
	Source []string `json:"source"` // matchers of what mutes
	Target []string `json:"target"` // matchers of what is muted
	Equal  []string `json:"equal,omitempty"`
}

// Rules are the inhibit rules.
func (p *Plan) Rules() []RuleRow {
	out := make([]RuleRow, 0, len(p.rules))
	for _, r := range p.rules {
		out = append(out, RuleRow{Name: r.name, Source: r.source.Texts(), Target: r.target.Texts(), Equal: r.equal})
	}
	return out
}

// Maintenance are the planned windows that are not over, the next first.
func (p *Plan) Maintenance(now time.Time) []Window {
	out := slices.DeleteFunc(slices.Clone(p.maintenance), func(w Window) bool { return !now.Before(w.To) })
	slices.SortStableFunc(out, func(a, b Window) int { return a.From.Compare(b.From) })
	return out
}
