package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/oncall"
)

type scheduleRow struct {
	bun.BaseModel `bun:"table:schedules"`

	Tenant   string `bun:"tenant,pk"`
	ID       string `bun:"id,pk"`
	Revision int64  `bun:"revision"`
	Body     string `bun:"body"`
}

type overrideRow struct {
	bun.BaseModel `bun:"table:overrides"`

	Tenant   string `bun:"tenant,pk"`
	ID       string `bun:"id,pk"`
	Schedule string `bun:"schedule"`
	EndsAt   int64  `bun:"ends_at"`
	Body     string `bun:"body"`
}

type feedRow struct {
	bun.BaseModel `bun:"table:oncall_feeds"`

	Tenant string `bun:"tenant,pk"`
	Kind   string `bun:"kind,pk"`
	Of     string `bun:"of_id,pk"`
	Hash   string `bun:"hash"`
	MadeAt int64  `bun:"made_at"`
	MadeBy string `bun:"made_by"`
}

// Schedules returns a tenant's schedules, by id.
func (s *Store) Schedules(ctx context.Context, tenant string) ([]oncall.Schedule, error) {
	var rows []scheduleRow
	if err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Order("id").Scan(ctx); err != nil {
		return nil, s.explain("read schedules", err)
	}
	return convert(rows, func(r scheduleRow) (oncall.Schedule, error) {
		v, err := unpack[oncall.Schedule](r.Body)
		v.Revision = r.Revision
		return v, err
	})
}

// Overrides returns a tenant's overrides that end after a time, the newest made
// first.
func (s *Store) Overrides(ctx context.Context, tenant string, endAfter time.Time, limit int) ([]oncall.Override, error) {
	var rows []overrideRow
	err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("ends_at > ?", micros(endAfter)).Order("id DESC").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, s.explain("read overrides", err)
	}
	return convert(rows, func(r overrideRow) (oncall.Override, error) { return unpack[oncall.Override](r.Body) })
}

// Feed returns the feed whose token has a hash, or respond.ErrNotFound.
func (s *Store) Feed(ctx context.Context, hash string) (oncall.Feed, error) {
	var r feedRow
	err := s.read.NewSelect().Model(&r).Where("hash = ?", hash).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return oncall.Feed{}, fmt.Errorf("%w: no such calendar", respond.ErrNotFound)
	}
	if err != nil {
		return oncall.Feed{}, s.explain("read a feed", err)
	}
	return oncall.Feed{Tenant: r.Tenant, Kind: oncall.FeedKind(r.Kind), Of: r.Of, Hash: r.Hash, MadeAt: moment(r.MadeAt), MadeBy: r.MadeBy}, nil
}

// ApplyOnCall stores a change in one transaction.
func (s *Store) ApplyOnCall(ctx context.Context, c oncall.Change) error {
	return s.change(ctx, "store who is on call", func(ctx context.Context, tx bun.Tx) error {
		for _, v := range c.Schedules {
			if err := putSchedule(ctx, tx, v); err != nil {
				return err
			}
		}
		if c.Schedule != "" {
			if err := removeSchedule(ctx, tx, c.Tenant, c.Schedule); err != nil {
				return err
			}
		}
		if c.Override != "" {
			q := tx.NewDelete().Model((*overrideRow)(nil)).Where("tenant = ?", c.Tenant).Where("id = ?", plain(c.Override))
			if err := removedOne(ctx, q, "override "+c.Override); err != nil {
				return err
			}
		}
		for _, o := range c.Overrides {
			body, err := pack(o)
			if err != nil {
				return err
			}
			row := overrideRow{Tenant: o.Tenant, ID: plain(o.ID), Schedule: plain(o.Schedule), EndsAt: micros(o.To), Body: body}
			if _, err := tx.NewInsert().Model(&row).On("CONFLICT (tenant, id) DO UPDATE").Set("ends_at = EXCLUDED.ends_at").Set("body = EXCLUDED.body").Exec(ctx); err != nil {
				return err
			}
		}
		for _, f := range c.Feeds {
			row := feedRow{Tenant: f.Tenant, Kind: string(f.Kind), Of: plain(f.Of), Hash: f.Hash, MadeAt: micros(f.MadeAt), MadeBy: plain(f.MadeBy)}
			if _, err := tx.NewInsert().Model(&row).On("CONFLICT (tenant, kind, of_id) DO UPDATE").
				Set("hash = EXCLUDED.hash").Set("made_at = EXCLUDED.made_at").Set("made_by = EXCLUDED.made_by").Exec(ctx); err != nil {
				return err
			}
		}
		for _, e := range c.Audit {
			if err := appendAudit(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func putSchedule(ctx context.Context, tx bun.Tx, v oncall.Schedule) error {
	body, err := pack(v)
	if err != nil {
		return err
	}
	row := scheduleRow{Tenant: v.Tenant, ID: plain(v.ID), Revision: v.Revision, Body: body}
	if v.Revision > 1 {
		result, err := tx.NewUpdate().Model(&row).WherePK().Where("revision = ?", v.Revision-1).Exec(ctx)
		return changedOne(result, err, v.ID)
	}
	result, err := tx.NewInsert().Model(&row).On("CONFLICT (tenant, id) DO NOTHING").Exec(ctx)
	return changedOne(result, err, v.ID)
}

func changedOne(result sql.Result, err error, id string) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return fmt.Errorf("%w: schedule %s", respond.ErrConflict, id)
}

func removeSchedule(ctx context.Context, tx bun.Tx, tenant, id string) error {
	if err := removedOne(ctx, tx.NewDelete().Model((*scheduleRow)(nil)).Where("tenant = ?", tenant).Where("id = ?", plain(id)), "schedule "+id); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*overrideRow)(nil)).Where("tenant = ?", tenant).Where("schedule = ?", plain(id)).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewDelete().Model((*feedRow)(nil)).Where("tenant = ?", tenant).Where("kind = ?", string(oncall.ScheduleFeed)).Where("of_id = ?", plain(id)).Exec(ctx)
	return err
}

func removedOne(ctx context.Context, q *bun.DeleteQuery, what string) error {
	result, err := q.Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return fmt.Errorf("%w: %s", respond.ErrNotFound, what)
}

// PruneOnCall deletes overrides that ended before the time.
func (s *Store) PruneOnCall(ctx context.Context, before time.Time) error {
	return s.change(ctx, "prune overrides", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewDelete().Model((*overrideRow)(nil)).Where("ends_at < ?", micros(before)).Exec(ctx)
		return err
	})
}
