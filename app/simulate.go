package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/respond/route"
	"github.com/evenkeel/evenkeel/respond/simulate"
)

// scene is what a simulation's World is made from.
type scene struct {
	people    map[string]string // names by id
	policies  []respond.Policy
	contacts  []respond.Contact
	schedules []oncall.Schedule
	overrides []oncall.Override
	silences  []route.Silence
	plan      *route.Plan
	limit     int
	window    time.Duration
	leftOut   []string
}

// newSimulator lets people ask what would happen.
func (a *App) newSimulator() *simulate.Service {
	return simulate.NewService(simulate.Options{
		World: func(ctx context.Context, tenant string) (simulate.World, error) {
			s, err := a.scene(ctx, tenant)
			return s.world(), err
		},
		Draft: func(ctx context.Context, tenant string, draft []byte) (simulate.World, error) {
			s, err := a.scene(ctx, tenant)
			if err != nil {
				return simulate.World{}, err
			}
			c, err := config.ParseRespond(draft)
			if err != nil {
				return simulate.World{}, fmt.Errorf("the draft: %w", err)
			}
			if err := s.draft(c, tenant, s.person, time.Now()); err != nil {
				return simulate.World{}, fmt.Errorf("%w: the draft: %w", respond.ErrInvalid, err)
			}
			return s.world(), nil
		}})
}

// maxOverrides bounds the overrides that a simulation knows of.
const maxOverrides = 10_000

// scene reads what there is now.
func (a *App) scene(ctx context.Context, tenant string) (s scene, err error) {
	now := time.Now()
	s = scene{plan: a.routes.Plan(), limit: a.cfg.Respond.StormLimit, window: a.cfg.Respond.StormWindow}
	if s.people, err = a.peopleHere(ctx, tenant); err != nil {
		return s, err
	}
	if s.policies, err = a.store.Policies(ctx, tenant); err != nil {
		return s, err
	}
	if s.contacts, err = a.store.Contacts(ctx, tenant, ""); err != nil {
		return s, err
	}
	if s.schedules, err = a.store.Schedules(ctx, tenant); err != nil {
		return s, err
	}
	if s.overrides, err = a.store.Overrides(ctx, tenant, now.AddDate(0, -1, 0), maxOverrides); err != nil {
		return s, err
	}
	s.silences, err = a.routes.Silences(ctx, access.Evenkeel(tenant), tenant, now)
	return s, err
}

// person finds somebody by name or id.
func (s *scene) person(name string) (string, error) {
	if _, ok := s.people[name]; ok {
		return name, nil
	}
	for id, n := range s.people {
		if n == name {
			return id, nil
		}
	}
	return "", fmt.Errorf("there is no person %q; add them under Settings first", name)
}

// draft puts a configuration over the scene: what it names of policies,
// contacts and schedules stands in the place of what has the same id, and its
// routing in the place of all routing.
func (s *scene) draft(c config.Respond, tenant string, person func(string) (string, error), now time.Time) error {
	s.limit, s.window = c.StormLimit, c.StormWindow
	if r := c.Routing; r.Route != nil || len(r.InhibitRules)+len(r.TimeIntervals)+len(r.Maintenance) > 0 {
		plan, err := route.Compile(r)
		if err != nil {
			return err
		}
		s.plan = plan
	}
	for _, x := range c.Schedules {
		x.Tenant = tenant
		x.Layers = slices.Clone(x.Layers)
		for l := range x.Layers {
			for t := range x.Layers[l].Turns {
				if err := named(x.Layers[l].Turns[t], person); err != nil {
					return fmt.Errorf("respond.schedules: %s: %w", x.ID, err)
				}
			}
		}
		s.schedules = over(s.schedules, x, func(x oncall.Schedule) string { return x.ID })
	}
	for _, k := range c.Contacts {
		k.Tenant, k.Name, k.Verified = tenant, cmp.Or(k.Name, k.ID), now
		if k.Person != "" {
			list := []string{k.Person}
			if err := named(list, person); err != nil {
				return fmt.Errorf("respond.contacts: %s: %w", k.ID, err)
			}
			k.Person = list[0]
		}
		s.contacts = over(s.contacts, k, func(k respond.Contact) string { return k.ID })
	}
	for _, p := range c.Policies {
		p.Tenant, p.Name = tenant, cmp.Or(p.Name, p.ID)
		for _, list := range append([][]respond.Recipient{p.LastResort}, notified(p)...) {
			for n, r := range list {
				if err := s.known(&list[n], person); err != nil {
					return fmt.Errorf("respond.policies: %s: %s %s: %w", p.ID, r.Kind, r.ID, err)
				}
			}
		}
		if p.Hours != "" && !s.schedule(p.Hours) {
			return fmt.Errorf("respond.policies: %s: hours: there is no schedule %q", p.ID, p.Hours)
		}
		s.policies = over(s.policies, p, func(p respond.Policy) string { return p.ID })
	}
	for _, id := range s.plan.Tree.Policies() {
		if id != respond.DefaultPolicy && !slices.ContainsFunc(s.policies, func(p respond.Policy) bool { return p.ID == id }) {
			return fmt.Errorf("respond.route: there is no policy %q; add it to respond.policies, or name another one in the route", id)
		}
	}
	return nil
}

func notified(p respond.Policy) (lists [][]respond.Recipient) {
	for _, s := range p.Steps {
		lists = append(lists, s.Notify)
	}
	return lists
}

// known puts the id of a person in the place of their name, and looks for the
// others.
func (s *scene) known(r *respond.Recipient, person func(string) (string, error)) (err error) {
	switch r.Kind {
	case respond.ToPerson:
		r.ID, err = person(r.ID)
	case respond.ToSchedule:
		if !s.schedule(r.ID) {
			err = fmt.Errorf("there is no such schedule; name it under respond.schedules")
		}
	case respond.ToChannel:
		if !slices.ContainsFunc(s.contacts, func(k respond.Contact) bool { return k.ID == r.ID }) {
			err = fmt.Errorf("there is no such channel; name it under respond.contacts")
		}
	}
	return err
}

func (s *scene) schedule(id string) bool {
	return slices.ContainsFunc(s.schedules, func(x oncall.Schedule) bool { return x.ID == id })
}

// named puts ids in the place of names.
func named(list []string, person func(string) (string, error)) error {
	for n, name := range list {
		id, err := person(name)
		if err != nil {
			return err
		}
		list[n] = id
	}
	return nil
}

// over puts x in the place of what has its id, or at the end.
func over[T any](list []T, x T, id func(T) string) []T {
	list = slices.DeleteFunc(slices.Clone(list), func(o T) bool { return id(o) == id(x) })
	return append(list, x)
}

// world makes the scene ready. Only what is planned mutes in it: the alerts that
// fire now may have ended by then.
func (s *scene) world() simulate.World {
	if s.plan == nil {
		return simulate.World{}
	}
	zones := map[string]string{}
	for _, x := range s.schedules {
		zones[x.ID] = x.Zone
	}
	return simulate.World{
		World: respond.World{Router: route.NewRouter(s.plan, s.silences, s.plan.NewFiring()), Roster: oncall.NewRoster(s.schedules, s.overrides),
			Policies: s.policies, Book: respond.NewBook(s.contacts), StormLimit: s.limit, StormWindow: s.window},
		People: s.people, Zone: func(id string) string { return zones[id] }, LeftOut: s.leftOut}
}

// WorldOf is the world that a configuration file alone describes.
func WorldOf(raw []byte) (simulate.World, error) {
	c, err := config.ParseRespond(raw)
	if err != nil {
		return simulate.World{}, err
	}
	plan, err := route.Compile(route.Config{})
	if err != nil {
		return simulate.World{}, err
	}
	s := scene{people: map[string]string{}, plan: plan,
		leftOut: []string{"Only the file counts: silences, overrides, and what people have set themselves are not known."}}
	anybody := func(name string) (string, error) {
		s.people[name] = name
		return name, nil
	}
	err = s.draft(c, access.DefaultTenant, anybody, time.Now())
	return s.world(), err
}
