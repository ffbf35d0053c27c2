package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/respond/evidence"
)

func (s *server) registerEvidence(h huma.API) {
	huma.Register(h, op(http.MethodGet, "/api/v1/incidents/{id}/evidence", "get-incident-evidence", "Incidents",
		"The figures that raised an incident, as they were kept: of its opening, and when it is over of the whole"),
		func(ctx context.Context, in *IncidentInput) (*body[evidence.Record], error) {
			r, err := s.Evidence.Of(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID)
			return answer(r), s.problem("get-incident-evidence", err)
		})

	huma.Register(h, op(http.MethodGet, "/api/v1/incidents/{id}/impact", "get-incident-impact", "Incidents",
		"What users felt of an incident: what went wrong, what that cost of the error budgets that were promised, and which customers its alerts name"),
		func(ctx context.Context, in *IncidentInput) (*body[impact.Impact], error) {
			m, err := s.Evidence.Impact(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID, time.Now())
			return answer(m), s.problem("get-incident-impact", err)
		})

	type changes struct {
		Changes []estate.Change `json:"changes"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/incidents/{id}/changes", "list-incident-changes", "Incidents",
		"What changed about an incident, from an hour before it began until it was over; the oldest first"),
		func(ctx context.Context, in *IncidentInput) (*body[changes], error) {
			story, err := s.Incidents.Get(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), in.ID)
			if err != nil {
				return nil, s.problem("list-incident-changes", err)
			}
			list, err := s.Reviews.Changes(ctx, s.actor(ctx), story, time.Now())
			if list == nil {
				list = []estate.Change{}
			}
			return answer(changes{list}), s.problem("list-incident-changes", err)
		})
}
