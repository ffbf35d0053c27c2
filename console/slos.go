package console

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// slosPage is what was promised, and how it stands: what burns first.
type slosPage struct {
	List     []slo.Status
	Asked    time.Time
	Suggests bool // what could be promised can be asked for
}

func (c *Console) slos(w http.ResponseWriter, r *http.Request) error {
	if err := access.Can(c.actor(r), access.Read, access.Scope{Tenant: c.opt.Tenant}); err != nil {
		return err
	}
	p := slosPage{List: c.SLOs(), Asked: c.opt.Now(), Suggests: c.Suggest != nil}
	order := map[slo.Verdict]int{slo.Burning: 0, slo.NoData: 1, slo.NoTraffic: 2, slo.Kept: 3}
	slices.SortStableFunc(p.List, func(a, b slo.Status) int {
		return cmp.Or(cmp.Compare(order[a.Judgement.Verdict], order[b.Judgement.Verdict]), cmp.Compare(b.Judgement.Severity, a.Judgement.Severity),
			cmp.Compare(a.Judgement.Left, b.Judgement.Left))
	})
	return c.render(w, r, http.StatusOK, "What was promised", "/findings", slosView(p))
}

// suggestionsPage is what could be promised of what has no objective. Reading
// the past may take a while, so that it is a page of its own, which the page of
// objectives fetches when it stands.
type suggestionsPage struct {
	Good   []slo.Suggestion // with an objective to copy
	Not    []slo.Suggestion // with the reason why nothing is suggested
	Later  int
	Failed bool
	All    string // the configuration of all that is good
}

func (c *Console) suggestions(w http.ResponseWriter, r *http.Request) error {
	if err := access.Can(c.actor(r), access.Read, access.Scope{Tenant: c.opt.Tenant}); err != nil {
		return err
	}
	list, later, err := c.Suggest(r.Context())
	p := suggestionsPage{Later: later, Failed: err != nil}
	if err != nil {
		c.opt.Log.Warn("objectives could not all be suggested", "error", err)
	}
	var text strings.Builder
	text.WriteString("slos:\n")
	for _, s := range list {
		if s.YAML == "" {
			p.Not = append(p.Not, s)
			continue
		}
		p.Good = append(p.Good, s)
		text.WriteString(s.YAML)
	}
	p.All = text.String()
	return c.render(w, r, http.StatusOK, "What could be promised", "/findings", suggestionsView(p))
}

// suggestedOf is what a suggestion would be about, where there is none.
func suggestedOf(s slo.Suggestion) string {
	if s.About == "latency" {
		return s.Name + ": how long it takes"
	}
	return s.Name + ": whether it answers"
}

func sloMark(s slo.Status) string {
	switch j := s.Judgement; {
	case s.At.IsZero():
		return "starting"
	case j.Verdict == slo.Burning && j.Severity == finding.Critical:
		return "now"
	case j.Verdict == slo.Burning:
		return "soon"
	case j.Verdict == slo.NoData, j.Verdict == slo.Kept && j.Reason != "":
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
	case j.Reason != "":
		return "burns no faster than it may"
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
