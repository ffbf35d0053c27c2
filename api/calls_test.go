package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
)

// Who calls whom is read by who may read the environment: all of it, that of one
// entity, or what sources do not agree on.
func TestCallsByTheAPI(t *testing.T) {
	s := serve(t)
	read := func(token, query string) (page struct {
		Calls []estate.Call
		More  int
	}) {
		t.Helper()
		got := s.ask(t, http.MethodGet, "/api/v1/calls"+query, token, "")
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return page
	}
	if all := read(admin, ""); len(all.Calls) != 2 || all.More != 0 {
		t.Errorf("%+v", all)
	}
	if some := read(admin, "?limit=1"); len(some.Calls) != 1 || some.More != 1 {
		t.Errorf("past the limit: %+v", some)
	}
	if one := read(admin, "?entity="+url.QueryEscape("service:a")); len(one.Calls) != 1 || one.Calls[0].Sources[0].Name != "Istio" {
		t.Errorf("of one entity: %+v", one)
	}
	if odd := read(admin, "?contradicted=true"); len(odd.Calls) != 1 || odd.Calls[0].Contradictions[0].Kind != estate.NobodySees {
		t.Errorf("contradicted: %+v", odd)
	}
	grants := []access.Grant{{Tenant: access.DefaultTenant, Environment: "secret", Role: access.Viewer}}
	elsewhere, _, err := s.access.CreateToken(t.Context(), access.Evenkeel(access.DefaultTenant), "viewer", grants, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.ask(t, http.MethodGet, "/api/v1/calls", elsewhere, ""); got.status != http.StatusForbidden {
		t.Errorf("who may not read the environment gets %d %s", got.status, got.body)
	}
	var of struct{ Calls []estate.Call }
	got := s.ask(t, http.MethodGet, "/api/v1/entities/host:local", admin, "")
	if err := json.Unmarshal([]byte(got.body), &of); err != nil || len(of.Calls) != 1 || of.Calls[0].To != "service:bank" {
		t.Errorf("with the entity: %s", got.body)
	}
	got = s.ask(t, http.MethodGet, "/api/v1/entities/host:local?at="+time.Now().Add(time.Minute).UTC().Format(time.RFC3339), admin, "")
	of.Calls = nil
	if err := json.Unmarshal([]byte(got.body), &of); err != nil || len(of.Calls) != 0 {
		t.Errorf("as of a time: %s", got.body)
	}
}
