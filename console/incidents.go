package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond"
)

// Incidents is what the pages ask of incidents; *respond.Service is one.
type Incidents interface {
	List(ctx context.Context, actor access.Actor, f respond.IncidentFilter) (respond.IncidentPage, error)
	Get(ctx context.Context, actor access.Actor, tenant, id string) (respond.Story, error)
	Declare(ctx context.Context, actor access.Actor, d respond.Declaration, now time.Time) (respond.Incident, error)
	Acknowledge(ctx context.Context, actor access.Actor, tenant, id, note string, now time.Time) (respond.Incident, error)
	Reassign(ctx context.Context, actor access.Actor, tenant, id string, to respond.By, note string, now time.Time) (respond.Incident, error)
	Snooze(ctx context.Context, actor access.Actor, tenant, id string, until time.Time, note string, now time.Time) (respond.Incident, error)
	Resolve(ctx context.Context, actor access.Actor, tenant, id, note string, now time.Time) (respond.Incident, error)
	Reopen(ctx context.Context, actor access.Actor, tenant, id, reason string, now time.Time) (respond.Incident, error)
	Escalate(ctx context.Context, actor access.Actor, tenant, id, note string, now time.Time) (respond.Incident, error)
	Note(ctx context.Context, actor access.Actor, tenant, id, text string, now time.Time) (respond.Incident, error)
	Change(ctx context.Context, actor access.Actor, tenant, id, title string, severity finding.Severity, now time.Time) (respond.Incident, error)
	Merge(ctx context.Context, actor access.Actor, tenant, from, into string, now time.Time) (respond.Incident, error)
	Split(ctx context.Context, actor access.Actor, tenant, from string, alerts []string, now time.Time) (respond.Incident, error)
	GiveRole(ctx context.Context, actor access.Actor, tenant, id string, role respond.Role, to respond.By, note string, now time.Time) (respond.Incident, error)
	AddTask(ctx context.Context, actor access.Actor, tenant, id string, n respond.NewTask, now time.Time) (respond.Task, error)
	ChangeTask(ctx context.Context, actor access.Actor, tenant, id, task string, c respond.TaskChange, now time.Time) (respond.Task, error)
	About(ctx context.Context, actor access.Actor, tenant, finding string) ([]respond.Incident, error)
}

// incidentsPage is the list of incidents with what narrows it.
type incidentsPage struct {
	State, Text string
	Page        respond.IncidentPage
	Next        string
	Names       map[string]string
	Respond     bool // the actor may declare one
	Problem     string
	Declare     declaration // as it is filled in
	Asked       time.Time
}

// incidentStates are the states that a person can list, the usual one first.
var incidentStates = []struct{ Value, Title string }{
	{"", "Current"}, {"triggered", "Nobody has it"}, {"acknowledged", "Looked after"}, {"snoozed", "Put off"}, {"resolved", "Over"}, {"all", "All"},
}

var incidentFilter = map[string][]respond.State{
	"": notOver, "all": nil, "triggered": {respond.Triggered}, "acknowledged": {respond.Acknowledged},
	"snoozed": {respond.Snoozed}, "resolved": {respond.Resolved},
}

// notOver are the states of incidents that still want somebody.
var notOver = []respond.State{respond.Triggered, respond.Acknowledged, respond.Snoozed}

func (c *Console) incidents(w http.ResponseWriter, r *http.Request) error {
	return c.showIncidents(w, r, http.StatusOK, incidentsPage{})
}

func (c *Console) showIncidents(w http.ResponseWriter, r *http.Request, status int, p incidentsPage) error {
	q := r.URL.Query()
	p.State, p.Text, p.Asked = q.Get("state"), q.Get("q"), c.opt.Now()
	states, known := incidentFilter[p.State]
	if !known {
		return badRequest("There is no such state of an incident. Choose one from the list.")
	}
	var err error
	p.Page, err = c.Incidents.List(r.Context(), c.actor(r), respond.IncidentFilter{Tenant: c.opt.Tenant, States: states, Text: p.Text, Limit: 50, Cursor: q.Get("after")})
	if err != nil {
		return err
	}
	if p.Page.Next != "" {
		q.Set("after", p.Page.Next)
		p.Next = "/incidents?" + q.Encode()
	}
	if p.Names, err = c.names(r); err != nil {
		return err
	}
	p.Respond = access.Can(c.actor(r), access.Respond, access.Scope{Tenant: c.opt.Tenant}) == nil
	if p.Respond {
		if p.Declare.Policies, err = c.policyChoices(r); err != nil {
			return err
		}
	}
	return c.render(w, r, status, "Incidents", "/incidents", incidentsView(p))
}

// names are the people's names by their ids.
func (c *Console) names(r *http.Request) (map[string]string, error) {
	if c.Access == nil {
		return nil, nil
	}
	return c.Access.Names(r.Context(), c.actor(r), c.opt.Tenant)
}

func (c *Console) declareIncident(w http.ResponseWriter, r *http.Request) error {
	d, err := c.declared(r)
	if err != nil {
		return err
	}
	i, err := c.Incidents.Declare(r.Context(), c.actor(r), d, c.opt.Now())
	if why, ok := refusal(err); ok {
		return c.showIncidents(w, r, http.StatusUnprocessableEntity, incidentsPage{Problem: why, Declare: declaration{Title: d.Title, Severity: d.Severity, Finding: d.Finding}})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, incidentURL(i.ID), http.StatusSeeOther)
	return nil
}

// refusal is what a person is told of an answer that cannot be; ok is false for
// errors of another kind, and for none.
func refusal(err error) (why string, ok bool) {
	for _, kind := range []error{respond.ErrInvalid, respond.ErrState, respond.ErrConflict} {
		if errors.Is(err, kind) {
			return upperFirst(strings.TrimPrefix(err.Error(), kind.Error()+": ")) + ".", true
		}
	}
	return "", false
}

// incidentURL is an incident's page.
func incidentURL(id string) string { return "/incidents/" + url.PathEscape(id) }

// incidentPage is one incident with its story and what the actor may do.
type incidentPage struct {
	respond.Story
	Names   map[string]string
	People  []choice // to whom it can be given
	Others  []choice // with which it can be merged
	Me      string   // user id of who looks; empty for a program
	Part    string   // of the story, that is shown; empty: all
	Respond bool
	Learnt  bool // there is a document to read or write
	Problem string
	Wrote   string
	Asked   time.Time
	Silence string // leads to a silence of what its alerts have in common; empty for none
	Updates updatesPart
	Figures figuresPart
	Cases   []cases.Case   // that its alerts are part of
	Felt    *impact.Impact // nil where it could not be had; Unfelt says why
	Unfelt  string
}

// choice is one line of a select.
type choice struct{ Value, Title string }

func (c *Console) incident(w http.ResponseWriter, r *http.Request) error {
	return c.showIncident(w, r, http.StatusOK, "", "")
}

func (c *Console) showIncident(w http.ResponseWriter, r *http.Request, status int, problem, wrote string) error {
	story, err := c.Incidents.Get(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"))
	if err != nil {
		return err
	}
	p := incidentPage{Story: story, Problem: problem, Wrote: wrote, Asked: c.opt.Now(), Learnt: c.Reviews != nil && story.Incident.State == respond.Resolved && story.Incident.MergedInto == ""}
	p.Respond = access.Can(c.actor(r), access.Respond, access.Scope{Tenant: story.Incident.Tenant, Environment: story.Incident.Environment}) == nil
	if c.Routing != nil && p.Respond {
		p.Silence = silenceURL(story.Alerts, story.Incident.Environment)
	}
	if p.Names, err = c.names(r); err != nil {
		return err
	}
	if p.Cases, err = c.casesOfAlerts(r, story.Alerts); err != nil {
		return err
	}
	if p.Updates, err = c.updates(r, story.Incident); err != nil {
		return err
	}
	if p.Figures, err = c.incidentFigures(r, story); err != nil {
		return err
	}
	p.Updates.Write = r.URL.Query().Get("write") == "update"
	p.Part = r.URL.Query().Get("show")
	if !slices.ContainsFunc(storyParts, func(x choice) bool { return x.Value == p.Part }) {
		return badRequest("There is no such part of the story. Choose one from the list.")
	}
	if p.Names[c.actor(r).ID] != "" {
		p.Me = c.actor(r).ID
	}
	if p.Respond && story.Incident.State != respond.Resolved {
		if p.Others, err = c.neighbours(r, story.Incident); err != nil {
			return err
		}
	}
	if c.Evidence != nil {
		p.Felt, p.Unfelt = c.incidentImpact(r, story)
	}
	for id, name := range p.Names {
		if id != c.actor(r).ID {
			p.People = append(p.People, choice{id, name})
		}
	}
	slices.SortFunc(p.People, func(a, b choice) int { return strings.Compare(a.Title, b.Title) })
	return c.render(w, r, status, fmt.Sprintf("#%d %s", story.Incident.Number, story.Incident.Title), "/incidents", incidentView(p))
}

func (c *Console) answerIncident(w http.ResponseWriter, r *http.Request) error {
	ctx, actor, id, note, now := r.Context(), c.actor(r), r.PathValue("id"), strings.TrimSpace(r.PostFormValue("note")), c.opt.Now()
	tenant, to := c.opt.Tenant, incidentURL(id)
	var err error
	switch verb := r.PathValue("verb"); verb {
	case "acknowledge":
		_, err = c.Incidents.Acknowledge(ctx, actor, tenant, id, note, now)
	case "resolve":
		_, err = c.Incidents.Resolve(ctx, actor, tenant, id, note, now)
	case "escalate":
		_, err = c.Incidents.Escalate(ctx, actor, tenant, id, note, now)
	case "reopen":
		_, err = c.Incidents.Reopen(ctx, actor, tenant, id, note, now)
	case "note":
		_, err = c.Incidents.Note(ctx, actor, tenant, id, note, now)
	case "snooze":
		var until time.Time
		if until, err = snoozeUntil(r.PostFormValue("until"), r.PostFormValue("offset"), now); err == nil {
			_, err = c.Incidents.Snooze(ctx, actor, tenant, id, until, note, now)
		}
	case "reassign":
		var who respond.By
		if who, err = c.named(r, r.PostFormValue("to")); err == nil {
			_, err = c.Incidents.Reassign(ctx, actor, tenant, id, who, note, now)
		}
	default:
		to, err = c.work(r, verb, id)
	}
	var bad badRequest
	if errors.As(err, &bad) {
		return c.showIncident(w, r, http.StatusUnprocessableEntity, string(bad), note)
	}
	if why, ok := refusal(err); ok {
		return c.showIncident(w, r, http.StatusUnprocessableEntity, why, note)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// snoozes are how long an incident can be put off.
var snoozes = []choice{{"30m", "for 30 minutes"}, {"1h", "for an hour"}, {"4h", "for 4 hours"}, {"tomorrow", "until tomorrow, 09:00"}}

func snoozeUntil(asked, offset string, now time.Time) (time.Time, error) {
	if asked == "tomorrow" {
		return acceptUntil(asked, "", offset, now)
	}
	if d, err := time.ParseDuration(asked); err == nil && slices.ContainsFunc(snoozes, func(c choice) bool { return c.Value == asked }) {
		return now.Add(d), nil
	}
	return time.Time{}, badRequest("Choose how long to put it off.")
}

// incidentMark is the sigil of an incident: its urgency while nobody has it.
func incidentMark(i respond.Incident) string {
	switch {
	case i.State == respond.Resolved:
		return "over"
	case i.State == respond.Acknowledged:
		return "tended"
	case i.State == respond.Snoozed:
		return "accepted"
	case i.Severity == finding.Critical:
		return "now"
	case i.Severity == finding.Warning:
		return "soon"
	}
	return "info"
}

func incidentWord(i respond.Incident) string {
	switch {
	case i.MergedInto != "":
		return "part of another"
	case i.State == respond.Resolved:
		return "over"
	case i.State == respond.Acknowledged:
		return "looked after"
	case i.State == respond.Snoozed:
		return "put off"
	case i.Held != "":
		return "waits"
	case i.Position.Exhausted:
		return "nobody answered"
	}
	return "nobody has it"
}

// sentence says how the incident stands, and what comes next.
func (p incidentPage) sentence() string {
	i, now := p.Incident, p.Asked
	who := orSomeone(p.Names[i.Assignee])
	switch {
	case i.MergedInto != "":
		return "It is part of another incident now."
	case i.State == respond.Resolved:
		return fmt.Sprintf("It is over since %s. It lasted %s.", ago(i.ResolvedAt, now), figure.Span(i.ResolvedAt.Sub(i.OpenedAt)))
	case i.State == respond.Acknowledged:
		return fmt.Sprintf("%s has taken it up, %s after it began.", who, figure.Span(i.AckedAt.Sub(i.OpenedAt)))
	case i.State == respond.Snoozed:
		return fmt.Sprintf("%s puts it off until %s; then it pages again.", who, clock(i.SnoozedTo, now))
	case i.Held != "":
		return "It pages nobody for now: " + i.Held
	case i.Position.Exhausted:
		return fmt.Sprintf("Everyone was told and nobody has taken it up, for %s.", figure.Span(now.Sub(i.OpenedAt)))
	}
	told := p.toldNow()
	next := ""
	if i.WakeAt.After(now) {
		next = fmt.Sprintf(" The next step comes in %s.", figure.Span(i.WakeAt.Sub(now)))
	}
	if told == "" {
		return fmt.Sprintf("Nobody has taken it up for %s, and nobody has been told yet.%s", figure.Span(now.Sub(i.OpenedAt)), next)
	}
	return fmt.Sprintf("Nobody has taken it up for %s. Being told: %s.%s", figure.Span(now.Sub(i.OpenedAt)), told, next)
}

func (p incidentPage) toldNow() string {
	var told []string
	for _, page := range p.Pages {
		if page.State == respond.PageOpen {
			told = append(told, p.toldWho(page))
		}
	}
	return joined(told)
}

// toldWho is whom a page tells: a person, or a room by the contact's name.
func (p incidentPage) toldWho(page respond.Page) string {
	if n := p.Names[page.Person]; n != "" {
		return n
	}
	for _, m := range p.Messages {
		if m.Page == page.ID && page.Person == "" {
			return m.Contact.Name
		}
	}
	return page.Recipient.ID
}

var pageWords = map[respond.PageState]string{
	respond.PageOpen: "waits for an answer", respond.PageAnswered: "answered", respond.PageSuperseded: "not needed any more", respond.PageFailed: "could not be reached",
}

var messageWords = map[respond.MessageState]string{
	respond.Due: "to be sent", respond.Sending: "being sent", respond.Sent: "sent", respond.Delivered: "arrived",
	respond.Failed: "failed", respond.Superseded: "not needed any more", respond.Coalesced: "told together with others",
}

// messageSentence is one message in the list of who was told.
func messageSentence(m respond.Message) string {
	s := fmt.Sprintf("%s by %s: %s", m.Contact.Name, m.Contact.Channel, messageWords[m.State])
	if m.Tries > 1 {
		s += fmt.Sprintf(", %d tries", m.Tries)
	}
	if m.PossibleDuplicate {
		s += ", possibly twice"
	}
	if m.Reason != "" && m.State != respond.Sent && m.State != respond.Delivered {
		s += " (" + m.Reason + ")"
	}
	return s
}

// messagesOf are the messages of a page.
func messagesOf(all []respond.Message, page string) []respond.Message {
	var out []respond.Message
	for _, m := range all {
		if m.Page == page {
			out = append(out, m)
		}
	}
	return out
}

// newestFirst turns the story's entries so that the newest stands first.
func newestFirst(entries []respond.Entry) []respond.Entry {
	out := slices.Clone(entries)
	slices.Reverse(out)
	return out
}

// entryWord is how people call a kind of entry.
func entryWord(k respond.EntryKind) string {
	return upperFirst(strings.ReplaceAll(string(k), "-", " "))
}
