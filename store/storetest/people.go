package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

func entry(action, object string, at time.Time) access.Entry {
	return access.Entry{ID: ulid.Make().String(), Tenant: "default", At: at, ActorKind: access.Person, ActorID: "u1",
		ActorName: "Ada", Action: action, Object: object}
}

func people(t *testing.T, s Store) {
	ctx := t.Context()
	grants := []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Admin}}
	ada := access.User{ID: "u1", Name: "ada", Password: "$argon2id$x", Subject: "https://id|1", Grants: grants, Created: t0}
	bob := access.User{ID: "u2", Name: "bob", Created: t0, Disabled: true}
	check(t, s.SaveUser(ctx, ada, entry("user.save", "u1", t0)))
	check(t, s.SaveUser(ctx, bob, entry("user.save", "u2", t0)))
	for name, get := range map[string]func() (access.User, error){
		"id":      func() (access.User, error) { return s.User(ctx, "u1") },
		"name":    func() (access.User, error) { return s.UserByName(ctx, "ada") },
		"subject": func() (access.User, error) { return s.UserBySubject(ctx, "https://id|1") },
	} {
		got, err := get()
		check(t, err)
		if d := cmp.Diff(ada, got); d != "" {
			t.Errorf("by %s (-want +got):\n%s", name, d)
		}
	}
	if _, err := s.UserBySubject(ctx, ""); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("no subject found somebody: %v", err)
	}
	if _, err := s.User(ctx, "u3"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	taken := access.User{ID: "u3", Name: "ada", Created: t0}
	if err := s.SaveUser(ctx, taken, entry("user.save", "u3", t0)); !errors.Is(err, access.ErrTaken) {
		t.Errorf("a name twice: %v", err)
	}
	if page, err := s.Audit(ctx, access.AuditFilter{Tenant: "default", Object: "u3"}); err != nil || len(page.Entries) > 0 {
		t.Errorf("what was refused is in the audit log: %v, %v", page.Entries, err)
	}
	bob.Disabled = false
	check(t, s.SaveUser(ctx, bob, entry("user.save", "u2", t0)))
	users, err := s.Users(ctx)
	check(t, err)
	if d := cmp.Diff([]access.User{ada, bob}, users); d != "" {
		t.Errorf("users (-want +got):\n%s", d)
	}

	session := access.Session{Hash: "h1", User: "u1", Grants: nil, Created: t0, Expires: t0.Add(time.Hour), Seen: t0, Address: "192.0.2.1", Agent: "x"}
	old := access.Session{Hash: "h2", User: "u1", Grants: grants, Created: t0, Expires: t0, Seen: t0}
	check(t, s.SaveSession(ctx, session, entry("login", "u1", t0)))
	check(t, s.SaveSession(ctx, old, entry("login", "u1", t0)))
	session.Seen = t0.Add(time.Minute)
	check(t, s.TouchSession(ctx, "h1", session.Seen))
	check(t, s.PruneAccess(ctx, t0, t0))
	got, err := s.Session(ctx, "h1")
	check(t, err)
	if d := cmp.Diff(session, got); d != "" {
		t.Errorf("session (-want +got):\n%s", d)
	}
	if _, err := s.Session(ctx, "h2"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("an expired session is left: %v", err)
	}
	check(t, s.DeleteSession(ctx, "h1", entry("logout", "u1", t0)))
	if _, err := s.Session(ctx, "h1"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("a session after logout: %v", err)
	}

	token := access.Token{ID: "t1", Hash: "th", Name: "ci", Grants: grants, Scopes: []access.Permission{access.Read}, Created: t0, By: "ada"}
	check(t, s.SaveToken(ctx, token, entry("token.save", "t1", t0)))
	token.Seen = t0.Add(time.Second)
	check(t, s.TouchToken(ctx, "t1", token.Seen))
	tokens, err := s.Tokens(ctx)
	check(t, err)
	if d := cmp.Diff([]access.Token{token}, tokens); d != "" {
		t.Errorf("tokens (-want +got):\n%s", d)
	}
	check(t, s.DeleteToken(ctx, "t1", entry("token.delete", "t1", t0)))
	if _, err := s.Token(ctx, "th"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("a deleted token: %v", err)
	}
	if err := s.DeleteToken(ctx, "t1", entry("token.delete", "t1", t0)); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("deleting a token twice: %v", err)
	}
}

func linkOnce(t *testing.T, s Store) {
	link := access.LoginLink{Hash: "l1", User: "u1", Expires: t0}
	check(t, s.SaveLoginLink(t.Context(), link))
	const n = 8
	got := make(chan error, n)
	for range n {
		go func() {
			l, err := s.TakeLoginLink(t.Context(), "l1")
			if err == nil && !cmp.Equal(l, link) {
				err = fmt.Errorf("the link is %+v", l)
			}
			got <- err
		}()
	}
	took := 0
	for range n {
		if err := <-got; err == nil {
			took++
		} else if !errors.Is(err, access.ErrNotFound) {
			t.Error(err)
		}
	}
	if took != 1 {
		t.Errorf("the link let %d in", took)
	}
}

func auditLog(t *testing.T, s Store) {
	for i := range 130 {
		check(t, s.AppendAudit(t.Context(), entry([]string{"a", "b"}[i%2], fmt.Sprint(i), t0.Add(time.Duration(i)*time.Second))))
	}
	f := access.AuditFilter{Tenant: "default", Action: "a", From: t0.Add(10 * time.Second), Limit: 25}
	var objects []string
	for {
		page, err := s.Audit(t.Context(), f)
		check(t, err)
		for _, e := range page.Entries {
			objects = append(objects, e.Object)
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	if len(objects) != 60 || objects[0] != "128" || objects[59] != "10" {
		t.Errorf("%d entries, newest first: %v", len(objects), objects)
	}
	check(t, s.PruneAccess(t.Context(), t0, t0.Add(100*time.Second)))
	page, err := s.Audit(t.Context(), access.AuditFilter{Tenant: "default", Limit: 500})
	check(t, err)
	if len(page.Entries) != 30 {
		t.Errorf("%d entries are left after pruning, want 30", len(page.Entries))
	}
	if page, err := s.Audit(t.Context(), access.AuditFilter{Tenant: "other"}); err != nil || len(page.Entries) > 0 {
		t.Errorf("another tenant's log: %v, %v", page.Entries, err)
	}
}

func baselines(t *testing.T, s Store) {
	if blob, err := s.LoadBaselines(t.Context(), "default", "home"); err != nil || blob != nil {
		t.Errorf("before anything was learned: %d bytes, %v", len(blob), err)
	}
	small, large := []byte{0, 1, 0xff}, make([]byte, 0, 3<<20)
	for i := 0; len(large) < cap(large); i++ {
		sum := sha256.Sum256(fmt.Append(nil, i))
		large = append(large, sum[:]...)
	}
	for _, blob := range [][]byte{small, large} {
		check(t, s.SaveBaselines(t.Context(), "default", "home", blob, t0))
		got, err := s.LoadBaselines(t.Context(), "default", "home")
		check(t, err)
		if !bytes.Equal(got, blob) {
			t.Errorf("%d bytes came back as %d others", len(blob), len(got))
		}
	}
}

func oddText(t *testing.T, s Store) {
	odd := []string{"it's", `"quoted"`, "a?b ?0 $1 :x", "nul\x00byte", "bad\xff\xfeutf8", "ünï ☃ 日本", "back\\slash", "'; DROP TABLE findings; --", "{\"a\":1}",
		long("/a/long/path"), long("/a/long/path") + "2"}
	findings := finding.NewService(s, slog.New(slog.DiscardHandler))
	things := estate.NewService(s, slog.New(slog.DiscardHandler))
	var obs []finding.Observation
	var entities []estate.Entity
	var changes []estate.Change
	for _, text := range odd {
		obs = append(obs, finding.Observation{Key: finding.Key{Tenant: "default", Environment: "home", Practice: "detect", Check: "c", Entity: "unit:" + text},
			At: t0, Sign: finding.Firing, Report: finding.Report{Severity: finding.Info, Title: text, Effect: text, EntityName: text,
				Culprits: []finding.Culprit{{Name: text, Text: text}}}})
		entities = append(entities, estate.Entity{ID: "unit:" + text, Kind: estate.Unit, Name: text, Attributes: map[string]string{text: text}})
		changes = append(changes, estate.Change{Entity: "unit:" + text, Kind: "mount", Summary: text, Before: text, After: text})
	}
	for i := range 2 {
		check(t, findings.Record(t.Context(), obs))
		check(t, things.Observe(t.Context(), estate.Observation{Tenant: "default", Environment: "home", Source: "host",
			At: t0.Add(time.Duration(i) * time.Second), Entities: entities, Changes: changes, Complete: true}))
		findings = finding.NewService(s, slog.New(slog.DiscardHandler))
		things = estate.NewService(s, slog.New(slog.DiscardHandler))
	}
	page, err := s.Findings(t.Context(), finding.Filter{Tenant: "default"})
	check(t, err)
	if len(page.Findings) != len(odd) {
		t.Errorf("%d findings, want %d", len(page.Findings), len(odd))
	}
	titles := map[string]bool{}
	for _, f := range page.Findings {
		titles[f.EntityName] = true
	}
	list, err := s.Entities(t.Context(), estate.Filter{Tenant: "default"})
	check(t, err)
	names := map[string]bool{}
	if len(list.Entities) != len(odd) {
		t.Errorf("%d entities, want %d", len(list.Entities), len(odd))
	}
	for _, e := range list.Entities {
		names[e.Name] = true
		if !e.Since.Equal(t0) {
			t.Errorf("%q is new each time that Evenkeel starts", e.Name)
		}
	}
	for _, text := range []string{"it's", `"quoted"`, "a?b ?0 $1 :x", "ünï ☃ 日本", "back\\slash", "'; DROP TABLE findings; --", "{\"a\":1}"} {
		if !names[text] || !titles[text] {
			t.Errorf("%q did not come back: entity %v, finding %v", text, names[text], titles[text])
		}
	}
	for _, text := range []string{"ÜNÏ", "back\\", "'; drop"} {
		if page, err := s.Entities(t.Context(), estate.Filter{Tenant: "default", Text: text}); err != nil || len(page.Entities) != 1 {
			t.Errorf("search for %q: %d, %v", text, len(page.Entities), err)
		}
	}
	if _, err := s.Finding(t.Context(), "default", "\x00'"); !errors.Is(err, finding.ErrNotFound) {
		t.Errorf("an odd id: %v", err)
	}
}

// long repeats a text until no index takes it, in a way that does not pack.
func long(text string) string {
	var b strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, "%s%x", text, sha256.Sum256(fmt.Append(nil, i)))
	}
	return b.String()
}
