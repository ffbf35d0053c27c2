package respond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// maxWaiting bounds the alerts that wait to be stored; past it a sender is
	// told to come again.
	maxWaiting = 20_000
	// maxCommit is how many alerts share a transaction.
	maxCommit = 2048
	// commitWithin bounds a transaction of alerts.
	commitWithin = 20 * time.Second
)

// intake collects requests, so that those which arrive while a transaction runs
// share the next one.
type intake struct {
	turn chan struct{} // held by the request that stores for all
	mu   sync.Mutex
	line []*request
	size int // alerts in line
}

type request struct {
	alerts []Alert
	done   chan error
}

func newIntake() intake { return intake{turn: make(chan struct{}, 1)} }

// add puts a request in line; false where the line is full.
func (q *intake) add(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size > 0 && q.size+len(r.alerts) > maxWaiting {
		return false
	}
	q.line = append(q.line, r)
	q.size += len(r.alerts)
	return true
}

// take takes the first of the line, as many as share a transaction.
func (q *intake) take() (out []*request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	alerts, n := 0, 0
	for n < len(q.line) && (n == 0 || alerts+len(q.line[n].alerts) <= maxCommit) {
		alerts += len(q.line[n].alerts)
		n++
	}
	out = slices.Clone(q.line[:n])
	q.line = slices.Delete(q.line, 0, n)
	q.size -= alerts
	return out
}

// Receive stores what sources say of alerts, folded by their keys. When it
// returns nil they are on disk, with the incidents that they belong to and the
// time at which somebody is told. It fails with ErrInvalid, and stores nothing,
// where one of them cannot be right; and with ErrUnavailable where they could
// not be stored: then the sender should come again.
func (s *Service) Receive(ctx context.Context, alerts []Alert) error {
	for n, a := range alerts {
		if err := a.validate(); err != nil {
			return fmt.Errorf("alert %d of %d: %w", n+1, len(alerts), err)
		}
	}
	if len(alerts) == 0 {
		return nil
	}
	r := &request{alerts: alerts, done: make(chan error, 1)}
	if !s.intake.add(r) {
		return fmt.Errorf("%w: %d alerts wait to be stored", ErrUnavailable, maxWaiting)
	}
	for {
		select {
		case err := <-r.done:
			return err
		case s.intake.turn <- struct{}{}:
			s.commit(ctx, s.intake.take())
			<-s.intake.turn
		case <-ctx.Done():
			// It may be stored yet, or not: the sender must come again.
			return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// commit stores requests in one transaction, or where that fails, one by one,
// so that none has to answer for another.
func (s *Service) commit(ctx context.Context, requests []*request) {
	if len(requests) == 0 {
		return
	}
	// Others rely on it too: it must not end with the context of one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWithin)
	defer cancel()
	var all []Alert
	for _, r := range requests {
		all = append(all, r.alerts...)
	}
	now := s.opt.Now()
	err := s.receive(ctx, all, now)
	if err != nil && len(requests) > 1 && ctx.Err() == nil {
		for _, r := range requests {
			r.done <- unavailable(s.receive(ctx, r.alerts, now))
		}
		return
	}
	for _, r := range requests {
		r.done <- unavailable(err)
	}
}

func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrInvalid) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// receive stores alerts as of a time, those of each tenant in one transaction.
func (s *Service) receive(ctx context.Context, alerts []Alert, now time.Time) error {
	byTenant := map[string][]Alert{}
	var tenants []string
	for _, a := range alerts {
		if byTenant[a.Tenant] == nil {
			tenants = append(tenants, a.Tenant)
		}
		byTenant[a.Tenant] = append(byTenant[a.Tenant], a)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return again(func() error {
		var batch Batch
		numbers := map[string]int64{}
		for _, tenant := range tenants {
			f, err := s.folder(ctx, tenant, now)
			if err != nil {
				return err
			}
			if err := s.learn(ctx, f, tenant, byTenant[tenant]); err != nil {
				return err
			}
			for _, a := range byTenant[tenant] {
				f.take(a)
			}
			batch.add(f.batch())
			numbers[tenant] = f.number
		}
		return s.applyNumbered(ctx, batch, numbers, now)
	})
}

func (s *Service) applyNumbered(ctx context.Context, batch Batch, numbers map[string]int64, now time.Time) error {
	if err := carryOver(&batch, func(i Incident) ([]Task, error) { return s.store.TasksOf(ctx, i.Tenant, i.ID) }); err != nil {
		return err
	}
	if err := s.apply(ctx, batch, now); err != nil {
		return err
	}
	for tenant, n := range numbers {
		s.numbers[tenant] = n
	}
	return nil
}

// add puts another batch, about other alerts and incidents, behind this one.
func (b *Batch) add(o Batch) {
	b.Alerts = append(b.Alerts, o.Alerts...)
	b.Joins = append(b.Joins, o.Joins...)
	b.Decisions = append(b.Decisions, o.Decisions...)
	b.Entries = append(b.Entries, o.Entries...)
	b.Audit = append(b.Audit, o.Audit...)
}

func (s *Service) folder(ctx context.Context, tenant string, now time.Time) (*folder, error) {
	router, err := s.router(ctx, tenant)
	if err != nil {
		return nil, err
	}
	f := newFolder(router, now, newID)
	f.number, err = s.number(ctx, tenant)
	return f, err
}

// learn reads what the folder must know of these alerts.
func (s *Service) learn(ctx context.Context, f *folder, tenant string, alerts []Alert) error {
	ids := make([]string, 0, len(alerts))
	for _, a := range alerts {
		ids = append(ids, a.ID())
		if a.By != "" {
			ids = append(ids, a.By)
		}
	}
	known, err := s.store.AlertsByID(ctx, unique(ids))
	if err != nil {
		return err
	}
	for _, st := range known {
		f.alerts[st.ID] = st
	}
	if err := s.learnCauses(ctx, f, known); err != nil {
		return err
	}
	var incidents, groups []string
	for _, a := range alerts {
		st, ok := f.alerts[a.ID()]
		if cause, is := f.alerts[a.By]; is {
			incidents = append(incidents, cause.Incidents...)
		}
		if !ok || st.Fate == Over {
			if a.Status != Ended {
				groups = append(groups, f.groupsOf(a)...)
			}
			continue
		}
		if st.Fate == Explained || a.Case != st.Case {
			// It may find its place anew.
			incidents = append(incidents, st.Incidents...)
			groups = append(groups, f.groupsOf(a)...)
			if cause, is := f.alerts[st.By]; is {
				incidents = append(incidents, cause.Incidents...)
			}
		}
		if a.Status == Ended || !a.EndsAt.IsZero() && !a.EndsAt.After(f.now) || a.Severity > st.Severity || a.Acknowledged {
			incidents = append(incidents, st.Incidents...)
		}
		// Within one batch an alert may end and fire again.
		if a.Status == Ended {
			groups = append(groups, f.groupsOf(a)...)
		}
	}
	return s.learnIncidents(ctx, f, tenant, unique(incidents), unique(groups))
}

func (f *folder) groupsOf(a Alert) (groups []string) {
	for _, t := range f.targets(a) {
		groups = append(groups, GroupKey(t))
	}
	return groups
}

func (s *Service) learnIncidents(ctx context.Context, f *folder, tenant string, ids, groups []string) error {
	if len(groups) > 0 {
		list, err := s.store.IncidentsByGroup(ctx, tenant, groups, f.now.Add(-reopenWithin))
		if err != nil {
			return err
		}
		for _, i := range list {
			f.incidents[i.ID] = i
			f.groups[i.Group] = i.ID
			if i.MergedInto != "" {
				ids = append(ids, i.MergedInto)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	list, err := s.store.IncidentsByID(ctx, unique(ids))
	if err != nil {
		return err
	}
	for _, i := range list {
		f.incidents[i.ID] = i
	}
	return nil
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// validate checks what the ledger relies on; intake has its own bounds.
func (a Alert) validate() error {
	switch {
	case a.Tenant == "" || a.Source == "" || a.Fingerprint == "":
		return fmt.Errorf("%w: tenant, source and fingerprint are needed", ErrInvalid)
	case a.Status != Firing && a.Status != Ended:
		return fmt.Errorf("%w: status %q is not firing or resolved", ErrInvalid, a.Status)
	case a.Status == Firing && (a.Title == "" || len(a.Title) > maxTitle):
		return fmt.Errorf("%w: a title of 1 to %d bytes is needed", ErrInvalid, maxTitle)
	case a.Status == Firing && a.Severity.String() == "":
		return fmt.Errorf("%w: the severity is not one of info, warning, critical", ErrInvalid)
	}
	return nil
}
