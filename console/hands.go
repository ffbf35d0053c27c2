package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// roleWords are how people call the roles, and what each is for.
var roleWords = map[respond.Role]struct{ Title, About string }{
	respond.Commander:      {"Commander", "decides, and keeps the whole in view"},
	respond.Communications: {"Communications", "tells those who wait"},
	respond.Scribe:         {"Scribe", "writes down what is seen and done"},
}

// taskTimes are until when a task can be due.
var taskTimes = []choice{{"", "as soon as possible"}, {"15", "in 15 minutes"}, {"60", "in an hour"}, {"240", "in 4 hours"}, {"1440", "tomorrow"}}

// severityWords are the urgencies that an incident can have.
var severityWords = []struct {
	Severity finding.Severity
	Title    string
}{{finding.Critical, "Now"}, {finding.Warning, "Soon"}, {finding.Info, "Worth knowing"}}

// storyParts are what the story of an incident can be narrowed to.
var storyParts = []choice{{"", "Everything"}, {"people", "People"}, {"pages", "Pages"}, {"alerts", "Alerts"}}

// entryPart is the part of the story that an entry belongs to.
func entryPart(e respond.Entry) string {
	switch e.Kind {
	case respond.AlertReceived, respond.AlertEnded, respond.AlertMuted, respond.AlertExplained, respond.AlertGrouped:
		return "alerts"
	case respond.PageBegun, respond.PageEnded, respond.NobodyToPage, respond.MessageQueued, respond.MessageTried, respond.MessageReceipt,
		respond.Escalated, respond.Exhausted, respond.Held, respond.Woken, respond.ClockChanged, respond.ContactGone:
		return "pages"
	case respond.Opened, respond.Finished:
		if e.By == "Evenkeel" {
			return "alerts"
		}
	}
	return "people"
}

// told are the entries that are shown, the newest first.
func (p incidentPage) told() []respond.Entry {
	return slices.DeleteFunc(newestFirst(p.Entries), func(e respond.Entry) bool { return p.Part != "" && entryPart(e) != p.Part })
}

func (p incidentPage) partURL(part string) string {
	return with(incidentURL(p.Incident.ID), "show", part) + "#happened"
}

// tasks are the incident's tasks, done or not, in the order in which they were
// added.
func (p incidentPage) tasks(done bool) []respond.Task {
	return slices.DeleteFunc(slices.Clone(p.Tasks), func(k respond.Task) bool { return k.Done() != done })
}

// stillOpen reminds who ends the incident of what is left to do; empty for
// nothing.
func (p incidentPage) stillOpen() string {
	left := p.tasks(false)
	switch len(left) {
	case 0:
		return ""
	case 1:
		return "Still to do: " + left[0].Text
	}
	return fmt.Sprintf("Still to do: %d tasks.", len(left))
}

// standing are the alerts that can be split off: those that fire, where there is
// more than one.
func (p incidentPage) standing() []respond.Standing {
	var out []respond.Standing
	for _, a := range p.Alerts {
		if a.Fate != respond.Over && slices.Contains(a.Incidents, p.Incident.ID) && len(out) < splitAtMost {
			out = append(out, a)
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

const (
	// splitAtMost is how many alerts the form for splitting shows.
	splitAtMost = 50
	// mergeAtMost is how many other incidents one can be merged into by a form.
	mergeAtMost = 50
)

// neighbours are the incidents that this one can become a part of.
func (c *Console) neighbours(r *http.Request, i respond.Incident) ([]choice, error) {
	page, err := c.Incidents.List(r.Context(), c.actor(r), respond.IncidentFilter{Tenant: i.Tenant, States: notOver, Limit: mergeAtMost})
	if err != nil {
		return nil, err
	}
	var out []choice
	for _, o := range page.Incidents {
		if o.ID != i.ID {
			out = append(out, choice{o.ID, fmt.Sprintf("#%d %s", o.Number, o.Title)})
		}
	}
	return out, nil
}

// work does what a form about severity, roles, tasks or the bounds of an
// incident asks for. To is the incident that it leads to.
func (c *Console) work(r *http.Request, verb, id string) (to string, err error) {
	ctx, actor, tenant, now := r.Context(), c.actor(r), c.opt.Tenant, c.opt.Now()
	to = incidentURL(id)
	switch verb {
	case "severity":
		var s finding.Severity
		if s, err = finding.ParseSeverity(r.PostFormValue("severity")); err != nil {
			return to, badRequest("There is no such urgency. Choose one from the list.")
		}
		_, err = c.Incidents.Change(ctx, actor, tenant, id, "", s, now)
		return to, err
	case "merge":
		var i respond.Incident
		if i, err = c.Incidents.Merge(ctx, actor, tenant, id, r.PostFormValue("into"), now); err == nil {
			to = incidentURL(i.ID)
		}
		return to, err
	case "split":
		var i respond.Incident
		if i, err = c.Incidents.Split(ctx, actor, tenant, id, r.PostForm["alert"], now); err == nil {
			to = incidentURL(i.ID)
		}
		return to, err
	}
	who, err := c.named(r, r.PostFormValue("to"))
	if err != nil {
		return to, err
	}
	to += "#hands"
	switch verb {
	case "role":
		_, err = c.Incidents.GiveRole(ctx, actor, tenant, id, respond.Role(r.PostFormValue("role")), who, "", now)
	case "task":
		n := respond.NewTask{Text: r.PostFormValue("text"), Owner: who}
		if due := r.PostFormValue("due"); due != "" {
			minutes, err := strconv.Atoi(due)
			if err != nil || minutes < 1 || minutes > 90*24*60 {
				return to, badRequest("Choose from the list until when it is to be done.")
			}
			n.DueAt = now.Add(time.Duration(minutes) * time.Minute)
		}
		_, err = c.Incidents.AddTask(ctx, actor, tenant, id, n, now)
	case "task-owner":
		_, err = c.Incidents.ChangeTask(ctx, actor, tenant, id, r.PostFormValue("task"), respond.TaskChange{Owner: &who}, now)
	case "task-done":
		done := r.PostFormValue("done") == "yes"
		_, err = c.Incidents.ChangeTask(ctx, actor, tenant, id, r.PostFormValue("task"), respond.TaskChange{Done: &done}, now)
	default:
		return to, errNoPage
	}
	return to, err
}

// named is the person whom a form names by id; an empty one is nobody.
func (c *Console) named(r *http.Request, id string) (respond.By, error) {
	if id == "" {
		return respond.By{}, nil
	}
	names, err := c.names(r)
	if err != nil {
		return respond.By{}, err
	}
	if names[id] == "" {
		return respond.By{}, badRequest("There is no such person. Choose one from the list.")
	}
	return respond.By{ID: id, Name: names[id]}, nil
}

// declaration is what a person can fill in to open an incident.
type declaration struct {
	Title    string
	Severity finding.Severity
	Finding  string // id; empty for none
	Policies []choice
}

// policyChoices are the policies that a declared incident can have, the default
// one first.
func (c *Console) policyChoices(r *http.Request) ([]choice, error) {
	if c.Reach == nil {
		return nil, nil
	}
	rules, err := c.Reach.Policies(r.Context(), c.actor(r), c.opt.Tenant)
	if err != nil {
		return nil, err
	}
	var out []choice
	for _, x := range rules {
		out = append(out, choice{x.ID, x.Name})
	}
	slices.SortStableFunc(out, func(a, b choice) int {
		first := func(c choice) int {
			if c.Value == respond.DefaultPolicy {
				return 0
			}
			return 1
		}
		return first(a) - first(b)
	})
	return out, nil
}

// declared reads the form that opens an incident.
func (c *Console) declared(r *http.Request) (respond.Declaration, error) {
	d := respond.Declaration{Tenant: c.opt.Tenant, Title: strings.TrimSpace(r.PostFormValue("title")), Policy: respond.DefaultPolicy, Severity: finding.Critical}
	if p := r.PostFormValue("policy"); p != "" {
		d.Policy = p
	}
	if s := r.PostFormValue("severity"); s != "" {
		var err error
		if d.Severity, err = finding.ParseSeverity(s); err != nil {
			return d, badRequest("There is no such urgency. Choose one from the list.")
		}
	}
	if id := r.PostFormValue("finding"); id != "" {
		f, _, err := c.Findings.Get(r.Context(), c.actor(r), c.opt.Tenant, id)
		if err != nil {
			return d, err
		}
		d.Finding, d.Environment = f.ID, f.Environment
	}
	return d, nil
}
