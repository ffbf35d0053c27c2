package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

type incidentsInput struct {
	Where
	Paged
	State    []string `query:"state" maxItems:"4" enum:"triggered,acknowledged,snoozed,resolved"`
	Severity string   `query:"severity" enum:"info,warning,critical" doc:"this one or worse"`
	Assignee string   `query:"assignee" maxLength:"100" doc:"id of the person who has taken it up"`
	Number   int64    `query:"number" minimum:"1" doc:"the short name that people use"`
	Text     string   `query:"q" maxLength:"200" doc:"part of the title"`
}

// IncidentInput names an incident.
type IncidentInput struct {
	ID     string `path:"id" maxLength:"100"`
	Tenant string `query:"tenant" maxLength:"80"`
}

// IncidentNote is an answer that may say why.
type IncidentNote struct {
	IncidentInput
	Body struct {
		Note string `json:"note,omitempty" maxLength:"2000"`
	}
}

func (s *server) registerIncidents(h huma.API) {
	huma.Register(h, op(http.MethodGet, "/api/v1/incidents", "list-incidents", "Incidents", "List what people respond to: what is not over first, then the worst"),
		func(ctx context.Context, in *incidentsInput) (*body[respond.IncidentPage], error) {
			f := respond.IncidentFilter{Tenant: in.tenant(), Environments: in.Environment, Assignee: in.Assignee, Number: in.Number, Text: in.Text, Limit: in.Limit, Cursor: in.Cursor}
			for _, state := range in.State {
				f.States = append(f.States, respond.State(state))
			}
			if in.Severity != "" {
				var err error
				if f.MinSeverity, err = finding.ParseSeverity(in.Severity); err != nil {
					return nil, huma.Error422UnprocessableEntity(err.Error())
				}
			}
			page, err := s.Incidents.List(ctx, s.actor(ctx), f)
			if page.Incidents == nil {
				page.Incidents = []respond.Incident{}
			}
			return answer(page), s.problem("list-incidents", err)
		})

	huma.Register(h, op(http.MethodGet, "/api/v1/incidents/{id}", "get-incident", "Incidents", "One incident with its alerts, who was told, and all that happened"),
		func(ctx context.Context, in *IncidentInput) (*body[IncidentStory], error) {
			tenant := Where{Tenant: in.Tenant}.tenant()
			st, err := s.Incidents.Get(ctx, s.actor(ctx), tenant, in.ID)
			if err != nil {
				return nil, s.problem("get-incident", err)
			}
			story, err := s.story(ctx, tenant, st)
			if err != nil {
				return nil, s.problem("get-incident", err)
			}
			return &body[IncidentStory]{ETag: incidentRevision(st.Incident), Body: story}, nil
		})

	type declare struct {
		Body struct {
			Tenant      string           `json:"tenant,omitempty" maxLength:"80"`
			Environment string           `json:"environment,omitempty" maxLength:"80"`
			Title       string           `json:"title" minLength:"3" maxLength:"1000" doc:"what users feel, in one line"`
			Severity    finding.Severity `json:"severity,omitempty" doc:"default: critical"`
			Policy      string           `json:"policy,omitempty" maxLength:"100" doc:"default: the one named default"`
			Finding     string           `json:"finding,omitempty" maxLength:"100" doc:"id of the finding that it is about; its environment counts"`
		}
	}
	declared := op(http.MethodPost, "/api/v1/incidents", "declare-incident", "Incidents", "Open an incident by hand; the people on call are told")
	declared.DefaultStatus = http.StatusCreated
	huma.Register(h, declared, func(ctx context.Context, in *declare) (*body[respond.Incident], error) {
		d := respond.Declaration{Tenant: Where{Tenant: in.Body.Tenant}.tenant(), Environment: in.Body.Environment, Title: in.Body.Title,
			Severity: in.Body.Severity, Policy: in.Body.Policy}
		if d.Severity == 0 {
			d.Severity = finding.Critical
		}
		if d.Policy == "" {
			d.Policy = respond.DefaultPolicy
		}
		if in.Body.Finding != "" {
			f, _, err := s.Findings.Get(ctx, s.actor(ctx), d.Tenant, in.Body.Finding)
			if err != nil {
				return nil, s.problem("declare-incident", err)
			}
			d.Finding, d.Environment = f.ID, f.Environment
		}
		i, err := s.Incidents.Declare(ctx, s.actor(ctx), d, time.Now())
		return s.incidentAnswer("declare-incident", i, err)
	})

	s.registerIncidentVerbs(h)
	s.registerHands(h)
}

// registerIncidentVerbs registers what a person or a program says to an
// incident that there is.
func (s *server) registerIncidentVerbs(h huma.API) {
	for _, v := range []struct {
		verb, about string
		do          func(ctx context.Context, in *IncidentNote, tenant string) (respond.Incident, error)
	}{
		{"acknowledge", "Say that you have taken it up; nobody else is paged", func(ctx context.Context, in *IncidentNote, tenant string) (respond.Incident, error) {
			return s.Incidents.Acknowledge(ctx, s.actor(ctx), tenant, in.ID, in.Body.Note, time.Now())
		}},
		{"resolve", "Say that it is over", func(ctx context.Context, in *IncidentNote, tenant string) (respond.Incident, error) {
			return s.Incidents.Resolve(ctx, s.actor(ctx), tenant, in.ID, in.Body.Note, time.Now())
		}},
		{"escalate", "Tell the next people of its policy now", func(ctx context.Context, in *IncidentNote, tenant string) (respond.Incident, error) {
			return s.Incidents.Escalate(ctx, s.actor(ctx), tenant, in.ID, in.Body.Note, time.Now())
		}},
		{"reopen", "Take a resolution or an acknowledgement back; the note says why", func(ctx context.Context, in *IncidentNote, tenant string) (respond.Incident, error) {
			return s.Incidents.Reopen(ctx, s.actor(ctx), tenant, in.ID, in.Body.Note, time.Now())
		}},
		{"note", "Write a note into its story", func(ctx context.Context, in *IncidentNote, tenant string) (respond.Incident, error) {
			return s.Incidents.Note(ctx, s.actor(ctx), tenant, in.ID, in.Body.Note, time.Now())
		}},
	} {
		id := v.verb + "-incident"
		huma.Register(h, op(http.MethodPost, "/api/v1/incidents/{id}/"+v.verb, id, "Incidents", v.about),
			func(ctx context.Context, in *IncidentNote) (*body[respond.Incident], error) {
				i, err := v.do(ctx, in, Where{Tenant: in.Tenant}.tenant())
				return s.incidentAnswer(id, i, err)
			})
	}

	type snooze struct {
		IncidentInput
		Body struct {
			Until time.Time `json:"until" doc:"when it pages again; at most 14 days ahead"`
			Note  string    `json:"note,omitempty" maxLength:"2000"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/incidents/{id}/snooze", "snooze-incident", "Incidents", "Put it off until a time, at which it pages again"),
		func(ctx context.Context, in *snooze) (*body[respond.Incident], error) {
			i, err := s.Incidents.Snooze(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID, in.Body.Until, in.Body.Note, time.Now())
			return s.incidentAnswer("snooze-incident", i, err)
		})

	type reassign struct {
		IncidentInput
		Body struct {
			To   string `json:"to" minLength:"1" maxLength:"100" doc:"login name or id of the person, who is told at once"`
			Note string `json:"note,omitempty" maxLength:"2000"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/incidents/{id}/reassign", "reassign-incident", "Incidents", "Give it to another person"),
		func(ctx context.Context, in *reassign) (*body[respond.Incident], error) {
			tenant := Where{Tenant: in.Tenant}.tenant()
			to, err := s.person(ctx, "reassign-incident", tenant, "body.to", in.Body.To)
			if err != nil {
				return nil, err
			}
			i, err := s.Incidents.Reassign(ctx, s.actor(ctx), tenant, in.ID, to, in.Body.Note, time.Now())
			return s.incidentAnswer("reassign-incident", i, err)
		})

	type merge struct {
		IncidentInput
		Body struct {
			Into string `json:"into" minLength:"1" maxLength:"100" doc:"id of the incident that it becomes part of"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/incidents/{id}/merge", "merge-incident", "Incidents", "Make it part of another incident"),
		func(ctx context.Context, in *merge) (*body[respond.Incident], error) {
			i, err := s.Incidents.Merge(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID, in.Body.Into, time.Now())
			return s.incidentAnswer("merge-incident", i, err)
		})

	type split struct {
		IncidentInput
		Body struct {
			Alerts []string `json:"alerts" minItems:"1" maxItems:"500" doc:"ids of the alerts that make a new incident"`
		}
	}
	huma.Register(h, op(http.MethodPost, "/api/v1/incidents/{id}/split", "split-incident", "Incidents", "Make a new incident of some of its alerts"),
		func(ctx context.Context, in *split) (*body[respond.Incident], error) {
			i, err := s.Incidents.Split(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID, in.Body.Alerts, time.Now())
			return s.incidentAnswer("split-incident", i, err)
		})

	type change struct {
		IncidentInput
		Body struct {
			Title    string           `json:"title,omitempty" maxLength:"1000"`
			Severity finding.Severity `json:"severity,omitempty"`
		}
	}
	huma.Register(h, op(http.MethodPatch, "/api/v1/incidents/{id}", "change-incident", "Incidents", "Change the title or the severity"),
		func(ctx context.Context, in *change) (*body[respond.Incident], error) {
			i, err := s.Incidents.Change(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID, in.Body.Title, in.Body.Severity, time.Now())
			return s.incidentAnswer("change-incident", i, err)
		})
}

func (s *server) incidentAnswer(what string, i respond.Incident, err error) (*body[respond.Incident], error) {
	if err != nil {
		return nil, s.problem(what, err)
	}
	return &body[respond.Incident]{ETag: incidentRevision(i), Body: i}, nil
}

func incidentRevision(i respond.Incident) string { return fmt.Sprintf(`"%s.%d"`, i.ID, i.Revision) }
