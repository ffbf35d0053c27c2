package respond_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// What is explained waits in the store, not in memory: another process pages it
// when its cause has ended, and the alerts of cases that became one are found in
// one incident, on both databases.
func TestWhatIsExplainedOutlivesTheProcess(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		now := time.Now()
		opt := respond.Options{Now: func() time.Time { return now }}
		d := newDesk(t, dsn, opt)
		alert := func(name, of, by string, severity finding.Severity, status respond.Status) respond.Alert {
			a := respond.Alert{AlertKey: respond.AlertKey{Tenant: "t", Source: "findings", Fingerprint: name}, Status: status, Severity: severity, Title: name,
				Explanation: respond.Explanation{Case: of}}
			if by != "" {
				a.By, a.Why = respond.AlertKey{Tenant: "t", Source: "findings", Fingerprint: by}.ID(), by+" causes it."
			}
			return a
		}
		pages := func(want int, when string) {
			t.Helper()
			d.must(d.Wake(t.Context(), now))
			page, err := d.List(t.Context(), d.ana, respond.IncidentFilter{Tenant: "t"})
			d.must(err)
			have := 0
			for _, i := range page.Incidents {
				have += i.Paged
			}
			if have != want {
				t.Errorf("%s: %d pages, not %d", when, have, want)
			}
			r, err := respond.Verify(t.Context(), d.store, "t", now)
			d.must(err)
			if !r.Good() {
				t.Errorf("%s: %+v", when, r)
			}
		}
		d.must(d.Receive(t.Context(), []respond.Alert{alert("disk", "a", "", finding.Critical, respond.Firing)}))
		pages(2, "the disk") // Ana, and the room
		d.must(d.Receive(t.Context(), []respond.Alert{alert("shop", "a", "disk", finding.Warning, respond.Firing), alert("search", "b", "", finding.Warning, respond.Firing)}))
		pages(4, "the shop is explained, search is not")
		merged := alert("search", "a", "disk", finding.Warning, respond.Firing)
		merged.CaseWas = []string{"b"}
		d.must(d.Receive(t.Context(), []respond.Alert{merged}))
		pages(4, "search is part of the same case after all")
		if open, err := d.List(t.Context(), d.ana, respond.IncidentFilter{Tenant: "t", States: []respond.State{respond.Triggered}}); err != nil || len(open.Incidents) != 1 || open.Incidents[0].Firing != 2 {
			t.Errorf("%+v, %v", open, err)
		}

		d.Service = respond.NewService(d.store, opt, slog.New(slog.DiscardHandler))
		d.must(d.Receive(t.Context(), []respond.Alert{alert("disk", "", "", finding.Critical, respond.Ended), alert("search", "", "", finding.Warning, respond.Ended)}))
		pages(4, "the disk is well")
		for range 5 {
			now = now.Add(time.Minute)
			d.must(d.Wake(t.Context(), now))
		}
		pages(6, "the shop has stayed slow for five minutes")
	})
}
