package impact

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond"
)

// Impact is what users felt of an incident.
type Impact struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Live bool      `json:"live" doc:"the incident goes on, and the figures with it"`
	// Objectives are what it cost, the one that lost most first.
	Objectives []slo.Harm `json:"objectives"`
	// More is how many objectives were not counted, past the bound.
	More int `json:"more,omitempty"`
	// Customers are those that its alerts name, in order of their names.
	Customers     []string `json:"customers,omitempty"`
	MoreCustomers int      `json:"moreCustomers,omitempty"`
	// Unknown says why nothing can be told of what users felt.
	Unknown string `json:"unknown,omitempty"`
}

const (
	// lead is how long before the first alert harm is counted.
	lead = 5 * time.Minute
	// tooEarly is how long before the incident an alert's own start is believed.
	tooEarly      = 24 * time.Hour
	mostCustomers = 20
)

// Span is the stretch of time that is counted of an incident.
func Span(i respond.Incident, alerts []respond.Standing, now time.Time) (from, to time.Time) {
	from, to = i.OpenedAt, now
	for _, a := range alerts {
		if s := a.StartsAt; !s.IsZero() && s.Before(from) && i.OpenedAt.Sub(s) < tooEarly {
			from = s
		}
	}
	if i.State == respond.Resolved && !i.ResolvedAt.IsZero() {
		to = i.ResolvedAt
	}
	return from.Add(-lead), to
}

// Concerns tells whether an objective is about what the alerts name: its
// service, or itself.
func Concerns(o slo.Objective, alerts []respond.Standing) bool {
	for _, a := range alerts {
		if a.Labels["service"] == o.Service || a.Labels["entity"] == o.About() || a.Labels["alertname"] == "slo:"+o.ID {
			return true
		}
	}
	return false
}

// customerLabels are the labels that name a customer, as people use them.
var customerLabels = []string{"customer", "tenant"}

// customers are the names of customers that the alerts carry.
func customers(alerts []respond.Standing) (names []string, more int) {
	for _, a := range alerts {
		for _, label := range customerLabels {
			if v := strings.TrimSpace(a.Labels[label]); v != "" {
				names = append(names, v)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > mostCustomers {
		names, more = names[:mostCustomers], len(names)-mostCustomers
	}
	return names, more
}

// Sentences say it in plain English, one for each objective and one for the
// customers. They are never empty.
func (m Impact) Sentences() (out []string) {
	if m.Unknown != "" {
		out = append(out, "What users felt is not known: "+m.Unknown)
	}
	for _, h := range m.Objectives {
		out = append(out, h.Title+": "+Felt(h))
	}
	return append(out, m.Rest()...)
}

// Rest is what there is to say beside the objectives.
func (m Impact) Rest() (out []string) {
	switch {
	case m.More == 1:
		out = append(out, "One more objective was not counted.")
	case m.More > 1:
		out = append(out, fmt.Sprintf("%d more objectives were not counted.", m.More))
	}
	if len(m.Customers) == 0 {
		return append(out, "Which customers it touched is not known: its alerts name none.")
	}
	list := strings.Join(m.Customers, ", ")
	if m.MoreCustomers > 0 {
		list += fmt.Sprintf(" and %d more", m.MoreCustomers)
	}
	return append(out, "Customers that its alerts name: "+list+".")
}

// Felt says what a stretch of time cost one objective.
func Felt(h slo.Harm) string {
	if h.Bad == nil || h.Total == nil {
		return "What went wrong is not known. " + h.Missing
	}
	var b strings.Builder
	if *h.Bad == 0 {
		fmt.Fprintf(&b, "None of %s requests went wrong.", events(*h.Total))
	} else {
		fmt.Fprintf(&b, "%s of %s requests went wrong (%s; %s may).", events(*h.Bad), events(*h.Total), figure.In(*h.Bad / *h.Total, "ratio"), h.Budget())
	}
	over := figure.Span(time.Duration(h.Window) * time.Second)
	if h.Burned == nil || h.Left == nil {
		fmt.Fprintf(&b, " What that is of the error budget of %s is not known.", over)
		return b.String()
	}
	if *h.Burned > 0 {
		fmt.Fprintf(&b, " That used %s of the error budget of %s.", figure.In(*h.Burned, "ratio"), over)
	}
	switch {
	case *h.Left <= 0:
		fmt.Fprintf(&b, " The budget is used up, %s over.", figure.In(-*h.Left, "ratio"))
	case h.Gone > 0:
		fmt.Fprintf(&b, " %s of it is left, for %s at the rate of the last 5 min.", figure.In(*h.Left, "ratio"), figure.Span(time.Duration(h.Gone)*time.Second))
	default:
		fmt.Fprintf(&b, " %s of it is left.", figure.In(*h.Left, "ratio"))
	}
	return b.String()
}

// events writes a count of events. Prometheus extrapolates counts, so that they
// are seldom whole.
func events(n float64) string {
	if n > 0 && n < 1 {
		return "less than 1"
	}
	return figure.In(float64(int64(n+0.5)), "count")
}
