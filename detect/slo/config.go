package slo

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/evenkeel/evenkeel/estate"
)

// Config is what a configuration file says of objectives.
type Config []Objective

// Objective is what is promised of a service. Bad and Total are PromQL that
// counts events in $window (and may multiply a rate by its $seconds); or Latency
// says which histogram tells it.
type Objective struct {
	ID      string `yaml:"id"`
	Title   string `yaml:"title"`   // what is promised, for people: "Checkout answers"
	Service string `yaml:"service"` // whose promise it is
	// Entity is the id of what the promise is about where that is no service,
	// such as "route:shop".
	Entity  string         `yaml:"entity,omitempty"`
	Target  float64        `yaml:"target"` // per cent of events that are good
	Window  model.Duration `yaml:"window"` // over which; 30d where it is not set
	Bad     string         `yaml:"bad,omitempty"`
	Total   string         `yaml:"total,omitempty"`
	Latency *Latency       `yaml:"latency,omitempty"`
	// LeastBad is how many bad events there must be before anybody is told.
	LeastBad float64 `yaml:"least_bad,omitempty"`
}

// Latency is an objective about how long requests take.
type Latency struct {
	// Histogram is without _bucket. It counts in the unit that its name ends in,
	// and otherwise in seconds.
	Histogram string         `yaml:"histogram"`
	Selector  string         `yaml:"selector"` // label matchers without braces
	Under     model.Duration `yaml:"under"`    // what is good; a classic histogram needs a bucket there
	Native    bool           `yaml:"native,omitempty"`
}

const (
	maxObjectives   = 200
	defaultWindow   = model.Duration(30 * 24 * time.Hour)
	defaultLeastBad = 5
)

var idText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Validate checks all objectives and returns every error that it finds.
func (c Config) Validate() error {
	var errs []error
	if len(c) > maxObjectives {
		errs = append(errs, fmt.Errorf("there are %d; at most %d are judged", len(c), maxObjectives))
	}
	seen := map[string]bool{}
	for n, o := range c {
		if seen[o.ID] {
			errs = append(errs, fmt.Errorf("two have the id %q; keep one", o.ID))
		}
		seen[o.ID] = true
		if err := o.validate(); err != nil {
			errs = append(errs, fmt.Errorf("objective %d (%s): %w", n+1, o.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (o Objective) validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !idText.MatchString(o.ID) {
		add("id: 1 to 100 letters, digits, dots, dashes and underscores are needed")
	}
	if o.Service == "" || len(o.Service) > 200 {
		add("service: name whose promise it is")
	}
	if kind, name, ok := strings.Cut(o.Entity, ":"); o.Entity != "" && (!ok || kind == "" || name == "" || len(o.Entity) > 300) {
		add("entity: %q is no id, such as route:shop", o.Entity)
	}
	if o.Target <= 0 || o.Target >= 100 {
		add("target: %g is not between 0 and 100 per cent, such as 99.9", o.Target)
	}
	if w := time.Duration(o.Window); w != 0 && (w < 24*time.Hour || w > 90*24*time.Hour) {
		add("window: %s must be between 1d and 90d", o.Window)
	}
	if o.LeastBad < 0 {
		add("least_bad: %g is below 0", o.LeastBad)
	}
	switch {
	case o.Latency != nil && (o.Bad != "" || o.Total != ""):
		add("latency: name it, or bad and total, not both")
	case o.Latency != nil:
		if !model.LegacyValidation.IsValidMetricName(o.Latency.Histogram) {
			add("latency.histogram: %q is no metric's name", o.Latency.Histogram)
		}
		if o.Latency.Under <= 0 {
			add("latency.under: a time such as 500ms is needed")
		}
	case o.Bad == "" || o.Total == "":
		add("bad and total are needed, or latency")
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, q := range o.queries("5m") {
		if _, err := promql.ParseExpr(q); err != nil {
			add("%q is not PromQL: %w", q, err)
		} else if o.Latency == nil && !strings.Contains(o.Bad+o.Total, "$window") {
			add("bad and total count events in $window; write [$window] where the range stands")
		}
	}
	return errors.Join(errs...)
}

var promql = parser.NewParser(parser.Options{})

// queries are what counts bad and all events in a window such as "5m".
func (o Objective) queries(window string) (out [2]string) {
	if o.Latency == nil {
		return [2]string{fill(o.Bad, window), fill(o.Total, window)}
	}
	l := *o.Latency
	under := l.under()
	if l.Native {
		all := fmt.Sprintf("sum(increase(%s{%s}[%s]))", l.Histogram, l.Selector, window)
		total := "histogram_count(" + all + ")"
		return [2]string{fmt.Sprintf("%s * (1 - histogram_fraction(0, %g, %s))", total, under, all), total}
	}
	selector := func(more string) string {
		if l.Selector == "" {
			return more
		}
		if more == "" {
			return l.Selector
		}
		return l.Selector + "," + more
	}
	total := fmt.Sprintf("sum(increase(%s_count{%s}[%s]))", l.Histogram, selector(""), window)
	// A whole number is written as 1 or as 1.0, and a large one as 1e+06 too.
	plain := strconv.FormatFloat(under, 'f', -1, 64)
	le := regexp.QuoteMeta(plain)
	if !strings.Contains(plain, ".") {
		le += `(\.0)?`
	}
	if short := strconv.FormatFloat(under, 'g', -1, 64); short != plain {
		le += "|" + regexp.QuoteMeta(short)
	}
	good := fmt.Sprintf("sum(increase(%s_bucket{%s}[%s]))", l.Histogram, selector("le=~"+strconv.Quote(le)), window)
	return [2]string{total + " - " + good, total}
}

// units are how histograms that count in other units than seconds end.
var units = map[string]time.Duration{"_minutes": time.Minute, "_milliseconds": time.Millisecond, "_ms": time.Millisecond, "_microseconds": time.Microsecond,
	"_us": time.Microsecond, "_nanoseconds": time.Nanosecond, "_ns": time.Nanosecond}

// under is the time of a good answer in the unit of the histogram.
func (l Latency) under() float64 {
	unit := time.Second
	for end, u := range units {
		if strings.HasSuffix(l.Histogram, end) {
			unit = u
		}
	}
	return float64(l.Under) / float64(unit)
}

// fill puts a window into a query: $window as in "5m", and $seconds as a number.
func fill(query, window string) string {
	seconds := "0"
	if d, err := model.ParseDuration(window); err == nil {
		seconds = strconv.FormatFloat(time.Duration(d).Seconds(), 'f', -1, 64)
	}
	return strings.NewReplacer("$window", window, "$seconds", seconds).Replace(query)
}

// About is the id of the entity that it promises something of.
func (o Objective) About() string {
	if o.Entity != "" {
		return o.Entity
	}
	return estate.ID(estate.KindService, o.Service)
}

// In tells whether its queries count in a Kubernetes cluster alone: each
// selector asks for that value of the label "cluster".
func (o Objective) In(cluster string) bool {
	for _, q := range o.queries("5m") {
		expr, err := promql.ParseExpr(q)
		if err != nil {
			return false
		}
		for _, selector := range parser.ExtractSelectors(expr) {
			if !slices.ContainsFunc(selector, func(m *labels.Matcher) bool {
				return m.Name == "cluster" && m.Type == labels.MatchEqual && m.Value == cluster
			}) {
				return false
			}
		}
	}
	return true
}

// kind is that entity's kind.
func (o Objective) kind() estate.Kind {
	kind, _, _ := strings.Cut(o.About(), ":")
	return estate.Kind(kind)
}

// Over is the time over which the promise holds.
func (o Objective) Over() time.Duration {
	if o.Window == 0 {
		return time.Duration(defaultWindow)
	}
	return time.Duration(o.Window)
}

func (o Objective) leastBad() float64 {
	if o.LeastBad == 0 {
		return defaultLeastBad
	}
	return o.LeastBad
}

// budget is the share of events that may be bad.
func (o Objective) budget() float64 { return 1 - o.Target/100 }

// Name is what is promised, in a few words. A service may have promised the same
// of several things, which its id tells apart.
func (o Objective) Name() string {
	if o.Title != "" {
		return o.Title
	}
	if o.Latency != nil {
		return fmt.Sprintf("%s answers within %s (%s)", o.Service, o.Latency.Under, o.ID)
	}
	return fmt.Sprintf("%s answers (%s)", o.Service, o.ID)
}
