package reach_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	. "github.com/evenkeel/evenkeel/respond/reach"
)

// run lets time pass in steps of five minutes, and returns what was sent.
func (d *desk) run(t *testing.T, until time.Time, outcome respond.Outcome) (out []respond.Message) {
	t.Helper()
	for ; d.now.Before(until); d.now = d.now.Add(5 * time.Minute) {
		if err := d.Round(t.Context(), Home, d.now); err != nil {
			t.Fatal(err)
		}
		out = append(out, d.sent(t, outcome)...)
	}
	return out
}

func TestPeopleAreAskedOnceAMonthWhetherPagesArrive(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	mail := d.proved(t, "ana", Fields{Name: "mail", Quiet: &respond.Quiet{From: "22:00", To: "07:00", Zone: "America/New_York"}})
	d.now = d.now.Add(2 * time.Minute)
	phone := d.proved(t, "ana", Fields{Name: "phone", After: 5 * time.Minute})
	d.sent(t, respond.Outcome{State: respond.Sent})
	proved := d.now

	if asked := d.run(t, proved.Add(AskEvery-time.Hour), respond.Outcome{State: respond.Sent}); len(asked) != 0 {
		t.Fatalf("asked too early: %+v", asked)
	}
	asked := d.run(t, proved.Add(AskEvery+30*time.Hour), respond.Outcome{State: respond.Sent})
	if len(asked) != 1 || asked[0].Contact.ID != mail.ID || asked[0].Kind != respond.TestMessage {
		t.Fatalf("asked %+v", asked)
	}
	if h := asked[0].CreatedAt.In(mustZone(t, "America/New_York")).Hour(); h < WakingFrom || h >= WakingTo {
		t.Errorf("asked at %d o'clock", h)
	}
	// Not answered within a day: it is said, once, to everybody who plans.
	notices, err := d.Notices(ctx, d.people["vic"], Home)
	if err != nil || len(notices) != 1 || notices[0].Name != "Ana" || !strings.Contains(notices[0].Text, "by mail") {
		t.Errorf("the notices are %+v, %v", notices, err)
	}
	if missed := d.counts(t)[respond.ReachMissed]; missed != 1 {
		t.Errorf("the ledger tells %d times that it was missed", missed)
	}
	// A week later the other contact is tried; the notice stands meanwhile.
	again := d.run(t, d.now.Add(AskAnew), respond.Outcome{State: respond.Sent})
	if len(again) != 1 || again[0].Contact.ID != phone.ID {
		t.Fatalf("asked again %+v", again)
	}
	if notices, _ := d.Notices(ctx, d.people["vic"], Home); len(notices) != 1 {
		t.Errorf("the notice is gone before an answer: %+v", notices)
	}
	link := d.LinkFor(again[0])
	_, token, _ := strings.Cut(link, "/reached#")
	for range 2 { // pressed twice
		if a := d.click(t, token); !a.Done || !strings.Contains(a.Text, "by phone") {
			t.Fatalf("%s: %+v", link, a)
		}
	}
	if notices, _ := d.Notices(ctx, d.people["vic"], Home); len(notices) != 0 || d.counts(t)[respond.ReachConfirmed] != 1 {
		t.Errorf("after the answer: %+v, %v", notices, d.counts(t))
	}
	e, err := d.Contact(ctx, d.people["ana"], Home, phone.ID)
	if err != nil || !e.Reached.Equal(d.now) {
		t.Errorf("it reached her at %s, %v", e.Reached, err)
	}
	// A question that cannot be delivered is known at once.
	next := d.run(t, d.now.Add(AskEvery+24*time.Hour), respond.Outcome{State: respond.Failed, Reason: "The mailbox is full."})
	notices, err = d.Notices(ctx, d.people["ana"], Home)
	if err != nil || len(next) != 1 || len(notices) != 1 || !strings.Contains(notices[0].Text, "The mailbox is full.") {
		t.Errorf("%d asked; %+v, %v", len(next), notices, err)
	}
	// A late answer to an old question counts too, as does one in the console.
	d.now = d.now.Add(time.Hour)
	if _, err := d.Test(ctx, d.people["ana"], Home, mail.ID, d.now); err != nil {
		t.Fatal(err)
	}
	_, err = d.Confirm(ctx, d.people["ana"], Home, mail.ID, d.now)
	refused(t, "a test that is not sent yet", err, respond.ErrState, "no test")
	d.sent(t, respond.Outcome{State: respond.Delivered})
	_, err = d.Confirm(ctx, d.people["root"], Home, mail.ID, d.now)
	if !errors.Is(err, access.ErrForbidden) {
		t.Errorf("somebody else says that it arrived: %v", err)
	}
	if _, err := d.Confirm(ctx, d.people["ana"], Home, mail.ID, d.now); err != nil {
		t.Fatal(err)
	}
	if notices, _ := d.Notices(ctx, d.people["ana"], Home); len(notices) != 0 {
		t.Errorf("after she said so: %+v", notices)
	}
	// Who is locked out is asked nothing.
	d.gone["ana"] = true
	if asked := d.run(t, d.now.Add(AskEvery+48*time.Hour), respond.Outcome{State: respond.Sent}); len(asked) != 0 {
		t.Errorf("asked though locked out: %+v", asked)
	}
	if r, err := respond.Verify(ctx, d.db, Home, d.now); err != nil || !r.Good() {
		t.Errorf("the ledger: %+v, %v", r, err)
	}
}

func TestAProgramThatOpensIncidentsIsNotAsked(t *testing.T) {
	k := respond.Contact{ID: "pd", Name: "pd", Channel: respond.PagerDuty, Address: "web", Verified: t0}
	if m := Look(Check{NextAt: t0}, []respond.Contact{k}, respond.Message{}, t0.Add(3*time.Hour)); m.Ask != nil {
		t.Errorf("PagerDuty is asked: %+v", m.Ask)
	}
}

func (d *desk) counts(t *testing.T) map[respond.EntryKind]int64 {
	t.Helper()
	n, err := d.db.CountLedger(t.Context(), Home)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Whatever hours, clocks and outcomes: who has a contact is asked at least every
// 33 days and never in their quiet hours, one question at a time.
func TestLookAsksInTimeAndInPeace(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		var contacts []respond.Contact
		for n := range 1 + r.IntN(3) {
			k := respond.Contact{ID: string(rune('a' + n)), Name: "c", Verified: t0, Address: "x", Configured: r.IntN(3) == 0}
			if r.IntN(3) > 0 {
				q := &respond.Quiet{From: clockText(r), To: clockText(r), Zone: zones[r.IntN(len(zones))]}
				if q.Validate() == nil {
					k.Quiet = q
				}
			}
			contacts = append(contacts, k)
		}
		c, now, last := Check{Tenant: Home, Person: "ana"}, t0, t0
		asked := respond.Message{}
		for range 120 * 24 * 2 {
			now = now.Add(30 * time.Minute)
			m := Look(c, contacts, asked, now)
			c = m.Check
			if m.Ask != nil {
				if c.Message != "" {
					t.Fatalf("seed %d: a second question while one is under way", seed)
				}
				if m.Ask.Quiet.At(now) {
					t.Fatalf("seed %d: asked at %s in %+v", seed, now, m.Ask.Quiet)
				}
				asked = respond.Message{ID: "m" + now.String(), State: respond.Sent}
				c.Message, c.Contact, c.AskedAt, c.NextAt, last = asked.ID, m.Ask.ID, now, now.Add(AskEvery), now
				if r.IntN(2) == 0 {
					c.Message, c.MissedAt = "", time.Time{} // answered
				}
			}
			if now.Sub(last) > 33*24*time.Hour {
				t.Fatalf("seed %d: nobody was asked from %s to %s: %+v %+v", seed, last, now, c, contacts)
			}
		}
	}
}

func clockText(r *rand.Rand) string {
	return time.Date(2000, 1, 1, r.IntN(24), r.IntN(60), 0, 0, time.UTC).Format("15:04")
}
