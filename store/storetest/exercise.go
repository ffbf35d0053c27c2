package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/intake"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/respond/reach"
	"github.com/evenkeel/evenkeel/respond/route"
	"github.com/evenkeel/evenkeel/respond/status"
	"github.com/evenkeel/evenkeel/review"
)

// Store is all that is exercised.
type Store interface {
	finding.Store
	estate.Store
	access.Store
	respond.Store
	reach.Store
	review.Store
	intake.Store
	status.Store
	route.Store
	cases.Store
	PruneSilences(ctx context.Context, before time.Time) error
	oncall.Store
	PruneOnCall(ctx context.Context, before time.Time) error
	StandingAlerts(ctx context.Context, tenant, after string, limit int) ([]respond.Standing, error)
	SaveBaselines(ctx context.Context, tenant, environment string, blob []byte, now time.Time) error
	LoadBaselines(ctx context.Context, tenant, environment string) ([]byte, error)
}

// Exercise runs the same tests on any store. Open returns a new, empty one,
// which the test closes by t.Cleanup.
func Exercise(t *testing.T, open func(t *testing.T) Store) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, Store)
	}{
		{"a finding is stored whole", findingWhole},
		{"of two decisions on one revision one wins", findingConflict},
		{"at most one finding per key stands", findingStanding},
		{"findings are listed most urgent first, by filters and pages", findingList},
		{"a text is found wherever it is, and only there", findingSearch},
		{"findings expire and are pruned", findingEnds},
		{"the estate is known as of any time", estateThen},
		{"entities are listed by filters and pages", estateList},
		{"changes fold and are listed newest first", estateChanges},
		{"people, sessions and tokens", people},
		{"a login link works once", linkOnce},
		{"the audit log", auditLog},
		{"baselines of any size", baselines},
		{"an incident and its ledger are stored whole, or not at all", respondWhole},
		{"roles and tasks of incidents", respondTasks},
		{"alerts and incidents are due in time, also after the clock was set back", respondDue},
		{"messages are claimed by lanes and leases, and settled once", respondClaims},
		{"contacts, policies, and what is over", respondPeople},
		{"what people manage is stored whole, or not at all", reachWhole},
		{"who is on call is stored whole, or not at all", onCall},
		{"what was heard of sources, and what stands", heard},
		{"silences", silences},
		{"cases are stored whole, or not at all, and listed", casesWhole},
		{"what status pages are made of", statusWhole},
		{"documents of incidents, and what they are measured from", reviews},
		{"odd text is kept or made plain, never refused", oddText},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.run(t, open(t))
		})
	}
}

// t0 is when the exercises begin.
var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
