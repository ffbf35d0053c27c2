package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond/route"
)

func silences(t *testing.T, s Store) {
	ctx := t.Context()
	m, err := route.ParseMatchers(`{severity=~"warning|info", "odd name"!="x"}`)
	check(t, err)
	one := route.Silence{ID: "5f8c1f6e-0000-4000-8000-000000000001", Tenant: "t", Environment: "home", Matchers: m, From: t0, To: t0.Add(time.Hour),
		Owner: "Ana", Reason: "new disks", CreatedBy: "ana", CreatedAt: t0, UpdatedAt: t0}
	old, theirs := one, one
	old.ID, old.From, old.To, old.EndedBy = "5f8c1f6e-0000-4000-8000-000000000002", t0.Add(-2*time.Hour), t0.Add(-time.Hour), "Ben"
	theirs.ID, theirs.Tenant = "5f8c1f6e-0000-4000-8000-000000000003", "other"
	audit := func(id string) []access.Entry {
		return []access.Entry{{ID: id, Tenant: "t", At: t0, ActorKind: access.Person, ActorID: "ana", Action: "silence.create", Object: one.ID}}
	}
	check(t, s.PutSilences(ctx, []route.Silence{one, old}, audit("01")))
	check(t, s.PutSilences(ctx, []route.Silence{theirs}, nil))
	// An entry whose id is taken fails, and the silence with it.
	lost := one
	lost.ID = "5f8c1f6e-0000-4000-8000-000000000004"
	if err := s.PutSilences(ctx, []route.Silence{lost}, audit("01")); err == nil {
		t.Error("a silence was stored without its audit entry")
	}
	read := func(since time.Time, want ...route.Silence) {
		t.Helper()
		got, err := s.Silences(ctx, "t", since)
		check(t, err)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(route.Matcher{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	read(t0.Add(-time.Hour), one, old)
	read(t0, one)
	// What was read asks as what was written.
	got, err := s.Silences(ctx, "t", t0)
	check(t, err)
	if !got[0].Matchers.Hold(map[string]string{"severity": "info"}) || got[0].Matchers.Hold(map[string]string{"severity": "critical"}) {
		t.Errorf("%s does not ask as before", got[0].Matchers)
	}
	ended, _ := route.Expire(one, t0.Add(time.Minute))
	ended.EndedBy = "Ben"
	check(t, s.PutSilences(ctx, []route.Silence{ended}, audit("02")))
	read(t0, ended)
	// An id that another tenant has is not taken from it.
	thief := ended
	thief.ID = theirs.ID
	check(t, s.PutSilences(ctx, []route.Silence{thief}, nil))
	read(t0, ended)
	check(t, s.PruneSilences(ctx, t0))
	read(time.Time{}, ended)
}
