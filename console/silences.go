package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/route"
)

// Routing is what the pages ask of routes and silences; *route.Service is one.
type Routing interface {
	List(ctx context.Context, actor access.Actor, tenant string, now time.Time) ([]route.Listed, error)
	PutSilence(ctx context.Context, actor access.Actor, x route.Silence, now time.Time) (route.Silence, error)
	ExpireSilence(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (route.Silence, error)
	Preview(ctx context.Context, actor access.Actor, x route.Silence) (route.Match, error)
	Configured(actor access.Actor, tenant string) (*route.Plan, error)
	Explain(ctx context.Context, actor access.Actor, a respond.Alert, now time.Time) (route.Explanation, error)
}

// silencesPage is what keeps alerts from paging, and a form for one more.
type silencesPage struct {
	Live    []route.Listed // that hold or are to come
	Over    []route.Listed
	Planned []route.Window // of the configuration
	Respond bool
	Places  []choice // environments that the actor may silence; several or all
	Form    silenceForm
	Match   *route.Match // what it would take; nil where nobody asked
	Problem string
	Asked   time.Time
}

// silenceForm is a silence as it was typed.
type silenceForm struct {
	Matchers, Environment, Begins, Lasts, Reason string
}

// What can be chosen, the usual one first in each.
var (
	silenceBegins = []choice{{"0s", "now"}, {"1h", "in one hour"}, {"4h", "in 4 hours"}, {"12h", "in 12 hours"}, {"24h", "in 24 hours"}}
	silenceLasts  = []choice{{"2h", "2 hours"}, {"30m", "30 minutes"}, {"1h", "one hour"}, {"4h", "4 hours"}, {"8h", "8 hours"}, {"24h", "a day"}, {"72h", "3 days"}, {"168h", "a week"}, {"672h", "4 weeks"}}
)

func chosen(list []choice, value string) (time.Duration, error) {
	if !slices.ContainsFunc(list, func(c choice) bool { return c.Value == value }) {
		return 0, badRequest("Choose a time from the list.")
	}
	return time.ParseDuration(value)
}

// read is the form as a silence. What cannot be is a badRequest.
func (f silenceForm) read(tenant string, now time.Time) (x route.Silence, err error) {
	x = route.Silence{Tenant: tenant, Environment: f.Environment, Reason: f.Reason}
	if x.Matchers, err = route.ParseMatchers(f.Matchers); err != nil {
		return x, badRequest(upperFirst(err.Error()) + ".")
	}
	begins, err := chosen(silenceBegins, f.Begins)
	if err != nil {
		return x, err
	}
	lasts, err := chosen(silenceLasts, f.Lasts)
	if err != nil {
		return x, err
	}
	x.From = now.Add(begins)
	x.To = x.From.Add(lasts)
	return x, nil
}

func (c *Console) silences(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	p := silencesPage{Form: silenceForm{Matchers: q.Get("matchers"), Environment: q.Get("environment"), Begins: "0s", Lasts: "2h"}}
	if p.Form.Matchers != "" {
		c.preview(r, &p)
	}
	return c.showSilences(w, r, http.StatusOK, p)
}

// preview looks what the form would take, or says why it cannot.
func (c *Console) preview(r *http.Request, p *silencesPage) {
	x, err := p.Form.read(c.opt.Tenant, c.opt.Now())
	var match route.Match
	if err == nil {
		match, err = c.Routing.Preview(r.Context(), c.actor(r), x)
	}
	if err != nil {
		p.Problem = formProblem(err)
		return
	}
	p.Match = &match
}

// formProblem is an error for the person who filled a form in.
func formProblem(err error) string {
	var bad badRequest
	if errors.As(err, &bad) {
		return string(bad)
	}
	return upperFirst(strings.ReplaceAll(err.Error(), respond.ErrInvalid.Error()+": ", "")) + "."
}

func (c *Console) showSilences(w http.ResponseWriter, r *http.Request, status int, p silencesPage) error {
	actor := c.actor(r)
	p.Asked = c.opt.Now()
	list, err := c.Routing.List(r.Context(), actor, c.opt.Tenant, p.Asked)
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.State == route.Expired {
			p.Over = append(p.Over, x)
		} else {
			p.Live = append(p.Live, x)
		}
	}
	plan, err := c.Routing.Configured(actor, c.opt.Tenant)
	if err != nil {
		return err
	}
	p.Planned = plan.Maintenance(p.Asked)
	names, all := access.Environments(actor, access.Respond, c.opt.Tenant)
	if all {
		p.Places = append(p.Places, choice{"", "all environments"})
		if p.Form.Environment != "" {
			names = []string{p.Form.Environment}
		}
	}
	for _, n := range names {
		p.Places = append(p.Places, choice{n, n})
	}
	p.Respond = len(p.Places) > 0
	return c.render(w, r, status, "Silences", "/incidents", silencesView(p))
}

func (c *Console) putSilence(w http.ResponseWriter, r *http.Request) error {
	get := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	p := silencesPage{Form: silenceForm{Matchers: get("matchers"), Environment: get("environment"), Begins: get("begins"), Lasts: get("lasts"), Reason: get("reason")}}
	if get("do") == "preview" {
		c.preview(r, &p)
		return c.showSilences(w, r, http.StatusOK, p)
	}
	now := c.opt.Now()
	x, err := p.Form.read(c.opt.Tenant, now)
	if err == nil {
		_, err = c.Routing.PutSilence(r.Context(), c.actor(r), x, now)
	}
	var bad badRequest
	switch {
	case errors.As(err, &bad), errors.Is(err, respond.ErrInvalid):
		p.Problem = formProblem(err)
		return c.showSilences(w, r, http.StatusUnprocessableEntity, p)
	case err != nil:
		return err
	}
	http.Redirect(w, r, "/silences", http.StatusSeeOther)
	return nil
}

func (c *Console) expireSilence(w http.ResponseWriter, r *http.Request) error {
	_, err := c.Routing.ExpireSilence(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"), c.opt.Now())
	// Somebody else may have been faster: it has ended, which is what was asked.
	if err != nil && !errors.Is(err, respond.ErrState) {
		return err
	}
	http.Redirect(w, r, "/silences", http.StatusSeeOther)
	return nil
}

func silencesSentence(live []route.Listed) string {
	holds := 0
	for _, x := range live {
		if x.State == route.Active {
			holds++
		}
	}
	come := len(live) - holds
	switch {
	case come == 0:
		return upperFirst(countOf(holds, "silence holds", "silences hold")) + ". What they take is kept and shown, and pages nobody."
	case holds == 0:
		return upperFirst(countOf(come, "silence is", "silences are")) + " to come."
	}
	return upperFirst(countOf(holds, "silence holds", "silences hold")) + ", " + number(come) + " to come."
}

func silenceMark(s route.SilenceState) string {
	switch s {
	case route.Active:
		return "accepted"
	case route.Pending:
		return "info"
	}
	return "over"
}

func silenceWord(s route.SilenceState) string {
	return map[route.SilenceState]string{route.Active: "holds", route.Pending: "to come", route.Expired: "over"}[s]
}

// told are labels that follow from others, or that change while it lasts: they
// are no part of what a silence asks for.
var told = []string{"severity", "practice", "entity_kind", "entity_name", "environment"}

// silenceURL leads to a silence of what an incident's alerts have in common;
// empty where they have nothing.
func silenceURL(alerts []respond.Standing, environment string) string {
	var common map[string]string
	for _, a := range alerts {
		if a.Fate == respond.Over {
			continue
		}
		if common == nil {
			common = map[string]string{}
			for name, value := range a.Labels {
				if value != "" && !slices.Contains(told, name) {
					common[name] = value
				}
			}
			continue
		}
		for name, value := range common {
			if a.Labels[name] != value {
				delete(common, name)
			}
		}
	}
	if len(common) == 0 {
		return ""
	}
	var m route.Matchers
	for name, value := range common {
		one, err := route.NewMatcher(name, route.Equal, value)
		if err != nil {
			return ""
		}
		m = append(m, one)
	}
	texts := m.Texts()
	slices.Sort(texts)
	return with("/silences", "matchers", strings.Join(texts, ", "), "environment", environment) + "#new"
}
