package impact

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// Sentences say it in plain English, one for each objective and for each that
// feels it, and one for the customers. They are never empty.
func (m Impact) Sentences() (out []string) {
	if m.Unknown != "" {
		out = append(out, "What users felt is not known: "+m.Unknown)
	}
	for _, h := range m.Broken() {
		out = append(out, h.Title+": "+Felt(h))
	}
	for _, r := range m.Requests {
		out = append(out, r.Name+": "+Went(r))
	}
	return append(out, m.Rest()...)
}

// Broken are the objectives that were not kept in that time, or of which that is
// not known.
func (m Impact) Broken() (out []slo.Harm) {
	for _, h := range m.Objectives {
		if !h.Kept() {
			out = append(out, h)
		}
	}
	return out
}

// Rest is what there is to say beside broken objectives and requests.
func (m Impact) Rest() (out []string) {
	var kept []string
	for _, h := range m.Objectives {
		if h.Kept() {
			kept = append(kept, h.Title)
		}
	}
	switch n := len(kept); {
	case n > mostKept:
		out = append(out, fmt.Sprintf("Kept all the same: %d other objectives.", n))
	case n > 0:
		out = append(out, "Kept all the same: "+names(kept, 0, "")+".")
	}
	switch {
	case m.More == 1:
		out = append(out, "One more objective was not counted.")
	case m.More > 1:
		out = append(out, fmt.Sprintf("%d more objectives were not counted.", m.More))
	}
	switch {
	case m.MoreRequests == 1:
		out = append(out, "One more feels it and was not counted.")
	case m.MoreRequests > 1:
		out = append(out, fmt.Sprintf("%d more feel it and were not counted.", m.MoreRequests))
	}
	if len(m.Uncounted) > 0 {
		out = append(out, "How many requests of "+names(m.Uncounted, 0, "")+" failed is not known: nothing counts them.")
	}
	if m.Unpromised != "" {
		out = append(out, m.Unpromised)
	}
	return append(out, m.customers()...)
}

// customers says whose requests they were.
func (m Impact) customers() (out []string) {
	if len(m.Hit) > 0 {
		var list []string
		for _, c := range m.Hit {
			list = append(list, fmt.Sprintf("%s (%s of %s)", c.Name, events(c.Failed), events(c.Total)))
		}
		out = append(out, "Customers whose requests failed: "+names(list, m.MoreHit, "at least ")+".")
	}
	if len(m.Customers) > 0 {
		out = append(out, "Customers that its alerts name: "+names(m.Customers, m.MoreCustomers, "")+".")
	}
	switch {
	case len(out) > 0:
	case m.Told:
		out = append(out, "No request of a customer that is told apart failed.")
	default:
		out = append(out, "Which customers it touched is not known: no label of its series or alerts names one.")
	}
	return out
}

// names joins names, and what there is to say of how many more there are.
func names(list []string, more int, about string) string {
	if more > 0 {
		return fmt.Sprintf("%s and %s%d more", strings.Join(list, ", "), about, more)
	}
	if n := len(list) - 1; n > 0 {
		return strings.Join(list[:n], ", ") + " and " + list[n]
	}
	return list[0]
}

// Felt says what a stretch of time cost an objective that was not kept.
func Felt(h slo.Harm) string {
	if h.Bad == nil || h.Total == nil {
		return "What went wrong is not known. " + h.Missing
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s requests went wrong (%s; %s may).", events(*h.Bad), events(*h.Total), figure.In(*h.Bad / *h.Total, "ratio"), h.Budget())
	over := figure.Span(time.Duration(h.Window) * time.Second)
	if h.Burned == nil || h.Left == nil {
		fmt.Fprintf(&b, " What that is of the error budget of %s is not known.", over)
		return b.String()
	}
	if *h.Burned >= 1 {
		fmt.Fprintf(&b, " That used up the error budget of %s %s times over.", over, figure.Number(*h.Burned))
		return b.String()
	}
	fmt.Fprintf(&b, " That used %s of the error budget of %s.", figure.In(*h.Burned, "ratio"), over)
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

const (
	// unlike is from how many times what is usual on a figure is worse than that.
	unlike = 1.1
	// nobody feels so small a share of failures beyond it.
	nobody = .001
	// mostKept is how many objectives that were kept are named.
	mostKept = 3
	// gap is the share of the time from which on missing figures are told.
	gap = .05
)

// Went says how what was asked of one entity went.
func Went(r Requests) string {
	if r.Total == nil {
		return "How many requests failed is not known. " + r.Missing
	}
	var b strings.Builder
	switch {
	case r.Failed == nil:
		fmt.Fprintf(&b, "How many of %s requests failed is not known", events(*r.Total))
	case *r.Failed == 0:
		fmt.Fprintf(&b, "None of %s requests failed", events(*r.Total))
	default:
		fmt.Fprintf(&b, "%s of %s requests failed (%s", events(*r.Failed), events(*r.Total), figure.In(r.share(), "ratio"))
		if r.UsualFailed != nil {
			fmt.Fprintf(&b, "; usually %s", figure.In(*r.UsualFailed, "ratio"))
		}
		b.WriteString(")")
	}
	took := "answers took about "
	if r.Mean {
		took = "an answer took "
	}
	if r.Latency == nil {
		b.WriteString("; how long answers took is not known")
	} else {
		b.WriteString("; " + took + figure.In(*r.Latency, "seconds"))
		if r.Mean {
			b.WriteString(" on average")
		}
		switch {
		case r.slower():
			b.WriteString(" instead of " + figure.In(*r.UsualLatency, "seconds"))
		case r.UsualLatency != nil:
			b.WriteString(", as usual")
		}
	}
	b.WriteString(".")
	if r.Seen < 1-gap {
		fmt.Fprintf(&b, " There are figures of %s of this time only.", figure.In(r.Seen, "ratio"))
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
