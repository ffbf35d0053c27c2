package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/detect"
)

// registerSignals registers what is seen of each entity, and what is not.
func (s *server) registerSignals(h huma.API) {
	type signalsInput struct {
		One
		Entity  string `query:"entity" doc:"id of one entity; all by default"`
		Kind    string `query:"kind" doc:"such as service"`
		Missing bool   `query:"missing" doc:"only entities of which something is missing"`
	}
	type signals struct {
		Entities []detect.Sight `json:"entities"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/signals", "list-signals", "Watching", "List which signals each entity has, which are missing, and what would give them"),
		func(ctx context.Context, in *signalsInput) (*body[signals], error) {
			tenant, environment := s.place(in.One)
			if err := access.Can(s.actor(ctx), access.Read, access.Scope{Tenant: tenant, Environment: environment}); err != nil {
				return nil, s.problem("list-signals", err)
			}
			all, err := s.Sights(ctx, tenant, environment)
			if err != nil {
				return nil, s.problem("list-signals", err)
			}
			list := []detect.Sight{}
			for _, sight := range all {
				if (in.Entity == "" || sight.Entity == in.Entity) && (in.Kind == "" || sight.Kind == in.Kind) && (!in.Missing || len(sight.Missing) > 0) {
					list = append(list, sight)
				}
			}
			return answer(signals{list}), nil
		})
}
