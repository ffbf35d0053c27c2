package store

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/estate"
)

// The past of the estate is kept by source, as versions with the time in which
// they held. What several sources saw of an entity is merged when it is read.

// versionsThen asks for the versions that the filter takes, of all times.
func (s *Store) versionsThen(f estate.Filter) *bun.SelectQuery {
	q := s.read.NewSelect().Model((*versionRow)(nil)).Where("tenant = ?", f.Tenant)
	if len(f.Environments) > 0 {
		q = q.Where("environment IN (?)", bun.List(f.Environments))
	}
	if len(f.Kinds) > 0 {
		q = q.Where("kind IN (?)", bun.List(f.Kinds))
	}
	return q
}

// entitiesThen lists the estate of a past time. An entity stands where the
// first of its sources puts it, which is the one that has the say about its
// name.
func (s *Store) entitiesThen(ctx context.Context, f estate.Filter, after []byte) (page estate.Page, err error) {
	at, n := micros(f.At), limit(f.Limit)
	var first []versionRow
	// The end of a version as an expression here and below: with the column
	// itself SQLite would go through all that held then.
	q := s.versionsThen(f).Column("environment", "id", "place").Where("valid_to + 0 > ? AND valid_from <= ?", at, at).
		Where("NOT EXISTS (?)", s.read.NewSelect().ColumnExpr("1").TableExpr("entity_versions AS o").
			Where("o.tenant = version_row.tenant AND o.environment = version_row.environment AND o.id = version_row.id AND o.source < version_row.source").
			Where("o.valid_from <= ? AND o.valid_to + 0 > ?", at, at)).
		Order("place").Limit(int64(n + 1))
	if after != nil {
		q = q.Where("place > ?", after)
	}
	if err := q.Scan(ctx, &first); err != nil {
		return page, s.explain("list entities", err)
	}
	if len(first) > n {
		first = first[:n]
		page.Next = cursor(entityList, first[n-1].Place)
	}
	if page.Entities, err = s.merged(ctx, f, first); err != nil {
		return page, err
	}
	if after == nil && page.Next == "" {
		page.Total = len(first)
		return page, nil
	}
	all := s.versionsThen(f).Distinct().Column("environment", "id").Where("valid_to > ? AND valid_from <= ?", at, at).Limit(maxTotal)
	page.Total, err = s.count(ctx, all)
	return page, s.explain("count entities", err)
}

// merged reads the entities of some versions whole, over all sources.
func (s *Store) merged(ctx context.Context, f estate.Filter, of []versionRow) (out []estate.Entity, err error) {
	if len(of) == 0 {
		return nil, nil
	}
	type entity struct{ environment, id string }
	wanted, ids := map[entity]bool{}, make([]string, len(of))
	for i, v := range of {
		wanted[entity{v.Environment, v.ID}], ids[i] = true, v.ID
	}
	var whole []versionRow
	q := s.read.NewSelect().Model(&whole).Where("tenant = ?", f.Tenant).Where("id IN (?)", bun.List(ids)).
		Where("environment IN (?)", bun.List(environments(of))).Where("valid_from <= ? AND valid_to + 0 > ?", micros(f.At), micros(f.At))
	if err := q.Scan(ctx); err != nil {
		return nil, s.explain("list entities", err)
	}
	// The same id in another of the environments.
	whole = slices.DeleteFunc(whole, func(v versionRow) bool { return !wanted[entity{v.Environment, v.ID}] })
	placed, err := group(whole)
	for _, e := range placed {
		out = append(out, e.Entity)
	}
	return out, err
}

func environments(of []versionRow) []string {
	var names []string
	for _, v := range of {
		names = append(names, v.Environment)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// entitiesThenHolding lists those of a past time that hold a text. What is
// searched is what the sources say together: what one of them says is read of
// all, and what can hold the text is merged.
func (s *Store) entitiesThenHolding(ctx context.Context, f estate.Filter, after []byte) (page estate.Page, err error) {
	var versions []versionRow
	err = s.versionsThen(f).Column("environment", "id", "source", "kind", "name", "attributes").
		Where("valid_to > ? AND valid_from <= ?", micros(f.At), micros(f.At)).Scan(ctx, &versions)
	if err != nil {
		return page, s.explain("list entities", err)
	}
	part := searchable(f.Text)
	type entity struct{ environment, id string }
	can := map[entity]bool{}
	for _, v := range versions {
		if canHold(v, part) {
			can[entity{v.Environment, v.ID}] = true
		}
	}
	placed, err := group(slices.DeleteFunc(versions, func(v versionRow) bool { return !can[entity{v.Environment, v.ID}] }))
	if err != nil {
		return page, err
	}
	placed = slices.DeleteFunc(placed, func(e placedEntity) bool { return !strings.Contains(entitySearch(e.Entity), part) })
	page.Total = min(len(placed), maxTotal)
	if after != nil {
		placed = slices.DeleteFunc(placed, func(e placedEntity) bool { return strings.Compare(e.place, string(after)) <= 0 })
	}
	if n := limit(f.Limit); len(placed) > n {
		placed = placed[:n]
		page.Next = cursor(entityList, []byte(placed[n-1].place))
	}
	shown := make([]versionRow, len(placed))
	for i, e := range placed {
		shown[i] = versionRow{Environment: e.Environment, ID: e.ID}
	}
	page.Entities, err = s.merged(ctx, f, shown)
	return page, err
}

// canHold tells whether a search text to which a version gives a part can hold
// a text. Parts are on lines of their own, and attributes are stored as JSON,
// which writes some letters otherwise: with these in the text nothing is known.
func canHold(v versionRow, text string) bool {
	return strings.ContainsAny(text, "\"\\<>&\u2028\u2029") || strings.ContainsFunc(text, unicode.IsControl) ||
		strings.Contains(strings.ToLower(v.ID), text) || strings.Contains(strings.ToLower(v.Name), text) ||
		strings.Contains(strings.ToLower(v.Attributes), text)
}
