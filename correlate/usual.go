package correlate

import (
	"math"
	"slices"
)

// enough is how many samples of normal operation a baseline needs.
const enough = 20

// usual is what is normal for a series.
type usual struct {
	n         int     // samples with data
	seen      float64 // share of samples with data
	median    float64
	spread    float64 // a standard deviation, robustly, upwards
	low, high float64 // quantiles .005 and .995
}

// usualOf reads a baseline off normal samples. The spread is the larger of the
// one about the middle (MAD) and the one that the upper tail shows, for the
// latencies of things that are called rarely are skewed; it never falls below
// 2 % of the median, below which nobody feels a difference.
func usualOf(normal []float64) usual {
	v := present(normal)
	u := usual{n: len(v)}
	if len(normal) > 0 {
		u.seen = float64(len(v)) / float64(len(normal))
	}
	if len(v) == 0 {
		return u
	}
	u.median, u.low, u.high = quantile(v, .5), quantile(v, .005), quantile(v, .995)
	away := make([]float64, len(v))
	for i, x := range v {
		away[i] = math.Abs(x - u.median)
	}
	slices.Sort(away)
	u.spread = max(1.4826*quantile(away, .5), (quantile(v, .95)-u.median)/1.645, .02*math.Abs(u.median))
	return u
}

// present returns the samples that are there, sorted.
func present(v []float64) []float64 {
	out := make([]float64, 0, len(v))
	for _, x := range v {
		if !math.IsNaN(x) {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}

// quantile of sorted values, interpolated.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func mean(v []float64) float64 {
	sum := 0.0
	n := 0
	for _, x := range v {
		if !math.IsNaN(x) {
			sum += x
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// above is how far a run of samples rises above what stood just before it, or
// above the usual where nothing did: the largest mean of two neighbours less
// the mean before. Two neighbours, because one sample alone is what normal
// operation has most of; what stood before rather than the usual, because load
// and time of day move the usual.
func above(before, during []float64, median float64) float64 {
	base := median
	if b := mean(before); !math.IsNaN(b) {
		base = b
	}
	best := math.Inf(-1)
	for i := range during {
		if i > 0 && i+1 == len(during) {
			break
		}
		if m := mean(during[i:min(i+2, len(during))]); m-base > best {
			best = m - base
		}
	}
	return best
}

// rarity is the share of all windows of normal operation that lie at least as
// far above as this one does: a p-value by comparison with the past itself,
// which asks for no distribution (conformal prediction; Vovk et al. 2005).
func rarity(normal []float64, before, during []float64, median float64) (p, height float64) {
	height = above(before, during, median)
	nb, nd := len(before), len(during)
	worse, all := 0, 0
	for i := 0; i+nb+nd <= len(normal); i++ {
		h := above(normal[i:i+nb], normal[i+nb:i+nb+nd], median)
		if math.IsInf(h, -1) {
			continue
		}
		all++
		if h >= height {
			worse++
		}
	}
	return float64(worse+1) / float64(all+1), height
}
