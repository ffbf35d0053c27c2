package finding

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/internal/broadcast"
)

// Service applies decisions and tells listeners. It is safe for concurrent
// use, and the only writer of findings: it keeps what is current in memory, so
// that an observation which changes nothing costs no SQL.
type Service struct {
	store Store
	log   *slog.Logger
	topic broadcast.Topic[Notice]

	// mu is held over deciding and storing, so that two decisions about one
	// finding never race; the store's revision check is the second lock.
	mu         sync.Mutex
	current    map[scope]map[Key]Finding
	exemptions Exemptions
}

// scope is what CurrentFindings loads at once.
type scope struct{ tenant, environment, practice string }

func (k Key) scope() scope { return scope{k.Tenant, k.Environment, k.Practice} }

// Notice is a hint that a finding has changed.
type Notice struct {
	Tenant      string   `json:"tenant"`
	Environment string   `json:"environment"`
	ID          string   `json:"id"`
	State       State    `json:"state"`
	Severity    Severity `json:"severity"`
}

// NewService returns a service over a store.
func NewService(store Store, log *slog.Logger) *Service {
	return &Service{store: store, log: log, current: map[scope]map[Key]Finding{}}
}

// Exempt gives the service the exemptions to decide under. What stands follows
// at its next observation.
func (s *Service) Exempt(list Exemptions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exemptions = list
}

// Exemptions are those that it decides under. They are not to be written to.
func (s *Service) Exemptions() Exemptions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exemptions
}

// Listen returns a listener that holds up to size notices. Close it after use.
func (s *Service) Listen(size int) *broadcast.Listener[Notice] { return s.topic.Listen(size) }

// Record takes what practices see, in order, and stores what that changes in
// one transaction. The time of a decision is the observation's.
//
// An observation that cannot be right is left out and named in the error; the
// others are recorded.
func (s *Service) Record(ctx context.Context, obs []Observation) error {
	var invalid []error
	valid := make([]Observation, 0, len(obs))
	for _, o := range obs {
		if err := o.validate(); err != nil {
			invalid = append(invalid, err)
			continue
		}
		valid = append(valid, o.tidy())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.record(ctx, valid)
	if errors.Is(err, ErrConflict) {
		clear(s.current)
		err = s.record(ctx, valid)
	}
	return errors.Join(append(invalid, err)...)
}

// record decides on a copy of what is current and takes it over once it is
// stored.
func (s *Service) record(ctx context.Context, obs []Observation) error {
	loaded, next := map[scope]map[Key]Finding{}, map[Key]Finding{}
	var batch []Applied
	for _, o := range obs {
		f, known := next[o.Key]
		if !known {
			current, ok := loaded[o.Key.scope()]
			if !ok {
				var err error
				if current, err = s.load(ctx, o.Key.scope(), o.At); err != nil {
					return err
				}
				loaded[o.Key.scope()] = current
			}
			f, known = current[o.Key]
		}
		var cur *Finding
		if known {
			cur = &f
		}
		decided, events, changed := decide(cur, o, s.exemptions, o.At)
		if !changed {
			continue
		}
		identify(&decided, events)
		next[o.Key] = decided
		batch = append(batch, Applied{Finding: decided, Events: events})
	}
	if len(batch) == 0 {
		return nil
	}
	if err := s.store.ApplyFindings(ctx, batch); err != nil {
		return fmt.Errorf("record findings: %w", err)
	}
	s.applied(batch)
	return nil
}

// load returns what is current in a scope as of now, from memory where it is
// there, and drops what was resolved too long ago to come back.
func (s *Service) load(ctx context.Context, sc scope, now time.Time) (map[Key]Finding, error) {
	if m, ok := s.current[sc]; ok {
		for k, f := range m {
			if f.State == Resolved && now.Sub(f.ResolvedAt) > ReopenWithin {
				delete(m, k)
			}
		}
		return m, nil
	}
	list, err := s.store.CurrentFindings(ctx, sc.tenant, sc.environment, sc.practice, now.Add(-ReopenWithin))
	if err != nil {
		return nil, fmt.Errorf("read current findings of %s in %s: %w", sc.practice, sc.environment, err)
	}
	m := make(map[Key]Finding, len(list))
	for _, f := range list {
		// The one that is not resolved stands; among resolved ones the last.
		if old, ok := m[f.Key]; ok && (old.State != Resolved || f.State == Resolved && old.ResolvedAt.After(f.ResolvedAt)) {
			continue
		}
		m[f.Key] = f
	}
	s.current[sc] = m
	return m, nil
}

// applied takes stored decisions over into memory and tells listeners.
func (s *Service) applied(batch []Applied) {
	for _, a := range batch {
		f := a.Finding
		if m, ok := s.current[f.Key.scope()]; ok {
			m[f.Key] = f
		}
		for _, e := range a.Events {
			s.log.Info("finding "+e.Kind, "id", f.ID, "environment", f.Environment,
				"check", f.Check, "entity", f.Entity, "severity", f.Severity.String(), "state", f.State)
		}
		s.topic.Send(Notice{Tenant: f.Tenant, Environment: f.Environment, ID: f.ID, State: f.State, Severity: f.Severity})
	}
}

// identify gives a new finding and its events their ids.
func identify(f *Finding, events []Event) {
	if f.ID == "" {
		f.ID = ulid.Make().String()
	}
	for i := range events {
		events[i].ID, events[i].Finding = ulid.Make().String(), f.ID
	}
}

// Expire opens the accepted findings whose time is up, unless an exemption
// covers them.
func (s *Service) Expire(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.store.ExpiredFindings(ctx, now)
	if err != nil {
		return fmt.Errorf("read ended acceptances: %w", err)
	}
	var batch []Applied
	for _, f := range list {
		next, events, changed := f, []Event(nil), false
		if f.Exempted() == "" {
			next, events, changed = expire(f, now)
		}
		if next, events, changed = under(s.exemptions, next, events, changed, now); changed {
			identify(&next, events)
			batch = append(batch, Applied{Finding: next, Events: events})
		}
	}
	if len(batch) == 0 {
		return nil
	}
	if err := s.store.ApplyFindings(ctx, batch); err != nil {
		return fmt.Errorf("end acceptances: %w", err)
	}
	s.applied(batch)
	return nil
}

// Prune deletes findings that were resolved before the time, with their
// history.
func (s *Service) Prune(ctx context.Context, before time.Time) (deleted int, err error) {
	if deleted, err = s.store.PruneFindings(ctx, before); err != nil {
		return 0, fmt.Errorf("prune findings: %w", err)
	}
	return deleted, nil
}

// audit is the entry for what an actor did to a finding.
func audit(ctx context.Context, actor access.Actor, action string, f Finding, detail string, now time.Time) *access.Entry {
	return &access.Entry{ID: ulid.Make().String(), Tenant: f.Tenant, Environment: f.Environment, At: now,
		ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name,
		Action: action, Object: f.ID, Detail: detail, Address: access.AddressFrom(ctx)}
}
