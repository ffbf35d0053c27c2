package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/status"
)

type statusRow struct {
	bun.BaseModel `bun:"table:status_records"`

	Tenant string `bun:"tenant,pk"`
	Kind   string `bun:"kind,pk"`
	Owner  string `bun:"owner,pk"`
	ID     string `bun:"id,pk"`
	At     int64  `bun:"at"`
	Body   string `bun:"body"`
}

// ApplyStatus stores a change in one transaction. What is removed goes first.
func (s *Store) ApplyStatus(ctx context.Context, c status.Change) error {
	messages, err := convert(c.Messages, writeMessage)
	if err != nil {
		return err
	}
	return s.change(ctx, "store what a status page is made of", func(ctx context.Context, tx bun.Tx) error {
		for _, r := range c.Remove {
			q := tx.NewDelete().Model((*statusRow)(nil)).Where("tenant = ?", c.Tenant).Where("kind = ?", string(r.Kind)).Where("owner = ?", plain(r.Owner))
			if r.ID != "" {
				q = q.Where("id = ?", plain(r.ID))
			}
			if _, err := q.Exec(ctx); err != nil {
				return err
			}
		}
		for _, r := range c.Put {
			if r.Kind == "page" {
				if err := nameFree(ctx, tx, c.Tenant, r.ID); err != nil {
					return err
				}
			}
			row := statusRow{Tenant: c.Tenant, Kind: string(r.Kind), Owner: plain(r.Owner), ID: plain(r.ID), At: micros(r.At), Body: string(r.Body)}
			if _, err := tx.NewInsert().Model(&row).On("CONFLICT (tenant, kind, owner, id) DO UPDATE").Set("at = EXCLUDED.at").Set("body = EXCLUDED.body").Exec(ctx); err != nil {
				return err
			}
		}
		if err := insertAll(ctx, tx, messages); err != nil {
			return err
		}
		var entries []ledgerRow
		for _, e := range c.Entries {
			entries = append(entries, writeEntry(e))
		}
		if err := insertAll(ctx, tx, entries); err != nil {
			return err
		}
		for _, e := range c.Audit {
			if err := appendAudit(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// nameFree tells whether a page's name is this tenant's or nobody's.
func nameFree(ctx context.Context, tx bun.Tx, tenant, slug string) error {
	n, err := tx.NewSelect().Model((*statusRow)(nil)).Where("kind = 'page'").Where("id = ?", plain(slug)).Where("tenant <> ?", tenant).Count(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%w: the name %s is taken; choose another one", respond.ErrConflict, slug)
	}
	return nil
}

// StatusRecords lists records of a kind by owner, time and id.
func (s *Store) StatusRecords(ctx context.Context, tenant string, kind status.Kind, owner string) ([]status.Record, error) {
	var rows []statusRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("kind = ?", string(kind)).Order("owner", "at", "id")
	if owner != "" {
		q = q.Where("owner = ?", plain(owner))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.explain("read what status pages are made of", err)
	}
	return convert(rows, func(r statusRow) (status.Record, error) {
		return status.Record{Tenant: r.Tenant, Kind: status.Kind(r.Kind), Owner: r.Owner, ID: r.ID, At: moment(r.At), Body: []byte(r.Body)}, nil
	})
}
