package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// sheet is where an estate's figures of one moment are written down.
type sheet struct {
	app  storage.AppenderV2
	at   time.Time
	step time.Duration
	r    *rand.Rand
	err  error
}

// history writes an estate's figures from one time to another into the figures
// of a data folder that no Evenkeel uses.
func history(ctx context.Context, data string, e *estate, from, to time.Time, step time.Duration) (err error) {
	db, err := tsdb.Open(tsdb.Config{Dir: filepath.Join(data, "metrics")}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r := rand.New(rand.NewPCG(7, 7))
	for at := from; !at.After(to); at = at.Add(step) {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &sheet{app: db.Storage().AppenderV2(ctx), at: at, step: step, r: r}
		e.write(s)
		if s.err != nil {
			return errors.Join(s.err, s.app.Rollback())
		}
		if err := s.app.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// series is one series with what its counter has come to.
type series struct {
	labels labels.Labels
	ref    storage.SeriesRef
	sum    float64
	there  bool
}

// exporter is a page that is scraped: its series come and go together.
type exporter struct {
	base   labels.Labels
	series map[string]*series
	order  []*series
}

func newExporter(job, instance string) *exporter {
	return &exporter{base: labels.FromStrings("job", job, "instance", instance), series: map[string]*series{}}
}

func (x *exporter) find(name string, pairs []string) *series {
	key := name
	for _, p := range pairs {
		key += "\x00" + p
	}
	s := x.series[key]
	if s == nil {
		b := labels.NewBuilder(x.base).Set("__name__", name)
		for n := 0; n < len(pairs); n += 2 {
			b.Set(pairs[n], pairs[n+1])
		}
		s = &series{labels: b.Labels()}
		x.series[key] = s
		x.order = append(x.order, s)
	}
	return s
}

func (s *sheet) put(x *series, v float64) {
	x.there = !value.IsStaleNaN(v)
	ref, err := s.app.Append(x.ref, x.labels, 0, s.at.UnixMilli(), v, nil, nil, storage.AOptions{})
	x.ref, s.err = ref, errors.Join(s.err, err)
}

func (s *sheet) gauge(x *exporter, v float64, name string, pairs ...string) {
	s.put(x.find(name, pairs), v)
}

// count raises a counter.
func (s *sheet) count(x *exporter, by float64, name string, pairs ...string) {
	c := x.find(name, pairs)
	c.sum += by
	s.put(c, c.sum)
}

// up says that the page was scraped; silent that it was not, and that all that
// was on it is gone.
func (s *sheet) up(x *exporter) { s.gauge(x, 1, "up") }

func (s *sheet) silent(x *exporter) {
	up := x.find("up", nil)
	for _, c := range x.order {
		if c.there && c != up {
			s.put(c, math.Float64frombits(value.StaleNaN))
		}
	}
	s.put(up, 0)
}

// away is silence of what is not a target any more.
func (s *sheet) away(x *exporter) {
	for _, c := range x.order {
		if c.there {
			s.put(c, math.Float64frombits(value.StaleNaN))
		}
	}
}

// anew lets all counters begin at zero, as after a start.
func (x *exporter) anew() {
	for _, c := range x.order {
		c.sum = 0
	}
}

var buckets = []struct {
	le   float64
	text string
}{{.005, "0.005"}, {.01, "0.01"}, {.025, "0.025"}, {.05, "0.05"}, {.1, "0.1"}, {.25, "0.25"}, {.5, "0.5"}, {1, "1"}, {2.5, "2.5"}, {5, "5"}, {math.Inf(1), "+Inf"}}

// spread is the standard deviation of the logarithm of how long answers take.
const spread = .55

// histogram adds n events that take mean seconds on average.
func (s *sheet) histogram(x *exporter, n int, mean float64, name string, pairs ...string) {
	middle := math.Log(mean) - spread*spread/2
	var counts [11]int
	sum := 0.0
	if n <= 40 {
		for range n {
			v := math.Exp(middle + spread*s.r.NormFloat64())
			sum += v
			for b := range buckets {
				if v <= buckets[b].le {
					counts[b]++
					break
				}
			}
		}
	} else {
		left, share := n, 1.0
		for b := range buckets {
			p := .5 * (1 + math.Erf((math.Log(buckets[b].le)-middle)/spread/math.Sqrt2))
			if b > 0 {
				p -= .5 * (1 + math.Erf((math.Log(buckets[b-1].le)-middle)/spread/math.Sqrt2))
			}
			if b == len(buckets)-1 || share <= 1e-9 {
				counts[b] += left
				break
			}
			q := min(1, max(0, p/share))
			k := binomial(s.r, left, q)
			counts[b], left, share = k, left-k, share-p
		}
		sum = float64(n) * mean * (1 + s.r.NormFloat64()*.6/math.Sqrt(float64(n)))
	}
	all := 0
	for b := range buckets {
		all += counts[b]
		s.count(x, float64(all), name+"_bucket", append(pairs[:len(pairs):len(pairs)], "le", buckets[b].text)...)
	}
	s.count(x, sum, name+"_sum", pairs...)
	s.count(x, float64(n), name+"_count", pairs...)
}

// poisson draws how many of rate events there are.
func poisson(r *rand.Rand, rate float64) int {
	if rate > 50 {
		return max(0, int(math.Round(rate+math.Sqrt(rate)*r.NormFloat64())))
	}
	n, p, least := 0, 1.0, math.Exp(-rate)
	for {
		if p *= r.Float64(); p <= least {
			return n
		}
		n++
	}
}

// binomial draws how many of n things happen.
func binomial(r *rand.Rand, n int, p float64) int {
	if mean := float64(n) * p; mean > 25 && float64(n)*(1-p) > 25 {
		return min(n, max(0, int(math.Round(mean+math.Sqrt(mean*(1-p))*r.NormFloat64()))))
	} else if p < .2 {
		return min(n, poisson(r, mean))
	}
	k := 0
	for range n {
		if r.Float64() < p {
			k++
		}
	}
	return k
}

// wander is noise that remembers (AR(1)): around 0, with a deviation, most of
// which is forgotten within some steps.
type wander struct{ x float64 }

func (w *wander) next(r *rand.Rand, deviation, memory float64) float64 {
	w.x = memory*w.x + deviation*math.Sqrt(1-memory*memory)*r.NormFloat64()
	return w.x
}
