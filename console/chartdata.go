package console

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/metric"
)

const (
	maxSeries    = 24 // of one expression that are drawn
	maxPoints    = 600
	minStep      = 15 * time.Second // nothing is collected faster by default
	queryTimeout = 10 * time.Second
	maxWindow    = 400 * 24 * time.Hour
)

// niceSteps keep the points of a chart at round times, so that they do not
// dance when it is drawn anew.
var niceSteps = []time.Duration{
	15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// windowFor is the range query that draws from..to with about that many points.
func windowFor(from, to time.Time, points int) metric.Window {
	points = min(max(points, 30), maxPoints)
	step := niceSteps[len(niceSteps)-1]
	for _, s := range niceSteps {
		if to.Sub(from)/s <= time.Duration(points) {
			step = s
			break
		}
	}
	step = max(step, minStep)
	return metric.Window{From: from.Truncate(step), To: to.Truncate(step), Step: step}
}

// rateWindow is the range over which rates are taken at a step: long enough to
// hold several samples, and no gap between two points.
func rateWindow(step time.Duration) time.Duration { return max(time.Minute, step) }

// picture is a chart with its data: one row of times and a row of values for
// each series; NaN where there is none.
type picture struct {
	Title  string
	Unit   string
	Stack  bool
	Most   float64
	Limit  *float64
	Usual  *float64
	Times  []time.Time
	Series []line
}

type line struct {
	Name        string
	Half, Faint bool
	Values      []float64
}

// Empty tells that no series has a single value.
func (p picture) Empty() bool { return len(p.Series) == 0 }

// draw asks for the data of a chart.
func (c *Console) draw(ctx context.Context, ch chart, s subject, w metric.Window) (picture, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	p := picture{Title: ch.Title, Unit: ch.Unit, Stack: ch.Stack, Most: ch.Most, Limit: ch.Limit, Usual: ch.Usual}
	n := int(w.To.Sub(w.From)/w.Step) + 1
	if n < 1 || n > 2*maxPoints {
		return p, badRequest("That range of time cannot be drawn.")
	}
	p.Times = make([]time.Time, n)
	for i := range p.Times {
		p.Times[i] = w.From.Add(time.Duration(i) * w.Step)
	}
	for _, d := range ch.Series {
		series, err := c.Metrics.Range(ctx, s.fill(d.Expr, rateWindow(w.Step)), w)
		if err != nil {
			return p, fmt.Errorf("chart %s: %w", ch.ID, err)
		}
		p.Series = append(p.Series, d.lines(series, w, n)...)
	}
	return p, nil
}

// lines puts series on the chart's times, the largest first.
func (d drawn) lines(series []metric.Series, w metric.Window, n int) []line {
	type weighed struct {
		line
		mean float64
	}
	all := make([]weighed, 0, len(series))
	differ := differing(series)
	for _, s := range series {
		l := weighed{line: line{Name: d.nameOf(s, differ), Half: d.Half, Faint: d.Faint, Values: make([]float64, n)}}
		for i := range l.Values {
			l.Values[i] = math.NaN()
		}
		count := 0
		for _, pt := range s.Points {
			i := int(pt.T.Sub(w.From) / w.Step)
			if i < 0 || i >= n || math.IsNaN(pt.V) || math.IsInf(pt.V, 0) {
				continue
			}
			l.Values[i] = pt.V
			l.mean += pt.V
			count++
		}
		if count > 0 {
			all = append(all, l)
		}
	}
	slices.SortStableFunc(all, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(b.mean, a.mean), cmp.Compare(a.Name, b.Name))
	})
	keep := maxSeries
	if d.Top > 0 {
		keep = d.Top
	}
	out := make([]line, 0, keep)
	for _, l := range all[:min(keep, len(all))] {
		out = append(out, l.line)
	}
	return out
}

// nameOf names a series by the label that was asked for, by the name of the
// expression, or by the labels that tell it from the others.
func (d drawn) nameOf(s metric.Series, differ []string) string {
	if v := s.Labels.Get(d.Label); d.Label != "" && v != "" {
		return v
	}
	if d.Name != "" && d.Label == "" {
		return d.Name
	}
	var parts []string
	for _, name := range differ {
		if v := s.Labels.Get(name); v != "" {
			parts = append(parts, v)
		}
	}
	if len(parts) == 0 {
		return "measured"
	}
	return strings.Join(parts, " ")
}

// differing are the names of the labels whose values are not the same in all
// series.
func differing(series []metric.Series) []string {
	values := map[string]map[string]bool{}
	for _, s := range series {
		s.Labels.Range(func(l labels.Label) {
			if values[l.Name] == nil {
				values[l.Name] = map[string]bool{}
			}
			values[l.Name][l.Value] = true
		})
	}
	var names []string
	for name, seen := range values {
		if len(seen) > 1 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// MarshalJSON writes what charts.js reads. Values are short: a chart shows no
// more than five digits.
func (p picture) MarshalJSON() ([]byte, error) {
	type jsonLine struct {
		Name   string          `json:"name"`
		Half   bool            `json:"half,omitempty"`
		Faint  bool            `json:"faint,omitempty"`
		Values json.RawMessage `json:"values"`
	}
	times := make([]int64, len(p.Times))
	for i, t := range p.Times {
		times[i] = t.Unix()
	}
	lines := make([]jsonLine, len(p.Series))
	for i, l := range p.Series {
		raw := []byte{'['}
		for j, v := range l.Values {
			if j > 0 {
				raw = append(raw, ',')
			}
			if math.IsNaN(v) {
				raw = append(raw, "null"...)
			} else {
				raw = strconv.AppendFloat(raw, v, 'g', 5, 64)
			}
		}
		lines[i] = jsonLine{Name: l.Name, Half: l.Half, Faint: l.Faint, Values: append(raw, ']')}
	}
	return json.Marshal(struct {
		Unit   string     `json:"unit"`
		Stack  bool       `json:"stack,omitempty"`
		Most   float64    `json:"most,omitempty"`
		Limit  *float64   `json:"limit,omitempty"`
		Usual  *float64   `json:"usual,omitempty"`
		Times  []int64    `json:"times"`
		Series []jsonLine `json:"series"`
	}{p.Unit, p.Stack, p.Most, p.Limit, p.Usual, times, lines})
}

// writeJSON answers with a value for charts.js.
func (c *Console) writeJSON(w http.ResponseWriter, r *http.Request, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", r.URL.Path, err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Vary", "Accept-Encoding")
	if acceptsGzip(r) && len(raw) > 1400 {
		h.Set("Content-Encoding", "gzip")
		raw = compress(raw, 1)
	}
	_, _ = w.Write(raw) // a browser that has left needs no answer
	return nil
}
