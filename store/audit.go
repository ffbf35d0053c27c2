package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/access"
)

type auditRow struct {
	bun.BaseModel `bun:"table:audit"`

	ID          string `bun:"id,pk"`
	Tenant      string `bun:"tenant"`
	Environment string `bun:"environment"`
	At          int64  `bun:"at"`
	ActorKind   string `bun:"actor_kind"`
	ActorID     string `bun:"actor_id"`
	ActorName   string `bun:"actor_name"`
	Action      string `bun:"action"`
	Object      string `bun:"object"`
	Detail      string `bun:"detail"`
	Address     string `bun:"address"`
	Place       []byte `bun:"place"`
}

// appendAudit writes an entry within the transaction of what it tells of.
func appendAudit(ctx context.Context, tx bun.Tx, e access.Entry) error {
	row := auditRow{ID: e.ID, Tenant: e.Tenant, Environment: e.Environment, At: micros(e.At),
		ActorKind: string(e.ActorKind), ActorID: e.ActorID, ActorName: plain(e.ActorName), Action: e.Action,
		Object: plain(e.Object), Detail: plain(e.Detail), Address: plain(e.Address), Place: newestFirst(e.At, e.ID)}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return err
}

// AppendAudit writes an entry of what needs no other write.
func (s *Store) AppendAudit(ctx context.Context, e access.Entry) error {
	return s.change(ctx, "write the audit log", func(ctx context.Context, tx bun.Tx) error {
		return appendAudit(ctx, tx, e)
	})
}

// Audit lists the audit log, newest first.
func (s *Store) Audit(ctx context.Context, f access.AuditFilter) (page access.AuditPage, err error) {
	after, err := parseCursor(auditList, f.Cursor)
	if err != nil {
		return page, invalid(access.ErrInvalid, err)
	}
	n := limit(f.Limit)
	var rows []auditRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ?", f.Tenant).Order("place").Limit(int64(n + 1))
	for column, value := range map[bun.Ident]string{"actor_id": f.Actor, "action": f.Action, "object": f.Object} {
		if value != "" {
			q = q.Where("? = ?", column, plain(value))
		}
	}
	if !f.From.IsZero() {
		q = q.Where("place < ?", newestFirst(f.From.Add(-time.Microsecond), ""))
	}
	if !f.To.IsZero() {
		q = q.Where("place >= ?", newestFirst(f.To, ""))
	}
	if after != nil {
		q = q.Where("place > ?", after)
	}
	if err := q.Scan(ctx); err != nil {
		return page, s.explain("list the audit log", err)
	}
	if len(rows) > n {
		rows = rows[:n]
		page.Next = cursor(auditList, rows[n-1].Place)
	}
	page.Entries, err = convert(rows, func(r auditRow) (access.Entry, error) {
		return access.Entry{ID: r.ID, Tenant: r.Tenant, Environment: r.Environment, At: moment(r.At),
			ActorKind: access.ActorKind(r.ActorKind), ActorID: r.ActorID, ActorName: r.ActorName, Action: r.Action,
			Object: r.Object, Detail: r.Detail, Address: r.Address}, nil
	})
	return page, err
}

// PruneAccess deletes sessions and links that have expired, and audit entries
// before the time.
func (s *Store) PruneAccess(ctx context.Context, now, auditBefore time.Time) error {
	return s.change(ctx, "prune sessions and the audit log", func(ctx context.Context, tx bun.Tx) error {
		for _, q := range []*bun.DeleteQuery{
			tx.NewDelete().Model((*sessionRow)(nil)).Where("expires <= ?", micros(now)),
			tx.NewDelete().Model((*linkRow)(nil)).Where("expires <= ?", micros(now)),
			tx.NewDelete().Model((*auditRow)(nil)).Where("at < ?", micros(auditBefore)),
		} {
			if _, err := q.Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
