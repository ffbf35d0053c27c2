package console

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// Cases is what the pages ask of cases; *cases.Service is one.
type Cases interface {
	List(ctx context.Context, actor access.Actor, f cases.Filter) (cases.Page, error)
	Get(ctx context.Context, actor access.Actor, tenant, id string) (cases.Case, []cases.Event, error)
	// Impact is what users felt of one that Get has returned; nil where nobody counts it.
	Impact(ctx context.Context, c cases.Case, now time.Time) *impact.Impact
	Judge(ctx context.Context, actor access.Actor, tenant, id string, useful bool, note string, now time.Time) (cases.Case, error)
}

const (
	// casesOnNow is how many cases Now shows.
	casesOnNow = 5
	// mostCaseCharts bounds the charts of a case.
	mostCaseCharts = 6
)

func caseURL(id string) string { return "/cases/" + id }

// casesPage is a list of cases.
type casesPage struct {
	cases.Page
	All   bool // also those that are over
	Next  string
	Asked time.Time
}

func (p casesPage) state() string {
	if p.All {
		return "all"
	}
	return ""
}

func (c *Console) cases(w http.ResponseWriter, r *http.Request) error {
	p := casesPage{All: r.URL.Query().Get("state") == "all", Asked: c.opt.Now()}
	var err error
	p.Page, err = c.Cases.List(r.Context(), c.actor(r), cases.Filter{Tenant: c.opt.Tenant, Open: !p.All, Cursor: r.URL.Query().Get("after")})
	if err != nil {
		return err
	}
	if p.Page.Next != "" {
		p.Next = with("/cases", "state", p.state(), "after", p.Page.Next)
	}
	return c.render(w, r, http.StatusOK, "Cases", "/findings", casesView(p))
}

// casePage is one case with its history, its charts, and what the actor may do.
type casePage struct {
	cases.Case
	Events  []historyLine
	Cut     bool // the history is longer than that
	Charts  []caseChart
	Map     caseMap
	Span    timeSpan
	Changes []changeLine
	Respond bool
	Problem string
	Wrote   string
	Asked   time.Time
}

// caseChart is one figure of a finding of the case, drawn on the case's axis.
type caseChart struct {
	URL   string // without its ending
	Part  string // "What is felt", "Held to be the cause"
	Title string
	Text  string
	Query string
}

func (c *Console) caseOf(w http.ResponseWriter, r *http.Request) error {
	return c.showCase(w, r, http.StatusOK, "", "")
}

func (c *Console) showCase(w http.ResponseWriter, r *http.Request, status int, problem, wrote string) error {
	x, events, err := c.Cases.Get(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	now := c.opt.Now()
	x.Impact = c.Cases.Impact(r.Context(), x, now)
	p := casePage{Case: x, Events: historyOf(events), Cut: len(events) == cases.MostEvents, Map: mapOf(x), Span: caseSpan(x, now), Problem: problem, Wrote: wrote, Asked: now,
		Respond: access.Can(c.actor(r), access.Respond, access.Scope{Tenant: x.Tenant, Environment: x.Environment}) == nil}
	for _, ch := range x.Changes {
		l := changeLine{Name: subjectOf(ch.Entity).name, URL: entityURL(x.Environment, ch.Entity), When: clock(ch.At, now)}
		l.At, l.Summary, l.Who, l.Entity = ch.At, ch.Summary, ch.Who, ch.Entity
		p.Changes = append(p.Changes, l)
	}
	if p.Charts, err = c.caseCharts(r, x); err != nil {
		return err
	}
	return c.render(w, r, status, x.Title, "/findings", caseView(p))
}

// caseSpan is the one time axis of a case: from before its first finding or the
// change that fits, until after its end, or now.
func caseSpan(x cases.Case, now time.Time) timeSpan {
	from, to := x.Since, now
	if !x.EndedAt.IsZero() {
		to = x.EndedAt
	}
	for _, ch := range x.Changes {
		if ch.Fits && ch.At.Before(from) {
			from = ch.At
		}
	}
	return about(from, to, now)
}

// caseCharts are the first figures of what is felt and of what may cause it.
func (c *Console) caseCharts(r *http.Request, x cases.Case) (out []caseChart, err error) {
	drawn := map[string]bool{}
	add := func(id, part string) error {
		if id == "" || drawn[id] || len(out) >= mostCaseCharts {
			return nil
		}
		drawn[id] = true
		f, _, err := c.Findings.Get(r.Context(), c.actor(r), c.opt.Tenant, id)
		if errors.Is(err, finding.ErrNotFound) {
			return nil // it is so old that it was deleted
		}
		if err != nil {
			return err
		}
		for n, e := range f.Evidence {
			if e.Query != "" {
				out = append(out, caseChart{URL: findingURL(f.ID) + "/charts/" + strconv.Itoa(n), Part: part, Title: f.Title, Text: e.Text, Query: e.Query})
				break
			}
		}
		return nil
	}
	felt := 0
	for _, m := range x.Members {
		if m.Role == cases.Symptom && felt < 2 {
			felt++
			if err := add(m.Finding, "What is felt"); err != nil {
				return nil, err
			}
		}
	}
	for n, h := range x.Hypotheses {
		part := "What may cause it"
		if n == 0 && x.Best() != nil {
			part = "Held to be the cause"
		}
		if h.Finding == "" && h.Query != "" && len(out) < mostCaseCharts {
			out = append(out, caseChart{URL: caseURL(x.ID) + "/charts/" + hypothesisKey(h), Part: part, Title: h.Text, Text: h.Name, Query: h.Query})
			continue
		}
		if err := add(h.Finding, part); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// hypothesisKey names a hypothesis in paths. Their order changes as a case
// refines itself, and ids of entities hold slashes.
func hypothesisKey(h cases.Hypothesis) string {
	sum := sha256.Sum256([]byte(h.Entity))
	return hex.EncodeToString(sum[:8])
}

// caseChart draws what shows a hypothesis: GET /cases/{id}/charts/{key}.json or .svg.
func (c *Console) caseChart(w http.ResponseWriter, r *http.Request) error {
	x, _, err := c.Cases.Get(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	key, form, _ := strings.Cut(r.PathValue("file"), ".")
	for _, h := range x.Hypotheses {
		if h.Query == "" || hypothesisKey(h) != key {
			continue
		}
		ch := chart{ID: key, Title: h.Text, Unit: h.Unit, Usual: h.Usual, Series: []drawn{{Expr: h.Query, Top: 6}}}
		return c.sendChart(w, r, ch, subject{}, caseSpan(x, c.opt.Now()), form)
	}
	return errNoPage
}

// caseMarks are the onsets and changes of a case, for its charts.
func (c *Console) caseMarks(w http.ResponseWriter, r *http.Request) error {
	x, _, err := c.Cases.Get(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	out := []mark{}
	for _, ch := range x.Changes[:min(len(x.Changes), markedChanges)] {
		out = append(out, mark{From: ch.At.Unix(), Text: ch.Summary, Kind: "change"})
	}
	end := c.opt.Now()
	if !x.EndedAt.IsZero() {
		end = x.EndedAt
	}
	if best := x.Best(); best != nil && !best.Since.IsZero() {
		out = append(out, mark{From: best.Since.Unix(), Text: "Began: " + best.Text, Kind: "change"})
	}
	out = append(out, mark{From: x.Story.Since.Unix(), To: end.Unix(), Text: x.Story.What, Kind: "finding"})
	return c.writeJSON(w, r, out)
}

func (c *Console) judgeCase(w http.ResponseWriter, r *http.Request) error {
	id, note := r.PathValue("id"), r.PostFormValue("note")
	_, err := c.Cases.Judge(r.Context(), c.actor(r), c.opt.Tenant, id, r.PostFormValue("word") == "useful", note, c.opt.Now())
	switch {
	case err == nil:
		http.Redirect(w, r, caseURL(id), http.StatusSeeOther)
		return nil
	case errors.Is(err, cases.ErrInvalid), errors.Is(err, cases.ErrConflict):
		_, plain, cut := strings.Cut(err.Error(), ": ")
		if !cut {
			plain = err.Error()
		}
		return c.showCase(w, r, http.StatusUnprocessableEntity, upperFirst(plain)+".", note)
	}
	return err
}

// casesOf are the cases that a finding is or was part of, as links.
func (c *Console) casesOf(r *http.Request, id string) ([]cases.Case, error) {
	if c.Cases == nil {
		return nil, nil
	}
	page, err := c.Cases.List(r.Context(), c.actor(r), cases.Filter{Tenant: c.opt.Tenant, Finding: id, Limit: 3})
	return page.Cases, err
}

// casesOfAlerts are the cases that the alerts of an incident are part of.
func (c *Console) casesOfAlerts(r *http.Request, alerts []respond.Standing) (out []cases.Case, err error) {
	seen := map[string]bool{"": true}
	for _, a := range alerts {
		if c.Cases == nil || seen[a.Case] || len(out) == 3 {
			continue
		}
		seen[a.Case] = true
		x, _, err := c.Cases.Get(r.Context(), c.actor(r), c.opt.Tenant, a.Case)
		switch {
		case errors.Is(err, cases.ErrNotFound): // it is so old that it was deleted
		case err != nil:
			return nil, err
		default:
			out = append(out, x)
		}
	}
	return out, nil
}

// telling are the cases that say more than their findings do one by one: several
// of them belong together, or a cause was found.
func telling(list []cases.Case) (out []cases.Case) {
	for _, x := range list {
		if len(x.Members) > 1 || x.Best() != nil {
			out = append(out, x)
		}
	}
	return out[:min(len(out), casesOnNow)]
}

// caseMark is the mark of a case.
func caseMark(x cases.Case) string {
	switch {
	case x.State != cases.Open:
		return "over"
	case x.Severity == finding.Critical:
		return "now"
	}
	return "soon"
}

// memberMark is the mark of a finding that stands.
func memberMark(m cases.Member) string {
	if m.Accepted {
		return "accepted"
	}
	switch m.Severity {
	case finding.Critical:
		return "now"
	case finding.Warning:
		return "soon"
	}
	return "info"
}

func caseWord(x cases.Case) string {
	if x.State == cases.Merged {
		return "part of another case"
	}
	return caseMark(x)
}

// causeSentence says in a few words what is thought of the cause.
func causeSentence(x cases.Case) string {
	switch {
	case x.Best() != nil:
		return strings.TrimSuffix(x.Best().Text, ".")
	case x.Verdict == correlate.NoSymptom:
		return "Nobody is known to feel it yet"
	}
	return "No single cause was found"
}

// beside is what the sentence says after the cause, up to the time of the change.
func (p casePage) beside() string {
	text := ""
	if p.Story.Figure != "" {
		text = " (" + p.Story.Figure + ")"
	}
	switch {
	case p.Story.Started != "" && !p.Story.At.IsZero():
		text += "; " + p.Story.Started + " at "
	case p.Story.Started != "":
		text += "; " + p.Story.Started
	case !p.Story.At.IsZero():
		text += ", done at "
	}
	return text
}

// memberWord is how people call the part that a finding plays.
var memberWord = map[cases.Role]string{cases.Symptom: "felt", cases.Cause: "cause", cases.Effect: "comes of it", cases.Beside: "belongs here"}

// standingMembers are those that stand first.
func standingMembers(list []cases.Member) []cases.Member {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b cases.Member) int { return cmp.Compare(over(a), over(b)) })
	return out[:min(len(out), 50)]
}

func over(m cases.Member) int {
	if m.EndedAt.IsZero() {
		return 0
	}
	return 1
}
