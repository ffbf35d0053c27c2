package slo

import (
	"math"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/metric"
)

func TestWhatAStretchOfTimeCost(t *testing.T) {
	o := Objective{ID: "a", Service: "shop", Target: 99.9}
	now := time.Now()
	gone := Counts{Missing: "There is no such series: x"}
	for name, c := range map[string]struct {
		during, all, recent Counts
		bad, burned, left   float64 // NaN: not there
		lasts               time.Duration
	}{
		"a part of the budget":   {Counts{Bad: 20, Total: 1000}, Counts{Bad: 30, Total: 100_000}, Counts{Bad: 10, Total: 50}, 20, .2, .7, 35 * time.Minute},
		"more than the budget":   {Counts{Bad: 200, Total: 1000}, Counts{Bad: 210, Total: 100_000}, Counts{Bad: 10, Total: 50}, 200, 2, -1.1, 0},
		"nothing bad":            {Counts{Total: 1000}, Counts{Total: 100_000}, Counts{Total: 50}, 0, 0, 1, 0},
		"nothing asked":          {Counts{}, Counts{Total: 100_000}, Counts{}, math.NaN(), math.NaN(), math.NaN(), 0},
		"not countable":          {gone, gone, gone, math.NaN(), math.NaN(), math.NaN(), 0},
		"the budget is not":      {Counts{Bad: 20, Total: 1000}, gone, Counts{Bad: 1, Total: 1}, 20, math.NaN(), math.NaN(), 0},
		"extrapolated too far":   {Counts{Bad: 10.4, Total: 10.1}, Counts{Bad: 11, Total: 100_000}, gone, 10.1, .101, .89, 0},
		"longer than its window": {Counts{Bad: 1, Total: 1000}, Counts{Bad: 1, Total: 100_000_000}, Counts{Bad: .001, Total: 50}, 1, 1e-5, 1 - 1e-5, 30 * 24 * time.Hour},
	} {
		h := Weigh(o, now.Add(-time.Hour), now, c.during, c.all, c.recent)
		for what, x := range map[string]struct {
			got  *float64
			want float64
		}{"bad": {h.Bad, c.bad}, "burned": {h.Burned, c.burned}, "left": {h.Left, c.left}} {
			if math.IsNaN(x.want) != (x.got == nil) || x.got != nil && math.Abs(*x.got-x.want) > 1e-9 {
				t.Errorf("%s: %s is %v, want %g", name, what, x.got, x.want)
			}
		}
		if (h.Bad == nil) != (h.Missing != "") {
			t.Errorf("%s: %q", name, h.Missing)
		}
		if got := time.Duration(h.Gone) * time.Second; got != c.lasts {
			t.Errorf("%s: it lasts %s, want %s", name, got, c.lasts)
		}
	}
}

// The shop's last ten minutes: a fifth of ten requests each second.
func TestHarmIsCountedInARealEngine(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	db := shop(t, now)
	var c Config
	for n := range 12 {
		c = append(c, Objective{ID: string(rune('a' + n)), Service: "shop", Target: 99, Window: 0,
			Bad: `sum(increase(http_requests_total{code="500"}[$window]))`, Total: `sum(increase(http_requests_total[$window]))`})
	}
	c[1].Total = `sum(increase(nothing_total[$window]))`
	a := NewAssessor(c, db)
	all := func(Objective) bool { return true }
	harms, more, err := a.Assess(t.Context(), all, now.Add(-10*time.Minute), now, true)
	if err != nil || len(harms) != 10 || more != 2 {
		t.Fatalf("%d and %d more, %v", len(harms), more, err)
	}
	if h := harms[0]; h.Bad == nil || math.Abs(*h.Bad-1200) > 60 || math.Abs(*h.Total-6000) > 200 || h.Burned == nil || math.Abs(*h.Burned-1.67) > .2 {
		t.Errorf("%+v: %v of %v, burned %v", h, deref(h.Bad), deref(h.Total), deref(h.Burned))
	}
	if h := harms[1]; h.Missing == "" || h.Bad != nil {
		t.Errorf("%+v", h)
	}
	// Before that nothing went wrong; and a stretch longer than the window is
	// counted at its end only.
	one := func(o Objective) bool { return o.ID == "a" }
	harms, _, err = a.Assess(t.Context(), one, now.Add(-time.Hour), now.Add(-15*time.Minute), false)
	if err != nil || len(harms) != 1 || harms[0].Bad == nil || *harms[0].Bad != 0 || harms[0].Gone != 0 {
		t.Errorf("%+v, %v", harms, err)
	}
	harms, _, err = a.Assess(t.Context(), one, now.AddDate(0, -3, 0), now, false)
	if err != nil || !harms[0].From.Equal(now.Add(-c[0].Over())) {
		t.Errorf("%+v, %v", harms, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var q metric.Querier = db
	if harms, _, err = NewAssessor(c[:1], q).Assess(t.Context(), all, now.Add(-time.Hour), now, true); err == nil || harms[0].Missing == "" || harms[0].Bad != nil {
		t.Errorf("without figures: %+v, %v", harms, err)
	}
}

func deref(v *float64) any {
	if v == nil {
		return "nothing"
	}
	return *v
}
