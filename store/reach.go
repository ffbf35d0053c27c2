package store

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/reach"
)

type proofRow struct {
	bun.BaseModel `bun:"table:contact_proofs"`

	Tenant  string `bun:"tenant,pk"`
	Contact string `bun:"contact,pk"`
	Body    string `bun:"body"`
}

type checkRow struct {
	bun.BaseModel `bun:"table:reach_checks"`

	Tenant string `bun:"tenant,pk"`
	Person string `bun:"person,pk"`
	Body   string `bun:"body"`
}

type keyRow struct {
	bun.BaseModel `bun:"table:signing_keys"`

	Name string `bun:"name,pk"`
	Body string `bun:"body"`
}

// ApplyReach stores a change in one transaction.
func (s *Store) ApplyReach(ctx context.Context, c reach.Change) error {
	contacts, err := convert(c.Contacts, writeContact)
	if err != nil {
		return err
	}
	messages, err := convert(c.Messages, writeMessage)
	if err != nil {
		return err
	}
	return s.change(ctx, "store contacts and policies", func(ctx context.Context, tx bun.Tx) error {
		for _, row := range contacts {
			if err := putContact(ctx, tx, row); err != nil {
				return err
			}
		}
		for _, p := range c.Policies {
			if err := putPolicy(ctx, tx, p); err != nil {
				return err
			}
		}
		if err := applyProofs(ctx, tx, c); err != nil {
			return err
		}
		if c.Contact != "" {
			if err := removeRow(ctx, tx, "contact", (*contactRow)(nil), c.Tenant, c.Contact); err != nil {
				return err
			}
			if _, err := tx.NewDelete().Model((*proofRow)(nil)).Where("tenant = ?", c.Tenant).Where("contact = ?", plain(c.Contact)).Exec(ctx); err != nil {
				return err
			}
		}
		if c.Policy != "" {
			if err := removeRow(ctx, tx, "policy", (*policyRow)(nil), c.Tenant, c.Policy); err != nil {
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

func applyProofs(ctx context.Context, tx bun.Tx, c reach.Change) error {
	for _, p := range c.Proofs {
		body, err := pack(p)
		if err != nil {
			return err
		}
		row := proofRow{Tenant: p.Tenant, Contact: plain(p.Contact), Body: body}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (tenant, contact) DO UPDATE").Set("body = EXCLUDED.body").Exec(ctx); err != nil {
			return err
		}
	}
	for _, k := range c.Checks {
		body, err := pack(k)
		if err != nil {
			return err
		}
		row := checkRow{Tenant: k.Tenant, Person: plain(k.Person), Body: body}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (tenant, person) DO UPDATE").Set("body = EXCLUDED.body").Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Proof returns what is under way for a contact; zero where there is nothing.
func (s *Store) Proof(ctx context.Context, tenant, contact string) (reach.Proof, error) {
	var rows []proofRow
	err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("contact = ?", plain(contact)).Scan(ctx)
	if err != nil {
		return reach.Proof{}, s.explain("read the proof of a contact", err)
	}
	if len(rows) == 0 {
		return reach.Proof{Tenant: tenant, Contact: contact}, nil
	}
	return unpack[reach.Proof](rows[0].Body)
}

// Checks returns how far asking the people of a tenant stands.
func (s *Store) Checks(ctx context.Context, tenant string) ([]reach.Check, error) {
	var rows []checkRow
	if err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Order("person").Scan(ctx); err != nil {
		return nil, s.explain("read who was asked", err)
	}
	return convert(rows, func(r checkRow) (reach.Check, error) { return unpack[reach.Check](r.Body) })
}

// SigningKey returns the key of a name, and stores fresh where there is none.
func (s *Store) SigningKey(ctx context.Context, name string, fresh []byte) (key []byte, err error) {
	err = s.change(ctx, "read a signing key", func(ctx context.Context, tx bun.Tx) error {
		row := keyRow{Name: name, Body: hex.EncodeToString(fresh)}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (name) DO NOTHING").Exec(ctx); err != nil {
			return err
		}
		if err := tx.NewSelect().Model(&row).Where("name = ?", name).Scan(ctx); err != nil {
			return err
		}
		key, err = hex.DecodeString(row.Body)
		if err != nil {
			return fmt.Errorf("the signing key %s is not hex", name)
		}
		return nil
	})
	return key, err
}

// putContact stores a contact within a transaction.
func putContact(ctx context.Context, tx bun.Tx, row contactRow) error {
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (tenant, id) DO UPDATE").
		Set("person = EXCLUDED.person").Set("body = EXCLUDED.body").Exec(ctx)
	return err
}

// putPolicy stores a policy within a transaction.
func putPolicy(ctx context.Context, tx bun.Tx, p respond.Policy) error {
	body, err := pack(p)
	if err != nil {
		return err
	}
	row := policyRow{Tenant: p.Tenant, ID: plain(p.ID), Body: body}
	_, err = tx.NewInsert().Model(&row).On("CONFLICT (tenant, id) DO UPDATE").Set("body = EXCLUDED.body").Exec(ctx)
	return err
}

// removeRow removes one within a transaction, or fails with
// respond.ErrNotFound.
func removeRow(ctx context.Context, tx bun.Tx, what string, model any, tenant, id string) error {
	result, err := tx.NewDelete().Model(model).Where("tenant = ?", tenant).Where("id = ?", plain(id)).Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return fmt.Errorf("%w: %s %s", respond.ErrNotFound, what, id)
}
