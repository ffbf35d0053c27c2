package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond/oncall"
)

func (d *demo) duties() *oncall.Service {
	return oncall.NewService(d.state, oncall.Options{
		People: func(ctx context.Context, tenant string) (map[string]string, error) {
			return d.access.Names(ctx, access.Evenkeel(tenant), tenant)
		},
		FeedURL: func(token string) string { return "https://ops.example.org/oncall/feed/" + token + ".ics" },
	})
}

// rota makes two schedules: in one kim and robin take turns, and nobody is there
// on the next Sunday morning; the other is of working hours.
func (d *demo) rota(t testing.TB) {
	t.Helper()
	s, who := d.duties(), access.Evenkeel(access.DefaultTenant)
	begun := d.now.AddDate(0, 0, -60).Format(time.DateOnly) + "T09:00"
	evening := d.now.AddDate(0, 0, -60).Format(time.DateOnly) + "T20:00"
	week := []oncall.Hours{{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "08:00", To: "20:00"}}
	for _, x := range []oncall.Schedule{
		{ID: "shop", Name: "Shop", Zone: "Europe/Berlin", Layers: []oncall.Layer{
			{Name: "Nights and weekends", Handoff: "every 3 days", Start: evening, Turns: []oncall.Turn{{"kim"}, {"robin", "kim"}},
				Hours: []oncall.Hours{{Days: []string{"mon", "tue", "wed", "thu", "fri", "sat"}}, {Days: []string{"sun"}, From: "12:00"}}},
			{Name: "Days", Handoff: "FREQ=WEEKLY;BYDAY=MO", Start: begun, Turns: []oncall.Turn{{"robin"}, {"kim"}}, Hours: week}}},
		{ID: "desk", Name: "Working hours", Zone: "America/New_York", PartTime: true, Layers: []oncall.Layer{
			{Name: "Desk", Handoff: "never", Start: begun, Turns: []oncall.Turn{{"robin"}}, Hours: week}}},
	} {
		x.Tenant = access.DefaultTenant
		if _, err := s.Put(t.Context(), who, x, d.now); err != nil {
			t.Fatal(err)
		}
	}
	kim := person(t, d, "kim")
	o := oncall.Override{Tenant: access.DefaultTenant, Schedule: "shop", Person: kim.ID, From: d.now.Add(30 * time.Hour), To: d.now.Add(50 * time.Hour), Reason: "Robin is at the dentist"}
	if _, err := s.Override(t.Context(), d.actor, o, d.now); err != nil {
		t.Fatal(err)
	}
}

func TestWhoIsOnCallIsReadAndTakenOver(t *testing.T) {
	d := livedDemo(t)
	status, doc, _ := visit(t, d, "/oncall")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	mustRead(t, doc, "What will go wrong", "Nobody is on call in Shop from Sun", "Put somebody there by an override", "Shop Europe/Berlin", "Next:", "Who has taken over",
		"Robin is at the dentist", "Working hours America/New_York", "How it is spread", "Somebody else takes over", "The last that has somebody counts")
	all := text(doc)
	if strings.Index(all, "What will go wrong") > strings.Index(all, "Shop Europe/Berlin") {
		t.Error("what is wrong stands behind the rest")
	}
	kim := person(t, d, "kim")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"person": {kim.ID}, "from": {d.now.In(berlin).Format("2006-01-02T15:04")}, "to": {d.now.In(berlin).Add(3 * time.Hour).Format("2006-01-02T15:04")}, "reason": {"I am here anyway"}}
	if w := send(t, d, "/oncall/shop/overrides", form); w.Code != http.StatusSeeOther {
		t.Fatalf("taking over: %d %s", w.Code, w.Body)
	}
	_, doc, _ = visit(t, d, "/oncall")
	mustRead(t, doc, "Override by robin until", "(I am here anyway), before all layers", "I am here anyway by robin")
	form.Set("reason", "")
	w := send(t, d, "/oncall/shop/overrides", form)
	if _, doc, _ := parsed(t, w); w.Code != http.StatusUnprocessableEntity || !strings.Contains(text(doc), "Say why, in 3 to 500 characters.") {
		t.Errorf("without a reason: %d", w.Code)
	}
	list, err := d.duties().Overrides(t.Context(), d.actor, access.DefaultTenant, "shop", d.now)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, o := range list {
		if w := send(t, d, "/oncall/shop/overrides/"+o.ID+"/delete", nil); w.Code != http.StatusSeeOther {
			t.Errorf("taking it back: %d %s", w.Code, w.Body)
		}
	}
	_, doc, _ = visit(t, d, "/oncall")
	if strings.Contains(text(doc), "Who has taken over") {
		t.Error("what was taken back is still there")
	}
	w2 := send(t, d, "/oncall/shop/feed", nil)
	if _, doc, _ := parsed(t, w2); w2.Code != http.StatusOK || !strings.Contains(text(doc), "https://ops.example.org/oncall/feed/") {
		t.Errorf("a calendar link: %d", w2.Code)
	}
	if w := send(t, d, "/oncall/none/overrides", form); w.Code != http.StatusNotFound {
		t.Errorf("a schedule that is not there: %d", w.Code)
	}
	d.actor.Grants = []access.Grant{{Tenant: access.DefaultTenant, Environment: access.Any, Role: access.Viewer}}
	_, doc, _ = visit(t, d, "/oncall")
	if all := text(doc); strings.Contains(all, "Somebody else takes over") || !strings.Contains(all, "Next:") {
		t.Error("what a viewer sees")
	}
	if w := send(t, d, "/oncall/shop/overrides", form); w.Code != http.StatusForbidden {
		t.Errorf("a viewer takes over: %d", w.Code)
	}
}
