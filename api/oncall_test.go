package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/store"
)

func testSchedules(t testing.TB, db *store.Store, people *access.Service) *oncall.Service {
	t.Helper()
	s := oncall.NewService(db, oncall.Options{
		People: func(ctx context.Context, tenant string) (map[string]string, error) {
			return people.Names(ctx, access.Evenkeel(tenant), tenant)
		},
		FeedURL: func(token string) string { return "https://keel.example/" + token },
	})
	_, err := s.Put(t.Context(), access.Evenkeel(access.DefaultTenant), oncall.Schedule{ID: "shop", Tenant: access.DefaultTenant, Zone: "Europe/Berlin",
		Layers: []oncall.Layer{{Name: "All", Handoff: "weekly", Start: "2026-01-05T09:00", Turns: []oncall.Turn{{access.AdminName}}}}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchedulesAreAskedAndChanged(t *testing.T) {
	s := serve(t)
	var now struct{ Schedules []oncall.Standing }
	got := s.ask(t, http.MethodGet, "/api/v1/oncall", admin, "")
	if err := json.Unmarshal([]byte(got.body), &now); err != nil || got.status != 200 || len(now.Schedules) != 1 || len(now.Schedules[0].Duties) != 1 {
		t.Fatalf("%d %s, %v", got.status, got.body, err)
	}
	person := now.Schedules[0].Duties[0].Person
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/v1/schedules", "", 200, `"timeZone":"Europe/Berlin"`},
		{"GET", "/api/v1/schedules/shop/oncall?at=2027-03-28T02:30:00%2B01:00", "", 200, "layer All, turn of Mon 22 Mar 09:00"},
		{"GET", "/api/v1/schedules/none/oncall", "", 404, "there is no schedule"},
		{"GET", "/api/v1/schedules/shop/shifts?from=2027-03-01T00:00:00Z&to=2027-03-29T07:00:00Z", "", 200, `"end":"2027-03-29T07:00:00Z"`},
		{"GET", "/api/v1/schedules/shop/shifts?from=1969-03-01T00:00:00Z", "", 422, "2000"},
		{"POST", "/api/v1/schedules/shop/overrides", `{"person":"` + person + `","from":"2090-01-01T00:00:00Z","to":"2090-01-02T00:00:00Z","reason":"new year"}`, 201, `"reason":"new year"`},
		{"POST", "/api/v1/schedules/shop/overrides", `{"person":"nobody","from":"2090-01-01T00:00:00Z","to":"2090-01-02T00:00:00Z","reason":"new year"}`, 422, "no person"},
		{"GET", "/api/v1/schedules/shop/overrides", "", 200, "2090-01-02"},
		{"PUT", "/api/v1/schedules/desk", `{"timeZone":"UTC","layers":[{"name":"L","handoff":"FREQ=SECONDLY","start":"2026-01-01","turns":[["` + person + `"]]}]}`, 422, "DAILY, WEEKLY or MONTHLY"},
		{"PUT", "/api/v1/schedules/desk", `{"timeZone":"UTC","layers":[{"name":"L","handoff":"never","start":"2026-01-01","turns":[["` + person + `"]]}]}`, 200, `"revision":1`},
		{"POST", "/api/v1/schedules/desk/holidays", `{"calendar":"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nEND:VEVENT\nEND:VCALENDAR"}`, 200, "2026-12-25"},
		{"GET", "/api/v1/oncall/problems", "", 200, `"kind":"unreachable"`},
		{"GET", "/api/v1/oncall/problems?days=30", "", 200, `"kind":"twice"`},
		{"GET", "/api/v1/oncall/fairness?from=2027-03-22T08:00:00Z&to=2027-03-29T07:00:00Z", "", 200, `"hours":334`},
		{"POST", "/api/v1/schedules/desk/feed", "", 200, "https://keel.example/"},
		{"DELETE", "/api/v1/schedules/desk", "", 204, ""},
	} {
		if got := s.ask(t, c.method, c.path, admin, c.body); got.status != c.status || !strings.Contains(got.body, c.want) {
			t.Errorf("%s %s: %d %s, want %d with %s", c.method, c.path, got.status, got.body, c.status, c.want)
		}
	}
}
