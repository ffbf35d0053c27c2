package access

import (
	"context"
	"errors"
	"time"
)

// User is a person who can log in.
type User struct {
	ID       string
	Name     string // login name, unique in the installation
	Password string // argon2id in PHC form; empty: no login by password
	Subject  string // "issuer|sub" of an OIDC login; empty for local users
	Grants   []Grant
	Created  time.Time
	Disabled bool
}

// Session is a person's login in one browser.
type Session struct {
	Hash    string  // SHA-256 of the cookie's value, in hex
	User    string  // user id
	Grants  []Grant // from OIDC groups; nil: the user's own
	Created time.Time
	Expires time.Time
	Seen    time.Time
	Address string
	Agent   string
}

// Token lets a program in.
type Token struct {
	ID      string
	Hash    string // SHA-256 of the secret, in hex
	Name    string
	Grants  []Grant
	Scopes  []Permission
	Created time.Time
	Expires time.Time // zero: never
	By      string    // who made it
	Seen    time.Time
}

// LoginLink lets its holder in once.
type LoginLink struct {
	Hash    string // SHA-256 of the link's secret, in hex
	User    string
	Expires time.Time
}

// AuditFilter narrows the audit log, newest first.
type AuditFilter struct {
	Tenant   string // required
	Actor    string // actor id
	Action   string
	Object   string
	From, To time.Time
	Limit    int
	Cursor   string
}

// AuditPage is a part of the audit log.
type AuditPage struct {
	Entries []Entry `json:"entries"`
	Next    string  `json:"next,omitempty"`
}

// Store keeps people, sessions, tokens and the audit log. A write and its
// audit entry are stored in one transaction. All methods are safe for
// concurrent use.
type Store interface {
	User(ctx context.Context, id string) (User, error)
	UserByName(ctx context.Context, name string) (User, error)
	UserBySubject(ctx context.Context, subject string) (User, error)
	Users(ctx context.Context) ([]User, error)
	SaveUser(ctx context.Context, u User, audit Entry) error

	Session(ctx context.Context, hash string) (Session, error)
	SaveSession(ctx context.Context, s Session, audit Entry) error
	TouchSession(ctx context.Context, hash string, seen time.Time) error
	DeleteSession(ctx context.Context, hash string, audit Entry) error
	// DeleteUserSessions ends all sessions of a user.
	DeleteUserSessions(ctx context.Context, user string) error

	Token(ctx context.Context, hash string) (Token, error)
	Tokens(ctx context.Context) ([]Token, error)
	SaveToken(ctx context.Context, t Token, audit Entry) error
	DeleteToken(ctx context.Context, id string, audit Entry) error
	TouchToken(ctx context.Context, id string, seen time.Time) error

	SaveLoginLink(ctx context.Context, l LoginLink) error
	// TakeLoginLink returns a link and removes it, so that it works once.
	TakeLoginLink(ctx context.Context, hash string) (LoginLink, error)

	AppendAudit(ctx context.Context, e Entry) error
	Audit(ctx context.Context, f AuditFilter) (AuditPage, error)
	// PruneAccess deletes expired sessions and links, and audit entries
	// before the time.
	PruneAccess(ctx context.Context, now, auditBefore time.Time) error
}

var (
	// ErrNotFound is wrapped when there is no such user, session, token or link.
	ErrNotFound = errors.New("not found")
	// ErrTaken is wrapped when another user has the name or the subject.
	ErrTaken = errors.New("another user has this name")
	// ErrInvalid is wrapped when what was asked for cannot be right.
	ErrInvalid = errors.New("not valid")
)
