package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/estate"
)

// batch is how many rows one statement writes or asks for; SQLite takes a
// statement of 1 MB at most, values included.
const batch = 100

// ApplyEstate stores what an observation changes, and what the entities that
// it touches look like now over all sources, in one transaction.
func (s *Store) ApplyEstate(ctx context.Context, d estate.Delta) error {
	return s.change(ctx, "store the estate", func(ctx context.Context, tx bun.Tx) error {
		if err := applyEntities(ctx, tx, d); err != nil {
			return err
		}
		if err := applyRelations(ctx, tx, d); err != nil {
			return err
		}
		return applyChanges(ctx, tx, d)
	})
}

func applyEntities(ctx context.Context, tx bun.Tx, d estate.Delta) error {
	at := micros(d.At)
	var touched []string
	for _, e := range d.Vanish {
		touched = append(touched, plain(e.ID))
	}
	for ids := range slices.Chunk(touched, batch) {
		// Where the clock was set back, a version ends when it began.
		_, err := tx.NewUpdate().Model((*versionRow)(nil)).
			Set("valid_to = CASE WHEN valid_from > ? THEN valid_from ELSE ? END", at, at).
			Where("tenant = ? AND environment = ? AND source = ?", d.Tenant, d.Environment, d.Source).
			Where("id IN (?)", bun.List(ids)).Where("valid_to = ?", int64(forever)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("end versions: %w", err)
		}
	}
	rows := make([]versionRow, 0, len(d.Appear))
	for _, e := range d.Appear {
		attributes, err := pack(plainMap(e.Attributes))
		if err != nil {
			return err
		}
		rows = append(rows, versionRow{Tenant: d.Tenant, Environment: d.Environment, ID: plain(e.ID), Source: d.Source,
			ValidFrom: at, ValidTo: forever, Kind: plain(string(e.Kind)), Name: plain(e.Name),
			Attributes: attributes, Since: micros(e.Since),
			Place: entityPlace(estate.Entity{Environment: d.Environment, ID: plain(e.ID), Kind: estate.Kind(plain(string(e.Kind))), Name: plain(e.Name)})})
		touched = append(touched, plain(e.ID))
	}
	for part := range slices.Chunk(rows, batch) {
		_, err := tx.NewInsert().Model(&part).
			On("CONFLICT (tenant, environment, id, source, valid_from) DO UPDATE").
			Set("valid_to = EXCLUDED.valid_to").Set("kind = EXCLUDED.kind").Set("name = EXCLUDED.name").
			Set("attributes = EXCLUDED.attributes").Set("since = EXCLUDED.since").Set("place = EXCLUDED.place").Exec(ctx)
		if err != nil {
			return fmt.Errorf("begin versions: %w", err)
		}
	}
	slices.Sort(touched)
	for ids := range slices.Chunk(slices.Compact(touched), batch) {
		if err := remerge(ctx, tx, d, ids); err != nil {
			return fmt.Errorf("merge sources: %w", err)
		}
	}
	return nil
}

// remerge brings the rows of what is now up to date for some entities.
func remerge(ctx context.Context, tx bun.Tx, d estate.Delta, ids []string) error {
	var versions []versionRow
	err := tx.NewSelect().Model(&versions).Where("tenant = ? AND environment = ?", d.Tenant, d.Environment).
		Where("id IN (?)", bun.List(ids)).Where("valid_to = ?", int64(forever)).Scan(ctx)
	if err != nil {
		return err
	}
	entities, err := group(versions)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	rows := make([]entityRow, 0, len(entities))
	for _, e := range entities {
		delete(gone, e.ID)
		row, err := writeEntity(e.Entity)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		_, err := tx.NewInsert().Model(&rows).On("CONFLICT (tenant, environment, id) DO UPDATE").
			Set("kind = EXCLUDED.kind").Set("name = EXCLUDED.name").Set("attributes = EXCLUDED.attributes").
			Set("sources = EXCLUDED.sources").Set("since = EXCLUDED.since").Set("until_at = 0").
			Set("place = EXCLUDED.place").Set("search = EXCLUDED.search").Exec(ctx)
		if err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	lost := make([]string, 0, len(gone))
	for id := range gone {
		lost = append(lost, id)
	}
	_, err = tx.NewUpdate().Model((*entityRow)(nil)).Set("until_at = ?", micros(d.At)).
		Where("tenant = ? AND environment = ?", d.Tenant, d.Environment).
		Where("id IN (?)", bun.List(lost)).Where("until_at = 0").Exec(ctx)
	return err
}

func applyRelations(ctx context.Context, tx bun.Tx, d estate.Delta) error {
	at := micros(d.At)
	for _, r := range d.Part {
		_, err := tx.NewUpdate().Model((*relationRow)(nil)).
			Set("valid_to = CASE WHEN valid_from > ? THEN valid_from ELSE ? END", at, at).
			Where("tenant = ? AND environment = ? AND source = ?", d.Tenant, d.Environment, d.Source).
			Where("from_id = ? AND kind = ? AND to_id = ?", plain(r.From), plain(string(r.Kind)), plain(r.To)).
			Where("valid_to = ?", int64(forever)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("end relations: %w", err)
		}
	}
	rows := make([]relationRow, 0, len(d.Join))
	for _, r := range d.Join {
		rows = append(rows, relationRow{Tenant: d.Tenant, Environment: d.Environment, From: plain(r.From),
			Kind: plain(string(r.Kind)), To: plain(r.To), Source: d.Source, ValidFrom: at, ValidTo: forever,
			Confidence: r.Confidence, Since: micros(r.Since)})
	}
	for part := range slices.Chunk(rows, batch) {
		_, err := tx.NewInsert().Model(&part).
			On("CONFLICT (tenant, environment, from_id, kind, to_id, source, valid_from) DO UPDATE").
			Set("valid_to = EXCLUDED.valid_to").Set("confidence = EXCLUDED.confidence").
			Set("since = EXCLUDED.since").Exec(ctx)
		if err != nil {
			return fmt.Errorf("begin relations: %w", err)
		}
	}
	return nil
}

func applyChanges(ctx context.Context, tx bun.Tx, d estate.Delta) error {
	rows := make([]changeRow, 0, len(d.Changes))
	for _, c := range d.Changes {
		rows = append(rows, changeRow{ID: c.ID, Tenant: d.Tenant, Environment: d.Environment, Source: d.Source,
			Key: plain(c.Key), At: micros(c.At), Entity: plain(c.Entity), Kind: plain(c.Kind), Summary: plain(c.Summary),
			Who: plain(c.Who), Was: plain(c.Before), Became: plain(c.After), Place: newestFirst(c.At, c.ID)})
	}
	for part := range slices.Chunk(rows, batch) {
		if _, err := tx.NewInsert().Model(&part).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("write changes: %w", err)
		}
	}
	return nil
}

func plainMap(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[plain(k)] = plain(v)
	}
	return out
}
