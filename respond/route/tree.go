package route

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/respond"
)

// Options are what a route has, its own and its parents'.
type Options struct {
	Policy         string
	Muted          string
	GroupBy        []string // sorted
	GroupByAll     bool
	GroupWait      model.Duration
	GroupInterval  model.Duration
	RepeatInterval model.Duration
}

// defaults are those of the root, as Alertmanager has them.
var defaults = Options{
	Policy:         respond.DefaultPolicy,
	GroupWait:      model.Duration(30 * time.Second),
	GroupInterval:  model.Duration(5 * time.Minute),
	RepeatInterval: model.Duration(4 * time.Hour),
}

// Tree decides which routes take an alert. It is not changed once it is made.
type Tree struct {
	root      *node
	intervals map[string]TimeIntervals
}

type node struct {
	parent   *node
	depth    int
	name     string
	key      string // of its matchers and its parents'
	matchers Matchers
	options  Options
	goOn     bool
	mute     []string
	active   []string
	children []*node
}

// Path is the way to the route, for people.
func (n *node) Path() string {
	if n.parent == nil {
		if n.name != "" {
			return n.name
		}
		return "root"
	}
	name := n.name
	if name == "" {
		name = n.matchers.String()
	}
	if n.parent.parent == nil {
		return name
	}
	return n.parent.Path() + " / " + name
}

// take returns the nodes that take labels: the deepest ones that match, from
// left to right, until one that does not let the next ones have it too.
func (n *node) take(labels map[string]string, visit func(*node, bool, Matcher)) (out []*node) {
	if missed, no := n.matchers.Miss(labels); no {
		visit(n, false, missed)
		return nil
	}
	visit(n, true, Matcher{})
	for _, child := range n.children {
		taken := child.take(labels, visit)
		out = append(out, taken...)
		if taken != nil && !child.goOn {
			break
		}
	}
	if out == nil {
		out = []*node{n}
	}
	return out
}

func unseen(*node, bool, Matcher) {}

// Policies returns the ids of all policies that routes lead to, sorted.
func (t *Tree) Policies() []string {
	var out []string
	var walk func(*node)
	walk = func(n *node) {
		if n.options.Muted == "" {
			out = append(out, n.options.Policy)
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(t.root)
	slices.Sort(out)
	return slices.Compact(out)
}

// Leads returns the paths of the routes that lead to a policy.
func (t *Tree) Leads(policy string) (paths []string) {
	var walk func(*node)
	walk = func(n *node) {
		if n.options.Muted == "" && n.options.Policy == policy {
			paths = append(paths, n.Path())
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(t.root)
	return paths
}

// group names the group of an alert in the route, and the labels that it has in
// common. A label that the alert does not have is not part of it. Alerts of two
// environments share none: who may see one may not see the other.
func (n *node) group(environment string, labels map[string]string) (string, map[string]string) {
	names := n.options.GroupBy
	if n.options.GroupByAll {
		names = make([]string, 0, len(labels))
		for name := range labels {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	var b strings.Builder
	b.WriteString(environment)
	b.WriteByte(':')
	b.WriteString(n.key)
	b.WriteByte(':')
	shared := map[string]string{}
	for _, name := range names {
		if value, ok := labels[name]; ok {
			shared[name] = value
			b.WriteString(Matcher{Name: name, Op: Equal, Value: value}.String())
			b.WriteByte(',')
		}
	}
	return b.String(), shared
}

// muted tells whether the route's time intervals keep it quiet at a time, why,
// and until when; zero where that is beyond a year.
func (t *Tree) muted(n *node, now time.Time) (reason string, until time.Time) {
	quiet := func(at time.Time) (string, bool) {
		for _, name := range n.mute {
			if t.intervals[name].contains(at) {
				return "It is muted in the time interval " + name + ".", true
			}
		}
		for _, name := range n.active {
			if t.intervals[name].contains(at) {
				return "", false
			}
		}
		return "It is active in the time interval " + strings.Join(n.active, " or ") + " only.", len(n.active) > 0
	}
	reason, is := quiet(now)
	if !is {
		return "", time.Time{}
	}
	var all []Interval
	for _, name := range slices.Concat(n.mute, n.active) {
		all = append(all, t.intervals[name].Intervals...)
	}
	return reason, untilFalse(all, now, func(at time.Time) bool { _, is := quiet(at); return is })
}
