package detect

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// Mapping says what the series of one exporter mean: which of their labels name
// an entity, and which signals of it they give. It is asked only while the
// exporter is there.
type Mapping struct {
	Exporter string `yaml:"exporter"`
	Title    string `yaml:"title"`
	// Short is what it is called as the source of a call; Title by default.
	Short string `yaml:"short"`
	// Add is what somebody does who wants its signals: one sentence.
	Add string `yaml:"add"`
	// Present are metrics of which any one proves that the exporter is there.
	Present []string `yaml:"present"`
	// Names are, by kind of entity, the label sets that name one, in order of
	// preference: a series is read by the first set that it carries. A kind that is not here is named by its own labels.
	Names map[string][]Naming `yaml:"names"`
	// Signals are, by kind and name of a signal that signals/*.yaml declares,
	// how it is worked out; several for one signal in order of preference.
	Signals map[string]map[string]Provisions `yaml:"signals"`
	// Ties are what its series say of what hangs together.
	Ties []Tie `yaml:"ties"`
	// Addresses are, by kind, PromQL whose results carry the labels that name an
	// entity, and its address in the label "address".
	Addresses map[string]string `yaml:"addresses"`

	place Place
}

// Naming maps labels of a kind to labels of a series: "service: service_name".
// With a regular expression behind the label, its first group is the name:
// "pod: container_id /k8s/[^/]+/([^/]+)/.*". Two labels with a colon between,
// "server_address:server_port", are joined by it. A value after "=" is meant as it
// stands, and one label in braces has text before it: "deployment/{deployment}".
// The entry "from" names a metric that is joined by job and instance and
// carries the labels: all of them, or those that follow ("target_info
// service_name").
type Naming map[string]string

// part reads one entry: the series' label, and the expression that picks the
// name out of its value, if any.
func (n Naming) part(label string) (series, pick string) {
	if _, rest, ok := strings.Cut(n[label], "{"); ok && !strings.Contains(n[label], " ") {
		return strings.TrimSuffix(rest, "}"), ""
	}
	series, pick, _ = strings.Cut(n[label], " ")
	series, _, _ = strings.Cut(series, ":")
	return series, pick
}

// before is the text before a label in braces, or "".
func (n Naming) before(label string) string {
	text, _, ok := strings.Cut(n[label], "{")
	if !ok || strings.Contains(text, " ") {
		return "" // an expression
	}
	return text
}

// port is the second label of an entry that joins two, or "".
func (n Naming) port(label string) string {
	_, port, _ := strings.Cut(n[label], ":")
	if strings.ContainsAny(n[label], " =") {
		return "" // an expression, or a value
	}
	return port
}

// result is the label of a result that holds a kind's label.
func (n Naming) result(label string) string {
	series, pick := n.part(label)
	if pick != "" || n.port(label) != "" {
		return picked + label
	}
	return series
}

// from is the naming's joined metric, or "", and the labels that it carries.
func (n Naming) from() (metric string, carried []string) {
	words := strings.Fields(n["from"])
	if len(words) == 0 {
		return "", nil
	}
	if len(words) > 1 {
		return words[0], words[1:]
	}
	for _, label := range n.labels() {
		series, _ := n.part(label)
		carried = append(carried, series)
	}
	slices.Sort(carried)
	return words[0], slices.Compact(carried)
}

// labels are the kind's labels that come from labels of series, sorted.
func (n Naming) labels() []string {
	var out []string
	for _, label := range slices.Sorted(maps.Keys(n)) {
		if label != "from" && !strings.HasPrefix(n[label], "=") {
			out = append(out, label)
		}
	}
	return out
}

// of returns the value of a kind's label in the labels of a result. What a mesh
// calls unknown is unknown.
func (n Naming) of(label string, l labels.Labels) string {
	if n == nil {
		return l.Get(label)
	}
	if constant, ok := strings.CutPrefix(n[label], "="); ok {
		return constant
	}
	if series, _ := n.part(label); series == "" {
		return ""
	}
	v := l.Get(n.result(label))
	if v == "" || v == "unknown" {
		return ""
	}
	return n.before(label) + v
}

// picked begins the labels that hold names picked out of others.
const picked = "name_"

// by are the labels of a result that name an entity, sorted.
func (n Naming) by() []string {
	var out []string
	for _, label := range n.labels() {
		out = append(out, n.result(label))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Provisions are ways to work a signal out: one, or a list of them.
type Provisions []Provision

// UnmarshalYAML takes one provision or a list.
func (p *Provisions) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		type plain Provisions
		return n.Decode((*plain)(p))
	}
	*p = make(Provisions, 1)
	return n.Decode(&(*p)[0])
}

// Provision works a signal out: PromQL as text, or one of the common forms.
// PromQL has these placeholders: $by for the labels that name the entity, $match
// (inside braces) for what narrows series down, $window, and $pre and $join
// before and behind each vector, where names are picked out of labels or joined
// from another metric.
type Provision struct {
	Expr string `yaml:"expr"`
	// Histogram is the name of a histogram, classic or native, without its
	// suffix. The signal and all that are declared as its distribution are
	// quantiles of it.
	Histogram string `yaml:"histogram"`
	// Where are matchers for Histogram.
	Where string `yaml:"where"`
	// Rate, Sum, Max, Min and Mean take selectors: events per second, or what
	// gauges say together. Mean takes two: a sum's and a count's.
	Rate string   `yaml:"rate"`
	Sum  string   `yaml:"sum"`
	Max  string   `yaml:"max"`
	Min  string   `yaml:"min"`
	Mean []string `yaml:"mean"`
	// Bad and All make the share of events that were bad. Without events there
	// is none. Bad may be several selectors of All's metric: what any of them takes
	// is bad, and counts once.
	Bad Selectors `yaml:"bad"`
	All string    `yaml:"all"`
	// Scale is what the result is multiplied by to have the signal's unit.
	Scale float64 `yaml:"scale"`
	// Counts is what the traffic of an edge counts where that is not what others
	// count: figures are compared only of what counts the same.
	Counts string `yaml:"counts"`

	line int
}

// UnmarshalYAML takes PromQL, or a form.
func (p *Provision) UnmarshalYAML(n *yaml.Node) error {
	p.line = n.Line
	if n.Kind == yaml.ScalarNode {
		p.Expr = n.Value
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		if !slices.Contains([]string{"expr", "histogram", "where", "rate", "sum", "max", "min", "mean", "bad", "all", "scale", "counts"}, n.Content[i].Value) {
			return fmt.Errorf("line %d: field %s is not one of a provision", n.Content[i].Line, n.Content[i].Value)
		}
	}
	type plain Provision
	return n.Decode((*plain)(p))
}

// selector is a selector that $match narrows down, or a PromQL range of it.
func selector(text string) string {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutSuffix(text, "}"); ok {
		inner = strings.TrimRight(inner, ", ")
		if strings.HasSuffix(inner, "{") {
			return inner + "$match}"
		}
		return inner + ",$match}"
	}
	return text + "{$match}"
}

// Selectors are selectors of one metric: one, or a list of them.
type Selectors []string

// UnmarshalYAML takes one selector or a list.
func (s *Selectors) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(s))
	}
	*s = make(Selectors, 1)
	return n.Decode(&(*s)[0])
}

// over is a function of the range vectors of selectors, as one vector.
func over(function string, texts ...string) string {
	var out []string
	for _, text := range texts {
		out = append(out, function+"("+selector(text)+"[$window])")
	}
	if len(out) == 1 {
		return out[0]
	}
	return "(" + strings.Join(out, " or ") + ")"
}

// rated is the rate of counters by entity.
func rated(texts ...string) string {
	return "sum by ($by) ($pre " + over("rate", texts...) + " $join)"
}

// exprs writes the provision as PromQL for a signal, in order of preference.
func (p Provision) exprs(s *Signal) ([]string, error) {
	var out []string
	forms := 0
	add := func(is bool, texts ...string) {
		if is {
			forms++
			out = append(out, texts...)
		}
	}
	add(p.Expr != "", p.Expr)
	add(p.Rate != "", rated(p.Rate))
	add(p.Sum != "", "sum by ($by) ($pre "+selector(p.Sum)+" $join)")
	add(p.Max != "", "max by ($by) ($pre "+selector(p.Max)+" $join)")
	add(p.Min != "", "min by ($by) ($pre "+selector(p.Min)+" $join)")
	if len(p.Mean) == 2 {
		add(true, rated(p.Mean[0])+" / ("+rated(p.Mean[1])+" > 0)")
	}
	if len(p.Bad) > 0 && p.All != "" {
		add(true, "("+rated(p.Bad...)+" or 0 * "+rated(p.All)+") / ("+rated(p.All)+" > 0)")
	}
	if p.Histogram != "" {
		of := func(suffix string) string { return p.Histogram + suffix + "{" + p.Where + "}" }
		series := func(suffix string) string { return selector(of(suffix)) }
		native := "sum by ($by) ($pre rate(" + series("") + "[$window]) $join)"
		switch {
		case s.Average:
			add(true, rated(of("_sum"))+" / ("+rated(of("_count"))+" > 0)", "histogram_avg("+native+")")
		case s.Quantile <= 0 || s.Quantile >= 1:
			return nil, fmt.Errorf("%s has no quantile, so a histogram gives none", s.Name)
		default:
			q := strconv.FormatFloat(s.Quantile, 'f', -1, 64)
			add(true, "histogram_quantile("+q+", sum by ($by, le) ($pre rate("+series("_bucket")+"[$window]) $join))",
				"histogram_quantile("+q+", "+native+")")
		}
	}
	if forms != 1 {
		return nil, fmt.Errorf("%s: give one of expr, histogram, rate, sum, max, min, mean (a sum and a count), or bad and all", s.Name)
	}
	if p.Scale != 0 {
		for i, text := range out {
			out[i] = strconv.FormatFloat(p.Scale, 'g', -1, 64) + " * (" + text + ")"
		}
	}
	return out, nil
}

// source is one way to work a signal out.
type source struct {
	expr    string
	mapping *Mapping // nil for an expression of signals/*.yaml
	naming  Naming   // nil where the kind's own labels name the entity
	earlier []string // labels that it leaves to namings before its own
	form    Provision
	native  bool // it reads form's histogram as a native one
}

// promql fills the placeholders in, for all entities, or for one.
func (s *source) promql(k *Kind, of *Entity, window time.Duration) string {
	return s.fill(s.expr, k, of, promDuration(window))
}

// fill puts in a text what the placeholders of the source stand for.
func (s *source) fill(text string, k *Kind, of *Entity, window string) string {
	match, host, pre, join, by := "", "", "", "", strings.Join(k.Labels, ", ")
	switch {
	case s.naming != nil:
		by = strings.Join(s.naming.by(), ", ")
		match, pre, join = s.matchers(k, of)
	case of != nil:
		var all []string
		for _, name := range k.Labels {
			all = append(all, fmt.Sprintf("%s=%q", name, of.Labels[name]))
		}
		match = strings.Join(all, ",")
	}
	if of != nil {
		host = fmt.Sprintf("instance=%q", of.Labels["instance"])
	}
	return strings.NewReplacer("$window", window, "$match", match, "$host", host, "$by", by, "$pre", pre, "$join", join).Replace(text)
}

// matchers narrow series down to those that the naming reads, and to one
// entity where one is given; pre and join take the names from where they are.
func (s *source) matchers(k *Kind, of *Entity) (match, pre, join string) {
	metric, carried := s.naming.from()
	var here, there []string // matchers of the series, and of the joined metric
	for _, label := range s.earlier {
		here = append(here, label+`=""`)
	}
	for _, label := range s.naming.labels() {
		series, pick := s.naming.part(label)
		value, text := "", ""
		if of != nil {
			value = strings.TrimPrefix(of.Labels[label], s.naming.before(label))
		}
		port := s.naming.port(label)
		switch {
		case port != "":
			text = series + `!=""`
			if at := strings.LastIndexByte(value, ':'); at >= 0 {
				text = fmt.Sprintf("%s=%q,%s=%q", series, value[:at], port, value[at+1:])
			}
			pre += "label_join("
			join += fmt.Sprintf(`, "%s%s", ":", "%s", "%s")`, picked, label, series, port)
		case pick != "":
			if value != "" {
				pick = group.ReplaceAllLiteralString(pick, regexp.QuoteMeta(value))
			}
			text = fmt.Sprintf("%s=~%q", series, pick)
			pre += "label_replace("
			_, pick = s.naming.part(label)
			join += fmt.Sprintf(`, "%s%s", "$1", "%s", %q)`, picked, label, series, pick)
		case value != "":
			text = fmt.Sprintf("%s=%q", series, value)
		case slices.Contains(k.Labels, label):
			text = series + `!=""`
		default:
			continue
		}
		if slices.Contains(carried, series) {
			there = append(there, text)
		} else {
			here = append(here, text)
		}
	}
	if metric != "" {
		names := strings.Join(carried, ", ")
		join += fmt.Sprintf(" * on (job, instance) group_left (%s) max by (job, instance, %s) (%s{%s})", names, names, metric, strings.Join(there, ","))
	}
	return strings.Join(here, ","), pre, join
}

// group is the first group of an expression that picks a name.
var group = regexp.MustCompile(`\([^)]*\)`)

// leaves are the labels of series that must be empty, so that no series is read
// by two namings: what earlier ones take, this one leaves to them.
func (n Naming) leaves(k *Kind, earlier []Naming) []string {
	var out []string
	_, mine := n.from()
	for _, e := range earlier {
		for _, label := range k.Labels {
			theirs, _ := e.part(label)
			series, _ := n.part(label)
			if metric, _ := e.from(); metric == "" && (theirs != series || slices.Contains(mine, series)) {
				out = append(out, theirs)
				break
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// readMappings reads what exporters' series mean. Signals must be known.
func (c *Catalogue) readMappings(files fs.FS) error {
	names, err := fs.Glob(files, "mappings/*.yaml")
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		m := &Mapping{}
		if m.place, err = Decode(files, name, m); err != nil {
			errs = append(errs, err)
			continue
		}
		if err := c.addMapping(m, name); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *Catalogue) addMapping(m *Mapping, file string) error {
	switch {
	case m.Exporter == "" || m.Title == "" || m.Add == "":
		return fmt.Errorf("%s: exporter, title and add (how to get it) are needed", file)
	case len(m.Present) == 0:
		return fmt.Errorf("%s: present must name a metric that proves that %s is there", file, m.Title)
	case slices.ContainsFunc(c.mappings, func(o *Mapping) bool { return o.Exporter == m.Exporter }):
		return fmt.Errorf("%s: there is a mapping for exporter %q already", file, m.Exporter)
	}
	var errs []error
	for _, kind := range slices.Sorted(maps.Keys(m.Names)) {
		for _, n := range m.Names[kind] {
			if err := c.checkNaming(kind, n); err != nil {
				errs = append(errs, fmt.Errorf("%s: names: %w", file, err))
			}
		}
	}
	errs = append(errs, c.checkMeetings(m, file))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(m.Signals)) {
		for _, signal := range slices.Sorted(maps.Keys(m.Signals[kind])) {
			for _, p := range m.Signals[kind][signal] {
				if err := c.provide(m, kind, signal, p); err != nil {
					errs = append(errs, fmt.Errorf("%s:%d: %w", file, p.line, err))
				}
			}
		}
	}
	c.mappings = append(c.mappings, m)
	return errors.Join(errs...)
}

// checkNaming refuses labels that the kind does not have, and a naming that
// leaves out one that it needs.
func (c *Catalogue) checkNaming(kind string, n Naming) error {
	k := c.kinds[kind]
	if k == nil {
		return fmt.Errorf("kind %q is not in kinds.yaml", kind)
	}
	for label := range n {
		if _, pick := n.part(label); pick == "" || label == "from" {
			continue
		} else if re, err := regexp.Compile(pick); err != nil || re.NumSubexp() < 1 {
			return fmt.Errorf("%s: %q is not a regular expression with a group: %v", label, pick, err)
		}
	}
	known := slices.Concat(k.Labels, k.Optional, k.Facts, []string{"from"})
	for label := range n {
		if !slices.Contains(known, label) {
			return fmt.Errorf("%s has no label %q; it has %s", kind, label, strings.Join(known, ", "))
		}
	}
	for _, label := range k.Labels {
		if n[label] == "" {
			return fmt.Errorf("%s is named by %s, and nothing gives it", kind, label)
		}
	}
	return nil
}

// provide adds the sources of one provision to its signal, and to the other
// quantiles of the same distribution.
func (c *Catalogue) provide(m *Mapping, kind, name string, p Provision) error {
	signal := c.Signal(kind, name)
	if signal == nil {
		return fmt.Errorf("%s has no signal %q: declare it in signals/*.yaml with its unit and what it means", kind, name)
	}
	if signal.Over != nil {
		return fmt.Errorf("signal %s of %s is made from others", name, kind)
	}
	targets := []*Signal{signal}
	for _, s := range signal.kind.signals {
		if s.Distribution == name && (p.Histogram != "" || s.Average && len(p.Mean) > 0) {
			targets = append(targets, s)
		}
	}
	for _, s := range targets {
		exprs, err := p.exprs(s)
		if err != nil {
			return err
		}
		namings := m.Names[kind]
		if len(namings) == 0 {
			namings = []Naming{nil}
		}
		for which, expr := range exprs {
			for i, n := range namings {
				src := &source{expr: expr, mapping: m, naming: n, earlier: n.leaves(s.kind, namings[:i]), form: p, native: p.Histogram != "" && which > 0}
				if _, pre, join := src.matchers(s.kind, nil); pre+join != "" && strings.Count(expr, "$pre") == 0 {
					return fmt.Errorf("names of %s are picked or joined, and the expression has no place for $pre and $join", kind)
				}
				if err := parses(src.promql(s.kind, nil, s.Window)); err != nil {
					return fmt.Errorf("signal %s of %s: %w", s.Name, kind, err)
				}
				s.sources = append(s.sources, src)
			}
		}
	}
	return nil
}

func parses(expr string) error {
	_, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	return err
}

// Mappings returns all mappings by exporter.
func (c *Catalogue) Mappings() []*Mapping {
	return slices.SortedFunc(slices.Values(c.mappings), func(a, b *Mapping) int { return cmp.Compare(a.Exporter, b.Exporter) })
}

// Exporters are the mappings that give a signal, in order of preference.
func (s *Signal) Exporters() []*Mapping {
	var out []*Mapping
	for _, src := range s.sources {
		if src.mapping != nil && !slices.Contains(out, src.mapping) {
			out = append(out, src.mapping)
		}
	}
	return out
}
