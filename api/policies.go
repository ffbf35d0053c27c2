package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// Policy says who is told of an incident, in which order.
type Policy struct {
	ID string `json:"id"`
	PolicyFields
	Configured bool     `json:"configured,omitempty" doc:"it comes from the configuration file and is changed there"`
	Problems   []string `json:"problems" doc:"what would go wrong with a page now"`
	UsedBy     []string `json:"usedBy"`
}

// PolicyFields are what is set of a policy.
type PolicyFields struct {
	Name       string              `json:"name,omitempty" maxLength:"80" doc:"default: the id"`
	Steps      []PolicyStep        `json:"steps" minItems:"1" maxItems:"20"`
	Rounds     int                 `json:"rounds" minimum:"1" maximum:"10" doc:"how often the steps are gone through"`
	LastResort []respond.Recipient `json:"lastResort,omitempty" maxItems:"50" doc:"told when all rounds are over, and every hour after that"`
	Revision   int64               `json:"revision,omitempty" doc:"the one that was read; 0 for a new policy"`
	Hours      string              `json:"hours,omitempty" maxLength:"100" doc:"the schedule during whose hours incidents of low urgency page"`
}

// PolicyStep tells its recipients, then waits.
type PolicyStep struct {
	Notify []respond.Recipient `json:"notify" minItems:"1" maxItems:"50"`
	Wait   int                 `json:"waitMinutes" minimum:"1" maximum:"1440" doc:"how long they have to take it up before the next step"`
}

func policyOf(r reach.Rule) Policy {
	p := Policy{ID: r.ID, PolicyFields: PolicyFields{Name: r.Name, Rounds: r.Rounds, LastResort: r.LastResort, Hours: r.Hours, Revision: r.Revision, Steps: []PolicyStep{}},
		Configured: r.Configured, Problems: append([]string{}, r.Problems...), UsedBy: append([]string{}, r.UsedBy...)}
	for _, s := range r.Steps {
		p.Steps = append(p.Steps, PolicyStep{Notify: s.Notify, Wait: int(s.Wait / time.Minute)})
	}
	return p
}

func (s *server) registerPolicies(h huma.API) {
	type policies struct {
		Policies []Policy `json:"policies"`
	}
	type list struct {
		Tenant string `query:"tenant" maxLength:"80"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/policies", "list-policies", "Policies", "List escalation policies, with what would go wrong and where they are used"),
		func(ctx context.Context, in *list) (*body[policies], error) {
			rules, err := s.Reach.Policies(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant())
			out := policies{[]Policy{}}
			for _, r := range rules {
				out.Policies = append(out.Policies, policyOf(r))
			}
			return answer(out), s.problem("list-policies", err)
		})

	huma.Register(h, op(http.MethodGet, "/api/v1/policies/{id}", "get-policy", "Policies", "One escalation policy"),
		func(ctx context.Context, in *ContactInput) (*body[Policy], error) {
			r, err := s.Reach.Policy(ctx, s.actor(ctx), in.tenant(), in.ID)
			return answer(policyOf(r)), s.problem("get-policy", err)
		})

	type save struct {
		ContactInput
		Body PolicyFields
	}
	huma.Register(h, op(http.MethodPut, "/api/v1/policies/{id}", "save-policy", "Policies", "Make an escalation policy, or change it as a whole"),
		func(ctx context.Context, in *save) (*body[Policy], error) {
			p := respond.Policy{ID: in.ID, Tenant: in.tenant(), Name: in.Body.Name, Rounds: in.Body.Rounds, LastResort: in.Body.LastResort, Hours: in.Body.Hours, Revision: in.Body.Revision}
			for _, step := range in.Body.Steps {
				p.Steps = append(p.Steps, respond.Step{Notify: step.Notify, Wait: time.Duration(step.Wait) * time.Minute})
			}
			r, err := s.Reach.SavePolicy(ctx, s.actor(ctx), p, time.Now())
			return answer(policyOf(r)), s.problem("save-policy", err)
		})

	remove := op(http.MethodDelete, "/api/v1/policies/{id}", "delete-policy", "Policies", "Delete an escalation policy that is used nowhere")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(h, remove, func(ctx context.Context, in *ContactInput) (*struct{}, error) {
		return nil, s.problem("delete-policy", s.Reach.DeletePolicy(ctx, s.actor(ctx), in.tenant(), in.ID, time.Now()))
	})
}
