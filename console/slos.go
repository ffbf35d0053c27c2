package console

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// slosPage is what was promised, and how it stands: what burns first.
type slosPage struct {
	List  []slo.Status
	Asked time.Time
}

func (c *Console) slos(w http.ResponseWriter, r *http.Request) error {
	if err := access.Can(c.actor(r), access.Read, access.Scope{Tenant: c.opt.Tenant}); err != nil {
		return err
	}
	p := slosPage{List: c.SLOs(), Asked: c.opt.Now()}
	order := map[slo.Verdict]int{slo.Burning: 0, slo.NoData: 1, slo.NoTraffic: 2, slo.Kept: 3}
	slices.SortStableFunc(p.List, func(a, b slo.Status) int {
		return cmp.Or(cmp.Compare(order[a.Judgement.Verdict], order[b.Judgement.Verdict]), cmp.Compare(b.Judgement.Severity, a.Judgement.Severity),
			cmp.Compare(a.Judgement.Left, b.Judgement.Left))
	})
	return c.render(w, r, http.StatusOK, "What was promised", "/findings", slosView(p))
}

func sloMark(s slo.Status) string {
	switch j := s.Judgement; {
	case s.At.IsZero():
		return "starting"
	case j.Verdict == slo.Burning && j.Severity == finding.Critical:
		return "now"
	case j.Verdict == slo.Burning:
		return "soon"
	case j.Verdict == slo.NoData:
		return "unknown"
	case j.Verdict == slo.NoTraffic:
		return "info"
	case j.Known && j.Left <= 0:
		return "risk"
	}
	return "steady"
}

func sloWord(s slo.Status) string {
	switch j := s.Judgement; {
	case s.At.IsZero():
		return "being counted"
	case j.Verdict == slo.Burning:
		return fmt.Sprintf("burns %s times as fast as it may", figure.Number(j.Burn))
	case j.Verdict == slo.NoData:
		return "cannot be seen"
	case j.Verdict == slo.NoTraffic:
		return "nothing was asked of it in the last hour"
	case j.Known && j.Left <= 0:
		return "not kept over the whole time"
	}
	return "kept"
}

// sloSentence says what is left of the budget.
func sloSentence(s slo.Status) string {
	j, over := s.Judgement, figure.Span(s.Objective.Over())
	switch {
	case j.Reason != "":
		return j.Reason
	case !j.Known:
		return fmt.Sprintf("What is left of the error budget of %s cannot be told yet.", over)
	case j.Left <= 0:
		return fmt.Sprintf("The error budget of %s is used up, %s over.", over, figure.In(-j.Left, "ratio"))
	case j.Gone > 0:
		return fmt.Sprintf("%s of the error budget of %s is left, for %s at this rate.", figure.In(j.Left, "ratio"), over, figure.Span(j.Gone))
	}
	return fmt.Sprintf("%s of the error budget of %s is left.", figure.In(j.Left, "ratio"), over)
}

// budgetBar is the share of the budget that is left, for a meter: 0 to 1.
func budgetBar(s slo.Status) string {
	return fmt.Sprintf("%.3f", math.Min(1, math.Max(0, s.Judgement.Left)))
}
