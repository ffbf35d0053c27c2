package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/intake"
)

type heardRow struct {
	bun.BaseModel `bun:"table:intake_sources"`

	Tenant string `bun:"tenant,pk"`
	Kind   string `bun:"kind,pk"`
	ID     string `bun:"id,pk"`
	Body   string `bun:"body"`
}

// HeardOf returns all that is kept of a tenant's sources.
func (s *Store) HeardOf(ctx context.Context, tenant string) ([]intake.Heard, error) {
	var rows []heardRow
	if err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Order("kind", "id").Scan(ctx); err != nil {
		return nil, s.explain("read what sources said", err)
	}
	return convert(rows, func(r heardRow) (intake.Heard, error) {
		h, err := unpack[intake.Heard](r.Body)
		h.Tenant, h.Kind, h.ID = r.Tenant, intake.Kind(r.Kind), r.ID
		return h, err
	})
}

// PutHeard stores what was heard of sources, over what was kept.
func (s *Store) PutHeard(ctx context.Context, list []intake.Heard) error {
	rows := make([]heardRow, 0, len(list))
	for _, h := range list {
		body, err := pack(h)
		if err != nil {
			return err
		}
		rows = append(rows, heardRow{Tenant: h.Tenant, Kind: string(h.Kind), ID: plain(h.ID), Body: body})
	}
	if len(rows) == 0 {
		return nil
	}
	return s.change(ctx, "store what sources said", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&rows).On("CONFLICT (tenant, kind, id) DO UPDATE").Set("body = EXCLUDED.body").Exec(ctx)
		return err
	})
}

// StandingAlerts lists those of a tenant's alerts that are not over by their
// ids.
func (s *Store) StandingAlerts(ctx context.Context, tenant, after string, limit int) ([]respond.Standing, error) {
	var rows []alertRow
	err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("ended_at = 0").Where("id > ?", plain(after)).
		Order("id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, s.explain("list the alerts that stand", err)
	}
	return convert(rows, readAlert)
}
