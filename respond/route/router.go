package route

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Kind says what suppresses an alert.
type Kind string

const (
	Silenced  Kind = "silenced"
	Maintains Kind = "maintenance"
	Inhibited Kind = "inhibited"
)

// Suppression is one thing that keeps an alert from paging.
type Suppression struct {
	Kind   Kind      `json:"kind"`
	By     string    `json:"by"`             // id of the silence, the window or the alert
	Reason string    `json:"reason"`         // a sentence
	Until  time.Time `json:"until,omitzero"` // zero: nobody knows
}

// Plan is a compiled configuration: what does not change between two alerts.
type Plan struct {
	Tree        *Tree
	maintenance []Window
	rules       []rule
}

// Compile checks a configuration and makes a Plan of it.
func Compile(c Config) (*Plan, error) {
	tree, rules, err := c.compile()
	if err != nil {
		return nil, err
	}
	return &Plan{Tree: tree, rules: rules, maintenance: c.Maintenance}, nil
}

// NewFiring returns what remembers the alerts by which the plan's rules mute
// others; it knows of none yet.
func (p *Plan) NewFiring() *Firing { return newFiring(p.rules) }

// Router decides for one tenant. It is a respond.Router.
type Router struct {
	plan     *Plan
	silences []Silence
	firing   *Firing
}

var _ respond.Router = (*Router)(nil)

// NewRouter joins a plan with the tenant's silences and what fires (nil for
// nothing). Silences that have expired may be among them.
func NewRouter(p *Plan, silences []Silence, firing *Firing) *Router {
	return &Router{plan: p, silences: silences, firing: firing}
}

// Route returns where an alert goes, at least one target. A target that pages
// nobody now says why.
func (r *Router) Route(a respond.Alert, now time.Time) []respond.Target {
	return r.targets(a, r.plan.Tree.root.take(a.Labels, unseen), r.Suppress(a, now), now)
}

func (r *Router) targets(a respond.Alert, nodes []*node, by []Suppression, now time.Time) []respond.Target {
	reason, until := together(by)
	out := make([]respond.Target, 0, len(nodes))
	for _, n := range nodes {
		t := respond.Target{Route: n.Path(), Policy: n.options.Policy, Wait: time.Duration(n.options.GroupWait)}
		t.Group, t.GroupLabels = n.group(a.Environment, a.Labels)
		switch {
		case n.options.Muted != "":
			t.Muted = n.options.Muted
		case reason != "":
			t.Muted, t.MutedUntil = reason, until
		default:
			t.Muted, t.MutedUntil = r.plan.Tree.muted(n, now)
		}
		out = append(out, t)
	}
	return out
}

// together is what several suppressions come to: the first one's reason, until
// all of them are over.
func together(by []Suppression) (reason string, until time.Time) {
	for n, s := range by {
		if n == 0 {
			reason, until = s.Reason, s.Until
			continue
		}
		if s.Until.IsZero() || until.IsZero() {
			until = time.Time{}
		} else if s.Until.After(until) {
			until = s.Until
		}
	}
	return reason, until
}

// Suppress returns all that keeps an alert from paging now, whichever route
// takes it.
func (r *Router) Suppress(a respond.Alert, now time.Time) (out []Suppression) {
	for _, s := range r.silences {
		if s.State(now) == Active && s.covers(a) {
			out = append(out, Suppression{Kind: Silenced, By: s.ID, Until: s.To,
				Reason: fmt.Sprintf("It is silenced by %s until %s: %s", s.Owner, clock(s.To), sentence(s.Reason))})
		}
	}
	for _, w := range r.plan.maintenance {
		if until, is := w.holds(r.plan.Tree, a.Environment, a.Labels, now); is {
			out = append(out, Suppression{Kind: Maintains, By: w.ID, Until: until,
				Reason: fmt.Sprintf("There is maintenance by %s until %s: %s", w.Owner, clock(until), sentence(w.Reason))})
		}
	}
	return append(out, r.firing.inhibits(a, now)...)
}

// clock writes a time for people, in UTC so that all read the same.
func clock(t time.Time) string { return t.UTC().Format("2 January 15:04 UTC") }
