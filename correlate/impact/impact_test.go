package impact

import (
	"slices"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/detect/slo"
)

func TestWhatIsSaid(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	h := func(change func(*slo.Harm)) Impact {
		x := slo.Harm{Title: "Checkout answers", Target: 99.9, Window: 30 * 24 * 3600, Bad: f(1234.4), Total: f(56000), Burned: f(.12), Left: f(.7), Gone: 7200}
		change(&x)
		return Impact{Objectives: []slo.Harm{x}}
	}
	for want, m := range map[string]Impact{
		"Checkout answers: 1234 of 56 k requests went wrong (2.2 %; 0.1 % may). That used 12 % of the error budget of 30 days. 70 % of it is left, for 2 h at the rate of the last 5 min.": h(func(*slo.Harm) {}),
		"12 % of the error budget of 30 days. 70 % of it is left.":                             h(func(x *slo.Harm) { x.Gone = 0 }),
		"(2.2 %; 0.1 % may). That used up the error budget of 30 days 70 times over.":          h(func(x *slo.Harm) { x.Burned, x.Left = f(70.07), f(-67) }),
		"The budget is used up, 30 % over.":                                                    h(func(x *slo.Harm) { x.Left = f(-.3) }),
		"What that is of the error budget of 30 days is not known.":                            h(func(x *slo.Harm) { x.Left, x.Burned = nil, nil }),
		"Kept all the same: 4 other objectives.":                                               {Objectives: slices.Repeat([]slo.Harm{{Target: 99, Bad: f(0), Total: f(100)}}, 4)},
		"Kept all the same: Checkout answers.":                                                 h(func(x *slo.Harm) { x.Bad, x.Burned, x.Gone = f(55), f(.005), 0 }),
		"What went wrong is not known. Nothing was asked of it in this time.":                  h(func(x *slo.Harm) { x.Bad, x.Total, x.Missing = nil, nil, "Nothing was asked of it in this time." }),
		"What users felt is not known: nothing was promised":                                   {Unknown: "nothing was promised yet."},
		"Which customers it touched is not known: no label of its series or alerts names one.": {},
		"Customers that its alerts name: Acme, Nordwind and 3 more.":                           {Customers: []string{"Acme", "Nordwind"}, MoreCustomers: 3},
		"2 more objectives were not counted.":                                                  {More: 2},
		"Customers whose requests failed: Acme (30 of 60) and at least 2 more.":                {Hit: []Customer{{"Acme", 30, 60}}, MoreHit: 2},
		"No request of a customer that is told apart failed.":                                  {Told: true},
		"How many requests of shop and cart failed is not known: nothing counts them.":         {Uncounted: []string{"shop", "cart"}},
	} {
		if got := strings.Join(m.Sentences(), "\n"); !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func TestHowRequestsWent(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	all := Requests{Total: f(30_000), Failed: f(1240), UsualFailed: f(.001), Latency: f(.155), UsualLatency: f(.022), Mean: true, Seen: 1}
	for want, change := range map[string]func(*Requests){
		"1240 of 30 k requests failed (4.1 %; usually 0.1 %); an answer took 155 ms on average instead of 22 ms.": func(*Requests) {},
		"1240 of 30 k requests failed (4.1 %);":                          func(r *Requests) { r.UsualFailed = nil },
		"None of 30 k requests failed; an":                               func(r *Requests) { r.Failed = f(0) },
		"How many of 30 k requests failed is not known; an":              func(r *Requests) { r.Failed = nil },
		"How many requests failed is not known. There are none.":         func(r *Requests) { r.Total, r.Missing = nil, "There are none." },
		"; answers took about 155 ms instead of 22 ms.":                  func(r *Requests) { r.Mean = false },
		"; an answer took 155 ms on average, as usual.":                  func(r *Requests) { r.UsualLatency = f(.15) },
		"; an answer took 155 ms on average.":                            func(r *Requests) { r.UsualLatency = nil },
		"; how long answers took is not known.":                          func(r *Requests) { r.Latency = nil },
		"instead of 22 ms. There are figures of 60 % of this time only.": func(r *Requests) { r.Seen = .6 },
	} {
		r := all
		change(&r)
		if got := Went(r); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhatIsWorseThanUsual(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	for name, c := range map[string]struct {
		r    Requests
		want bool
	}{
		"many fail":         {Requests{Total: f(1000), Failed: f(40), UsualFailed: f(.01)}, true},
		"as many as ever":   {Requests{Total: f(1000), Failed: f(10), UsualFailed: f(.01)}, false},
		"one in a thousand": {Requests{Total: f(10_000), Failed: f(9)}, false},
		"slow":              {Requests{Total: f(1000), Failed: f(0), Latency: f(.2), UsualLatency: f(.1)}, true},
		"as slow as ever":   {Requests{Total: f(1000), Failed: f(0), Latency: f(.1), UsualLatency: f(.1)}, false},
		"nothing is known":  {Requests{}, false},
	} {
		if c.r.Worse() != c.want {
			t.Errorf("%s: %v", name, c.r.Worse())
		}
	}
}
