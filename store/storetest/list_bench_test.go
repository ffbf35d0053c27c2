package storetest_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/store"
	"github.com/evenkeel/evenkeel/store/storetest"
)

const (
	manyEntities = 10_000
	manyFindings = 100_000
)

// BenchmarkLists asks a store with 10,000 entities and 100,000 findings in
// history what the pages ask, and reports p50 and p95 in milliseconds.
func BenchmarkLists(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { lists(b, store.Config{Dir: b.TempDir()}) })
	b.Run("PostgreSQL", func(b *testing.B) { lists(b, store.Config{Dir: b.TempDir(), DSN: storetest.Postgres(b)}) })
}

func lists(b *testing.B, cfg store.Config) {
	s, err := store.Open(b.Context(), cfg, quiet)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	start := time.Now()
	fill(b, s)
	b.Logf("filled in %v", time.Since(start))
	if cfg.DSN != "" {
		// What PostgreSQL does by itself within minutes (autovacuum).
		db, err := sql.Open("pgx", cfg.DSN)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := db.Exec("VACUUM ANALYZE"); err != nil {
			b.Fatal(err)
		}
		db.Close()
	}

	actor := access.Evenkeel("default")
	findings, things := finding.NewService(s, quiet), estate.NewService(s, quiet)
	random := rand.New(rand.NewPCG(1, 1))
	entity := func() string { return fmt.Sprintf("unit:host-%d:svc-%d", random.IntN(100), random.IntN(100)) }
	list := func(f finding.Filter) func() error {
		return func() error {
			f.Tenant = "default"
			_, err := findings.List(b.Context(), actor, f)
			return err
		}
	}
	entities := func(f estate.Filter) func() error {
		return func() error {
			f.Tenant = "default"
			_, err := things.Entities(b.Context(), actor, f)
			return err
		}
	}
	deep := finding.Filter{Tenant: "default", Limit: 500}
	for range 40 {
		page, err := findings.List(b.Context(), actor, deep)
		if err != nil {
			b.Fatal(err)
		}
		deep.Cursor = page.Next
	}
	standing := []finding.State{finding.Open, finding.Acknowledged, finding.Accepted, finding.Unknown}
	for _, q := range []struct {
		name string
		ask  func() error
	}{
		{"findings/all", list(finding.Filter{})},
		{"findings/standing", list(finding.Filter{States: standing})},
		{"findings/resolved", list(finding.Filter{States: []finding.State{finding.Resolved}})},
		{"findings/critical", list(finding.Filter{MinSeverity: finding.Critical})},
		{"findings/environment", list(finding.Filter{Environments: []string{"shop"}})},
		{"findings/check", list(finding.Filter{Check: "check-7"})},
		{"findings/deep", list(deep)},
		{"findings/text", list(finding.Filter{Text: "svc-77"})},
		{"findings/text-common", list(finding.Filter{Text: "disk"})},
		{"findings/text-one-in-thirty", list(finding.Filter{Text: "svc-7"})},
		{"findings/text-short-nowhere", list(finding.Filter{Text: "zq"})},
		{"findings/of-host", func() error { return list(finding.Filter{Host: fmt.Sprintf("host-%d", random.IntN(100))})() }},
		{"entities/past-text", entities(estate.Filter{At: begin.Add(90 * time.Second), Text: "svc-77"})},
		{"findings/text-nowhere", list(finding.Filter{Text: "no such thing"})},
		{"findings/last-day", list(finding.Filter{Since: begin.Add(-24 * time.Hour), Until: begin})},
		{"findings/of-entity", func() error { return list(finding.Filter{Entity: entity()})() }},
		{"entity/now", func() error {
			_, _, err := things.Entity(b.Context(), actor, "default", "home", entity(), time.Time{})
			return err
		}},
		{"entity/page", func() error {
			id := entity()
			if _, _, err := things.Entity(b.Context(), actor, "default", "home", id, time.Time{}); err != nil {
				return err
			}
			if err := list(finding.Filter{Entity: id})(); err != nil {
				return err
			}
			_, err := things.Changes(b.Context(), actor, estate.ChangeFilter{Tenant: "default", Entity: id})
			return err
		}},
		{"entity/host-with-100-relations", func() error {
			_, _, err := things.Entity(b.Context(), actor, "default", "home", "host:host-7", time.Time{})
			return err
		}},
		{"entities/all", entities(estate.Filter{})},
		{"entities/kind", entities(estate.Filter{Kinds: []estate.Kind{estate.Host}})},
		{"entities/text", entities(estate.Filter{Text: "svc-77"})},
		{"entities/text-nowhere", entities(estate.Filter{Text: "no such thing"})},
		{"entities/past", entities(estate.Filter{At: begin.Add(90 * time.Second)})},
		{"environments", func() error { _, err := things.Environments(b.Context(), actor, "default"); return err }},
		{"changes", func() error {
			_, err := things.Changes(b.Context(), actor, estate.ChangeFilter{Tenant: "default"})
			return err
		}},
	} {
		b.Run(q.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				if err := q.ask(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			ms := func(share float64) float64 { return took[int(share*float64(len(took)-1))].Seconds() * 1e3 }
			b.ReportMetric(ms(0.5), "p50-ms")
			b.ReportMetric(ms(0.95), "p95-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func fill(b *testing.B, s *store.Store) {
	things := estate.NewService(s, quiet)
	for round := range 3 { // so that there is a past
		o := estate.Observation{Tenant: "default", Environment: "home", Source: "host", At: begin.Add(time.Duration(round) * time.Minute), Complete: true}
		for h := range manyEntities / 100 {
			host := fmt.Sprintf("host-%d", h)
			o.Entities = append(o.Entities, estate.Entity{ID: "host:" + host, Kind: estate.Host, Name: host, Attributes: map[string]string{"kernel": "6.1", "arch": "amd64"}})
			for u := range 99 {
				id := fmt.Sprintf("unit:%s:svc-%d", host, u)
				e := estate.Entity{ID: id, Kind: estate.Unit, Name: fmt.Sprintf("svc-%d", u), Attributes: map[string]string{"path": "/lib/systemd/system/svc.service", "user": "root"}}
				if u%10 == 0 {
					e.Attributes["restarted"] = fmt.Sprint(round)
					o.Changes = append(o.Changes, estate.Change{Entity: id, Kind: "unit-restart", Summary: "restarted", Key: fmt.Sprint(id, round)})
				}
				o.Entities = append(o.Entities, e)
				o.Relations = append(o.Relations, estate.Relation{From: id, Kind: estate.RunsOn, To: "host:" + host, Confidence: 1})
			}
			o.Entities = append(o.Entities, estate.Entity{ID: fmt.Sprintf("unit:%s:svc-99", host), Kind: estate.Unit, Name: "svc-99"})
		}
		if err := things.Observe(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
	value := 0.9
	for n := 0; n < manyFindings; n += 1000 {
		var batch []finding.Applied
		for i := n; i < n+1000; i++ {
			f := finding.Finding{ID: ulid.Make().String(), Revision: 1, State: finding.Resolved, By: "Evenkeel", Reason: "It is clear again.",
				Key: finding.Key{Tenant: "default", Environment: []string{"home", "home", "home", "shop"}[i%4], Practice: "detect",
					Check: fmt.Sprintf("check-%d", i%40), Entity: fmt.Sprintf("unit:host-%d:svc-%d", i%100, i/100%100)},
				Report: finding.Report{Severity: finding.Severity(1 + i%3), Title: fmt.Sprintf("svc-%d on host-%d waits for the disk", i/100%100, i%100),
					Effect: "Requests that write take longer; users see slow saves.", Remedy: []string{"Look at who writes.", "Move it to another disk.", "Ask for a faster one."},
					EntityKind: "unit", EntityName: fmt.Sprintf("svc-%d", i/100%100), Host: fmt.Sprintf("host-%d", i%100),
					Culprits: []finding.Culprit{{Name: "backup", Share: 0.8, Text: "writes 80 MiB/s; usually 1"}},
					Evidence: []finding.Evidence{{Signal: "disk_await", Text: "await is 90 ms", Query: `rate(node_disk_io_time_seconds_total{device="sda"}[5m])`, From: begin, To: begin, Value: &value, Unit: "seconds"},
						{Signal: "pressure_io", Text: "40 % of the time", Query: `evenkeel_pressure_share{resource="io"}`, From: begin, To: begin, Value: &value, Unit: "ratio"}}},
				FirstSeen: begin.Add(-time.Duration(i) * time.Minute), LastSeen: begin, ChangedAt: begin.Add(-time.Duration(i) * 50 * time.Second)}
			f.ResolvedAt = f.ChangedAt
			if i%1000 < 2 {
				f.State, f.ResolvedAt = finding.Open, time.Time{}
				f.Entity = fmt.Sprintf("unit:open:%d", i)
			}
			batch = append(batch, finding.Applied{Finding: f, Events: []finding.Event{
				{ID: ulid.Make().String(), Finding: f.ID, At: f.FirstSeen, Kind: "opened", To: finding.Open, By: "Evenkeel", Text: f.Title}}})
		}
		if err := s.ApplyFindings(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
