package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
)

// rowsAtOnce is how many rows go into one statement.
const rowsAtOnce = 200

// ApplyResponse stores a batch in one transaction.
func (s *Store) ApplyResponse(ctx context.Context, b respond.Batch) error {
	return s.change(ctx, "store incidents", func(ctx context.Context, tx bun.Tx) error {
		if err := applyAlerts(ctx, tx, b); err != nil {
			return err
		}
		if err := applyIncidents(ctx, tx, b.Decisions); err != nil {
			return err
		}
		var entries []ledgerRow
		for _, d := range b.Decisions {
			for _, e := range d.Entries {
				entries = append(entries, writeEntry(e))
			}
			if err := applyPages(ctx, tx, d); err != nil {
				return err
			}
			if err := applyTasks(ctx, tx, d.Tasks); err != nil {
				return err
			}
		}
		for _, e := range b.Entries {
			entries = append(entries, writeEntry(e))
		}
		if err := applyMessages(ctx, tx, b.Decisions); err != nil {
			return err
		}
		if err := insertAll(ctx, tx, entries); err != nil {
			return err
		}
		for _, e := range b.Audit {
			if err := appendAudit(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// insertAll inserts rows, many to a statement.
func insertAll[R any](ctx context.Context, tx bun.Tx, rows []R) error {
	for part := range slices.Chunk(rows, rowsAtOnce) {
		if _, err := tx.NewInsert().Model(&part).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func applyAlerts(ctx context.Context, tx bun.Tx, b respond.Batch) error {
	rows, err := convert(b.Alerts, writeAlert)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(rows, rowsAtOnce) {
		_, err := tx.NewInsert().Model(&part).On("CONFLICT (id) DO UPDATE").
			Set("fate = EXCLUDED.fate").Set("ended_at = EXCLUDED.ended_at").Set("wake_at = EXCLUDED.wake_at").
			Set("changed_at = EXCLUDED.changed_at").Set("body = EXCLUDED.body").Exec(ctx)
		if err != nil {
			return err
		}
	}
	var joins []joinRow
	for _, j := range b.Joins {
		joins = append(joins, joinRow{Incident: j.Incident, Alert: j.Alert, Tenant: j.Tenant, At: micros(j.At)})
	}
	// One that comes back within one transaction would meet itself in a statement.
	slices.SortStableFunc(joins, func(x, y joinRow) int {
		return slices.Compare([]string{x.Incident, x.Alert}, []string{y.Incident, y.Alert})
	})
	joins = slices.CompactFunc(joins, func(x, y joinRow) bool { return x.Incident == y.Incident && x.Alert == y.Alert })
	for part := range slices.Chunk(joins, rowsAtOnce) {
		if _, err := tx.NewInsert().Model(&part).On("CONFLICT (incident, alert) DO UPDATE").Set("at = EXCLUDED.at").Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func applyIncidents(ctx context.Context, tx bun.Tx, decisions []respond.Decision) error {
	var opened []incidentRow
	for _, d := range decisions {
		row, err := writeIncident(d.Incident)
		if err != nil {
			return err
		}
		if row.Revision == 1 {
			opened = append(opened, row)
			continue
		}
		result, err := tx.NewUpdate().Model(&row).WherePK().
			Where("tenant = ?", row.Tenant).Where("revision = ?", row.Revision-1).Exec(ctx)
		if err == nil {
			err = hit(result, 1)
		}
		if err != nil {
			return incidentConflict(err, d.Incident)
		}
	}
	if err := insertAll(ctx, tx, opened); err != nil {
		return incidentConflict(err, respond.Incident{ID: opened[0].ID, Revision: 1})
	}
	return nil
}

func incidentConflict(err error, i respond.Incident) error {
	if kind(err) == duplicate {
		return fmt.Errorf("%w: incident %s, revision %d", respond.ErrConflict, i.ID, i.Revision)
	}
	return err
}

// hit fails with respond.ErrConflict where a statement did not change n rows.
func hit(result interface{ RowsAffected() (int64, error) }, n int64) error {
	changed, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if changed != n {
		return fmt.Errorf("%w: %d rows of %d were as they were read", respond.ErrConflict, changed, n)
	}
	return nil
}

func applyPages(ctx context.Context, tx bun.Tx, d respond.Decision) error {
	rows, err := convert(d.Pages, writePage)
	if err != nil || len(rows) == 0 {
		return err
	}
	_, err = tx.NewInsert().Model(&rows).On("CONFLICT (id) DO UPDATE").
		Set("state = EXCLUDED.state").Set("body = EXCLUDED.body").Exec(ctx)
	return err
}

// applyMessages inserts what is new, amends digests that are not sent, and
// takes back what need not be.
func applyMessages(ctx context.Context, tx bun.Tx, decisions []respond.Decision) error {
	var added []messageRow
	for _, d := range decisions {
		for _, w := range d.Withdrawn {
			_, err := tx.NewUpdate().Model((*messageRow)(nil)).Set("state = ?", respond.Superseded).Set("reason = ?", plain(w.Reason)).
				Where("page = ?", w.Page).Where("tenant = ?", w.Tenant).Where("page <> ''").Where("state = 'due'").Exec(ctx)
			if err != nil {
				return err
			}
		}
		for _, m := range d.Messages {
			row, err := writeMessage(m)
			if err != nil {
				return err
			}
			added = append(added, row)
		}
		for _, m := range d.Digests {
			if err := applyDigest(ctx, tx, m); err != nil {
				return err
			}
		}
	}
	err := insertAll(ctx, tx, added)
	if kind(err) == duplicate {
		return fmt.Errorf("%w: a message was decided already", respond.ErrConflict)
	}
	return err
}

// applyDigest stores a digest that is new, or one more told by one that is not
// sent yet.
func applyDigest(ctx context.Context, tx bun.Tx, m respond.Message) error {
	row, err := writeMessage(m)
	if err != nil {
		return err
	}
	result, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").
		Set("body = EXCLUDED.body").Set("changed_at = EXCLUDED.changed_at").Set("next_at = EXCLUDED.next_at").
		Where("message_row.state = 'due' AND message_row.tries = 0").Exec(ctx)
	if err != nil {
		return err
	}
	return hit(result, 1)
}
