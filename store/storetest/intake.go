package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/intake"
)

func heard(t *testing.T, s Store) {
	ctx := t.Context()
	one := intake.Heard{Tenant: "t", Kind: intake.HeartbeatKind, ID: "backup", At: t0, Alerts: 3}
	two := intake.Heard{Tenant: "t", Kind: intake.IntegrationKind, ID: "backup", Refused: 1, RefusedAt: t0, Refusal: "the secret is wrong"}
	check(t, s.PutHeard(ctx, nil))
	check(t, s.PutHeard(ctx, []intake.Heard{one, two}))
	one.At, one.Alerts = t0.Add(time.Hour), 4
	check(t, s.PutHeard(ctx, []intake.Heard{one}))
	got, err := s.HeardOf(ctx, "t")
	check(t, err)
	if diff := cmp.Diff([]intake.Heard{one, two}, got); diff != "" {
		t.Errorf("what was heard (-want +got):\n%s", diff)
	}
	if other, err := s.HeardOf(ctx, "other"); err != nil || len(other) > 0 {
		t.Errorf("another tenant heard %v, %v", other, err)
	}

	var all []string
	for n := range 5 {
		b := opened(n + 1)
		if n == 2 {
			b.Alerts[0].Fate, b.Alerts[0].EndedAt = respond.Over, t0
		} else {
			all = append(all, b.Alerts[0].ID)
		}
		check(t, s.ApplyResponse(ctx, b))
	}
	seen := map[string]bool{}
	for after := ""; ; {
		list, err := s.StandingAlerts(ctx, "t", after, 3)
		check(t, err)
		for _, st := range list {
			seen[st.ID] = true
			after = st.ID
		}
		if len(list) < 3 {
			break
		}
	}
	for _, id := range all {
		if !seen[id] {
			t.Errorf("the alert %s stands and was not listed", id)
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d alerts were listed", len(seen))
	}
}
