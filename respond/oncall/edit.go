package oncall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// Put stores a schedule. People are named by their ids or as they log in. Its
// revision is the one that was read, 0 for a new one.
func (s *Service) Put(ctx context.Context, actor access.Actor, in Schedule, now time.Time) (Schedule, error) {
	if err := may(actor, access.Operate, in.Tenant); err != nil {
		return in, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.store.Schedules(ctx, in.Tenant)
	if err != nil {
		return in, err
	}
	old, err := find(list, in.ID)
	switch {
	case err == nil && old.Configured:
		return in, configured(in.ID)
	case err == nil && old.Revision != in.Revision:
		return in, fmt.Errorf("%w: the schedule %s has the revision %d; read it again and give its revision", respond.ErrConflict, in.ID, old.Revision)
	case errors.Is(err, respond.ErrNotFound) && in.Revision != 0:
		return in, fmt.Errorf("%w: the schedule %s has been deleted; give the revision 0 to make it anew", respond.ErrConflict, in.ID)
	case errors.Is(err, respond.ErrNotFound) && len(list) >= maxSchedules:
		return in, invalid("there may be %d schedules at most", maxSchedules)
	}
	return s.put(ctx, actor, in, "schedule.put", now)
}

func configured(id string) error {
	return fmt.Errorf("%w: the schedule %s comes from the configuration file; change it there", respond.ErrState, id)
}

// put checks and stores. The caller holds mu and has checked the revision.
func (s *Service) put(ctx context.Context, actor access.Actor, in Schedule, action string, now time.Time) (Schedule, error) {
	if in.Name == "" {
		in.Name = in.ID
	}
	people, err := s.opt.People(ctx, in.Tenant)
	if err != nil {
		return in, err
	}
	if in, err = named(in, people); err != nil {
		return in, err
	}
	if err := in.Validate(); err != nil {
		return in, err
	}
	in.Revision++
	err = s.store.ApplyOnCall(ctx, Change{Tenant: in.Tenant, Schedules: []Schedule{in}, Audit: entry(ctx, actor, in.Tenant, action, in.ID, in.Name, now)})
	return in, err
}

// named puts ids in the place of the names by which people log in.
func named(s Schedule, people map[string]string) (Schedule, error) {
	ids := map[string]string{}
	for id, name := range people {
		ids[name] = id
	}
	layers := slices.Clone(s.Layers)
	for n, l := range layers {
		layers[n].Turns = slices.Clone(l.Turns)
		for i, turn := range l.Turns {
			turn = slices.Clone(turn)
			for k, p := range turn {
				switch {
				case people[p] != "":
				case ids[p] != "":
					turn[k] = ids[p]
				default:
					return s, invalid("schedule %q: layer %d (%s): turn %d: there is no person %q; add them under Settings first", s.ID, n+1, l.Name, i+1, p)
				}
			}
			layers[n].Turns[i] = turn
		}
	}
	s.Layers = layers
	return s, nil
}

// Configure stores the schedules of the configuration file, over those of the
// same id. What came from an earlier file and is not in it any more stays, and
// is people's to change from now on.
func (s *Service) Configure(ctx context.Context, tenant string, file Config, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	actor := access.Evenkeel(tenant)
	list, err := s.store.Schedules(ctx, tenant)
	if err != nil {
		return err
	}
	for _, in := range file {
		in.Tenant, in.Configured = tenant, true
		if old, err := find(list, in.ID); err == nil {
			in.Revision = old.Revision
		}
		if _, err := s.put(ctx, actor, in, "schedule.configure", now); err != nil {
			return err
		}
	}
	for _, old := range list {
		if old.Configured && !slices.ContainsFunc(file, func(x Schedule) bool { return x.ID == old.ID }) {
			old.Configured = false
			old.Revision++
			if err := s.store.ApplyOnCall(ctx, Change{Tenant: tenant, Schedules: []Schedule{old}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Delete removes a schedule with its overrides and its feed. One that a policy
// names stays.
func (s *Service) Delete(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) error {
	if err := may(actor, access.Operate, tenant); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.store.Schedules(ctx, tenant)
	if err != nil {
		return err
	}
	old, err := find(list, id)
	if err != nil {
		return err
	}
	if old.Configured {
		return configured(id)
	}
	policies, err := s.store.Policies(ctx, tenant)
	if err != nil {
		return err
	}
	for _, p := range policies {
		if Names(p, id) {
			return fmt.Errorf("%w: the policy %s names the schedule %s; change the policy first", respond.ErrState, p.Name, id)
		}
	}
	return s.store.ApplyOnCall(ctx, Change{Tenant: tenant, Schedule: id, Audit: entry(ctx, actor, tenant, "schedule.delete", id, old.Name, now)})
}

// Names tells whether a policy needs a schedule.
func Names(p respond.Policy, schedule string) bool {
	if p.Hours == schedule {
		return true
	}
	lists := [][]respond.Recipient{p.LastResort}
	for _, s := range p.Steps {
		lists = append(lists, s.Notify)
	}
	return slices.ContainsFunc(lists, func(list []respond.Recipient) bool {
		return slices.Contains(list, respond.Recipient{Kind: respond.ToSchedule, ID: schedule})
	})
}

// ImportHolidays puts the days of a calendar in the place of a schedule's
// holidays, and tells how many of its events were none.
func (s *Service) ImportHolidays(ctx context.Context, actor access.Actor, tenant, id, calendar string, now time.Time) (out Schedule, skipped int, err error) {
	if err := may(actor, access.Operate, tenant); err != nil {
		return out, 0, err
	}
	days, skipped, err := ParseHolidays(calendar, now)
	if err != nil {
		return out, 0, err
	}
	if len(days) == 0 {
		return out, skipped, invalid("the calendar has no event of a whole day, so there would be no holidays; %d other events were skipped", skipped)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.store.Schedules(ctx, tenant)
	if err != nil {
		return out, 0, err
	}
	if out, err = find(list, id); err != nil {
		return out, 0, err
	}
	if out.Configured {
		return out, 0, configured(id)
	}
	out.Holidays = days
	out.Revision++
	detail := fmt.Sprintf("%d days", len(days))
	err = s.store.ApplyOnCall(ctx, Change{Tenant: tenant, Schedules: []Schedule{out}, Audit: entry(ctx, actor, tenant, "schedule.holidays", id, detail, now)})
	return out, skipped, err
}

// Override puts a person on call for a while.
func (s *Service) Override(ctx context.Context, actor access.Actor, o Override, now time.Time) (Override, error) {
	list, err := s.makeOverrides(ctx, actor, []Override{o}, now)
	if err != nil {
		return o, err
	}
	return list[0], nil
}

// Swap makes two overrides together: each takes what the other was to do.
func (s *Service) Swap(ctx context.Context, actor access.Actor, one, other Override, now time.Time) ([]Override, error) {
	if one.Person != other.Replaces || other.Person != one.Replaces || one.Replaces == "" {
		return nil, invalid("in a swap each of two people takes what the other was to do")
	}
	one.Swap = ulid.Make().String()
	other.Swap = one.Swap
	return s.makeOverrides(ctx, actor, []Override{one, other}, now)
}

func (s *Service) makeOverrides(ctx context.Context, actor access.Actor, list []Override, now time.Time) ([]Override, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tenant := list[0].Tenant
	if err := may(actor, access.Respond, tenant); err != nil {
		return nil, err
	}
	people, err := s.opt.People(ctx, tenant)
	if err != nil {
		return nil, err
	}
	schedules, err := s.store.Schedules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	standing, err := s.store.Overrides(ctx, tenant, now, maxRead)
	if err != nil {
		return nil, err
	}
	c := Change{Tenant: tenant}
	for _, o := range list {
		sch, err := find(schedules, o.Schedule)
		if err != nil {
			return nil, err
		}
		o.ID, o.ByID, o.By, o.At = ulid.Make().String(), actor.ID, actor.Name, now
		o.From, o.To = o.From.UTC().Truncate(time.Second), o.To.UTC().Truncate(time.Second)
		if o.Reason, err = reason(o.Reason); err != nil {
			return nil, err
		}
		if err := o.Validate(); err != nil {
			return nil, err
		}
		if people[o.Person] == "" {
			return nil, invalid("there is no person %q", o.Person)
		}
		if !o.To.After(now) {
			return nil, invalid("it must end in the future; what was on call is not rewritten")
		}
		if o.From.Before(now) {
			o.From = now.UTC().Truncate(time.Second)
		}
		if err := s.takesOver(sch, standing, o, people); err != nil {
			return nil, err
		}
		count := 0
		for _, x := range standing {
			if x.Schedule == o.Schedule {
				count++
			}
		}
		if count >= maxOverrides || len(standing) >= maxRead-2 {
			return nil, invalid("there may be %d overrides of a schedule at a time; delete some, or change the schedule", maxOverrides)
		}
		c.Overrides = append(c.Overrides, o)
		c.Audit = append(c.Audit, entry(ctx, actor, tenant, "override.create", o.ID,
			fmt.Sprintf("%s takes over in %s from %s to %s: %s", people[o.Person], o.Schedule, utc(o.From), utc(o.To), o.Reason), now)...)
	}
	return c.Overrides, s.store.ApplyOnCall(ctx, c)
}

// takesOver refuses an override that would change nothing, because whom it
// replaces is not on call then.
func (s *Service) takesOver(sch Schedule, standing []Override, o Override, people map[string]string) error {
	if o.Replaces == "" {
		return nil
	}
	r, err := NewRota(sch, standing)
	if err != nil {
		return err
	}
	list, err := r.Final(o.From, o.To)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(x Shift) bool { return slices.Contains(x.People, o.Replaces) }) {
		return invalid("%s is not on call in %s between these times", nameOf(people, o.Replaces), sch.Title())
	}
	return nil
}

func nameOf(people map[string]string, id string) string {
	if n := people[id]; n != "" {
		return n
	}
	return id
}

// DeleteOverride takes an override back. One that counts already ends now, so
// that what was on call stays written; one that is over stays.
func (s *Service) DeleteOverride(ctx context.Context, actor access.Actor, tenant, schedule, id string, now time.Time) error {
	if err := may(actor, access.Respond, tenant); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.store.Overrides(ctx, tenant, now, maxRead)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(list, func(o Override) bool { return o.ID == id && o.Schedule == schedule })
	if n < 0 {
		return fmt.Errorf("%w: there is no override %q of %s that is still to come", respond.ErrNotFound, id, schedule)
	}
	o := list[n]
	c := Change{Tenant: tenant, Override: id, Audit: entry(ctx, actor, tenant, "override.delete", id, "of "+schedule+": "+o.Reason, now)}
	if end := now.UTC().Truncate(time.Second); o.From.Before(end) {
		o.To = end
		c.Override, c.Overrides = "", []Override{o}
	}
	return s.store.ApplyOnCall(ctx, c)
}
