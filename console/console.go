package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
)

// Options are the settings of the console.
type Options struct {
	// Actor returns who asks; nobody is the zero Actor, whom every service
	// refuses. App puts the login in front of all but the login pages, the
	// assets and the favicon.
	Actor func(context.Context) access.Actor
	// Tenant whose estate is shown; empty means the default one.
	Tenant string
	// Now is the time; nil means the clock.
	Now func() time.Time
	// Log gets what a person cannot be told.
	Log *slog.Logger
	// Provider names the OpenID provider on the login page; empty: none.
	Provider string
	// Version is shown at the foot of each page.
	Version string
}

// Console serves the pages.
type Console struct {
	Services
	opt    Options
	charts catalogue
	mux    *http.ServeMux
}

// New returns the handler of all pages and assets. It panics on missing
// services: that is a fault of the wiring, not of the world.
func New(s Services, opt Options) *Console {
	if s.Findings == nil || s.Estate == nil || s.Metrics == nil || s.Health == nil || opt.Actor == nil {
		panic("console: Findings, Estate, Metrics, Health and Actor are needed")
	}
	if opt.Tenant == "" {
		opt.Tenant = access.DefaultTenant
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	c := &Console{Services: s, opt: opt, charts: builtinCharts(), mux: http.NewServeMux()}
	c.routes()
	return c
}

func (c *Console) routes() {
	open := c.Public()
	for _, path := range publicPaths {
		c.mux.Handle("GET "+path, open)
	}
	c.page("GET /{$}", c.now)
	c.page("GET /findings", c.findings)
	c.page("GET /findings/{id}", c.finding)
	c.page("GET /findings/{id}/charts/{file}", c.findingChart)
	c.page("GET /findings/{id}/marks", c.findingMarks)
	c.page("POST /findings/{id}/acknowledge", c.acknowledge)
	c.page("POST /findings/{id}/accept", c.accept)
	c.page("POST /findings/{id}/reopen", c.reopen)
	if c.Sights != nil {
		c.page("GET /signals", c.signals)
	}
	if c.Calls != nil {
		c.page("GET /calls", c.calls)
	}
	if c.SLOs != nil {
		c.page("GET /slos", c.slos)
	}
	if c.Suggest != nil {
		c.page("GET /slos/suggestions", c.suggestions)
	}
	if c.Cases != nil {
		c.page("GET /cases", c.cases)
		c.page("GET /cases/{id}", c.caseOf)
		c.page("GET /cases/{id}/marks", c.caseMarks)
		c.page("GET /cases/{id}/charts/{file}", c.caseChart)
		c.page("POST /cases/{id}/feedback", c.judgeCase)
	}
	c.page("GET /estate", c.estate)
	c.page("GET /entities/{id}", c.entity)
	c.page("GET /entities/{id}/charts/{file}", c.entityChart)
	c.page("GET /entities/{id}/marks", c.entityMarks)
	c.page("GET /kubernetes", c.clusters)
	c.page("GET /namespaces", c.namespaces)
	c.page("GET /map", c.estateMap)
	c.page("GET /changes", c.changes)
	c.page("GET /search", c.search)
	c.page("GET /settings", c.settings)
	if c.Access != nil {
		c.page("POST /settings/tokens", c.createToken)
		c.page("POST /settings/tokens/{id}/revoke", c.revokeToken)
		c.page("POST /settings/password", c.setOwnPassword)
		c.page("POST /settings/people", c.addPerson)
		c.page("POST /settings/people/{id}/link", c.linkForPerson)
		c.page("POST /settings/people/{id}/role", c.setRole)
		c.page("POST /settings/people/{id}/lockout", c.lockOut)
		c.page("POST /settings/people/{id}/letin", c.letIn)
	}
	if c.Incidents != nil {
		c.page("GET /incidents", c.incidents)
		c.page("POST /incidents", c.declareIncident)
		c.page("GET /incidents/{id}", c.incident)
		c.page("POST /incidents/{id}/{verb}", c.answerIncident)
	}
	if c.Routing != nil {
		c.page("GET /silences", c.silences)
		c.page("POST /silences", c.putSilence)
		c.page("POST /silences/{id}/expire", c.expireSilence)
		c.page("GET /routes", c.routing)
	}
	if c.OnCall != nil {
		c.page("GET /oncall", c.onCall)
		c.page("POST /oncall/feed", c.calendarAddress)
		c.page("POST /oncall/{id}/feed", c.calendarAddress)
		c.page("POST /oncall/{id}/overrides", c.takeOver)
		c.page("POST /oncall/{id}/overrides/{override}/delete", c.takeBack)
	}
	if c.Sources != nil {
		c.page("GET /sources", c.sources)
	}
	if c.Incidents != nil && c.Evidence != nil {
		c.page("GET /incidents/{id}/charts/{file}", c.incidentChart)
		c.page("GET /incidents/{id}/marks", c.incidentMarks)
	}
	if c.Reviews != nil && c.Rules != nil {
		c.page("GET /checks", c.checkList)
		c.page("GET /checks/{id}", c.check)
	}
	if c.Reviews != nil {
		c.page("GET /lessons", c.lessons)
		c.page("GET /incidents/{id}/document", c.document)
		c.page("GET /incidents/{id}/document.md", c.documentMarkdown)
		c.page("POST /incidents/{id}/document", c.saveDocument)
	}
	if c.Simulate != nil {
		c.page("GET /simulate", c.simulate)
	}
	if c.Status != nil {
		c.page("GET /status-pages", c.statusPages)
		c.page("POST /status-pages", c.saveStatusPage)
		c.page("GET /status-pages/{slug}", c.statusPage)
		c.page("POST /status-pages/{slug}", c.saveStatusPage)
		c.page("POST /status-pages/{slug}/{verb}", c.statusVerb)
		c.page("POST /incidents/{id}/updates", c.writeUpdate)
	}
	if c.Reach != nil {
		c.page("GET /contacts", c.contacts)
		c.page("POST /contacts", c.addContact)
		c.page("POST /contacts/{id}/{verb}", c.contactVerb)
		c.page("GET /policies", c.policies)
		c.page("GET /policies/new", c.newPolicy)
		c.page("GET /policies/{id}", c.policy)
		c.page("POST /policies", c.savePolicy)
		c.page("POST /policies/{id}", c.savePolicy)
		c.page("POST /policies/{id}/delete", c.deletePolicy)
		answers := c.Answers()
		for _, path := range answerPaths {
			c.mux.Handle(path, answers)
		}
	}
	c.page("/", func(w http.ResponseWriter, r *http.Request) error { return errNoPage })
}

// errNoPage is a path that leads nowhere.
var errNoPage = errors.New("no such page")

// badRequest is a question that cannot be answered as it was put; its text is
// for the person.
type badRequest string

func (b badRequest) Error() string { return string(b) }

// page registers a handler whose error becomes an error page.
func (c *Console) page(pattern string, h func(http.ResponseWriter, *http.Request) error) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			c.fail(w, r, err)
		}
	})
}

// ServeHTTP serves a page or an asset.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mux.ServeHTTP(w, r)
}

// actor is who asks; nobody has no grants, and every service refuses them.
func (c *Console) actor(r *http.Request) access.Actor {
	return c.opt.Actor(r.Context())
}

// fail answers with an error page. What is not the asker's doing is logged in
// full and shown only as a sentence.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, title, text := http.StatusInternalServerError, "This page could not be made", "Evenkeel could not answer. Try again; if it stays so, its log says why."
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		status, title, text = http.StatusBadRequest, "That did not work", string(bad)
	case errors.Is(err, errNoPage):
		status, title, text = http.StatusNotFound, "There is no such page", "The address leads nowhere. It may have been typed wrongly."
	case errors.Is(err, finding.ErrNotFound):
		status, title, text = http.StatusNotFound, "There is no such finding", "It may be so old that it was deleted, or it is in an environment that you may not see."
	case errors.Is(err, cases.ErrNotFound):
		status, title, text = http.StatusNotFound, "There is no such case", "It may be so old that it was deleted, or it is in an environment that you may not see."
	case errors.Is(err, respond.ErrNotFound):
		status, title, text = http.StatusNotFound, "There is no such incident", "It may be so old that it was deleted, or it is in an environment that you may not see."
	case errors.Is(err, estate.ErrNotFound):
		status, title, text = http.StatusNotFound, "There is no such thing here", "Nothing with this name was seen at that time, or it is in an environment that you may not see."
	case errors.Is(err, access.ErrForbidden):
		status, title, text = http.StatusForbidden, "You may not do that", err.Error()
	case errors.Is(err, finding.ErrInvalid), errors.Is(err, finding.ErrState), errors.Is(err, finding.ErrConflict):
		status, title, text = http.StatusConflict, "That did not work", err.Error()
	case errors.Is(err, context.Canceled):
		return // nobody is there to read it
	default:
		c.opt.Log.Error("a page failed", "path", r.URL.Path, "error", err)
	}
	if err := c.render(w, r, status, title, "", errorPage(title, text)); err != nil {
		c.opt.Log.Error("the error page failed", "path", r.URL.Path, "error", err)
	}
}

// partError is the sentence shown where a part of a page could not be had.
func (c *Console) partError(r *http.Request, what string, err error) string {
	if starting, ok := errors.AsType[metric.StartingError](err); ok {
		return fmt.Sprintf("%s cannot be shown yet: %s.", what, starting)
	}
	if !errors.Is(err, context.Canceled) {
		c.opt.Log.Warn("a part of a page failed", "path", r.URL.Path, "part", what, "error", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("%s took too long to read.", what)
	}
	return fmt.Sprintf("%s could not be read.", what)
}
