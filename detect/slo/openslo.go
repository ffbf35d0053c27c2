package slo

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// openSLO is as much as is read of the spec of OpenSLO's kind SLO (openslo.com,
// v1, and v1alpha as Sloth reads it).
type openSLO struct {
	Service         string `yaml:"service"`
	Description     string `yaml:"description"`
	indicated       `yaml:",inline"`
	BudgetingMethod string       `yaml:"budgetingMethod"`
	TimeWindow      []timeWindow `yaml:"timeWindow"`
	TimeWindows     []timeWindow `yaml:"timeWindows"` // v1alpha
	Objectives      []struct {
		indicated     `yaml:",inline"`
		RatioMetrics  *ratioMetric `yaml:"ratioMetrics"` // v1alpha
		DisplayName   string       `yaml:"displayName"`
		Op            string       `yaml:"op"`
		Value         float64      `yaml:"value"`
		Target        float64      `yaml:"target"`
		TargetPercent float64      `yaml:"targetPercent"`
	} `yaml:"objectives"`
}

// indicated is what says how something is measured: of an SLO, or of each part
// of one that is composed.
type indicated struct {
	Indicator *struct {
		indicator `yaml:",inline"` // v1alpha
		Spec      indicator        `yaml:"spec"`
	} `yaml:"indicator"`
	IndicatorRef string `yaml:"indicatorRef"`
}

// indicator is the spec of OpenSLO's kind SLI.
type indicator struct {
	RatioMetric     *ratioMetric `yaml:"ratioMetric"`
	ThresholdMetric *source      `yaml:"thresholdMetric"`
}

type ratioMetric struct {
	Counter     *bool   `yaml:"counter"`
	Incremental *bool   `yaml:"incremental"` // v1alpha
	Good        *source `yaml:"good"`
	Bad         *source `yaml:"bad"`
	Total       *source `yaml:"total"`
}

type source struct {
	MetricSource struct {
		Ref  string    `yaml:"metricSourceRef"`
		Type string    `yaml:"type"`
		Spec yaml.Node `yaml:"spec"`
	} `yaml:"metricSource"`
	Source string `yaml:"source"` // v1alpha
	Query  string `yaml:"query"`  // v1alpha
}

type timeWindow struct {
	Duration  string    `yaml:"duration"`
	Count     float64   `yaml:"count"` // v1alpha
	Unit      string    `yaml:"unit"`  // v1alpha
	IsRolling *bool     `yaml:"isRolling"`
	Calendar  yaml.Node `yaml:"calendar"`
}

// shared is what SLOs may refer to by name.
type shared struct {
	indicators map[string]indicator
	types      map[string]string // of data sources
}

func (c *Config) takeOpenSLO(d document, s shared) (notes []string, err error) {
	var spec openSLO
	if err := d.Spec.Decode(&spec); err != nil {
		return nil, err
	}
	name := d.Metadata.Name
	note := func(format string, args ...any) { notes = append(notes, name+": "+fmt.Sprintf(format, args...)) }
	over := defaultWindow
	if windows := append(spec.TimeWindow, spec.TimeWindows...); len(windows) > 0 {
		var differs string
		if over, differs, err = windows[0].rolling(); err != nil {
			note("%v", err)
			return notes, nil
		}
		if differs != "" {
			note("%s", differs)
		}
	}
	if spec.BudgetingMethod != "" && spec.BudgetingMethod != "Occurrences" {
		note("its budget is of %s; here it is of occurrences, each event for itself", spec.BudgetingMethod)
	}
	for n, o := range spec.Objectives {
		out := Objective{ID: idOf(name), Title: oneLine(first(o.DisplayName, d.Metadata.DisplayName, spec.Description)), Service: spec.Service, Target: o.TargetPercent, Window: over}
		if n > 0 {
			out.ID = idOf(fmt.Sprintf("%s-%d", name, n+1))
		}
		if out.Target == 0 {
			out.Target = o.Target * 100
		}
		how, err := spec.find(s)
		if o.Indicator != nil || o.IndicatorRef != "" {
			if how, err = o.find(s); n == 0 {
				note("it is composed of several objectives; each is judged for itself")
			}
		}
		if o.RatioMetrics != nil {
			how, err = indicator{RatioMetric: o.RatioMetrics}, nil
		}
		switch {
		case err != nil:
		case how.ThresholdMetric != nil:
			if out.Bad, out.Total, err = how.ThresholdMetric.minutes(o.Op, o.Value, s); err == nil {
				note("its threshold is looked at each minute, and each minute of each series is one event")
			}
		case how.RatioMetric != nil:
			out.Bad, out.Total, err = how.RatioMetric.events(s)
		default:
			err = errors.New("it has neither a ratioMetric nor a thresholdMetric")
		}
		if err != nil {
			note("objective %d: %v", n+1, err)
			continue
		}
		c.add(out)
	}
	return notes, nil
}

// find is how something is measured, also where an SLI elsewhere in the file
// says it.
func (i indicated) find(s shared) (indicator, error) {
	switch how, ok := s.indicators[i.IndicatorRef]; {
	case i.Indicator != nil && (i.Indicator.Spec.RatioMetric != nil || i.Indicator.Spec.ThresholdMetric != nil):
		return i.Indicator.Spec, nil
	case i.Indicator != nil:
		return i.Indicator.indicator, nil
	case i.IndicatorRef != "" && !ok:
		return how, fmt.Errorf("the SLI %q that it refers to is not in this file; put both into one, with --- between", i.IndicatorRef)
	default:
		return how, nil
	}
}

// windowUnits are how long the units of windows are, in days; a month has 30.
var windowUnits = map[string]float64{"m": 1. / 1440, "h": 1. / 24, "d": 1, "w": 7, "M": 30, "Q": 90, "Y": 365,
	"Minute": 1. / 1440, "Hour": 1. / 24, "Day": 1, "Week": 7, "Month": 30, "Quarter": 90, "Year": 365}

var shorthand = regexp.MustCompile(`^([0-9]+)([mhdwMQY])$`)

// rolling is a window as the time before now, with what differs from what was
// meant.
func (w timeWindow) rolling() (over model.Duration, differs string, err error) {
	text, count, unit := w.Duration, w.Count, w.Unit
	if text == "" {
		text = fmt.Sprintf("%g %s", count, unit)
	} else if m := shorthand.FindStringSubmatch(text); m != nil {
		unit = m[2]
		count, _ = strconv.ParseFloat(m[1], 64) // a number, by the pattern
	}
	days := count * windowUnits[unit]
	if !(days > 0) {
		return 0, "", fmt.Errorf("its window %q is not read; write such as 30d, 4w or 1M", text)
	}
	kept := min(max(days, 1), 90)
	over = model.Duration(kept * float64(24*time.Hour))
	switch {
	case !w.Calendar.IsZero() || w.IsRolling != nil && !*w.IsRolling:
		differs = fmt.Sprintf("its window is the calendar's, of %s; here it is ever the last %s", text, over)
	case kept != days || strings.ContainsAny(unit, "MQY"):
		differs = fmt.Sprintf("its window is of %s; here it is of %s", text, over)
	}
	return over, differs, nil
}

// promTypes are what data sources are called that are asked in PromQL.
var promTypes = map[string]bool{"": true, "prometheus": true, "thanos": true, "mimir": true, "cortex": true, "victoriametrics": true}

// promQL is the query of a source.
func (m *source) promQL(s shared) (string, error) {
	if kind := first(m.MetricSource.Type, s.types[m.MetricSource.Ref], m.Source); !promTypes[strings.ToLower(kind)] {
		return "", fmt.Errorf("it asks %s; only PromQL is read", kind)
	}
	var spec struct {
		Query string `yaml:"query"`
	}
	query := m.Query
	switch n := m.MetricSource.Spec; {
	case n.Kind == yaml.ScalarNode:
		query = n.Value
	case n.Decode(&spec) == nil && spec.Query != "":
		query = spec.Query
	}
	if query = strings.TrimSpace(query); query == "" {
		return "", errors.New("it has no query; write PromQL into metricSource.spec.query")
	}
	return query, nil
}

// events are PromQL for bad and all events of $window.
func (r *ratioMetric) events(s shared) (bad, total string, err error) {
	if r.Total == nil || r.Good == nil && r.Bad == nil {
		return "", "", errors.New("its ratio is told and not how many events there were; give good or bad, and total")
	}
	counter := r.Counter
	if counter == nil {
		counter = r.Incremental
	}
	if total, err = r.Total.events(counter, s); err != nil {
		return "", "", fmt.Errorf("total: %w", err)
	}
	if r.Bad != nil {
		if bad, err = r.Bad.events(counter, s); err != nil {
			err = fmt.Errorf("bad: %w", err)
		}
		return bad, total, err
	}
	good, err := r.Good.events(counter, s)
	if err != nil {
		return "", "", fmt.Errorf("good: %w", err)
	}
	// Where nothing good was ever counted, all is bad.
	return "(" + total + ") - ((" + good + ") or vector(0))", total, nil
}

// events is PromQL for the events of $window. OpenSLO does not say where a
// window stands in a query, so that it is told by what the query is made of.
func (m *source) events(counter *bool, s shared) (string, error) {
	query, err := m.promQL(s)
	if err != nil || window.MatchString(query) {
		return events(query), err
	}
	expr, err := promql.ParseExpr(query)
	if err != nil {
		return "", fmt.Errorf("%q is not PromQL: %w", query, err)
	}
	text, err := increases(expr, counter)
	if err != nil {
		return "", fmt.Errorf("%q: %w", query, err)
	}
	return "sum(" + text + ")", nil
}

// increases writes what is counted by a sum of rates or of counters, with
// $window for each range.
func increases(e parser.Expr, counter *bool) (string, error) {
	switch e := e.(type) {
	case *parser.ParenExpr:
		text, err := increases(e.Expr, counter)
		return "(" + text + ")", err
	case *parser.AggregateExpr:
		if e.Op != parser.SUM {
			return "", fmt.Errorf("of %s it cannot be told how many events there are; sum them up", e.Op)
		}
		text, err := increases(e.Expr, counter)
		return "sum(" + text + ")", err
	case *parser.BinaryExpr:
		if e.Op != parser.ADD && e.Op != parser.SUB && e.Op != parser.LOR || e.VectorMatching != nil && len(e.VectorMatching.MatchingLabels) > 0 {
			return "", fmt.Errorf("%s is not read; write it with {{.window}} for the range", e.Op)
		}
		left, err := increases(e.LHS, counter)
		if err != nil {
			return "", err
		}
		right, err := increases(e.RHS, counter)
		return left + " " + e.Op.String() + " " + right, err
	case *parser.VectorSelector:
		if err := plain(e); err != nil {
			return "", err
		}
		if counter == nil && !counterName.MatchString(e.Name) || counter != nil && !*counter {
			return "", fmt.Errorf("%s is not said to be a counter; set counter: true, or ask for its rate", e.Name)
		}
		return "increase(" + e.String() + "[$window])", nil
	case *parser.Call:
		if e.Func.Name == "vector" {
			return e.String(), nil
		}
		counted := map[string]string{"rate": "increase", "irate": "increase", "increase": "increase", "sum_over_time": "sum_over_time", "count_over_time": "count_over_time"}[e.Func.Name]
		if counted == "" {
			return "", fmt.Errorf("of %s it cannot be told how many events there are; write it with {{.window}} for the range", e.Func.Name)
		}
		m, ok := e.Args[0].(*parser.MatrixSelector)
		if !ok {
			return "", fmt.Errorf("the %s of a subquery is not read; write it with {{.window}} for the range", e.Func.Name)
		}
		v := m.VectorSelector.(*parser.VectorSelector) // nothing else is parsed
		return counted + "(" + v.String() + "[$window])", plain(v)
	}
	return "", fmt.Errorf("of %s it cannot be told how many events there are", e)
}

// counterName is how counters are named.
var counterName = regexp.MustCompile(`_(total|count|bucket)$`)

// plain says that a selector is of now.
func plain(v *parser.VectorSelector) error {
	if v.OriginalOffset != 0 || v.OriginalOffsetExpr != nil || v.Timestamp != nil || v.StartOrEnd != 0 {
		return errors.New("offset and @ are not read; events are counted until now")
	}
	return nil
}

// wrong are the comparisons that hold where what was promised does not.
var wrong = map[string]string{"lte": ">", "lt": ">=", "gte": "<", "gt": "<="}

// minutes are PromQL for the minutes of $window in which a threshold was not
// kept, and for all of which there is a figure.
func (m *source) minutes(op string, value float64, s shared) (bad, total string, err error) {
	query, err := m.promQL(s)
	if err != nil {
		return "", "", err
	}
	expr, err := promql.ParseExpr(query)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("%q is not PromQL: %w", query, err)
	case expr.Type() != parser.ValueTypeVector:
		return "", "", fmt.Errorf("%q gives a %s; a figure for each series is needed", query, parser.DocumentedType(expr.Type()))
	case wrong[op] == "":
		return "", "", fmt.Errorf("op: %q is none of lte, lt, gte and gt, so that it is not known what is good", op)
	}
	in := func(compare string) string {
		return "sum(count_over_time(((" + expr.String() + ") " + compare + ")[$window:1m]))"
	}
	// NaN is neither, and no comparison holds for it.
	return in(wrong[op] + " " + strconv.FormatFloat(value, 'f', -1, 64)), in(">= -Inf"), nil
}
