package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Roles and tasks by the API: kept, read with the names of the people, and
// refused with a reason; one that is declared from a finding keeps it.
func TestWhoDoesWhatByTheAPI(t *testing.T) {
	s := serve(t)
	do := func(want int, method, path, token, body string, says ...string) string {
		t.Helper()
		got := s.ask(t, method, path, token, body)
		if got.status != want {
			t.Fatalf("%s %s: %d, want %d: %s", method, path, got.status, want, got.body)
		}
		for _, text := range says {
			if !strings.Contains(got.body, text) {
				t.Errorf("%s %s: %q is not in %s", method, path, text, got.body)
			}
		}
		return got.body
	}
	f := s.theFinding(t, "local")
	var i struct{ ID string }
	body := do(201, "POST", "/api/v1/incidents", admin, `{"title":"Nobody can pay","finding":"`+f.ID+`"}`, `"finding":"`+f.ID+`"`, `"environment":"local"`)
	if err := json.Unmarshal([]byte(body), &i); err != nil {
		t.Fatal(err)
	}
	do(404, "POST", "/api/v1/incidents", admin, `{"title":"Nobody can pay","finding":"none"}`)
	at := "/api/v1/incidents/" + i.ID
	do(200, "PUT", at+"/roles/commander", admin, `{"person":"admin","note":"As agreed."}`, `"roles":{"commander":"`)
	do(409, "PUT", at+"/roles/commander", admin, `{"person":"admin"}`, "already")
	do(422, "PUT", at+"/roles/boss", admin, `{"person":"admin"}`)
	do(422, "PUT", at+"/roles/scribe", admin, `{"person":"zoe"}`, "no such person", "body.person")
	due := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	var k struct{ ID string }
	if err := json.Unmarshal([]byte(do(201, "POST", at+"/tasks", admin, `{"text":"Ask the bank","owner":"admin","due":"`+due+`"}`, `"text":"Ask the bank"`, `"dueAt":"`+due)), &k); err != nil {
		t.Fatal(err)
	}
	do(422, "POST", at+"/tasks", admin, `{"text":"Ask the bank","due":"2001-01-01T00:00:00Z"}`, "in the future")
	do(200, "PATCH", at+"/tasks/"+k.ID, admin, `{"done":true}`, `"doneBy":"`)
	do(409, "PATCH", at+"/tasks/"+k.ID, admin, `{"done":true}`, "done already")
	do(200, "PATCH", at+"/tasks/"+k.ID, admin, `{"done":false,"owner":""}`)
	do(404, "PATCH", at+"/tasks/none", admin, `{"done":true}`)
	do(200, "GET", at, admin, "", `"people":{"`, `:"admin"`, `"tasks":[{"id":"`+k.ID, "As agreed.", "Not done after all: Ask the bank")
	do(200, "PUT", at+"/roles/commander", admin, `{}`)
	reader := struct{ Secret string }{}
	if err := json.Unmarshal([]byte(do(201, "POST", "/api/v1/tokens", admin, `{"name":"reader","scopes":["read"]}`)), &reader); err != nil {
		t.Fatal(err)
	}
	do(403, "PUT", at+"/roles/scribe", reader.Secret, `{"person":"admin"}`)
	do(403, "POST", at+"/tasks", reader.Secret, `{"text":"Ask the bank"}`)
	do(403, "PATCH", at+"/tasks/"+k.ID, reader.Secret, `{"done":true}`)
}
