package store

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/store/storetest"
)

// upTo is the schema as it was at a version.
func upTo(t *testing.T, version string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name[:5] > version {
			continue
		}
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = &fstest.MapFile{Data: text}
	}
	return out
}

// TestWhatWasKeptBeforeIsFoundAfter brings state of version 1 up to date, in
// place and from a backup that version 1 made of the same rows, and asks for it
// by what is new.
func TestWhatWasKeptBeforeIsFoundAfter(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		grows(t, func(t *testing.T) Config { return Config{Dir: t.TempDir()} })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		grows(t, func(t *testing.T) Config { return Config{Dir: t.TempDir(), DSN: storetest.Postgres(t)} })
	})
}

func grows(t *testing.T, config func(*testing.T) Config) {
	hosts := map[string]string{ // by entity
		"host:web-1": "web-1", "disk:web-1:sda": "web-1", "filesystem:web-2:/srv/a:b": "web-2",
		"endpoint:shop": "", "certificate:shop:8443": "", "target:node:web-1:9100": "", "odd": "", "odd:one": "",
	}
	cfg := config(t)
	s, err := open(t.Context(), cfg, upTo(t, "00001"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for entity := range hosts {
		n++
		_, err := s.write.NewRaw(`INSERT INTO findings (id, tenant, environment, practice, check_id, entity, state, prior, severity, first_seen,
			last_seen, changed_at, resolved_at, until_at, returns, revision, reason, by_name, place, search, answer, report)
			VALUES (?, 'default', 'home', 'p', 'disk-slow', ?, 'open', '', 2, 1, 1, 1, 0, 0, 0, 1, '', '', ?, ?, '{}', '{"severity":"warning"}')`,
			fmt.Sprint(n), entity, findingPlace(finding.Finding{ID: fmt.Sprint(n), Report: finding.Report{Severity: finding.Warning}, ChangedAt: moment(1)}), searchable("slow", "disk-slow", entity)).Exec(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.write.NewRaw("INSERT INTO finding_events (finding, revision, n, id, tenant, at, kind, was, became, by_name, detail) VALUES (?, 1, 0, ?, 'default', 1, 'opened', '', 'open', '', '')",
			fmt.Sprint(n), fmt.Sprint(n)).Exec(t.Context())
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Unix(1_800_000_000, 0).UTC()
	// A unit that was renamed, and one that is seen by two sources.
	for i, v := range []struct {
		id, source, name string
		from, to         int64
	}{
		{"unit:web-1:b", "host", "Zebra", micros(now), micros(now.Add(time.Hour))},
		{"unit:web-1:b", "host", "Apple", micros(now.Add(time.Hour)), forever},
		{"unit:web-1:c", "host", "Middle", micros(now), forever},
		{"unit:web-1:c", "signals", "aaa", micros(now), forever},
	} {
		_, err := s.write.NewRaw(`INSERT INTO entity_versions (tenant, environment, id, source, valid_from, valid_to, kind, name, attributes, since)
			VALUES ('default', 'home', ?, ?, ?, ?, 'unit', ?, '{}', 1)`, v.id, v.source, v.from, v.to, v.name).Exec(t.Context())
		if err == nil && v.to == forever && v.source == "host" {
			row, wrong := writeEntity(estate.Entity{Tenant: "default", Environment: "home", ID: v.id, Kind: "unit", Name: v.name, Since: now})
			if wrong != nil {
				t.Fatal(wrong)
			}
			_, err = s.write.NewInsert().Model(&row).Exec(t.Context())
		}
		if err != nil {
			t.Fatalf("version %d: %v", i, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	restored := config(t)
	if err := Restore(t.Context(), restored, "testdata/backup-v1.tar.gz", quiet); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{"in place": cfg, "restored": restored} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, cfg)
			for _, host := range []string{"web-1", "web-2", "shop", "odd", "one"} {
				page, err := s.Findings(t.Context(), finding.Filter{Tenant: "default", Host: host})
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range page.Findings {
					if hosts[f.Entity] != host || f.Host != host {
						t.Errorf("%s is on %q, its host is %q", f.Entity, host, f.Host)
					}
				}
				want := 0
				for _, h := range hosts {
					if h == host {
						want++
					}
				}
				if len(page.Findings) != want {
					t.Errorf("%d findings on %s, want %d", len(page.Findings), host, want)
				}
			}
			for text, want := range map[string]int{"disk-slow": len(hosts), "WEB-1": 3, "/srv/A:B": 1, "odd:": 1, "nowhere": 0} {
				page, err := s.Findings(t.Context(), finding.Filter{Tenant: "default", Text: text})
				if err != nil || len(page.Findings) != want {
					t.Errorf("%q: %d findings, want %d, %v", text, len(page.Findings), want, err)
				}
			}
			for at, want := range map[time.Time]string{now: "Middle Zebra", now.Add(time.Hour): "Apple Middle"} {
				var names []string
				page, err := s.Entities(t.Context(), estate.Filter{Tenant: "default", At: at, Limit: 1})
				for ; err == nil; page, err = s.Entities(t.Context(), estate.Filter{Tenant: "default", At: at, Limit: 1, Cursor: page.Next}) {
					for _, e := range page.Entities {
						names = append(names, e.Name)
					}
					if page.Total != 2 {
						t.Errorf("total %d, want 2", page.Total)
					}
					if page.Next == "" {
						break
					}
				}
				if got := strings.Join(names, " "); err != nil || got != want {
					t.Errorf("the estate as of %v: %s, want %s, %v", at, got, want, err)
				}
			}
			// What is new goes on from there.
			more := finding.Finding{ID: "more", Key: finding.Key{Tenant: "default", Environment: "home", Practice: "p", Check: "c", Entity: "endpoint:more"},
				Report: finding.Report{Severity: finding.Warning, Title: "Something else", Host: "web-2"}, State: finding.Resolved, ChangedAt: now, ResolvedAt: now, Revision: 1}
			if err := s.ApplyFindings(t.Context(), []finding.Applied{{Finding: more, Events: []finding.Event{{ID: "more", Finding: "more", At: now, Kind: "opened", To: finding.Open}}}}); err != nil {
				t.Fatal(err)
			}
			for name, f := range map[string]finding.Filter{"text": {Text: "thing el"}, "host": {Host: "web-2", States: []finding.State{finding.Resolved}}} {
				f.Tenant = "default"
				page, err := s.Findings(t.Context(), f)
				if err != nil || !slices.ContainsFunc(page.Findings, func(f finding.Finding) bool { return f.ID == "more" }) {
					t.Errorf("by its %s: %+v, %v", name, page.Findings, err)
				}
			}
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTheIndexOfTextsKeepsNothingOfWhatIsGone looks into SQLite's own tables:
// what is left there would be found by nobody and grow for ever.
func TestTheIndexOfTextsKeepsNothingOfWhatIsGone(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir()})
	now := time.Unix(1_800_000_000, 0)
	var batch []finding.Applied
	for n := range 50 {
		batch = append(batch, finding.Applied{Finding: finding.Finding{ID: fmt.Sprint(n), Key: finding.Key{Tenant: "default", Check: "disk-slow", Entity: fmt.Sprint(n)},
			Report: finding.Report{Severity: finding.Warning, Title: "slow"}, State: finding.Resolved, ChangedAt: now, ResolvedAt: now.Add(time.Duration(n%2) * time.Hour), Revision: 1},
			Events: []finding.Event{{ID: fmt.Sprint(n), Finding: fmt.Sprint(n), At: now, Kind: "opened", To: finding.Open}}})
	}
	if err := s.ApplyFindings(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	left := func() (numbers, indexed int) {
		if err := s.read.NewRaw("SELECT count(*) FROM finding_numbers").Scan(t.Context(), &numbers); err != nil {
			t.Fatal(err)
		}
		if err := s.read.NewRaw("SELECT count(*) FROM finding_grams WHERE finding_grams MATCH 'slo'").Scan(t.Context(), &indexed); err != nil {
			t.Fatal(err)
		}
		return numbers, indexed
	}
	for _, c := range []struct {
		before time.Time
		want   int
	}{{now, 50}, {now.Add(time.Minute), 25}, {now.Add(2 * time.Hour), 0}} {
		if _, err := s.PruneFindings(t.Context(), c.before); err != nil {
			t.Fatal(err)
		}
		if numbers, indexed := left(); numbers != c.want || indexed != c.want {
			t.Errorf("%d numbers and %d texts are left, want %d", numbers, indexed, c.want)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}

	// And what is not in it is told.
	if _, err := s.write.NewRaw("DROP TRIGGER finding_begins").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.ApplyFindings(t.Context(), batch[:1]); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "1 rows of findings that no search finds") {
		t.Errorf("a finding that is not in the index: %v", err)
	}
}
