package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
)

// registerCalls registers who calls whom, and who says so.
func (s *server) registerCalls(h huma.API) {
	type callsInput struct {
		One
		Entity       string `query:"entity" maxLength:"1000" doc:"id of one end; all by default"`
		Contradicted bool   `query:"contradicted" doc:"only those on which sources do not agree"`
		Limit        int    `query:"limit" minimum:"1" maximum:"5000" default:"1000"`
	}
	type calls struct {
		Calls []estate.Call `json:"calls" doc:"by the ids of both ends"`
		More  int           `json:"more" doc:"calls past the limit"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/calls", "list-calls", "Estate", "List who calls whom: which sources say so, when each saw it last, how sure it is, and on what sources do not agree"),
		func(ctx context.Context, in *callsInput) (*body[calls], error) {
			tenant, environment := s.place(in.One)
			if err := access.Can(s.actor(ctx), access.Read, access.Scope{Tenant: tenant, Environment: environment}); err != nil {
				return nil, s.problem("list-calls", err)
			}
			all, err := s.Calls(ctx, tenant, environment)
			if err != nil {
				return nil, s.problem("list-calls", err)
			}
			out := calls{Calls: []estate.Call{}}
			for _, c := range all {
				switch {
				case in.Entity != "" && c.From != in.Entity && c.To != in.Entity, in.Contradicted && len(c.Contradictions) == 0:
				case len(out.Calls) == in.Limit:
					out.More++
				default:
					out.Calls = append(out.Calls, c)
				}
			}
			return answer(out), nil
		})
}
