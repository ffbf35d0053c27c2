package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/store"
)

func testCases(db *store.Store, e *estate.Service, felt *impact.Assessor) *cases.Service {
	return cases.NewService(db, cases.Options{Graph: func(ctx context.Context, tenant, environment string) ([]estate.Relation, error) {
		return db.Graph(ctx, tenant, environment, time.Time{})
	},
		Changes: func(ctx context.Context, tenant, environment string, since time.Time, limit int) ([]estate.Change, error) {
			page, err := e.Changes(ctx, access.Evenkeel(tenant), estate.ChangeFilter{Tenant: tenant, From: since, Limit: limit})
			return page.Changes, err
		},
		Impact: felt.Assess}, slog.New(slog.DiscardHandler))
}

// A case is read by who may read its environment, and judged by who may answer.
func TestCasesByTheAPI(t *testing.T) {
	s := serve(t)
	var list []finding.Finding
	for _, env := range []string{"local", "secret"} {
		list = append(list, s.theFinding(t, env))
	}
	if err := s.cases.Round(t.Context(), access.DefaultTenant, list, time.Now()); err != nil {
		t.Fatal(err)
	}
	read := func(token, query string) (page cases.Page) {
		t.Helper()
		got := s.ask(t, http.MethodGet, "/api/v1/cases"+query, token, "")
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return page
	}
	all := read(admin, "?open=true")
	if len(all.Cases) != 2 || len(read(admin, "?finding="+list[1].ID).Cases) != 1 || len(read(admin, "?environment=local").Cases) != 1 {
		t.Fatalf("%+v", all)
	}
	grants := []access.Grant{{Tenant: access.DefaultTenant, Environment: "local", Role: access.Viewer}}
	viewer, _, err := s.access.CreateToken(t.Context(), access.Evenkeel(access.DefaultTenant), "viewer", grants, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	theirs := read(viewer, "").Cases
	if len(theirs) != 1 || theirs[0].Environment != "local" {
		t.Fatalf("a reader of one environment sees %+v", theirs)
	}
	secret := all.Cases[0].ID
	if secret == theirs[0].ID {
		secret = all.Cases[1].ID
	}
	for _, c := range []struct {
		method, path, token, body string
		status                    int
		want                      string
	}{
		{http.MethodGet, theirs[0].ID, viewer, "", http.StatusOK, `"sentence":"/var on local is full, since `},
		{http.MethodGet, theirs[0].ID, viewer, "", http.StatusOK, `"unknown":"nothing that users ask for is known to feel it."`},
		{http.MethodGet, secret, viewer, "", http.StatusNotFound, "no such case"},
		{http.MethodPost, theirs[0].ID + "/feedback", viewer, `{"useful":true}`, http.StatusForbidden, ""},
		{http.MethodPost, secret + "/feedback", viewer, `{"useful":true}`, http.StatusNotFound, ""},
		{http.MethodPost, secret + "/feedback", admin, `{"useful":false,"note":"a test"}`, http.StatusOK, `"useful":false`},
		{http.MethodGet, secret, admin, "", http.StatusOK, "Called noise. a test"},
	} {
		if got := s.ask(t, c.method, "/api/v1/cases/"+c.path, c.token, c.body); got.status != c.status || !strings.Contains(got.body, c.want) {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
		}
	}
}
