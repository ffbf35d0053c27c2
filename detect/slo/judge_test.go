package slo

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/finding"
)

var checkout = Objective{ID: "checkout", Service: "checkout", Target: 99.9, Bad: "sum(increase(bad[$window]))", Total: "sum(increase(all[$window]))"}

// steady is a service that fails so many of so many requests a second, for so
// long; before that it failed none.
func steady(o Objective, share, perSecond float64, lasts time.Duration) map[time.Duration]Counts {
	out := map[time.Duration]Counts{}
	for _, w := range o.Windows() {
		out[w] = Counts{Bad: share * perSecond * min(w, lasts).Seconds(), Total: perSecond * w.Seconds()}
	}
	return out
}

func TestAnObjectiveIsJudged(t *testing.T) {
	week := checkout
	week.Window = model.Duration(7 * 24 * time.Hour)
	for name, c := range map[string]struct {
		o        Objective
		share    float64
		rate     float64
		lasts    time.Duration
		want     Verdict
		severity finding.Severity
		long     time.Duration
	}{
		"all is well":                         {checkout, 0, 100, time.Hour, Kept, 0, 0},
		"within the budget":                   {checkout, .0005, 100, 72 * time.Hour, Kept, 0, 0},
		"a tenth fails for five minutes":      {checkout, .1, 100, 5 * time.Minute, Kept, 0, 0}, // 0.8 % of the hour
		"a tenth fails for ten minutes":       {checkout, .1, 100, 10 * time.Minute, Burning, finding.Critical, time.Hour},
		"2 % fail for an hour":                {checkout, .02, 100, time.Hour, Burning, finding.Critical, time.Hour},
		"0.8 % fail for six hours":            {checkout, .008, 100, 6 * time.Hour, Burning, finding.Critical, 6 * time.Hour},
		"0.4 % fail for a day":                {checkout, .004, 100, 24 * time.Hour, Burning, finding.Warning, 24 * time.Hour},
		"0.15 % fail for three days":          {checkout, .0015, 100, 72 * time.Hour, Burning, finding.Warning, 72 * time.Hour},
		"two of the hour's thirty fail":       {checkout, .07, 30. / 3600, time.Hour, Kept, 0, 0}, // too few to say
		"all of thirty an hour fail":          {checkout, 1, 30. / 3600, time.Hour, Burning, finding.Critical, time.Hour},
		"a week's budget: 1 % for an hour":    {week, .01, 100, time.Hour, Burning, finding.Critical, time.Hour},
		"a week's budget: what it allows for": {week, .0009, 100, 7 * 24 * time.Hour, Kept, 0, 0},
	} {
		j := Judge(c.o, steady(c.o, c.share, c.rate, c.lasts), true)
		if j.Verdict != c.want || j.Severity != c.severity || j.Long != c.long {
			t.Errorf("%s: %+v, want %s, %s over %s", name, j, c.want, c.severity, c.long)
		}
	}
}

// However much may go wrong, what answers nothing wakes somebody within the
// hour, and what keeps its promise does not.
func TestAnOutageOfALenientPromisePages(t *testing.T) {
	for _, target := range []float64{20, 50, 90, 93, 95, 99} {
		for _, days := range []int{1, 7, 30, 90} {
			o := checkout
			o.Target, o.Window = target, model.Duration(time.Duration(days)*24*time.Hour)
			if j := Judge(o, steady(o, 1, 10, time.Hour), true); j.Verdict != Burning || j.Severity != finding.Critical || j.Long != time.Hour {
				t.Errorf("%g %% over %d days, and all fails for an hour: %+v", target, days, j)
			}
			if j := Judge(o, steady(o, o.budget()*.9, 10, 90*24*time.Hour), true); j.Verdict != Kept {
				t.Errorf("%g %% over %d days, and as much fails as may: %+v", target, days, j)
			}
		}
	}
	// What is usual is held to the workbook's figures.
	for target, want := range map[float64]float64{99.9: .0144, 99: .144, 98: .288} {
		o := checkout
		if o.Target = target; math.Abs(pairs[0].limit(o)-want) > 1e-9 {
			t.Errorf("%g %%: %g, want %g", target, pairs[0].limit(o), want)
		}
	}
}

// A service that is a minute old has had no slow burn; a fast one it may have.
func TestABadMinuteIsNoSlowBurn(t *testing.T) {
	young := func(bad float64) map[time.Duration]Counts {
		out := map[time.Duration]Counts{}
		for _, w := range checkout.Windows() {
			out[w] = Counts{Bad: bad, Total: 3000}
		}
		return out
	}
	for bad, want := range map[float64]Verdict{12: Kept, 100: Burning} {
		if j := Judge(checkout, young(bad), true); j.Verdict != want {
			t.Errorf("%g of 3000: %+v", bad, j)
		}
	}
	older := young(12)
	older[24*time.Hour] = Counts{Bad: 120, Total: 30_000}
	if j := Judge(checkout, older, true); j.Verdict != Burning || j.Long != 24*time.Hour {
		t.Errorf("the same for a day: %+v", j)
	}
}

// It ends soon after the failing does, though the hour still holds it.
func TestWhatIsOverBurnsNoMore(t *testing.T) {
	counts := steady(checkout, .5, 100, time.Hour)
	counts[5*time.Minute] = Counts{Total: 30_000}
	counts[30*time.Minute] = Counts{Bad: 10, Total: 180_000}
	counts[2*time.Hour] = Counts{Bad: 10, Total: 720_000} // as if long over
	counts[6*time.Hour] = Counts{Bad: 10, Total: 2_160_000}
	if j := Judge(checkout, counts, true); j.Verdict != Kept {
		t.Errorf("%+v", j)
	}
}

// What is over is so as soon as enough good events show it, and no sooner; not
// where calm is not trusted, and not by too few events.
func TestCalmEndsWhatBurned(t *testing.T) {
	// An hour and six are full of a long failure that ended three minutes ago.
	ended := func(perSecond, lately float64) map[time.Duration]Counts {
		counts := steady(checkout, .5, perSecond, time.Hour)
		counts[5*time.Minute] = Counts{Bad: 60 * perSecond, Total: 300 * perSecond}
		counts[2*time.Minute] = Counts{Bad: lately * 120 * perSecond, Total: 120 * perSecond}
		return counts
	}
	for name, c := range map[string]struct {
		counts map[time.Duration]Counts
		trust  bool
		want   Verdict
		long   time.Duration
	}{
		"nothing goes wrong any more":           {ended(100, 0), true, Kept, 0},
		"it was over before, and came back":     {ended(100, 0), false, Burning, time.Hour},
		"2 % still go wrong":                    {ended(100, .02), true, Burning, time.Hour},
		"one request a second: too few to say":  {ended(1, 0), true, Burning, time.Hour},
		"three a second show it of the fastest": {ended(3, 0), true, Burning, 6 * time.Hour},
		"the last minutes were not counted":     {steady(checkout, .5, 100, time.Hour), true, Burning, time.Hour},
	} {
		if j := Judge(checkout, c.counts, c.trust); j.Verdict != c.want || j.Long != c.long || j.Over != (c.want == Kept || c.long == 6*time.Hour) {
			t.Errorf("%s: %+v", name, j)
		}
	}
}

func TestCalmThatWasBrokenIsNotTrusted(t *testing.T) {
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	burns := Judgement{Verdict: Burning, Long: time.Hour}
	slow := Judgement{Verdict: Burning, Long: 24 * time.Hour}
	over := Judgement{Verdict: Kept, Over: true}
	for name, c := range map[string]struct {
		again   Judgement
		after   time.Duration
		trusted bool
	}{
		"it burns again after an hour":                 {burns, time.Hour, false},
		"after a day it is another trouble":            {burns, 24 * time.Hour, true},
		"what it cost shows in the windows of the day": {slow, time.Hour, true},
		"it stays over":                                {over, time.Hour, true},
	} {
		k := calm{}.after(burns, Judgement{}, at)
		k = k.after(over, burns, at.Add(time.Minute)).after(over, over, at.Add(2*time.Minute))
		again := at.Add(c.after)
		if k = k.after(c.again, over, again); k.trusted(again) != c.trusted {
			t.Errorf("%s: trusted is %v", name, !c.trusted)
		}
		if !k.trusted(again.Add(distrust)) {
			t.Errorf("%s: never trusted again", name)
		}
	}
}

func TestWhatCannotBeCountedIsNotFine(t *testing.T) {
	counts := steady(checkout, 0, 100, 0)
	counts[time.Hour] = Counts{Missing: "gone"}
	if j := Judge(checkout, counts, true); j.Verdict != NoData || j.Reason != "gone" {
		t.Errorf("%+v", j)
	}
	if j := Judge(checkout, steady(checkout, 0, 0, 0), true); j.Verdict != NoTraffic || j.Known {
		t.Errorf("without traffic: %+v", j)
	}
	counts = steady(checkout, .02, 100, time.Hour)
	counts[checkout.Over()] = Counts{Missing: "too much to read"}
	if j := Judge(checkout, counts, true); j.Verdict != Burning || j.Known || j.Gone != 0 {
		t.Errorf("without the whole window: %+v", j)
	}
}

// A pair of which one window could not be counted burns not where the other
// shows that, and may burn where it does not.
func TestWhatCouldNotBeCountedIsSaid(t *testing.T) {
	const large = "A query reads too much."
	for name, c := range map[string]struct {
		share   float64
		lasts   time.Duration
		missing time.Duration
		want    Verdict
		says    string
	}{
		"three days are too large, six hours are fine":  {.0005, 72 * time.Hour, 72 * time.Hour, Kept, ""},
		"three days are too large, six hours may burn":  {.0015, 72 * time.Hour, 72 * time.Hour, NoData, "Over 3 days it cannot be counted. " + large},
		"the last six hours are not there":              {.0015, 72 * time.Hour, 6 * time.Hour, NoData, "Over 6 h it cannot be counted. " + large},
		"the last five minutes are not there":           {.02, 10 * time.Hour, 5 * time.Minute, Burning, ""}, // over six hours, for certain
		"the last five minutes of an hour are missing":  {.02, time.Hour, 5 * time.Minute, NoData, "Over 5 min it cannot be counted. " + large},
		"of 30 days it is not known what is left":       {.0005, 72 * time.Hour, 30 * 24 * time.Hour, Kept, "Over 30 days it cannot be counted. " + large},
		"30 days do not matter to what burns for three": {.0015, 72 * time.Hour, 30 * 24 * time.Hour, Burning, ""},
	} {
		counts := steady(checkout, c.share, 100, c.lasts)
		counts[c.missing] = Counts{Missing: large}
		j := Judge(checkout, counts, true)
		if j.Verdict != c.want || j.Reason != c.says {
			t.Errorf("%s: %+v, want %s, %q", name, j, c.want, c.says)
		}
		o := observation(checkout, j, Where{}, time.Time{})
		if want := map[Verdict]finding.Sign{Kept: finding.Clear, NoData: finding.NoData, Burning: finding.Firing}[c.want]; o.Sign != want || !strings.Contains(o.Reason, c.says) ||
			c.says != "" && strings.Contains(o.Reason, "lasts") {
			t.Errorf("%s: %s, %q", name, o.Sign, o.Reason)
		}
	}
}

func TestTheRestOfTheBudget(t *testing.T) {
	short := checkout
	short.Window = model.Duration(48 * time.Hour)
	if j := Judge(short, steady(short, .0005, 100, 48*time.Hour), true); math.Abs(j.Left-.5) > 1e-9 {
		t.Errorf("of two days, %.4f is left", j.Left)
	}
	j := Judge(checkout, steady(checkout, .02, 100, time.Hour), true)
	// 30 d × 100/s × 0.1 % = 259,200 may be bad; 7,200 were. The rest lasts
	// 35 h at 2 a second.
	if want := 1 - 7200./259200; math.Abs(j.Left-want) > 1e-9 || (j.Gone-35*time.Hour).Abs() > time.Minute {
		t.Errorf("%.4f is left for %s", j.Left, j.Gone)
	}
	if j := Judge(checkout, steady(checkout, .02, 100, 72*time.Hour), true); j.Left > -.99 || j.Gone != 0 {
		t.Errorf("a budget that is used up twice: %+v", j)
	}
}

// More bad events never make it look better, and the same share of more events
// is never judged more mildly.
func TestJudgingIsMonotonous(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	worse := func(a, b Judgement) bool {
		return a.Verdict == Burning && b.Verdict != Burning || a.Severity > b.Severity
	}
	for range 3000 {
		share, rate, lasts := math.Exp(-rng.Float64()*9), math.Exp(rng.Float64()*12-6), time.Duration(rng.Int64N(int64(72*time.Hour)))
		a := Judge(checkout, steady(checkout, share, rate, lasts), true)
		if b := Judge(checkout, steady(checkout, min(1, share*1.5), rate, lasts), true); worse(a, b) {
			t.Fatalf("%g of %g/s for %s: %+v, and half as much again %+v", share, rate, lasts, a, b)
		}
		if b := Judge(checkout, steady(checkout, share, rate*2, lasts), true); worse(a, b) {
			t.Fatalf("%g of %g/s for %s: %+v, and of twice as much %+v", share, rate, lasts, a, b)
		}
	}
}

// The lower end of the interval is below the rate and comes near it with more
// events. 5 of 100: 2.455 % (Wilson, one-sided 95 %, by hand).
func TestLowest(t *testing.T) {
	if got := lowest(5, 100); math.Abs(got-.02455) > .00005 {
		t.Errorf("5 of 100: %v", got)
	}
	for n := 10.; n < 1e9; n *= 10 {
		if a, b := lowest(n/10, n), lowest(n, 10*n); a >= .1 || b < a {
			t.Errorf("a tenth of %g: %v, of ten times as many: %v", n, a, b)
		}
	}
}

func TestAConfigurationIsChecked(t *testing.T) {
	bad := Config{
		{ID: "a b", Service: "x", Target: 99, Bad: "a[$window]", Total: "b[$window]"},
		{ID: "n", Service: "x", Target: 100, Bad: "a", Total: "b"},
		{ID: "n", Service: "x", Target: 99},
		{ID: "q", Service: "x", Target: 99, Bad: "sum(a[$window]", Total: "b[$window]"},
		{ID: "w", Service: "x", Target: 99, Bad: "a", Total: "b"},
		{ID: "l", Target: 99, Window: model.Duration(time.Hour), Latency: &Latency{Histogram: "h-h"}},
		{ID: "two", Service: "x", Target: 99, Bad: "a[$window]", Latency: &Latency{Histogram: "h", Under: 1}},
	}
	err := bad.Validate()
	for _, want := range []string{"objective 1 (a b): id", "target: 100 is not between", `two have the id "n"`, "bad and total are needed", "is not PromQL",
		"write [$window]", "service: name", "window: 1h must be", `"h-h" is no metric's name`, "under: a time", "latency: name it, or bad"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %q", err, want)
		}
	}
	good := Config{{ID: "a", Service: "x", Target: 99.9, Bad: "sum(increase(a[$window]))", Total: "sum(increase(b[$window]))"},
		{ID: "b", Service: "x", Target: 99, Latency: &Latency{Histogram: "h", Selector: `a="b"`, Under: model.Duration(time.Second)}},
		{ID: "c", Service: "x", Target: 99, Latency: &Latency{Histogram: "h", Under: model.Duration(250 * time.Millisecond), Native: true}}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}
