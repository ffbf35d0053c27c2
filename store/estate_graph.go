package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/estate"
)

// Graph returns the relations of an environment that held at a time, of every
// source, all or those of some kinds; a zero time is now.
func (s *Store) Graph(ctx context.Context, tenant, environment string, at time.Time, kinds ...estate.RelationKind) ([]estate.Relation, error) {
	var rows []relationRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ? AND environment = ?", tenant, environment)
	if at.IsZero() {
		q = q.Where("valid_to = ?", int64(forever))
	} else {
		q = q.Where("valid_from <= ? AND valid_to > ?", micros(at), micros(at))
	}
	if len(kinds) > 0 {
		q = q.Where("kind IN (?)", bun.List(kinds))
	}
	if err := q.Order("from_id", "kind", "to_id", "source").Scan(ctx); err != nil {
		return nil, s.explain("read the relations of "+environment, err)
	}
	return convert(rows, readRelation)
}
