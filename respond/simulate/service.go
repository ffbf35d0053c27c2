package simulate

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// Options are what a Service works with.
type Options struct {
	// World reads what there is now.
	World func(ctx context.Context, tenant string) (World, error)
	// Draft is World with a draft over it that is written as the configuration
	// file is. What is wrong with the draft is respond.ErrInvalid.
	Draft func(ctx context.Context, tenant string, draft []byte) (World, error)
}

// MaxDraft bounds a draft, in bytes.
const MaxDraft = 256 << 10

// patience bounds how long a simulation may take.
const patience = 10 * time.Second

// Service simulates for those who may see incidents. It writes nothing.
type Service struct{ opt Options }

// NewService returns a service.
func NewService(opt Options) *Service { return &Service{opt: opt} }

// Simulate answers a question about what there is, or about a draft where one
// is given. It fails with access.ErrForbidden or respond.ErrInvalid.
func (s *Service) Simulate(ctx context.Context, actor access.Actor, ask Ask, draft []byte, now time.Time) (Trace, error) {
	if err := reads(actor, ask); err != nil {
		return Trace{}, err
	}
	if len(draft) > MaxDraft {
		return Trace{}, fmt.Errorf("%w: the draft has more than %d kB", respond.ErrInvalid, MaxDraft>>10)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var w World
	var err error
	if len(draft) > 0 {
		w, err = s.opt.Draft(ctx, ask.Tenant, draft)
	} else {
		w, err = s.opt.World(ctx, ask.Tenant)
	}
	if err != nil {
		return Trace{}, err
	}
	return Simulate(ctx, w, ask, now)
}

// reads tells whether the actor may see incidents of what is asked about.
func reads(actor access.Actor, ask Ask) error {
	names, all := access.Environments(actor, access.Read, ask.Tenant)
	if ask.Environment == "" && (all || len(names) > 0) {
		return nil
	}
	return access.Can(actor, access.Read, access.Scope{Tenant: ask.Tenant, Environment: ask.Environment})
}
