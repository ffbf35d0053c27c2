package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// findingsPage is the list of findings with what narrows it.
type findingsPage struct {
	State, Severity, Text, Entity, Host, Check string
	Page                                       finding.Page
	Next                                       string // address of the next page
	Filtered                                   bool
	Promises                                   bool // there are objectives
	Records                                    bool // it is known how checks have done
	Cases                                      bool // cases are made of findings
	Asked                                      time.Time
}

// stateChoices are the states that a person can list, the usual one first.
var stateChoices = []struct{ Value, Title string }{
	{"", "Current"}, {"open", "Open"}, {"acknowledged", "Looked after"}, {"accepted", "Accepted"},
	{"unknown", "Cannot be seen"}, {"resolved", "Resolved"}, {"all", "All"},
}

var stateFilter = map[string][]finding.State{
	"":    {finding.Open, finding.Acknowledged, finding.Accepted, finding.Unknown},
	"all": nil, "open": {finding.Open}, "acknowledged": {finding.Acknowledged}, "accepted": {finding.Accepted},
	"unknown": {finding.Unknown}, "resolved": {finding.Resolved},
}

func (c *Console) findings(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	p := findingsPage{State: q.Get("state"), Severity: q.Get("severity"), Text: q.Get("q"), Entity: q.Get("entity"), Host: q.Get("host"), Check: q.Get("check"), Asked: c.opt.Now(), Promises: c.SLOs != nil && len(c.SLOs()) > 0, Cases: c.Cases != nil, Records: c.Reviews != nil && c.Rules != nil}
	states, known := stateFilter[p.State]
	if !known {
		return badRequest("There is no such state of a finding. Choose one from the list.")
	}
	f := finding.Filter{Tenant: c.opt.Tenant, States: states, Text: p.Text, Entity: p.Entity, Host: p.Host, Check: p.Check, Limit: 50, Cursor: q.Get("after")}
	if p.Severity != "" {
		s, err := finding.ParseSeverity(p.Severity)
		if err != nil {
			return badRequest("There is no such urgency. Choose one from the list.")
		}
		f.MinSeverity = s
	}
	var err error
	if p.Page, err = c.Findings.List(r.Context(), c.actor(r), f); err != nil {
		return err
	}
	p.Filtered = p.State != "" || p.Severity != "" || p.Text != "" || p.Entity != "" || p.Host != "" || p.Check != ""
	if p.Page.Next != "" {
		q.Set("after", p.Page.Next)
		p.Next = "/findings?" + q.Encode()
	}
	return c.render(w, r, http.StatusOK, "Findings", "/findings", findingsView(p))
}

// allFindings lists what was ever found about an entity; of a host, also on it.
func allFindings(e estate.Entity) string {
	if e.Kind == estate.Host {
		return with("/findings", "state", "all", "host", subjectOf(e.ID).host)
	}
	return with("/findings", "state", "all", "entity", e.ID)
}

// findingURL is a finding's page.
func findingURL(id string) string { return "/findings/" + url.PathEscape(id) }
