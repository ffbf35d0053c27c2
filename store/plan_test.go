package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/store/storetest"
)

// asked keeps what is asked of a database.
type asked struct{ selects []string }

func (a *asked) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (a *asked) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	a.selects = append(a.selects, e.Query)
}

// TestNoListReadsAllThatThereIs holds what pages ask to the indexes that were
// made for it. SQLite plans without knowing how many rows there are, so that an
// empty database plans as a full one.
func TestNoListReadsAllThatThereIs(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	now := time.Unix(1_800_000_000, 0)
	seen := finding.Finding{ID: "01", Key: finding.Key{Tenant: "default", Environment: "home", Practice: "p", Check: "disk-slow", Entity: "host:web-1"},
		Report: finding.Report{Severity: finding.Warning, Title: "slow", Host: "web-1"}, State: finding.Open, ChangedAt: now, Revision: 1}
	if err := s.ApplyFindings(t.Context(), []finding.Applied{{Finding: seen}}); err != nil {
		t.Fatal(err)
	}
	err := estate.NewService(s, quiet).Observe(t.Context(), estate.Observation{Tenant: "default", Environment: "home", Source: "host", At: now,
		Entities: []estate.Entity{{ID: "host:web-1", Kind: estate.Host, Name: "web-1"}, {ID: "host:web-2", Kind: estate.Host, Name: "web-2"}}})
	if err != nil {
		t.Fatal(err)
	}
	findings := func(f finding.Filter) func() error {
		f.Tenant, f.Limit = "default", 1
		return func() error { _, err := s.Findings(t.Context(), f); return err }
	}
	entities := func(f estate.Filter) func() error {
		f.Tenant, f.Limit = "default", 1
		return func() error { _, err := s.Entities(t.Context(), f); return err }
	}
	page := finding.Filter{Environments: []string{"home"}, Since: now.Add(-time.Hour), Until: now}
	ofEntity, ofHost, rare := page, page, page
	ofEntity.Entity, ofHost.Host, rare.Text = "host:web-1", "web-1", "disk-slow"
	for name, c := range map[string]struct {
		ask  func() error
		want []string // for each query; several parts of one are joined by " + "
	}{
		"findings":              {findings(finding.Filter{}), []string{"findings_place (tenant=?)"}},
		"findings that stand":   {findings(finding.Filter{States: []finding.State{finding.Open}}), []string{"findings_place (tenant=? AND place<?)"}},
		"findings of an entity": {findings(ofEntity), []string{"findings_entity (tenant=? AND entity=?)"}},
		"findings of a host":    {findings(ofHost), []string{"findings_host (tenant=? AND host=?)"}},
		"findings of a check":   {findings(finding.Filter{Check: "disk-slow"}), []string{"findings_check (tenant=? AND check_id=?)"}},
		"a rare text": {findings(rare), []string{"VIRTUAL TABLE", // the index of texts, then the rows that it names
			"SEARCH finding_row USING INDEX sqlite_autoindex_findings_1 (id=?)", "SEARCH finding_row USING INDEX sqlite_autoindex_findings_1 (id=?)"}},
		"a short text": {findings(finding.Filter{Text: "sl"}), []string{"COVERING INDEX findings_place (tenant=?)", "sqlite_autoindex_findings_1 (id=?)"}},
		"entities":     {entities(estate.Filter{}), []string{"entities_place (tenant=? AND until_at=?)", "entities_place (tenant=? AND until_at=?)"}},
		"entities then": {entities(estate.Filter{At: now}), []string{"SEARCH version_row USING INDEX entity_versions_place (tenant=?) + SEARCH o USING INDEX sqlite_autoindex_entity_versions_1 (tenant=? AND environment=? AND id=? AND source<?)",
			"(tenant=? AND environment=? AND id=?)", "COVERING INDEX entity_versions_time (tenant=? AND valid_to>?)"}},
		"an entity then": {func() error { _, err := s.Entity(t.Context(), "default", "home", "host:web-1", now); return err },
			[]string{"(tenant=? AND environment=? AND id=?)"}},
		"an entity somewhere": {func() error { _, err := s.EnvironmentsOf(t.Context(), "default", "host:web-1"); return err },
			[]string{"COVERING INDEX entities_id (tenant=? AND id=?)"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &asked{}
			silent := s.read
			s.read = silent.WithQueryHook(a)
			defer func() { s.read = silent }()
			if err := c.ask(); err != nil {
				t.Fatal(err)
			}
			if len(a.selects) != len(c.want) {
				t.Fatalf("%d queries, want %d: %s", len(a.selects), len(c.want), strings.Join(a.selects, "\n"))
			}
			for i, query := range a.selects {
				plan := s.plan(t, query)
				if missing := slices.DeleteFunc(strings.Split(c.want[i], " + "), func(part string) bool { return strings.Contains(plan, part) }); len(missing) > 0 || strings.Contains(plan, "ORDER BY") && name != "a rare text" {
					t.Errorf("%s\nis planned as\n%s\nwant %s", query, plan, c.want[i])
				}
			}
		})
	}
}

func (s *Store) plan(t *testing.T, query string) string {
	t.Helper()
	var steps []struct {
		ID      int    `bun:"id"`
		Parent  int    `bun:"parent"`
		Notused int    `bun:"notused"`
		Detail  string `bun:"detail"`
	}
	if err := s.write.NewRaw("EXPLAIN QUERY PLAN "+query).Scan(t.Context(), &steps); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, step := range steps {
		fmt.Fprintln(&b, step.Detail)
	}
	return b.String()
}

// TestPostgresAsksTheIndexOfTexts, whatever it knows of how many rows there are.
func TestPostgresAsksTheIndexOfTexts(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{Dir: t.TempDir(), DSN: storetest.Postgres(t)})
	a := &asked{}
	silent := s.read
	s.read = silent.WithQueryHook(a)
	defer func() { s.read = silent }()
	if _, err := s.Findings(t.Context(), finding.Filter{Tenant: "default", Text: "disk-slow"}); err != nil {
		t.Fatal(err)
	}
	var setting, query string
	for _, q := range a.selects {
		switch {
		case strings.HasPrefix(q, "SET LOCAL"):
			setting = q
		case strings.HasPrefix(q, "SELECT"):
			query = q
		}
	}
	var plan []string
	err := silent.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewRaw(setting).Exec(ctx); err != nil {
			return err
		}
		return tx.NewRaw("EXPLAIN "+query).Scan(ctx, &plan)
	})
	if err != nil || !strings.Contains(strings.Join(plan, "\n"), "Bitmap Index Scan on findings_grams") {
		t.Errorf("%s; %s is planned as\n%s\n%v", setting, query, strings.Join(plan, "\n"), err)
	}
}
