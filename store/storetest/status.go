package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/status"
)

// statusWhole puts and removes what status pages are made of, with its messages
// and its lines in the ledger.
func statusWhole(t *testing.T, s Store) {
	ctx := t.Context()
	page := status.Record{Tenant: "t", Kind: "page", Owner: "shop", ID: "shop", At: t0, Body: []byte(`{"slug":"shop"}`)}
	late := status.Record{Tenant: "t", Kind: "update", Owner: "i1", ID: "a", At: t0.Add(time.Hour), Body: []byte(`{"n":2}`)}
	early := status.Record{Tenant: "t", Kind: "update", Owner: "i1", ID: "b", At: t0, Body: []byte(`{"n":1}`)}
	other := status.Record{Tenant: "t", Kind: "update", Owner: "i2", ID: "c", At: t0, Body: []byte(`{"n":3}`)}
	m := respond.Message{ID: "status-1", Tenant: "t", Kind: respond.StatusMessage, Contact: respond.Contact{ID: "k", Channel: respond.Email, Address: "a@example.org"},
		Content: respond.Content{Title: "News"}, State: respond.Due, NextAt: t0, CreatedAt: t0, ChangedAt: t0}
	e := respond.Entry{ID: respond.NewID(), Tenant: "t", At: t0, Kind: respond.Updated, Reason: "Update", By: "ana", Incident: "i1"}
	a := access.Entry{ID: respond.NewID(), Tenant: "t", At: t0, ActorKind: access.Person, ActorID: "ana", ActorName: "ana", Action: "status.save", Object: "shop"}
	check(t, s.ApplyStatus(ctx, status.Change{Tenant: "t", Put: []status.Record{page, late, early, other}, Messages: []respond.Message{m}, Entries: []respond.Entry{e}, Audit: []access.Entry{a}}))
	list := func(kind status.Kind, owner string) []status.Record {
		t.Helper()
		got, err := s.StatusRecords(ctx, "t", kind, owner)
		check(t, err)
		return got
	}
	if diff := cmp.Diff([]status.Record{early, late, other}, list("update", "")); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
	if got, err := s.Message(ctx, "t", "status-1"); err != nil || got.Content.Title != "News" {
		t.Errorf("the letter: %+v, %v", got, err)
	}
	if got, err := s.Ledger(ctx, respond.LedgerFilter{Tenant: "t", Incident: "i1", Limit: 10}); err != nil || len(got) != 1 {
		t.Errorf("the ledger: %v, %v", got, err)
	}
	// A page's name is one for all tenants, and nothing is stored with it.
	taken := status.Record{Tenant: "o", Kind: "page", Owner: "shop", ID: "shop", At: t0, Body: []byte(`{}`)}
	extra := status.Record{Tenant: "o", Kind: "update", Owner: "i9", ID: "z", At: t0, Body: []byte(`{}`)}
	if err := s.ApplyStatus(ctx, status.Change{Tenant: "o", Put: []status.Record{extra, taken}}); !errors.Is(err, respond.ErrConflict) {
		t.Errorf("a name that is taken: %v", err)
	}
	if got, err := s.StatusRecords(ctx, "o", "update", ""); err != nil || len(got) != 0 {
		t.Errorf("another tenant has %v, %v", got, err)
	}
	late.Body = []byte(`{"n":4}`)
	check(t, s.ApplyStatus(ctx, status.Change{Tenant: "t", Put: []status.Record{late}, Remove: []status.Record{{Kind: "update", Owner: "i1", ID: "b"}, {Kind: "update", Owner: "i2"}}}))
	if diff := cmp.Diff([]status.Record{late}, list("update", "")); diff != "" {
		t.Errorf("after a change (-want +got):\n%s", diff)
	}
	check(t, s.ApplyStatus(ctx, status.Change{Tenant: "o", Remove: []status.Record{{Kind: "page", Owner: "shop"}}}))
	if len(list("page", "shop")) != 1 {
		t.Error("another tenant removed the page")
	}
}
