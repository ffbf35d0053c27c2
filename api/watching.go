package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/access"
)

// registerWatching registers what tells how well Evenkeel sees: what is not
// seen must not be taken for fine.
func (s *server) registerWatching(h huma.API) {
	type checksInput struct {
		One
		State string `query:"state" enum:"ok,firing,pending,unknown"`
	}
	type checks struct {
		Checks []Check `json:"checks"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/checks", "list-checks", "Watching", "List what each check says of each entity: also what is fine, and what cannot be told"),
		func(ctx context.Context, in *checksInput) (*body[checks], error) {
			tenant, environment := s.place(in.One)
			if err := access.Can(s.actor(ctx), access.Read, access.Scope{Tenant: tenant, Environment: environment}); err != nil {
				return nil, s.problem("list-checks", err)
			}
			list := []Check{}
			for _, c := range s.Checks(tenant, environment) {
				if in.State == "" || c.State == in.State {
					list = append(list, c)
				}
			}
			return answer(checks{list}), nil
		})

	type probes struct {
		Probes []Probe `json:"probes"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/probes", "list-probes", "Watching", "List the probes with their last results"),
		func(ctx context.Context, _ *struct{}) (*body[probes], error) {
			return answer(probes{append([]Probe{}, s.Probes()...)}), s.mayReadHere(ctx)
		})

	type targets struct {
		Targets []Target `json:"targets"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/targets", "list-targets", "Watching", "List the scraped exporters with their last results"),
		func(ctx context.Context, _ *struct{}) (*body[targets], error) {
			return answer(targets{append([]Target{}, s.Targets()...)}), s.mayReadHere(ctx)
		})
}

// mayReadHere checks the permission for what belongs to the environment that
// is watched from here, whichever the asker may have named.
func (s *server) mayReadHere(ctx context.Context) error {
	return s.problem("read", access.Can(s.actor(ctx), access.Read, s.here()))
}

func (s *server) here() access.Scope {
	return access.Scope{Tenant: access.DefaultTenant, Environment: s.Environment}
}
