package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCan(t *testing.T) {
	in := func(tenant, environment string, role Role) Actor {
		return Actor{Name: "x", Grants: []Grant{{Tenant: tenant, Environment: environment, Role: role}}}
	}
	scoped := in(Any, Any, Admin)
	scoped.Scopes = []Permission{Read}
	nothing := in(Any, Any, Admin)
	nothing.Scopes = []Permission{}
	for _, c := range []struct {
		actor Actor
		do    Permission
		where Scope
		want  bool
	}{
		{in("a", "prod", Viewer), Read, Scope{"a", "prod"}, true},
		{in("a", "prod", Viewer), Read, Scope{"a", "test"}, false},
		{in("a", "prod", Viewer), Read, Scope{"b", "prod"}, false},
		{in("a", "prod", Viewer), Read, Scope{"a", ""}, false}, // the tenant as a whole
		{in("a", Any, Viewer), Read, Scope{"a", ""}, true},
		{in("a", "prod", Viewer), Respond, Scope{"a", "prod"}, false},
		{in("a", "prod", Responder), Respond, Scope{"a", "prod"}, true},
		{in("a", "prod", Responder), Operate, Scope{"a", "prod"}, false},
		{in("a", "prod", Operator), Write, Scope{"a", "prod"}, true},
		{in("a", Any, Operator), Manage, Scope{"a", ""}, false},
		{in(Any, Any, Admin), Manage, Scope{"a", ""}, true},
		{in(Any, Any, Admin), Read, Scope{"", ""}, false},
		{in(Any, Any, "god"), Read, Scope{"a", "prod"}, false},
		{scoped, Read, Scope{"a", "prod"}, true},
		{scoped, Manage, Scope{"a", ""}, false},
		{nothing, Read, Scope{"a", "prod"}, false},
		{Actor{}, Read, Scope{"a", "prod"}, false},
		{Evenkeel("a"), Manage, Scope{"a", ""}, true},
		{Evenkeel("a"), Read, Scope{"b", "prod"}, false},
	} {
		err := Can(c.actor, c.do, c.where)
		if (err == nil) != c.want {
			t.Errorf("%v %s in %v: %v", c.actor.Grants, c.do, c.where, err)
		}
		if err != nil && !errors.Is(err, ErrForbidden) {
			t.Errorf("%v does not wrap ErrForbidden", err)
		}
		// What is listed as readable is exactly what Can allows.
		names, all := Environments(c.actor, c.do, c.where.Tenant)
		listed := all || c.where.Environment != "" && strings.Contains(" "+strings.Join(names, " ")+" ", " "+c.where.Environment+" ")
		if c.where.Tenant != "" && listed != c.want {
			t.Errorf("%v %s in %v: Environments says %v %v, Can says %v", c.actor.Grants, c.do, c.where, names, all, c.want)
		}
	}
}

func TestPasswordsAreKeptAsArgon2id(t *testing.T) {
	phc, err := hashPassword(t.Context(), "correct horse battery")
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%s, %v", phc, err)
	}
	again, err := hashPassword(t.Context(), "correct horse battery")
	if err != nil || again == phc {
		t.Error("two hashes of one password are the same: there is no salt")
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false} {
		if ok, err := checkPassword(t.Context(), phc, password); ok != want || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
	if ok, err := checkPassword(t.Context(), "", "anything at all"); ok || err != nil {
		t.Errorf("a user without a password: %v, %v", ok, err)
	}
	// The empty key of the stand-in for unknown users must not be a way in.
	if ok, err := checkPassword(t.Context(), "", ""); ok || err != nil {
		t.Errorf("no password for nobody: %v, %v", ok, err)
	}
	if _, err := hashPassword(t.Context(), "short"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a short password: %v", err)
	}
	for _, damaged := range []string{"plain", "$argon2id$v=19$m=1,t=1,p=1$", "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA", phc[:40]} {
		if ok, _ := checkPassword(t.Context(), damaged, "correct horse battery"); ok {
			t.Errorf("the damaged hash %q lets in", damaged)
		}
	}
}

func TestTheTableOfFailuresIsBoundedAndForgets(t *testing.T) {
	var tr throttle
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	for i := range throttleKeys + 500 {
		tr.take(fmt.Sprint("flood-", i), throttleByName, now)
	}
	if n := len(tr.seen); n > throttleKeys {
		t.Errorf("%d keys are kept", n)
	}
	for range throttleByName - 1 {
		if err := tr.take("flood-1", throttleByName, now); err != nil {
			t.Fatal(err)
		}
	}
	var many *TooManyError
	if err := tr.take("flood-1", throttleByName, now); !errors.As(err, &many) || many.Wait != throttleWindow {
		t.Errorf("after too many failures: %v", err)
	}
	later := now.Add(throttleWindow)
	if err := tr.take("flood-1", throttleByName, later); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	tr.take("flood-"+fmt.Sprint(throttleKeys+1), throttleByName, later) // the table is full of what is over
	if n := len(tr.seen); n > 2 {
		t.Errorf("%d keys are kept after their time", n)
	}
}
