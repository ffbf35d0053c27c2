package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/route"
)

// openRoutes opens what says where alerts go. A route to a policy that there is
// none of would page by another one: that is refused now, not found out then.
func (a *App) openRoutes(ctx context.Context) error {
	plan, err := route.Compile(a.cfg.Respond.Routing)
	if err != nil {
		return fmt.Errorf("respond: %w", err)
	}
	if a.cfg.Respond.Routing.Route != nil {
		have, err := a.store.Policies(ctx, a.tenant)
		if err != nil {
			return err
		}
		for _, id := range plan.Tree.Policies() {
			if !slices.ContainsFunc(have, func(p respond.Policy) bool { return p.ID == id }) {
				return fmt.Errorf("respond.route: there is no policy %q; add it to respond.policies, or name another one in the route", id)
			}
		}
	}
	a.routes = route.NewService(a.store, plan)
	return nil
}
