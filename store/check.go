package store

import (
	"context"
	"fmt"
)

// Check looks through all that is kept for damage: SQLite's pages and indexes,
// and on both databases that what belongs together is there. It returns nil, or
// an error that wraps ErrCorrupt.
func (s *Store) Check(ctx context.Context) error {
	if s.sqlite != "" {
		var found []string
		if err := s.read.NewRaw("PRAGMA integrity_check(5)").Scan(ctx, &found); err != nil {
			return s.explain("check state.db", err)
		}
		if len(found) != 1 || found[0] != "ok" {
			return fmt.Errorf("check state.db: %w: %v; %s", ErrCorrupt, found, remedy)
		}
	}
	type check struct{ what, query string }
	checks := []check{
		{"history without its finding",
			"SELECT count(*) FROM finding_events e WHERE NOT EXISTS (SELECT 1 FROM findings f WHERE f.id = e.finding)"},
		{"history that is ahead of its finding",
			"SELECT count(*) FROM finding_events e JOIN findings f ON f.id = e.finding WHERE e.revision > f.revision"},
		{"findings without a beginning",
			"SELECT count(*) FROM findings f WHERE NOT EXISTS (SELECT 1 FROM finding_events e WHERE e.finding = f.id AND e.revision = 1)"},
		{"entities that exist and that nobody sees",
			"SELECT count(*) FROM entities e WHERE e.until_at = 0 AND NOT EXISTS (SELECT 1 FROM entity_versions v WHERE v.tenant = e.tenant AND v.environment = e.environment AND v.id = e.id AND v.valid_to = 9223372036854775807)"},
	}
	if s.sqlite != "" {
		checks = append(checks,
			check{"findings that no search finds",
				"SELECT count(*) FROM findings f WHERE NOT EXISTS (SELECT 1 FROM finding_numbers n JOIN finding_grams_docsize d ON d.id = n.number WHERE n.finding = f.id)"},
			check{"texts of findings that are gone",
				"SELECT count(*) FROM finding_grams_docsize d WHERE NOT EXISTS (SELECT 1 FROM finding_numbers n JOIN findings f ON f.id = n.finding WHERE n.number = d.id)"})
	}
	for _, c := range checks {
		var n int
		if err := s.read.NewRaw(c.query).Scan(ctx, &n); err != nil {
			return s.explain("check state", err)
		}
		if n > 0 {
			return fmt.Errorf("check state: %w: %d rows of %s", ErrCorrupt, n, c.what)
		}
	}
	return nil
}
