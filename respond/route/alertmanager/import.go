package alertmanager

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/respond/route"
)

// Note is something that a person must know of one line of the file.
type Note struct {
	Line int
	Text string
}

// Import is an alertmanager.yml as Evenkeel has it.
type Import struct {
	Routing  route.Config
	Policies []respond.Policy
	Contacts []respond.Contact
	Notify   notify.Config
	// ResolveTimeout is when an alert without an end is taken to have ended; 0
	// where the file says nothing.
	ResolveTimeout time.Duration
	// Lost is what could not be carried over, Set what must be set before it
	// works, both by line.
	Lost []Note
	Set  []Note
}

// maxFile bounds a file, in bytes.
const maxFile = 4 << 20

// Read reads an alertmanager.yml.
func Read(raw []byte) (*Import, error) {
	if len(raw) > maxFile {
		return nil, fmt.Errorf("the file is larger than %d MiB", maxFile>>20)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, located(err, 1)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("line 1: the file is no alertmanager.yml: a mapping with route and receivers is wanted")
	}
	var c check
	c.walk(doc.Content[0], nil)
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	r := &reader{root: groupOf(doc.Content[0]), receivers: map[string]receiver{}, secrets: map[string]bool{}}
	r.global = groupOf(r.root.keys["global"].node)
	r.read()
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	// What is left can only be wrong between its parts.
	if err := r.out.Routing.Validate(); err != nil {
		return nil, err
	}
	byLine := func(a, b Note) int { return cmp.Or(a.Line-b.Line, strings.Compare(a.Text, b.Text)) }
	slices.SortStableFunc(r.out.Lost, byLine)
	slices.SortStableFunc(r.out.Set, byLine)
	r.out.Lost, r.out.Set = slices.Compact(r.out.Lost), slices.Compact(r.out.Set)
	return &r.out, nil
}

// reader carries one file over.
type reader struct {
	out       Import
	root      group
	global    group
	receivers map[string]receiver
	secrets   map[string]bool // names that were given
	errs      []error
}

// receiver is what a receiver has become.
type receiver struct {
	policy string
	muted  string // why it notifies nobody
}

func (r *reader) fail(line int, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...)))
}

func (r *reader) check(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

func (r *reader) lost(line int, format string, args ...any) {
	r.out.Lost = append(r.out.Lost, Note{line, fmt.Sprintf(format, args...)})
}

func (r *reader) set(line int, format string, args ...any) {
	r.out.Set = append(r.out.Set, Note{line, fmt.Sprintf(format, args...)})
}

func (r *reader) read() {
	r.globals()
	r.intervals()
	for _, n := range r.root.list("receivers") {
		r.receiver(groupOf(n))
	}
	r.inhibitRules()
	for _, key := range []string{"templates", "tracing", "event_recorder"} {
		if r.root.has(key) && (key != "templates" || len(r.root.list(key)) > 0) {
			r.lost(r.root.keys[key].line, "%s: Evenkeel has its own messages and needs none of it", key)
		}
	}
	if !r.root.has("route") {
		r.fail(1, "the file has no route")
		return
	}
	root := groupOf(r.root.keys["route"].node)
	made := r.route(root, 0)
	if !root.has("receiver") {
		r.fail(root.line, "the root route needs a receiver")
	}
	for _, key := range []string{"match", "match_re", "matchers", "mute_time_intervals", "active_time_intervals"} {
		e := root.keys[key]
		if root.has(key) && len(e.node.Content) > 0 {
			r.fail(e.line, "the root route may have no %s", key)
		}
	}
	if made.Continue {
		r.lost(root.keys["continue"].line, "route.continue: it means nothing at the root")
		made.Continue = false
	}
	if made.GroupBy == nil {
		made.GroupBy = route.GroupBy{} // Alertmanager's default: one group of all
	}
	r.out.Routing.Route = &made
	repeats := map[string][]time.Duration{}
	repeated(made, 4*time.Hour, "", repeats)
	for n := range r.out.Policies {
		r.repeat(&r.out.Policies[n], repeats[r.out.Policies[n].ID], root.line)
	}
}

// repeated collects by policy how often its routes repeat.
func repeated(at route.Route, every time.Duration, policy string, out map[string][]time.Duration) {
	if at.RepeatInterval != nil {
		every = time.Duration(*at.RepeatInterval)
	}
	policy = cmp.Or(at.Policy, policy)
	out[policy] = append(out[policy], every)
	for _, child := range at.Routes {
		repeated(child, every, policy, out)
	}
}

// repeat lets a policy page again as often as the most impatient of its routes
// did. A policy's bounds are those of respond.Policy.
func (r *reader) repeat(p *respond.Policy, every []time.Duration, line int) {
	if len(every) == 0 {
		return
	}
	least := slices.Min(every)
	wait := min(max(least, time.Minute), 24*time.Hour)
	for n := range p.Steps {
		p.Steps[n].Wait = wait
	}
	if wait != slices.Max(every) {
		r.lost(line, "repeat_interval: the routes to %q differ or are out of bounds; its policy pages again after %s, by whichever route", p.ID, wait)
	}
}

func (r *reader) globals() {
	var d model.Duration
	if r.global.has("resolve_timeout") {
		r.check(r.global.decode("resolve_timeout", &d))
		if r.out.ResolveTimeout = min(max(time.Duration(d), time.Minute), 7*24*time.Hour); r.out.ResolveTimeout != time.Duration(d) {
			r.lost(r.global.keys["resolve_timeout"].line, "global.resolve_timeout: %s is out of bounds; it is %s here", d, r.out.ResolveTimeout)
		}
	}
	if r.global.has("http_config") {
		r.lost(r.global.keys["http_config"].line, "global.http_config: Evenkeel takes no proxy, login or certificate for all of its channels")
	}
}

func (r *reader) intervals() {
	names := map[string]bool{}
	for _, key := range []string{"mute_time_intervals", "time_intervals"} {
		for _, n := range r.root.list(key) {
			g := groupOf(n)
			var t route.TimeIntervals
			if err := real(n).Decode(&t); err != nil {
				r.errs = append(r.errs, located(err, g.line))
				continue
			}
			switch {
			case t.Name == "":
				r.fail(g.line, "a time interval has no name")
			case names[t.Name]:
				r.fail(g.line, "two time intervals have the name %q", t.Name)
			}
			names[t.Name] = true
			r.out.Routing.TimeIntervals = append(r.out.Routing.TimeIntervals, t)
		}
	}
}

// route carries a route and those below it over.
func (r *reader) route(g group, depth int) (out route.Route) {
	if depth > 50 {
		r.fail(g.line, "routes may be 50 deep")
		return out
	}
	if name := g.text("receiver"); name != "" {
		to, ok := r.receivers[name]
		if !ok {
			r.fail(g.keys["receiver"].line, "there is no receiver %q", clip(name))
		}
		out.Policy, out.Muted = to.policy, to.muted
	}
	r.check(g.decode("group_by", &out.GroupBy))
	if g.has("group_by") && out.GroupBy == nil {
		out.GroupBy = route.GroupBy{}
	}
	r.check(g.decode("continue", &out.Continue))
	out.GroupWait = r.duration(g, "group_wait")
	out.GroupInterval = r.duration(g, "group_interval")
	out.RepeatInterval = r.duration(g, "repeat_interval")
	if out.GroupInterval != nil {
		r.lost(g.keys["group_interval"].line, "group_interval: it is kept and changes nothing: an alert that joins an incident is shown at once, and pages again only where it is worse")
	}
	r.check(g.decode("match", &out.Match))
	r.check(g.decode("match_re", &out.MatchRE))
	r.check(g.decode("matchers", &out.Matchers))
	for key, m := range map[string]map[string]string{"match": out.Match, "match_re": out.MatchRE} {
		r.matchers(g, key, m)
	}
	r.check(g.decode("mute_time_intervals", &out.MuteTimeIntervals))
	r.check(g.decode("active_time_intervals", &out.ActiveTimeIntervals))
	for key, names := range map[string][]string{"mute_time_intervals": out.MuteTimeIntervals, "active_time_intervals": out.ActiveTimeIntervals} {
		for _, name := range names {
			if !slices.ContainsFunc(r.out.Routing.TimeIntervals, func(t route.TimeIntervals) bool { return t.Name == name }) {
				r.fail(g.keys[key].line, "%s: there is no time interval %q", key, clip(name))
			}
		}
	}
	if g.has("labels") {
		r.lost(g.keys["labels"].line, "route.labels: Evenkeel's messages have no templates that would show them")
	}
	for _, n := range g.list("routes") {
		out.Routes = append(out.Routes, r.route(groupOf(n), depth+1))
	}
	return out
}

// matchers checks matchers of the old form, so that an error has its line.
func (r *reader) matchers(g group, key string, m map[string]string) {
	op := route.Equal
	if strings.HasSuffix(key, "_re") {
		op = route.Matches
	}
	for name, value := range m {
		if _, err := route.NewMatcher(name, op, value); err != nil {
			r.fail(g.keys[key].line, "%s: %v", key, err)
		}
	}
}

func (r *reader) duration(g group, key string) *model.Duration {
	if !g.has(key) {
		return nil
	}
	var d model.Duration
	if err := g.decode(key, &d); err != nil {
		r.errs = append(r.errs, err)
		return nil
	}
	if time.Duration(d) == 0 && key != "group_wait" {
		r.fail(g.keys[key].line, "%s: must be above 0", key)
	}
	return &d
}

func (r *reader) inhibitRules() {
	for _, n := range r.root.list("inhibit_rules") {
		g := groupOf(n)
		var rule route.InhibitRule
		if err := real(n).Decode(&rule); err != nil {
			r.errs = append(r.errs, located(err, g.line))
			continue
		}
		for key, m := range map[string]map[string]string{"source_match": rule.SourceMatch, "source_match_re": rule.SourceMatchRE,
			"target_match": rule.TargetMatch, "target_match_re": rule.TargetMatchRE} {
			r.matchers(g, key, m)
		}
		r.out.Routing.InhibitRules = append(r.out.Routing.InhibitRules, rule)
	}
}
