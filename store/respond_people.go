package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
)

func writeContact(c respond.Contact) (contactRow, error) {
	body, err := pack(c)
	return contactRow{Tenant: c.Tenant, ID: plain(c.ID), Person: plain(c.Person), Body: body}, err
}

func readContact(r contactRow) (respond.Contact, error) { return unpack[respond.Contact](r.Body) }

// Contacts returns a tenant's contacts, of one person where named.
func (s *Store) Contacts(ctx context.Context, tenant, person string) ([]respond.Contact, error) {
	var rows []contactRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Order("id")
	if person != "" {
		q = q.Where("person = ?", plain(person))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.explain("read contacts", err)
	}
	return convert(rows, readContact)
}

// PutContact stores a contact.
func (s *Store) PutContact(ctx context.Context, c respond.Contact) error {
	row, err := writeContact(c)
	if err != nil {
		return err
	}
	return s.change(ctx, "store a contact", func(ctx context.Context, tx bun.Tx) error {
		return putContact(ctx, tx, row)
	})
}

// DeleteContact removes a contact, or fails with respond.ErrNotFound.
func (s *Store) DeleteContact(ctx context.Context, tenant, id string) error {
	return s.remove(ctx, "contact", (*contactRow)(nil), tenant, id)
}

// Policies returns a tenant's policies.
func (s *Store) Policies(ctx context.Context, tenant string) ([]respond.Policy, error) {
	var rows []policyRow
	if err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Order("id").Scan(ctx); err != nil {
		return nil, s.explain("read policies", err)
	}
	return convert(rows, func(r policyRow) (respond.Policy, error) { return unpack[respond.Policy](r.Body) })
}

// PutPolicy stores a policy.
func (s *Store) PutPolicy(ctx context.Context, p respond.Policy) error {
	return s.change(ctx, "store a policy", func(ctx context.Context, tx bun.Tx) error { return putPolicy(ctx, tx, p) })
}

// DeletePolicy removes a policy, or fails with respond.ErrNotFound.
func (s *Store) DeletePolicy(ctx context.Context, tenant, id string) error {
	return s.remove(ctx, "policy", (*policyRow)(nil), tenant, id)
}

func (s *Store) remove(ctx context.Context, what string, model any, tenant, id string) error {
	return s.change(ctx, "remove a "+what, func(ctx context.Context, tx bun.Tx) error {
		return removeRow(ctx, tx, what, model, tenant, id)
	})
}

// PruneResponse deletes incidents that were resolved before the time, with all
// that belongs to them, alerts that ended before it, and what was told of many.
func (s *Store) PruneResponse(ctx context.Context, before time.Time) (deleted int, err error) {
	at := micros(before)
	err = s.change(ctx, "prune incidents", func(ctx context.Context, tx bun.Tx) error {
		// An incident that another was merged into is kept as long as that one.
		const old = "SELECT id FROM incidents WHERE state = 'resolved' AND resolved_at < ? AND wake_at = 0"
		for _, table := range []string{"pages", "messages", "ledger", "incident_alerts", "incident_evidence", "incident_tasks"} {
			if _, err := tx.NewRaw("DELETE FROM ? WHERE incident <> '' AND incident IN ("+old+")", bun.Ident(table), at).Exec(ctx); err != nil {
				return err
			}
		}
		result, err := tx.NewRaw("DELETE FROM incidents WHERE id IN ("+old+")", at).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		deleted = int(n)
		for _, q := range []string{
			"DELETE FROM messages WHERE incident = '' AND state NOT IN ('due', 'sending') AND changed_at < ? " +
				"AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.told_by = messages.id AND m.told_by <> '')",
			"DELETE FROM alerts WHERE ended_at > 0 AND ended_at < ?",
			"DELETE FROM ledger WHERE incident = '' AND at < ? AND (alert = '' OR NOT EXISTS (SELECT 1 FROM alerts a WHERE a.id = ledger.alert))",
		} {
			if _, err := tx.NewRaw(q, at).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return deleted, err
}
