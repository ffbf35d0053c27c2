package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/estate"
)

// Part returns all entities of a part, by kind, name and id: one query, and
// what is around other entities is found in it.
func (s *Store) Part(ctx context.Context, p estate.Part) (out []estate.Entity, err error) {
	filter := func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("tenant = ? AND environment = ?", p.Tenant, p.Environment).Where("kind IN (?)", bun.List(p.Kinds))
		if len(p.Around) > 0 {
			return q.Where("id IN (? UNION ?)", s.otherEnd(p, "from_id", "to_id"), s.otherEnd(p, "to_id", "from_id"))
		}
		// An id begins with its kind, so that a walk through the key reads
		// these kinds alone.
		return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			for _, k := range p.Kinds {
				q = q.WhereOr("id >= ? AND id < ?", string(k)+":", string(k)+";")
			}
			return q
		})
	}
	if p.At.IsZero() {
		var rows []entityRow
		// The end as an expression, and sorted here: else SQLite would walk
		// through all that there is, in order.
		err := filter(s.read.NewSelect().Model(&rows)).Where("until_at + 0 = 0").Limit(estate.MaxPart + 1).Scan(ctx)
		if err != nil {
			return nil, s.explain("read a part of "+p.Environment, err)
		}
		slices.SortFunc(rows, func(a, b entityRow) int { return bytes.Compare(a.Place, b.Place) })
		if out, err = convert(rows, readEntity); err != nil {
			return nil, err
		}
	} else {
		var versions []versionRow
		// The end as an expression: see Entity.
		err := filter(s.read.NewSelect().Model(&versions)).
			Where("valid_from <= ? AND valid_to + 0 > ?", micros(p.At), micros(p.At)).Limit(estate.MaxPart + 1).Scan(ctx)
		if err != nil {
			return nil, s.explain("read a part of "+p.Environment, err)
		}
		placed, err := group(versions)
		if err != nil {
			return nil, err
		}
		for _, e := range placed {
			out = append(out, e.Entity)
		}
	}
	if len(out) > estate.MaxPart {
		return nil, fmt.Errorf("%w: more than %d entities at once; name fewer kinds", estate.ErrInvalid, estate.MaxPart)
	}
	return out, nil
}

// otherEnd are the ids at the far end of the relations that hold then and
// have one of the part's entities at the near end.
func (s *Store) otherEnd(p estate.Part, far, near bun.Ident) *bun.SelectQuery {
	q := s.read.NewSelect().Model((*relationRow)(nil)).ColumnExpr("?", far).
		Where("tenant = ? AND environment = ?", p.Tenant, p.Environment).Where("? IN (?)", near, bun.List(p.Around))
	if p.At.IsZero() {
		return q.Where("valid_to = ?", int64(forever))
	}
	return q.Where("valid_from <= ? AND valid_to > ?", micros(p.At), micros(p.At))
}
