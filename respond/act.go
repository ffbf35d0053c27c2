package respond

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
)

// Acknowledge says that the actor has taken it up. The note may be empty. Like
// all that follow it fails with access.ErrForbidden, ErrNotFound, ErrInvalid or
// ErrState.
func (s *Service) Acknowledge(ctx context.Context, actor access.Actor, tenant, id, note string, now time.Time) (Incident, error) {
	return s.act(ctx, actor, tenant, id, "incident.acknowledge", now, func(t *turn, f Facts) error {
		return t.acknowledge(f, by(actor), note)
	})
}

// Reassign gives it to another person, who is told at once.
func (s *Service) Reassign(ctx context.Context, actor access.Actor, tenant, id string, to By, note string, now time.Time) (Incident, error) {
	return s.act(ctx, actor, tenant, id, "incident.reassign", now, func(t *turn, f Facts) error {
		return t.reassign(f, by(actor), to, note)
	})
}

// Snooze puts it off until a time.
func (s *Service) Snooze(ctx context.Context, actor access.Actor, tenant, id string, until time.Time, note string, now time.Time) (Incident, error) {
	return s.act(ctx, actor, tenant, id, "incident.snooze", now, func(t *turn, f Facts) error {
		return t.snooze(f, by(actor), until, note)
	})
}

// Resolve says that it is over.
func (s *Service) Resolve(ctx context.Context, actor access.Actor, tenant, id, note string, now time.Time) (Incident, error) {
	return s.act(ctx, actor, tenant, id, "incident.resolve", now, func(t *turn, f Facts) error {
		tasks, err := s.store.TasksOf(ctx, tenant, id)
		if err != nil {
			return err
		}
		if err := t.resolve(f, by(actor), note); err != nil {
			return err
		}
		t.unfinished(tasks)
		return nil
	})
}

// Reopen takes a resolution or an acknowledgement back.
func (s *Service) Reopen(ctx context.Context, actor access.Actor, tenant, id, reason string, now time.Time) (Incident, error) {
	return s.act(ctx, actor, tenant, id, "incident.reopen", now, func(t *turn, f Facts) error {
		return t.reopen(f, by(actor), reason)
	})
}

// Escalate takes the next step now.
func (s *Service) Escalate(ctx context.Context, actor access.Actor, tenant, id, note string, now time.Time) (Incident, error) {
	return s.act(ctx, actor, tenant, id, "incident.escalate", now, func(t *turn, f Facts) error {
		return t.hasten(f, by(actor), note)
	})
}

// Note writes down what the actor has to say.
func (s *Service) Note(ctx context.Context, actor access.Actor, tenant, id, text string, now time.Time) (Incident, error) {
	return s.act(ctx, actor, tenant, id, "incident.note", now, func(t *turn, _ Facts) error {
		return t.remark(by(actor), text)
	})
}

// Change sets the title and the severity, where they are not zero.
func (s *Service) Change(ctx context.Context, actor access.Actor, tenant, id, title string, severity finding.Severity, now time.Time) (Incident, error) {
	return s.act(ctx, actor, tenant, id, "incident.change", now, func(t *turn, _ Facts) error {
		return t.change(by(actor), title, severity)
	})
}

// Declare opens an incident by hand.
func (s *Service) Declare(ctx context.Context, actor access.Actor, d Declaration, now time.Time) (Incident, error) {
	if err := access.Can(actor, access.Respond, access.Scope{Tenant: d.Tenant, Environment: d.Environment}); err != nil {
		return Incident{}, err
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
		out, err = s.applyTurns(ctx, actor, "incident.declare", now, Batch{}, t)
		if err == nil {
			s.numbers[d.Tenant] = number + 1
		}
		return err
	})
	return out, err
}

// Merge makes an incident part of another one.
func (s *Service) Merge(ctx context.Context, actor access.Actor, tenant, from, into string, now time.Time) (Incident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out Incident
	err := again(func() error {
		a, err := s.ready(ctx, actor, tenant, from, now)
		if err != nil {
			return err
		}
		b, err := s.ready(ctx, actor, tenant, into, now)
		if err != nil {
			return err
		}
		alerts, err := s.alertsToMove(ctx, a.Incident)
		if err != nil {
			return err
		}
		tasks, err := s.store.TasksOf(ctx, tenant, from)
		if err != nil {
			return err
		}
		ta, tb := begin(a.Incident, now), begin(b.Incident, now)
		alerts, err = merge(ta, tb, a, alerts, by(actor))
		if err != nil {
			return err
		}
		carry(ta, tb, tasks, by(actor))
		out, err = s.applyTurns(ctx, actor, "incident.merge", now, moved(alerts, into, now), tb, ta)
		return err
	})
	return out, err
}

// Split moves alerts, named by their ids, into an incident of their own, and
// returns that.
func (s *Service) Split(ctx context.Context, actor access.Actor, tenant, from string, alerts []string, now time.Time) (Incident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out Incident
	err := again(func() error {
		f, err := s.ready(ctx, actor, tenant, from, now)
		if err != nil {
			return err
		}
		if len(alerts) > maxMoved {
			return fmt.Errorf("%w: %d alerts at once at most", ErrInvalid, maxMoved)
		}
		list, err := s.store.AlertsByID(ctx, alerts)
		if err != nil {
			return err
		}
		number, err := s.number(ctx, tenant)
		if err != nil {
			return err
		}
		t := begin(f.Incident, now)
		to, list, err := split(t, newID(), number+1, list, by(actor))
		if err != nil {
			return err
		}
		out, err = s.applyTurns(ctx, actor, "incident.split", now, moved(list, to.Incident.ID, now), to, t)
		if err == nil {
			s.numbers[tenant] = number + 1
		}
		return err
	})
	return out, err
}

func moved(alerts []Standing, into string, now time.Time) (b Batch) {
	b.Alerts = alerts
	for _, st := range alerts {
		b.Joins = append(b.Joins, Join{Tenant: st.Tenant, Incident: into, Alert: st.ID, At: now})
	}
	return b
}

func (s *Service) alertsToMove(ctx context.Context, i Incident) ([]Standing, error) {
	list, err := s.store.IncidentAlerts(ctx, i.Tenant, i.ID, false, maxMoved+1)
	if err != nil {
		return nil, err
	}
	if len(list) > maxMoved {
		return nil, fmt.Errorf("%w: incident %d has more than %d alerts; merge the other one into it", ErrInvalid, i.Number, maxMoved)
	}
	// Some have gone to other incidents since.
	return slices.DeleteFunc(list, func(st Standing) bool { return !slices.Contains(st.Incidents, i.ID) }), nil
}

func by(a access.Actor) By {
	if a.Kind == access.Person {
		return By{ID: a.ID, Name: a.Name}
	}
	return By{Name: a.Name}
}

// ready reads an incident that the actor may respond to, with all that is to be
// known. What the actor may not see is not found.
func (s *Service) ready(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (Facts, error) {
	i, err := s.visible(ctx, actor, tenant, id)
	if err != nil {
		return Facts{}, err
	}
	if err := access.Can(actor, access.Respond, access.Scope{Tenant: tenant, Environment: i.Environment}); err != nil {
		return Facts{}, err
	}
	all, err := s.facts(ctx, tenant, []Incident{i}, now)
	if err != nil {
		return Facts{}, err
	}
	return all[0], nil
}

func (s *Service) visible(ctx context.Context, actor access.Actor, tenant, id string) (Incident, error) {
	i, err := s.store.Incident(ctx, tenant, id)
	if err != nil {
		return Incident{}, err
	}
	if access.Can(actor, access.Read, access.Scope{Tenant: tenant, Environment: i.Environment}) != nil {
		return Incident{}, fmt.Errorf("%w: incident %s", ErrNotFound, id)
	}
	return i, nil
}

// act does one thing to one incident, with its audit entry.
func (s *Service) act(ctx context.Context, actor access.Actor, tenant, id, action string, now time.Time,
	do func(*turn, Facts) error) (Incident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out Incident
	err := again(func() error {
		f, err := s.ready(ctx, actor, tenant, id, now)
		if err != nil {
			return err
		}
		t := begin(f.Incident, now)
		if err := do(t, f); err != nil {
			return err
		}
		out, err = s.applyTurns(ctx, actor, action, now, Batch{}, t)
		return err
	})
	return out, err
}

// applyTurns stores what an actor did, the first turn being what it is about.
func (s *Service) applyTurns(ctx context.Context, actor access.Actor, action string, now time.Time, b Batch, turns ...*turn) (Incident, error) {
	for _, t := range turns {
		b.Decisions = append(b.Decisions, t.done())
	}
	i, detail := turns[0].Incident, turns[0].Incident.Title
	for _, e := range turns[0].Entries {
		if e.By == actor.Name {
			detail = e.Reason
			break
		}
	}
	if r := []rune(detail); len(r) > auditDetail {
		detail = string(r[:auditDetail])
	}
	b.Audit = append(b.Audit, access.Entry{ID: newID(), Tenant: i.Tenant, Environment: i.Environment, At: now,
		ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name, Action: action, Object: i.ID,
		Detail: detail, Address: access.AddressFrom(ctx)})
	if err := s.apply(ctx, b, now); err != nil {
		return Incident{}, fmt.Errorf("%s %s: %w", action, i.ID, err)
	}
	return i, nil
}

// auditDetail bounds what the audit log repeats of a note, in characters.
const auditDetail = 500
