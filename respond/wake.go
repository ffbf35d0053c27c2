package respond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// dueAtOnce is how many incidents are decided in one transaction,
	// alertsAtOnce how many alerts.
	dueAtOnce, alertsAtOnce = 200, 1000
	// mutedLook is how many alerts of an incident are asked whether they are
	// muted; where more stand, it pages.
	mutedLook = 200
)

// Wake does what is due: alerts end or are not muted any more, incidents
// escalate. It returns when nothing is due, or with the first error; then the
// rest is still due.
func (s *Service) Wake(ctx context.Context, now time.Time) error {
	if waits, _, err := s.store.Pending(ctx); err != nil || !waits {
		return err
	}
	ahead := s.ahead(now)
	for ctx.Err() == nil {
		n, err := s.wakeAlerts(ctx, now, ahead)
		if err != nil {
			return fmt.Errorf("look at alerts: %w", err)
		}
		if n < alertsAtOnce {
			break
		}
	}
	for ctx.Err() == nil {
		n, err := s.wakeIncidents(ctx, now, ahead)
		if err != nil {
			return fmt.Errorf("look at incidents: %w", err)
		}
		if n < dueAtOnce {
			break
		}
	}
	if ctx.Err() == nil {
		s.looked(now, ahead)
	}
	return ctx.Err()
}

// aheadEvery is how often what was changed in the future is looked for. It
// reads all that waits, which in a storm is too much for each round.
const aheadEvery = time.Minute

// ahead is from when on a change lies in the future, so that the clock was set
// back since. It is zero where that need not be looked for now: it was a moment
// ago, and this process has not seen the clock go back.
func (s *Service) ahead(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	now = now.Round(0) // it is about the clock on the wall
	if since := now.Sub(s.lookedAhead); since >= 0 && since < aheadEvery && !now.Before(s.lookedAt) {
		return time.Time{}
	}
	return now.Add(clockSlack)
}

// looked notes that all that is due was done.
func (s *Service) looked(now, ahead time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookedAt = now.Round(0)
	if !ahead.IsZero() {
		s.lookedAhead = s.lookedAt
	}
}

func (s *Service) wakeAlerts(ctx context.Context, now, ahead time.Time) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = again(func() error {
		due, err := s.store.DueAlerts(ctx, now, ahead, alertsAtOnce)
		if n = len(due); err != nil || n == 0 {
			return err
		}
		byTenant := map[string][]Standing{}
		for _, st := range due {
			byTenant[st.Tenant] = append(byTenant[st.Tenant], st)
		}
		var batch Batch
		numbers := map[string]int64{}
		for tenant, list := range byTenant {
			f, err := s.folder(ctx, tenant, now)
			if err != nil {
				return err
			}
			var ids, groups []string
			if err := s.learnCauses(ctx, f, list); err != nil {
				return err
			}
			for _, st := range list {
				ids = append(ids, st.Incidents...)
				if cause, is := f.alerts[st.By]; is {
					ids = append(ids, cause.Incidents...)
				}
				if len(st.Waiting) > 0 || st.Fate == Explained {
					groups = append(groups, f.groupsOf(st.Alert)...)
				}
			}
			if err := s.learnIncidents(ctx, f, tenant, unique(ids), unique(groups)); err != nil {
				return err
			}
			for _, st := range list {
				f.look(st)
			}
			batch.add(f.batch())
			numbers[tenant] = f.number
		}
		return s.applyNumbered(ctx, batch, numbers, now)
	})
	return n, err
}

func (s *Service) wakeIncidents(ctx context.Context, now, ahead time.Time) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = again(func() error {
		due, err := s.store.DueIncidents(ctx, now, ahead, dueAtOnce)
		if n = len(due); err != nil || n == 0 {
			return err
		}
		byTenant := map[string][]Incident{}
		for _, i := range due {
			byTenant[i.Tenant] = append(byTenant[i.Tenant], i)
		}
		var batch Batch
		var failed []error
		for tenant, list := range byTenant {
			all, err := s.facts(ctx, tenant, list, now)
			if err != nil {
				// The other tenants' escalations go on.
				failed = append(failed, err)
				continue
			}
			stands := map[string]bool{}
			for _, f := range all {
				f.Succeeded = f.Succeeded || f.Incident.State == Resolved && stands[f.Incident.Group]
				d, changed := Decide(f, now)
				if !changed {
					continue
				}
				if d.Incident.State != Resolved {
					stands[d.Incident.Group] = true
				}
				f.Storm.add(d)
				batch.Decisions = append(batch.Decisions, d)
			}
		}
		batch.Decisions = lastDigests(batch.Decisions)
		return errors.Join(append(failed, s.apply(ctx, batch, now))...)
	})
	return n, err
}

// lastDigests leaves of each digest the last state that the decisions of one
// transaction gave it.
func lastDigests(decisions []Decision) []Decision {
	seen := map[string]bool{}
	for n := len(decisions) - 1; n >= 0; n-- {
		d := &decisions[n]
		d.Digests = slices.DeleteFunc(d.Digests, func(m Message) bool {
			was := seen[m.ID]
			seen[m.ID] = true
			return was
		})
	}
	return decisions
}

// facts reads what is to be known for deciding about incidents of one tenant.
func (s *Service) facts(ctx context.Context, tenant string, list []Incident, now time.Time) ([]Facts, error) {
	ids := make([]string, len(list))
	for n, i := range list {
		ids[n] = i.ID
	}
	roster, err := s.roster(ctx, tenant)
	if err != nil {
		// Steps that need it say so in the ledger, and those that do not go on.
		roster = noRoster{err}
	}
	router, err := s.router(ctx, tenant)
	if err != nil {
		return nil, err
	}
	policies, err := s.store.Policies(ctx, tenant)
	if err != nil {
		return nil, err
	}
	contacts, err := s.store.Contacts(ctx, tenant, "")
	if err != nil {
		return nil, err
	}
	pages, err := s.store.PagesOf(ctx, ids, true)
	if err != nil {
		return nil, err
	}
	told, err := s.store.MessagesOf(ctx, ids, true)
	if err != nil {
		return nil, err
	}
	recent, err := s.store.RecentPages(ctx, tenant, now.Add(-s.opt.StormWindow))
	if err != nil {
		return nil, err
	}
	digests, err := s.store.DigestMessages(ctx, tenant, "", true, dueAtOnce)
	if err != nil {
		return nil, err
	}
	storm := Storm{Limit: s.opt.StormLimit, Recent: recent, Digests: map[string]Message{}}
	for _, m := range digests {
		if m.Kind == PageMessage && m.State == Due && m.Tries == 0 {
			storm.Digests[m.Contact.ID] = m
		}
	}
	var ended []string
	for _, i := range list {
		if i.State == Resolved && i.Group != "" {
			ended = append(ended, i.Group)
		}
	}
	successors, err := s.store.IncidentsByGroup(ctx, tenant, unique(ended), now)
	if err != nil {
		return nil, err
	}
	stands := map[string]string{}
	for _, i := range successors {
		if i.State != Resolved {
			stands[i.Group] = i.ID
		}
	}
	book := NewBook(contacts)
	out := make([]Facts, len(list))
	for n, i := range list {
		f := Facts{Incident: i, Roster: roster, Book: book, Storm: storm, Policy: policyOf(policies, i.Policy)}
		f.Succeeded = i.Group != "" && stands[i.Group] != "" && stands[i.Group] != i.ID
		for _, p := range pages {
			if p.Incident == i.ID {
				f.Pages = append(f.Pages, p)
			}
		}
		for _, m := range told {
			if m.Incident == i.ID {
				f.Told = append(f.Told, m)
			}
		}
		if s.opt.IncidentURL != nil {
			f.URL = s.opt.IncidentURL(i.ID)
		}
		if f.Muted, f.MutedUntil, err = s.muted(ctx, router, i, now); err != nil {
			return nil, err
		}
		out[n] = f
	}
	return out, nil
}

// policyOf is the policy of that id, or the fallback where it is gone.
func policyOf(policies []Policy, id string) (found Policy) {
	for _, p := range policies {
		if p.ID == id {
			return p
		}
		if p.ID == DefaultPolicy {
			found = p
		}
	}
	return found
}

// muted tells why every alert that stands in a triggered incident is muted;
// empty where one is not, or where that cannot be told for all of them.
func (s *Service) muted(ctx context.Context, router Router, i Incident, now time.Time) (reason string, until time.Time, err error) {
	if router == nil || !holdable(i) {
		return "", time.Time{}, nil
	}
	alerts, err := s.store.IncidentAlerts(ctx, i.Tenant, i.ID, true, mutedLook)
	if err != nil {
		return "", time.Time{}, err
	}
	reason, until = mutedBy(router, i, alerts, now)
	return reason, until, nil
}

// holdable tells whether an incident pages nobody where its alerts are muted.
func holdable(i Incident) bool {
	return i.State == Triggered && i.Firing > 0 && i.Firing <= mutedLook && !i.Declared
}

// mutedBy is muted over the alerts that stand in the incident.
func mutedBy(router Router, i Incident, alerts []Standing, now time.Time) (reason string, until time.Time) {
	for _, st := range alerts {
		if !slices.Contains(st.Incidents, i.ID) {
			continue // it has gone to another one, or is explained by it
		}
		free := true
		for _, t := range routed(router, st.Alert, now) {
			if ours := t.Policy == i.Policy && (i.Group == "" || GroupKey(t) == i.Group); !ours || t.Muted == "" {
				continue
			}
			free, reason = false, t.Muted
			if until.IsZero() || t.MutedUntil.Before(until) {
				until = t.MutedUntil
			}
		}
		if free {
			return "", time.Time{}
		}
	}
	return reason, until
}

// noRoster is a roster that could not be read.
type noRoster struct{ err error }

func (n noRoster) OnCall(string, time.Time) ([]Duty, time.Time, error) {
	return nil, time.Time{}, n.err
}
