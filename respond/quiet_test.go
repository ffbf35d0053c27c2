package respond

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

func TestQuietHoursGoByTheClockOnTheWall(t *testing.T) {
	berlin := func(text string) time.Time {
		t.Helper()
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	night := &Quiet{From: "22:00", To: "07:00", Zone: "Europe/Berlin"}
	gap := &Quiet{From: "22:00", To: "02:30", Zone: "Europe/Berlin"} // ends at a time that does not exist on 28 March 2027
	for _, c := range []struct {
		hours   *Quiet
		at, end string
	}{
		{night, "2027-03-02T21:59:59+01:00", "2027-03-02T21:59:59+01:00"},
		{night, "2027-03-02T22:00:00+01:00", "2027-03-03T07:00:00+01:00"},
		{night, "2027-03-03T06:59:59+01:00", "2027-03-03T07:00:00+01:00"},
		{night, "2027-03-03T07:00:00+01:00", "2027-03-03T07:00:00+01:00"},
		{night, "2027-03-27T23:00:00+01:00", "2027-03-28T07:00:00+02:00"}, // an hour less
		{night, "2027-10-30T23:00:00+02:00", "2027-10-31T07:00:00+01:00"}, // an hour more
		{gap, "2027-03-28T01:30:00+01:00", "2027-03-28T03:00:00+02:00"},
		{&Quiet{From: "12:00", To: "13:00", Zone: "UTC"}, "2027-03-02T12:30:00Z", "2027-03-02T13:00:00Z"},
		{&Quiet{From: "12:00", To: "13:00", Zone: "Nowhere/Land"}, "2027-03-02T12:30:00Z", "2027-03-02T12:30:00Z"},
		{nil, "2027-03-02T12:30:00Z", "2027-03-02T12:30:00Z"},
	} {
		at, end := berlin(c.at), berlin(c.end)
		if got := c.hours.End(at); !got.Equal(end) {
			t.Errorf("%+v at %s ends at %s, want %s", c.hours, c.at, got, c.end)
		}
		if c.hours.At(end) {
			t.Errorf("%+v is quiet at its end %s", c.hours, c.end)
		}
	}
	for _, q := range []Quiet{{}, {From: "22:00", To: "07:00"}, {From: "22:00", To: "07:00", Zone: "Local"}, {From: "25:00", To: "07:00", Zone: "UTC"},
		{From: "07:00", To: "07:00", Zone: "UTC"}, {From: "07:00", To: "06:30", Zone: "UTC"}, {From: "22:00", To: "07:00", Zone: "Nowhere/Land"}} {
		if q.Validate() == nil {
			t.Errorf("%+v is taken", q)
		}
	}
}

// Whatever hours and order people have, somebody with a contact that can be
// used is told of what is urgent, and not later than their first contact would
// have been; what can wait is never sent into quiet hours, and never lost.
func TestQuietHoursLoseNoPage(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"}
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 7))
		var contacts []Contact
		for n := range 1 + r.IntN(5) {
			c := Contact{ID: fmt.Sprint(n), Tenant: "t", Person: "ana", Name: fmt.Sprint("c", n), Channel: SMS, Address: "+49",
				After: time.Duration(r.IntN(4)) * 10 * time.Minute}
			if r.IntN(5) > 0 {
				c.Verified = time.Unix(1, 0)
			}
			if r.IntN(6) == 0 {
				c.Disabled = "gone"
			}
			if r.IntN(6) == 0 {
				c.Urgency = []Urgency{Low}
			}
			if r.IntN(3) > 0 {
				c.Quiet = &Quiet{From: fmt.Sprintf("%02d:%02d", r.IntN(24), r.IntN(60)), To: fmt.Sprintf("%02d:%02d", r.IntN(24), r.IntN(60)),
					Zone: zones[r.IntN(len(zones))], Silent: r.IntN(2) == 0}
				if c.Quiet.Validate() != nil {
					c.Quiet = nil
				}
			}
			contacts = append(contacts, c)
		}
		now := time.Date(2027, 3, 27, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(72*60)) * time.Minute)
		book := NewBook(contacts)
		for _, u := range []Urgency{High, Low} {
			severity := finding.Critical
			if u == Low {
				severity = finding.Warning
			}
			i := Incident{ID: "i", Number: 1, Tenant: "t", Severity: severity, Urgency: u, State: Triggered, Policy: "p", WakeAt: now, Declared: true}
			p := Policy{ID: "p", Rounds: 1, Steps: []Step{{Wait: 5 * time.Minute, Notify: []Recipient{{Kind: ToPerson, ID: "ana"}}}}}
			d, _ := Decide(Facts{Incident: i, Policy: p, Book: book}, now)
			good, _ := book.usable(Recipient{Kind: ToPerson, ID: "ana"}, "ana", u)
			if (len(d.Messages) > 0) != (len(good) > 0) {
				t.Fatalf("seed %d, %s: %d messages for %d contacts that can be used: %+v", seed, u, len(d.Messages), len(good), contacts)
			}
			if len(good) == 0 {
				continue
			}
			first := slices.MinFunc(d.Messages, func(a, b Message) int { return a.NextAt.Compare(b.NextAt) })
			if u == High && first.NextAt.After(now.Add(good[0].After)) {
				t.Fatalf("seed %d: urgent, and told at %s and not at %s: %+v", seed, first.NextAt, now.Add(good[0].After), contacts)
			}
			for _, m := range d.Messages {
				if u == Low && m.Contact.Quiet.At(m.NextAt) {
					t.Fatalf("seed %d: what can wait is sent at %s into %+v", seed, m.NextAt, m.Contact.Quiet)
				}
				if wait := m.NextAt.Sub(now); wait < 0 || wait > 26*time.Hour {
					t.Fatalf("seed %d: a message waits %s", seed, wait)
				}
			}
			// Nobody is passed over before they were told.
			if u == Low && d.Incident.WakeAt.Before(now.Add(5*time.Minute)) {
				t.Fatalf("seed %d: the next step comes at %s", seed, d.Incident.WakeAt)
			}
		}
	}
}

func TestWhatQuietHoursDoIsSaidInTheLedger(t *testing.T) {
	now := time.Date(2027, 3, 1, 2, 0, 0, 0, time.UTC) // 03:00 in Berlin
	night := &Quiet{From: "22:00", To: "07:00", Zone: "Europe/Berlin"}
	silent := &Quiet{From: "22:00", To: "07:00", Zone: "Europe/Berlin", Silent: true}
	contact := func(id string, after time.Duration, q *Quiet) Contact {
		return Contact{ID: id, Tenant: "t", Person: "ana", Name: id, Channel: SMS, Address: "+49", Verified: now, After: after, Quiet: q}
	}
	for _, c := range []struct {
		name     string
		urgency  Urgency
		contacts []Contact
		told     map[string]time.Duration
		wake     time.Duration
		says     string
	}{
		{"urgent, comes all the same", High, []Contact{contact("mail", 0, night)}, map[string]time.Duration{"mail": 0}, 5 * time.Minute, "mail is quiet until 07:00, and this is urgent"},
		{"urgent, goes to the next one at once", High, []Contact{contact("mail", 0, silent), contact("phone", 15*time.Minute, nil)}, map[string]time.Duration{"phone": 0}, 5 * time.Minute, "mail is quiet until 07:00 and is left out"},
		{"urgent, all are silent", High, []Contact{contact("mail", 0, silent), contact("phone", 15*time.Minute, silent)}, map[string]time.Duration{"mail": 0, "phone": 15 * time.Minute}, 5 * time.Minute, "somebody has to know"},
		{"can wait", Low, []Contact{contact("mail", 0, silent)}, map[string]time.Duration{"mail": 4 * time.Hour}, 4*time.Hour + 5*time.Minute, "waits for that"},
		{"can wait, but not there", Low, []Contact{contact("mail", 0, silent), contact("room", time.Minute, nil)}, map[string]time.Duration{"mail": 4 * time.Hour, "room": time.Minute}, 5 * time.Minute, "waits for that"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := Incident{ID: "i", Number: 1, Tenant: "t", Severity: finding.Warning, Urgency: c.urgency, State: Triggered, Policy: "p", WakeAt: now, Declared: true}
			p := Policy{ID: "p", Rounds: 1, Steps: []Step{{Wait: 5 * time.Minute, Notify: []Recipient{{Kind: ToPerson, ID: "ana"}}}}}
			d, _ := Decide(Facts{Incident: i, Policy: p, Book: NewBook(c.contacts)}, now)
			for _, m := range d.Messages {
				if after, ok := c.told[m.Contact.ID]; !ok || m.NextAt.Sub(now) != after {
					t.Errorf("%s is told after %s", m.Contact.ID, m.NextAt.Sub(now))
				}
			}
			if len(d.Messages) != len(c.told) || d.Incident.WakeAt.Sub(now) != c.wake {
				t.Errorf("%d are told, and the next step comes after %s", len(d.Messages), d.Incident.WakeAt.Sub(now))
			}
			said := ""
			for _, e := range d.Entries {
				said += e.Reason + "\n"
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("the ledger says:\n%s", said)
			}
		})
	}
	// A message that waited for the morning is not given up at its first
	// failure for being old.
	m := Message{ID: "m", CreatedAt: now, NotBefore: now.Add(4 * time.Hour), State: Sending, Tries: 1, Contact: contact("mail", 0, night)}
	if x := Settle(m, Outcome{State: Due, Reason: "down"}, now.Add(4*time.Hour+time.Second)); x.Message.State != Due {
		t.Errorf("it is %s: %s", x.Message.State, x.Message.Reason)
	}
}

// In a storm, what is urgent is told soon even where others wait for the
// morning.
func TestADigestDoesNotWaitForTheMorning(t *testing.T) {
	now := time.Date(2027, 3, 1, 2, 0, 0, 0, time.UTC)
	c := Contact{ID: "mail", Tenant: "t", Person: "ana", Name: "mail", Channel: Email, Address: "a@example.org", Verified: now, Quiet: &Quiet{From: "22:00", To: "07:00", Zone: "Europe/Berlin"}}
	p := Policy{ID: "p", Rounds: 1, Steps: []Step{{Wait: 5 * time.Minute, Notify: []Recipient{{Kind: ToPerson, ID: "ana"}}}}}
	storm := Storm{Limit: 1, Recent: map[string]int{"person ana": 5}, Digests: map[string]Message{}}
	for n, u := range []Urgency{Low, High} {
		i := Incident{ID: fmt.Sprint("i", n), Number: int64(n), Tenant: "t", Urgency: u, State: Triggered, Policy: "p", WakeAt: now, Declared: true}
		d, _ := Decide(Facts{Incident: i, Policy: p, Book: NewBook([]Contact{c}), Storm: storm}, now)
		storm.add(d)
	}
	if m := storm.Digests["mail"]; m.Content.Incidents != 2 || m.NextAt.Sub(now) > time.Minute {
		t.Errorf("%d incidents are told after %s", m.Content.Incidents, m.NextAt.Sub(now))
	}
}
