package impact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/metric"
)

// Options are what an Assessor asks.
type Options struct {
	Objectives  *slo.Assessor
	Environment string // whose objectives they are; others are clusters
	Metrics     metric.Querier
	// Requests says what tells of the requests of entities; what nothing counts is
	// not there.
	Requests func(entities []string) map[string]detect.Requests
}

// Assessor says what users felt.
type Assessor struct{ opt Options }

// NewAssessor returns one.
func NewAssessor(opt Options) *Assessor { return &Assessor{opt} }

// ShownWithin bounds the wait for what users felt where people wait for it,
// KeptWithin where it is kept.
const ShownWithin, KeptWithin = 2 * time.Second, 30 * time.Second

const (
	// mostFelt bounds of how many that feel it requests are counted.
	mostFelt = 6
	// mostPoints bounds a range query, longest the time of which requests are
	// counted: of a longer trouble the end.
	mostPoints = 120
	longest    = 7 * 24 * time.Hour
	// leastStep is the least time between points.
	leastStep     = time.Minute
	mostCustomers = 20
	// mostHit bounds the customers that are named, mostAsked those that are asked for.
	mostHit, mostAsked = 8, 50
)

// Assess says what users felt of a trouble. With an error the impact stands all
// the same, and says what could not be had.
func (a *Assessor) Assess(ctx context.Context, t Trouble) (Impact, error) {
	m := Impact{From: t.From, To: t.To, Live: t.Live, Objectives: []slo.Harm{}}
	m.Customers, m.MoreCustomers = named(t.Customers)
	cluster := t.Environment != "" && t.Environment != a.opt.Environment
	harms, more, failed := a.opt.Objectives.Assess(ctx, func(o slo.Objective) bool { return t.concerns(o, cluster) }, t.From, t.To, t.Live)
	m.Objectives, m.More = append(m.Objectives, harms...), more
	slices.SortStableFunc(m.Objectives, func(a, b slo.Harm) int { return cmp.Compare(lost(b), lost(a)) })

	told, err := a.told(ctx, t.Felt)
	failed = cmp.Or(failed, err)
	hit := map[string]Customer{}
	asked := 0
	for _, s := range t.Felt {
		promised := slices.ContainsFunc(a.opt.Objectives.Objectives(), func(o slo.Objective) bool { return t.about(o, s, cluster) })
		r, counted := told[s.Entity]
		switch {
		case err != nil && !promised:
			m.Requests = append(m.Requests, Requests{Entity: s.Entity, Name: s.Name, Missing: "The figures are being read just now; look again."})
		case !counted && !promised:
			m.Uncounted = append(m.Uncounted, s.Name)
		case !counted:
		case asked == mostFelt:
			m.MoreRequests++
		default:
			asked++
			w := window(t.From, t.To, r.Window)
			if !promised {
				one, err := a.requests(ctx, r, w)
				m.Requests, failed = append(m.Requests, one), cmp.Or(failed, err)
			}
			named, err := a.customers(ctx, r.Customers, w, hit)
			m.Told, failed = m.Told || named, cmp.Or(failed, err)
		}
	}
	slices.SortStableFunc(m.Requests, func(a, b Requests) int { return cmp.Compare(b.share(), a.share()) })
	m.Hit, m.MoreHit = worst(hit)
	switch objectives := a.opt.Objectives.Objectives(); {
	case len(t.Felt) == 0 && len(m.Objectives) == 0:
		m.Unknown = "nothing that users ask for is known to feel it."
	case len(m.Requests)+len(m.Uncounted) == 0: // all that feel it have objectives
	case len(objectives) == 0:
		m.Unpromised = "Nothing was promised yet, so that there is no error budget to tell of. Name objectives under slos in the configuration."
	case cluster:
		m.Unpromised = fmt.Sprintf("No objective is about what feels this in the cluster %s, so that there is no error budget to tell of. One that is names the thing (entity), or asks for cluster=%q in its queries.", t.Environment, t.Environment)
	case len(m.Objectives) == 0:
		m.Unpromised = "No objective is about what feels this, so that there is no error budget to tell of."
	}
	return m, failed
}

// told asks what tells of the requests of those that feel it. Who is asked may
// wait for figures that do not come; people do not wait for that.
func (a *Assessor) told(ctx context.Context, felt []Subject) (map[string]detect.Requests, error) {
	var ids []string
	for _, s := range felt {
		ids = append(ids, s.Entity)
	}
	answer := make(chan map[string]detect.Requests, 1)
	go func() { answer <- a.opt.Requests(ids) }()
	select {
	case out := <-answer:
		return out, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// window is the range query of a stretch of time. Each point is made of the time
// since the one before, so that together they count all of it once.
func window(from, to time.Time, least time.Duration) metric.Window {
	to = to.Truncate(time.Second)
	span := min(max(to.Sub(from), least, leastStep), longest)
	step := max(span/mostPoints, least, leastStep).Round(time.Second)
	n := max(1, span.Round(step)/step)
	return metric.Window{From: to.Add(-(n - 1) * step), To: to, Step: step}
}

// begin is when the time begins that a window counts.
func begin(w metric.Window) time.Time { return w.From.Add(-w.Step) }

func fill(query string, window time.Duration) string {
	return strings.ReplaceAll(query, "$window", model.Duration(window).String())
}

// requests counts what was asked of one entity.
func (a *Assessor) requests(ctx context.Context, r detect.Requests, w metric.Window) (Requests, error) {
	out := Requests{Entity: r.Entity, Name: r.Name, From: begin(w), Mean: r.Mean, UsualFailed: r.UsualErrors, UsualLatency: r.UsualLatency}
	var lines [3]map[int]float64
	for n, query := range []string{r.Traffic, r.Errors, r.Latency} {
		if query == "" {
			continue
		}
		series, err := a.opt.Metrics.Range(ctx, fill(query, w.Step), w)
		if err != nil {
			out.Missing = "The figures cannot be had."
			if errors.Is(err, metric.ErrTooLarge) {
				out.Missing = "The figures are too many for one query."
			}
			return out, err
		}
		lines[n] = line(series, w)
	}
	out.add(lines[0], lines[1], lines[2], int(w.To.Sub(w.From)/w.Step)+1, w.Step)
	return out, nil
}

// line is a series by the number of its points on a window. Where there are
// several, those with more labels are of others that have the same short name.
func line(series []metric.Series, w metric.Window) map[int]float64 {
	slices.SortStableFunc(series, func(a, b metric.Series) int { return cmp.Compare(a.Labels.Len(), b.Labels.Len()) })
	out := map[int]float64{}
	for _, s := range series {
		for _, p := range s.Points {
			n := int(p.T.Sub(w.From).Round(time.Second) / w.Step)
			if _, have := out[n]; !have && !math.IsNaN(p.V) && !math.IsInf(p.V, 0) {
				out[n] = p.V
			}
		}
	}
	return out
}

// add sums points up. What is not known of a point counts neither way: shares are
// of the requests of which they are known.
func (r *Requests) add(traffic, errors, latency map[int]float64, points int, step time.Duration) {
	var total, known, failed, answered, took float64
	seen := 0
	for n, rate := range traffic {
		asked := max(0, rate) * step.Seconds()
		total += asked
		e, told := errors[n]
		if told {
			known += asked
			failed += min(1, max(0, e)) * asked
		}
		if l, have := latency[n]; have {
			answered += asked
			took += l * asked
		}
		if told || asked == 0 || len(errors) == 0 {
			seen++
		}
	}
	r.Seen = float64(seen) / float64(points)
	switch {
	case len(traffic) == 0:
		r.Missing = "There are no figures of this time."
		return
	case total == 0:
		// Nothing may have been asked because nothing could be asked.
		r.Missing = "Nothing was asked of it in this time."
		return
	}
	r.Total = &total
	if known > 0 {
		r.Total, r.Failed = &known, &failed
	}
	if answered > 0 {
		mean := took / answered
		r.Latency = &mean
	}
}

// customers counts requests that failed by customer, and keeps of each where most
// did. Told says that series tell customers apart.
func (a *Assessor) customers(ctx context.Context, e *detect.Events, w metric.Window, hit map[string]Customer) (told bool, err error) {
	if e == nil {
		return false, nil
	}
	over := w.To.Sub(begin(w))
	by := "by (" + strings.Join(detect.CustomerLabels, ", ") + ")"
	bad, all := fill(e.Bad, over), fill(e.All, over)
	// Of two groups one at least has a label that names a customer.
	groups, err := a.opt.Metrics.Instant(ctx, fmt.Sprintf("topk(2, group %s (%s))", by, all), w.To)
	if err != nil || !slices.ContainsFunc(groups, func(s metric.Sample) bool { return customer(s) != "" }) {
		return false, err
	}
	failed, err := a.opt.Metrics.Instant(ctx, fmt.Sprintf("topk(%d, %s > 0.5)", mostAsked, bad), w.To)
	if err != nil {
		return false, err
	}
	totals, err := a.opt.Metrics.Instant(ctx, fmt.Sprintf("(%s) and %s", all, "("+bad+" > 0.5)"), w.To)
	if err != nil {
		return false, err
	}
	whole := map[string]float64{}
	for _, s := range totals {
		whole[customer(s)] += s.V
	}
	here := map[string]float64{}
	for _, s := range failed {
		here[customer(s)] += s.V
	}
	delete(here, "")
	for name, n := range here {
		if n > hit[name].Failed {
			hit[name] = Customer{Name: name, Failed: n, Total: max(n, whole[name])}
		}
	}
	return true, nil
}

// customer is the name of the customer that a sample is about; "" for none.
func customer(s metric.Sample) string {
	for _, label := range detect.CustomerLabels {
		if v := strings.TrimSpace(s.Labels.Get(label)); v != "" {
			return v
		}
	}
	return ""
}

// worst are the customers with most requests that failed.
func worst(hit map[string]Customer) (list []Customer, more int) {
	for _, c := range hit {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Customer) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.Name, b.Name))
	})
	return list[:min(len(list), mostHit)], max(0, len(list)-mostHit)
}

// named are names of customers in order, each once.
func named(list []string) (names []string, more int) {
	names = slices.Clone(list)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > mostCustomers {
		names, more = names[:mostCustomers], len(names)-mostCustomers
	}
	return names, more
}

// lost is the share of the budget by which objectives are put in order; what is
// not known comes after what lost something, and before what lost nothing.
func lost(h slo.Harm) float64 {
	switch {
	case h.Burned != nil:
		return *h.Burned
	case h.Bad != nil && *h.Bad == 0:
		return 0
	}
	return 1e-9
}
