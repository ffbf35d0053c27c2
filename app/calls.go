package app

import (
	"context"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
)

// callsFor is how long calls that were fused are shown again.
const callsFor = 5 * time.Second

// fusedCalls are who calls whom by environment, as they were last fused for
// somebody who looked.
type fusedCalls struct {
	mu   sync.Mutex
	list map[string]fusedAt
}

type fusedAt struct {
	at    time.Time
	calls []estate.Call
}

// callEvidence is what is known of who calls whom: relations, and who has seen
// those that figures show.
func (a *App) callEvidence(environment string, relations []estate.Relation, now time.Time) estate.CallEvidence {
	in := estate.CallEvidence{Relations: relations, Watcher: detect.Source, Now: now}
	if environment == a.cfg.Environment {
		in.Sightings, in.Began = a.engine.Sightings(a.tenant, environment)
	}
	return in
}

// weighed are relations as cases are ranked by: each call once, by all that is
// known of it.
func (a *App) weighed(environment string, relations []estate.Relation, now time.Time) []estate.Relation {
	return estate.Weigh(relations, estate.Fuse(a.callEvidence(environment, relations, now)))
}

// calls is who calls whom in an environment, with who says so.
func (a *App) calls(ctx context.Context, tenant, environment string) ([]estate.Call, error) {
	if tenant != a.tenant {
		return nil, nil
	}
	a.fused.mu.Lock()
	defer a.fused.mu.Unlock()
	now := time.Now()
	if had, ok := a.fused.list[environment]; ok && now.Sub(had.at).Abs() < callsFor {
		return had.calls, nil
	}
	relations, err := a.store.Graph(ctx, tenant, environment, time.Time{}, estate.Calls)
	if err != nil {
		return nil, err
	}
	calls := estate.Fuse(a.callEvidence(environment, relations, now))
	if a.fused.list == nil {
		a.fused.list = map[string]fusedAt{}
	}
	a.fused.list[environment] = fusedAt{now, calls}
	return calls, nil
}

// consoleCalls are the same for the pages.
func (a *App) consoleCalls(ctx context.Context, environment string) ([]estate.Call, error) {
	return a.calls(ctx, a.tenant, environment)
}

// endCalls takes calls out of the estate that nobody has told of for long.
func (a *App) endCalls(ctx context.Context, now time.Time) error {
	relations, err := a.store.Graph(ctx, a.tenant, a.cfg.Environment, time.Time{}, estate.Calls)
	if err != nil {
		return err
	}
	ended := a.callEvidence(a.cfg.Environment, relations, now).Lapsed()
	if len(ended) == 0 {
		return nil
	}
	return a.estate.Observe(ctx, estate.Observation{Tenant: a.tenant, Environment: a.cfg.Environment, Source: detect.Source, At: now, Ended: ended})
}
