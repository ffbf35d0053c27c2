package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/respond/status"
	"github.com/evenkeel/evenkeel/store"
)

func testStatus(t testing.TB, db *store.Store) *status.Service {
	t.Helper()
	s, err := status.New(t.Context(), db, status.Options{Folder: t.TempDir(), URL: "https://ops.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A program makes a page, writes an update that stands on it, and cannot save
// over what somebody else has saved.
func TestAStatusPageByTheAPI(t *testing.T) {
	s := serve(t)
	i := s.theIncident(t, "local")
	put := `{"title":"Shop","components":[{"name":"Checkout","touches":["service=checkout"]}]}`
	if got := s.ask(t, http.MethodPut, "/api/v1/status-pages/shop", admin, put); got.status != 200 || !strings.Contains(got.body, `"id":"checkout"`) {
		t.Fatal(got.status, got.body)
	}
	if got := s.ask(t, http.MethodPut, "/api/v1/status-pages/shop", admin, put); got.status != http.StatusConflict {
		t.Error("saved over another's:", got.status, got.body)
	}
	for _, c := range []struct {
		body string
		want int
	}{
		{`{"phase":"identified","text":"We mend it."}`, 201},
		{`{"phase":"identified","text":"We mend it.","public":true,"title":"Payments fail"}`, 422},
		{`{"phase":"identified","text":"We mend it.","public":true,"components":["shop/checkout"]}`, 422},
		{`{"phase":"identified","text":"We mend it.","public":true,"title":"Payments fail","components":["shop/none"]}`, 422},
		{`{"phase":"identified","text":"We mend it.","public":true,"title":"Payments fail","components":["shop/checkout"],"impact":"partial"}`, 201},
		{`{"phase":"resolved","text":"It is over.","nextMinutes":5}`, 422},
	} {
		if got := s.ask(t, http.MethodPost, "/api/v1/incidents/"+i.ID+"/updates", admin, c.body); got.status != c.want {
			t.Errorf("%s: %d %s", c.body, got.status, got.body)
		}
	}
	if got := s.ask(t, http.MethodGet, "/api/v1/status-pages/shop", admin, ""); !strings.Contains(got.body, `"states":["partial"]`) {
		t.Error(got.body)
	}
}
