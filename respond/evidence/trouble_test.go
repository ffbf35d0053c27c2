package evidence

import (
	"fmt"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/respond"
)

var t0 = time.Date(2027, 3, 1, 3, 0, 0, 0, time.UTC)

func standing(in string, start time.Time, pairs ...string) respond.Standing {
	labels := map[string]string{}
	for n := 0; n < len(pairs); n += 2 {
		labels[pairs[n]] = pairs[n+1]
	}
	return respond.Standing{Alert: respond.Alert{StartsAt: start, Labels: labels, Explanation: respond.Explanation{Case: in}}}
}

func TestTheTimeThatIsCounted(t *testing.T) {
	open := respond.Incident{OpenedAt: t0, State: respond.Triggered}
	over := respond.Incident{OpenedAt: t0, State: respond.Resolved, ResolvedAt: t0.Add(time.Hour)}
	felt := []cases.Case{{ID: "c", Since: t0.Add(-time.Hour), Members: []cases.Member{{Entity: "service:checkout", Felt: true, Since: t0.Add(-3 * time.Minute)}}}}
	for name, c := range map[string]struct {
		i          respond.Incident
		of         []cases.Case
		alerts     []respond.Standing
		from, till time.Duration
	}{
		"declared":              {open, nil, nil, -5 * time.Minute, 2 * time.Hour},
		"over":                  {over, nil, []respond.Standing{standing("", t0.Add(-time.Minute))}, -6 * time.Minute, time.Hour},
		"the earliest alert":    {open, nil, []respond.Standing{standing("", t0.Add(time.Minute)), standing("", t0.Add(-time.Hour)), standing("", time.Time{})}, -65 * time.Minute, 2 * time.Hour},
		"a clock of a year ago": {open, nil, []respond.Standing{standing("", t0.AddDate(-1, 0, 0))}, -5 * time.Minute, 2 * time.Hour},
		"as of its case":        {open, felt, []respond.Standing{standing("c", t0.Add(-time.Hour))}, -4 * time.Minute, 2 * time.Hour},
		"and an alert beside":   {over, felt, []respond.Standing{standing("c", t0), standing("", t0.Add(-20*time.Minute))}, -25 * time.Minute, time.Hour},
	} {
		if x := trouble(c.i, c.alerts, c.of, t0.Add(2*time.Hour)); x.From.Sub(t0) != c.from || x.To.Sub(t0) != c.till || x.Live != (c.i.State != respond.Resolved) {
			t.Errorf("%s: %s to %s", name, x.From.Sub(t0), x.To.Sub(t0))
		}
	}
}

// Labels say who feels it only of alerts that belong to no case: the case knows
// which of its findings users feel.
func TestWhoFeelsAnIncident(t *testing.T) {
	felt := []cases.Case{{ID: "c", Members: []cases.Member{{Entity: "service:checkout", Name: "checkout", Felt: true, Since: t0}, {Entity: "service:stock", Name: "stock", Role: cases.Cause, Since: t0}}}}
	for name, c := range map[string]struct {
		alerts []respond.Standing
		want   string
	}{
		"a service":       {[]respond.Standing{standing("", t0, "service", "pay"), standing("", t0, "entity", "service:pay")}, "[{service:checkout checkout} {service:pay pay}] [] []"},
		"a route":         {[]respond.Standing{standing("", t0, "entity", "route:shop")}, "[{service:checkout checkout} {route:shop shop}] [] []"},
		"an objective":    {[]respond.Standing{standing("", t0, "alertname", "slo:pay")}, "[{service:checkout checkout}] [pay] []"},
		"a machine":       {[]respond.Standing{standing("", t0, "entity", "host:pay", "alertname", "pay")}, "[{service:checkout checkout}] [] []"},
		"what is in it":   {[]respond.Standing{standing("c", t0, "entity", "service:stock", "service", "stock")}, "[{service:checkout checkout}] [] []"},
		"a customer":      {[]respond.Standing{standing("c", t0, "customer", "Nordwind"), standing("", t0, "tenant_id", "Acme", "tenant", " ")}, "[{service:checkout checkout}] [] [Nordwind Acme]"},
		"a case unread":   {[]respond.Standing{standing("gone", t0, "service", "pay")}, "[{service:checkout checkout} {service:pay pay}] [] []"},
		"nothing at all":  {nil, "[{service:checkout checkout}] [] []"},
		"a short service": {[]respond.Standing{standing("", t0, "entity", "service:shop:pay")}, "[{service:checkout checkout} {service:shop:pay pay}] [] []"},
	} {
		x := trouble(respond.Incident{OpenedAt: t0}, c.alerts, felt, t0)
		if got := fmt.Sprint(x.Felt, x.Objectives, x.Customers); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
