package route

import (
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/common/model"
)

// Config is what a configuration file says of routing. The zero value routes
// everything to the policy "default" at once: one incident for each alert name,
// and entity where the alert names one.
type Config struct {
	Route         *Route          `yaml:"route,omitempty"`
	InhibitRules  []InhibitRule   `yaml:"inhibit_rules,omitempty"`
	TimeIntervals []TimeIntervals `yaml:"time_intervals,omitempty"`
	// Maintenance are windows that are known in advance; people plan others
	// while Evenkeel runs.
	Maintenance []Window `yaml:"maintenance,omitempty"`
}

// Route is a node of the tree. What it does not set it has from its parent,
// but for its matchers, Continue and the time intervals.
type Route struct {
	Name   string `yaml:"name,omitempty"`   // for people; its matchers where it has none
	Policy string `yaml:"policy,omitempty"` // id of the escalation policy
	// Muted says why alerts of this route page nobody at all; they are kept
	// and shown. A child with a policy of its own does not inherit it.
	Muted string `yaml:"muted,omitempty"`
	// GroupBy are the labels whose values alerts of one incident share: an
	// empty list for one incident of all, "..." for one of each label set. The
	// root has alertname and entity where it says nothing.
	GroupBy GroupBy `yaml:"group_by,omitempty,flow"`
	// GroupWait is from the first alert of an incident to its first page.
	GroupWait *model.Duration `yaml:"group_wait,omitempty"`
	// GroupInterval and RepeatInterval are kept for those who come from
	// Alertmanager, and shown. They change nothing: a page goes on by its
	// policy until somebody acknowledges it.
	GroupInterval  *model.Duration   `yaml:"group_interval,omitempty"`
	RepeatInterval *model.Duration   `yaml:"repeat_interval,omitempty"`
	Matchers       Matchers          `yaml:"matchers,omitempty"`
	Match          map[string]string `yaml:"match,omitempty"`
	MatchRE        map[string]string `yaml:"match_re,omitempty"`
	// Continue lets the routes after this one take the alert too.
	Continue bool `yaml:"continue,omitempty"`
	// MuteTimeIntervals name when the route pages nobody, ActiveTimeIntervals
	// when alone it does.
	MuteTimeIntervals   []string `yaml:"mute_time_intervals,omitempty,flow"`
	ActiveTimeIntervals []string `yaml:"active_time_intervals,omitempty,flow"`
	Routes              []Route  `yaml:"routes,omitempty"`
}

// GroupBy are names of labels. An empty list is not the same as none: it takes
// away what the parent has.
type GroupBy []string

// IsZero keeps an empty list when it is written.
func (g GroupBy) IsZero() bool { return g == nil }

// InhibitRule lets alerts (the sources) mute others (the targets) while they
// fire, where the labels in Equal have the same values in both.
type InhibitRule struct {
	Name           string            `yaml:"name,omitempty"`
	SourceMatchers Matchers          `yaml:"source_matchers,omitempty"`
	SourceMatch    map[string]string `yaml:"source_match,omitempty"`
	SourceMatchRE  map[string]string `yaml:"source_match_re,omitempty"`
	TargetMatchers Matchers          `yaml:"target_matchers,omitempty"`
	TargetMatch    map[string]string `yaml:"target_match,omitempty"`
	TargetMatchRE  map[string]string `yaml:"target_match_re,omitempty"`
	Equal          []string          `yaml:"equal,omitempty,flow"`
}

// Bounds of a configuration.
const (
	maxRoutes    = 10_000
	maxDepth     = 50
	maxRules     = 1_000
	maxIntervals = 1_000
)

// Validate checks all of it and returns every error that it finds.
func (c Config) Validate() error {
	_, _, err := c.compile()
	return err
}

// compile makes what is asked for each alert.
func (c Config) compile() (*Tree, []rule, error) {
	t := &Tree{intervals: map[string]TimeIntervals{}}
	var errs []error
	if len(c.TimeIntervals) > maxIntervals || len(c.InhibitRules) > maxRules {
		return nil, nil, fmt.Errorf("there may be %d time_intervals and %d inhibit_rules at most", maxIntervals, maxRules)
	}
	for _, n := range c.TimeIntervals {
		switch _, twice := t.intervals[n.Name]; {
		case n.Name == "":
			errs = append(errs, errors.New("time_intervals: one has no name; give it one"))
		case twice:
			errs = append(errs, fmt.Errorf("time_intervals: two have the name %q; keep one", n.Name))
		}
		t.intervals[n.Name] = n
	}
	root := Route{GroupWait: new(model.Duration)}
	if c.Route != nil {
		root = *c.Route
	}
	if root.GroupBy == nil {
		root.GroupBy = GroupBy{"alertname", "entity"}
	}
	if len(root.Matchers)+len(root.Match)+len(root.MatchRE) > 0 {
		errs = append(errs, errors.New("route: the root takes every alert and may have no matchers; put them into a route below it"))
	}
	if len(root.MuteTimeIntervals)+len(root.ActiveTimeIntervals) > 0 {
		errs = append(errs, errors.New("route: the root may have no time intervals; put them into a route below it"))
	}
	if root.Continue {
		errs = append(errs, errors.New("route: continue means nothing at the root; remove it"))
	}
	count := 0
	t.root = t.grow(root, nil, &count, &errs)
	rules := make([]rule, 0, len(c.InhibitRules))
	for n, r := range c.InhibitRules {
		made, err := r.compile(n)
		if err != nil {
			errs = append(errs, err)
		}
		rules = append(rules, made)
	}
	ids := map[string]bool{}
	for _, w := range c.Maintenance {
		if err := w.check(t.intervals); err != nil {
			errs = append(errs, fmt.Errorf("maintenance: %w", err))
		}
		if ids[w.ID] {
			errs = append(errs, fmt.Errorf("maintenance: two have the id %q; keep one", w.ID))
		}
		ids[w.ID] = true
	}
	return t, rules, errors.Join(errs...)
}

// grow makes a node and those below it.
func (t *Tree) grow(r Route, parent *node, count *int, errs *[]error) *node {
	n := &node{parent: parent, name: r.Name, goOn: r.Continue, mute: r.MuteTimeIntervals, active: r.ActiveTimeIntervals}
	var err error
	n.matchers, err = allMatchers(r.Matchers, r.Match, r.MatchRE)
	n.options = defaults
	depth := 0
	if parent != nil {
		n.options = parent.options
		depth = parent.depth + 1
	}
	n.depth = depth
	fail := func(format string, args ...any) {
		*errs = append(*errs, fmt.Errorf("route %s: %s", n.Path(), fmt.Sprintf(format, args...)))
	}
	if err != nil {
		fail("%v", err)
	}
	*count++
	if *count > maxRoutes || depth > maxDepth {
		if *count == maxRoutes+1 || depth == maxDepth+1 {
			fail("there may be %d routes at most, %d deep", maxRoutes, maxDepth)
		}
		return n
	}
	n.options.inherit(r, fail)
	for _, list := range [][]string{r.MuteTimeIntervals, r.ActiveTimeIntervals} {
		for _, name := range list {
			if _, ok := t.intervals[name]; !ok {
				fail("there is no time interval %q; add it to time_intervals", name)
			}
		}
	}
	n.key = n.matchers.Sorted().String()
	if parent != nil {
		n.key = parent.key + "/" + n.key
	}
	for _, child := range r.Routes {
		n.children = append(n.children, t.grow(child, n, count, errs))
	}
	return n
}

// inherit puts what a route sets over what its parent has.
func (o *Options) inherit(r Route, fail func(string, ...any)) {
	if r.Policy != "" {
		o.Policy, o.Muted = r.Policy, ""
	}
	if r.Muted != "" {
		o.Muted = r.Muted
	}
	if r.GroupBy != nil {
		o.GroupBy, o.GroupByAll = nil, false
		for _, name := range r.GroupBy {
			switch {
			case name == "...":
				o.GroupByAll = true
			case name == "":
				fail("group_by: a label has no name")
			case slices.Contains(o.GroupBy, name):
				fail("group_by: %q is there twice", name)
			default:
				o.GroupBy = append(o.GroupBy, name)
			}
		}
		if o.GroupByAll && len(o.GroupBy) > 0 {
			fail("group_by: \"...\" stands for all labels; name no others")
		}
		slices.Sort(o.GroupBy)
	}
	if r.GroupWait != nil {
		o.GroupWait = *r.GroupWait
	}
	if r.GroupInterval != nil {
		if o.GroupInterval = *r.GroupInterval; o.GroupInterval == 0 {
			fail("group_interval: must be above 0")
		}
	}
	if r.RepeatInterval != nil {
		if o.RepeatInterval = *r.RepeatInterval; o.RepeatInterval == 0 {
			fail("repeat_interval: must be above 0")
		}
	}
}

// allMatchers joins the three ways of writing them.
func allMatchers(list Matchers, equal, matching map[string]string) (Matchers, error) {
	out := slices.Clone(list)
	var errs []error
	for op, m := range map[Op]map[string]string{Equal: equal, Matches: matching} {
		for name, value := range m {
			one, err := NewMatcher(name, op, value)
			if err != nil {
				errs = append(errs, err)
			}
			out = append(out, one)
		}
	}
	if len(out) > maxMatchers {
		errs = append(errs, fmt.Errorf("%d matchers at most are taken", maxMatchers))
	}
	return out.Sorted(), errors.Join(errs...)
}

func (r InhibitRule) compile(n int) (rule, error) {
	out := rule{name: r.Name, equal: slices.Clone(r.Equal)}
	if out.name == "" {
		out.name = fmt.Sprintf("%d", n+1)
	}
	slices.Sort(out.equal)
	out.equal = slices.Compact(out.equal)
	var sourceErr, targetErr error
	out.source, sourceErr = allMatchers(r.SourceMatchers, r.SourceMatch, r.SourceMatchRE)
	out.target, targetErr = allMatchers(r.TargetMatchers, r.TargetMatch, r.TargetMatchRE)
	if err := errors.Join(sourceErr, targetErr); err != nil {
		return out, fmt.Errorf("inhibit_rules: rule %s: %w", out.name, err)
	}
	return out, nil
}
