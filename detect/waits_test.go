package detect

import (
	"strings"
	"testing"
	"time"
)

// learned is what is usual after so many figures, which repeat.
func learned(n int, figures ...float64) *Baseline {
	b := &Baseline{}
	for i := range n {
		b.Learn(figures[i%len(figures)], start.Add(time.Duration(i)*step))
	}
	return b
}

func TestWaitsAreToldByTheirShape(t *testing.T) {
	// A baseline is right to within 5 %, and so 30 s may be 31.
	for name, c := range map[string]struct {
		mean, slowest, errors *Baseline
		says                  string
	}{
		"a long poll of which little comes":   {learned(400, 29, 30), learned(400, 30, 31), nil, "about 31 s whatever the load"},
		"a long poll of which much comes":     {learned(400, 7, 12, 25), learned(400, 30), nil, "up to 31 s"},
		"a page with a slow tail":             {learned(400, .3), learned(400, 30), nil, ""},
		"a slow page that varies":             {learned(400, 7, 12, 25), learned(400, 12, 30, 50), nil, ""},
		"a quick page that is ever the same":  {learned(400, .2), learned(400, .2), nil, ""},
		"timeouts, which are errors":          {learned(400, 30), learned(400, 30), learned(400, .9), ""},
		"a page that got slow a while ago":    {learned(400, .2, .2, .2, .2, .2, .2, .2, .2, 30), learned(400, .3, .3, .3, .3, .3, .3, .3, .3, 30), nil, ""},
		"a page of which too little was seen": {learned(50, 30), learned(50, 30), nil, ""},
	} {
		got := waitOf(c.mean, c.slowest, c.errors, nil).says()
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", name, got, c.says)
		}
	}
	// What takes longer the more there is to do does not wait.
	busy := &Season{}
	for i := range 400 {
		load := []float64{1, 16}[i%2]
		busy.Learn(20+load, load, false, start.Add(time.Duration(i)*step))
	}
	if w := waitOf(learned(400, 30), learned(400, 30), nil, busy); w.level != 0 {
		t.Errorf("what goes with the load: %q", w.says())
	}
}

// A wait is said where the signals of an entity are shown, and where objectives
// are suggested; nobody pays for it.
func TestAWaitIsShownAndExcused(t *testing.T) {
	s := readScenario(t, "scenarios/service-waits-by-design.txtar")
	n, engine := newNumbers(t, s.series), New(loadCatalogue(t), Defaults())
	for at := time.Duration(0); at <= s.end; at = s.next(at) {
		if _, err := engine.Round(t.Context(), Env{Tenant: "t", Environment: "e", Querier: n}, start.Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"service:events": "up to", "service:report": "whatever the load"}
	for _, x := range engine.Sights("t", "e") {
		if x.Kind == "service" && !strings.Contains(x.Waits, want[x.Entity]) {
			t.Errorf("%s %q", x.Entity, x.Waits)
		}
	}
	for _, x := range engine.Countables("t", "e") {
		if !strings.Contains(x.Waits, want[x.Entity]) || x.Waits == "" {
			t.Errorf("%s %q", x.Entity, x.Waits)
		}
	}
	for _, c := range engine.Courses("t", "e") {
		if c.Kind == "service" && strings.HasPrefix(c.Signal, "latency") && (c.Out() || c.Usual != c.Value) {
			t.Errorf("%s %s: %g instead of %g", c.Entity, c.Signal, c.Value, c.Usual)
		}
	}
}
