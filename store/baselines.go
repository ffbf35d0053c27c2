package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"
)

// SaveBaselines keeps what detect has learned of an environment, in place of
// what it had learned before.
func (s *Store) SaveBaselines(ctx context.Context, tenant, environment string, blob []byte, now time.Time) error {
	// As parameters of the driver, not written into the statement: it may be
	// larger than a statement may be.
	statement := `INSERT INTO baselines (tenant, environment, saved, learned) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, environment) DO UPDATE SET saved = EXCLUDED.saved, learned = EXCLUDED.learned`
	return s.change(ctx, "save baselines", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.Tx.ExecContext(ctx, s.parameters(statement), tenant, environment, micros(now), blob)
		return err
	})
}

// LoadBaselines returns what SaveBaselines kept last, or nil.
func (s *Store) LoadBaselines(ctx context.Context, tenant, environment string) ([]byte, error) {
	var blob []byte
	err := s.read.NewSelect().Table("baselines").Column("learned").
		Where("tenant = ? AND environment = ?", tenant, environment).Scan(ctx, &blob)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return blob, s.explain("load baselines", err)
}
