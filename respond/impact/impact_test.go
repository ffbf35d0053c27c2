package impact

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/respond"
)

var t0 = time.Date(2027, 3, 1, 3, 0, 0, 0, time.UTC)

func alert(start time.Time, pairs ...string) respond.Standing {
	labels := map[string]string{}
	for n := 0; n < len(pairs); n += 2 {
		labels[pairs[n]] = pairs[n+1]
	}
	return respond.Standing{Alert: respond.Alert{StartsAt: start, Labels: labels}}
}

func TestTheTimeThatIsCounted(t *testing.T) {
	open := respond.Incident{OpenedAt: t0, State: respond.Triggered}
	over := respond.Incident{OpenedAt: t0, State: respond.Resolved, ResolvedAt: t0.Add(time.Hour)}
	for name, c := range map[string]struct {
		i          respond.Incident
		starts     []time.Time
		from, till time.Duration
	}{
		"declared":              {open, nil, -5 * time.Minute, 2 * time.Hour},
		"over":                  {over, []time.Time{t0.Add(-time.Minute)}, -6 * time.Minute, time.Hour},
		"the earliest alert":    {open, []time.Time{t0.Add(time.Minute), t0.Add(-time.Hour), {}}, -65 * time.Minute, 2 * time.Hour},
		"a clock of a year ago": {open, []time.Time{t0.AddDate(-1, 0, 0)}, -5 * time.Minute, 2 * time.Hour},
	} {
		var alerts []respond.Standing
		for _, s := range c.starts {
			alerts = append(alerts, alert(s))
		}
		if from, to := Span(c.i, alerts, t0.Add(2*time.Hour)); from.Sub(t0) != c.from || to.Sub(t0) != c.till {
			t.Errorf("%s: %s to %s", name, from.Sub(t0), to.Sub(t0))
		}
	}
}

func TestWhoseObjectivesAreCounted(t *testing.T) {
	o := slo.Objective{ID: "checkout-fast", Service: "checkout"}
	for _, c := range []struct {
		label, value string
		want         bool
	}{{"service", "checkout", true}, {"entity", "service:checkout", true}, {"alertname", "slo:checkout-fast", true},
		{"service", "check", false}, {"entity", "host:checkout", false}, {"alertname", "checkout-fast", false}} {
		if got := Concerns(o, []respond.Standing{alert(t0), alert(t0, c.label, c.value)}); got != c.want {
			t.Errorf("%s=%s: %v", c.label, c.value, got)
		}
	}
}

func TestWhatIsSaid(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	h := func(change func(*slo.Harm)) Impact {
		x := slo.Harm{Title: "Checkout answers", Target: 99.9, Window: 30 * 24 * 3600, Bad: f(1234.4), Total: f(56000), Burned: f(.12), Left: f(.7), Gone: 7200}
		change(&x)
		return Impact{Objectives: []slo.Harm{x}}
	}
	for want, m := range map[string]Impact{
		"Checkout answers: 1234 of 56 k requests went wrong (2.2 %; 0.1 % may). That used 12 % of the error budget of 30 days. 70 % of it is left, for 2 h at the rate of the last 5 min.": h(func(*slo.Harm) {}),
		"12 % of the error budget of 30 days. 70 % of it is left.":            h(func(x *slo.Harm) { x.Gone = 0 }),
		"The budget is used up, 30 % over.":                                   h(func(x *slo.Harm) { x.Left = f(-.3) }),
		"What that is of the error budget of 30 days is not known.":           h(func(x *slo.Harm) { x.Left, x.Burned = nil, nil }),
		"None of 56 k requests went wrong. 70 % of it":                        h(func(x *slo.Harm) { x.Bad, x.Burned, x.Gone = f(0), f(0), 0 }),
		"What went wrong is not known. Nothing was asked of it in this time.": h(func(x *slo.Harm) { x.Bad, x.Total, x.Missing = nil, nil, "Nothing was asked of it in this time." }),
		"What users felt is not known: nothing was promised":                  {Unknown: "nothing was promised yet."},
		"Which customers it touched is not known: its alerts name none.":      {},
		"Customers that its alerts name: Acme, Nordwind and 3 more.":          {Customers: []string{"Acme", "Nordwind"}, MoreCustomers: 3},
		"2 more objectives were not counted.":                                 {More: 2},
	} {
		if got := strings.Join(m.Sentences(), "\n"); !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func TestTheCustomersThatAlertsName(t *testing.T) {
	alerts := []respond.Standing{alert(t0, "customer", "Nordwind"), alert(t0, "tenant", "Acme"), alert(t0, "tenant", " "), alert(t0, "customer", "Nordwind")}
	if names, more := customers(alerts); strings.Join(names, " ") != "Acme Nordwind" || more != 0 {
		t.Errorf("%q, %d", names, more)
	}
	for n := range 30 {
		alerts = append(alerts, alert(t0, "tenant", fmt.Sprint("c", n)))
	}
	if names, more := customers(alerts); len(names) != mostCustomers || more != 12 {
		t.Errorf("%d names and %d more", len(names), more)
	}
}
