package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// aRoom is a contact of nobody that is there, made anew where it was deleted.
func (s *served) aRoom(t testing.TB) string {
	t.Helper()
	var c Contact
	got := s.ask(t, http.MethodPost, "/api/v1/contacts", admin, `{"shared":true,"channel":"webhook","name":"ops","address":"https://example.org/`+strings.ReplaceAll(t.Name(), "/", "-")+`"}`)
	if got.status == http.StatusUnprocessableEntity { // there already
		var list struct{ Contacts []Contact }
		if err := json.Unmarshal([]byte(s.ask(t, http.MethodGet, "/api/v1/contacts", admin, "").body), &list); err != nil || len(list.Contacts) == 0 {
			t.Fatal(got.body, err)
		}
		return list.Contacts[0].ID
	}
	if err := json.Unmarshal([]byte(got.body), &c); err != nil || got.status != http.StatusCreated {
		t.Fatal(got.status, got.body, err)
	}
	return c.ID
}

// Programs manage channels and policies, and page people; a token for reading
// sees policies and no addresses.
func TestContactsAndPoliciesForPrograms(t *testing.T) {
	s := serve(t)
	id := s.aRoom(t)
	do := func(want int, method, path, token, body string, says ...string) string {
		t.Helper()
		got := s.ask(t, method, path, token, body)
		if got.status != want {
			t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
		}
		for _, text := range says {
			if !strings.Contains(got.body, text) {
				t.Errorf("%s %s: %q is not in %s", method, path, text, got.body)
			}
		}
		return got.body
	}
	room := "/api/v1/contacts/" + id
	do(200, "GET", room, admin, "", `"standing":"unverified"`, "Have a code sent", `"after":"0s"`)
	do(409, "POST", room+"/test", admin, "{}", "not in use")
	do(200, "POST", room+"/code", admin, "{}")
	do(200, "GET", room, admin, "", `"receipts":[{"id":"code-`, `"state":"due"`)
	do(422, "POST", room+"/verify", admin, `{"code":"xyz"}`, "not the code")
	do(200, "POST", room+"/vouch", admin, "{}", `"standing":"in-use"`)
	do(200, "PUT", room, admin, `{"address":"https://example.org/other","afterMinutes":5,"urgency":["high"],"quiet":{"from":"22:00","to":"07:00","zone":"Europe/Berlin"}}`, `"standing":"unverified"`, `"after":"5m0s"`)
	do(422, "PUT", room, admin, `{"address":"https://example.org/other","quiet":{"from":"22:00","to":"07:00","zone":"Mars/North"}}`, "no time zone")
	do(200, "POST", room+"/vouch", admin, "{}")

	policy := `{"name":"Web team","rounds":2,"steps":[{"notify":[{"kind":"channel","id":"` + id + `"}],"waitMinutes":5}]}`
	do(200, "PUT", "/api/v1/policies/web", admin, policy, `"problems":[]`, `"usedBy":[]`, `"waitMinutes":5`)
	do(409, "PUT", "/api/v1/policies/web", admin, policy, "somebody else has saved")
	policy = strings.Replace(policy, `"rounds"`, `"revision":1,"rounds"`, 1)
	do(422, "PUT", "/api/v1/policies/web", admin, strings.Replace(policy, id, "nothing", 1), "no channel")
	do(409, "DELETE", room, admin, "", "Web team")
	viewer := do(201, "POST", "/api/v1/tokens", admin, `{"name":"reader","scopes":["read"]}`)
	var made struct{ Secret string }
	if err := json.Unmarshal([]byte(viewer), &made); err != nil {
		t.Fatal(err)
	}
	do(200, "GET", "/api/v1/policies", made.Secret, "", "Web team")
	if body := do(200, "GET", "/api/v1/contacts", made.Secret, ""); strings.Contains(body, "example.org") {
		t.Errorf("a token for reading sees addresses: %s", body)
	}
	do(404, "GET", room, made.Secret, "")
	do(403, "PUT", "/api/v1/policies/web", made.Secret, policy)
	do(403, "POST", "/api/v1/pages", made.Secret, `{"person":"admin","text":"Look here"}`)

	do(201, "POST", "/api/v1/pages", admin, `{"person":"admin","text":"Look here"}`, `"title":"Look here"`, `"declared":true`, `"assignee":"`)
	do(422, "POST", "/api/v1/pages", admin, `{"person":"nobody","text":"Look here"}`, "no such person")
	do(204, "DELETE", "/api/v1/policies/web", admin, "")
	do(204, "DELETE", room, admin, "")
	do(404, "DELETE", room, admin, "")
}
