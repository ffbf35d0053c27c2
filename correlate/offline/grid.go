package offline

import (
	"math"
	"time"

	stale "github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// lookback is how long a sample holds, as in PromQL.
const lookback = 5 * time.Minute

// grid is the times to which samples are brought: the ends of equal steps, in
// Unix seconds.
type grid struct {
	times []int64
	step  int64
}

func newGrid(from, to, step int64) grid {
	g := grid{step: step}
	for t := from + step; t <= to; t += step {
		g.times = append(g.times, t)
	}
	return g
}

// histogramPart says what of a native histogram is read.
type histogramPart int

const (
	histogramCount histogramPart = iota
	histogramSum
)

// row brings a series to the grid: a gauge as its mean in each step, or what it
// was last where a step has no sample; a counter as what it gained a second.
// NaN is where nothing is known. A counter that falls was reset.
func (g grid) row(it chunkenc.Iterator, counter bool, part histogramPart) ([]float64, error) {
	row := make([]float64, len(g.times))
	for i := range row {
		row[i] = math.NaN()
	}
	r := resampler{grid: g, row: row, counts: make([]int32, len(row))}
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		var t int64
		var v float64
		switch kind {
		case chunkenc.ValFloat:
			t, v = it.At()
		case chunkenc.ValHistogram, chunkenc.ValFloatHistogram:
			at, h := it.AtFloatHistogram(nil)
			if t, v = at, h.Count; part == histogramSum || stale.IsStaleNaN(h.Sum) {
				v = h.Sum
			}
		default:
			continue
		}
		switch seconds := float64(t) / 1000; {
		case stale.IsStaleNaN(v):
			r.known = false
		case math.IsNaN(v) || math.IsInf(v, 0):
		case counter:
			r.count(seconds, v)
		default:
			r.gauge(seconds, v)
		}
	}
	return row, it.Err()
}

// resampler holds the last sample, if it still counts.
type resampler struct {
	grid   grid
	row    []float64
	counts []int32 // samples of a gauge in each step
	known  bool
	t, v   float64
}

// place is the step that a time lies in; it may be outside of the grid.
func (r *resampler) place(t float64) int {
	return int(math.Ceil((t-float64(r.grid.times[0]))/float64(r.grid.step) - 1e-9))
}

func (r *resampler) gauge(t, v float64) {
	at := r.place(t)
	if r.known {
		for i := max(0, r.place(r.t)+1); i < min(at, len(r.row)); i++ {
			if float64(r.grid.times[i])-r.t <= lookback.Seconds() {
				r.row[i] = r.v
			}
		}
	}
	if at >= 0 && at < len(r.row) {
		if r.counts[at]++; r.counts[at] == 1 {
			r.row[at] = v
		} else {
			r.row[at] += (v - r.row[at]) / float64(r.counts[at])
		}
	}
	r.known, r.t, r.v = true, t, v
}

// count spreads what a counter gained between two samples evenly over the time
// between them.
func (r *resampler) count(t, v float64) {
	gap := t - r.t
	if r.known && gap > 0 && gap <= lookback.Seconds() {
		gained := v - r.v
		if gained < 0 {
			gained = v
		}
		step := float64(r.grid.step)
		for i := max(0, r.place(r.t)); i <= min(r.place(t), len(r.row)-1); i++ {
			end := float64(r.grid.times[i])
			part := min(t, end) - max(r.t, end-step)
			if part <= 0 {
				continue
			}
			if math.IsNaN(r.row[i]) {
				r.row[i] = 0
			}
			r.row[i] += gained * part / gap / step
		}
	}
	r.known, r.t, r.v = true, t, v
}
