package route

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Visit is one route that was asked.
type Visit struct {
	Path    string `json:"path"`
	Depth   int    `json:"depth"`
	Matched bool   `json:"matched"`
	Took    bool   `json:"took"` // it is one of those that take the alert
	Why     string `json:"why"`  // a sentence
}

// Explanation says where an alert goes and why.
type Explanation struct {
	Visits     []Visit          `json:"visits"` // in the order of asking
	Targets    []respond.Target `json:"targets"`
	Suppressed []Suppression    `json:"suppressed,omitempty"`
}

// Explain is Route with its reasons.
func (r *Router) Explain(a respond.Alert, now time.Time) Explanation {
	var e Explanation
	var asked []*node
	nodes := r.plan.Tree.root.take(a.Labels, func(n *node, matched bool, missed Matcher) {
		v := Visit{Path: n.Path(), Depth: n.depth, Matched: matched}
		switch {
		case !matched && a.Labels[missed.Name] == "":
			v.Why = fmt.Sprintf("It does not match: %s is wanted, and the alert has no label %s.", missed, missed.Name)
		case !matched:
			v.Why = fmt.Sprintf("It does not match: %s is wanted, and the alert has %s.", missed,
				Matcher{Name: missed.Name, Op: Equal, Value: a.Labels[missed.Name]})
		case n.parent == nil:
			v.Why = "It is asked first, and matches every alert."
		default:
			v.Why = "It matches: " + strings.Join(n.matchers.Texts(), ", ") + "."
			if len(n.matchers) == 0 {
				v.Why = "It matches every alert that comes here."
			}
		}
		asked = append(asked, n)
		e.Visits = append(e.Visits, v)
	})
	for _, taker := range nodes {
		for i, n := range asked {
			if n != taker {
				continue
			}
			v := &e.Visits[i]
			v.Took = true
			if len(n.children) > 0 {
				v.Why += " None of the routes below it does, so it takes the alert itself."
			} else {
				v.Why += " It takes the alert."
			}
		}
	}
	for i, n := range asked {
		if e.Visits[i].Matched && n.goOn {
			e.Visits[i].Why += " It continues: the routes after it are asked too."
		}
	}
	e.Suppressed = r.Suppress(a, now)
	e.Targets = r.targets(a, nodes, e.Suppressed, now)
	return e
}

// Lines writes the explanation for a terminal.
func (e Explanation) Lines() []string {
	var out []string
	for _, v := range e.Visits {
		mark := "-"
		if v.Took {
			mark = ">"
		}
		out = append(out, fmt.Sprintf("%s%s %s: %s", strings.Repeat("  ", v.Depth), mark, v.Path, v.Why))
	}
	for _, s := range e.Suppressed {
		out = append(out, "! "+s.Reason)
	}
	for _, t := range e.Targets {
		line := fmt.Sprintf("= policy %s, by the route %s", t.Policy, t.Route)
		switch {
		case t.Muted != "" && !t.MutedUntil.IsZero():
			line += fmt.Sprintf("; pages nobody until %s: %s", clock(t.MutedUntil), t.Muted)
		case t.Muted != "":
			line += "; pages nobody: " + t.Muted
		case t.Wait > 0:
			line += fmt.Sprintf("; waits %s for other alerts of the incident", t.Wait)
		}
		out = append(out, line)
	}
	return out
}

// sentence ends a text with a full stop, on one line.
func sentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" || strings.ContainsAny(text[len(text)-1:], ".!?") {
		return text
	}
	return text + "."
}
