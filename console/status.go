package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/status"
)

// Status is what the pages ask of status pages; *status.Service is one.
type Status interface {
	Pages(ctx context.Context, actor access.Actor, tenant string, now time.Time) ([]status.Listed, error)
	Page(ctx context.Context, actor access.Actor, tenant, slug string, now time.Time) (status.Listed, error)
	Save(ctx context.Context, actor access.Actor, p status.Page, now time.Time) (status.Listed, error)
	Renew(ctx context.Context, actor access.Actor, tenant, slug string, now time.Time) (status.Listed, error)
	Delete(ctx context.Context, actor access.Actor, tenant, slug string, now time.Time) error
	Announce(ctx context.Context, actor access.Actor, m status.Maintenance, now time.Time) (status.Maintenance, error)
	Withdraw(ctx context.Context, actor access.Actor, tenant, slug, id string, now time.Time) error
	Updates(ctx context.Context, actor access.Actor, tenant, incident string) ([]status.Update, error)
	Write(ctx context.Context, actor access.Actor, tenant, incident string, d status.Draft, now time.Time) (status.Update, error)
}

// statusListPage is all status pages.
type statusListPage struct {
	List    []status.Listed
	Operate bool
	Problem string
	Slug    string // as it was typed
	Title   string
}

func (c *Console) statusPages(w http.ResponseWriter, r *http.Request) error {
	return c.showStatusPages(w, r, http.StatusOK, statusListPage{})
}

func (c *Console) showStatusPages(w http.ResponseWriter, r *http.Request, code int, p statusListPage) (err error) {
	if p.List, err = c.Status.Pages(r.Context(), c.actor(r), c.opt.Tenant, c.opt.Now()); err != nil {
		return err
	}
	p.Operate = c.operates(c.actor(r))
	return c.render(w, r, code, "Status pages", "/incidents", statusPagesView(p))
}

// statusOnePage is one status page as it is edited.
type statusOnePage struct {
	status.Listed
	Operate bool
	Problem string
	Asked   time.Time
}

// rows are the components with room for more.
func (p statusOnePage) rows() []status.Component {
	return append(slices.Clone(p.Components), status.Component{}, status.Component{})
}

func (p statusOnePage) stateOf(n int) status.State {
	if n < len(p.States) {
		return p.States[n]
	}
	return ""
}

func (c *Console) statusPage(w http.ResponseWriter, r *http.Request) error {
	return c.showStatusPage(w, r, http.StatusOK, "")
}

func (c *Console) showStatusPage(w http.ResponseWriter, r *http.Request, code int, problem string) error {
	now := c.opt.Now()
	l, err := c.Status.Page(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("slug"), now)
	if err != nil {
		return err
	}
	return c.render(w, r, code, l.Title, "/incidents", statusPageView(statusOnePage{Listed: l, Operate: c.operates(c.actor(r)), Problem: problem, Asked: now}))
}

// formComponents bounds what a form may name.
const formComponents = 110

// saveStatusPage makes a page of its name and title, or changes the one that
// the path names.
func (c *Console) saveStatusPage(w http.ResponseWriter, r *http.Request) error {
	now, slug := c.opt.Now(), r.PathValue("slug")
	p := status.Page{Tenant: c.opt.Tenant, Slug: slug, Title: r.PostFormValue("title"), About: r.PostFormValue("about"), Private: r.PostFormValue("private") != ""}
	if slug == "" {
		p.Slug = strings.TrimSpace(r.PostFormValue("slug"))
	} else {
		var err error
		if p.Revision, err = strconv.ParseInt(r.PostFormValue("revision"), 10, 64); err != nil {
			return badRequest("The form is not whole. Open the page again.")
		}
		for n := range formComponents {
			at := strconv.Itoa(n)
			k := status.Component{ID: r.PostFormValue("id-" + at), Name: strings.TrimSpace(r.PostFormValue("name-" + at)), Group: r.PostFormValue("group-" + at),
				About: r.PostFormValue("about-" + at), Touches: strings.Split(r.PostFormValue("touches-"+at), "\n"), Set: status.State(r.PostFormValue("set-" + at))}
			if k.Name != "" { // a component without a name is one that goes
				p.Components = append(p.Components, k)
			}
		}
	}
	_, err := c.Status.Save(r.Context(), c.actor(r), p, now)
	if why, ok := refusal(err); ok {
		if slug == "" {
			return c.showStatusPages(w, r, http.StatusUnprocessableEntity, statusListPage{Problem: why, Slug: p.Slug, Title: p.Title})
		}
		was, readErr := c.Status.Page(r.Context(), c.actor(r), c.opt.Tenant, slug, now)
		if readErr != nil {
			return readErr
		}
		was.Title, was.About, was.Private, was.Components, was.Revision = p.Title, p.About, p.Private, p.Components, p.Revision
		return c.render(w, r, http.StatusUnprocessableEntity, p.Title, "/incidents", statusPageView(statusOnePage{Listed: was, Operate: true, Problem: why, Asked: now}))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, statusURL(p.Slug), http.StatusSeeOther)
	return nil
}

func statusURL(slug string) string { return "/status-pages/" + slug }

func (c *Console) statusVerb(w http.ResponseWriter, r *http.Request) error {
	ctx, actor, slug, now := r.Context(), c.actor(r), r.PathValue("slug"), c.opt.Now()
	to := statusURL(slug)
	var err error
	switch r.PathValue("verb") {
	case "renew":
		_, err = c.Status.Renew(ctx, actor, c.opt.Tenant, slug, now)
	case "delete":
		err, to = c.Status.Delete(ctx, actor, c.opt.Tenant, slug, now), "/status-pages"
	case "withdraw":
		err = c.Status.Withdraw(ctx, actor, c.opt.Tenant, slug, r.PostFormValue("maintenance"), now)
	case "maintenance":
		m := status.Maintenance{Tenant: c.opt.Tenant, Page: slug, Title: r.PostFormValue("title"), Text: r.PostFormValue("text"), Components: r.PostForm["component"]}
		var fromErr, toErr error
		m.From, fromErr = time.Parse("2006-01-02T15:04", r.PostFormValue("from"))
		m.To, toErr = time.Parse("2006-01-02T15:04", r.PostFormValue("to"))
		if fromErr != nil || toErr != nil {
			return c.showStatusPage(w, r, http.StatusUnprocessableEntity, "Give the beginning and the end, in UTC.")
		}
		_, err = c.Status.Announce(ctx, actor, m, now)
	default:
		return errNoPage
	}
	if why, ok := refusal(err); ok {
		return c.showStatusPage(w, r, http.StatusUnprocessableEntity, why)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// stateMark is the sigil of a component's state.
func stateMark(s status.State) string {
	return map[status.State]string{status.Operational: "steady", status.Maintained: "accepted", status.Degraded: "risk", status.Partial: "soon", status.Major: "now"}[s]
}

// updatesPart is what people wrote to an incident for those who wait, and the
// form for the next one.
type updatesPart struct {
	Write      bool // the form is open
	Shown      bool
	Incident   string
	List       []status.Update // the newest first
	Components []choice
	Respond    bool
	Problem    string
	Phase      status.Phase
	Text       string
	Title      string
	Public     bool
	Asked      time.Time
}

// updates reads that part; nothing is shown where there is no service.
func (c *Console) updates(r *http.Request, i respond.Incident) (p updatesPart, err error) {
	if c.Status == nil {
		return p, nil
	}
	p = updatesPart{Shown: true, Incident: i.ID, Asked: c.opt.Now(), Phase: status.Investigating}
	p.Respond = access.Can(c.actor(r), access.Respond, access.Scope{Tenant: i.Tenant, Environment: i.Environment}) == nil
	if p.List, err = c.Status.Updates(r.Context(), c.actor(r), i.Tenant, i.ID); err != nil {
		return p, err
	}
	slices.Reverse(p.List)
	pages, err := c.Status.Pages(r.Context(), c.actor(r), i.Tenant, p.Asked)
	if err != nil {
		return p, err
	}
	name := ""
	for _, l := range pages {
		for _, k := range l.Components {
			id := l.Slug + "/" + k.ID
			p.Components = append(p.Components, choice{id, l.Title + ": " + k.Name})
			if name == "" && len(p.List) > 0 && slices.Contains(p.List[0].Components, id) {
				name = k.Name
			}
		}
	}
	if len(p.List) > 0 {
		last := p.List[0]
		p.Phase, p.Title, p.Public = last.Phase, last.Title, last.Public
		if n := slices.Index(status.Phases, p.Phase); n >= 0 && n+1 < len(status.Phases) {
			p.Phase = status.Phases[n+1]
		}
	}
	p.Text = status.Fill(status.Templates[p.Phase], p.Title, name, i.OpenedAt)
	if problem, ok := r.Context().Value(refusedKey{}).(updateRefused); ok {
		p.Problem, p.Phase, p.Text, p.Title, p.Public = problem.why, problem.draft.Phase, problem.draft.Text, problem.draft.Title, problem.draft.Public
	}
	return p, nil
}

// updateRefused carries what was typed back to the incident's page.
type updateRefused struct {
	why   string
	draft *status.Draft
}

// refusedKey is where a request has it.
type refusedKey struct{}

// nextUpdates are for when the next one can be promised.
var nextUpdates = []choice{{"0", "without a promise"}, {"15", "in 15 minutes"}, {"30", "in 30 minutes"}, {"60", "in an hour"}, {"240", "in 4 hours"}, {"1440", "tomorrow"}}

// impacts are what readers can be told.
var impacts = []choice{{"", "as urgent as the incident"}, {string(status.Operational), "nothing"}, {string(status.Degraded), "it is slower or limited"}, {string(status.Partial), "it fails for some"}, {string(status.Major), "it is out of order"}}

func (c *Console) writeUpdate(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	minutes, err := strconv.Atoi(r.PostFormValue("next"))
	if err != nil {
		minutes = 0
	}
	d := status.Draft{Phase: status.Phase(r.PostFormValue("phase")), Text: r.PostFormValue("text"), Next: time.Duration(min(max(minutes, 0), 10080)) * time.Minute,
		Public: r.PostFormValue("public") != "", Title: r.PostFormValue("title"), Impact: status.State(r.PostFormValue("impact")), Components: r.PostForm["component"]}
	_, err = c.Status.Write(r.Context(), c.actor(r), c.opt.Tenant, id, d, c.opt.Now())
	if why, ok := refusal(err); ok {
		again := r.WithContext(context.WithValue(r.Context(), refusedKey{}, updateRefused{why, &d}))
		return c.showIncident(w, again, http.StatusUnprocessableEntity, "", "")
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, incidentURL(id)+"#updates", http.StatusSeeOther)
	return nil
}

func updateReach(u status.Update) string {
	if !u.Public {
		return "for us alone"
	}
	return fmt.Sprintf("for everybody, as “%s”", u.Title)
}
