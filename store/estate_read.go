package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/estate"
)

// SourceView returns what a source last saw.
func (s *Store) SourceView(ctx context.Context, tenant, environment, source string) ([]estate.Entity, []estate.Relation, error) {
	var versions []versionRow
	err := s.read.NewSelect().Model(&versions).
		Where("tenant = ? AND environment = ? AND source = ?", tenant, environment, source).
		Where("valid_to = ?", int64(forever)).Order("id").Scan(ctx)
	if err != nil {
		return nil, nil, s.explain("read what "+source+" saw", err)
	}
	entities, err := convert(versions, func(r versionRow) (estate.Entity, error) { return merge([]versionRow{r}) })
	if err != nil {
		return nil, nil, err
	}
	var rows []relationRow
	err = s.read.NewSelect().Model(&rows).
		Where("tenant = ? AND environment = ? AND source = ?", tenant, environment, source).
		Where("valid_to = ?", int64(forever)).Order("from_id", "kind", "to_id").Scan(ctx)
	if err != nil {
		return nil, nil, s.explain("read the relations that "+source+" saw", err)
	}
	relations, err := convert(rows, readRelation)
	return entities, relations, err
}

// Entity returns one as of at, merged over its sources.
func (s *Store) Entity(ctx context.Context, tenant, environment, id string, at time.Time) (estate.Entity, error) {
	id = plain(id)
	missing := fmt.Errorf("%w: %s", estate.ErrNotFound, id)
	if at.IsZero() {
		var row entityRow
		err := s.read.NewSelect().Model(&row).
			Where("tenant = ? AND environment = ? AND id = ?", tenant, environment, id).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return estate.Entity{}, missing
		}
		if err != nil {
			return estate.Entity{}, s.explain("read entity "+id, err)
		}
		return readEntity(row)
	}
	var versions []versionRow
	// The end as an expression: with the column itself SQLite would go through
	// all that held then.
	err := s.read.NewSelect().Model(&versions).
		Where("tenant = ? AND environment = ? AND id = ?", tenant, environment, id).
		Where("valid_from <= ? AND valid_to + 0 > ?", micros(at), micros(at)).Order("source").Scan(ctx)
	if err != nil {
		return estate.Entity{}, s.explain("read entity "+id, err)
	}
	if len(versions) == 0 {
		return estate.Entity{}, missing
	}
	return merge(versions)
}

// EnvironmentsOf names the environments that have or had an entity with the id.
func (s *Store) EnvironmentsOf(ctx context.Context, tenant, id string) (names []string, err error) {
	err = s.read.NewSelect().Model((*entityRow)(nil)).Column("environment").
		Where("tenant = ? AND id = ?", tenant, plain(id)).Order("environment").Scan(ctx, &names)
	return names, s.explain("read where "+id+" is", err)
}

// Relations returns those that start or end at the entity as of at.
func (s *Store) Relations(ctx context.Context, tenant, environment, id string, at time.Time) ([]estate.Relation, error) {
	id = plain(id)
	end := func(column bun.Ident) *bun.SelectQuery {
		q := s.read.NewSelect().Model((*relationRow)(nil)).
			Where("tenant = ? AND environment = ?", tenant, environment).Where("? = ?", column, id)
		if at.IsZero() {
			return q.Where("valid_to = ?", int64(forever))
		}
		return q.Where("valid_from <= ? AND valid_to > ?", micros(at), micros(at))
	}
	// Two queries, each on its own index; what starts and ends at the same
	// entity is in both and kept once.
	var from, to []relationRow
	if err := end("from_id").Scan(ctx, &from); err != nil {
		return nil, s.explain("read the relations of "+id, err)
	}
	if err := end("to_id").Where("from_id <> ?", id).Scan(ctx, &to); err != nil {
		return nil, s.explain("read the relations of "+id, err)
	}
	rows := append(from, to...)
	slices.SortFunc(rows, func(a, b relationRow) int {
		return strings.Compare(a.From+"\x00"+a.Kind+"\x00"+a.To+"\x00"+a.Source, b.From+"\x00"+b.Kind+"\x00"+b.To+"\x00"+b.Source)
	})
	return convert(rows, readRelation)
}

// Entities lists what exists as of f.At, by kind, name and id.
func (s *Store) Entities(ctx context.Context, f estate.Filter) (estate.Page, error) {
	after, err := parseCursor(entityList, f.Cursor)
	if err != nil {
		return estate.Page{}, invalid(estate.ErrInvalid, err)
	}
	switch {
	case f.At.IsZero():
		return s.entitiesNow(ctx, f, after)
	case f.Text != "":
		return s.entitiesThenHolding(ctx, f, after)
	default:
		return s.entitiesThen(ctx, f, after)
	}
}

func (s *Store) entitiesNow(ctx context.Context, f estate.Filter, after []byte) (page estate.Page, err error) {
	filter := func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("tenant = ? AND until_at = 0", f.Tenant)
		if len(f.Environments) > 0 {
			q = q.Where("environment IN (?)", bun.List(f.Environments))
		}
		if len(f.Kinds) > 0 {
			q = q.Where("kind IN (?)", bun.List(f.Kinds))
		}
		if f.Text != "" {
			q = q.Where("? > 0", s.find("search", f.Text))
		}
		return q
	}
	n := limit(f.Limit)
	var rows []entityRow
	q := filter(s.read.NewSelect().Model(&rows)).Order("place").Limit(int64(n + 1))
	if after != nil {
		q = q.Where("place > ?", after)
	}
	if err := q.Scan(ctx); err != nil {
		return page, s.explain("list entities", err)
	}
	if len(rows) > n {
		rows = rows[:n]
		page.Next = cursor(entityList, rows[n-1].Place)
	}
	if page.Entities, err = convert(rows, readEntity); err != nil {
		return page, err
	}
	if after == nil && page.Next == "" {
		page.Total = len(rows)
		return page, nil
	}
	page.Total, err = s.count(ctx, filter(s.read.NewSelect().Model((*entityRow)(nil)).ColumnExpr("1")).Order("place").Limit(maxTotal))
	return page, s.explain("count entities", err)
}

// Changes lists what was done, newest first.
func (s *Store) Changes(ctx context.Context, f estate.ChangeFilter) (page estate.ChangePage, err error) {
	after, err := parseCursor(changeList, f.Cursor)
	if err != nil {
		return page, invalid(estate.ErrInvalid, err)
	}
	n := limit(f.Limit)
	var rows []changeRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ?", f.Tenant).Order("place").Limit(int64(n + 1))
	if len(f.Environments) > 0 {
		q = q.Where("environment IN (?)", bun.List(f.Environments))
	}
	if f.Entity != "" {
		q = q.Where("entity = ?", plain(f.Entity))
	}
	if f.Kind != "" {
		q = q.Where("kind = ?", plain(f.Kind))
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
		return page, s.explain("list changes", err)
	}
	if len(rows) > n {
		rows = rows[:n]
		page.Next = cursor(changeList, rows[n-1].Place)
	}
	page.Changes, err = convert(rows, readChange)
	return page, err
}

// Environments counts what exists in each, by name.
func (s *Store) Environments(ctx context.Context, tenant string) ([]estate.EnvironmentSummary, error) {
	var rows []struct {
		Environment string `bun:"environment"`
		Kind        string `bun:"kind"`
		Entities    int    `bun:"n"`
	}
	err := s.read.NewSelect().Model((*entityRow)(nil)).Column("environment", "kind").ColumnExpr("count(*) AS n").
		Where("tenant = ? AND until_at = 0", tenant).Group("environment", "kind").Order("environment", "kind").Scan(ctx, &rows)
	if err != nil {
		return nil, s.explain("list environments", err)
	}
	var out []estate.EnvironmentSummary
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].Name != r.Environment {
			out = append(out, estate.EnvironmentSummary{Name: r.Environment, Entities: map[estate.Kind]int{}})
		}
		out[len(out)-1].Entities[estate.Kind(r.Kind)] = r.Entities
	}
	return out, nil
}

// PruneEstate deletes versions and changes that ended before the time.
func (s *Store) PruneEstate(ctx context.Context, before time.Time) (deleted int, err error) {
	err = s.change(ctx, "prune the estate", func(ctx context.Context, tx bun.Tx) error {
		for _, q := range []*bun.DeleteQuery{
			tx.NewDelete().Model((*versionRow)(nil)).Where("valid_to < ?", micros(before)),
			tx.NewDelete().Model((*relationRow)(nil)).Where("valid_to < ?", micros(before)),
			tx.NewDelete().Model((*entityRow)(nil)).Where("until_at > 0 AND until_at < ?", micros(before)),
			tx.NewDelete().Model((*changeRow)(nil)).Where("at < ?", micros(before)),
		} {
			result, err := q.Exec(ctx)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			deleted += int(n)
		}
		return nil
	})
	return deleted, err
}
