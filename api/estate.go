package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/evenkeel/evenkeel/estate"
)

// EntityWithRelations is an entity and how it hangs together with others.
type EntityWithRelations struct {
	estate.Entity
	Relations []estate.Relation `json:"relations"`
	Calls     []estate.Call     `json:"calls" doc:"who it calls and who calls it, as of now: each call once, with all who tell of it; empty for a time that has passed"`
}

func (s *server) registerEstate(h huma.API) {
	type entitiesInput struct {
		Where
		Paged
		Kind []string  `query:"kind" maxItems:"50" doc:"host, disk, filesystem, interface, unit, group, listener, endpoint, certificate, ..."`
		Text string    `query:"q" maxLength:"200" doc:"part of the name, id or an attribute"`
		At   time.Time `query:"at" doc:"as of this time; default: now"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/entities", "list-entities", "Estate", "List what exists, now or at any time"),
		func(ctx context.Context, in *entitiesInput) (*body[estate.Page], error) {
			f := estate.Filter{Tenant: in.tenant(), Environments: in.Environment, Text: in.Text, At: in.At, Limit: in.Limit, Cursor: in.Cursor}
			for _, k := range in.Kind {
				f.Kinds = append(f.Kinds, estate.Kind(k))
			}
			page, err := s.Estate.Entities(ctx, s.actor(ctx), f)
			return answer(page), s.problem("list-entities", err)
		})

	type entityInput struct {
		One
		ID string    `path:"id" maxLength:"1000" doc:"as one escaped path segment, such as filesystem%3Aweb-1%3A%2Fvar"`
		At time.Time `query:"at"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/entities/{id}", "get-entity", "Estate", "One entity and its relations"),
		func(ctx context.Context, in *entityInput) (*body[EntityWithRelations], error) {
			tenant, environment := s.place(in.One)
			e, relations, err := s.Estate.Entity(ctx, s.actor(ctx), tenant, environment, in.ID, in.At)
			out := EntityWithRelations{e, relations, []estate.Call{}}
			if err == nil && in.At.IsZero() {
				var all []estate.Call
				all, err = s.Calls(ctx, tenant, environment)
				for _, c := range all {
					if c.From == in.ID || c.To == in.ID {
						out.Calls = append(out.Calls, c)
					}
				}
			}
			return answer(out), s.problem("get-entity", err)
		})

	type changesInput struct {
		Where
		Paged
		Entity string    `query:"entity" maxLength:"1000"`
		Kind   string    `query:"kind" maxLength:"80"`
		From   time.Time `query:"from"`
		To     time.Time `query:"to"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/changes", "list-changes", "Estate", "List what changed, newest first"),
		func(ctx context.Context, in *changesInput) (*body[estate.ChangePage], error) {
			page, err := s.Estate.Changes(ctx, s.actor(ctx), estate.ChangeFilter{Tenant: in.tenant(), Environments: in.Environment,
				Entity: in.Entity, Kind: in.Kind, From: in.From, To: in.To, Limit: in.Limit, Cursor: in.Cursor})
			return answer(page), s.problem("list-changes", err)
		})

	type environmentsInput struct {
		Tenant string `query:"tenant" maxLength:"80"`
	}
	type environments struct {
		Environments []estate.EnvironmentSummary `json:"environments"`
	}
	huma.Register(h, op(http.MethodGet, "/api/v1/environments", "list-environments", "Estate", "List the environments that are watched"),
		func(ctx context.Context, in *environmentsInput) (*body[environments], error) {
			list, err := s.Estate.Environments(ctx, s.actor(ctx), Where{Tenant: in.Tenant}.tenant())
			return answer(environments{list}), s.problem("list-environments", err)
		})
}
