package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/respond"
)

// registerHands registers who does what in an incident: roles and tasks.
func (s *server) registerHands(h huma.API) {
	type giveRole struct {
		IncidentInput
		Role string `path:"role" enum:"commander,communications,scribe"`
		Body struct {
			Person string `json:"person,omitempty" maxLength:"100" doc:"login name or id of the person; empty for nobody"`
			Note   string `json:"note,omitempty" maxLength:"2000"`
		}
	}
	huma.Register(h, op(http.MethodPut, "/api/v1/incidents/{id}/roles/{role}", "give-incident-role", "Incidents", "Give a role to a person, who is told where they are not who asks"),
		func(ctx context.Context, in *giveRole) (*body[respond.Incident], error) {
			tenant := Where{Tenant: in.Tenant}.tenant()
			to, err := s.person(ctx, "give-incident-role", tenant, "body.person", in.Body.Person)
			if err != nil {
				return nil, err
			}
			i, err := s.Incidents.GiveRole(ctx, s.actor(ctx), tenant, in.ID, respond.Role(in.Role), to, in.Body.Note, time.Now())
			return s.incidentAnswer("give-incident-role", i, err)
		})

	type addTask struct {
		IncidentInput
		Body struct {
			Text  string    `json:"text" minLength:"2" maxLength:"500" doc:"what is to be done, in one line"`
			Owner string    `json:"owner,omitempty" maxLength:"100" doc:"login name or id of who does it; empty: nobody yet"`
			Due   time.Time `json:"due,omitempty" doc:"until when; at most 90 days ahead"`
		}
	}
	added := op(http.MethodPost, "/api/v1/incidents/{id}/tasks", "add-task", "Incidents", "Add a task; its owner is told where they are not who asks")
	added.DefaultStatus = http.StatusCreated
	huma.Register(h, added, func(ctx context.Context, in *addTask) (*body[respond.Task], error) {
		tenant := Where{Tenant: in.Tenant}.tenant()
		owner, err := s.person(ctx, "add-task", tenant, "body.owner", in.Body.Owner)
		if err != nil {
			return nil, err
		}
		k, err := s.Incidents.AddTask(ctx, s.actor(ctx), tenant, in.ID, respond.NewTask{Text: in.Body.Text, Owner: owner, DueAt: in.Body.Due}, time.Now())
		return answer(k), s.problem("add-task", err)
	})

	type changeTask struct {
		IncidentInput
		Task string `path:"task" maxLength:"100"`
		Body struct {
			Done  *bool   `json:"done,omitempty"`
			Owner *string `json:"owner,omitempty" maxLength:"100" doc:"login name or id of who does it now; empty for nobody"`
		}
	}
	huma.Register(h, op(http.MethodPatch, "/api/v1/incidents/{id}/tasks/{task}", "change-task", "Incidents", "Say that a task is done, or not after all, or give it to somebody"),
		func(ctx context.Context, in *changeTask) (*body[respond.Task], error) {
			tenant, c := Where{Tenant: in.Tenant}.tenant(), respond.TaskChange{Done: in.Body.Done}
			if in.Body.Owner != nil {
				owner, err := s.person(ctx, "change-task", tenant, "body.owner", *in.Body.Owner)
				if err != nil {
					return nil, err
				}
				c.Owner = &owner
			}
			k, err := s.Incidents.ChangeTask(ctx, s.actor(ctx), tenant, in.ID, in.Task, c, time.Now())
			return answer(k), s.problem("change-task", err)
		})
}

// person is who a login name or an id of a body names; an empty one is nobody.
func (s *server) person(ctx context.Context, what, tenant, place, name string) (respond.By, error) {
	if name == "" {
		return respond.By{}, nil
	}
	names, err := s.Access.Names(ctx, s.actor(ctx), tenant)
	if err != nil {
		return respond.By{}, s.problem(what, err)
	}
	if names[name] != "" {
		return respond.By{ID: name, Name: names[name]}, nil
	}
	for id, n := range names {
		if n == name {
			return respond.By{ID: id, Name: n}, nil
		}
	}
	return respond.By{}, huma.Error422UnprocessableEntity("there is no such person", &huma.ErrorDetail{Location: place, Value: name, Message: "give a login name, or an id from GET /api/v1/users"})
}

// IncidentStory is an incident with all that happened.
type IncidentStory struct {
	respond.Story
	People map[string]string `json:"people" doc:"login names of the people whom it names by id"`
}

// story adds the names of those whom an incident names.
func (s *server) story(ctx context.Context, tenant string, st respond.Story) (IncidentStory, error) {
	names, err := s.Access.Names(ctx, s.actor(ctx), tenant)
	if err != nil {
		return IncidentStory{}, err
	}
	out := IncidentStory{Story: st, People: map[string]string{}}
	add := func(id string) {
		if names[id] != "" {
			out.People[id] = names[id]
		}
	}
	add(st.Incident.Assignee)
	for _, role := range respond.AllRoles {
		add(st.Incident.Roles.Of(role))
	}
	for _, k := range st.Tasks {
		add(k.Owner)
	}
	for _, p := range st.Pages {
		add(p.Person)
	}
	return out, nil
}
