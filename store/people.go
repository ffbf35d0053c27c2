package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/access"
)

type userRow struct {
	bun.BaseModel `bun:"table:users"`

	ID       string `bun:"id,pk"`
	Name     string `bun:"name"`
	Password string `bun:"password"`
	Subject  string `bun:"subject"`
	Grants   string `bun:"grants"`
	Created  int64  `bun:"created"`
	Disabled int64  `bun:"disabled"` // 0 or 1
}

func readUser(r userRow) (access.User, error) {
	grants, err := unpack[[]access.Grant](r.Grants)
	return access.User{ID: r.ID, Name: r.Name, Password: r.Password, Subject: r.Subject, Grants: grants,
		Created: moment(r.Created), Disabled: r.Disabled != 0}, err
}

// User returns one by id, or access.ErrNotFound.
func (s *Store) User(ctx context.Context, id string) (access.User, error) {
	return s.user(ctx, "id = ?", id)
}

// UserByName returns one by login name, or access.ErrNotFound.
func (s *Store) UserByName(ctx context.Context, name string) (access.User, error) {
	return s.user(ctx, "name = ?", name)
}

// UserBySubject returns one by OIDC subject, or access.ErrNotFound.
func (s *Store) UserBySubject(ctx context.Context, subject string) (access.User, error) {
	if subject == "" {
		return access.User{}, fmt.Errorf("user: %w", access.ErrNotFound)
	}
	return s.user(ctx, "subject = ?", subject)
}

func (s *Store) user(ctx context.Context, where, value string) (access.User, error) {
	var row userRow
	err := s.one(ctx, "user", s.read.NewSelect().Model(&row).Where(where, plain(value)))
	if err != nil {
		return access.User{}, err
	}
	return readUser(row)
}

// one scans a single row, or fails with access.ErrNotFound. The error does not
// say what was looked for: it may be a secret's hash.
func (s *Store) one(ctx context.Context, what string, q *bun.SelectQuery) error {
	err := q.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s: %w", what, access.ErrNotFound)
	}
	return s.explain("read "+what, err)
}

// Users returns all, by name.
func (s *Store) Users(ctx context.Context) ([]access.User, error) {
	var rows []userRow
	if err := s.read.NewSelect().Model(&rows).Order("name").Scan(ctx); err != nil {
		return nil, s.explain("list users", err)
	}
	return convert(rows, readUser)
}

// SaveUser makes or changes one. It fails with access.ErrTaken where another
// has the name or the subject.
func (s *Store) SaveUser(ctx context.Context, u access.User, audit access.Entry) error {
	grants, err := pack(u.Grants)
	if err != nil {
		return err
	}
	row := userRow{ID: u.ID, Name: plain(u.Name), Password: u.Password, Subject: plain(u.Subject), Grants: grants,
		Created: micros(u.Created)}
	if u.Disabled {
		row.Disabled = 1
	}
	return s.change(ctx, "save user "+u.Name, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").
			Set("name = EXCLUDED.name").Set("password = EXCLUDED.password").Set("subject = EXCLUDED.subject").
			Set("grants = EXCLUDED.grants").Set("disabled = EXCLUDED.disabled").Exec(ctx)
		if err != nil {
			if kind(err) == duplicate {
				return access.ErrTaken
			}
			return err
		}
		return appendAudit(ctx, tx, audit)
	})
}

type sessionRow struct {
	bun.BaseModel `bun:"table:sessions"`

	Hash    string `bun:"hash,pk"`
	User    string `bun:"user_id"`
	Grants  string `bun:"grants"`
	Created int64  `bun:"created"`
	Expires int64  `bun:"expires"`
	Seen    int64  `bun:"seen"`
	Address string `bun:"address"`
	Agent   string `bun:"agent"`
}

// Session returns one by its hash, or access.ErrNotFound.
func (s *Store) Session(ctx context.Context, hash string) (access.Session, error) {
	var r sessionRow
	if err := s.one(ctx, "session", s.read.NewSelect().Model(&r).Where("hash = ?", plain(hash))); err != nil {
		return access.Session{}, err
	}
	grants, err := unpack[[]access.Grant](r.Grants)
	return access.Session{Hash: r.Hash, User: r.User, Grants: grants, Created: moment(r.Created),
		Expires: moment(r.Expires), Seen: moment(r.Seen), Address: r.Address, Agent: r.Agent}, err
}

// SaveSession makes a session.
func (s *Store) SaveSession(ctx context.Context, v access.Session, audit access.Entry) error {
	grants, err := pack(v.Grants)
	if err != nil {
		return err
	}
	row := sessionRow{Hash: v.Hash, User: v.User, Grants: grants, Created: micros(v.Created), Expires: micros(v.Expires),
		Seen: micros(v.Seen), Address: plain(v.Address), Agent: plain(v.Agent)}
	return s.change(ctx, "save session", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (hash) DO UPDATE").
			Set("grants = EXCLUDED.grants").Set("expires = EXCLUDED.expires").Set("seen = EXCLUDED.seen").
			Set("address = EXCLUDED.address").Set("agent = EXCLUDED.agent").Exec(ctx)
		if err != nil {
			return err
		}
		return appendAudit(ctx, tx, audit)
	})
}

// TouchSession notes when a session was last used.
func (s *Store) TouchSession(ctx context.Context, hash string, seen time.Time) error {
	return s.change(ctx, "touch session", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*sessionRow)(nil)).Set("seen = ?", micros(seen)).Where("hash = ?", hash).Exec(ctx)
		return err
	})
}

// DeleteSession ends a session; one that has ended already is no error.
func (s *Store) DeleteSession(ctx context.Context, hash string, audit access.Entry) error {
	return s.change(ctx, "delete session", func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("hash = ?", hash).Exec(ctx); err != nil {
			return err
		}
		return appendAudit(ctx, tx, audit)
	})
}

// DeleteUserSessions ends all sessions of a user.
func (s *Store) DeleteUserSessions(ctx context.Context, user string) error {
	return s.change(ctx, "end the sessions of a user", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("user_id = ?", user).Exec(ctx)
		return err
	})
}

type linkRow struct {
	bun.BaseModel `bun:"table:login_links"`

	Hash    string `bun:"hash,pk"`
	User    string `bun:"user_id"`
	Expires int64  `bun:"expires"`
}

// SaveLoginLink makes a link.
func (s *Store) SaveLoginLink(ctx context.Context, l access.LoginLink) error {
	row := linkRow{Hash: l.Hash, User: l.User, Expires: micros(l.Expires)}
	return s.change(ctx, "save login link", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
}

// TakeLoginLink returns a link and removes it, so that it works once however
// many ask at the same time.
func (s *Store) TakeLoginLink(ctx context.Context, hash string) (access.LoginLink, error) {
	var row linkRow
	err := s.change(ctx, "take login link", func(ctx context.Context, tx bun.Tx) error {
		err := tx.NewDelete().Model(&row).Where("hash = ?", plain(hash)).Returning("*").Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return access.ErrNotFound
		}
		return err
	})
	return access.LoginLink{Hash: row.Hash, User: row.User, Expires: moment(row.Expires)}, err
}
