package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/finding"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// answers are requests of one route, one a second, each of which took so many
// milliseconds; a negative one failed.
func answers(route string, ms ...int) (list []experience) {
	for range 10 {
		for _, n := range ms {
			list = append(list, experience{route, t0.Add(warmUp), time.Duration(max(n, -n)) * time.Millisecond, n > 0})
		}
	}
	return list
}

func found(id, check, entity string, state finding.State, culprits ...string) finding.Finding {
	f := finding.Finding{ID: id, State: state}
	f.Check, f.Entity, f.EntityName, f.Title, f.Severity = check, entity, entity, check+" on "+entity, finding.Warning
	for _, c := range culprits {
		f.Culprits = append(f.Culprits, finding.Culprit{Name: c})
	}
	return f
}

// A fault's run as it was seen over time, and what is said of it.
func TestVerdicts(t *testing.T) {
	slow := fault{name: "slow-pod", truth: `catalog-2|127\.23\.0\.22`}
	calm := fault{name: "quiet"}
	open, resolved := finding.Open, finding.Resolved
	suspects := func(text string) (list []cases.Case) {
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	type answer struct {
		after time.Duration
		list  []finding.Finding
	}
	shop := func(s finding.State) finding.Finding { return found("1", "endpoint-slow", "endpoint:shop", s) }
	pod := func(s finding.State, culprits ...string) finding.Finding {
		return found("2", "service-slow", "service:catalogue", s, culprits...)
	}
	info := found("9", "x", "catalog-2", open)
	info.Severity = finding.Info
	for name, c := range map[string]struct {
		fault   fault
		during  []experience
		answers []answer
		cases   string // JSON; empty: none
		want    string // verdict, detected, rank, cases, recovered
	}{
		"nobody felt it": {slow, answers("item", 10, 11), []answer{{20 * time.Second, []finding.Finding{pod(open, "catalog-2")}}}, "",
			"could not make it, 20 s, none, 0, -"},
		"nobody said a thing": {slow, answers("item", 500), []answer{{20 * time.Second, []finding.Finding{info}}}, "",
			"not detected, not, none, 0, -"},
		"the symptom alone": {slow, answers("item", 500), []answer{{20 * time.Second, []finding.Finding{shop(open)}}, {110 * time.Second, []finding.Finding{shop(resolved)}}}, "",
			"only the symptom, 20 s, none, 0, 10 s"},
		"named as a culprit": {slow, answers("item", 500), []answer{{20 * time.Second, []finding.Finding{shop(open)}}, {30 * time.Second, []finding.Finding{shop(open), pod(open, "shop-catalog-2")}},
			{150 * time.Second, []finding.Finding{shop(resolved), pod(resolved)}}}, "", "true cause named, 20 s, none, 0, 50 s"},
		"first in its case": {slow, answers("item", 10, -10), []answer{{20 * time.Second, []finding.Finding{shop(open)}}},
			`[{"id":"a","hypotheses":[{"entity":"target:catalogue/127.23.0.22:9464"},{"entity":"host:x"}]}]`, "true cause first, 20 s, 1, 1, -"},
		"second in its case": {slow, answers("item", 10, -10), []answer{{20 * time.Second, []finding.Finding{shop(open)}}},
			`[{"id":"a","hypotheses":[{"entity":"host:x"},{"entity":"y","name":"shop-catalog-2"}]},{"id":"b"}]`, "only the symptom, 20 s, 2, 2, -"},
		"about the machine alone": {slow, answers("item", 500), []answer{{20 * time.Second, []finding.Finding{found("3", "cpu-contention", "host:lab", open)}}}, "",
			"not detected, not, none, 0, -"},
		"first in a case of its own": {slow, answers("item", 10, -10), []answer{{20 * time.Second, []finding.Finding{shop(open)}}},
			`[{"id":"a","hypotheses":[{"entity":"catalog-2"}]},{"id":"b","members":[{"entity":"endpoint:shop"}],"hypotheses":[{"entity":"host:x"}]}]`, "only the symptom, 20 s, none, 2, -"},
		"in no case": {slow, answers("item", 10, -10), []answer{{20 * time.Second, []finding.Finding{shop(open)}}}, `[]`, "only the symptom, 20 s, none, 0, -"},
		"open before it began": {slow, answers("item", 500), []answer{{-time.Second, []finding.Finding{pod(open, "catalog-2")}}, {20 * time.Second, []finding.Finding{pod(open, "catalog-2")}}}, "",
			"not detected, not, none, 0, -"},
		"a control":             {calm, answers("item", 500), nil, "", "calm, not, -, 0, -"},
		"a control that alarms": {calm, answers("item", 10), []answer{{20 * time.Second, []finding.Finding{shop(open)}}}, "", "false alarm, 20 s, -, 0, -"},
	} {
		t.Run(name, func(t *testing.T) {
			o := observed{began: t0, ended: t0.Add(100 * time.Second), before: answers("item", 10, 12), whole: c.during, findings: sightings{}, standing: map[string]bool{}}
			for _, a := range c.answers {
				o.findings.see(a.list, t0.Add(a.after))
				if a.after < 0 {
					for id := range o.findings {
						o.standing[id] = true
					}
				}
			}
			if c.cases != "" {
				o.cases = suspects(c.cases)
			}
			got := table([]outcome{judge(c.fault, o)}).Rows[0]
			text := fmt.Sprintf("%s, %s, %s, %s, %s", got[12], got[4], got[8], got[9], got[11])
			if text != c.want {
				t.Errorf("%s; want %s", text, c.want)
			}
		})
	}
}

// What counts as felt: failures and slowness of any one route, and neither
// noise nor a route that hardly anybody asked for.
func TestConsequence(t *testing.T) {
	usual := append(answers("item", 10, 12), answers("buy", 80)...)
	for name, c := range map[string]struct {
		during []experience
		want   string
	}{
		"as ever":                       {usual, ""},
		"a little slower":               {append(answers("item", 24), answers("buy", 95)...), ""},
		"slower":                        {append(answers("item", 10), answers("buy", 400)...), "buy: p95 400 ms instead of 80"},
		"failing counts more than slow": {append(answers("item", 10, -10), answers("buy", 4000)...), "item: 50 % fail"},
		"too few to tell":               {answers("buy", 4000)[:leastAsked-1], ""},
	} {
		if got := consequence(usual, c.during); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Each fault can be chosen by its name, and names its truth in a way that its
// own neighbours do not match.
func TestTheFaultsAreSound(t *testing.T) {
	controls := 0
	for _, f := range faults {
		if chosen, err := choose(f.name); err != nil || len(chosen) != 1 {
			t.Errorf("%s: chosen %d, %v", f.name, len(chosen), err)
		}
		if f.control() {
			controls++
		} else if regexp.MustCompile(f.truth).MatchString("endpoint:shop\nlab host") {
			t.Errorf("%s: its truth %s matches anything", f.name, f.truth)
		}
	}
	if controls != 5 || len(faults)-controls != 26 {
		t.Errorf("%d faults and %d controls", len(faults)-controls, controls)
	}
}

// The alert that others have needs its share of an hour: all failing in a route
// with half a request a second before is 14.4 ‰ of the hour after 26 of them, one a second.
func TestTheFastBurnAlertNeedsItsShareOfAnHour(t *testing.T) {
	ask := func(n int, good bool, took time.Duration) (list []experience) {
		for k := range n {
			list = append(list, experience{"item", t0.Add(time.Duration(k) * time.Second), took, good})
		}
		return list
	}
	before := ask(10, true, time.Millisecond) // in 20 s
	for name, c := range map[string]struct {
		during []experience
		want   string
	}{
		"all good":        {ask(300, true, time.Millisecond), "not"},
		"all fail":        {ask(300, false, time.Millisecond), "26 s"},
		"all are late":    {ask(600, true, 300*time.Millisecond), "279 s"},
		"not long enough": {ask(20, false, time.Millisecond), "not"},
	} {
		if got := seconds(burnAlert(t0, before, c.during), "not"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWhenCustomersBeginToFeelIt(t *testing.T) {
	ask := func(ms ...int) (list []experience) { // one a second; a negative one failed
		for k, n := range ms {
			list = append(list, experience{"item", t0.Add(time.Duration(k) * time.Second), time.Duration(max(n, -n)) * time.Millisecond, n > 0})
		}
		return list
	}
	before := ask(10, 10, 10, 10, 10, 10, 10, 10, 10, 10)
	twenty := make([]int, 20)
	for n := range twenty {
		twenty[n] = 10
	}
	seldom := slices.Concat([]int{-1}, twenty, []int{-1}, twenty, []int{-1}, twenty)
	for name, c := range map[string]struct {
		during []int
		want   string
	}{
		"never":                         {twenty, "-"},
		"one failure now and then":      {seldom, "-"},
		"failures from the third on":    {[]int{10, 10, -1000, 10, -10, -10}, "3 s"},
		"a little later is not felt":    {[]int{25, 25, 25, 25}, "-"},
		"much later, from the start":    {[]int{2000, 2000, 2000}, "2 s"},
		"after one failure that is old": {slices.Concat([]int{-1}, twenty, []int{-1, -1, -1}), "21 s"},
	} {
		if got := seconds(onset(t0, before, ask(c.during...)), "-"); got != c.want {
			t.Errorf("%s: felt after %s, want %s", name, got, c.want)
		}
	}
}

func TestTheSummaryCountsWhatWasFelt(t *testing.T) {
	at := func(s float64) *float64 { return &s }
	rank := func(n int) *int { return &n }
	got := summary([]outcome{
		{Fault: "a", Rank: rank(1), Opened: at(20), Burn: at(30), Cases: 1, Verdict: rankedFirst},
		{Fault: "b", Rank: rank(3), Felt: at(5), Opened: at(70), Burn: at(30), Cases: 2, Verdict: causeNamed},
		{Fault: "c", Opened: at(50), Cases: 1, Verdict: onlySymptom},
		{Fault: "e", Rank: rank(1), Felt: at(90), Opened: at(151), Cases: 1, Verdict: rankedFirst},
		{Fault: "d", Verdict: notMade},
		{Fault: "quiet", Control: true, Verdict: stayedCalm},
		{Fault: "loud", Control: true, Verdict: falseAlarm, Pages: 2},
	})
	want := []string{"felt by customers: 4; could not be made here, or was not felt: 1", "true cause first: 2 of 4 (50 %)", "true cause among the first three: 3 of 4 (75 %)",
		"case within 60 s of being felt: 2 of 4 (50 %)", "case before a fast-burn alert: 3 of 4 (75 %)", "one case: 3 of 4 (75 %)", "controls that stayed calm: 1 of 2 (50 %); pages in controls: 2"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
