package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// opened is an incident with an alert, a page and two messages, as a decision
// makes them.
func opened(n int) respond.Batch {
	id := fmt.Sprintf("i%03d", n)
	key := respond.AlertKey{Tenant: "t", Source: "s", Fingerprint: id}
	a := respond.Alert{AlertKey: key, Status: respond.Firing, Severity: finding.Critical, Title: "Disk of \x00 \xff is full",
		Labels: map[string]string{"a": "\u00fc"}, StartsAt: t0, EndsAt: t0.Add(time.Hour), ReceivedAt: t0}
	i := respond.Incident{ID: id, Number: int64(n), Tenant: "t", Environment: "home", Title: "Disk 50%_ " + id, Severity: finding.Critical,
		Urgency: respond.High, State: respond.Triggered, Policy: "default", Route: "all", Group: "g" + id, OpenedAt: t0, ChangedAt: t0,
		Firing: 1, Alerts: 1, Paged: 1, WakeAt: t0.Add(time.Minute), Revision: 1}
	c := respond.Contact{ID: "c1", Tenant: "t", Person: "ana", Name: "phone", Channel: respond.SMS, Address: "+49", Verified: t0}
	p := respond.Page{ID: id + "-p1", Tenant: "t", Incident: id, Recipient: respond.Recipient{Kind: respond.ToPerson, ID: "ana"}, Person: "ana",
		Why: "on call", State: respond.PageOpen, BegunAt: t0}
	m := respond.Message{ID: p.ID + "-1", Tenant: "t", Incident: id, Page: p.ID, Kind: respond.PageMessage, Contact: c,
		Content: respond.Content{Number: i.Number, Title: i.Title}, State: respond.Due, NextAt: t0, CreatedAt: t0, ChangedAt: t0}
	later := m
	later.ID, later.NextAt = p.ID+"-2", t0.Add(time.Hour)
	return respond.Batch{
		Alerts: []respond.Standing{{ID: key.ID(), Alert: a, FiredAt: t0, Times: 1, Fate: respond.Grouped, Reason: "It stands in incident 1.",
			Incidents: []string{id}, WakeAt: a.EndsAt, ChangedAt: t0}},
		Joins: []respond.Join{{Tenant: "t", Incident: id, Alert: key.ID(), At: t0}},
		Decisions: []respond.Decision{{Incident: i, Pages: []respond.Page{p}, Messages: []respond.Message{m, later},
			Entries: []respond.Entry{{ID: id + "e1", Tenant: "t", At: t0, Kind: respond.Opened, Reason: "It began.", By: "Evenkeel", Incident: id}}}},
		Entries: []respond.Entry{{ID: id + "e2", Tenant: "t", At: t0, Kind: respond.AlertReceived, Reason: "Received.", By: "Evenkeel",
			Incident: id, Alert: key.ID()}},
	}
}

func respondWhole(t *testing.T, s Store) {
	ctx := t.Context()
	b := opened(1)
	check(t, s.ApplyResponse(ctx, b))
	d := b.Decisions[0]
	same := func(what string, want, got any, err error) {
		t.Helper()
		check(t, err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-stored +read):\n%s", what, diff)
		}
	}
	want := b.Alerts[0]
	want.Title = "Disk of \x00 \uFFFD is full" // JSON holds text
	alerts, err := s.AlertsByID(ctx, []string{want.ID, "none"})
	same("alerts", []respond.Standing{want}, alerts, err)
	alerts, err = s.IncidentAlerts(ctx, "t", "i001", true, 10)
	same("the incident's alerts", []respond.Standing{want}, alerts, err)
	i, err := s.Incident(ctx, "t", "i001")
	same("incident", d.Incident, i, err)
	pages, err := s.PagesOf(ctx, []string{"i001"}, true)
	same("pages", d.Pages, pages, err)
	messages, err := s.PageMessages(ctx, "t", "i001-p1")
	same("messages", d.Messages, messages, err)
	entries, err := s.Ledger(ctx, respond.LedgerFilter{Tenant: "t", Incident: "i001", Limit: 10})
	same("ledger", append(d.Entries, b.Entries...), entries, err)
	if _, err := s.Incident(ctx, "other", "i001"); !errors.Is(err, respond.ErrNotFound) {
		t.Errorf("another tenant's incident: %v", err)
	}
	for _, tenant := range []string{"other"} {
		if list, err := s.IncidentAlerts(ctx, tenant, "i001", false, 10); err != nil || len(list) > 0 {
			t.Errorf("another tenant's alerts: %v, %v", list, err)
		}
		if list, err := s.Ledger(ctx, respond.LedgerFilter{Tenant: tenant, Incident: "i001", Limit: 10}); err != nil || len(list) > 0 {
			t.Errorf("another tenant's ledger: %v, %v", list, err)
		}
	}

	// What was decided on another revision, or for a group that has an
	// incident, is refused whole.
	stale := opened(2)
	old := d
	old.Incident.Revision = 3
	old.Messages, old.Pages = nil, nil
	stale.Decisions = append(stale.Decisions, old)
	taken := opened(3)
	taken.Decisions[0].Incident.Group = d.Incident.Group
	twice := opened(4)
	twice.Decisions[0].Messages[0].ID = d.Messages[0].ID
	for what, b := range map[string]respond.Batch{"revision": stale, "group": taken, "message": twice} {
		if err := s.ApplyResponse(ctx, b); !errors.Is(err, respond.ErrConflict) {
			t.Errorf("a batch with a stale or taken %s: %v", what, err)
		}
	}
	if n, err := s.LastIncidentNumber(ctx, "t"); err != nil || n != 1 {
		t.Errorf("the last number is %d, %v: a part of a refused batch was stored", n, err)
	}
}

func respondDue(t *testing.T, s Store) {
	ctx := t.Context()
	for n := range 3 {
		b := opened(n + 1)
		b.Decisions[0].Incident.WakeAt = t0.Add(time.Duration(3-n) * time.Minute)
		check(t, s.ApplyResponse(ctx, b))
	}
	due := func(now time.Time) (out string) {
		list, err := s.DueIncidents(ctx, now, now.Add(time.Minute), 10)
		check(t, err)
		for _, i := range list {
			out += i.ID + " "
		}
		return out
	}
	for now, want := range map[time.Time]string{t0: "", t0.Add(2 * time.Minute): "i003 i002 ", t0.Add(-time.Hour): "i003 i002 i001 "} {
		if got := due(now); got != want {
			t.Errorf("due at %s: %q, want %q (an hour back, the clock was set back)", now, got, want)
		}
	}
	if list, err := s.DueAlerts(ctx, t0.Add(time.Hour), t0.Add(61*time.Minute), 2); err != nil || len(list) != 2 {
		t.Errorf("%d due alerts, %v; want as many as asked for", len(list), err)
	}
	page, err := s.Incidents(ctx, respond.IncidentFilter{Tenant: "t", Text: "50%_ I002"})
	if err != nil || len(page.Incidents) != 1 {
		t.Errorf("a search: %+v, %v", page, err)
	}
	page, err = s.Incidents(ctx, respond.IncidentFilter{Tenant: "t", Limit: 2, States: []respond.State{respond.Triggered}})
	if err != nil || len(page.Incidents) != 2 || page.Next == "" {
		t.Fatalf("the first page: %+v, %v", page, err)
	}
	page, err = s.Incidents(ctx, respond.IncidentFilter{Tenant: "t", Cursor: page.Next})
	if err != nil || len(page.Incidents) != 1 || page.Next != "" {
		t.Errorf("the second page: %+v, %v", page, err)
	}
}

func respondClaims(t *testing.T, s Store) {
	ctx := t.Context()
	for n := range 6 {
		b := opened(n + 1)
		if n >= 3 { // a second lane
			for k := range b.Decisions[0].Messages {
				b.Decisions[0].Messages[k].Contact.Channel = respond.Email
			}
		}
		check(t, s.ApplyResponse(ctx, b))
	}
	claim := func(now time.Time, limit, lane int, skip ...respond.Channel) (ids []string, list []respond.Message) {
		t.Helper()
		list, err := s.ClaimMessages(ctx, respond.Claim{Now: now, Ahead: now.Add(time.Minute), Until: now.Add(time.Minute),
			Stale: now.Add(2 * time.Minute), Limit: limit, PerLane: lane, Skip: skip})
		check(t, err)
		for _, m := range list {
			ids = append(ids, m.ID)
		}
		return ids, list
	}
	if ids, _ := claim(t0, 10, 1); len(ids) != 2 {
		t.Errorf("one of each lane: %v", ids)
	}
	if ids, list := claim(t0, 10, 10, respond.Email); len(ids) != 2 || list[0].State != respond.Sending || list[0].Tries != 1 || list[0].Uncertain {
		t.Errorf("the rest of one lane: %v %+v", ids, list)
	}
	ids, list := claim(t0, 10, 10)
	if len(ids) != 2 {
		t.Fatalf("the rest: %v", ids)
	}
	// What is going out arrives, so that those who get it are told what comes of it.
	if told, err := s.MessagesOf(ctx, []string{list[0].Incident}, true); err != nil || len(told) != 1 || told[0].ID != ids[0] {
		t.Errorf("told while it goes out: %+v, %v", told, err)
	}
	if ids, _ := claim(t0.Add(30*time.Second), 10, 10); len(ids) != 0 {
		t.Errorf("claimed twice: %v", ids)
	}

	// One is settled; a page of another ends meanwhile; the others are
	// interrupted and come again as uncertain, but for the ended one.
	done := respond.Settle(list[0], respond.Outcome{State: respond.Sent, ProviderID: "x", Thread: "th"}, t0.Add(time.Second))
	done.Entry.ID = "s1"
	stale := respond.Settle(list[1], respond.Outcome{State: respond.Failed, Reason: "no"}, t0.Add(time.Second))
	stale.Entry.ID, stale.Lease = "s2", t0
	check(t, s.SettleMessages(ctx, []respond.Settled{done, stale}))
	m, err := s.Message(ctx, "t", list[0].ID)
	if err != nil || m.State != respond.Sent || m.ProviderID != "x" || !m.LeaseUntil.IsZero() {
		t.Errorf("the settled one: %+v, %v", m, err)
	}
	m, err = s.Message(ctx, "t", list[1].ID)
	if err != nil || m.State != respond.Sending {
		t.Errorf("an outcome under another lease was taken: %+v, %v", m, err)
	}
	b := opened(9)
	p := b.Decisions[0].Pages[0]
	over := list[1]
	p.ID, p.Incident, p.State, p.EndedAt, p.Reason = over.Page, over.Incident, respond.PageSuperseded, t0, "somebody else has"
	i, err := s.Incident(ctx, "t", over.Incident)
	check(t, err)
	i.Revision++
	check(t, s.ApplyResponse(ctx, respond.Batch{Decisions: []respond.Decision{{Incident: i, Pages: []respond.Page{p},
		Withdrawn: []respond.Withdrawal{{Tenant: "t", Page: p.ID, Reason: p.Reason}}}}}))
	ids, list = claim(t0.Add(2*time.Minute), 10, 10)
	if len(ids) != 4 || !list[0].Uncertain || list[0].Tries != 2 || strings.Contains(strings.Join(ids, " "), over.ID) {
		t.Errorf("after the leases: %v %+v", ids, list)
	}
	messages, err := s.PageMessages(ctx, "t", over.Page)
	check(t, err)
	for _, m := range messages {
		if m.State != respond.Superseded || m.Reason == "" {
			t.Errorf("a message of an ended page is %s: %s", m.State, m.Reason)
		}
	}
	if n, err := s.CountLedger(ctx, "t"); err != nil || n[respond.MessageTried] != 1 {
		t.Errorf("the ledger counts %v, %v; one outcome was taken", n, err)
	}
}

func respondPeople(t *testing.T, s Store) {
	ctx := t.Context()
	c := respond.Contact{ID: "c1", Tenant: "t", Person: "ana", Name: "phone", Channel: respond.SMS, Address: "+49", After: time.Minute,
		Urgency: []respond.Urgency{respond.High}}
	check(t, s.PutContact(ctx, c))
	c.Verified = t0
	check(t, s.PutContact(ctx, c))
	p := respond.Policy{ID: "p1", Tenant: "t", Name: "P", Rounds: 2, Steps: []respond.Step{{Wait: time.Minute,
		Notify: []respond.Recipient{{Kind: respond.ToSchedule, ID: "s"}}}}, LastResort: []respond.Recipient{{Kind: respond.ToPerson, ID: "ana"}}}
	check(t, s.PutPolicy(ctx, p))
	contacts, err := s.Contacts(ctx, "t", "ana")
	check(t, err)
	policies, err := s.Policies(ctx, "t")
	check(t, err)
	if d := cmp.Diff([]respond.Contact{c}, contacts) + cmp.Diff([]respond.Policy{p}, policies); d != "" {
		t.Errorf("(-stored +read):\n%s", d)
	}
	if list, err := s.Contacts(ctx, "t", "ben"); err != nil || len(list) > 0 {
		t.Errorf("another person's contacts: %v, %v", list, err)
	}
	check(t, s.DeleteContact(ctx, "t", "c1"))
	if err := s.DeleteContact(ctx, "t", "c1"); !errors.Is(err, respond.ErrNotFound) {
		t.Errorf("removed again: %v", err)
	}
	check(t, s.DeletePolicy(ctx, "t", "p1"))

	// An incident that is over goes with all that belongs to it.
	b := opened(1)
	check(t, s.ApplyResponse(ctx, b))
	i := b.Decisions[0].Incident
	i.State, i.ResolvedAt, i.WakeAt, i.Revision = respond.Resolved, t0, time.Time{}, 2
	st := b.Alerts[0]
	st.Fate, st.EndedAt = respond.Over, t0
	check(t, s.ApplyResponse(ctx, respond.Batch{Alerts: []respond.Standing{st}, Decisions: []respond.Decision{{Incident: i}}}))
	if n, err := s.PruneResponse(ctx, t0); err != nil || n != 0 {
		t.Errorf("pruned too early: %d, %v", n, err)
	}
	if n, err := s.PruneResponse(ctx, t0.Add(time.Second)); err != nil || n != 1 {
		t.Errorf("pruned %d, %v", n, err)
	}
	entries, err := s.Ledger(ctx, respond.LedgerFilter{Tenant: "t", Limit: 10})
	check(t, err)
	alerts, err := s.Alerts(ctx, "t", "", 10)
	check(t, err)
	if len(entries)+len(alerts) > 0 {
		t.Errorf("left behind: %v %v", entries, alerts)
	}
}
