package console

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/metric"
)

const (
	vitalHosts   = 4 // whose signs Now shows
	vitalSpan    = time.Hour
	vitalPoints  = 60
	vitalTimeout = 2 * time.Second // Now must not wait for a slow store
)

// hostVitals is the signs of life of one host.
type hostVitals struct {
	Host  estate.Entity
	Signs []sign
}

// sign is one figure with its last hour and what it means.
type sign struct {
	Title  string
	Figure string // "" where there is no data
	Words  string
	Band   int // 0 is calm
	Path   string
	Area   string
	Chart  string // of the host's page
}

// vitals reads the signs of the hosts that fare worst (troubled is the worst
// open finding on each), and counts the others. All hosts are asked for at once: as many queries for one host as for four.
func (c *Console) vitals(ctx context.Context, actor access.Actor, troubled map[string]finding.Severity, now time.Time) ([]hostVitals, int, error) {
	page, err := c.Estate.Entities(ctx, actor, estate.Filter{Tenant: c.opt.Tenant, Kinds: []estate.Kind{estate.Host}, Limit: 100})
	if err != nil || len(page.Entities) == 0 {
		return nil, 0, err
	}
	slices.SortStableFunc(page.Entities, func(a, b estate.Entity) int {
		return cmp.Compare(troubled[subjectOf(b.ID).host], troubled[subjectOf(a.ID).host])
	})
	page.Entities = page.Entities[:min(vitalHosts, len(page.Entities))]
	names := make([]string, len(page.Entities))
	hosts := make([]hostVitals, len(page.Entities))
	for i, e := range page.Entities {
		names[i] = subjectOf(e.ID).host
		hosts[i] = hostVitals{Host: e, Signs: make([]sign, len(c.charts.Vitals))}
	}
	// It ends now and not at a round minute: the first figures are seen at once.
	w := metric.Window{From: now.Add(-vitalSpan), To: now, Step: vitalSpan / vitalPoints}
	ctx, cancel := context.WithTimeout(ctx, vitalTimeout)
	defer cancel()
	errs := make([]error, len(c.charts.Vitals))
	var all sync.WaitGroup
	for i, v := range c.charts.Vitals {
		all.Go(func() {
			var signs []sign
			if signs, errs[i] = c.readVital(ctx, v, names, w, now); errs[i] == nil {
				for h := range hosts {
					hosts[h].Signs[i] = signs[h]
				}
			}
		})
	}
	all.Wait()
	if i := slices.IndexFunc(errs, func(e error) bool { return e != nil }); i >= 0 {
		return nil, 0, errs[i]
	}
	return hosts, max(0, page.Total-len(hosts)), nil
}

func (c *Console) readVital(ctx context.Context, v vital, names []string, w metric.Window, now time.Time) ([]sign, error) {
	fill := strings.NewReplacer("$hosts", hostPattern(names...), "$window", promDuration(rateWindow(w.Step))).Replace
	series, err := c.Metrics.Range(ctx, fill(v.Expr), w)
	if err != nil {
		return nil, err
	}
	var weights []metric.Sample
	if v.Weigh != "" {
		if weights, err = c.Metrics.Instant(ctx, fill(v.Weigh), now); err != nil {
			return nil, err
		}
	}
	n := int(w.To.Sub(w.From)/w.Step) + 1
	signs := make([]sign, len(names))
	for i, name := range names {
		s := sign{Title: v.Title, Words: "no data", Chart: v.Chart}
		of := slices.DeleteFunc(slices.Clone(series), func(x metric.Series) bool { return hostOfInstance(x.Labels.Get("instance")) != name })
		lines := drawn{Top: 1}.lines(of, w, n)
		if len(lines) == 1 {
			s.Path, s.Area = sparkline(lines[0].Values)
			if last := lastValue(lines[0].Values); !math.IsNaN(last) {
				s.Figure, s.Words = figure.In(last, v.Unit), ""
				if weigh, known := v.weight(last, weights, name); known {
					s.Words, s.Band = v.say(weigh)
				}
			}
		}
		signs[i] = s
	}
	return signs, nil
}

// weight is the value that picks the words; without one the figure stands
// alone: nothing is claimed.
func (v vital) weight(last float64, weights []metric.Sample, host string) (value float64, known bool) {
	if v.Weigh == "" {
		return last, true
	}
	for _, w := range weights {
		if hostOfInstance(w.Labels.Get("instance")) == host && !math.IsNaN(w.V) {
			value, known = max(value, w.V), true
		}
	}
	return value, known
}

// lastValue is the value at the end, or shortly before it: a missing last
// point is the scrape that is not there yet.
func lastValue(values []float64) float64 {
	for i := len(values) - 1; i >= max(0, len(values)-3); i-- {
		if !math.IsNaN(values[i]) {
			return values[i]
		}
	}
	return math.NaN()
}

// hostOfInstance takes the port off an instance label.
func hostOfInstance(instance string) string {
	if i := strings.LastIndexByte(instance, ':'); i > 0 && strings.Trim(instance[i+1:], "0123456789") == "" && i+1 < len(instance) {
		return instance[:i]
	}
	return instance
}
