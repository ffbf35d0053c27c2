package store

import (
	"context"

	"github.com/evenkeel/evenkeel/estate"
)

// Graph returns all relations of an environment that hold now, of every source.
func (s *Store) Graph(ctx context.Context, tenant, environment string) ([]estate.Relation, error) {
	var rows []relationRow
	err := s.read.NewSelect().Model(&rows).Where("tenant = ? AND environment = ?", tenant, environment).
		Where("valid_to = ?", int64(forever)).Order("from_id", "kind", "to_id", "source").Scan(ctx)
	if err != nil {
		return nil, s.explain("read the relations of "+environment, err)
	}
	return convert(rows, readRelation)
}
