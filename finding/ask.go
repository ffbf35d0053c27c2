package finding

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// List returns the findings that the actor may see.
func (s *Service) List(ctx context.Context, actor access.Actor, f Filter) (Page, error) {
	names, any, err := access.Narrow(actor, access.Read, f.Tenant, f.Environments)
	if err != nil || !any {
		return Page{}, err
	}
	f.Environments = names
	return s.store.Findings(ctx, f)
}

// Get returns a finding and its history, oldest first. What the actor may not
// see is not found.
func (s *Service) Get(ctx context.Context, actor access.Actor, tenant, id string) (Finding, []Event, error) {
	f, err := s.visible(ctx, actor, tenant, id)
	if err != nil {
		return Finding{}, nil, err
	}
	events, err := s.store.FindingEvents(ctx, tenant, id)
	if err != nil {
		return Finding{}, nil, err
	}
	return f, events, nil
}

func (s *Service) visible(ctx context.Context, actor access.Actor, tenant, id string) (Finding, error) {
	f, err := s.store.Finding(ctx, tenant, id)
	if err != nil {
		return Finding{}, err
	}
	if access.Can(actor, access.Read, access.Scope{Tenant: tenant, Environment: f.Environment}) != nil {
		return Finding{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return f, nil
}

// Acknowledge says that the actor is looking after it. The note may be empty.
func (s *Service) Acknowledge(ctx context.Context, actor access.Actor, tenant, id, note string, now time.Time) (Finding, error) {
	return s.answer(ctx, actor, tenant, id, "finding.acknowledge", now, func(f Finding) (Finding, []Event, error) {
		return Acknowledge(f, actor.Name, note, now)
	})
}

// Accept says that it may stay as it is until a date, and why.
func (s *Service) Accept(ctx context.Context, actor access.Actor, tenant, id string, until time.Time, reason string, now time.Time) (Finding, error) {
	return s.answer(ctx, actor, tenant, id, "finding.accept", now, func(f Finding) (Finding, []Event, error) {
		return Accept(f, actor.Name, until, reason, now)
	})
}

// Reopen takes an acknowledgement or an acceptance back.
func (s *Service) Reopen(ctx context.Context, actor access.Actor, tenant, id, reason string, now time.Time) (Finding, error) {
	return s.answer(ctx, actor, tenant, id, "finding.reopen", now, func(f Finding) (Finding, []Event, error) {
		return Reopen(f, actor.Name, reason, now)
	})
}

// answer applies what an actor decided, with its audit entry. What is open after
// that may be exempted. It fails with
// access.ErrForbidden, ErrNotFound, ErrInvalid or ErrState.
func (s *Service) answer(ctx context.Context, actor access.Actor, tenant, id, action string, now time.Time,
	ask func(Finding) (Finding, []Event, error)) (Finding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.visible(ctx, actor, tenant, id)
	if err != nil {
		return Finding{}, err
	}
	if err := access.Can(actor, access.Respond, access.Scope{Tenant: tenant, Environment: f.Environment}); err != nil {
		return Finding{}, err
	}
	next, events, err := ask(f)
	if err != nil {
		return Finding{}, err
	}
	asked := events[len(events)-1].Text
	next, events, _ = under(s.exemptions, next, events, true, now)
	identify(&next, events)
	entry := audit(ctx, actor, action, next, asked, now)
	batch := []Applied{{Finding: next, Events: events, Audit: entry}}
	if err := s.store.ApplyFindings(ctx, batch); err != nil {
		return Finding{}, fmt.Errorf("%s %s: %w", action, id, err)
	}
	s.applied(batch)
	return next, nil
}
