package reach_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
	. "github.com/evenkeel/evenkeel/respond/reach"
	"github.com/evenkeel/evenkeel/store"
)

// desk is the service on a real store, with people of every role.
type desk struct {
	*Service
	db       *store.Store
	respond  *respond.Service
	now      time.Time
	people   map[string]access.Actor
	gone     map[string]bool // locked out
	contacts int
}

var t0 = time.Date(2027, 3, 1, 10, 0, 0, 0, time.UTC)

func open(t *testing.T) *desk {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return onto(t, db)
}

func onto(t *testing.T, db *store.Store) *desk {
	t.Helper()
	d := &desk{db: db, now: t0, gone: map[string]bool{}, people: map[string]access.Actor{}}
	for name, role := range map[string]access.Role{"ana": access.Responder, "vic": access.Viewer, "ola": access.Operator, "root": access.Admin} {
		d.people[name] = access.Actor{Kind: access.Person, ID: name, Name: name, Grants: []access.Grant{{Tenant: Home, Environment: access.Any, Role: role}}}
	}
	d.people["nobody"] = access.Actor{Kind: access.Person, ID: "nobody", Name: "nobody"}
	d.respond = respond.NewService(db, respond.Options{Now: func() time.Time { return d.now }}, slog.New(slog.DiscardHandler))
	var err error
	d.Service, err = New(t.Context(), db, Options{
		Channels: []respond.Channel{respond.Email, respond.SMS, respond.Webhook},
		Address:  notify.CheckAddress,
		People: func(context.Context, string) (map[string]string, error) {
			out := map[string]string{}
			for id := range d.people {
				if id != "nobody" && !d.gone[id] {
					out[id] = strings.ToUpper(id[:1]) + id[1:]
				}
			}
			return out, nil
		},
		Person: func(_ context.Context, id string) (access.Actor, error) {
			if a, ok := d.people[id]; ok && !d.gone[id] {
				return a, nil
			}
			return access.Actor{}, access.ErrSession
		},
		Schedules: func(context.Context, string) (map[string]string, error) {
			return map[string]string{"nights": "Nights"}, nil
		},
		URL: "https://ops.example.org", Acknowledge: d.respond.Acknowledge,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) add(t *testing.T, who string, f Fields) Entry {
	t.Helper()
	d.contacts++
	if f.Address == "" {
		f.Address = fmt.Sprintf("%s%d@example.org", who, d.contacts)
	}
	e, err := d.Add(t.Context(), d.people[who], Home, who, respond.Email, f, d.now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// codeOf asks for a code and reads it out of the message as it would be sent.
func (d *desk) codeOf(t *testing.T, who string, e Entry) string {
	t.Helper()
	if _, err := d.SendCode(t.Context(), d.people[who], Home, e.ID, d.now); err != nil {
		t.Fatal(err)
	}
	m := d.newest(t, who, e.ID)
	code, _, _ := strings.Cut(d.CodeText(m), " ")
	if len(code) != 6 || strings.Trim(code, "0123456789") != "" || m.Content.Text != "" {
		t.Fatalf("the code is %q, and the stored message says %q", code, m.Content.Text)
	}
	return code
}

func (d *desk) newest(t *testing.T, who, id string) respond.Message {
	t.Helper()
	e, err := d.Contact(t.Context(), d.people[who], Home, id)
	if err != nil || len(e.Receipts) == 0 {
		t.Fatalf("no receipts: %+v, %v", e, err)
	}
	return e.Receipts[0]
}

// proved adds a contact that is in use.
func (d *desk) proved(t *testing.T, who string, f Fields) Entry {
	t.Helper()
	e := d.add(t, who, f)
	e, err := d.Verify(t.Context(), d.people[who], Home, e.ID, d.codeOf(t, who, e), d.now)
	if err != nil || e.Standing != InUse {
		t.Fatalf("%+v, %v", e, err)
	}
	return e
}

// sent plays the channel: every message that is due goes out.
func (d *desk) sent(t *testing.T, outcome respond.Outcome) []respond.Message {
	t.Helper()
	list, err := d.db.ClaimMessages(t.Context(), respond.Claim{Now: d.now, Ahead: d.now.Add(time.Minute), Until: d.now.Add(time.Minute), Stale: d.now.Add(time.Hour), Limit: 100, PerLane: 100})
	if err != nil {
		t.Fatal(err)
	}
	var settled []respond.Settled
	for n, m := range list {
		x := respond.Settle(m, outcome, d.now)
		x.Entry.ID = fmt.Sprintf("%s-%d-%d", m.ID, m.Tries, n)
		settled = append(settled, x)
	}
	if err := d.db.SettleMessages(t.Context(), settled); err != nil {
		t.Fatal(err)
	}
	return list
}

func refused(t *testing.T, what string, err, kind error, says string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%s: %v; want %v with %q", what, err, kind, says)
	}
}

func TestAContactIsProvedByACode(t *testing.T) {
	d := open(t)
	ctx, ana := t.Context(), d.people["ana"]
	e := d.add(t, "ana", Fields{})
	if e.Standing != Unverified || e.Name != "email" {
		t.Errorf("a new contact: %+v", e)
	}
	_, err := d.Verify(ctx, ana, Home, e.ID, "123456", d.now)
	refused(t, "a code that was never sent", err, respond.ErrInvalid, "ask for one first")
	_, err = d.Test(ctx, ana, Home, e.ID, d.now)
	refused(t, "a test to what is not proved", err, respond.ErrState, "not in use")

	code := d.codeOf(t, "ana", e)
	_, err = d.SendCode(ctx, ana, Home, e.ID, d.now.Add(time.Second))
	refused(t, "a second code at once", err, respond.ErrState, "wait a minute")
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	for range CodeTries {
		_, err = d.Verify(ctx, ana, Home, e.ID, wrong, d.now)
		refused(t, "a wrong code", err, respond.ErrInvalid, "not the code")
	}
	_, err = d.Verify(ctx, ana, Home, e.ID, code, d.now)
	refused(t, "the right one after too many wrong ones", err, respond.ErrInvalid, "too often")

	d.now = d.now.Add(time.Minute)
	again := d.codeOf(t, "ana", e)
	_, err = d.Verify(ctx, ana, Home, e.ID, again, d.now.Add(CodeLife))
	refused(t, "too late", err, respond.ErrInvalid, "too old")
	if code != again {
		_, err = d.Verify(ctx, ana, Home, e.ID, code, d.now)
		refused(t, "the code before", err, respond.ErrInvalid, "not the code")
	}
	// The same key after a restart.
	d2 := onto(t, d.db)
	e, err = d2.Verify(ctx, ana, Home, e.ID, " "+again[:3]+"-"+again[3:]+" ", d.now)
	if err != nil || e.Standing != InUse {
		t.Fatalf("%+v, %v", e, err)
	}
	_, err = d.Verify(ctx, ana, Home, e.ID, again, d.now)
	refused(t, "the code once more", err, respond.ErrInvalid, "ask for one first")

	// Another address is another proof; so is one that is gone.
	d.now = d.now.Add(time.Minute)
	e, err = d.Edit(ctx, ana, Home, e.ID, Fields{Address: "new@example.org", After: 5 * time.Minute}, d.now)
	if err != nil || e.Standing != Unverified || e.After != 5*time.Minute {
		t.Errorf("%+v, %v", e, err)
	}
	code = d.codeOf(t, "ana", e)
	if _, err := d.Edit(ctx, ana, Home, e.ID, Fields{Address: "newer@example.org"}, d.now); err != nil {
		t.Fatal(err)
	}
	_, err = d.Verify(ctx, ana, Home, e.ID, code, d.now)
	refused(t, "a code for the address before", err, respond.ErrInvalid, "address has changed")

	// By turns; the day's bound holds over all contacts.
	for n := range 100 {
		d.now = d.now.Add(CodeAgain)
		if _, err = d.SendCode(ctx, ana, Home, e.ID, d.now); err != nil {
			if n < 10 {
				t.Errorf("after %d codes: %v", n, err)
			}
			break
		}
	}
	refused(t, "codes without end", err, respond.ErrState, "are the most")
}

func TestWhatItsProviderCallsGoneIsProvedAnew(t *testing.T) {
	d := open(t)
	ctx, ana := t.Context(), d.people["ana"]
	e := d.proved(t, "ana", Fields{})
	d.now = d.now.Add(time.Hour)
	if _, err := d.Test(ctx, ana, Home, e.ID, d.now); err != nil {
		t.Fatal(err)
	}
	d.sent(t, respond.Outcome{State: respond.Failed, Disable: true, Reason: "The webhook says that this address is gone for good (410)."})
	e, err := d.Contact(ctx, ana, Home, e.ID)
	if err != nil || e.Standing != Gone || e.Remedy == "" || !strings.Contains(e.Disabled, "410") || e.Receipts[0].State != respond.Failed {
		t.Errorf("%+v, %v", e, err)
	}
	_, err = d.Switch(ctx, ana, Home, e.ID, true, d.now)
	refused(t, "switching it on", err, respond.ErrState, "proved anew")
	d.now = d.now.Add(time.Hour)
	if e, err = d.Verify(ctx, ana, Home, e.ID, d.codeOf(t, "ana", e), d.now); err != nil || e.Standing != InUse {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err = d.Switch(ctx, ana, Home, e.ID, false, d.now); err != nil || e.Standing != SwitchedOff {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err = d.Switch(ctx, ana, Home, e.ID, true, d.now); err != nil || e.Standing != InUse {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestContactsAreTheirPersonsOwn(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	own := d.proved(t, "ana", Fields{})
	other := d.add(t, "vic", Fields{})
	room, err := d.Add(ctx, d.people["ola"], Home, "", respond.Webhook, Fields{Name: "ops", Address: "https://example.org/hook"}, d.now)
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string][]string{"ana": {own.ID}, "vic": {other.ID}, "ola": {room.ID}, "root": {own.ID, other.ID, room.ID}, "nobody": nil} {
		list, err := d.Contacts(ctx, d.people[who], Home)
		var got []string
		for _, e := range list {
			got = append(got, e.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || (err != nil) != (who == "nobody") {
			t.Errorf("%s sees %v, %v; want %v", who, got, err, want)
		}
		for _, id := range []string{own.ID, other.ID, room.ID} {
			mine := strings.Contains(strings.Join(want, " "), id)
			if _, err := d.Contact(ctx, d.people[who], Home, id); (err == nil) != mine {
				t.Errorf("%s asks for %s: %v", who, id, err)
			}
			if !mine {
				refused(t, who+" deletes another's", d.Delete(ctx, d.people[who], Home, id, d.now), respond.ErrNotFound, "")
			}
		}
	}
	_, err = d.Add(ctx, d.people["ana"], Home, "vic", respond.Email, Fields{Address: "x@example.org"}, d.now)
	refused(t, "one for somebody else", err, access.ErrForbidden, "")
	_, err = d.Add(ctx, d.people["ana"], Home, "", respond.Webhook, Fields{Address: "https://example.org/x"}, d.now)
	refused(t, "a room", err, access.ErrForbidden, "")
	_, err = d.Add(ctx, d.people["ana"], Home, "ana", respond.Webhook, Fields{Address: "https://example.org/x", Secret: "hook"}, d.now)
	refused(t, "a secret", err, access.ErrForbidden, "operator")
	_, err = d.Add(ctx, d.people["ana"], Home, "ana", respond.Telegram, Fields{Address: "1"}, d.now)
	refused(t, "a channel that is not set up", err, respond.ErrInvalid, "not set up")
	_, err = d.Add(ctx, d.people["ana"], Home, "ana", respond.SMS, Fields{Address: "030 1234"}, d.now)
	refused(t, "a number without a country", err, respond.ErrInvalid, "+49")
	_, err = d.Add(ctx, d.people["ana"], Home, "ana", respond.Email, Fields{Address: own.Address}, d.now)
	refused(t, "the same once more", err, respond.ErrInvalid, "already")
	_, err = d.Add(ctx, d.people["ana"], Home, "ana", respond.Email, Fields{Address: "q@example.org", Quiet: &respond.Quiet{From: "22:00", To: "22:00", Zone: "UTC"}}, d.now)
	refused(t, "quiet for ever", err, respond.ErrInvalid, "less than 23 hours")
	_, err = d.Vouch(ctx, d.people["root"], Home, own.ID, d.now)
	refused(t, "vouching for a person's", err, respond.ErrState, "by a code")
	if e, err := d.Vouch(ctx, d.people["ola"], Home, room.ID, d.now); err != nil || e.Standing != InUse {
		t.Errorf("vouching for a room: %+v, %v", e, err)
	}
	token := d.people["root"]
	token.Kind, token.ID, token.Scopes = access.Program, "tok", []access.Permission{access.Read}
	if list, err := d.Contacts(ctx, token, Home); err != nil || len(list) != 0 {
		t.Errorf("a token for reading sees %d contacts, %v", len(list), err)
	}
	page, err := d.db.Audit(ctx, access.AuditFilter{Tenant: Home, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("%+v", page.Entries)
	for _, want := range []string{"contact.add", "contact.code", "contact.verify", "contact.vouch"} {
		if !strings.Contains(said, want) {
			t.Errorf("the audit log lacks %s", want)
		}
	}
	if strings.Contains(said, "@example.org") {
		t.Errorf("the audit log shows an address: %s", said)
	}
}

// paged declares an incident that pages ana, and returns the message as it is
// sent.
func (d *desk) paged(t *testing.T, title string) (respond.Incident, respond.Message) {
	t.Helper()
	i, err := d.respond.Summon(t.Context(), d.people["ola"], respond.Declaration{Tenant: Home, Title: title, Severity: finding.Critical, Policy: "default"},
		respond.By{ID: "ana", Name: "Ana"}, d.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range d.sent(t, respond.Outcome{State: respond.Sent}) {
		if m.Incident == i.ID {
			return i, m
		}
	}
	t.Fatal("nobody was told")
	return i, respond.Message{}
}

func (d *desk) token(t *testing.T, m respond.Message) string {
	t.Helper()
	link := d.LinkFor(m)
	_, token, ok := strings.Cut(link, "#")
	if !ok || !strings.HasPrefix(link, "https://ops.example.org/ack#") {
		t.Fatalf("the link is %q", link)
	}
	return token
}

func (d *desk) click(t *testing.T, token string) Answer {
	t.Helper()
	a, err := d.Answer(t.Context(), token, d.now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (d *desk) state(t *testing.T, i respond.Incident) respond.Incident {
	t.Helper()
	i, err := d.db.Incident(t.Context(), Home, i.ID)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestALinkTakesOneIncidentUpForOnePerson(t *testing.T) {
	d := open(t)
	k := d.proved(t, "ana", Fields{})
	i, m := d.paged(t, "Nobody can pay")
	other, _ := d.paged(t, "Search is slow")
	good := d.token(t, m)

	parts := strings.Split(good, ".")
	forged := map[string]string{
		"empty": "", "rubbish": "x", "points": "...", "no signature": parts[0] + "." + parts[1] + ".", "long": strings.Repeat("a", 1<<16),
		"another message": parts[0] + "x." + parts[1] + "." + parts[2], "a later end": parts[0] + ".zzzzzz." + parts[2],
		"another tenant": good + ".dA", "the same tenant twice": good + ".ZGVmYXVsdA", "cut": good[:len(good)-1], "upper": strings.ToUpper(good),
	}
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 300 {
		b := []byte(good)
		at := r.IntN(len(b))
		b[at] ^= byte(1 << r.IntN(7))
		forged[fmt.Sprint("flipped ", n)] = string(b)
	}
	for name, token := range forged {
		if a := d.click(t, token); a.Done || a.Text != LinkOver {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if s := d.state(t, i).State; s != respond.Triggered {
		t.Fatalf("after forged links it is %s", s)
	}

	// What becomes part of it takes nothing from it.
	part, gone := d.paged(t, "The till is slow")
	if _, err := d.respond.Merge(t.Context(), d.people["ola"], Home, part.ID, i.ID, d.now); err != nil {
		t.Fatal(err)
	}
	if a := d.click(t, d.token(t, gone)); a.Done {
		t.Errorf("the link of what is part of another: %+v", a)
	}
	if a := d.click(t, good); !a.Done || !strings.Contains(a.Text, "You have it") {
		t.Errorf("the link: %+v", a)
	}
	if got := d.state(t, i); got.State != respond.Acknowledged || got.Assignee != "ana" {
		t.Errorf("it is %s with %s", got.State, got.Assignee)
	}
	if s := d.state(t, other).State; s != respond.Triggered {
		t.Errorf("the other incident is %s", s)
	}
	if a := d.click(t, good); !strings.Contains(a.Text, "already") {
		t.Errorf("once more: %+v", a)
	}
	ctx := t.Context()
	must := func(_ respond.Incident, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	d.now = d.now.Add(time.Minute)
	must(d.respond.Resolve(ctx, d.people["ola"], Home, i.ID, "", d.now))
	if a := d.click(t, good); a.Text != LinkOver {
		t.Errorf("when it is over: %+v", a)
	}
	d.now = d.now.Add(time.Minute)
	must(d.respond.Reopen(ctx, d.people["ola"], Home, i.ID, "it is back", d.now))
	if a := d.click(t, good); a.Text != LinkOver || d.state(t, i).State != respond.Triggered {
		t.Errorf("when it began anew: %+v", a)
	}

	// Time, rights, and whose the contact is.
	i, m = d.paged(t, "Mail is late")
	good = d.token(t, m)
	late := d.now
	d.now = m.CreatedAt.Add(PageLink)
	if a := d.click(t, good); a.Text != LinkOver {
		t.Errorf("a day later: %+v", a)
	}
	d.now = late
	was := d.people["ana"]
	weak := was
	weak.Grants = []access.Grant{{Tenant: Home, Environment: access.Any, Role: access.Viewer}}
	d.people["ana"] = weak
	if a := d.click(t, good); a.Done || !strings.Contains(a.Text, "may not") {
		t.Errorf("as a viewer: %+v", a)
	}
	d.people["ana"] = was
	d.gone["ana"] = true
	if a := d.click(t, good); a.Text != LinkOver {
		t.Errorf("locked out: %+v", a)
	}
	d.gone["ana"] = false
	d.now = d.now.Add(time.Hour)
	if _, err := d.Edit(ctx, was, Home, k.ID, Fields{Address: "else@example.org"}, d.now); err != nil {
		t.Fatal(err)
	}
	if a := d.click(t, good); a.Text != LinkOver {
		t.Errorf("another address: %+v", a)
	}
	d.now = d.now.Add(time.Hour)
	moved, err := d.Contact(ctx, was, Home, k.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Verify(ctx, was, Home, k.ID, d.codeOf(t, "ana", moved), d.now); err != nil {
		t.Fatal(err)
	}
	if a := d.click(t, good); a.Text != LinkOver {
		t.Errorf("another address that is proved: %+v", a)
	}
	if s := d.state(t, i).State; s != respond.Triggered {
		t.Errorf("it is %s", s)
	}
	room := m
	room.Contact.Person = ""
	many := m
	many.Incident = ""
	if d.LinkFor(room) != "" || d.LinkFor(many) != "" {
		t.Error("a link that belongs to nobody, or to many incidents")
	}
	// Nothing of a link is in what is stored.
	entries, err := d.db.Ledger(ctx, respond.LedgerFilter{Tenant: Home, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := d.db.Message(ctx, Home, m.ID)
	if err != nil || strings.Contains(fmt.Sprintf("%+v %+v", entries, stored), strings.Split(good, ".")[2]) {
		t.Errorf("the signature is stored, %v", err)
	}
}
