package storetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/reach"
)

func reachWhole(t *testing.T, s Store) {
	ctx := t.Context()
	k := respond.Contact{ID: "c1", Tenant: "t", Person: "ana", Name: "mail", Channel: respond.Email, Address: "ana@example.org", Verified: t0, Reached: t0, After: time.Minute,
		Quiet: &respond.Quiet{From: "22:00", To: "07:00", Zone: "Europe/Berlin", Silent: true}}
	p := respond.Policy{ID: "p1", Tenant: "t", Name: "P", Rounds: 1, Configured: true, Steps: []respond.Step{{Wait: time.Minute, Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: "ana"}}}}}
	proof := reach.Proof{Tenant: "t", Contact: "c1", Address: k.Address, Message: "code-1", Until: t0.Add(time.Hour), Tries: 2, Messages: []string{"code-1"}, SentAt: t0}
	asked := reach.Check{Tenant: "t", Person: "ana", Message: "reach-1", Contact: "c1", Name: "mail", AskedAt: t0, NextAt: t0.Add(time.Hour)}
	m := respond.Message{ID: "code-1", Tenant: "t", Kind: respond.VerifyMessage, Contact: k, Content: respond.Content{Title: "Your code"}, State: respond.Due, NextAt: t0, CreatedAt: t0, ChangedAt: t0}
	c := reach.Change{Tenant: "t", Contacts: []respond.Contact{k}, Policies: []respond.Policy{p}, Proofs: []reach.Proof{proof}, Checks: []reach.Check{asked}, Messages: []respond.Message{m},
		Entries: []respond.Entry{{ID: "e1", Tenant: "t", At: t0, Kind: respond.ReachAsked, Reason: "Asked.", By: "Evenkeel", Person: "ana"}}, Audit: []access.Entry{entry("contact.add", "c1", t0)}}
	check(t, s.ApplyReach(ctx, c))
	contacts, err := s.Contacts(ctx, "t", "ana")
	check(t, err)
	policies, err := s.Policies(ctx, "t")
	check(t, err)
	gotProof, err := s.Proof(ctx, "t", "c1")
	check(t, err)
	checks, err := s.Checks(ctx, "t")
	check(t, err)
	message, err := s.Message(ctx, "t", "code-1")
	check(t, err)
	if d := cmp.Diff(c.Contacts, contacts) + cmp.Diff(c.Policies, policies) + cmp.Diff(proof, gotProof) + cmp.Diff(c.Checks, checks) + cmp.Diff(m, message); d != "" {
		t.Errorf("(-stored +read):\n%s", d)
	}

	// All of it or nothing: the message is there already, and nothing of the
	// rest is stored.
	worse := c
	worse.Proofs = []reach.Proof{{Tenant: "t", Contact: "c1", Tries: 5}}
	worse.Audit = nil
	if err := s.ApplyReach(ctx, worse); err == nil {
		t.Error("a message is stored twice")
	}
	if gotProof, err = s.Proof(ctx, "t", "c1"); err != nil || gotProof.Tries != 2 {
		t.Errorf("a half of a change is stored: %+v, %v", gotProof, err)
	}
	proof.Tries, asked.MissedAt = 3, t0
	check(t, s.ApplyReach(ctx, reach.Change{Tenant: "t", Proofs: []reach.Proof{proof}, Checks: []reach.Check{asked}}))
	if checks, err = s.Checks(ctx, "t"); err != nil || len(checks) != 1 || !checks[0].MissedAt.Equal(t0) {
		t.Errorf("%+v, %v", checks, err)
	}
	check(t, s.ApplyReach(ctx, reach.Change{Tenant: "t", Contact: "c1", Policy: "p1"}))
	if gotProof, err = s.Proof(ctx, "t", "c1"); err != nil || gotProof.Message != "" {
		t.Errorf("the proof of a contact that is gone: %+v, %v", gotProof, err)
	}
	for _, gone := range []reach.Change{{Tenant: "t", Contact: "c1"}, {Tenant: "t", Policy: "p1"}} {
		if err := s.ApplyReach(ctx, gone); !errors.Is(err, respond.ErrNotFound) {
			t.Errorf("removed again: %v", err)
		}
	}
	key, err := s.SigningKey(ctx, "k", []byte("first"))
	check(t, err)
	again, err := s.SigningKey(ctx, "k", []byte("second"))
	check(t, err)
	if !bytes.Equal(key, []byte("first")) || !bytes.Equal(again, key) {
		t.Errorf("the key was %q and is %q", key, again)
	}
}
