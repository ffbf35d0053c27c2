package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/respond/intake"
)

func (s *server) registerSources(h huma.API) {
	type sources struct {
		Sources []intake.Source `json:"sources"`
	}
	type input struct {
		Tenant string `query:"tenant" maxLength:"80"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/sources", "list-sources", "Incidents", "List who sends alerts, and what must give a sign of life: what is not known to be there first"),
		func(ctx context.Context, in *input) (*body[sources], error) {
			list, err := s.Sources.Sources(s.actor(ctx), Where{Tenant: in.Tenant}.tenant(), time.Now())
			return answer(sources{list}), s.problem("list-sources", err)
		})
}
