// Package access says who may do what.
//
// A Tenant is a customer or a business unit; every row that Evenkeel keeps
// belongs to one. An Actor is whoever asks: a person with a session, a program
// with an API token, or Evenkeel itself. Can is the only place where a
// permission is decided; everything else calls it. Each write leaves an Entry
// in the audit log, in the same transaction as the write.
//
// Failure behaviour: what cannot be decided is refused. A refusal carries its
// reason, which may be shown to the person who was refused.
package access

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// DefaultTenant is the tenant of an installation that serves only its owner.
const DefaultTenant = "default"

// Any stands for every tenant or every environment in a Grant.
const Any = "*"

// Role is a named set of permissions. Each role has all of the one before it.
type Role string

const (
	Viewer    Role = "viewer"    // reads
	Responder Role = "responder" // acknowledges and accepts findings
	Operator  Role = "operator"  // changes what is watched, and how; takes backups
	Admin     Role = "admin"     // manages people, tokens and settings
)

// Permission is one kind of thing that can be done.
type Permission string

const (
	Read    Permission = "read"    // see anything but the audit log and people
	Respond Permission = "respond" // acknowledge, accept and reopen findings
	Operate Permission = "operate" // change probes, targets, settings; take backups
	Write   Permission = "write"   // send samples (remote write)
	Manage  Permission = "manage"  // people, tokens, the audit log
)

var permissions = map[Role][]Permission{
	Viewer:    {Read},
	Responder: {Read, Respond},
	Operator:  {Read, Respond, Operate, Write},
	Admin:     {Read, Respond, Operate, Write, Manage},
}

// Grant gives a role in one tenant and one environment, or in Any.
type Grant struct {
	Tenant      string `json:"tenant"`
	Environment string `json:"environment"`
	Role        Role   `json:"role"`
}

// ActorKind tells people from programs.
type ActorKind string

const (
	Person  ActorKind = "person"
	Program ActorKind = "token"
	System  ActorKind = "system"
)

// Actor is who asks. Scopes, where not nil, narrows what the grants allow: a
// token made for reading stays a token for reading in an admin's hands.
type Actor struct {
	Kind   ActorKind    `json:"kind"`
	ID     string       `json:"id"`   // user or token id
	Name   string       `json:"name"` // for people to read
	Grants []Grant      `json:"grants"`
	Scopes []Permission `json:"scopes,omitempty"`
}

// Evenkeel is the actor of what the product does by itself in a tenant.
func Evenkeel(tenant string) Actor {
	return Actor{Kind: System, ID: "evenkeel", Name: "Evenkeel",
		Grants: []Grant{{Tenant: tenant, Environment: Any, Role: Admin}}}
}

// Scope is where something is done. An empty Environment means the tenant as
// a whole, which only a grant for Any environment covers.
type Scope struct {
	Tenant      string
	Environment string
}

// ErrForbidden is wrapped by every refusal of Can.
var ErrForbidden = errors.New("not allowed")

// Can decides whether the actor may do p within scope. It returns nil, or an
// error that wraps ErrForbidden and gives the reason.
func Can(a Actor, p Permission, scope Scope) error {
	if scope.Tenant == "" {
		return fmt.Errorf("%w: no tenant was named", ErrForbidden)
	}
	if a.Scopes != nil && !slices.Contains(a.Scopes, p) {
		return fmt.Errorf("%w: this token has no scope %q", ErrForbidden, p)
	}
	for _, g := range a.Grants {
		if g.Tenant != Any && g.Tenant != scope.Tenant {
			continue
		}
		if g.Environment != Any && (scope.Environment == "" || g.Environment != scope.Environment) {
			continue
		}
		if slices.Contains(permissions[g.Role], p) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s needs the permission %q here", ErrForbidden, a.Name, p)
}

// Environments returns the environments of a tenant in which the actor holds
// p, and whether that is all of them. Lists use it to show only what may be
// seen.
func Environments(a Actor, p Permission, tenant string) (names []string, all bool) {
	if a.Scopes != nil && !slices.Contains(a.Scopes, p) {
		return nil, false
	}
	for _, g := range a.Grants {
		if g.Tenant != Any && g.Tenant != tenant || !slices.Contains(permissions[g.Role], p) {
			continue
		}
		if g.Environment == Any {
			return nil, true
		}
		if !slices.Contains(names, g.Environment) {
			names = append(names, g.Environment)
		}
	}
	return names, false
}

// Narrow narrows the environments of a tenant that are asked for to those in
// which the actor holds p. Nil names mean all; any is false where nothing is
// left. An actor who holds p nowhere in the tenant is refused.
func Narrow(a Actor, p Permission, tenant string, asked []string) (names []string, any bool, err error) {
	names, all := Environments(a, p, tenant)
	if all {
		return asked, true, nil
	}
	if len(names) == 0 {
		return nil, false, Can(a, p, Scope{Tenant: tenant})
	}
	if len(asked) > 0 {
		names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(asked, n) })
	}
	return names, len(names) > 0, nil
}

// Entry is one line of the audit log: who did what to what, when and from
// where. Detail never holds a secret.
type Entry struct {
	ID          string    `json:"id"`
	Tenant      string    `json:"tenant"`
	Environment string    `json:"environment,omitempty"`
	At          time.Time `json:"at"`
	ActorKind   ActorKind `json:"actorKind"`
	ActorID     string    `json:"actorId"`
	ActorName   string    `json:"actorName"`
	Action      string    `json:"action"` // for example "finding.accept"
	Object      string    `json:"object"` // id of what was written
	Detail      string    `json:"detail,omitempty"`
	Address     string    `json:"address,omitempty"` // client address, where there was one
}
