package correlate

import (
	"fmt"
	"math"
	"sort"
)

// Panel is a record of many signals over one time, in which something may have
// begun: what there is when no separate record of normal operation was kept.
// Each Series has its samples in Window; Normal is not used.
type Panel struct {
	Times   []int64 // in order; several samples may share a second
	Onset   int64   // Unix seconds when it began; 0 has it found
	Calls   []Call  // may be none: then the evidence alone ranks
	Symptom int     // place in Series of what was noticed; -1 where nobody says
	Series  []Series
}

// Bounds of a panel.
const (
	leastBefore = 20   // samples that what is usual is read from
	leastAfter  = 3    // samples of the incident
	strongest   = 100. // spreads beyond which a shift is not told apart
)

// shift is how one series changed at the onset.
type shift struct {
	size  float64 // spreads, 0 to strongest
	ratio float64 // size over what the series does by itself; from 1 on it counts
	up    bool
	from  float64
	to    float64
	begun int64 // when it left its usual range, 0 where it did not
}

func (p *Panel) check() error {
	for i := 1; i < len(p.Times); i++ {
		if p.Times[i] < p.Times[i-1] {
			return fmt.Errorf("%w: times must not fall; %d follows %d", ErrCase, p.Times[i], p.Times[i-1])
		}
	}
	for _, s := range p.Series {
		if len(s.Window) != len(p.Times) {
			return fmt.Errorf("%w: %s of %s has %d samples, not %d", ErrCase, s.Name, s.Entity, len(s.Window), len(p.Times))
		}
	}
	if p.Symptom < -1 || p.Symptom >= len(p.Series) {
		return fmt.Errorf("%w: the symptom is no series", ErrCase)
	}
	if n := len(p.Times); n > 0 && p.Onset != 0 && (p.Onset < p.Times[0] || p.Onset > p.Times[n-1]) {
		return fmt.Errorf("%w: the onset %d is outside of the data, which goes from %d (%s) to %d (%s); give it in Unix seconds",
			ErrCase, p.Onset, p.Times[0], clock(p.Times[0]), p.Times[n-1], clock(p.Times[n-1]))
	}
	return nil
}

// onset is the place where something began: as given, else where the symptom
// did, else where most did. What else happened in that time must not decide
// when a symptom began that is plain by itself.
func (p *Panel) onset() int {
	if p.Onset != 0 {
		return sort.Search(len(p.Times), func(i int) bool { return p.Times[i] >= p.Onset })
	}
	if p.Symptom >= 0 {
		s := p.Series[p.Symptom : p.Symptom+1]
		k := findOnset(s, len(p.Times))
		if sh, ok := shiftOf(&s[0], p.Times, k); ok && sh.ratio >= 1 && !s[0].better(sh) {
			return k
		}
	}
	return findOnset(p.Series, len(p.Times))
}

// better tells a shift that nobody minds, where the signal says which way is
// better.
func (s *Series) better(sh shift) bool {
	return (s.Signal == Latency || s.Signal == Errors) && !sh.up
}

// shiftOf compares a series before and after place k. What the series does by
// itself is read from neighbouring stretches of the time before.
func shiftOf(s *Series, times []int64, k int) (out shift, ok bool) {
	before, after := present(s.Window[:k]), present(s.Window[k:])
	if len(before) < leastBefore/2 || len(after) < leastAfter {
		return out, false
	}
	low, high := min(before[0], after[0]), max(before[len(before)-1], after[len(after)-1])
	middle := quantile(before, .5)
	away := make([]float64, 0, len(before))
	for _, x := range before {
		away = append(away, math.Abs(x-middle))
	}
	spread := max(1.4826*quantile(present(away), .5), (quantile(before, .75)-quantile(before, .25))/1.349, .01*(high-low), .002*math.Abs(middle))
	if spread == 0 {
		return shift{from: middle, to: middle}, true
	}
	delta := step(before, after)
	out = shift{from: middle, to: middle + delta, up: delta > 0, size: min(strongest, math.Abs(delta)/spread)}
	usual := 3.0
	n := min(k-k/2, max(leastAfter, len(s.Window)-k))
	for end := k; end >= 2*n; end -= n {
		a, b := present(s.Window[max(0, end-3*n):end-n]), present(s.Window[end-n:end])
		if len(a) < leastAfter || len(b) < leastAfter {
			continue
		}
		usual = max(usual, 1.5*math.Abs(step(a, b))/spread)
	}
	out.ratio = out.size / usual
	out.begun = begun(s.Window, times, k, middle, spread, out.up)
	return out, true
}

// step is how far the distribution of b lies from a's, in the part where it
// moved most: its middle, or its tails.
func step(a, b []float64) (delta float64) {
	for _, q := range []float64{.5, .9, .1} {
		if d := quantile(b, q) - quantile(a, q); math.Abs(d) > math.Abs(delta) {
			delta = d
		}
	}
	return delta
}

// begun is when a series left its usual range: the first of three samples in a
// row beyond three spreads. It is back after three in a row within half of that,
// so that noise about the limit is no return. Of several times that it left, the
// one for good counts; where it came back at last, as at the end of an incident,
// the longest. 0 is a series that did not leave.
func begun(v []float64, times []int64, k int, middle, spread float64, up bool) int64 {
	const nowhere = -1
	first, left, out, back := nowhere, nowhere, 0, 0
	longest, since := 0, nowhere
	for i := max(0, k-leastAfter); i < len(v); i++ {
		if math.IsNaN(v[i]) {
			continue
		}
		far := (v[i] - middle) / spread
		if !up {
			far = -far
		}
		switch {
		case far > 3:
			if out++; out == 1 {
				first = i
			}
			if out == 3 && left == nowhere {
				left = first
			}
			back = 0
		case far > 1.5:
			out, back = 0, 0
		default:
			out = 0
			if back++; back < 3 || left == nowhere {
				continue
			}
			if i-left > longest {
				longest, since = i-left, left
			}
			left = nowhere
		}
	}
	if left == nowhere {
		left = since
	}
	if left == nowhere {
		return 0
	}
	return times[left]
}

// findOnset is the place where the series, taken together, change most: each
// series' best two-sample difference of clipped, scaled values, squared and
// summed over the tenth of series that differ most (after CUSUM; Page 1954).
func findOnset(series []Series, n int) int {
	first, last := max(leastBefore, n/10), n-leastAfter
	total := make([]float64, n)
	var rows [][]float64
	for i := range series {
		if row := contrast(series[i].Window); row != nil {
			rows = append(rows, row)
		}
	}
	best, at := -1., last
	column := make([]float64, len(rows))
	for k := first; k <= last; k++ {
		for i, r := range rows {
			column[i] = r[k]
		}
		top := present(column)
		for _, x := range top[len(top)-min(len(top), max(3, len(top)/10)):] {
			total[k] += x
		}
		if total[k] > best {
			best, at = total[k], k
		}
	}
	return at
}

// contrast is, for each place, the squared difference of the means before and
// after it, in units of its chance error.
func contrast(v []float64) []float64 {
	sorted := present(v)
	if len(sorted) < leastBefore {
		return nil
	}
	middle := quantile(sorted, .5)
	spread := max((quantile(sorted, .75)-quantile(sorted, .25))/1.349, .01*(sorted[len(sorted)-1]-sorted[0]))
	if spread == 0 {
		return nil
	}
	sum, count := make([]float64, len(v)+1), make([]float64, len(v)+1)
	for i, x := range v {
		sum[i+1], count[i+1] = sum[i], count[i]
		if !math.IsNaN(x) {
			sum[i+1] += min(5, max(-5, (x-middle)/spread))
			count[i+1]++
		}
	}
	out := make([]float64, len(v))
	n := len(v)
	for k := 1; k < n; k++ {
		a, b := count[k], count[n]-count[k]
		if a == 0 || b == 0 {
			continue
		}
		d := sum[k]/a - (sum[n]-sum[k])/b
		out[k] = d * d * a * b / (a + b)
	}
	return out
}
