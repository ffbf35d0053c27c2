package oncall_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/store"
)

const tenant = access.DefaultTenant

var (
	names     = map[string]string{"u1": "ana", "u2": "ben", "u3": "cem"}
	operator  = actor("u1", access.Operator, access.Any)
	responder = actor("u2", access.Responder, "shop")
	viewer    = actor("u3", access.Viewer, access.Any)
)

func actor(id string, role access.Role, environment string) access.Actor {
	return access.Actor{Kind: access.Person, ID: id, Name: names[id], Grants: []access.Grant{{Tenant: tenant, Environment: environment, Role: role}}}
}

func open(t *testing.T) (*store.Store, *oncall.Service) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, oncall.NewService(db, oncall.Options{
		People:  func(context.Context, string) (map[string]string, error) { return names, nil },
		FeedURL: func(token string) string { return "https://keel.example/" + token }})
}

func shop() oncall.Schedule {
	return oncall.Schedule{ID: "shop", Tenant: tenant, Name: "Shop", Zone: "Europe/Berlin", Layers: []oncall.Layer{
		{Name: "Week", Handoff: "weekly", Start: "2026-01-05T09:00", Turns: []oncall.Turn{{"ana"}, {"ben"}}}}}
}

// policy -> schedule -> page: whoever is on call at the time is paged, with the
// reason, and low urgency waits for the hours of another schedule.
func TestAnEscalationPagesWhoIsOnCall(t *testing.T) {
	db, s := open(t)
	ctx, friday := t.Context(), time.Date(2026, 3, 27, 20, 0, 0, 0, time.UTC)
	desk := shop()
	desk.ID, desk.Name, desk.PartTime = "desk", "Desk", true
	desk.Layers[0].Hours = []oncall.Hours{{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", To: "17:00"}}
	for _, x := range []oncall.Schedule{shop(), desk} {
		if _, err := s.Put(ctx, operator, x, friday); err != nil {
			t.Fatal(err)
		}
	}
	p := respond.Policy{ID: respond.DefaultPolicy, Tenant: tenant, Name: "Default", Rounds: 1, Hours: "desk",
		Steps: []respond.Step{{Wait: 10 * time.Minute, Notify: []respond.Recipient{{Kind: respond.ToSchedule, ID: "shop"}}}}}
	if err := db.PutPolicy(ctx, p); err != nil {
		t.Fatal(err)
	}
	for id := range names {
		if err := db.PutContact(ctx, respond.Contact{ID: "c" + id, Tenant: tenant, Person: id, Name: "phone", Channel: respond.SMS, Address: "+49", Verified: friday}); err != nil {
			t.Fatal(err)
		}
	}
	saturday := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	service := respond.NewService(db, respond.Options{Roster: func(ctx context.Context, tenant string) (respond.Roster, error) { return s.Roster(ctx, tenant, friday) },
		Now: func() time.Time { return saturday }}, slog.New(slog.DiscardHandler))
	declare := func(title string, severity finding.Severity, now time.Time) respond.Story {
		t.Helper()
		i, err := service.Declare(ctx, access.Evenkeel(tenant), respond.Declaration{Tenant: tenant, Environment: "shop", Title: title, Severity: severity, Policy: p.ID}, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := service.Wake(ctx, now); err != nil {
			t.Fatal(err)
		}
		story, err := service.Get(ctx, access.Evenkeel(tenant), tenant, i.ID)
		if err != nil {
			t.Fatal(err)
		}
		return story
	}
	if _, err := s.Override(ctx, responder, oncall.Override{Tenant: tenant, Schedule: "shop", Person: "u3", From: friday.Add(29 * time.Hour), To: friday.Add(40 * time.Hour), Reason: "wedding"}, friday); err != nil {
		t.Fatal(err)
	}
	for n, c := range []struct {
		at       time.Time
		who, why string
	}{
		{friday, "u2", "layer Week, turn of Mon 23 Mar 09:00 to Mon 30 Mar 09:00"},
		// 02:30 on the Sunday on which 02:00 to 03:00 does not exist in Berlin.
		{time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC), "u3", "override by ben until Sun 29 Mar 14:00 (wedding), before all layers"},
		{time.Date(2026, 3, 30, 6, 59, 0, 0, time.UTC), "u2", "layer Week"},
		{time.Date(2026, 3, 30, 7, 0, 0, 0, time.UTC), "u1", "layer Week, turn of Mon 30 Mar 09:00"}, // 09:00 of summer
	} {
		story := declare(fmt.Sprintf("Nobody can pay, case %d", n), finding.Critical, c.at)
		if len(story.Pages) != 1 || story.Pages[0].Person != c.who || !strings.HasPrefix(story.Pages[0].Why, c.why) || story.Pages[0].State != respond.PageOpen {
			t.Errorf("at %s is paged %+v, want %s because of %s", c.at, story.Pages, c.who, c.why)
		}
	}
	err := service.Receive(ctx, []respond.Alert{{AlertKey: respond.AlertKey{Tenant: tenant, Source: "test", Fingerprint: "slow"}, Environment: "shop",
		Status: respond.Firing, Severity: finding.Warning, Title: "It is slow", StartsAt: saturday}})
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Wake(ctx, saturday.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	list, err := service.List(ctx, access.Evenkeel(tenant), respond.IncidentFilter{Tenant: tenant, Text: "slow"})
	if err != nil || len(list.Incidents) != 1 {
		t.Fatal(list, err)
	}
	low, err := service.Get(ctx, access.Evenkeel(tenant), tenant, list.Incidents[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(low.Pages) != 0 || !strings.Contains(low.Incident.Held, "hours of desk") {
		t.Errorf("on a Saturday low urgency pages %+v; held: %q", low.Pages, low.Incident.Held)
	}
	if err := service.Wake(ctx, time.Date(2026, 3, 30, 7, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	low, err = service.Get(ctx, access.Evenkeel(tenant), tenant, low.Incident.ID)
	if err != nil || len(low.Pages) != 1 || low.Pages[0].Person != "u1" {
		t.Errorf("on Monday at nine it pages %+v, %v", low.Pages, err)
	}
	if err := s.Delete(ctx, operator, tenant, "desk", friday); !errors.Is(err, respond.ErrState) {
		t.Errorf("a schedule that a policy names is deleted: %v", err)
	}
}

func TestWhoMayChangeWhat(t *testing.T) {
	db, s := open(t)
	ctx, now := t.Context(), time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)
	is := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	_, err := s.Put(ctx, responder, shop(), now)
	is("a responder makes a schedule", err, access.ErrForbidden)
	made, err := s.Put(ctx, operator, shop(), now)
	is("an operator makes a schedule", err, nil)
	if made.Revision != 1 || made.Layers[0].Turns[0][0] != "u1" {
		t.Errorf("made: %+v", made)
	}
	_, err = s.Put(ctx, operator, shop(), now)
	is("made again", err, respond.ErrConflict)
	made, err = s.Put(ctx, operator, made, now)
	is("changed", err, nil)
	unknown := made
	unknown.Layers = []oncall.Layer{{Name: "L", Handoff: "never", Start: "2026-01-01", Turns: []oncall.Turn{{"zoe"}}}}
	_, err = s.Put(ctx, operator, unknown, now)
	is("with a person who is not there", err, respond.ErrInvalid)

	o := oncall.Override{Tenant: tenant, Schedule: "shop", Person: "u3", From: now.Add(-time.Hour), To: now.Add(time.Hour), Reason: "dentist"}
	_, err = s.Override(ctx, viewer, o, now)
	is("a viewer overrides", err, access.ErrForbidden)
	for what, spoil := range map[string]func(*oncall.Override){
		"without a reason":          func(o *oncall.Override) { o.Reason = " x " },
		"of the past":               func(o *oncall.Override) { o.From, o.To = now.Add(-2*time.Hour), now },
		"that ends first":           func(o *oncall.Override) { o.From = o.To },
		"with a stranger":           func(o *oncall.Override) { o.Person = "zoe" },
		"of who is not on call":     func(o *oncall.Override) { o.Replaces = "u2" },
		"that is longer than years": func(o *oncall.Override) { o.To = now.AddDate(3, 0, 0) },
	} {
		bad := o
		spoil(&bad)
		_, err = s.Override(ctx, responder, bad, now)
		is("an override "+what, err, respond.ErrInvalid)
	}
	o, err = s.Override(ctx, responder, o, now)
	is("a responder overrides", err, nil)
	if !o.From.Equal(now) || o.By != "ben" {
		t.Errorf("the past is rewritten, or nobody said it: %+v", o)
	}
	st, err := s.OnCall(ctx, viewer, tenant, "shop", now)
	if err != nil || len(st.Duties) != 1 || st.Duties[0].Person != "u3" || len(st.Next) != 1 || st.Next[0] != "u1" || !st.NextAt.Equal(o.To) {
		t.Errorf("a viewer sees %+v, %v", st, err)
	}
	// Taken back in the middle, the part that was stays.
	is("taken back", s.DeleteOverride(ctx, responder, tenant, "shop", o.ID, now.Add(10*time.Minute)), nil)
	list, err := s.Overrides(ctx, viewer, tenant, "shop", now)
	if err != nil || len(list) != 1 || !list[0].To.Equal(now.Add(10*time.Minute)) {
		t.Errorf("after it was taken back: %+v, %v", list, err)
	}
	is("taken back again", s.DeleteOverride(ctx, responder, tenant, "shop", o.ID, now.Add(20*time.Minute)), respond.ErrNotFound)

	// Ana, whose week it is, and Ben swap two days.
	day := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	one := oncall.Override{Tenant: tenant, Schedule: "shop", Person: "u2", Replaces: "u1", From: day, To: day.Add(24 * time.Hour), Reason: "swap of days"}
	other := oncall.Override{Tenant: tenant, Schedule: "shop", Person: "u1", Replaces: "u2", From: day.AddDate(0, 0, 7), To: day.AddDate(0, 0, 8), Reason: "swap of days"}
	_, err = s.Swap(ctx, responder, one, one, now)
	is("a swap of one", err, respond.ErrInvalid)
	if both, err := s.Swap(ctx, responder, one, other, now); err != nil || len(both) != 2 || both[0].Swap == "" || both[0].Swap != both[1].Swap {
		t.Errorf("a swap: %+v, %v", both, err)
	}
	for at, want := range map[time.Time]string{day: "u2", other.From: "u1"} {
		if st, err := s.OnCall(ctx, viewer, tenant, "shop", at.Add(time.Hour)); err != nil || st.Duties[0].Person != want || !strings.HasPrefix(st.Duties[0].Why, "swap by ben") {
			t.Errorf("after the swap: %+v, %v", st.Duties, err)
		}
	}

	// A calendar's address is worth nothing once it was renewed, and is stored
	// nowhere.
	first, err := s.RenewFeed(ctx, viewer, tenant, "", now)
	is("a person's feed", err, nil)
	second, err := s.RenewFeed(ctx, viewer, tenant, "", now)
	is("renewed", err, nil)
	_, err = s.RenewFeed(ctx, viewer, tenant, "shop", now)
	is("a viewer ends everybody's feed", err, access.ErrForbidden)
	read := func(address string) error {
		var b strings.Builder
		return s.Feed(ctx, &b, strings.TrimPrefix(address, "https://keel.example/"), now)
	}
	is("the old address", read(first), respond.ErrNotFound)
	is("the new address", read(second), nil)
	if names["u3"] = ""; read(second) == nil {
		t.Error("the feed of a person who has left is told")
	}
	names["u3"] = "cem"
	audit, err := db.Audit(ctx, access.AuditFilter{Tenant: tenant, Limit: 100})
	if err != nil || len(audit.Entries) != 8 || strings.Contains(fmt.Sprint(audit), strings.TrimPrefix(second, "https://keel.example/")) {
		t.Errorf("the audit log has %d entries, %v", len(audit.Entries), err)
	}

	// The file has the say over what it names, until it does not name it.
	is("configured", s.Configure(ctx, tenant, oncall.Config{shop()}, now), nil)
	made, err = s.Schedule(ctx, viewer, tenant, "shop")
	if err != nil || !made.Configured {
		t.Errorf("from the file: %+v, %v", made, err)
	}
	_, err = s.Put(ctx, operator, made, now)
	is("what the file has is changed elsewhere", err, respond.ErrState)
	is("what the file has is deleted", s.Delete(ctx, operator, tenant, "shop", now), respond.ErrState)
	is("configured without", s.Configure(ctx, tenant, nil, now), nil)
	_, skipped, err := s.ImportHolidays(ctx, operator, tenant, "shop", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nSUMMARY:Christmas\nEND:VEVENT\nEND:VCALENDAR", now)
	is("holidays", err, nil)
	if made, err = s.Schedule(ctx, viewer, tenant, "shop"); err != nil || skipped != 0 || len(made.Holidays) != 1 {
		t.Errorf("with holidays: %+v, %v", made, err)
	}
	is("deleted", s.Delete(ctx, operator, tenant, "shop", now), nil)
}
