package app

import (
	"context"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
)

// sights is what is seen of each entity of the environment that is watched from
// here, with the services that the estate knows and no figures tell of: those
// of objectives, declared edges and other sources.
func (a *App) sights(ctx context.Context, tenant, environment string) ([]detect.Sight, error) {
	if tenant != a.tenant || environment != a.cfg.Environment {
		return nil, nil
	}
	out := a.engine.Sights(tenant, environment)
	services, err := a.estate.Entities(ctx, access.Evenkeel(tenant), estate.Filter{Tenant: tenant, Environments: []string{environment}, Kinds: []estate.Kind{estate.KindService}, Limit: 200})
	if err != nil {
		return nil, err
	}
	for _, e := range services.Entities {
		if slices.ContainsFunc(out, func(s detect.Sight) bool { return s.Entity == e.ID }) {
			continue
		}
		if s, ok := a.catalogue.Unseen(e.ID, e.Kind, e.Name); ok {
			out = append(out, s)
		}
	}
	return out, nil
}

// consoleSights are the same for the pages.
func (a *App) consoleSights(ctx context.Context) ([]detect.Sight, error) {
	return a.sights(ctx, a.tenant, a.cfg.Environment)
}

// suggest says what could be promised of services and routes that have no
// objective.
func (a *App) suggest(ctx context.Context) ([]slo.Suggestion, int, error) {
	return a.advisor.Suggest(ctx, a.engine.Countables(a.tenant, a.cfg.Environment), time.Now())
}
