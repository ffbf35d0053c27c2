package console

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/review"
)

// exemptedText says why nothing is to be answered to a finding.
func exemptedText(f finding.Finding, now time.Time) string {
	return fmt.Sprintf("The exemption %s accepts it until %s. Ask %s about it.", f.Exempted(), clock(f.Until, now), f.Answer.By)
}

// exemptionsShown are the findings that are named for one exemption.
const exemptionsShown = 5

// exemptionURL is where an exemption is told of.
func exemptionURL(id string) string { return "/checks#" + exemptionAnchor(id) }

// exemptionAnchor is its place on that page.
func exemptionAnchor(id string) string { return "exemption-" + escaped(id) }

// pressing are those that their owners should look at.
func pressing(list []review.Exemption) (out []review.Exemption) {
	for _, x := range list {
		if x.Pressing() {
			out = append(out, x)
		}
	}
	return out
}

func exemptionMark(x review.Exemption) string {
	switch {
	case x.Pressing():
		return "soon"
	case x.State == review.ExemptionEnded:
		return "over"
	}
	return "accepted"
}

// adviceMark is the mark of what its owner should know.
func adviceMark(x review.Exemption) string {
	if x.Pressing() || x.State != review.ExemptionEnded && x.Rules == 0 {
		return "soon"
	}
	return "info"
}

func exemptionWord(x review.Exemption) string {
	switch x.State {
	case review.ExemptionEnded:
		return "ended"
	case review.ExemptionEnds:
		return "ends soon"
	}
	return "holds"
}

// exemptionAdvice is what its owner should know of it; empty for nothing.
func exemptionAdvice(x review.Exemption, now time.Time) string {
	stands := countOf(x.Count, "finding stands", "findings stand")
	switch {
	case x.State == review.ExemptionEnded && x.Count > 0:
		return fmt.Sprintf("It has ended, and %s that it was about. That pages like any other now: mend it, or extend the exemption with a new reason.", stands)
	case x.State == review.ExemptionEnds && x.Count > 0:
		return fmt.Sprintf("It ends in %s, and %s that it is about. That pages from then on: mend it, or extend the exemption with a new reason.", figure.Span(x.Until.Sub(now)), stands)
	case x.State == review.ExemptionEnded:
		return "It has ended, and nothing stands that it was about: take it out of the configuration."
	case x.Rules == 0:
		return "None of the checks that are made here is called so: is there a slip of the pen?"
	}
	return ""
}

// coversText says what it does now.
func coversText(x review.Exemption) string {
	switch {
	case x.State == review.ExemptionEnded && x.Count == 0:
		return "nothing stands that it was about"
	case x.State == review.ExemptionEnded:
		return countOf(x.Count, "finding stands", "findings stand") + " that it was about"
	case x.Count == 0:
		return "covers nothing now"
	}
	return "covers " + countOf(x.Count, "finding", "findings") + " now"
}

// pressingText says on Now that exemptions need their owners.
func pressingText(n int) string {
	return upperFirst(countOf(n, "exemption ends within 14 days, or has ended,", "exemptions end within 14 days, or have ended,")) + " with findings that stand"
}

// coveredMark is the mark of a finding that an exemption is about.
func coveredMark(x review.Covered) string {
	return markOf(finding.Finding{State: x.State, Report: finding.Report{Severity: x.Severity}})
}
