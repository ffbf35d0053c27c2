package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/oklog/ulid/v2"
)

// Users lists people for who may manage them.
func (s *Service) Users(ctx context.Context, actor Actor) ([]User, error) {
	if err := manage(actor); err != nil {
		return nil, err
	}
	return s.store.Users(ctx)
}

// Names returns the names of a tenant's people by their ids, for everybody who
// may read anything in it: who has taken something up is no secret among
// colleagues. Those who log in by an identity provider have their grants from
// there, so they count as everybody's colleagues.
func (s *Service) Names(ctx context.Context, actor Actor, tenant string) (map[string]string, error) {
	if names, all := Environments(actor, Read, tenant); !all && len(names) == 0 {
		return nil, Can(actor, Read, Scope{Tenant: tenant})
	}
	users, err := s.store.Users(ctx)
	out := make(map[string]string, len(users))
	for _, u := range users {
		here := slices.ContainsFunc(u.Grants, func(g Grant) bool { return g.Tenant == tenant || g.Tenant == Any })
		if !u.Disabled && (here || u.Subject != "") {
			out[u.ID] = u.Name
		}
	}
	return out, err
}

// CreateUser adds a person. Without a password they log in by link only.
func (s *Service) CreateUser(ctx context.Context, actor Actor, name, password string, grants []Grant) (User, error) {
	if err := managePeople(actor); err != nil {
		return User{}, err
	}
	if err := checkName(name); err != nil {
		return User{}, err
	}
	if err := checkGrants(actor, grants); err != nil {
		return User{}, err
	}
	u := User{ID: ulid.Make().String(), Name: name, Grants: grants, Created: s.now()}
	if password != "" {
		var err error
		if u.Password, err = hashPassword(ctx, password); err != nil {
			return User{}, err
		}
	}
	return u, s.store.SaveUser(ctx, u, s.entry(ctx, actor, "user.create", u.ID, name))
}

// SetPassword changes a person's password: their own, or anybody's for who
// may manage people.
func (s *Service) SetPassword(ctx context.Context, actor Actor, id, password string) error {
	if err := managePeople(actor); err != nil && (actor.Kind != Person || actor.ID != id) {
		return err
	}
	u, err := s.store.User(ctx, id)
	if err != nil {
		return err
	}
	if u.Subject != "" {
		return invalid("%s logs in by the identity provider; a password here would outlive an account that was closed there", u.Name)
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return err
	}
	// Whoever knew the old password may have a session by it.
	if err := s.store.DeleteUserSessions(ctx, id); err != nil {
		return err
	}
	return s.edit(ctx, actor, id, "user.password", "", func(u *User) { u.Password = hash })
}

// SetGrants changes what a person may do.
func (s *Service) SetGrants(ctx context.Context, actor Actor, id string, grants []Grant) error {
	if err := managePeople(actor); err != nil {
		return err
	}
	if err := checkGrants(actor, grants); err != nil {
		return err
	}
	if actor.ID == id {
		return invalid("nobody changes their own grants; ask another admin, so that there is always one")
	}
	return s.edit(ctx, actor, id, "user.grants", describe(grants), func(u *User) { u.Grants = grants })
}

// SetDisabled locks a person out, from the next request on, or lets them in
// again.
func (s *Service) SetDisabled(ctx context.Context, actor Actor, id string, disabled bool) error {
	if err := managePeople(actor); err != nil {
		return err
	}
	if actor.ID == id {
		return invalid("nobody locks themselves out; ask another admin")
	}
	action := "user.enable"
	if disabled {
		action = "user.disable"
	}
	return s.edit(ctx, actor, id, action, "", func(u *User) { u.Disabled = disabled })
}

func (s *Service) edit(ctx context.Context, actor Actor, id, action, detail string, change func(*User)) error {
	u, err := s.store.User(ctx, id)
	if err != nil {
		return err
	}
	change(&u)
	return s.store.SaveUser(ctx, u, s.entry(ctx, actor, action, id, strings.TrimSpace(u.Name+" "+detail)))
}

// Tokens lists API tokens, without their secrets, for who may manage them.
func (s *Service) Tokens(ctx context.Context, actor Actor) ([]Token, error) {
	if err := manage(actor); err != nil {
		return nil, err
	}
	return s.store.Tokens(ctx)
}

// CreateToken makes an API token. Its secret is returned this once and only
// its hash is kept. Scopes narrow the grants; none means all that they allow.
// A zero expires means never.
func (s *Service) CreateToken(ctx context.Context, actor Actor, name string, grants []Grant, scopes []Permission, expires time.Time) (string, Token, error) {
	if err := manage(actor); err != nil {
		return "", Token{}, err
	}
	if err := checkName(name); err != nil {
		return "", Token{}, err
	}
	if err := checkGrants(actor, grants); err != nil {
		return "", Token{}, err
	}
	for _, p := range scopes {
		if !slices.Contains(permissions[Admin], p) {
			return "", Token{}, invalid("scope %q is not one of %v", p, permissions[Admin])
		}
	}
	if !expires.IsZero() && !s.now().Before(expires) {
		return "", Token{}, invalid("the token would be expired already")
	}
	if len(scopes) == 0 {
		scopes = nil
	}
	if actor.Scopes != nil && (scopes == nil || slices.ContainsFunc(scopes, func(p Permission) bool { return !slices.Contains(actor.Scopes, p) })) {
		return "", Token{}, fmt.Errorf("%w: a token with scopes makes only tokens with no more than its own: %v", ErrForbidden, actor.Scopes)
	}
	secret := TokenPrefix + NewSecret()
	t := Token{ID: ulid.Make().String(), Hash: hashSecret(secret), Name: name, Grants: grants, Scopes: scopes,
		Created: s.now(), Expires: expires, By: actor.Name}
	if err := s.store.SaveToken(ctx, t, s.entry(ctx, actor, "token.create", t.ID, name+" "+describe(grants))); err != nil {
		return "", Token{}, err
	}
	return secret, t, nil
}

// RevokeToken ends an API token at once.
func (s *Service) RevokeToken(ctx context.Context, actor Actor, id string) error {
	if err := manage(actor); err != nil {
		return err
	}
	return s.store.DeleteToken(ctx, id, s.entry(ctx, actor, "token.revoke", id, ""))
}

func checkName(name string) error {
	if name == "" || len(name) > 80 || strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return invalid("a name has 1 to 80 printable characters and no space at its ends")
	}
	return nil
}

func checkGrants(actor Actor, grants []Grant) error {
	if len(grants) > 100 {
		return invalid("more than 100 grants")
	}
	for _, g := range grants {
		if _, ok := permissions[g.Role]; !ok {
			return invalid("role %q is not one of viewer, responder, operator, admin", g.Role)
		}
		if g.Tenant == "" || g.Environment == "" || len(g.Tenant) > 80 || len(g.Environment) > 80 {
			return invalid("a grant names a tenant and an environment; %q stands for all", Any)
		}
		if !administers(actor, g.Tenant) {
			return fmt.Errorf("%w: %s cannot give rights in the tenant %q", ErrForbidden, actor.Name, g.Tenant)
		}
	}
	return nil
}

func describe(grants []Grant) string {
	var parts []string
	for _, g := range grants {
		parts = append(parts, string(g.Role)+" in "+g.Tenant+"/"+g.Environment)
	}
	return strings.Join(parts, ", ")
}
