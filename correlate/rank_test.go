package correlate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// panel is six services of which a calls b and c, b calls d and e, c calls e,
// over 600 samples; fault changes them from sample 400 on.
func panel(seed uint64, calls bool, fault func(series map[string][]float64)) Panel {
	rng := rand.New(rand.NewPCG(seed, 5))
	p := Panel{Symptom: -1}
	byName := map[string][]float64{}
	for _, s := range []string{"a", "b", "c", "d", "e", "f"} {
		for _, m := range []struct {
			name   string
			signal Signal
			f      func() float64
		}{
			{"cpu", Resource, func() float64 { return 20 + 2*rng.NormFloat64() }},
			{"mem", Resource, func() float64 { return 500 + 5*rng.NormFloat64() }},
			{"latency", Latency, func() float64 { return .05 * math.Exp(.1*rng.NormFloat64()) }},
			{"load", Traffic, func() float64 { return 100 + 5*rng.NormFloat64() }},
			{"flat", Resource, func() float64 { return 3 }},
		} {
			v := make([]float64, 600)
			for i := range v {
				v[i] = m.f()
			}
			byName[s+"_"+m.name] = v
			p.Series = append(p.Series, Series{Entity: s, Signal: m.signal, Name: m.name, Window: v})
		}
	}
	for i := range 600 {
		p.Times = append(p.Times, 1_700_000_000+5*int64(i))
	}
	if calls {
		p.Calls = []Call{{"a", "b"}, {"a", "c"}, {"b", "d"}, {"b", "e"}, {"c", "e"}}
		p.Symptom = 2
	}
	if fault != nil {
		fault(byName)
	}
	return p
}

func add(v []float64, from int, x float64) {
	for i := from; i < len(v); i++ {
		v[i] += x
	}
}

func TestRank(t *testing.T) {
	cpu := func(s map[string][]float64) {
		add(s["d_cpu"], 400, 40)
		add(s["d_latency"], 401, .1)
		add(s["b_latency"], 402, .1)
		add(s["a_latency"], 402, .1)
	}
	delay := func(s map[string][]float64) {
		add(s["e_latency"], 400, .3)
		for _, n := range []string{"a", "b", "c"} {
			add(s[n+"_latency"], 401, .3)
		}
	}
	for _, x := range []struct {
		name  string
		fault func(map[string][]float64)
		calls bool
		onset int64
		want  string
	}{
		{"a busy CPU, nothing else known", cpu, false, 0, "d"},
		{"a busy CPU, calls known", cpu, true, 0, "d"},
		{"a busy CPU, onset known", cpu, false, 1_700_002_000, "d"},
		{"a delay, calls known", delay, true, 0, "e"},
		{"a delay, nothing else known", delay, false, 0, "e"},
	} {
		t.Run(x.name, func(t *testing.T) {
			right := 0
			for seed := range uint64(20) {
				p := panel(seed, x.calls, x.fault)
				p.Onset = x.onset
				d, err := Rank(p)
				if err != nil {
					t.Fatal(err)
				}
				if len(d.Causes) > 0 && d.Causes[0].Entity == x.want {
					right++
				}
			}
			if right < 19 {
				t.Errorf("%s was first in %d of 20", x.want, right)
			}
		})
	}
}

func TestRankIsQuietWhereNothingHappens(t *testing.T) {
	for _, calls := range []bool{false, true} {
		quiet := 0
		for seed := range uint64(60) {
			d, err := Rank(panel(seed, calls, nil))
			if err != nil {
				t.Fatal(err)
			}
			if d.Verdict == NoSymptom {
				quiet++
			}
		}
		if quiet < 57 {
			t.Errorf("calls known %v: quiet in %d of 60", calls, quiet)
		}
	}
}

func TestRankRefuses(t *testing.T) {
	p := panel(1, false, nil)
	p.Times = p.Times[:10]
	if _, err := Rank(p); !errors.Is(err, ErrCase) {
		t.Errorf("series of another length: %v", err)
	}
	p = panel(1, false, nil)
	p.Onset = p.Times[3]
	if d, err := Rank(p); err != nil || d.Verdict != Unknown {
		t.Errorf("an onset with nothing before it: %s, %v", d.Verdict, err)
	}
	for _, onset := range []int64{1_600_000_000, 1_700_002_000_000} {
		p.Onset = onset
		if _, err := Rank(p); !errors.Is(err, ErrCase) || !strings.Contains(err.Error(), "from 1700000000 (2023-11-14 22:13:20 UTC) to 1700002995") {
			t.Errorf("an onset outside of the data: %v", err)
		}
	}
	p = panel(1, false, nil)
	p.Times = p.Times[:22]
	for i := range p.Series {
		p.Series[i].Window = p.Series[i].Window[:22]
	}
	if d, err := Rank(p); err != nil || d.Verdict != Unknown || d.Reason != "There are 22 samples; at least 23 are needed." {
		t.Errorf("too short a time: %+v, %v", d, err)
	}
}

func blank(v []float64, from int) {
	for i := from; i < len(v); i++ {
		v[i] = math.NaN()
	}
}

// all series of one of panel's services.
func of(s map[string][]float64, entity string, change func(v []float64)) {
	for name, v := range s {
		if strings.HasPrefix(name, entity+"_") {
			change(v)
		}
	}
}

// Who could not be seen is listed, and that all is well is never said of them.
func TestRankTellsWhoCouldNotBeSeen(t *testing.T) {
	everyone := func(change func(v []float64)) func(map[string][]float64) {
		return func(s map[string][]float64) {
			for _, v := range s {
				change(v)
			}
		}
	}
	slow := func(s map[string][]float64) { add(s["a_latency"], 400, .1) }
	for _, x := range []struct {
		name    string
		fault   func(map[string][]float64)
		symptom bool
		verdict Verdict
		cause   string
		of, why string // who is excluded, and why
		reason  string
	}{
		{"nothing is there", everyone(func(v []float64) { blank(v, 0) }), false, Unknown, "", "c", "its figures are all empty", "Nothing could be seen"},
		{"nothing is there of the symptom", everyone(func(v []float64) { blank(v, 0) }), true, Unknown, "", "c", "its figures are all empty", "latency of a has too few samples"},
		{"too little is there", everyone(func(v []float64) { blank(v, 5) }), false, Unknown, "", "c", "at least 10 and 3 are needed", "Nothing could be seen"},
		{"one is not there", func(s map[string][]float64) { of(s, "f", func(v []float64) { blank(v, 0) }) }, false, NoSymptom, "", "f", "its figures are all empty", "1 of 6 could not be seen"},
		{"one stops, nothing else happens", func(s map[string][]float64) { of(s, "d", func(v []float64) { blank(v, 450) }) }, false, Unknown, "", "d",
			"it stopped reporting at 2023-11-14 22:50:50 UTC", "d stopped reporting"},
		{"one stops when others get slow", func(s map[string][]float64) {
			slow(s)
			of(s, "d", func(v []float64) { blank(v, 400) })
		}, true, CauseFound, "d", "", "", "d changed most"},
		{"one stops long after others got slow", func(s map[string][]float64) {
			slow(s)
			of(s, "d", func(v []float64) { blank(v, 500) })
		}, true, CauseFound, "a", "d", "it stopped reporting at 2023-11-14 22:55:00 UTC", "a changed most"},
		{"only the symptom is there", func(s map[string][]float64) {
			slow(s)
			for _, e := range []string{"b", "c", "d", "e", "f"} {
				of(s, e, func(v []float64) { blank(v, 0) })
			}
		}, true, Unknown, "a", "b", "its figures are all empty", "nothing that was seen explains it"},
		{"the symptom stops", func(s map[string][]float64) { of(s, "a", func(v []float64) { blank(v, 400) }) }, true, Unknown, "", "", "", "latency of a stopped reporting"},
		{"the symptom alone stops, late", func(s map[string][]float64) {
			add(s["d_cpu"], 300, 40)
			blank(s["a_latency"], 450)
		}, true, Unknown, "d", "", "", "latency of a stopped reporting at 2023-11-14 22:50:50 UTC"},
	} {
		p := panel(1, false, x.fault)
		if p.Symptom = -1; x.symptom {
			p.Symptom = 2
		}
		d, err := Rank(p)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(d.Excluded, func(e Exclusion) bool { return e.Entity == x.of })
		if d.Verdict != x.verdict || !strings.Contains(d.Reason, x.reason) ||
			x.cause != "" && (len(d.Causes) == 0 || d.Causes[0].Entity != x.cause) ||
			x.of != "" && (i < 0 || !strings.Contains(d.Excluded[i].Reason, x.why)) {
			t.Errorf("%s: %+v", x.name, d)
		}
	}
}

// Calls exclude only those of whom they speak.
func TestRankExcludesNobodyOfWhomNoCallSpeaks(t *testing.T) {
	busy := func(s map[string][]float64) {
		add(s["a_latency"], 400, .05)
		add(s["f_cpu"], 400, 60) // a machine: it is in no call
		add(s["e_cpu"], 400, 8)
	}
	for _, x := range []struct {
		name     string
		calls    []Call
		unsure   bool // whether a depends on f
		excluded string
		note     string
	}{
		{"f is in no call", []Call{{"a", "b"}, {"c", "e"}}, true, "e", ""},
		{"a is in no call", []Call{{"b", "f"}, {"c", "e"}}, true, "", ""},
		{"slips in all names", []Call{{"aa", "bb"}, {"b ", "f "}}, true, "", "2 of 2 calls"},
		{"a calls f", []Call{{"a", "f"}}, false, "", ""},
		{"f calls others", []Call{{"a", "b"}, {"f", "b"}}, false, "f", ""},
	} {
		p := panel(1, true, busy)
		p.Calls = x.calls
		d, err := Rank(p)
		if err != nil {
			t.Fatal(err)
		}
		if first := d.Causes[0].Entity; (first == "f") != (x.excluded != "f") {
			t.Errorf("%s: first is %s in %+v", x.name, first, d)
		}
		if got := strings.Contains(strings.Join(d.Causes[0].Evidence, ", "), "not known whether a depends"); got != x.unsure {
			t.Errorf("%s: not known is %v in %+v", x.name, got, d.Causes[0])
		}
		if x.excluded != "" && !slices.ContainsFunc(d.Excluded, func(e Exclusion) bool {
			return e.Entity == x.excluded && strings.Contains(e.Reason, "does not depend on it")
		}) {
			t.Errorf("%s: %s is not excluded: %+v", x.name, x.excluded, d.Excluded)
		}
		if notes := strings.Join(d.Notes, ", "); (x.note == "") != (notes == "") || !strings.Contains(notes, x.note) {
			t.Errorf("%s: notes %q", x.name, notes)
		}
	}
}

// Several that changed alike are told as that: none of them is named the cause.
func TestRankNamesOnlyWhoStandsOut(t *testing.T) {
	busy := func(names ...string) func(map[string][]float64) {
		return func(s map[string][]float64) {
			for _, n := range names {
				add(s[n+"_cpu"], 400, 40)
			}
		}
	}
	for _, x := range []struct {
		name  string
		busy  []string
		calls []Call
		want  Verdict
	}{
		{"one", []string{"d"}, nil, CauseFound},
		{"two", []string{"d", "e"}, nil, Unknown},
		{"all", []string{"a", "b", "c", "d", "e", "f"}, nil, Unknown},
		{"one, and those who depend on it", []string{"a", "b", "d"}, []Call{{"a", "b"}, {"b", "d"}}, CauseFound},
		{"one, and one that does not", []string{"a", "d", "f"}, []Call{{"a", "d"}}, Unknown},
	} {
		right := 0
		for seed := range uint64(20) {
			p := panel(seed, false, busy(x.busy...))
			if p.Calls = x.calls; x.calls != nil {
				add(p.Series[5*3].Window, 400, 8) // d's CPU is a little busier than others'
			}
			if slices.Contains(x.busy, "f") && x.calls != nil {
				add(p.Series[5*5].Window, 400, 8) // and so is that of who does not depend on it
			}
			d, err := Rank(p)
			if err != nil {
				t.Fatal(err)
			}
			if d.Verdict == x.want && len(d.Causes) == len(x.busy) && strings.Contains(d.Reason, "no single cause was found") == (x.want == Unknown) {
				right++
			}
		}
		if right < 18 { // noise parts two that changed alike now and then
			t.Errorf("%s: %s in %d of 20", x.name, x.want, right)
		}
	}
}

// When a symptom began is read from its own series: what else happened in that
// time is not what was asked.
func TestRankLooksForTheSymptomsOnset(t *testing.T) {
	for _, x := range []struct {
		name    string
		fault   func(map[string][]float64)
		verdict Verdict
		cause   string
		reason  string
	}{
		{"others changed before", func(s map[string][]float64) {
			for _, n := range []string{"c_cpu", "c_mem", "e_cpu", "e_mem"} {
				add(s[n], 480, 60)
			}
			add(s["a_latency"], 540, .1)
			add(s["d_cpu"], 539, 40)
		}, CauseFound, "d", "at about 2023-11-14 22:58:20"},
		{"it got better", func(s map[string][]float64) {
			add(s["a_latency"], 400, -.03)
			add(s["d_cpu"], 400, -15)
		}, NoSymptom, "", "latency of a got better: it went from 0.050"},
	} {
		p := panel(1, false, x.fault)
		p.Symptom = 2
		d, err := Rank(p)
		if err != nil || d.Verdict != x.verdict || !strings.Contains(d.Reason, x.reason) || (x.cause != "") != (len(d.Causes) > 0) || x.cause != "" && d.Causes[0].Entity != x.cause {
			t.Errorf("%s: %+v, %v", x.name, d, err)
		}
	}
}

func TestRankSaysHowManyItDoesNotList(t *testing.T) {
	p := panel(1, false, nil)
	for i := range 25 {
		v := make([]float64, len(p.Times))
		blank(v, 0)
		p.Series = append(p.Series, Series{Entity: fmt.Sprintf("empty%d", i), Signal: Resource, Name: "cpu", Window: v})
	}
	if d, err := Rank(p); err != nil || len(d.Excluded) != mostExcluded || !slices.Contains(d.Notes, "5 more were excluded or could not be seen.") || !strings.Contains(d.Reason, "25 of 31") {
		t.Errorf("%+v, %v", d, err)
	}
}
