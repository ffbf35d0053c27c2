package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond/route"
	"github.com/evenkeel/evenkeel/store"
)

// testRoutes routes what is about databases to its own policy.
func testRoutes(t testing.TB, db *store.Store) *route.Service {
	t.Helper()
	m, err := route.ParseMatchers(`service=~"mysql|postgres"`)
	if err != nil {
		t.Fatal(err)
	}
	wait := model.Duration(time.Minute)
	plan, err := route.Compile(route.Config{Route: &route.Route{Routes: []route.Route{{Name: "databases", Policy: "dba", Matchers: m, GroupWait: &wait}}}})
	if err != nil {
		t.Fatal(err)
	}
	return route.NewService(db, plan)
}

func TestASilenceByTheAPI(t *testing.T) {
	s := serve(t)
	to := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	got := s.ask(t, http.MethodPost, "/api/v1/silences", admin, `{"matchers":["service=\"shop\"","severity!=\"critical\""],"to":"`+to+`","reason":"release"}`)
	var made Silence
	if err := json.Unmarshal([]byte(got.body), &made); err != nil || got.status != http.StatusCreated || made.State != "active" || len(made.Matchers) != 2 || made.Owner == "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var list SilenceList
	got = s.ask(t, http.MethodGet, "/api/v1/silences", admin, "")
	if err := json.Unmarshal([]byte(got.body), &list); err != nil || len(list.Silences) != 1 || list.Silences[0].Warning == "" {
		t.Errorf("one that mutes nothing is listed without a warning: %d %s", got.status, got.body)
	}
	for body, want := range map[string]string{
		`{"matchers":["a="],"to":"` + to + `","reason":"x"}`:                      "whatever their labels",
		`{"matchers":["a=~\"(\""],"to":"` + to + `","reason":"x"}`:                "regular expression",
		`{"matchers":["a=b"],"to":"2001-01-01T00:00:00Z","reason":"x"}`:           "ends before it begins",
		`{"matchers":["a=b"],"to":"` + to + `","reason":" "}`:                     "reason",
		`{"matchers":["a=b"],"from":"` + to + `","to":"` + to + `","reason":"x"}`: "ends before it begins",
	} {
		if got := s.ask(t, http.MethodPost, "/api/v1/silences", admin, body); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	grants := []access.Grant{{Tenant: access.DefaultTenant, Environment: "local", Role: access.Viewer}}
	viewer, _, err := s.access.CreateToken(t.Context(), access.Evenkeel(access.DefaultTenant), "viewer", grants, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/silences/" + made.ID + "/expire"
	if got := s.ask(t, http.MethodPost, path, viewer, ""); got.status != http.StatusForbidden {
		t.Errorf("a reader ends a silence: %d %s", got.status, got.body)
	}
	if got := s.ask(t, http.MethodPost, path, admin, ""); got.status != http.StatusOK || !strings.Contains(got.body, `"state":"expired"`) || !strings.Contains(got.body, `"endedBy"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := s.ask(t, http.MethodPost, path, admin, ""); got.status != http.StatusConflict {
		t.Errorf("ended twice: %d %s", got.status, got.body)
	}
}

func TestRoutesByTheAPI(t *testing.T) {
	s := serve(t)
	var list RouteList
	got := s.ask(t, http.MethodGet, "/api/v1/routes", admin, "")
	if err := json.Unmarshal([]byte(got.body), &list); err != nil || len(list.Routes) != 2 || list.Routes[1].Policy != "dba" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var e RouteExplanation
	got = s.ask(t, http.MethodPost, "/api/v1/routes/explain", admin, `{"labels":{"service":"mysql"},"at":"2027-03-28T03:00:00Z"}`)
	if err := json.Unmarshal([]byte(got.body), &e); err != nil || len(e.Targets) != 1 || e.Targets[0].Policy != "dba" || !e.Visits[1].Took {
		t.Errorf("%d %s", got.status, got.body)
	}
}
