package console

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// reachable gives robin contacts in every state, and lets one of kim's
// questions go unanswered.
func (d *demo) reachable(t testing.TB) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	contact := func(id, name string, c respond.Channel, address string) respond.Contact {
		return respond.Contact{ID: id, Tenant: access.DefaultTenant, Person: d.actor.ID, Name: name, Channel: c, Address: address}
	}
	mail := contact("robin-mail", "mail", respond.Email, "robin@example.org")
	mail.Verified, mail.Reached = d.now.Add(-40*24*time.Hour), d.now.Add(-3*24*time.Hour)
	mail.Quiet = &respond.Quiet{From: "22:00", To: "07:00", Zone: "Europe/Berlin", Silent: true}
	call := contact("robin-call", "call", respond.Voice, "+4915187654321")
	call.Verified, call.After, call.Urgency = mail.Verified, 5*time.Minute, []respond.Urgency{respond.High}
	old := contact("robin-hook", "old pager", respond.Webhook, "https://pager.example.org/robin")
	old.Verified, old.Gone, old.Disabled = mail.Verified, true, "The webhook says that this address is gone for good (410)."
	phone := contact("robin-sms", "phone", respond.SMS, "+4915187654321")
	for _, k := range []respond.Contact{mail, call, old, phone} {
		must(d.state.PutContact(t.Context(), k))
	}
	_, err := d.reach.SendCode(t.Context(), d.actor, access.DefaultTenant, phone.ID, d.now)
	must(err)
	must(d.state.ApplyReach(t.Context(), reach.Change{Tenant: access.DefaultTenant, Checks: []reach.Check{{Tenant: access.DefaultTenant, Person: person(t, d, "kim").ID,
		Contact: "kim-phone", Name: "kim's phone", AskedAt: d.now.Add(-26 * time.Hour), MissedAt: d.now.Add(-2 * time.Hour), Why: "They did not say within a day that it has reached them.", NextAt: d.now.Add(24 * time.Hour)}}}))
	must(d.state.PutPolicy(t.Context(), respond.Policy{ID: "night", Tenant: access.DefaultTenant, Name: "Night shift", Rounds: 1, Configured: true, Steps: []respond.Step{
		{Notify: []respond.Recipient{{Kind: respond.ToSchedule, ID: "nights"}}, Wait: 15 * time.Minute}}, LastResort: []respond.Recipient{{Kind: respond.ToChannel, ID: "ops"}}}))
}

// code is what the newest message to a contact would carry.
func (d *demo) code(t testing.TB, id string) string {
	t.Helper()
	e, err := d.reach.Contact(t.Context(), d.actor, access.DefaultTenant, id)
	if err != nil || len(e.Receipts) == 0 {
		t.Fatalf("no code was sent to %s: %v", id, err)
	}
	code, _, _ := strings.Cut(d.reach.CodeText(e.Receipts[0]), " ")
	return code
}

func TestAPersonManagesTheirContacts(t *testing.T) {
	d := livedDemo(t)
	_, doc, _ := visit(t, d, "/contacts")
	mustRead(t, doc, "How Evenkeel reaches you", "mail E-mail robin@example.org in use at once quiet 22:00 to 07:00 (Europe/Berlin), then the next contact is used confirmed 3 days ago",
		"5 min after the first only what is urgent", "old pager", "nothing arrives there", "gone for good (410)", "Correct the address",
		"phone", "not verified yet", "Code, just now: to be sent", "That is the code", "Nobody knows whether pages reach kim by kim's phone", "Everybody", "has not said that messages arrive", "#ops")

	_, doc, _ = visit(t, d, "/oncall")
	mustRead(t, doc, "Nobody knows whether pages reach kim by kim's phone")
	wrong := "000000"
	if d.code(t, "robin-sms") == wrong {
		wrong = "000001"
	}
	w := send(t, d, "/contacts/robin-sms/verify", url.Values{"code": {wrong}})
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "This is not the code that was sent") {
		t.Errorf("a wrong code gives %d: %s", w.Code, w.Body)
	}
	w = send(t, d, "/contacts/robin-sms/verify", url.Values{"code": {d.code(t, "robin-sms")}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/contacts#contact-robin-sms" {
		t.Fatalf("the code gives %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	d.now = d.now.Add(2 * time.Minute)
	for _, step := range []struct {
		path string
		form url.Values
		code int
		says string
	}{
		{"/contacts/robin-sms/test", nil, 303, "Test, just now: to be sent"},
		{"/contacts/robin-sms/test", nil, 422, "wait a minute"},
		{"/contacts/robin-sms/off", nil, 303, "Switched off by robin"},
		{"/contacts/robin-sms/on", nil, 303, "Test, just now"},
		{"/contacts/robin-sms/confirm", nil, 422, "ask for one first"},
		{"/contacts/robin-sms/change", url.Values{"address": {"+49 151 999"}, "name": {"new phone"}, "after": {"soon"}}, 422, "Say after how many minutes"},
		{"/contacts/robin-sms/change", url.Values{"address": {"+49 151 99999999"}, "name": {"new phone"}, "after": {"10"}, "urgency": {"high"}, "from": {"23:00"}, "to": {"06:00"}, "zone": {"Atlantis"}}, 422, "no time zone"},
		{"/contacts/robin-sms/change", url.Values{"address": {"+49 151 99999999"}, "name": {"new phone"}, "after": {"10"}, "urgency": {"high"}, "from": {"23:00"}, "to": {"06:00"}, "zone": {"UTC"}}, 303, "new phone Text message +4915199999999 not verified yet 10 min after the first only what is urgent quiet 23:00 to 06:00 (UTC), but for what is urgent"},
		{"/contacts", url.Values{"person": {d.actor.ID}, "channel": {"email"}, "address": {"not one"}, "name": {"second"}}, 422, "no e-mail address"},
		{"/contacts", url.Values{"person": {d.actor.ID}, "channel": {"email"}, "address": {"second@example.org"}}, 303, "second@example.org"},
		{"/contacts", url.Values{"person": {d.actor.ID}, "shared": {"yes"}, "channel": {"slack"}, "address": {"C0AAAAAAA"}, "name": {"#web"}}, 303, "#web"},
		{"/contacts/ops/delete", nil, 422, "take it out there first"},
		{"/contacts/robin-hook/delete", nil, 303, "mail"},
		{"/contacts/nothing/test", nil, 404, ""},
		{"/contacts/robin-sms/eat", nil, 404, ""},
	} {
		w := send(t, d, step.path, step.form)
		if w.Code != step.code {
			t.Errorf("%s %v gives %d: %s", step.path, step.form, w.Code, w.Body)
			continue
		}
		_, doc, _ := parsed(t, w)
		if step.code == http.StatusSeeOther {
			path, _, _ := strings.Cut(w.Header().Get("Location"), "#")
			_, doc, _ = visit(t, d, path)
		}
		mustRead(t, doc, step.says)
	}
	if _, doc, _ := visit(t, d, "/contacts"); strings.Contains(text(doc), "old pager") {
		t.Error("a deleted contact is still shown")
	}

	// An admin sees kim's; kim sees only their own.
	kim := person(t, d, "kim")
	_, doc, _ = visit(t, d, "/contacts?person="+kim.ID)
	mustRead(t, doc, "How Evenkeel reaches kim", "kim's phone")
	if code, _, _ := visit(t, d, "/contacts?person=nobody"); code != http.StatusBadRequest {
		t.Errorf("a person who is none gives %d", code)
	}
	robin := d.actor
	d.actor = access.Actor{Kind: access.Person, ID: kim.ID, Name: "kim", Grants: kim.Grants}
	_, doc, _ = visit(t, d, "/contacts")
	mustRead(t, doc, "kim's phone")
	if all := text(doc); strings.Contains(all, "robin@example.org") || strings.Contains(all, "Everybody") || strings.Contains(all, "C024BE91L") {
		t.Errorf("kim sees what is not theirs: %s", all)
	}
	if code, _, _ := visit(t, d, "/contacts?person="+robin.ID); code != http.StatusForbidden {
		t.Errorf("kim sees robin's contacts: %d", code)
	}
	if w := send(t, d, "/contacts/robin-mail/delete", nil); w.Code != http.StatusNotFound {
		t.Errorf("kim deletes robin's contact: %d", w.Code)
	}
}

func TestPoliciesAreMadeInAFormWithoutJavaScript(t *testing.T) {
	d := livedDemo(t)
	kim := person(t, d, "kim").ID
	_, doc, _ := visit(t, d, "/policies")
	mustRead(t, doc, "kim and #ops have 5 minutes to take it up", "robin has 10 minutes to take it up", "All of it twice. After that the last step is told every hour.",
		"Used by what no route leads elsewhere", "Night shift", "There is no schedule nights.", "Step 1 reaches nobody", "from the configuration file")

	form := url.Values{"name": {"Web team"}, "id": {""}, "rounds": {"2"}, "wait-0": {"5"}, "to-0": {"person:" + kim}, "do": {"add"}}
	w := send(t, d, "/policies", form)
	_, doc, raw := parsed(t, w)
	mustRead(t, doc, "Step 2")
	if w.Code != http.StatusOK || !ticked(doc, "to-0", "person:"+kim) || strings.Contains(raw, "Step 3") {
		t.Errorf("adding a step gives %d and loses what was typed", w.Code)
	}
	form["wait-1"], form["do"] = []string{"x"}, []string{"save"}
	for _, wrong := range []struct{ field, value, says string }{
		{"wait-1", "x", "Step 2: say in minutes"}, {"wait-1", "5", "Step 2 tells nobody"}, {"rounds", "many", "how often"},
		{"to-1", "person:zoe", `no person "zoe"`}, {"rounds", "99", "Rounds: 99 must be"}, {"id", "default", "a policy default already"}, {"id", "a b", "The id"},
	} {
		bad := url.Values{}
		for k, v := range form {
			bad[k] = v
		}
		if wrong.field != "wait-1" {
			bad["wait-1"], bad["to-1"] = []string{"5"}, []string{"channel:ops"}
		}
		bad.Set(wrong.field, wrong.value)
		w := send(t, d, "/policies", bad)
		_, doc, _ := parsed(t, w)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s %q gives %d", wrong.field, wrong.value, w.Code)
		}
		mustRead(t, doc, wrong.says)
	}
	form["wait-1"], form["to-1"], form["last"] = []string{"15"}, []string{"channel:ops", "person:" + d.actor.ID}, []string{"channel:ops"}
	if w = send(t, d, "/policies", form); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/policies#policy-web-team" {
		t.Fatalf("saving gives %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	_, doc, _ = visit(t, d, "/policies")
	mustRead(t, doc, "Web team web-team kim has 5 minutes to take it up #ops and robin have 15 minutes to take it up All of it twice. After that #ops is told every hour. Used nowhere")
	_, doc, _ = visit(t, d, "/policies/web-team")
	if !ticked(doc, "to-1", "channel:ops") || !ticked(doc, "last", "channel:ops") || ticked(doc, "to-1", "person:"+kim) {
		t.Error("the form does not show what is stored")
	}
	form["do"] = []string{"remove-0"}
	_, doc, _ = parsed(t, send(t, d, "/policies/web-team", form))
	if !ticked(doc, "to-0", "channel:ops") || strings.Contains(text(doc), "Step 2") {
		t.Error("taking a step out takes another")
	}
	if w := send(t, d, "/policies/default/delete", nil); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "what no route leads elsewhere") {
		t.Errorf("deleting what is used gives %d", w.Code)
	}
	if code, doc, _ := visit(t, d, "/policies/night"); code != http.StatusConflict || !strings.Contains(text(doc), "Change it there") {
		t.Errorf("changing what the file has gives %d", code)
	}
	if w := send(t, d, "/policies/web-team/delete", nil); w.Code != http.StatusSeeOther {
		t.Errorf("deleting gives %d: %s", w.Code, w.Body)
	}
	d.actor.Grants = []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Responder}}
	if _, doc, _ = visit(t, d, "/policies"); strings.Contains(text(doc), "Make another one") {
		t.Error("a responder is offered to make a policy")
	}
	for _, path := range []string{"/policies/new", "/policies/default"} {
		if code, _, _ := visit(t, d, path); code != http.StatusForbidden {
			t.Errorf("%s gives a responder %d", path, code)
		}
	}
	if w := send(t, d, "/policies", form); w.Code != http.StatusForbidden {
		t.Errorf("a responder's policy gives %d", w.Code)
	}
}

// ticked tells whether a box is ticked.
func ticked(doc *html.Node, name, value string) bool {
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "input" {
			continue
		}
		a, _ := attr(n, "name")
		v, _ := attr(n, "value")
		if _, on := attr(n, "checked"); a == name && v == value {
			return on
		}
	}
	return false
}

// The link of a message works for nobody who is logged in; looking at it does
// nothing.
func TestTheLinkOfAMessageAsksBeforeItActs(t *testing.T) {
	d := livedDemo(t)
	i, err := d.respond.Summon(t.Context(), d.actor, respond.Declaration{Tenant: access.DefaultTenant, Title: "Nobody can log in", Severity: 3, Policy: "default"}, respond.By{ID: d.actor.ID, Name: "robin"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	story, err := d.respond.Get(context.Background(), d.actor, access.DefaultTenant, i.ID)
	if err != nil || len(story.Messages) == 0 {
		t.Fatalf("%+v, %v", story, err)
	}
	path, token, _ := strings.Cut(strings.TrimPrefix(d.reach.LinkFor(story.Messages[0]), "https://ops.example.org"), "#")
	answers := d.Answers()
	for range 3 {
		if code, doc, _ := visit(t, answers, path); code != http.StatusOK || !strings.Contains(text(doc), "I take it") {
			t.Errorf("%s gives %d: %s", path, code, text(doc))
		}
	}
	if s := d.incident(t, "Nobody can log in").State; s != respond.Triggered {
		t.Fatalf("after looking it is %s", s)
	}
	for _, c := range []struct {
		secret string
		code   int
		says   string
		state  respond.State
	}{
		{"", 409, "not good any more", respond.Triggered}, {token + "x", 409, "not good any more", respond.Triggered}, {strings.Repeat("x", 1<<20), 409, "not good any more", respond.Triggered},
		{token, 200, "You have it", respond.Acknowledged}, {token, 200, "taken it up already", respond.Acknowledged},
	} {
		w := send(t, answers, path, url.Values{"secret": {c.secret}})
		_, doc, _ := parsed(t, w)
		if got := d.incident(t, "Nobody can log in").State; w.Code != c.code || got != c.state {
			t.Errorf("%.80q gives %d, and it is %s", c.secret, w.Code, got)
		}
		mustRead(t, doc, c.says)
	}
	w := httptest.NewRecorder()
	answers.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, path, nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE gives %d", w.Code)
	}
	if strings.Contains(fmt.Sprint(story), token) {
		t.Error("the link is in the story")
	}
}
