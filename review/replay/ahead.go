package replay

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/metric"
)

const (
	// chunk is how many rounds are read with one query, and most how many
	// figures of one query are held for them; a dear one is read for fewer.
	chunk = 40
	most  = 50_000
)

// looksFarBack are questions that are answered also where there have been no
// figures for an hour or more.
var looksFarBack = regexp.MustCompile(`\[\d+[hdwy]`)

// ahead answers questions that are asked again and again at the pace of the
// rounds by one query for many of them: rounds that have passed can be read
// ahead. It is not safe for concurrent use.
type ahead struct {
	metric.Querier
	until time.Time // nothing is read past it
	asked map[string]*asked
	heard time.Time // as of when there last were figures at all
}

// asked is what is known of one question.
type asked struct {
	last    time.Time
	stride  time.Duration
	series  []metric.Series
	at      []int         // by series: the point to go on from
	held    metric.Window // what the series answer
	size    int           // figures of the last answer
	farBack bool
}

func newAhead(q metric.Querier, until time.Time) *ahead {
	return &ahead{Querier: q, until: until, asked: map[string]*asked{}}
}

// Instant answers as of a time. Times of one question only rise.
func (a *ahead) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	samples, err := a.answer(ctx, expr, at)
	// What has no labels may be made of nothing: vector(0).
	if at.After(a.heard) && !a.asked[expr].farBack && slices.ContainsFunc(samples, func(s metric.Sample) bool { return !s.Labels.IsEmpty() }) {
		a.heard = at
	}
	return samples, err
}

func (a *ahead) answer(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	k := a.asked[expr]
	if k == nil {
		k = &asked{farBack: looksFarBack.MatchString(expr)}
		a.asked[expr] = k
	}
	if k.series != nil && !at.After(k.held.To) && at.Sub(k.held.From)%k.held.Step == 0 {
		k.last = at
		return k.samples(at), nil
	}
	k.series = nil
	stride := at.Sub(k.last)
	steady := !k.last.IsZero() && stride > 0 && stride == k.stride
	k.last, k.stride = at, stride
	if steady {
		steps := min(chunk, most/max(1, k.size))
		to := at.Add(time.Duration(steps-1) * stride)
		for to.After(a.until) {
			to = to.Add(-stride)
		}
		if to.After(at) {
			w := metric.Window{From: at, To: to, Step: stride}
			// Too much at once is asked for one by one.
			if series, err := a.Range(ctx, expr, w); err == nil {
				k.held, k.series, k.at = w, series, make([]int, len(series))
				if series == nil {
					k.series = []metric.Series{}
				}
				return k.samples(at), nil
			} else if ctx.Err() != nil {
				return nil, err
			}
		}
	}
	samples, err := a.Querier.Instant(ctx, expr, at)
	k.size = len(samples)
	return samples, err
}

func (k *asked) samples(at time.Time) (out []metric.Sample) {
	for n, s := range k.series {
		for k.at[n] < len(s.Points) && s.Points[k.at[n]].T.Before(at) {
			k.at[n]++
		}
		if i := k.at[n]; i < len(s.Points) && s.Points[i].T.Equal(at) {
			out = append(out, metric.Sample{Labels: s.Labels, Point: s.Points[i]})
		}
	}
	k.size = len(out)
	return out
}
