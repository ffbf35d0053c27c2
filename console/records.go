package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/review"
)

// checkListPage is all checks with what became of what they found.
type checkListPage struct {
	Records []review.Record // of those that spoke or paged
	Silent  []review.Rule   // that did not
	Rules   int
	Cut     bool

	Exemptions   []review.Exemption
	ExemptionCut bool
	Asked        time.Time
}

// checkPage is one check.
type checkPage struct {
	Rule     *review.Rule // nil where it is not made any more
	ID       string
	Record   review.Record
	Cut      bool
	Findings []finding.Finding
	Total    int
	Asked    time.Time
}

// findingsOfCheck are those that the page of a check shows.
const findingsOfCheck = 20

func (c *Console) records(r *http.Request, now time.Time) ([]review.Record, bool, error) {
	if err := access.Can(c.actor(r), access.Read, access.Scope{Tenant: c.opt.Tenant}); err != nil {
		return nil, false, err
	}
	return c.Reviews.Records(r.Context(), c.actor(r), c.opt.Tenant, now.Add(-review.RecordTime), now)
}

func (c *Console) checkList(w http.ResponseWriter, r *http.Request) error {
	p := checkListPage{Asked: c.opt.Now()}
	var err error
	if p.Records, p.Cut, err = c.records(r, p.Asked); err != nil {
		return err
	}
	rules := c.Rules()
	if p.Exemptions, p.ExemptionCut, err = c.Reviews.Exemptions(r.Context(), c.actor(r), c.opt.Tenant, rules, p.Asked); err != nil {
		return err
	}
	for _, rule := range rules {
		p.Rules++
		if !slices.ContainsFunc(p.Records, func(x review.Record) bool { return x.Check == rule.ID }) {
			p.Silent = append(p.Silent, rule)
		}
	}
	return c.render(w, r, http.StatusOK, "Checks", "/findings", checkListView(p))
}

func (c *Console) check(w http.ResponseWriter, r *http.Request) error {
	p := checkPage{ID: r.PathValue("id"), Asked: c.opt.Now()}
	records, cut, err := c.records(r, p.Asked)
	if err != nil {
		return err
	}
	p.Cut = cut
	for _, x := range records {
		if x.Check == p.ID {
			p.Record = x
		}
	}
	for _, rule := range c.Rules() {
		if rule.ID == p.ID {
			p.Rule = &rule
		}
	}
	page, err := c.Findings.List(r.Context(), c.actor(r), finding.Filter{Tenant: c.opt.Tenant, Check: p.ID, Limit: findingsOfCheck})
	if err != nil {
		return err
	}
	if p.Findings, p.Total = page.Findings, page.Total; p.Rule == nil && p.Record.Check == "" && p.Total == 0 {
		return errNoPage
	}
	return c.render(w, r, http.StatusOK, p.ID, "/findings", checkView(p))
}

func checkURL(id string) string { return "/checks/" + escaped(id) }

// limitsOf are a check's limits in a line.
func limitsOf(r review.Rule) string {
	var out []string
	for _, name := range sortedNames(r.Limits) {
		out = append(out, strings.ReplaceAll(name, "_", " ")+" "+strconv.FormatFloat(r.Limits[name], 'g', 6, 64))
	}
	return strings.Join(out, ", ")
}

func sortedNames(m map[string]float64) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// pagedText says how often a check woke somebody.
func pagedText(x review.Record) string {
	switch {
	case x.Paged == 0 && x.Incidents == 0:
		return "nobody was paged"
	case x.Paged == 0:
		return fmt.Sprintf("%s, nobody was paged", countOf(x.Incidents, "incident", "incidents"))
	}
	return fmt.Sprintf("%s paged somebody (%s a week), of which people took up %s", countOf(x.Paged, "incident", "incidents"), figure.Number(x.PagedAWeek), number(x.Acted))
}

// spokeText says what a check found.
func spokeText(x review.Record) string {
	if x.Findings == 0 {
		return "nothing new was found"
	}
	return countOf(x.Findings, "finding", "findings") + " about " + countOf(x.Entities, "thing", "things")
}

// opinion is what people said of its cases.
func opinion(x review.Record) string {
	if x.Precision == nil {
		return "nobody has said yet"
	}
	return fmt.Sprintf("useful in %s of %d (between %s and %s, as far as so few tell)", figure.In(x.Precision.Value, "ratio"), x.Useful+x.Noise,
		figure.In(x.Precision.Low, "ratio"), figure.In(x.Precision.High, "ratio"))
}

// byWeek are the findings of each week, as a line of text for who cannot see
// the bars.
func byWeek(x review.Record) string {
	out := make([]string, len(x.Weeks))
	for i, n := range x.Weeks {
		out[i] = strconv.Itoa(n)
	}
	return strings.Join(out, ", ")
}

// weekBar is one bar of a week in a chart of 32 units of height.
func weekBar(x review.Record, n int) float64 {
	return 30 * float64(x.Weeks[n]) / float64(max(1, slices.Max(x.Weeks)))
}
