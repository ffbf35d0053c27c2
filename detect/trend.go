package detect

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/metric"
)

// A trend says where a signal is going: how fast it nears its limit, and when it
// will be there. It is told only where it is beyond doubt: the slope differs from
// none (Theil-Sen, with Sen's interval, widened for figures that hang together),
// each part of the time lies above the one before, both by its middle and by its
// near side (what is cleaned up again and again does not), it still goes on, and
// the day before did not show the same at this hour, at the same height.
type Trend struct {
	At    time.Time // when it was worked out
	Slope float64   // towards the limit, in units a second
	Level float64   // of the line, at its end
	Falls bool      // the limit lies below
	// Until is how long it takes to the limit, Soonest and Latest the ends of the
	// 95 % interval.
	Until, Soonest, Latest time.Duration
}

const (
	// trendOver is the time that a trend is read over, at trendStep.
	trendOver = 6 * time.Hour
	trendStep = 5 * time.Minute
	// trendLeast is the least time that must be there.
	trendLeast = 2 * time.Hour
	// trendEvery is how often a signal's trends are worked out.
	trendEvery = 10 * time.Minute
	// trendHolds is how long one counts when nothing newer could be worked out.
	trendHolds = 30 * time.Minute
	// never is what rules read where there is no trend, in seconds.
	never = 1e12
	// parts are what the time is divided into to see that it goes on.
	parts = 6
	// worthTelling is the share of the way to the limit that must have been gone.
	worthTelling = 0.1
	// daily is the share of a trend's slope from which on the same hours of the
	// day before show the same, and the share of what it gains in trendOver by
	// which it may lie beyond them.
	daily = 0.5
)

// seconds is what rules read: how long until the limit, as of now.
func (t *Trend) seconds(d time.Duration, now time.Time) float64 {
	if t == nil || now.Sub(t.At) > trendHolds {
		return never
	}
	return max(0, (d - now.Sub(t.At)).Seconds())
}

// trends works out the trends of the signals whose time has come: one signal in a
// round, so that no round is long.
func (p *picture) trends(ctx context.Context, c *Catalogue, q metric.Querier, now time.Time) error {
	var due *Signal
	for _, s := range c.signals {
		r := p.readings[s]
		if s.Limit == nil || s.Over != nil || r == nil {
			continue
		}
		if r.trend.IsZero() { // not all at once
			h := fnv.New32a()
			_, _ = h.Write([]byte(s.Kind + "." + s.Name))
			r.trend = now.Add(time.Duration(h.Sum32()%60) * time.Second)
		}
		if !now.Before(r.trend) && (due == nil || r.trend.Before(p.readings[due].trend)) {
			due = s
		}
	}
	if due == nil {
		return nil
	}
	r := p.readings[due]
	r.trend = now.Add(trendEvery)
	for i, query := range r.queries {
		if !p.present.asks(due.sources[i]) || now.Before(r.rest[i]) {
			continue
		}
		series, err := q.Range(ctx, query, trendWindow(now))
		if err != nil {
			return fmt.Errorf("trend of %s of %s: %w", due.Name, due.Kind, err)
		}
		var before map[string][]metric.Point // the day before, where it is asked for
		for _, s := range series {
			id, ok := due.kind.identify(s.Labels, due.sources[i].naming)
			e := p.entities[name{due.kind, p.meet(due.kind, id)}]
			if !ok || e == nil {
				continue
			}
			t, ok := TrendOf(s.Points, *due.Limit)
			if ok && before == nil {
				if before, err = p.dayBefore(ctx, q, due, i, query, now); err != nil {
					return fmt.Errorf("trend of %s of %s: %w", due.Name, due.Kind, err)
				}
			}
			e.setTrend(due, nil)
			if ok && !t.daily(before[e.ID]) {
				t.At = now
				e.setTrend(due, &t)
			}
		}
	}
	return nil
}

func trendWindow(to time.Time) metric.Window {
	return metric.Window{From: to.Add(-trendOver), To: to, Step: trendStep}
}

// dayBefore is the same time of the day before, by entity.
func (p *picture) dayBefore(ctx context.Context, q metric.Querier, s *Signal, i int, query string, now time.Time) (map[string][]metric.Point, error) {
	series, err := q.Range(ctx, query, trendWindow(now.Add(-24*time.Hour)))
	if err != nil {
		return nil, err
	}
	out := map[string][]metric.Point{}
	for _, x := range series {
		if id, ok := s.kind.identify(x.Labels, s.sources[i].naming); ok {
			out[p.meet(s.kind, id)] = x.Points
		}
	}
	return out, nil
}

func (e *Entity) setTrend(s *Signal, t *Trend) {
	if e.trending == nil && t == nil {
		return
	}
	if e.trending == nil {
		e.trending = map[*Signal]*Trend{}
	}
	if t == nil {
		delete(e.trending, s)
		return
	}
	e.trending[s] = t
}

// TrendOf is the trend of points towards a limit, in order of time; false where
// there is none beyond doubt, or the limit is reached. The slope is the median of those of all pairs (Theil 1950,
// Sen 1968); its interval is Sen's, by Kendall's variance, which is enlarged for
// figures that hang together by their first autocorrelation (Hamed and Rao 1998).
func TrendOf(points []metric.Point, limit float64) (Trend, bool) {
	points = slices.DeleteFunc(slices.Clone(points), func(p metric.Point) bool { return math.IsNaN(p.V) || math.IsInf(p.V, 0) })
	n := len(points)
	if n < int(trendLeast/trendStep) || points[n-1].T.Sub(points[0].T) < trendLeast {
		return Trend{}, false
	}
	// Seen from below: what nears its limit rises.
	sign := 1.0
	if limit < points[n-1].V {
		sign = -1
	}
	x, y := make([]float64, n), make([]float64, n)
	for i, p := range points {
		x[i], y[i] = p.T.Sub(points[0].T).Seconds(), sign*p.V
	}
	slope, low, high, surely := senSlope(x, y)
	if surely <= 0 || !goesOn(y) {
		return Trend{}, false
	}
	base := baseOf(x, y, slope)
	rest := make([]float64, n)
	for i := range x {
		rest[i] = math.Abs(y[i] - slope*x[i] - base)
	}
	spread := 1.4826 * medianOf(rest)
	span := x[n-1]
	level := base + slope*span
	left := sign*limit - level
	if slope*span < max(3*spread, worthTelling*(sign*limit-base)) || left <= 0 {
		return Trend{}, false
	}
	after := func(by float64) time.Duration {
		return time.Duration(min(left/by, 100*365*86400) * float64(time.Second))
	}
	return Trend{Slope: slope, Level: sign * level, Falls: sign < 0, Until: after(slope), Soonest: after(high), Latest: after(low)}, true
}

// daily says that the same hours of the day before show the same, and that it
// has come back since: what leaks for days rises each day as it did the day
// before, and never comes back.
func (t Trend) daily(before []metric.Point) bool {
	n := len(before)
	if n < int(trendLeast/trendStep) {
		return false
	}
	x, y := make([]float64, n), make([]float64, n)
	for i, p := range before {
		x[i], y[i] = p.T.Sub(before[0].T).Seconds(), p.V
	}
	slope, _, _, _ := senSlope(x, y)
	further := t.Level - (baseOf(x, y, slope) + slope*x[n-1])
	if t.Falls {
		slope, further = -slope, -further
	}
	return slope >= daily*t.Slope && further < daily*t.Slope*trendOver.Seconds()
}

// senSlope is the median of the slopes of all pairs, the ends of its 95 %
// interval, and the low end of a far wider one: of many series some seem to go
// somewhere by chance.
func senSlope(x, y []float64) (slope, low, high, surely float64) {
	n := len(x)
	all := make([]float64, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			if d := x[j] - x[i]; d > 0 {
				all = append(all, (y[j]-y[i])/d)
			}
		}
	}
	if len(all) == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(all)
	slope = all[len(all)/2]
	rest := make([]float64, n)
	for i := range rest {
		rest[i] = y[i] - slope*x[i]
	}
	m := float64(n)
	hangs := min(max(autocorrelation(rest), 0), 0.97)
	sigma := math.Sqrt(m * (m - 1) * (2*m + 5) / 18 * (1 + hangs) / (1 - hangs))
	at := func(k float64) float64 { return all[int(min(max(math.Round(k), 0), float64(len(all)-1)))] }
	middle := float64(len(all)-1) / 2
	return slope, at(middle - 1.96*sigma/2), at(middle + 1.96*sigma/2), at(middle - 3.5*sigma/2)
}

// autocorrelation is that of neighbours.
func autocorrelation(v []float64) float64 {
	mean := 0.0
	for _, f := range v {
		mean += f / float64(len(v))
	}
	sum, whole := 0.0, 0.0
	for i, f := range v {
		whole += (f - mean) * (f - mean)
		if i > 0 {
			sum += (f - mean) * (v[i-1] - mean)
		}
	}
	if whole == 0 {
		return 0
	}
	return sum / whole
}

// goesOn says that of the parts of the time each lies above those before, by its
// middle and by its low side, and the last one above the last but one: of the 15
// pairs, one middle and two low sides may be out of order.
func goesOn(y []float64) bool {
	var middle, under [parts]float64
	for k := range parts {
		part := slices.Clone(y[k*len(y)/parts : (k+1)*len(y)/parts])
		slices.Sort(part)
		middle[k], under[k] = part[len(part)/2], part[len(part)/10]
	}
	ordered := func(v [parts]float64) (n int) {
		for i := range v {
			for j := i + 1; j < parts; j++ {
				if v[j] > v[i] {
					n++
				}
			}
		}
		return n
	}
	const pairs = parts * (parts - 1) / 2
	return ordered(middle) >= pairs-1 && ordered(under) >= pairs-2 && middle[parts-1] > middle[parts-2]
}

// baseOf is where a line of a slope through the middle of the points begins.
func baseOf(x, y []float64, slope float64) float64 {
	rest := make([]float64, len(x))
	for i := range x {
		rest[i] = y[i] - slope*x[i]
	}
	return medianOf(rest)
}

func medianOf(v []float64) float64 {
	v = slices.Clone(v)
	slices.SortFunc(v, cmp.Compare[float64])
	return v[len(v)/2]
}
