package estate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

const (
	// maxObserved bounds what one source may report at once. A cluster of 50,000
	// pods has more than two relations for each of them.
	maxObserved = 1_000_000
	// maxReported bounds the memory of changes that are stored already; when
	// it is full it is emptied, and the store passes over what it knows.
	maxReported = 10_000
)

// Service takes in what collectors see and answers what actors ask. It is
// safe for concurrent use, and the only writer of the estate: it remembers
// what each source last saw, so that an observation which shows nothing new
// costs no SQL.
type Service struct {
	store Store
	log   *slog.Logger

	mu      sync.Mutex
	sources map[source]*sourceState
}

// source names one collector in one environment.
type source struct{ tenant, environment, name string }

// sourceState serialises the observations of one source.
type sourceState struct {
	mu   sync.Mutex
	view *view // nil until it is read from the store
}

// NewService returns a service over a store.
func NewService(store Store, log *slog.Logger) *Service {
	return &Service{store: store, log: log, sources: map[source]*sourceState{}}
}

// Observe takes in what one source sees and stores what is different, in one
// transaction. An observation older than the last one of its source is taken
// as it comes: order is the collector's business.
func (s *Service) Observe(ctx context.Context, o Observation) error {
	if err := o.validate(); err != nil {
		return err
	}
	st := s.source(source{o.Tenant, o.Environment, o.Source})
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.view == nil {
		entities, relations, err := s.store.SourceView(ctx, o.Tenant, o.Environment, o.Source)
		if err != nil {
			return fmt.Errorf("read what %s last saw: %w", o.Source, err)
		}
		st.view = newView(entities, relations)
	}
	if st.view.shows(o) {
		return nil
	}
	entities, relations := st.view.beside(o)
	d, _ := Diff(entities, relations, o)
	d.Changes = slices.DeleteFunc(d.Changes, func(c Change) bool { return st.view.reported[c.Key] })
	if len(d.Appear)+len(d.Vanish)+len(d.Join)+len(d.Part)+len(d.Changes) == 0 {
		return nil
	}
	if err := s.store.ApplyEstate(ctx, d); err != nil {
		// It may have been stored all the same: read it anew next time.
		st.view = nil
		return fmt.Errorf("store what %s sees: %w", o.Source, err)
	}
	st.view.merge(d)
	s.log.Debug("estate changed", "environment", o.Environment, "source", o.Source, "appeared", len(d.Appear),
		"vanished", len(d.Vanish), "joined", len(d.Join), "parted", len(d.Part), "changes", len(d.Changes))
	return nil
}

func (s *Service) source(key source) *sourceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.sources[key]
	if st == nil {
		st = &sourceState{}
		s.sources[key] = st
	}
	return st
}

// Entity returns one as of at (zero: now, or its last version) with the
// relations that start or end at it. What the actor may not see is not found.
func (s *Service) Entity(ctx context.Context, actor access.Actor, tenant, environment, id string, at time.Time) (Entity, []Relation, error) {
	if access.Can(actor, access.Read, access.Scope{Tenant: tenant, Environment: environment}) != nil {
		return Entity{}, nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	e, err := s.store.Entity(ctx, tenant, environment, id, at)
	if err != nil {
		return Entity{}, nil, err
	}
	relations, err := s.store.Relations(ctx, tenant, environment, id, at)
	if err != nil {
		return Entity{}, nil, err
	}
	return e, relations, nil
}

// Find is Entity in whichever environment has one with the id: the first by
// name that the actor may see. An actor who may read nothing is refused.
func (s *Service) Find(ctx context.Context, actor access.Actor, tenant, id string, at time.Time) (Entity, []Relation, error) {
	if _, _, err := access.Narrow(actor, access.Read, tenant, nil); err != nil {
		return Entity{}, nil, err
	}
	environments, err := s.store.EnvironmentsOf(ctx, tenant, id)
	if err != nil {
		return Entity{}, nil, err
	}
	for _, environment := range environments {
		e, relations, err := s.Entity(ctx, actor, tenant, environment, id, at)
		if !errors.Is(err, ErrNotFound) {
			return e, relations, err
		}
	}
	return Entity{}, nil, fmt.Errorf("%w: %s", ErrNotFound, id)
}

// Entities returns those that the actor may see.
func (s *Service) Entities(ctx context.Context, actor access.Actor, f Filter) (Page, error) {
	names, any, err := access.Narrow(actor, access.Read, f.Tenant, f.Environments)
	if err != nil || !any {
		return Page{}, err
	}
	f.Environments = names
	return s.store.Entities(ctx, f)
}

// Changes returns those that the actor may see, newest first.
func (s *Service) Changes(ctx context.Context, actor access.Actor, f ChangeFilter) (ChangePage, error) {
	names, any, err := access.Narrow(actor, access.Read, f.Tenant, f.Environments)
	if err != nil || !any {
		return ChangePage{}, err
	}
	f.Environments = names
	return s.store.Changes(ctx, f)
}

// Environments returns those that the actor may see, by name.
func (s *Service) Environments(ctx context.Context, actor access.Actor, tenant string) ([]EnvironmentSummary, error) {
	names, any, err := access.Narrow(actor, access.Read, tenant, nil)
	if err != nil || !any {
		return nil, err
	}
	list, err := s.store.Environments(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if names == nil {
		return list, nil
	}
	return slices.DeleteFunc(list, func(e EnvironmentSummary) bool { return !slices.Contains(names, e.Name) }), nil
}

func (o Observation) validate() error {
	switch {
	case o.Tenant == "" || o.Environment == "" || o.Source == "":
		return fmt.Errorf("observation of %q in %q: tenant, environment and source are needed", o.Source, o.Environment)
	case o.At.IsZero():
		return fmt.Errorf("observation of %s has no time", o.Source)
	case len(o.Entities) > maxObserved || len(o.Relations) > maxObserved || len(o.Changes) > maxObserved,
		len(o.Gone) > maxObserved || len(o.Ended) > maxObserved:
		return fmt.Errorf("observation of %s is too large: at most %d of each sort", o.Source, maxObserved)
	}
	for _, e := range o.Entities {
		if e.ID == "" || e.Kind == "" {
			return fmt.Errorf("observation of %s: entity %q of kind %q needs an id and a kind", o.Source, e.ID, e.Kind)
		}
	}
	for _, r := range o.Relations {
		if r.From == "" || r.To == "" || r.Kind == "" || !(r.Confidence >= 0 && r.Confidence <= 1) {
			return fmt.Errorf("observation of %s: relation %q -%s-> %q needs both ends, a kind and a confidence from 0 to 1 (has %g)",
				o.Source, r.From, r.Kind, r.To, r.Confidence)
		}
	}
	return nil
}
