package detect

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// one is an instance of so many seconds that answers ten requests a second.
func one(name string, age float64, takes, usual float64) Instance {
	return Instance{Name: name, Age: time.Duration(age * float64(time.Second)), Traffic: 10, Takes: takes, Usual: usual}
}

func learnedStarts(times float64, long time.Duration, n int) habit {
	s := &Starts{}
	for range n {
		s.learn(long, times)
	}
	return s.habit()
}

func TestAStartExplainsWhatStartsTake(t *testing.T) {
	unknown := math.NaN()
	known := learnedStarts(3, 90*time.Second, 4)
	old := []Instance{one("catalogue-1", 1e6, .1, .1), one("catalogue-2", 1e6, .1, .1)}
	slowOld := []Instance{one("catalogue-1", 1e6, .4, .1), one("catalogue-2", 1e6, .4, .1)}
	restarted := one("catalogue-7", 40, .3, unknown)
	restarted.Again = true
	silent := one("catalogue-7", 40, unknown, unknown)
	silent.Traffic = unknown
	busy := one("catalogue-7", 40, .3, unknown)
	busy.Traffic = 80
	for name, c := range map[string]struct {
		all      []Instance
		habit    habit
		restless bool
		says     string  // "" where no start explains it
		why      string  // why not
		mean     float64 // that it explains
	}{
		"new, and its starts are known":           {append(old[:2:2], one("catalogue-7", 40, .3, unknown)), known, false, "catalogue-7 was started 40 s ago; its first answers usually take 3 times as long for 90 s", "", 1.25*2./3*.1 + 4.5*.1/3},
		"new, and nothing is known of its starts": {append(old[:2:2], one("catalogue-7", 40, .9, unknown)), (*Starts)(nil).habit(), false, "may take longer for 2 min", "", 1.25*2./3*.1 + 10*.1/3},
		"most calls go to the new one":            {append(old[:2:2], busy), known, false, "catalogue-7 was started", "", 1.25*.2*.1 + .8*4.5*.1},
		"nothing is counted of the new one yet":   {append(old[:2:2], silent), known, false, "catalogue-7 was started", "", 1.25 * .1},
		"scaled from zero":                        {[]Instance{one("catalogue-7", 40, .3, unknown)}, known, false, "catalogue-7 was started", "", 4.5 * .1},
		"two of four":                             {append(old[:2:2], one("catalogue-7", 40, .3, unknown), one("catalogue-8", 20, .3, unknown)), known, false, "2 of 4 instances were started 20 s ago; their first answers", "", .5*1.25*.1 + .5*.45},
		"it has outlasted what starts take":       {append(old[:2:2], one("catalogue-7", 200, .3, unknown)), known, false, "", "catalogue-7 was started 3 min ago; that does not explain it any more, since none of its last starts took longer than 90 s", 0},
		"old ones are slow as well":               {append(slowOld[:2:2], one("catalogue-7", 40, .3, unknown)), known, false, "", "the older ones are slow as well", 0},
		"started over and over":                   {append(old[:2:2], restarted), known, false, "", "over and over", 0},
		"all are started over and over":           {append(old[:2:2], one("catalogue-7", 40, .3, unknown)), known, true, "", "over and over", 0},
		"nothing was started":                     {slowOld, known, false, "", "", 0},
		"nobody knows when it was started":        {append(old[:2:2], one("catalogue-7", -3600, .3, unknown)), known, false, "", "", 0},
		"it was started long ago":                 {append(old[:2:2], one("catalogue-7", 3600, .3, unknown)), known, false, "", "", 0},
	} {
		got := coldStart(.1, c.all, c.habit, c.restless, start)
		says := ""
		if got.start != nil {
			says = got.start.Says(start)
		}
		if (says == "") != (c.says == "") || !strings.Contains(says, c.says) || (got.why == "") != (c.why == "") || !strings.Contains(got.why, c.why) {
			t.Errorf("%s: says %q, and why not %q", name, says, got.why)
		}
		if math.Abs(got.mean-c.mean) > 1e-9 {
			t.Errorf("%s: it explains %g and not %g", name, got.mean, c.mean)
		}
	}
}

// Whatever the instances: nothing is excused that no start can take, nor for
// longer, and a start that is worse than starts are is told.
func TestAnExcuseIsBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	mean, p99 := &Signal{Name: "latency_mean", Distribution: "latency", Average: true}, &Signal{Name: "latency_p99", Distribution: "latency", Quantile: .99}
	usual := learned(400, .1)
	excused := 0
	for range 5000 {
		h := (*Starts)(nil).habit()
		if r.IntN(2) == 0 {
			h = learnedStarts(1+9*r.Float64(), time.Duration(600*r.Float64())*time.Second, fewStarts+r.IntN(8))
		}
		var all []Instance
		newest := time.Hour
		for n := range 1 + r.IntN(6) {
			i := one(string(rune('a'+n)), 1500*r.Float64(), .1*math.Exp(2*r.NormFloat64()), .1)
			newest = min(newest, i.Age)
			all = append(all, i)
		}
		c := coldStart(.1, all, h, false, start)
		if c.level(mean, usual) == 0 {
			continue
		}
		excused++
		if newest > h.long+lingers || h.long > longestStart {
			t.Fatalf("excused %s after the last start, where one may take %s", newest, h.long)
		}
		if most := c.warm * max(slack, h.times); c.mean > most || c.warm > warmTimes*.1+floors["seconds"] {
			t.Fatalf("a mean of %g s is excused, of warm ones that take %g", c.mean, c.warm)
		}
		if c.start.Share <= .01 && c.level(p99, usual) > 0 {
			t.Fatalf("the slowest hundredth is excused by instances that get %g of the calls", c.start.Share)
		}
		c.start.Excused = false
		if c.level(mean, usual) != 0 || c.level(p99, usual) != 0 {
			t.Fatal("what customers ask themselves is excused")
		}
	}
	if excused < 100 {
		t.Errorf("only %d of 5000 were excused, which proves nothing", excused)
	}
}

func TestStartsOfOneInstance(t *testing.T) {
	var s started
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	for _, c := range []struct {
		begun, now  int
		news, again bool
	}{
		{-86400, 0, false, false}, // long before
		{95, 100, true, false},
		{115, 130, false, false}, // its second container
		{95, 160, false, false},
		{400, 405, true, true},    // five minutes later: over and over
		{4000, 4005, true, false}, // an hour later
		{90000, 90005, true, false},
	} {
		if news := s.begin(at(c.begun), at(c.now)); news != c.news || s.again() != c.again {
			t.Errorf("started at %d: news %t, over and over %t", c.begun, news, s.again())
		}
	}
}

// What starts take is kept over a restart, and shown where signals are shown.
func TestHowAProgramStartsIsRemembered(t *testing.T) {
	s := readScenario(t, "scenarios/cold-start-learned.txtar")
	n, c := newNumbers(t, s.series), loadCatalogue(t)
	play := func(engine *Engine, from, to time.Duration) {
		for at := from; at <= to; at += step {
			if _, err := engine.Round(t.Context(), Env{Tenant: "t", Environment: "e", Querier: n}, start.Add(at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	sight := func(engine *Engine) Sight {
		for _, x := range engine.Sights("t", "e") {
			if x.Entity == "service:catalogue" {
				return x
			}
		}
		t.Fatal("nothing is seen of it")
		return Sight{}
	}
	first := New(c, Defaults())
	play(first, 25*time.Minute, 149*time.Minute)
	if x := sight(first); x.Cold != "" || !strings.Contains(x.Starts, "usually take 4 times as long for") {
		t.Errorf("between starts: %q, %q", x.Cold, x.Starts)
	}
	blob, err := first.Snapshot("t", "e")
	if err != nil {
		t.Fatal(err)
	}
	second := New(c, Defaults())
	if err := second.Restore("t", "e", blob); err != nil {
		t.Fatal(err)
	}
	play(second, 149*time.Minute+step, 153*time.Minute+30*time.Second)
	if x := sight(second); !strings.Contains(x.Cold, "its first answers usually take 4 times as long for") {
		t.Errorf("during a start after a restart of ours: %q", x.Cold)
	}
	late := 0
	for _, course := range second.Courses("t", "e") {
		if course.Signal == latencyMean && course.Cold != nil && course.Out() {
			late++ // the service, and the instance that was started
		}
	}
	if late != 2 {
		t.Errorf("%d courses tell that a start explains them", late)
	}
}

// A pod's workload is told by its name.
func TestPodsAreOfTheirWorkloads(t *testing.T) {
	for pod, want := range map[string]string{"search-6c9bd5f7b8-q7wzn": "search", "fluent-bit-x8k2p": "fluent-bit", "postgres-0": "postgres", "checkout": "checkout"} {
		if got := workloadOf(pod); got != want {
			t.Errorf("%s is of %s and not of %s", pod, got, want)
		}
	}
}

// A batch that comes each night is shown as what it is, and on no other hour.
func TestWhatComesEachNightIsShown(t *testing.T) {
	signal := &Signal{Name: "latency_mean", Unit: "seconds", Seasonal: true}
	e := &Entity{Kind: &Kind{signals: []*Signal{signal}}, values: []float64{.1}, usual: []*Baseline{{}}, courses: []*course{{}}}
	season := &Season{}
	at := start
	round := func(v float64) {
		e.values[0] = v
		e.courses[0].take(v, e.usual[0], season, math.NaN(), signal, at)
		odd := e.courses[0].holds(at)
		season.Learn(v, math.NaN(), odd, at)
		if !odd {
			e.usual[0].Learn(v, at)
		}
		at = at.Add(time.Minute)
	}
	night := func(shift time.Duration) (shown string) {
		for day := at; at.Sub(day) < 24*time.Hour; {
			v := .1
			if hour := at.Add(-shift).UTC().Hour(); hour == 2 {
				v = 2
			}
			round(v)
			shown = max(shown, e.hourly())
		}
		return shown
	}
	if shown := night(0); shown != "" {
		t.Errorf("in the first night: %q", shown)
	}
	for range 3 {
		night(0)
	}
	if shown := night(0); !strings.Contains(shown, "is as ever at this hour of the day or week: latency mean 2 s (") {
		t.Errorf("in the fifth night: %q", shown)
	}
	if shown := night(9 * time.Hour); shown != "" {
		t.Errorf("the same in the morning: %q", shown)
	}
}
