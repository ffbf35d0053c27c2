package estate

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// MaxPart bounds the entities of one Part.
const MaxPart = 100_000

// Part names a part of one environment that is read whole, at once and not by
// pages: what a page shows beside each other.
type Part struct {
	Tenant      string // required
	Environment string // required
	// Around narrows it to what a relation joins with one of these entities,
	// in either direction; empty takes the whole environment.
	Around []string
	Kinds  []Kind    // required
	At     time.Time // as of this time; zero for now
}

// Part returns the entities of a part by kind, name and id; none where the
// actor may not read the environment. More than MaxPart are refused with
// ErrInvalid.
func (s *Service) Part(ctx context.Context, actor access.Actor, p Part) ([]Entity, error) {
	if p.Environment == "" || len(p.Kinds) == 0 {
		return nil, fmt.Errorf("%w: a part needs an environment and kinds", ErrInvalid)
	}
	if access.Can(actor, access.Read, access.Scope{Tenant: p.Tenant, Environment: p.Environment}) != nil {
		return nil, nil
	}
	return s.store.Part(ctx, p)
}

// Graph returns the relations of some kinds in an environment, as of a time
// (zero: now); none where the actor may not read it. What several sources tell
// of is there as often.
func (s *Service) Graph(ctx context.Context, actor access.Actor, tenant, environment string, at time.Time, kinds ...RelationKind) ([]Relation, error) {
	if environment == "" || len(kinds) == 0 {
		return nil, fmt.Errorf("%w: a graph needs an environment and kinds", ErrInvalid)
	}
	if access.Can(actor, access.Read, access.Scope{Tenant: tenant, Environment: environment}) != nil {
		return nil, nil
	}
	return s.store.Graph(ctx, tenant, environment, at, kinds...)
}
