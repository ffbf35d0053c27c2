package detect

import (
	"math"
	"slices"
	"time"
)

// How a baseline learns.
const (
	// halfLife is after how long a figure counts half: a week's habits
	// outweigh an afternoon's.
	halfLife = 3 * 24 * time.Hour
	// minPoints and minSpan are what must have been seen before a baseline
	// says that it knows.
	minPoints = 100
	minSpan   = 30 * time.Minute
	// maxGap is the longest silence that still counts as time watched.
	maxGap = 2 * time.Minute
	// maxBuckets bounds the memory of one baseline to about 300 bytes.
	maxBuckets = 48
	// growth is the ratio of neighbouring buckets: a quantile is right to
	// within 5 %.
	growth = 1.1
	// smallest is the magnitude below which a figure is taken as zero.
	smallest = 1e-6
)

var logGrowth = math.Log(growth)

// Baseline is what is usual for one signal of one entity: a histogram with
// logarithmic buckets whose weights fade by halfLife (forward decay, Cormode
// et al. 2009: newer figures get a heavier weight, so that nothing stored has
// to be touched as time passes). A nil Baseline knows nothing. Its fields are
// exported for encoding only.
type Baseline struct {
	Points  int
	Span    time.Duration // time watched, without the gaps
	Base    int64         // unix second at which a weight is one
	Last    int64         // unix second of the last figure
	Keys    []int16       // buckets in rising order
	Weights []float32
}

// bucket numbers a figure so that order is kept; negative figures are below zero.
func bucket(v float64) int16 {
	a := math.Abs(v)
	if a < smallest {
		return 0
	}
	k := math.Min(math.Round(math.Log(a/smallest)/logGrowth)+1, math.MaxInt16)
	return int16(math.Copysign(k, v))
}

// middle is a figure in the middle of a bucket.
func middle(k int16) float64 {
	if k == 0 {
		return 0
	}
	v := smallest * math.Exp((math.Abs(float64(k))-1)*logGrowth)
	return math.Copysign(v, float64(k))
}

// Learn adds a figure. Figures that are not finite, or not newer than the last
// one, are passed over.
func (b *Baseline) Learn(v float64, now time.Time) {
	t := now.Unix()
	if math.IsNaN(v) || math.IsInf(v, 0) || b.Points > 0 && t <= b.Last {
		return
	}
	if b.Points == 0 {
		b.Base = t
	} else if gap := time.Duration(t-b.Last) * time.Second; gap <= maxGap {
		b.Span += gap
	}
	b.Points++
	b.Last = t
	age := float64(t-b.Base) / halfLife.Seconds()
	if age > 20 { // weights near float32's precision: start anew from here
		shrink := float32(math.Exp2(-age))
		for i := range b.Weights {
			b.Weights[i] *= shrink
		}
		b.Base, age = t, 0
	}
	k := bucket(v)
	i, found := slices.BinarySearch(b.Keys, k)
	if !found {
		b.Keys = slices.Insert(b.Keys, i, k)
		b.Weights = slices.Insert(b.Weights, i, 0)
	}
	b.Weights[i] += float32(math.Exp2(age))
	if len(b.Keys) > maxBuckets {
		b.merge()
	}
}

// merge joins the two neighbours that matter least.
func (b *Baseline) merge() {
	at := 0
	for i := range len(b.Keys) - 1 {
		if b.Weights[i]+b.Weights[i+1] < b.Weights[at]+b.Weights[at+1] {
			at = i
		}
	}
	if b.Weights[at] > b.Weights[at+1] {
		b.Keys[at+1] = b.Keys[at]
	}
	b.Weights[at+1] += b.Weights[at]
	b.Keys = slices.Delete(b.Keys, at, at+1)
	b.Weights = slices.Delete(b.Weights, at, at+1)
}

// Known says whether enough was seen to call anything usual.
func (b *Baseline) Known() bool {
	return b != nil && b.Points >= minPoints && b.Span >= minSpan
}

// Median is the usual figure; 0 while nothing was learned.
func (b *Baseline) Median() float64 { return b.quantile(0.5) }

// High is what 95 of 100 figures do not exceed; 0 while nothing was learned.
func (b *Baseline) High() float64 { return b.quantile(0.95) }

func (b *Baseline) quantile(q float64) float64 { return b.quantiles(q)[0] }

// quantiles are several at once, in rising order.
func (b *Baseline) quantiles(qs ...float64) []float64 {
	out := make([]float64, len(qs))
	if b == nil || len(b.Keys) == 0 {
		return out
	}
	var total float64
	for _, w := range b.Weights {
		total += float64(w)
	}
	var sum float64
	next := 0
	for i, w := range b.Weights {
		sum += float64(w)
		for next < len(qs) && (sum >= qs[next]*total || i == len(b.Keys)-1) {
			out[next] = middle(b.Keys[i])
			next++
		}
	}
	return out
}
