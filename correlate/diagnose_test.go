package correlate

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func must(t *testing.T, c Case) Diagnosis {
	t.Helper()
	d, err := Diagnose(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Invented estates with a cause that is known, and with none: recall and
// specificity have floors.
func TestFindsThePlantedCause(t *testing.T) {
	for _, signal := range []Signal{Latency, Errors} {
		first, third, quiet, judged := 0, 0, 0, 0
		const estates = 120
		for seed := range uint64(estates) {
			e := build(seed)
			at := 1 + e.rng.IntN(len(e.calls)-1)
			_, usual, _ := e.sample(-1, 0, 0)
			c := e.incident(signal, at, usual[0]*(.5+e.rng.Float64()), .05+.1*e.rng.Float64())
			want := "s" + itoa(at)
			d := must(t, c)
			for i, x := range d.Causes {
				if x.Entity == want && i == 0 {
					first++
				}
				if x.Entity == want && i < 3 {
					third++
				}
			}
			for range 3 {
				judged++
				if len(must(t, e.incident(signal, -1, 0, 0)).Causes) == 0 {
					quiet++
				}
			}
		}
		t.Logf("%s: first %d, in three %d of %d; quiet %d of %d", signal, first, third, estates, quiet, judged)
		if first < estates*90/100 || third < estates*97/100 {
			t.Errorf("%s: the cause was first in %d and among three in %d of %d; want 90 %% and 97 %%", signal, first, third, estates)
		}
		if quiet < judged*95/100 {
			t.Errorf("%s: %d of %d normal windows were quiet; want 95 %%", signal, quiet, judged)
		}
	}
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + itoa(i%10)
}

// Names and order carry no meaning.
func TestNamesAndOrderCarryNoMeaning(t *testing.T) {
	for seed := range uint64(20) {
		e := build(seed)
		_, usual, _ := e.sample(-1, 0, 0)
		c := e.incident(Latency, len(e.calls)-1, usual[0], 0)
		want := must(t, c)
		rng := rand.New(rand.NewPCG(seed, 3))
		to, back := map[string]string{}, map[string]string{}
		for i, p := range rng.Perm(len(e.calls)) {
			to["s"+itoa(i)], back["zz"+itoa(p)] = "zz"+itoa(p), "s"+itoa(i)
		}
		other := c
		other.Symptom.Entity = to[c.Symptom.Entity]
		other.Calls, other.Series = nil, nil
		for _, k := range rng.Perm(len(c.Calls)) {
			other.Calls = append(other.Calls, Call{to[c.Calls[k].Caller], to[c.Calls[k].Callee]})
		}
		for _, k := range rng.Perm(len(c.Series)) {
			s := c.Series[k]
			s.Entity = to[s.Entity]
			other.Series = append(other.Series, s)
		}
		got := must(t, other)
		scores := func(d Diagnosis, name func(string) string) map[string]float64 {
			m := map[string]float64{}
			for _, x := range d.Causes {
				m[name(x.Entity)] = x.Score
			}
			return m
		}
		a, b := scores(want, func(s string) string { return s }), scores(got, func(s string) string { return back[s] })
		if got.Verdict != want.Verdict || !reflect.DeepEqual(a, b) {
			t.Fatalf("estate %d: %s %v became %s %v under other names and order", seed, want.Verdict, a, got.Verdict, b)
		}
	}
}

// small is front -> shop -> base, front -> bystander, with flat figures.
func small() Case {
	c := Case{Symptom: Symptom{"front", Latency, 601}, Step: 300, Times: []int64{0, 300, 600, 900, 1200},
		Calls: []Call{{"front", "shop"}, {"shop", "base"}, {"front", "bystander"}}}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, x := range []struct {
		name   string
		normal float64
		window [5]float64
	}{{"front", .1, [5]float64{.1, .1, .3, .3, .3}}, {"shop", .05, [5]float64{.05, .05, .25, .25, .25}},
		{"base", .02, [5]float64{.02, .02, .22, .22, .22}}, {"bystander", .01, [5]float64{.01, .01, .01, .01, .01}},
		{"stranger", .01, [5]float64{.01, .01, 9, 9, 9}}} {
		s := Series{Entity: x.name, Signal: Latency, Name: "latency", Window: x.window[:]}
		q := Series{Entity: x.name, Signal: Traffic, Name: "requests", Window: []float64{100, 100, 100, 100, 100}}
		for range 200 {
			s.Normal = append(s.Normal, x.normal*(1+.05*rng.NormFloat64()))
			q.Normal = append(q.Normal, 100)
		}
		c.Series = append(c.Series, s, q)
	}
	return c
}

func (c *Case) of(name string, signal Signal) *Series {
	for i := range c.Series {
		if c.Series[i].Entity == name && c.Series[i].Signal == signal {
			return &c.Series[i]
		}
	}
	return nil
}

func TestVerdicts(t *testing.T) {
	for _, x := range []struct {
		name    string
		change  func(c *Case)
		verdict Verdict
		first   string
		exclude string // "entity: part of the reason"
	}{
		{"the lowest that is slow is the cause, however slow a stranger is", func(*Case) {}, CauseFound, "base", "stranger: does not depend on it"},
		{"whoever began to call a new and slow one", func(c *Case) {
			s, q := c.of("base", Latency), c.of("base", Traffic)
			for i := range s.Normal {
				s.Normal[i], q.Normal[i] = math.NaN(), 0
			}
			for i := range 2 {
				s.Window[i], q.Window[i] = math.NaN(), 0
			}
		}, CauseFound, "shop", "base: nobody called it before"},
		{"slow before the symptom as well", func(c *Case) { c.of("base", Latency).Window[0] = .22; c.of("base", Latency).Window[1] = .22 }, CauseFound, "shop", ""},
		{"nothing below is slow", func(c *Case) {
			copy(c.of("shop", Latency).Window, []float64{.05, .05, .05, .05, .05})
		}, CauseFound, "front", ""},
		{"the symptom is no worse than usual", func(c *Case) {
			copy(c.of("front", Latency).Window, []float64{.1, .1, .101, .099, .1})
			copy(c.of("shop", Latency).Window, []float64{.05, .05, .05, .05, .05})
		}, NoSymptom, "", ""},
		{"no history", func(c *Case) { c.of("front", Latency).Normal = nil }, Unknown, "", ""},
		{"the window ends before the symptom", func(c *Case) { c.Symptom.At = 9999 }, Unknown, "", ""},
		{"calls in a circle", func(c *Case) { c.Calls = append(c.Calls, Call{"base", "shop"}, Call{"base", "front"}) }, CauseFound, "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := small()
			x.change(&c)
			d := must(t, c)
			if d.Verdict != x.verdict {
				t.Fatalf("verdict %s (%s), want %s", d.Verdict, d.Reason, x.verdict)
			}
			if x.first != "" && d.Causes[0].Entity != x.first {
				t.Errorf("first is %+v, want %s", d.Causes, x.first)
			}
			if name, reason, ok := strings.Cut(x.exclude, ": "); ok {
				found := false
				for _, e := range d.Excluded {
					found = found || e.Entity == name && strings.Contains(e.Reason, reason)
				}
				if !found {
					t.Errorf("%s is not excluded for %q: %+v", name, reason, d.Excluded)
				}
			}
			sum := 0.
			for _, x := range d.Causes {
				sum += x.Score
			}
			if sum > 1.05 {
				t.Errorf("the scores sum to %.2f", sum)
			}
		})
	}
}

func TestCasesThatCannotBeJudged(t *testing.T) {
	for name, change := range map[string]func(c *Case){
		"no samples":         func(c *Case) { c.Times = nil },
		"time stands still":  func(c *Case) { c.Times[1] = 0 },
		"a short series":     func(c *Case) { c.Series[3].Window = c.Series[3].Window[1:] },
		"given twice":        func(c *Case) { c.Series = append(c.Series, c.Series[0]) },
		"no such symptom":    func(c *Case) { c.Symptom.Entity = "nobody" },
		"a symptom of a use": func(c *Case) { c.Symptom.Signal = Traffic },
	} {
		c := small()
		change(&c)
		if _, err := Diagnose(c); !errors.Is(err, ErrCase) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
