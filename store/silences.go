package store

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond/route"
)

var _ route.Store = (*Store)(nil)

type silenceRow struct {
	bun.BaseModel `bun:"table:silences"`

	ID     string `bun:"id,pk"`
	Tenant string `bun:"tenant"`
	EndsAt int64  `bun:"ends_at"`
	Body   string `bun:"body"`
}

func writeSilence(x route.Silence) (silenceRow, error) {
	body, err := pack(x)
	return silenceRow{ID: x.ID, Tenant: x.Tenant, EndsAt: micros(x.To), Body: body}, err
}

func readSilence(r silenceRow) (route.Silence, error) {
	x, err := unpack[route.Silence](r.Body)
	if err != nil {
		return x, fmt.Errorf("silence %s: %w", r.ID, err)
	}
	return x, nil
}

// Silences returns a tenant's silences that end at or after since.
func (s *Store) Silences(ctx context.Context, tenant string, since time.Time) ([]route.Silence, error) {
	var rows []silenceRow
	err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("ends_at >= ?", micros(since)).Order("id").Scan(ctx)
	if err != nil {
		return nil, s.explain("read silences", err)
	}
	return convert(rows, readSilence)
}

// PutSilences stores silences with their audit entries.
func (s *Store) PutSilences(ctx context.Context, list []route.Silence, audit []access.Entry) error {
	rows, err := convert(list, writeSilence)
	if err != nil {
		return err
	}
	return s.change(ctx, "store silences", func(ctx context.Context, tx bun.Tx) error {
		for n := range rows {
			if _, err := tx.NewInsert().Model(&rows[n]).On("CONFLICT (id) DO UPDATE").Set("ends_at = EXCLUDED.ends_at").
				Set("body = EXCLUDED.body").Where("silence_row.tenant = EXCLUDED.tenant").Exec(ctx); err != nil {
				return err
			}
		}
		for _, e := range audit {
			if err := appendAudit(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// PruneSilences deletes silences that ended before the time.
func (s *Store) PruneSilences(ctx context.Context, before time.Time) error {
	return s.change(ctx, "prune silences", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*silenceRow)(nil)).Where("ends_at < ?", micros(before)).Exec(ctx)
		return err
	})
}
