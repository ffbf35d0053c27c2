package oncall

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// Store keeps schedules, overrides and feeds. All methods are safe for
// concurrent use.
type Store interface {
	// Schedules returns a tenant's schedules, by id.
	Schedules(ctx context.Context, tenant string) ([]Schedule, error)
	// Overrides returns a tenant's overrides that end after a time, the newest
	// made first.
	Overrides(ctx context.Context, tenant string, endAfter time.Time, limit int) ([]Override, error)
	// Feed returns the feed whose token has a hash, or respond.ErrNotFound.
	Feed(ctx context.Context, hash string) (Feed, error)
	// Policies and Contacts are those of respond.Store.
	Policies(ctx context.Context, tenant string) ([]respond.Policy, error)
	Contacts(ctx context.Context, tenant, person string) ([]respond.Contact, error)
	// ApplyOnCall stores a change in one transaction. It fails with
	// respond.ErrConflict, and stores nothing, where a schedule's revision is
	// not one above the stored one, and with respond.ErrNotFound where what is
	// to be removed is not there.
	ApplyOnCall(ctx context.Context, c Change) error
}

// Change is what is stored together.
type Change struct {
	Tenant    string
	Schedules []Schedule
	// Schedule and Override are ids of one to be removed; empty: none. With a
	// schedule go its overrides and its feed.
	Schedule, Override string
	Overrides          []Override
	Feeds              []Feed
	Audit              []access.Entry
}

// maxRead bounds the overrides that are read of a tenant.
const maxRead = 5000

// maxSchedules bounds the schedules of a tenant.
const maxSchedules = 500

// Options are what a Service works with.
type Options struct {
	// People returns the names of those who can log in, by their ids.
	People func(ctx context.Context, tenant string) (map[string]string, error)
	// FeedURL is where a calendar program finds a feed, by its token.
	FeedURL func(token string) string
}

// Service lets people manage schedules and ask them. It is safe for concurrent
// use.
type Service struct {
	store Store
	opt   Options
	// mu is held over reading, deciding and storing.
	mu sync.Mutex
}

// NewService returns a service over a store.
func NewService(store Store, opt Options) *Service { return &Service{store: store, opt: opt} }

// Roster reads a tenant's schedules, as they count from a time on.
func (s *Service) Roster(ctx context.Context, tenant string, from time.Time) (Roster, error) {
	schedules, err := s.store.Schedules(ctx, tenant)
	if err != nil {
		return Roster{}, err
	}
	overrides, err := s.store.Overrides(ctx, tenant, from, maxRead)
	if err != nil {
		return Roster{}, err
	}
	return NewRoster(schedules, overrides), nil
}

// may tells whether the actor holds a permission in the tenant. To change a
// schedule they must hold it in all of it; to read, or to take somebody's duty
// over, in one of its environments.
func may(actor access.Actor, p access.Permission, tenant string) error {
	if p != access.Operate {
		if names, all := access.Environments(actor, p, tenant); all || len(names) > 0 {
			return nil
		}
	}
	return access.Can(actor, p, access.Scope{Tenant: tenant})
}

// read is the roster for an actor who may read.
func (s *Service) read(ctx context.Context, actor access.Actor, tenant string, from time.Time) (Roster, error) {
	if err := may(actor, access.Read, tenant); err != nil {
		return Roster{}, err
	}
	return s.Roster(ctx, tenant, from)
}

// Schedules lists the schedules, by id.
func (s *Service) Schedules(ctx context.Context, actor access.Actor, tenant string) ([]Schedule, error) {
	if err := may(actor, access.Read, tenant); err != nil {
		return nil, err
	}
	return s.store.Schedules(ctx, tenant)
}

// Schedule returns one.
func (s *Service) Schedule(ctx context.Context, actor access.Actor, tenant, id string) (Schedule, error) {
	list, err := s.Schedules(ctx, actor, tenant)
	if err != nil {
		return Schedule{}, err
	}
	return find(list, id)
}

func find(list []Schedule, id string) (Schedule, error) {
	n := slices.IndexFunc(list, func(x Schedule) bool { return x.ID == id })
	if n < 0 {
		return Schedule{}, fmt.Errorf("%w: there is no schedule %q", respond.ErrNotFound, id)
	}
	return list[n], nil
}

// Now tells of every schedule who is on call at a time.
func (s *Service) Now(ctx context.Context, actor access.Actor, tenant string, at time.Time) ([]Standing, error) {
	r, err := s.read(ctx, actor, tenant, at)
	if err != nil {
		return nil, err
	}
	out := []Standing{}
	for _, rota := range r.All() {
		st, err := s.stands(ctx, rota, tenant, at)
		if err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, nil
}

// stands is how a schedule stands, with the names of its people.
func (s *Service) stands(ctx context.Context, rota *Rota, tenant string, at time.Time) (Standing, error) {
	st, err := rota.Stands(at)
	if err != nil {
		return st, err
	}
	people, err := s.opt.People(ctx, tenant)
	st.Names = map[string]string{}
	note := func(list []string) {
		for _, p := range list {
			if people[p] != "" {
				st.Names[p] = people[p]
			}
		}
	}
	note(rota.People())
	note(st.Next)
	for _, d := range st.Duties {
		note([]string{d.Person})
	}
	return st, err
}

// OnCall tells of one schedule who is on call at a time.
func (s *Service) OnCall(ctx context.Context, actor access.Actor, tenant, id string, at time.Time) (Standing, error) {
	r, err := s.read(ctx, actor, tenant, at)
	if err != nil {
		return Standing{}, err
	}
	rota, err := r.Rota(id)
	if err != nil {
		return Standing{}, err
	}
	return s.stands(ctx, rota, tenant, at)
}

// Shifts returns the shifts of a schedule between two times.
func (s *Service) Shifts(ctx context.Context, actor access.Actor, tenant, id string, from, to time.Time) ([]Shift, error) {
	r, err := s.read(ctx, actor, tenant, from)
	if err != nil {
		return nil, err
	}
	rota, err := r.Rota(id)
	if err != nil {
		return nil, err
	}
	list, err := rota.Final(from, to)
	if list == nil {
		list = []Shift{}
	}
	return list, err
}

// Overrides lists a tenant's overrides that end after a time, of one schedule
// where named, the first to begin first.
func (s *Service) Overrides(ctx context.Context, actor access.Actor, tenant, schedule string, endAfter time.Time) ([]Override, error) {
	if err := may(actor, access.Read, tenant); err != nil {
		return nil, err
	}
	list, err := s.store.Overrides(ctx, tenant, endAfter, maxRead)
	if err != nil {
		return nil, err
	}
	out := []Override{}
	for _, o := range list {
		if schedule == "" || o.Schedule == schedule {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b Override) int { return cmp.Or(a.From.Compare(b.From), strings.Compare(a.ID, b.ID)) })
	return out, nil
}

// Problems finds what will go wrong between two times.
func (s *Service) Problems(ctx context.Context, actor access.Actor, tenant string, from, to time.Time) ([]Problem, error) {
	r, err := s.read(ctx, actor, tenant, from)
	if err != nil {
		return nil, err
	}
	people, err := s.opt.People(ctx, tenant)
	if err != nil {
		return nil, err
	}
	contacts, err := s.store.Contacts(ctx, tenant, "")
	if err != nil {
		return nil, err
	}
	list, err := r.Problems(from, to, Known{
		Name:      func(p string) (string, bool) { name, ok := people[p]; return name, ok },
		Reachable: reachable(respond.NewBook(contacts)),
	})
	if list == nil {
		list = []Problem{}
	}
	return list, err
}

// reachable tells whether a page of high urgency would find a contact.
func reachable(b respond.Book) func(person string) (bool, []string) {
	return func(person string) (bool, []string) {
		ways, why := b.Usable(person, respond.High)
		return ways > 0, why
	}
}

// Fairness adds up everybody's load between two times.
func (s *Service) Fairness(ctx context.Context, actor access.Actor, tenant string, from, to time.Time) ([]Load, error) {
	r, err := s.read(ctx, actor, tenant, from)
	if err != nil {
		return nil, err
	}
	return r.Fairness(from, to)
}

// entry is the audit entry of what an actor did.
func entry(ctx context.Context, actor access.Actor, tenant, action, object, detail string, now time.Time) []access.Entry {
	return []access.Entry{{ID: ulid.Make().String(), Tenant: tenant, At: now, ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name,
		Action: action, Object: object, Detail: detail, Address: access.AddressFrom(ctx)}}
}

// reason checks what a person wrote to explain themselves.
func reason(text string) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n < 3 || n > 500 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", invalid("say why, in 3 to 500 characters")
	}
	return text, nil
}
