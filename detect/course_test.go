package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// noisy is a figure that varies about a level as latencies do: always above
// zero, with a long tail upwards.
func noisy(r *rand.Rand, level float64) float64 { return level * math.Exp(.15*r.NormFloat64()) }

// play feeds figures to a course as rounds do, and says when it was out.
func play(levels []float64, unit string, every time.Duration, seed uint64) (out []bool, c *course, b *Baseline, start time.Time) {
	r := rand.New(rand.NewPCG(seed, 1))
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c, b = &course{}, &Baseline{}
	for n, level := range levels {
		now := start.Add(time.Duration(n) * every)
		v := noisy(r, level)
		c.take(v, b, nil, math.NaN(), &Signal{Unit: unit}, now)
		if !c.holds(now) {
			b.Learn(v, now)
		}
		out = append(out, c.out)
	}
	return out, c, b, start
}

func steady(level float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = level
	}
	return out
}

// TestACourseLeavesAndReturns: a step is seen within four rounds, its beginning
// lies where it was, and its end is seen; what varies as ever stays inside.
func TestACourseLeavesAndReturns(t *testing.T) {
	const every = 5 * time.Second
	missed, cried, late := 0, 0, 0
	const runs = 200
	for seed := range uint64(runs) {
		levels := append(append(steady(.02, 60), steady(.08, 30)...), steady(.02, 30)...)
		out, _, b, start := play(levels[:75], "seconds", every, seed)
		for _, is := range out[:60] {
			if is {
				cried++
				break
			}
		}
		if !out[64] {
			missed++
		}
		_, c, _, _ := play(levels[:75], "seconds", every, seed)
		if begun := start.Add(60 * every); c.out && (c.inside.After(begun) || c.outside.Before(begun.Add(-every))) {
			late++
		}
		if b.Median() > .03 {
			t.Fatalf("seed %d: what is wrong was learned as usual: %g", seed, b.Median())
		}
		out, _, _, _ = play(levels, "seconds", every, seed)
		if out[len(out)-1] {
			t.Errorf("seed %d: it did not return", seed)
		}
	}
	if missed > runs/50 || cried > runs/50 || late > runs/50 {
		t.Errorf("of %d: %d steps to four times the figure missed after 25 s, %d cries without one, %d wrong beginnings", runs, missed, cried, late)
	}
}

// TestWhatStandsBecomesUsual: a level that has stood for longer than it is held
// back is learned.
func TestWhatStandsBecomesUsual(t *testing.T) {
	const every = 15 * time.Second
	rounds := int((heldFor + 3*time.Hour) / every)
	out, _, b, _ := play(append(steady(.02, 40), steady(.08, rounds)...), "seconds", every, 7)
	if !out[40+20] {
		t.Error("the new level was not seen as unusual")
	}
	if out[len(out)-1] || b.Median() < .06 {
		t.Errorf("after %s it is still held to be unusual (usual: %g)", heldFor+3*time.Hour, b.Median())
	}
}

// TestOneOddFigureIsNone: neither a single spike nor a gap makes a course leave.
func TestOneOddFigureIsNone(t *testing.T) {
	levels := steady(.02, 100)
	for n := 50; n < 100; n += 7 {
		levels[n] = 2
	}
	out, _, _, _ := play(levels, "seconds", 5*time.Second, 3)
	for n, is := range out {
		if is {
			t.Fatalf("it left at figure %d", n)
		}
	}
	b, c := &Baseline{}, &course{}
	now := time.Now()
	for range 30 {
		now = now.Add(5 * time.Second)
		c.take(.02, b, nil, math.NaN(), &Signal{Unit: "seconds"}, now)
		b.Learn(.02, now)
	}
	c.take(5, b, nil, math.NaN(), &Signal{Unit: "seconds"}, now.Add(10*time.Minute))
	c.take(5, b, nil, math.NaN(), &Signal{Unit: "seconds"}, now.Add(10*time.Minute+5*time.Second))
	if c.out {
		t.Error("two figures after a gap were enough")
	}
}

// TestLittleHistorySaysNothing: until enough was seen nothing is unusual.
func TestLittleHistorySaysNothing(t *testing.T) {
	out, _, _, _ := play(append(steady(.02, few-4), steady(9, 8)...), "seconds", 5*time.Second, 1)
	for _, is := range out {
		if is {
			t.Fatal("it knew what is usual after a minute")
		}
	}
}

// week plays hours of figures to a course with a season and says, by hour, in
// how many of its rounds it was out.
func week(hours int, level, load func(hour int) float64) []int {
	r := rand.New(rand.NewPCG(4, 2))
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday
	c, b, s := &course{}, &Baseline{}, &Season{}
	out := make([]int, hours)
	const every = time.Minute
	for n := range hours * 60 {
		now := start.Add(time.Duration(n) * every)
		v, l := noisy(r, level(n/60)), load(n/60)
		c.take(v, b, s, l, &Signal{Unit: "seconds"}, now)
		s.Learn(v, l, c.holds(now), now)
		if !c.holds(now) {
			b.Learn(v, now)
		}
		if c.out {
			out[n/60]++
		}
	}
	return out
}

// TestWhatComesEveryNightIsUsual: a batch makes answers late at two each night;
// after a few nights that is known, and the same at another hour is not.
func TestWhatComesEveryNightIsUsual(t *testing.T) {
	const days = 12
	odd := 24*(days-1) + 15
	out := week(24*days, func(hour int) float64 {
		if hour%24 == 2 || hour == odd {
			return .2
		}
		return .02
	}, func(int) float64 { return 10 })
	if out[2+24] < 30 {
		t.Errorf("the second night was taken for usual at once: out in %d rounds", out[26])
	}
	for day := 6; day < days; day++ {
		if n := out[24*day+2]; n > 3 {
			t.Errorf("night %d was unusual in %d of 60 rounds", day+1, n)
		}
	}
	if out[odd] < 50 {
		t.Errorf("the same in the afternoon was unusual in %d of 60 rounds", out[odd])
	}
}

// TestMoreLoadTakesLonger: who takes three times as long at ten times the load,
// and did so before, is as usual; at the ordinary load it is not.
func TestMoreLoadTakesLonger(t *testing.T) {
	busy := func(hour int) bool { return hour%25 == 9 } // at another time each day
	out := week(100, func(hour int) float64 {
		if busy(hour) || hour == 90 {
			return .06
		}
		return .02
	}, func(hour int) float64 {
		if busy(hour) {
			return 100
		}
		return 10
	})
	late := 0
	for hour := 30; hour < 90; hour++ {
		if busy(hour) && out[hour] > 3 {
			late++
		}
	}
	if late > 0 {
		t.Errorf("%d busy hours were unusual after others had been seen", late)
	}
	if out[90] < 50 {
		t.Errorf("as late at the ordinary load was unusual in %d of 60 rounds", out[90])
	}
}

// What is healthy for all is what a figure is held against of which nothing is
// known yet: a quota that is new, and holds back at once.
func TestCourseOfWhatIsHealthyForAll(t *testing.T) {
	zero := 0.0
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		of   *Signal
		v    float64
		want bool
	}{
		"held back":            {&Signal{Unit: "ratio", Better: "lower", Healthy: &zero}, .9, true},
		"hardly":               {&Signal{Unit: "ratio", Better: "lower", Healthy: &zero}, .02, false},
		"nobody says healthy":  {&Signal{Unit: "ratio", Better: "lower"}, .9, false},
		"healthy is not usual": {&Signal{Unit: "count", Better: "lower", Healthy: &zero}, 0, false},
	} {
		x := &course{}
		for n := range 4 {
			x.take(c.v, nil, nil, math.NaN(), c.of, start.Add(time.Duration(n)*5*time.Second))
		}
		if x.out != c.want {
			t.Errorf("%s: out is %v", name, x.out)
		}
		if c.want && !x.outside.Equal(start) {
			t.Errorf("%s: out since %v", name, x.outside)
		}
	}
}
