package respond_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/store"
)

// storied is a data folder with a ledger in which all has happened that can:
// alerts that stand and that have ended, incidents in every state, pages that
// were answered, superseded and failed, messages that were sent and that wait.
func storied(t testing.TB) (dir string, now time.Time) {
	t.Helper()
	dir, now = t.TempDir(), time.Now()
	s, err := store.Open(t.Context(), store.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d := staffed(t, s, respond.Options{})
	ctx := t.Context()
	var all []respond.Alert
	for n := range 8 {
		all = append(all, alert(n))
	}
	d.must(d.Receive(ctx, all))
	d.must(d.Wake(ctx, now.Add(time.Second)))
	page, err := d.List(ctx, d.ana, respond.IncidentFilter{Tenant: "t"})
	d.must(err)
	for n, i := range page.Incidents {
		var err error
		switch n % 4 {
		case 0:
			_, err = d.Acknowledge(ctx, d.ana, "t", i.ID, "", now.Add(2*time.Second))
		case 1:
			_, err = d.Resolve(ctx, d.ana, "t", i.ID, "", now.Add(2*time.Second))
		case 2:
			_, err = d.Snooze(ctx, d.ana, "t", i.ID, now.Add(time.Hour), "", now.Add(2*time.Second))
		}
		d.must(err)
	}
	claimed, err := d.store.ClaimMessages(ctx, respond.Claim{Now: now.Add(3 * time.Second), Ahead: now.Add(time.Hour), Until: now.Add(time.Minute),
		Stale: now.Add(2 * time.Minute), Limit: 4, PerLane: 2})
	d.must(err)
	var settled []respond.Settled
	for n, m := range claimed {
		if n > 0 { // the first stays on its way
			x := respond.Settle(m, respond.Outcome{State: respond.Sent}, now.Add(4*time.Second))
			x.Entry.ID = fmt.Sprintf("settled-%d", n)
			settled = append(settled, x)
		}
	}
	d.must(d.store.SettleMessages(ctx, settled))
	d.must(d.Receive(ctx, []respond.Alert{ended(alert(1)), ended(alert(3))}))
	if r, err := respond.Verify(ctx, s, "t", now.Add(5*time.Second)); err != nil || !r.Good() {
		t.Fatalf("it does not verify as it is: %v, %+v, %+v", err, r.Lost, r.Stuck)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, now.Add(5 * time.Second)
}

// TestVerifyFindsWhatIsWrong breaks one thing at a time in a ledger that is
// whole. A verifier that finds nothing in any of these would prove nothing.
func TestVerifyFindsWhatIsWrong(t *testing.T) {
	whole, now := storied(t)
	one := func(table, where string) string {
		return fmt.Sprintf("rowid IN (SELECT rowid FROM %s WHERE %s LIMIT 1)", table, where)
	}
	for name, statement := range map[string]string{
		"a page's message is gone":           "DELETE FROM messages WHERE page = (SELECT id FROM pages WHERE state <> 'failed' LIMIT 1)",
		"a page is gone":                     "DELETE FROM pages WHERE " + one("pages", "1"),
		"an incident is gone":                "DELETE FROM incidents WHERE id = (SELECT incident FROM incident_alerts LIMIT 1)",
		"an alert is gone":                   "DELETE FROM alerts WHERE " + one("alerts", "fate = 'grouped'"),
		"an alert has another fate":          "UPDATE alerts SET fate = 'over' WHERE " + one("alerts", "fate = 'grouped'"),
		"an alert is never looked at again":  "UPDATE alerts SET fate = 'muted', wake_at = 0 WHERE " + one("alerts", "fate = 'grouped'"),
		"nobody looks at an incident":        "UPDATE incidents SET wake_at = 0 WHERE " + one("incidents", "state = 'triggered'"),
		"a snooze that never ends":           "UPDATE incidents SET wake_at = 0 WHERE " + one("incidents", "state = 'snoozed'"),
		"an incident is overdue":             "UPDATE incidents SET wake_at = wake_at - 7200000000 WHERE " + one("incidents", "state = 'triggered'"),
		"a page is open again":               "UPDATE pages SET state = 'open' WHERE " + one("pages", "state <> 'open'"),
		"a message is on its way for ever":   "UPDATE messages SET lease_until = 0 WHERE " + one("messages", "state = 'sending'"),
		"a message's lease is long over":     "UPDATE messages SET lease_until = lease_until - 7200000000 WHERE " + one("messages", "state = 'sending'"),
		"a message is due at no time":        "UPDATE messages SET next_at = 0 WHERE " + one("messages", "state = 'due'"),
		"a message is long due":              "UPDATE messages SET next_at = next_at - 7200000000 WHERE " + one("messages", "state = 'due'"),
		"a message failed without a reason":  "UPDATE messages SET state = 'failed', reason = '' WHERE " + one("messages", "state = 'due'"),
		"a message has a state of its own":   "UPDATE messages SET state = 'forgotten' WHERE " + one("messages", "state = 'due'"),
		"a message was sent at no time":      "UPDATE messages SET state = 'sent' WHERE " + one("messages", "state = 'due'"),
		"a message is told by one not there": "UPDATE messages SET state = 'coalesced', told_by = 'nothing' WHERE " + one("messages", "state = 'due'"),
		"a page began without an entry":      "DELETE FROM ledger WHERE " + one("ledger", "kind = 'page-begun'"),
		"a page ended without an entry":      "DELETE FROM ledger WHERE " + one("ledger", "kind = 'page-ended'"),
		"a try without an entry":             "DELETE FROM ledger WHERE " + one("ledger", "kind = 'message-tried'"),
		"an incident opened without one":     "DELETE FROM ledger WHERE " + one("ledger", "kind = 'opened'"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			raw, err := os.ReadFile(filepath.Join(whole, "state.db"))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "state.db")
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			result, err := db.Exec(statement)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := result.RowsAffected(); err != nil || n == 0 {
				t.Fatalf("nothing was broken: %d rows, %v", n, err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(t.Context(), store.Config{Dir: dir}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			r, err := respond.Verify(t.Context(), s, "t", now)
			if err != nil {
				t.Fatal(err)
			}
			if r.Good() {
				t.Error("nothing was found")
			}
			for _, p := range append(r.Lost, r.Stuck...) {
				t.Log(p)
			}
		})
	}
}

// BenchmarkVerify reads a ledger of a million entries.
func BenchmarkVerify(b *testing.B) {
	dir, now := storied(b)
	db, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var entries, copies int
	if err := db.QueryRow("SELECT count(*) FROM ledger").Scan(&entries); err != nil {
		b.Fatal(err)
	}
	copies = 1_000_000 / entries
	// Each copy has ids of its own, as a longer life would have made them; the
	// ids of incidents, alerts, pages and messages follow from each other.
	for _, statement := range []string{
		"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF",
		fmt.Sprintf("CREATE TEMP TABLE copy AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) SELECT n FROM c", copies-1),
		"CREATE TEMP TABLE ids AS SELECT id FROM incidents",
		`INSERT INTO alerts SELECT id || '-' || n, tenant, fate, ended_at, wake_at, changed_at,
			replace(replace(body, '"id":"' || id || '"', '"id":"' || id || '-' || n || '"'), (SELECT incident FROM incident_alerts j WHERE j.alert = alerts.id LIMIT 1),
			(SELECT incident FROM incident_alerts j WHERE j.alert = alerts.id LIMIT 1) || '-' || n) FROM alerts, copy`,
		`INSERT INTO incidents SELECT id || '-' || n, tenant, number + n * 1000, environment, state, severity, assignee, CASE grp WHEN '' THEN '' ELSE grp || '-' || n END,
			merged_into, resolved_at, wake_at, changed_at, revision, place || CAST(n AS BLOB), search, replace(body, id, id || '-' || n) FROM incidents, copy`,
		"INSERT INTO pages SELECT id || '-' || n, tenant, incident || '-' || n, recipient, state, begun_at, replace(replace(body, '\"id\":\"' || id || '\"', '\"id\":\"' || id || '-' || n || '\"'), '\"incident\":\"' || incident || '\"', '\"incident\":\"' || incident || '-' || n || '\"') FROM pages, copy",
		`INSERT INTO messages SELECT id || '-' || n, tenant, incident || '-' || n, page || '-' || n, kind, channel, contact, state, reason, tries, uncertain, next_at, lease_until,
			changed_at, sent_at, thread, told_by, replace(replace(replace(body, '"id":"' || id || '"', '"id":"' || id || '-' || n || '"'), '"incident":"' || incident || '"', '"incident":"' || incident || '-' || n || '"'),
			'"page":"' || page || '"', '"page":"' || page || '-' || n || '"') FROM messages, copy WHERE incident <> '' AND page <> ''`,
		"INSERT INTO ledger SELECT tenant, id || '-' || n, at, kind, reason, by_name, incident, alert, page, message, person FROM ledger, copy",
		"PRAGMA journal_mode = WAL",
	} {
		if _, err := db.Exec(statement); err != nil {
			b.Fatalf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(b.Context(), store.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		r, err := respond.Verify(b.Context(), s, "t", now)
		if err != nil || !r.Good() {
			b.Fatalf("%v, lost %v, stuck %v", err, r.Lost[:min(3, len(r.Lost))], r.Stuck[:min(3, len(r.Stuck))])
		}
		total := int64(0)
		for _, n := range r.Entries {
			total += n
		}
		b.ReportMetric(float64(total), "entries")
	}
}
