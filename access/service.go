package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// How long a session lasts without use, and at the most.
const (
	SessionIdle = 7 * 24 * time.Hour
	SessionMax  = 30 * 24 * time.Hour
	// touchEvery bounds how often the last use of a session or a token is
	// written, so that reading a page is not a write.
	touchEvery = time.Minute
)

// AdminName is the user that exists from the first start.
const AdminName = "admin"

// ErrLogin is returned for every login that fails, whatever the reason, so
// that the answer does not tell who exists.
var ErrLogin = errors.New("the name or the password is not right")

// ErrLink is returned for a one-time link that is unknown, used or too old.
var ErrLink = errors.New("this link has been used or is too old; 'evenkeel login' prints a new one")

// ErrSession is returned for a session or a token that is unknown, ended or
// of a user who is disabled.
var ErrSession = errors.New("not logged in")

// Service lets people and programs in. It is safe for concurrent use.
type Service struct {
	store Store
	log   *slog.Logger
	now   func() time.Time

	logins throttle

	mu        sync.Mutex
	temporary map[string]Actor // tokens that live as long as this process, by hash
}

// NewService returns a service over a store. Now is the clock.
func NewService(store Store, log *slog.Logger, now func() time.Time) *Service {
	return &Service{store: store, log: log, now: now, temporary: map[string]Actor{}}
}

// EnsureAdmin makes the first user, who has no password and logs in by link.
func (s *Service) EnsureAdmin(ctx context.Context) error {
	_, err := s.store.UserByName(ctx, AdminName)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	u := User{ID: ulid.Make().String(), Name: AdminName, Created: s.now(),
		Grants: []Grant{{Tenant: Any, Environment: Any, Role: Admin}}}
	return s.store.SaveUser(ctx, u, s.entry(ctx, Evenkeel(DefaultTenant), "user.create", u.ID, AdminName+", at the first start"))
}

// AddTemporaryToken lets a token in as an admin until the process ends. Only
// its hash is kept, in memory. Name says in the audit log who it was.
func (s *Service) AddTemporaryToken(name, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.temporary[hashSecret(token)] = Actor{Kind: Program, ID: name, Name: name,
		Grants: []Grant{{Tenant: Any, Environment: Any, Role: Admin}}}
}

// TokenActor returns who a bearer token stands for, or ErrSession.
func (s *Service) TokenActor(ctx context.Context, token string) (Actor, error) {
	hash := hashSecret(token)
	s.mu.Lock()
	actor, ok := s.temporary[hash]
	s.mu.Unlock()
	if ok {
		return actor, nil
	}
	t, err := s.store.Token(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		return Actor{}, ErrSession
	}
	if err != nil {
		return Actor{}, err
	}
	now := s.now()
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Actor{}, ErrSession
	}
	if now.Sub(t.Seen) > touchEvery {
		if err := s.store.TouchToken(ctx, t.ID, now); err != nil {
			return Actor{}, err
		}
	}
	return Actor{Kind: Program, ID: t.ID, Name: t.Name, Grants: t.Grants, Scopes: t.Scopes}, nil
}

// SessionActor returns who a session's secret stands for, or ErrSession.
func (s *Service) SessionActor(ctx context.Context, secret string) (Actor, error) {
	v, err := s.store.Session(ctx, hashSecret(secret))
	if errors.Is(err, ErrNotFound) {
		return Actor{}, ErrSession
	}
	if err != nil {
		return Actor{}, err
	}
	now := s.now()
	if !now.Before(v.Expires) || now.Sub(v.Seen) > SessionIdle {
		return Actor{}, ErrSession
	}
	u, err := s.store.User(ctx, v.User)
	if errors.Is(err, ErrNotFound) || err == nil && u.Disabled {
		return Actor{}, ErrSession
	}
	if err != nil {
		return Actor{}, err
	}
	if now.Sub(v.Seen) > touchEvery {
		if err := s.store.TouchSession(ctx, v.Hash, now); err != nil {
			return Actor{}, err
		}
	}
	return person(u, v.Grants), nil
}

func person(u User, sessionGrants []Grant) Actor {
	a := Actor{Kind: Person, ID: u.ID, Name: u.Name, Grants: u.Grants}
	if sessionGrants != nil {
		a.Grants = sessionGrants
	}
	return a
}

// PersonActor is a person whom another system vouches for, with their own
// grants; ErrSession where there is none, or one who is locked out.
func (s *Service) PersonActor(ctx context.Context, id string) (Actor, error) {
	u, err := s.store.User(ctx, id)
	if errors.Is(err, ErrNotFound) || err == nil && u.Disabled {
		return Actor{}, ErrSession
	}
	return person(u, nil), err
}

// Audit lists the audit log for who may see it.
func (s *Service) Audit(ctx context.Context, actor Actor, f AuditFilter) (AuditPage, error) {
	if err := Can(actor, Manage, Scope{Tenant: f.Tenant}); err != nil {
		return AuditPage{}, err
	}
	return s.store.Audit(ctx, f)
}

// RecordAudit notes a write that no Store of a domain package records itself,
// such as a backup.
func (s *Service) RecordAudit(ctx context.Context, actor Actor, action, object, detail string) error {
	return s.store.AppendAudit(ctx, s.entry(ctx, actor, action, object, detail))
}

// Prune deletes ended sessions and links, and audit entries before the time.
func (s *Service) Prune(ctx context.Context, now, auditBefore time.Time) error {
	return s.store.PruneAccess(ctx, now, auditBefore)
}

// entry is an audit entry of the installation as a whole: people and tokens
// belong to all tenants and are managed in the default one.
func (s *Service) entry(ctx context.Context, actor Actor, action, object, detail string) Entry {
	return Entry{ID: ulid.Make().String(), Tenant: DefaultTenant, At: s.now(),
		ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name,
		Action: action, Object: object, Detail: detail, Address: AddressFrom(ctx)}
}

// manage is what everything about people and tokens needs.
func manage(actor Actor) error { return Can(actor, Manage, Scope{Tenant: DefaultTenant}) }

// managePeople is what making or changing a person needs. Their rights may be
// wider than a token's scopes, so a token with scopes would escape them so.
func managePeople(actor Actor) error {
	if actor.Scopes != nil {
		return fmt.Errorf("%w: a token with scopes does not manage people", ErrForbidden)
	}
	return manage(actor)
}

// administers says whether the actor may give rights in a tenant.
func administers(actor Actor, tenant string) bool {
	return actor.Kind == System || slices.ContainsFunc(actor.Grants, func(g Grant) bool {
		return g.Role == Admin && g.Environment == Any && (g.Tenant == Any || g.Tenant == tenant)
	})
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}
