package route

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// Store keeps silences and knows what stands. All methods are safe for
// concurrent use.
type Store interface {
	// Silences returns a tenant's silences that end at or after since, by id.
	Silences(ctx context.Context, tenant string, since time.Time) ([]Silence, error)
	// PutSilences stores silences over those of the same ids, and what is said
	// of them in the audit log, in one transaction.
	PutSilences(ctx context.Context, list []Silence, audit []access.Entry) error
	// StandingAlerts lists the alerts of a tenant that are not over, by their
	// ids, from after on.
	StandingAlerts(ctx context.Context, tenant, after string, limit int) ([]respond.Standing, error)
}

const (
	// maxSilences bounds the silences of a tenant that are not over: each alert
	// is held against all of them.
	maxSilences = 1000
	// keepExpired is how long silences that are over are listed.
	keepExpired = 30 * 24 * time.Hour
	// standingAtOnce is how many alerts are read in one statement.
	standingAtOnce = 1000
)

// Service keeps silences and makes routers. It is safe for concurrent use; it
// keeps in memory what each tenant's alerts are held against, and is the only
// writer of it.
type Service struct {
	store Store
	plan  *Plan

	mu    sync.Mutex
	desks map[string]*desk // by tenant
}

// desk is what is known of one tenant. Its mutex is held over reading, deciding
// and storing.
type desk struct {
	mu       sync.Mutex
	read     bool
	silences []Silence // replaced, never changed
	firing   *Firing
}

// NewService returns a service over a store and a compiled configuration.
func NewService(store Store, plan *Plan) *Service {
	return &Service{store: store, plan: plan, desks: map[string]*desk{}}
}

// Plan is the configuration that the service works by.
func (s *Service) Plan() *Plan { return s.plan }

// Configured is Plan for who may read anything of the tenant.
func (s *Service) Configured(actor access.Actor, tenant string) (*Plan, error) {
	return s.plan, reads(actor, tenant)
}

// desk returns a tenant's, locked and read. What was not read before is read
// from the store: also after a restart, what stands mutes as before.
func (s *Service) desk(ctx context.Context, tenant string, now time.Time) (*desk, error) {
	d := s.place(tenant)
	d.mu.Lock()
	if d.read {
		return d, nil
	}
	err := s.fill(ctx, d, tenant, now)
	if err != nil {
		d.mu.Unlock()
		return nil, err
	}
	return d, nil
}

func (s *Service) place(tenant string) *desk {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.desks[tenant]
	if d == nil {
		d = &desk{}
		s.desks[tenant] = d
	}
	return d
}

func (s *Service) fill(ctx context.Context, d *desk, tenant string, now time.Time) error {
	silences, err := s.store.Silences(ctx, tenant, now.Add(-keepExpired))
	if err != nil {
		return err
	}
	firing := s.plan.NewFiring()
	err = s.standing(ctx, tenant, func(list []respond.Standing) { firing.Put(now, alertsOf(list)...) })
	if err != nil {
		return err
	}
	d.silences, d.firing, d.read = silences, firing, true
	return nil
}

// standing reads all alerts of a tenant that stand, part by part.
func (s *Service) standing(ctx context.Context, tenant string, take func([]respond.Standing)) error {
	for after := ""; ; {
		list, err := s.store.StandingAlerts(ctx, tenant, after, standingAtOnce)
		if err != nil {
			return err
		}
		take(list)
		if len(list) < standingAtOnce {
			return nil
		}
		after = list[len(list)-1].ID
	}
}

func alertsOf(list []respond.Standing) []respond.Alert {
	out := make([]respond.Alert, 0, len(list))
	for _, st := range list {
		out = append(out, st.Alert)
	}
	return out
}

// Router returns what routes a tenant's alerts as things stand. It fails where
// they could not be read.
func (s *Service) Router(ctx context.Context, tenant string, now time.Time) (*Router, error) {
	d, err := s.desk(ctx, tenant, now)
	if err != nil {
		return nil, fmt.Errorf("read what silences %s: %w", tenant, err)
	}
	defer d.mu.Unlock()
	held := slices.DeleteFunc(slices.Clone(d.silences), func(x Silence) bool { return x.State(now) == Expired })
	return NewRouter(s.plan, held, d.firing), nil
}

// Heard takes in what has become of alerts, in the order in which it was
// stored: it is what mutes others by an inhibit rule.
func (s *Service) Heard(now time.Time, list []respond.Standing) {
	by := map[string][]respond.Alert{}
	for _, st := range list {
		by[st.Tenant] = append(by[st.Tenant], st.Alert)
	}
	for tenant, alerts := range by {
		d := s.place(tenant)
		d.mu.Lock()
		if d.read { // else it will be read from the store, with these
			d.firing.Put(now, alerts...)
		}
		d.mu.Unlock()
	}
}

// Explain says where labels would go at a time, and why. The actor must be
// allowed to read the environment, or where none is named, all of the tenant.
func (s *Service) Explain(ctx context.Context, actor access.Actor, a respond.Alert, now time.Time) (Explanation, error) {
	if err := access.Can(actor, access.Read, access.Scope{Tenant: a.Tenant, Environment: a.Environment}); err != nil {
		return Explanation{}, err
	}
	r, err := s.Router(ctx, a.Tenant, now)
	if err != nil {
		return Explanation{}, err
	}
	return r.Explain(a, now), nil
}

// Silence returns one that the actor may see, or respond.ErrNotFound.
func (s *Service) Silence(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (Silence, error) {
	d, err := s.desk(ctx, tenant, now)
	if err != nil {
		return Silence{}, err
	}
	defer d.mu.Unlock()
	x, err := d.visible(actor, tenant, id)
	return x, err
}

func (d *desk) visible(actor access.Actor, tenant, id string) (Silence, error) {
	n := slices.IndexFunc(d.silences, func(x Silence) bool { return x.ID == id })
	if n < 0 || sees(actor, d.silences[n]) != nil {
		return Silence{}, fmt.Errorf("%w: silence %s", respond.ErrNotFound, id)
	}
	return d.silences[n], nil
}

// sees tells whether an actor may see a silence. One of all environments
// concerns everybody who sees any of them.
func sees(actor access.Actor, x Silence) error {
	if x.Environment != "" {
		return access.Can(actor, access.Read, access.Scope{Tenant: x.Tenant, Environment: x.Environment})
	}
	return reads(actor, x.Tenant)
}

func reads(actor access.Actor, tenant string) error {
	if names, all := access.Environments(actor, access.Read, tenant); all || len(names) > 0 {
		return nil
	}
	return access.Can(actor, access.Read, access.Scope{Tenant: tenant})
}

// Silences lists those that the actor may see: those that hold, then those to
// come, then those that ended in the last 30 days.
func (s *Service) Silences(ctx context.Context, actor access.Actor, tenant string, now time.Time) ([]Silence, error) {
	if err := reads(actor, tenant); err != nil {
		return nil, err
	}
	d, err := s.desk(ctx, tenant, now)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(slices.Clone(d.silences), func(x Silence) bool {
		return sees(actor, x) != nil || x.To.Before(now.Add(-keepExpired))
	})
	d.mu.Unlock()
	SortSilences(out, now)
	return out, nil
}

// PutSilence makes a silence (ID is empty), or changes one. Owner is the
// actor's name where it is empty. What it returns may have another id than what
// was sent: a silence that has begun keeps its matchers, and another takes its
// place. It fails with respond.ErrInvalid, respond.ErrNotFound or
// access.ErrForbidden.
func (s *Service) PutSilence(ctx context.Context, actor access.Actor, x Silence, now time.Time) (Silence, error) {
	if err := access.Can(actor, access.Respond, access.Scope{Tenant: x.Tenant, Environment: x.Environment}); err != nil {
		return Silence{}, err
	}
	if x.Owner == "" {
		x.Owner = actor.Name
	}
	if x.From.IsZero() {
		x.From = now
	}
	d, err := s.desk(ctx, x.Tenant, now)
	if err != nil {
		return Silence{}, err
	}
	defer d.mu.Unlock()
	action, old := "silence.create", (*Silence)(nil)
	x.CreatedBy, x.CreatedAt, x.EndedBy = actor.ID, now, ""
	if x.ID != "" {
		was, err := d.visible(actor, x.Tenant, x.ID)
		if err != nil {
			return Silence{}, err
		}
		if err := access.Can(actor, access.Respond, access.Scope{Tenant: was.Tenant, Environment: was.Environment}); err != nil {
			return Silence{}, err
		}
		action, old = "silence.change", &was
	}
	list, err := Revise(old, x, now, uuid.NewString)
	if err != nil {
		return Silence{}, err
	}
	if old != nil && list[0].ID == old.ID {
		list[0].CreatedBy, list[0].CreatedAt = old.CreatedBy, old.CreatedAt
	}
	if len(list) > 1 {
		list[1].EndedBy = actor.Name
	}
	if err := d.room(list[0], now); err != nil {
		return Silence{}, err
	}
	return list[0], s.keep(ctx, d, actor, action, list, now)
}

// room refuses one more than a tenant may have.
func (d *desk) room(x Silence, now time.Time) error {
	live := 0
	for _, other := range d.silences {
		if other.ID != x.ID && other.State(now) != Expired {
			live++
		}
	}
	if live >= maxSilences {
		return fmt.Errorf("%w: there are %d silences already; expire some, or change the routes", respond.ErrInvalid, live)
	}
	return nil
}

// ExpireSilence ends a silence now. One that has ended is respond.ErrState.
func (s *Service) ExpireSilence(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (Silence, error) {
	d, err := s.desk(ctx, tenant, now)
	if err != nil {
		return Silence{}, err
	}
	defer d.mu.Unlock()
	x, err := d.visible(actor, tenant, id)
	if err != nil {
		return Silence{}, err
	}
	if err := access.Can(actor, access.Respond, access.Scope{Tenant: tenant, Environment: x.Environment}); err != nil {
		return Silence{}, err
	}
	ended, changed := Expire(x, now)
	if !changed {
		return x, fmt.Errorf("%w: the silence ended at %s", respond.ErrState, clock(x.To))
	}
	ended.EndedBy = actor.Name
	return ended, s.keep(ctx, d, actor, "silence.expire", []Silence{ended}, now)
}

// keep stores silences and then holds alerts against them.
func (s *Service) keep(ctx context.Context, d *desk, actor access.Actor, action string, list []Silence, now time.Time) error {
	var audit []access.Entry
	for n, x := range list {
		if n > 0 {
			action = "silence.expire" // the one that was replaced
		}
		audit = append(audit, access.Entry{ID: respond.NewID(), Tenant: x.Tenant, Environment: x.Environment, At: now, ActorKind: actor.Kind,
			ActorID: actor.ID, ActorName: actor.Name, Action: action, Object: x.ID, Detail: clipped(x.Matchers.String() + " " + x.Reason), Address: access.AddressFrom(ctx)})
	}
	if err := s.store.PutSilences(ctx, list, audit); err != nil {
		return err
	}
	next := slices.DeleteFunc(slices.Clone(d.silences), func(old Silence) bool {
		return old.To.Before(now.Add(-keepExpired)) || slices.ContainsFunc(list, func(x Silence) bool { return x.ID == old.ID })
	})
	d.silences = append(next, list...)
	return nil
}
