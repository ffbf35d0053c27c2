package app

import (
	"context"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/api/client"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// room is a channel that hands on what it is sent.
type room chan respond.Message

func (r room) Send(_ context.Context, m respond.Message) respond.Outcome {
	r <- m
	return respond.Outcome{State: respond.Sent}
}

const paged = `
respond: {policies: [{id: default, rounds: 1, steps: [{wait: 5m, notify: [{kind: channel, id: room}]}]}]}`

// A finding from before the start becomes an incident too, and both ends reach
// the room; the ledger is whole.
func TestAFindingReachesTheRoom(t *testing.T) {
	data, site := t.TempDir(), expiredServer(t)
	before := withRoom(t, data, certificateProbe(site), nil)
	f := awaitFinding(t, before, "certificate-expired")
	before.stop()

	sent := make(room, 100)
	a := withRoom(t, data, certificateProbe(site)+paged, sent)
	m := heard(t, sent)
	if m.Kind != respond.PageMessage || m.Content.Title != f.Title || m.Content.URL == "" {
		t.Errorf("the room is told %+v", m)
	}
	who := access.Evenkeel(access.DefaultTenant)
	if _, err := a.findings.Accept(t.Context(), who, f.Tenant, f.ID, time.Now().Add(time.Hour), "it is a test", time.Now()); err != nil {
		t.Fatal(err)
	}
	if m := heard(t, sent); m.Kind != respond.ResolvedMessage {
		t.Errorf("after it was accepted the room is told %+v", m)
	}
	c, err := client.New(a.URL(), "t")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.VerifyLedger(t.Context())
	if err != nil || !respond.Report(r).Good() || r.Alerts[respond.Over] == 0 || r.Messages[respond.Sent] == 0 {
		t.Errorf("the ledger: %+v, %v", r, err)
	}
	if f, _, err := a.findings.Get(t.Context(), who, f.Tenant, f.ID); err != nil || f.State != finding.Accepted {
		t.Errorf("the finding: %s, %v", f.State, err)
	}
}

// withRoom starts Evenkeel with a room that belongs to nobody.
func withRoom(t *testing.T, data, yaml string, r room) running {
	t.Helper()
	a := startWith(t, data, yaml, map[respond.Channel]respond.Sender{respond.Webhook: r})
	err := a.store.PutContact(t.Context(), respond.Contact{ID: "room", Tenant: access.DefaultTenant, Name: "room", Channel: respond.Webhook, Verified: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func heard(t *testing.T, r room) respond.Message {
	t.Helper()
	select {
	case m := <-r:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		return respond.Message{}
	}
}
