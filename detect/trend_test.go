package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/metric"
)

// points are what f gives every five minutes for so many hours.
func points(hours float64, f func(hour float64) float64) []metric.Point {
	var out []metric.Point
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for d := time.Duration(0); d.Hours() <= hours; d += trendStep {
		out = append(out, metric.Point{T: start.Add(d), V: f(d.Hours())})
	}
	return out
}

// The interval holds the truth about as often as it says, also where figures
// hang together from one to the next; towards limits above and below.
func TestTrendKnowsHowSureItIs(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for _, hangs := range []float64{0, .6} {
		held, told := 0, 0
		for range 400 {
			slope, noise, sign := .01+.06*r.Float64(), .02*r.Float64(), float64(1-2*r.IntN(2))
			last := 0.0
			p := points(6, func(h float64) float64 {
				last = hangs*last + math.Sqrt(1-hangs*hangs)*noise*r.NormFloat64()
				return sign * (.2 + slope*h + last)
			})
			got, ok := TrendOf(p, sign)
			if !ok {
				continue
			}
			told++
			truth := time.Duration((1 - .2 - 6*slope) / slope * float64(time.Hour))
			// The level at the end is uncertain, too; the interval is the slope's.
			slack := time.Duration(2 * noise / slope * float64(time.Hour))
			if got.Soonest-slack <= truth && truth <= got.Latest+slack {
				held++
			}
			if got.Soonest > got.Until || got.Until > got.Latest {
				t.Fatalf("%v is not between %v and %v", got.Until, got.Soonest, got.Latest)
			}
		}
		if told < 250 {
			t.Errorf("hanging together by %v: only %d of 400 trends were seen", hangs, told)
		}
		if share := float64(held) / float64(told); share < .9 {
			t.Errorf("hanging together by %v: the truth lies in %.0f %% of the intervals", hangs, 100*share)
		}
	}
}

// What is no trend is not told as one, however it looks for a while.
func TestNoTrend(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	for name, f := range map[string]func(h float64) float64{
		"noise":            func(float64) float64 { return .5 + .1*r.NormFloat64() },
		"saw-tooth":        func(h float64) float64 { return .3 + .5*math.Mod(h, .9)/.9 },
		"began lately":     func(h float64) float64 { return .3 + .2*max(0, h-4.5) },
		"has ended":        func(h float64) float64 { return .3 + .1*min(h, 3.5) },
		"a step":           func(h float64) float64 { return map[bool]float64{true: .6, false: .3}[h > 3] },
		"falls":            func(h float64) float64 { return .8 - .05*h },
		"a wave":           func(h float64) float64 { return .5 + .2*math.Sin(h) },
		"creeps, unheeded": func(h float64) float64 { return .3 + .002*h },
	} {
		told := 0
		for range 50 {
			if _, ok := TrendOf(points(6, f), 1); ok {
				told++
			}
		}
		if told > 0 {
			t.Errorf("%s: told as a trend %d times in 50", name, told)
		}
	}
	// A walk of chance looks like a trend at times; it must be seldom.
	walks := 0
	for range 1000 {
		at := .5
		if _, ok := TrendOf(points(6, func(float64) float64 { at += .01 * r.NormFloat64(); return at }), 1); ok {
			walks++
		}
	}
	if walks > 30 {
		t.Errorf("%d of 1000 walks of chance were told as trends", walks)
	}
}

// What comes each day at this hour is no trend.
func TestTrendOfEachDay(t *testing.T) {
	rise := func(h float64) float64 { return .2 + .05*h }
	got, ok := TrendOf(points(6, rise), 1)
	if !ok {
		t.Fatal("there is no trend")
	}
	if !got.daily(points(6, rise)) || got.daily(points(6, func(float64) float64 { return .2 })) || got.daily(nil) {
		t.Error("the day before is not heeded")
	}
	if leak := func(h float64) float64 { return rise(h - 8) }; got.daily(points(6, leak)) {
		t.Error("what has risen all the time since the day before is taken for what comes each day")
	}
	got, ok = TrendOf(points(6, func(h float64) float64 { return .9 - .05*h }), .1)
	if !ok || !got.Falls || !got.daily(points(6, func(h float64) float64 { return .9 - .05*h })) || got.daily(points(6, rise)) {
		t.Errorf("downwards: %+v, %v", got, ok)
	}
	if got.daily(points(6, func(h float64) float64 { return .9 - .05*(h-8) })) {
		t.Error("what has fallen all the time since the day before is taken for what comes each day")
	}
}
