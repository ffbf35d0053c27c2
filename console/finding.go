package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
)

// findingPage is one finding with its history and what the actor may do.
type findingPage struct {
	Finding finding.Finding
	Events  []finding.Event
	Span    timeSpan
	Cases   []cases.Case
	Changes []changeLine // that happened shortly before or during it
	Respond bool         // the actor may answer
	Problem string       // why the last answer was refused
	Reason  string       // what the person wrote then
	Asked   time.Time
	Note    string
	// Incidents that people respond to it in; Declare opens one, nil where the
	// reader may not or nobody responds from here.
	Incidents []respond.Incident
	Declare   *declaration
	Tomorrow  time.Time
}

// Charted are the evidence that can be drawn, with their numbers.
func (p findingPage) Charted() []numbered {
	var out []numbered
	for i, e := range p.Finding.Evidence {
		if e.Query != "" {
			out = append(out, numbered{i, e})
		}
	}
	return out
}

type numbered struct {
	N        int
	Evidence finding.Evidence
}

func (c *Console) finding(w http.ResponseWriter, r *http.Request) error {
	return c.showFinding(w, r, http.StatusOK, "", "")
}

func (c *Console) showFinding(w http.ResponseWriter, r *http.Request, status int, problem, reason string) error {
	now := c.opt.Now()
	f, events, err := c.Findings.Get(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	p := findingPage{
		Finding: f, Events: events, Span: findingSpan(f, now), Problem: problem, Reason: reason, Asked: now,
		Respond:  access.Can(c.actor(r), access.Respond, access.Scope{Tenant: f.Tenant, Environment: f.Environment}) == nil,
		Tomorrow: morning(now, 1, now.Location()),
	}
	if c.Incidents != nil {
		if p.Incidents, err = c.Incidents.About(r.Context(), c.actor(r), f.Tenant, f.ID); err != nil {
			return err
		}
		if p.Respond && len(p.Incidents) == 0 && f.State != finding.Resolved {
			p.Declare = &declaration{Title: f.Title, Severity: f.Severity, Finding: f.ID}
			if p.Declare.Policies, err = c.policyChoices(r); err != nil {
				return err
			}
		}
	}
	if p.Changes, err = c.changesOn(r, f.Environment, f.Entity, p.Span); err != nil {
		p.Note = c.partError(r, "The changes", err)
	}
	if p.Cases, err = c.casesOf(r, f.ID); err != nil {
		p.Note = c.partError(r, "The case", err)
	}
	return c.render(w, r, status, f.Title, "/findings", findingView(p))
}

// timeSpan is a range of time on a page.
type timeSpan struct{ From, To time.Time }

// longestEvidence is how far back evidence is drawn by itself; entity pages
// show the rest.
const longestEvidence = 7 * 24 * time.Hour

// findingSpan is the one time axis of a finding's charts: from before it began
// until after it ended, or now.
func findingSpan(f finding.Finding, now time.Time) timeSpan {
	from, to := f.FirstSeen, now
	if f.State == finding.Resolved {
		to = f.ResolvedAt
	}
	for _, e := range f.Evidence {
		if !e.From.IsZero() && e.From.Before(from) {
			from = e.From
		}
	}
	return about(from, to, now)
}

// about is a stretch of time with what is before and after it, as charts show
// it.
func about(from, to, now time.Time) timeSpan {
	if to.Sub(from) > longestEvidence {
		from = to.Add(-longestEvidence)
	}
	margin := max(20*time.Minute, to.Sub(from)/4)
	from, to = from.Add(-margin), to.Add(margin)
	if to.After(now) {
		to = now
	}
	return timeSpan{from, to}
}

// findingChart draws one evidence: GET /findings/{id}/charts/{n}.json or .svg.
func (c *Console) findingChart(w http.ResponseWriter, r *http.Request) error {
	f, _, err := c.Findings.Get(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	name, form, _ := strings.Cut(r.PathValue("file"), ".")
	n, err := strconv.Atoi(name)
	if err != nil || n < 0 || n >= len(f.Evidence) || f.Evidence[n].Query == "" {
		return errNoPage
	}
	e := f.Evidence[n]
	ch := chart{
		ID: name, Title: e.Text, Unit: e.Unit, Limit: e.Limit, Usual: e.Usual,
		Series: []drawn{{Expr: e.Query, Top: 6}},
	}
	if e.Unit == "ratio" && (e.Value == nil || *e.Value <= 1) {
		ch.Most = 1
	}
	return c.sendChart(w, r, ch, subject{}, findingSpan(f, c.opt.Now()), form)
}

// sendChart answers with a chart's data, or its picture where there is no
// JavaScript. The asker may narrow or move the range.
func (c *Console) sendChart(w http.ResponseWriter, r *http.Request, ch chart, s subject, span timeSpan, form string) error {
	span, err := askedSpan(r, span, c.opt.Now())
	if err != nil {
		return err
	}
	points, err := strconv.Atoi(r.URL.Query().Get("points"))
	if err != nil {
		points = 240
	}
	p, err := c.draw(r.Context(), ch, s, windowFor(span.From, span.To, points))
	failed := ""
	starting, isStarting := errors.AsType[metric.StartingError](err)
	switch {
	case isStarting:
		failed = upperFirst(starting.Error()) + "."
	case errors.Is(err, metric.ErrTooLarge):
		failed = "This range holds too much to draw at once. Choose a shorter one."
	case errors.Is(err, metric.ErrUnavailable):
		failed = "The metrics cannot be reached at the moment."
	case err != nil:
		failed = c.partError(r, "This chart", err)
	}
	switch {
	case form == "svg":
		writeSVG(w, p, c.opt.Now())
		return nil
	case form != "json":
		return errNoPage
	case failed != "":
		w.WriteHeader(http.StatusServiceUnavailable)
		return c.writeJSON(w, r, map[string]string{"problem": failed})
	}
	return c.writeJSON(w, r, p)
}

func (c *Console) acknowledge(w http.ResponseWriter, r *http.Request) error {
	_, err := c.Findings.Acknowledge(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"), r.PostFormValue("note"), c.opt.Now())
	return c.answered(w, r, err, r.PostFormValue("note"))
}

func (c *Console) accept(w http.ResponseWriter, r *http.Request) error {
	until, err := acceptUntil(r.PostFormValue("until"), r.PostFormValue("date"), r.PostFormValue("offset"), c.opt.Now())
	if err == nil {
		_, err = c.Findings.Accept(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"), until, r.PostFormValue("reason"), c.opt.Now())
	}
	return c.answered(w, r, err, r.PostFormValue("reason"))
}

func (c *Console) reopen(w http.ResponseWriter, r *http.Request) error {
	_, err := c.Findings.Reopen(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"), r.PostFormValue("reason"), c.opt.Now())
	return c.answered(w, r, err, r.PostFormValue("reason"))
}

// answered shows the finding again: after a refusal with why, and with what
// the person wrote.
func (c *Console) answered(w http.ResponseWriter, r *http.Request, err error, wrote string) error {
	var bad badRequest
	switch {
	case err == nil:
		http.Redirect(w, r, findingURL(r.PathValue("id")), http.StatusSeeOther)
		return nil
	case errors.As(err, &bad):
		return c.showFinding(w, r, http.StatusUnprocessableEntity, string(bad), wrote)
	case errors.Is(err, finding.ErrInvalid), errors.Is(err, finding.ErrState), errors.Is(err, finding.ErrConflict):
		_, plain, cut := strings.Cut(err.Error(), ": ")
		if !cut {
			plain = err.Error()
		}
		return c.showFinding(w, r, http.StatusUnprocessableEntity, upperFirst(plain)+".", wrote)
	default:
		return err
	}
}

// acceptUntil reads how long an acceptance shall last. Days begin at nine in
// the person's morning: offset is their minutes east of UTC, as the browser
// tells it; without it the server's own zone counts.
func acceptUntil(choice, date, offset string, now time.Time) (time.Time, error) {
	zone := now.Location()
	if minutes, err := strconv.Atoi(offset); err == nil && minutes >= -14*60 && minutes <= 14*60 {
		zone = time.FixedZone("", minutes*60)
	}
	switch choice {
	case "tomorrow":
		return morning(now, 1, zone), nil
	case "week":
		return morning(now, 7, zone), nil
	case "month":
		return morning(now, 30, zone), nil
	case "date":
		day, err := time.ParseInLocation(time.DateOnly, date, zone)
		if err != nil {
			return time.Time{}, badRequest("Choose the date until which it may stay as it is.")
		}
		return day.Add(9 * time.Hour), nil
	}
	return time.Time{}, badRequest("Choose how long it may stay as it is.")
}

// morning is nine o'clock some days after now.
func morning(now time.Time, days int, zone *time.Location) time.Time {
	y, m, d := now.In(zone).Date()
	return time.Date(y, m, d+days, 9, 0, 0, 0, zone)
}

// stateSentence says how a finding stands.
func stateSentence(f finding.Finding, now time.Time) string {
	switch f.State {
	case finding.Open:
		if f.Returns > 0 {
			return fmt.Sprintf("It has been so for %s, and came back %s.", figure.Span(now.Sub(f.FirstSeen)), times(f.Returns))
		}
		return fmt.Sprintf("It has been so for %s.", figure.Span(now.Sub(f.FirstSeen)))
	case finding.Acknowledged:
		return fmt.Sprintf("%s looks after it, since %s.", orSomeone(f.By), ago(f.ChangedAt, now))
	case finding.Accepted:
		if id := f.Exempted(); id != "" {
			return fmt.Sprintf("It is exempted until %s by %s (%s): it pages nobody.", clock(f.Until, now), orSomeone(f.Answer.By), id)
		}
		return fmt.Sprintf("%s accepted it until %s.", orSomeone(f.By), clock(f.Until, now))
	case finding.Unknown:
		return fmt.Sprintf("It was wrong when it was last seen, %s. Whether it still is cannot be told.", ago(f.LastSeen, now))
	case finding.Resolved:
		return fmt.Sprintf("It is over since %s. It lasted %s.", ago(f.ResolvedAt, now), figure.Span(f.ResolvedAt.Sub(f.FirstSeen)))
	}
	return ""
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return number(n) + " times"
}

func orSomeone(by string) string {
	if by == "" {
		return "Someone"
	}
	return by
}
