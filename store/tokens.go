package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/access"
)

type tokenRow struct {
	bun.BaseModel `bun:"table:tokens"`

	ID      string `bun:"id,pk"`
	Hash    string `bun:"hash"`
	Name    string `bun:"name"`
	Grants  string `bun:"grants"`
	Scopes  string `bun:"scopes"`
	Created int64  `bun:"created"`
	Expires int64  `bun:"expires"`
	By      string `bun:"by_name"`
	Seen    int64  `bun:"seen"`
}

func readToken(r tokenRow) (access.Token, error) {
	grants, err := unpack[[]access.Grant](r.Grants)
	if err != nil {
		return access.Token{}, err
	}
	scopes, err := unpack[[]access.Permission](r.Scopes)
	return access.Token{ID: r.ID, Hash: r.Hash, Name: r.Name, Grants: grants, Scopes: scopes,
		Created: moment(r.Created), Expires: moment(r.Expires), By: r.By, Seen: moment(r.Seen)}, err
}

// Token returns one by its hash, or access.ErrNotFound.
func (s *Store) Token(ctx context.Context, hash string) (access.Token, error) {
	var row tokenRow
	if err := s.one(ctx, "token", s.read.NewSelect().Model(&row).Where("hash = ?", plain(hash))); err != nil {
		return access.Token{}, err
	}
	return readToken(row)
}

// Tokens returns all, by name.
func (s *Store) Tokens(ctx context.Context) ([]access.Token, error) {
	var rows []tokenRow
	if err := s.read.NewSelect().Model(&rows).Order("name", "id").Scan(ctx); err != nil {
		return nil, s.explain("list tokens", err)
	}
	return convert(rows, readToken)
}

// SaveToken makes or changes one.
func (s *Store) SaveToken(ctx context.Context, t access.Token, audit access.Entry) error {
	grants, err := pack(t.Grants)
	if err != nil {
		return err
	}
	scopes, err := pack(t.Scopes)
	if err != nil {
		return err
	}
	row := tokenRow{ID: t.ID, Hash: t.Hash, Name: plain(t.Name), Grants: grants, Scopes: scopes,
		Created: micros(t.Created), Expires: micros(t.Expires), By: plain(t.By), Seen: micros(t.Seen)}
	return s.change(ctx, "save token "+t.Name, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").
			Set("hash = EXCLUDED.hash").Set("name = EXCLUDED.name").Set("grants = EXCLUDED.grants").
			Set("scopes = EXCLUDED.scopes").Set("expires = EXCLUDED.expires").Exec(ctx)
		if err != nil {
			return err
		}
		return appendAudit(ctx, tx, audit)
	})
}

// DeleteToken takes a token back, or fails with access.ErrNotFound.
func (s *Store) DeleteToken(ctx context.Context, id string, audit access.Entry) error {
	return s.change(ctx, "delete token", func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewDelete().Model((*tokenRow)(nil)).Where("id = ?", plain(id)).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return access.ErrNotFound
		}
		return appendAudit(ctx, tx, audit)
	})
}

// TouchToken notes when a token was last used.
func (s *Store) TouchToken(ctx context.Context, id string, seen time.Time) error {
	return s.change(ctx, "touch token", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*tokenRow)(nil)).Set("seen = ?", micros(seen)).Where("id = ?", id).Exec(ctx)
		return err
	})
}
