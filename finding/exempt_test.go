package finding_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
)

// batches keeps what is stored together.
type batches struct {
	finding.Store
	all [][]finding.Applied
}

func (b *batches) ApplyFindings(ctx context.Context, batch []finding.Applied) error {
	b.all = append(b.all, batch)
	return b.Store.ApplyFindings(ctx, batch)
}

func knownDisks(until time.Time) finding.Exemptions {
	return finding.Exemptions{{ID: "old-disks", Checks: []string{"disk-*"}, Entities: []string{"disk:web-1:*"}, Owner: "storage team", Reason: "they are replaced in May", Until: until}}
}

// What is exempted is stored as such in the transaction in which it is found, and
// nobody hears that it was ever open; when the exemption ends it is.
func TestAnExemptedFindingIsNeverSeenOpen(t *testing.T) {
	kept := &batches{Store: newStore(t)}
	s := finding.NewService(kept, quiet)
	until := t0.Add(time.Hour)
	s.Exempt(knownDisks(until))
	notices := s.Listen(8)
	record(t, s, seen("home", 1, t0, finding.Firing))
	if len(kept.all) != 1 || len(kept.all[0]) != 1 || len(kept.all[0][0].Events) != 2 || kept.all[0][0].Finding.State != finding.Accepted {
		t.Fatalf("it was stored as %+v", kept.all)
	}
	if n := <-notices.C(); n.State != finding.Accepted || len(notices.C()) != 0 {
		t.Errorf("others are told that it is %s, and %d times more", n.State, len(notices.C()))
	}
	f := list(t, s, finding.Filter{})[0]
	if f.Exempted() != "old-disks" || !f.Until.Equal(until) || f.By != "storage team" || f.Reason != "they are replaced in May" {
		t.Errorf("it does not say by what: %+v", f)
	}

	// It stands: that costs nothing, and no person has the say.
	stored := len(kept.all)
	record(t, s, seen("home", 1, t0.Add(time.Minute), finding.Firing))
	if len(kept.all) != stored {
		t.Error("what stands is written anew")
	}
	at := t0.Add(2 * time.Minute)
	_, ack := s.Acknowledge(t.Context(), all, "default", f.ID, "", at)
	_, accept := s.Accept(t.Context(), all, "default", f.ID, at.Add(time.Hour), "planned", at)
	_, reopen := s.Reopen(t.Context(), all, "default", f.ID, "", at)
	for _, err := range []error{ack, accept, reopen} {
		if !errors.Is(err, finding.ErrState) || !strings.Contains(err.Error(), "detect: exemptions:") || !strings.Contains(err.Error(), "old-disks") {
			t.Errorf("a person answers it: %v", err)
		}
	}

	// Another start with the same configuration changes nothing; without the
	// exemption it is open at its next observation.
	again := finding.NewService(kept, quiet)
	again.Exempt(knownDisks(until))
	record(t, again, seen("home", 1, t0.Add(3*time.Minute), finding.Firing))
	if err := again.Expire(t.Context(), t0.Add(4*time.Minute)); err != nil || len(kept.all) != stored {
		t.Errorf("%v, %d more writes", err, len(kept.all)-stored)
	}
	without := finding.NewService(kept, quiet)
	record(t, without, seen("home", 1, t0.Add(5*time.Minute), finding.Firing))
	if f = list(t, without, finding.Filter{})[0]; f.State != finding.Open || f.Exempted() != "" {
		t.Errorf("it was taken away: %s by %s", f.State, f.Exempted())
	}
}

// An exemption ends by itself, also where nobody looks any more; one that was
// made longer meanwhile goes on, and what a person accepted falls to it when
// their time is up.
func TestExemptionsEndInTime(t *testing.T) {
	kept := &batches{Store: newStore(t)}
	s := finding.NewService(kept, quiet)
	s.Exempt(knownDisks(t0.Add(time.Hour)))
	record(t, s, seen("home", 1, t0, finding.Firing))
	longer := finding.NewService(kept, quiet)
	longer.Exempt(knownDisks(t0.Add(2 * time.Hour)))
	if err := longer.Expire(t.Context(), t0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	f := list(t, longer, finding.Filter{})[0]
	if f.State != finding.Accepted || !f.Until.Equal(t0.Add(2*time.Hour)) {
		t.Errorf("longer: %s until %s", f.State, f.Until)
	}
	if err := longer.Expire(t.Context(), t0.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	f, events, err := longer.Get(t.Context(), all, "default", f.ID)
	if err != nil || f.State != finding.Open || f.Answer != (finding.Answer{}) {
		t.Errorf("after its end: %+v, %v", f, err)
	}
	if last := events[len(events)-1]; last.Kind != "expired" || !strings.Contains(last.Text, "old-disks ended") {
		t.Errorf("its history ends with %+v", last)
	}

	at := t0.Add(3 * time.Hour)
	if _, err := longer.Accept(t.Context(), all, "default", f.ID, at.Add(time.Hour), "for now", at); err != nil {
		t.Fatal(err)
	}
	after := finding.NewService(kept, quiet)
	after.Exempt(knownDisks(at.Add(24 * time.Hour)))
	record(t, after, seen("home", 1, at.Add(time.Minute), finding.Firing))
	if f = list(t, after, finding.Filter{})[0]; f.Exempted() != "" || f.Reason != "for now" {
		t.Errorf("what a person said is gone: %+v", f)
	}
	kept.all = nil
	if err := after.Expire(t.Context(), at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if f = list(t, after, finding.Filter{})[0]; f.Exempted() != "old-disks" || len(kept.all) != 1 {
		t.Errorf("when their time is up: %s by %q, in %d steps", f.State, f.Exempted(), len(kept.all))
	}
}

// Who gives back what they looked after leaves it to the exemption; the audit
// log says what they did.
func TestWhatIsGivenBackIsExempted(t *testing.T) {
	st := newStore(t)
	s := finding.NewService(st, quiet)
	record(t, s, seen("home", 1, t0, finding.Firing))
	id := list(t, s, finding.Filter{})[0].ID
	if _, err := s.Acknowledge(t.Context(), all, "default", id, "", t0); err != nil {
		t.Fatal(err)
	}
	s.Exempt(knownDisks(t0.Add(time.Hour)))
	f, err := s.Reopen(t.Context(), all, "default", id, "not mine", t0.Add(time.Second))
	if err != nil || f.Exempted() != "old-disks" {
		t.Errorf("%+v, %v", f, err)
	}
	log, err := st.Store.(access.Store).Audit(t.Context(), access.AuditFilter{Tenant: "default", Object: id})
	if err != nil || !slices.ContainsFunc(log.Entries, func(e access.Entry) bool {
		return e.Action == "finding.reopen" && strings.Contains(e.Detail, "not mine")
	}) {
		t.Errorf("the audit log: %+v, %v", log.Entries, err)
	}
}
