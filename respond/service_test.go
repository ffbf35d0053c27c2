package respond_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/store"
	"github.com/evenkeel/evenkeel/store/storetest"
)

// phone is a channel whose receiver keeps what arrives, by idempotency key.
type phone struct {
	mu      sync.Mutex
	got     []respond.Message
	outcome func(m respond.Message) respond.Outcome
}

func (p *phone) Send(_ context.Context, m respond.Message) respond.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.outcome != nil {
		if o := p.outcome(m); o.State != respond.Sent {
			return o
		}
	}
	p.got = append(p.got, m)
	return respond.Outcome{State: respond.Sent, ProviderID: fmt.Sprint(len(p.got)), Thread: "thread of " + m.Incident}
}

func (p *phone) received() []respond.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]respond.Message(nil), p.got...)
}

// asked is a phone whose provider can be asked.
type asked struct{ *phone }

func (a asked) Ask(_ context.Context, m respond.Message) (respond.Outcome, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, g := range a.got {
		if g.ID == m.ID {
			return respond.Outcome{State: respond.Delivered, ProviderID: "known"}, true, nil
		}
	}
	return respond.Outcome{}, false, nil
}

// desk is a service with people, on a real store.
type desk struct {
	t     testing.TB
	store *store.Store
	*respond.Service
	sms, chat *phone
	ana       access.Actor
}

func databases(t *testing.T, run func(t *testing.T, dsn string)) {
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); run(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); run(t, storetest.Postgres(t)) })
}

func newDesk(t *testing.T, dsn string, opt respond.Options) *desk {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{DSN: dsn, Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return staffed(t, s, opt)
}

// staffed is a desk on a store that is there.
func staffed(t testing.TB, s *store.Store, opt respond.Options) *desk {
	t.Helper()
	d := &desk{t: t, store: s, sms: &phone{}, chat: &phone{}}
	if opt.Senders == nil {
		opt.Senders = map[respond.Channel]respond.Sender{respond.SMS: d.sms, respond.Slack: d.chat}
	}
	d.Service = respond.NewService(s, opt, slog.New(slog.DiscardHandler))
	d.ana = access.Actor{Kind: access.Person, ID: "ana", Name: "Ana",
		Grants: []access.Grant{{Tenant: "t", Environment: access.Any, Role: access.Responder}}}
	for _, c := range []respond.Contact{
		{ID: "ana-sms", Tenant: "t", Person: "ana", Name: "phone", Channel: respond.SMS, Address: "+491", Verified: time.Now()},
		{ID: "ben-sms", Tenant: "t", Person: "ben", Name: "phone", Channel: respond.SMS, Address: "+492", Verified: time.Now()},
		{ID: "ops", Tenant: "t", Name: "#ops", Channel: respond.Slack, Address: "#ops", Verified: time.Now()},
	} {
		d.must(s.PutContact(t.Context(), c))
	}
	d.must(s.PutPolicy(t.Context(), respond.Policy{ID: "default", Tenant: "t", Name: "Default", Rounds: 2, Steps: []respond.Step{
		{Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: "ana"}, {Kind: respond.ToChannel, ID: "ops"}}, Wait: 5 * time.Minute},
		{Notify: []respond.Recipient{{Kind: respond.ToPerson, ID: "ben"}}, Wait: 5 * time.Minute}}}))
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// deliver runs Deliver until the test ends.
func (d *desk) deliver() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Deliver(ctx, func(err error) {
			if err != nil {
				d.t.Error(err)
			}
		})
	}()
	d.t.Cleanup(func() { cancel(); <-done })
}

func (d *desk) until(what string, holds func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatal("this did not come: ", what)
		}
	}
}

func (d *desk) verified() respond.Report {
	d.t.Helper()
	r, err := respond.Verify(d.t.Context(), d.store, "t", time.Now())
	d.must(err)
	if !r.Good() {
		d.t.Errorf("the ledger is not whole: %+v, %+v", r.Lost, r.Stuck)
	}
	return r
}

func (d *desk) only() respond.Incident {
	d.t.Helper()
	page, err := d.List(d.t.Context(), d.ana, respond.IncidentFilter{Tenant: "t"})
	d.must(err)
	if len(page.Incidents) != 1 {
		d.t.Fatalf("%d incidents", len(page.Incidents))
	}
	return page.Incidents[0]
}

func alert(n int) respond.Alert {
	return respond.Alert{AlertKey: respond.AlertKey{Tenant: "t", Source: "prometheus", Fingerprint: fmt.Sprint(n)},
		Status: respond.Firing, Severity: finding.Critical, Title: fmt.Sprintf("Disk %d is full", n),
		Labels: map[string]string{"alertname": "DiskFull", "disk": fmt.Sprint(n)}, StartsAt: time.Now()}
}

func ended(a respond.Alert) respond.Alert { a.Status = respond.Ended; return a }

func TestAnAlertReachesSomebodyWhoTakesItUp(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn, respond.Options{IncidentURL: func(id string) string { return "https://ops.example.org/incidents/" + id }})
		d.deliver()
		ctx := t.Context()
		d.must(d.Receive(ctx, []respond.Alert{alert(1), alert(1)}))
		d.must(d.Wake(ctx, time.Now()))
		d.until("the page on both ways", func() bool { return len(d.sms.received()) == 1 && len(d.chat.received()) == 1 })
		m := d.sms.received()[0]
		if m.Contact.ID != "ana-sms" || m.Content.Title != "Disk 1 is full" || m.Content.Number != 1 || m.Content.URL == "" {
			t.Errorf("the page says %+v", m)
		}
		i := d.only()
		d.until("both outcomes", func() bool { return d.verified().Messages[respond.Sent] == 2 })
		if _, err := d.Acknowledge(ctx, d.ana, "t", i.ID, "looking", time.Now()); err != nil {
			t.Fatal(err)
		}
		d.until("the room is told", func() bool { return len(d.chat.received()) == 2 })
		if m := d.chat.received()[1]; m.Kind != respond.UpdateMessage || m.Content.Thread == "" {
			t.Errorf("the room is told %+v", m)
		}
		if _, err := d.Acknowledge(ctx, d.ana, "t", i.ID, "", time.Now()); !errors.Is(err, respond.ErrState) {
			t.Errorf("a second acknowledgement: %v", err)
		}
		d.must(d.Wake(ctx, time.Now().Add(time.Hour)))
		d.must(d.Receive(ctx, []respond.Alert{ended(alert(1)), ended(alert(77))}))
		d.must(d.Wake(ctx, time.Now()))
		d.until("both are told that it is over", func() bool { return len(d.sms.received()) == 2 && len(d.chat.received()) == 3 })
		if i := d.only(); i.State != respond.Resolved || i.AckedAt.IsZero() || i.Assignee != "ana" {
			t.Errorf("at the end: %+v", i)
		}
		st, err := d.Get(ctx, d.ana, "t", i.ID)
		d.must(err)
		if len(st.Alerts) != 1 || len(st.Pages) != 2 || len(st.Messages) != 5 || len(st.Entries) < 8 {
			t.Errorf("the story has %d alerts, %d pages, %d messages, %d entries", len(st.Alerts), len(st.Pages), len(st.Messages), len(st.Entries))
		}
		log, err := d.store.Audit(ctx, access.AuditFilter{Tenant: "t", Object: i.ID})
		if err != nil || len(log.Entries) != 1 || log.Entries[0].Action != "incident.acknowledge" {
			t.Errorf("the audit log: %+v, %v", log, err)
		}
		if r := d.verified(); r.Pages[respond.PageAnswered] != 1 || r.Pages[respond.PageSuperseded] != 1 || r.Alerts[respond.Over] != 1 {
			t.Errorf("the report: %+v", r)
		}
		if _, err := d.Get(ctx, access.Actor{Name: "Eve", Grants: []access.Grant{{Tenant: "u", Environment: "*", Role: access.Admin}}}, "t", i.ID); !errors.Is(err, respond.ErrNotFound) {
			t.Errorf("another tenant's admin: %v", err)
		}
	})
}

func TestTheEscalationGoesOnWhenAChannelFails(t *testing.T) {
	d := newDesk(t, "", respond.Options{})
	d.sms.outcome = func(m respond.Message) respond.Outcome {
		if m.Contact.Person == "ana" {
			return respond.Outcome{State: respond.Failed, Reason: "The number does not exist.", Disable: true}
		}
		return respond.Outcome{State: respond.Sent}
	}
	d.chat.outcome = func(respond.Message) respond.Outcome {
		return respond.Outcome{State: respond.Failed, Reason: "no such room"}
	}
	d.deliver()
	d.must(d.Receive(t.Context(), []respond.Alert{alert(1)}))
	d.must(d.Wake(t.Context(), time.Now()))
	d.until("Ben is told at once", func() bool {
		d.must(d.Wake(t.Context(), time.Now()))
		return len(d.sms.received()) == 1
	})
	d.until("the outcome", func() bool { return d.verified().Messages[respond.Sent] == 1 })
	contacts, err := d.store.Contacts(t.Context(), "t", "ana")
	if err != nil || contacts[0].Disabled == "" {
		t.Errorf("the contact that is gone: %+v, %v", contacts, err)
	}
	if r := d.verified(); r.Entries[respond.ContactGone] != 1 || r.Pages[respond.PageFailed] != 2 {
		t.Errorf("the report: %+v", r)
	}
}

func TestAnInterruptedSendIsAskedAboutOrMarked(t *testing.T) {
	for _, askable := range []bool{true, false} {
		t.Run(fmt.Sprintf("askable %t", askable), func(t *testing.T) {
			t.Parallel()
			sms := &phone{}
			var sender respond.Sender = sms
			if askable {
				sender = asked{sms}
			}
			d := newDesk(t, "", respond.Options{Lease: 300 * time.Millisecond,
				Senders: map[respond.Channel]respond.Sender{respond.SMS: sender}})
			ctx := t.Context()
			d.must(d.Receive(ctx, []respond.Alert{alert(1)}))
			now := time.Now()
			d.must(d.Wake(ctx, now))
			// A process that claims it, sends it, and ends before it says so.
			claimed, err := d.store.ClaimMessages(ctx, respond.Claim{Now: now, Ahead: now.Add(time.Minute), Until: now.Add(200 * time.Millisecond),
				Stale: now.Add(time.Minute), Limit: 10, PerLane: 10, Skip: []respond.Channel{respond.Slack}})
			if err != nil || len(claimed) != 1 {
				t.Fatal(len(claimed), err)
			}
			sms.Send(ctx, claimed[0])
			d.deliver()
			want := 2
			if askable {
				want = 1
			}
			d.until("it is settled", func() bool { r := d.verified(); return r.Messages[respond.Sent]+r.Messages[respond.Delivered] == 1 })
			r := d.verified()
			if len(sms.received()) != want || r.PossibleDuplicates != want-1 {
				t.Errorf("it arrived %d times, %d marked as possible duplicates", len(sms.received()), r.PossibleDuplicates)
			}
			if got := sms.received(); want == 2 && (!got[1].PossibleDuplicate || got[0].ID != got[1].ID) {
				t.Errorf("the second one: %+v", got[1])
			}
		})
	}
}

func TestAStormIsToldInAFewMessagesAndNothingIsDropped(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		d := newDesk(t, dsn, respond.Options{})
		const n = 1000
		var all []respond.Alert
		for i := range n {
			all = append(all, alert(i))
		}
		d.must(d.Receive(t.Context(), all))
		d.must(d.Wake(t.Context(), time.Now()))
		r := d.verified()
		if r.Pages[respond.PageOpen] != 2*n || r.Messages[respond.Due] != 12 || r.Messages[respond.Coalesced] != 2*(n-5) {
			t.Errorf("pages %v, messages %v; want %d open pages, 12 messages and the others told within two of them", r.Pages, r.Messages, 2*n)
		}
		list, err := d.store.DigestMessages(t.Context(), "t", "", true, 10)
		if err != nil || len(list) != 2 || list[0].Content.Incidents != n-5 {
			t.Errorf("digests: %+v, %v", list, err)
		}
	})
}

func TestAFullLineAsksTheSenderToComeAgain(t *testing.T) {
	d := newDesk(t, "", respond.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.store.Close()
	if err := d.Receive(ctx, []respond.Alert{alert(1)}); !errors.Is(err, respond.ErrUnavailable) {
		t.Errorf("a store that cannot be written to: %v", err)
	}
	bad := alert(1)
	bad.Title = ""
	if err := d.Receive(ctx, []respond.Alert{bad}); !errors.Is(err, respond.ErrInvalid) {
		t.Errorf("an alert without a title: %v", err)
	}
}

// A message that was sent, cut off, sent again and cut off again has perhaps
// arrived twice, also where nobody waits for it any more by then.
func TestWhatMayHaveArrivedTwiceIsSaidWhenItsPageEnds(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		for _, tries := range []int{2, 1} {
			d := newDesk(t, dsn, respond.Options{})
			ctx := t.Context()
			d.must(d.Receive(ctx, []respond.Alert{alert(1)}))
			now := time.Now().Add(time.Second)
			d.must(d.Wake(ctx, now))
			claim := func(at time.Time) []respond.Message {
				list, err := d.store.ClaimMessages(ctx, respond.Claim{Now: at, Ahead: at.Add(time.Minute), Until: at.Add(45 * time.Second),
					Stale: at.Add(90 * time.Second), Limit: 10, PerLane: 10})
				d.must(err)
				return list
			}
			for range tries { // each is sent, and the process ends before it can say so
				if list := claim(now); len(list) != 2 {
					t.Fatalf("%d messages", len(list))
				}
				now = now.Add(time.Minute)
			}
			i := d.only()
			if _, err := d.Acknowledge(ctx, d.ana, "t", i.ID, "", now); err != nil {
				t.Fatal(err)
			}
			claim(now)
			story, err := d.Get(ctx, d.ana, "t", i.ID)
			d.must(err)
			marked := 0
			for _, m := range story.Messages {
				if m.Kind == respond.PageMessage && m.State != respond.Superseded {
					t.Errorf("a page that nobody waits for is %s", m.State)
				}
				if m.PossibleDuplicate {
					marked++
				}
			}
			if want := 2 * (tries - 1); marked != want {
				t.Errorf("after %d tries %d messages are marked, want %d", tries, marked, want)
			}
			if dsn != "" {
				return // one desk to a database
			}
		}
	})
}
