package access

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// Browser is what is known of where a login comes from.
type Browser struct {
	Address string
	Agent   string
}

// maxGivenName bounds, in bytes, a name that an identity provider gives.
const maxGivenName = 70

// maxAgent bounds what is kept of a browser's own name.
const maxAgent = 200

// Login opens a session by name and password and returns its secret. It fails
// with ErrLogin, or with a TooManyError after too many failures of the name or
// from the address.
func (s *Service) Login(ctx context.Context, name, password string, from Browser) (secret string, err error) {
	now := s.now()
	byName, byPlace := "name:"+hashSecret(name), "address:"+from.Address // hashed: as long as anybody likes
	if err := s.logins.take(byName, throttleByName, now); err != nil {
		return "", err
	}
	if err := s.logins.take(byPlace, throttleByPlace, now); err != nil {
		return "", err
	}
	u, ok, err := s.verify(ctx, name, password)
	if err != nil {
		s.logins.give(byName)
		s.logins.give(byPlace)
		return "", err
	}
	if !ok {
		return "", ErrLogin
	}
	s.logins.forget(byName)
	s.logins.give(byPlace)
	return s.open(ctx, u, nil, from, "password")
}

// verify says whether the password is the user's. It takes as long for a name
// that nobody has.
func (s *Service) verify(ctx context.Context, name, password string) (u User, ok bool, err error) {
	if checkName(name) == nil {
		if u, err = s.store.UserByName(ctx, name); err != nil && !errors.Is(err, ErrNotFound) {
			return u, false, err
		}
	}
	ok, err = checkPassword(ctx, u.Password, password)
	return u, ok && !u.Disabled, err
}

// NewLoginLink returns the secret of a link that lets the user in once. It is
// for who may manage people, and for Evenkeel itself.
func (s *Service) NewLoginLink(ctx context.Context, actor Actor, userName string, ttl time.Duration) (secret string, err error) {
	if err := managePeople(actor); err != nil {
		return "", err
	}
	if ttl < time.Minute || ttl > 24*time.Hour {
		return "", invalid("a login link lasts between one minute and one day")
	}
	u, err := s.store.UserByName(ctx, userName)
	if err != nil {
		return "", err
	}
	secret = NewSecret()
	err = s.store.SaveLoginLink(ctx, LoginLink{Hash: hashSecret(secret), User: u.ID, Expires: s.now().Add(ttl)})
	if err != nil {
		return "", err
	}
	return secret, s.RecordAudit(ctx, actor, "login-link.create", u.ID, u.Name)
}

// TakeLink opens a session by a one-time link, or fails with ErrLink.
func (s *Service) TakeLink(ctx context.Context, link string, from Browser) (secret string, err error) {
	l, err := s.store.TakeLoginLink(ctx, hashSecret(link))
	if errors.Is(err, ErrNotFound) || err == nil && !s.now().Before(l.Expires) {
		return "", ErrLink
	}
	if err != nil {
		return "", err
	}
	u, err := s.store.User(ctx, l.User)
	if err != nil || u.Disabled {
		return "", ErrLink
	}
	return s.open(ctx, u, nil, from, "one-time link")
}

// LoginBySubject opens a session for somebody whom an identity provider
// vouches for, and makes the user at the first login. Grants hold for this
// session: they come from the groups that the provider named just now.
func (s *Service) LoginBySubject(ctx context.Context, subject, name string, grants []Grant, from Browser) (secret string, err error) {
	u, err := s.store.UserBySubject(ctx, subject)
	if errors.Is(err, ErrNotFound) {
		u = User{ID: ulid.Make().String(), Name: presentable(name), Subject: subject, Created: s.now()}
		switch _, free := s.store.UserByName(ctx, u.Name); {
		case free == nil:
			u.Name += " (" + u.ID[len(u.ID)-6:] + ")"
		case !errors.Is(free, ErrNotFound):
			return "", free
		}
		err = s.store.SaveUser(ctx, u, s.entry(ctx, Actor{Kind: Person, ID: u.ID, Name: u.Name}, "user.create", u.ID, u.Name+", at the first login by the identity provider"))
	}
	if err != nil {
		return "", err
	}
	if u.Disabled {
		return "", ErrLogin
	}
	return s.open(ctx, u, grants, from, "identity provider")
}

// presentable makes a name that a provider gives fit to be shown and kept.
func presentable(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name))
	for len(name) > maxGivenName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name == "" {
		return "somebody"
	}
	return strings.TrimSpace(name)
}

func (s *Service) open(ctx context.Context, u User, grants []Grant, from Browser, how string) (string, error) {
	secret, now := NewSecret(), s.now()
	if len(from.Agent) > maxAgent {
		from.Agent = from.Agent[:maxAgent]
	}
	v := Session{Hash: hashSecret(secret), User: u.ID, Grants: grants, Created: now, Seen: now,
		Expires: now.Add(SessionMax), Address: from.Address, Agent: from.Agent}
	return secret, s.store.SaveSession(ctx, v, s.entry(ctx, person(u, grants), "session.open", u.ID, "by "+how))
}

// Logout ends a session. One that is not there is none that needs ending.
func (s *Service) Logout(ctx context.Context, secret string) error {
	actor, err := s.SessionActor(ctx, secret)
	if errors.Is(err, ErrSession) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.store.DeleteSession(ctx, hashSecret(secret), s.entry(ctx, actor, "session.close", actor.ID, ""))
}
