package respond

import (
	"context"
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// Summon opens an incident by hand and tells one person of it at once. Where
// they do not take it up, or cannot be told, its policy goes on from its first
// step.
func (s *Service) Summon(ctx context.Context, actor access.Actor, d Declaration, to By, now time.Time) (Incident, error) {
	if err := access.Can(actor, access.Respond, access.Scope{Tenant: d.Tenant, Environment: d.Environment}); err != nil {
		return Incident{}, err
	}
	if to.ID == "" {
		return Incident{}, fmt.Errorf("%w: name the person to page", ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out Incident
	err := again(func() error {
		number, err := s.number(ctx, d.Tenant)
		if err != nil {
			return err
		}
		t, err := declare(newID(), number+1, d, by(actor), now)
		if err != nil {
			return err
		}
		all, err := s.facts(ctx, d.Tenant, []Incident{t.Incident}, now)
		if err != nil {
			return err
		}
		t.summon(all[0], by(actor), to)
		out, err = s.applyTurns(ctx, actor, "incident.page", now, Batch{}, t)
		if err == nil {
			s.numbers[d.Tenant] = number + 1
		}
		return err
	})
	return out, err
}

// summon tells one person of an incident that was just declared.
func (t *turn) summon(f Facts, by, to By) {
	t.Incident.Assignee, t.Incident.WakeAt = to.ID, t.now.Add(reassignWait)
	if !t.page(f, Recipient{Kind: ToPerson, ID: to.ID}, to.ID, fmt.Sprintf("%s pages %s by hand.", by.Name, to.Name)) {
		t.Incident.WakeAt = t.now
	}
}
