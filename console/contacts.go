package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// Reach is what the pages ask of contacts and policies; *reach.Service is one.
type Reach interface {
	Channels() []respond.Channel
	Contacts(ctx context.Context, actor access.Actor, tenant string) ([]reach.Entry, error)
	Contact(ctx context.Context, actor access.Actor, tenant, id string) (reach.Entry, error)
	Add(ctx context.Context, actor access.Actor, tenant, person string, channel respond.Channel, f reach.Fields, now time.Time) (reach.Entry, error)
	Edit(ctx context.Context, actor access.Actor, tenant, id string, f reach.Fields, now time.Time) (reach.Entry, error)
	Switch(ctx context.Context, actor access.Actor, tenant, id string, on bool, now time.Time) (reach.Entry, error)
	Vouch(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (reach.Entry, error)
	Delete(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) error
	SendCode(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (reach.Entry, error)
	Verify(ctx context.Context, actor access.Actor, tenant, id, typed string, now time.Time) (reach.Entry, error)
	Test(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (reach.Entry, error)
	Confirm(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (reach.Entry, error)
	Notices(ctx context.Context, actor access.Actor, tenant string) ([]reach.Notice, error)
	Answer(ctx context.Context, token string, now time.Time) (reach.Answer, error)

	Known(ctx context.Context, actor access.Actor, tenant string) (reach.Known, error)
	Policies(ctx context.Context, actor access.Actor, tenant string) ([]reach.Rule, error)
	Policy(ctx context.Context, actor access.Actor, tenant, id string) (reach.Rule, error)
	SavePolicy(ctx context.Context, actor access.Actor, p respond.Policy, now time.Time) (reach.Rule, error)
	DeletePolicy(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) error
}

// contactsPage shows how a person is reached: the reader, or as an admin
// somebody else.
type contactsPage struct {
	Actor    access.Actor
	Person   string // whose contacts are shown
	Name     string
	Own      bool
	List     []reach.Entry // theirs
	Shared   []reach.Entry // of nobody
	Others   []otherPerson
	Notices  []reach.Notice
	Channels []respond.Channel
	Operate  bool // the actor looks after the channels that belong to nobody
	Problem  string
	At       string        // id of the contact that the problem is about; empty: the new one
	Wrote    contactFields // what was typed there
	Asked    time.Time
}

// otherPerson is one line of everybody's contacts.
type otherPerson struct {
	ID, Name  string
	InUse     int
	Of        int
	Unreached bool
}

// contactFields is a form as it was typed.
type contactFields struct {
	Channel, Name, Address, Secret, After, Urgency, From, To, Zone string
	Silent, Shared                                                 bool
}

func fieldsOf(e reach.Entry) contactFields {
	f := contactFields{Channel: string(e.Channel), Name: e.Name, Address: e.Address, Secret: e.Secret, After: strconv.Itoa(int(e.After / time.Minute))}
	if len(e.Urgency) == 1 {
		f.Urgency = string(e.Urgency[0])
	}
	if q := e.Quiet; q != nil {
		f.From, f.To, f.Zone, f.Silent = q.From, q.To, q.Zone, q.Silent
	}
	return f
}

// urgencies are what a contact can be used for.
var urgencies = []choice{{"", "of everything"}, {"high", "of what is urgent only"}, {"low", "of what can wait only"}}

// readContact reads the form.
func readContact(r *http.Request) (f contactFields, out reach.Fields, err error) {
	get := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	f = contactFields{Channel: get("channel"), Name: get("name"), Address: get("address"), Secret: get("secret"), After: get("after"), Urgency: get("urgency"),
		From: get("from"), To: get("to"), Zone: get("zone"), Silent: get("silent") != "", Shared: get("shared") != ""}
	out = reach.Fields{Name: f.Name, Address: f.Address, Secret: f.Secret}
	if f.After != "" {
		minutes, err := strconv.Atoi(f.After)
		if err != nil || minutes < 0 || minutes > 24*60 {
			return f, out, badRequest("Say after how many minutes it is used: 0 to 1440.")
		}
		out.After = time.Duration(minutes) * time.Minute
	}
	if f.Urgency != "" {
		out.Urgency = []respond.Urgency{respond.Urgency(f.Urgency)}
	}
	if f.From != "" || f.To != "" {
		out.Quiet = &respond.Quiet{From: f.From, To: f.To, Zone: f.Zone, Silent: f.Silent}
	}
	return f, out, nil
}

func (c *Console) contacts(w http.ResponseWriter, r *http.Request) error {
	return c.showContacts(w, r, http.StatusOK, contactsPage{Person: r.URL.Query().Get("person")})
}

func (c *Console) showContacts(w http.ResponseWriter, r *http.Request, status int, p contactsPage) error {
	ctx, actor := r.Context(), c.actor(r)
	p.Actor, p.Asked, p.Channels = actor, c.opt.Now(), c.Reach.Channels()
	if p.Person == "" && actor.Kind == access.Person {
		p.Person = actor.ID
	}
	p.Own = p.Person == actor.ID
	p.Operate = access.Can(actor, access.Operate, access.Scope{Tenant: c.opt.Tenant}) == nil
	manage := access.Can(actor, access.Manage, access.Scope{Tenant: c.opt.Tenant})
	if !p.Own && p.Person != "" && manage != nil {
		return manage
	}
	all, err := c.Reach.Contacts(ctx, actor, c.opt.Tenant)
	if err != nil {
		return err
	}
	names, err := c.names(r)
	if err != nil {
		return err
	}
	p.Name = names[p.Person]
	if p.Name == "" && p.Own {
		p.Name = actor.Name
	}
	if p.Name == "" && p.Person != "" {
		return badRequest("There is no such person. Choose one from the list.")
	}
	if p.Notices, err = c.Reach.Notices(ctx, actor, c.opt.Tenant); err != nil {
		return err
	}
	for _, e := range all {
		if e.Person != "" && e.Person != p.Person {
			continue
		}
		if e, err = c.Reach.Contact(ctx, actor, c.opt.Tenant, e.ID); err != nil {
			return err
		}
		if e.Person == "" {
			p.Shared = append(p.Shared, e)
		} else {
			p.List = append(p.List, e)
		}
	}
	if manage == nil {
		p.Others = others(all, names, p.Notices)
	}
	return c.render(w, r, status, "Contacts", "/incidents", contactsView(p))
}

// others are all people with their contacts, those who cannot be reached first.
func others(all []reach.Entry, names map[string]string, notices []reach.Notice) []otherPerson {
	var out []otherPerson
	for id, name := range names {
		o := otherPerson{ID: id, Name: name}
		for _, e := range all {
			if e.Person == id {
				o.Of++
				if e.Standing == reach.InUse {
					o.InUse++
				}
			}
		}
		o.Unreached = slices.ContainsFunc(notices, func(n reach.Notice) bool { return n.Person == id })
		out = append(out, o)
	}
	rank := func(o otherPerson) int {
		switch {
		case o.InUse == 0:
			return 0
		case o.Unreached:
			return 1
		}
		return 2
	}
	slices.SortFunc(out, func(a, b otherPerson) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name)) })
	return out
}

func (o otherPerson) mark() string {
	switch {
	case o.InUse == 0:
		return "now"
	case o.Unreached:
		return "soon"
	}
	return "steady"
}

func (o otherPerson) says() string {
	switch {
	case o.Of == 0:
		return "cannot be paged: no contact"
	case o.InUse == 0:
		return "cannot be paged: " + countOf(o.Of, "contact", "contacts") + ", none in use"
	case o.Unreached:
		return "has not said that messages arrive"
	}
	return countOf(o.InUse, "contact", "contacts") + " in use"
}

// addContact adds one of a person, or of nobody.
func (c *Console) addContact(w http.ResponseWriter, r *http.Request) error {
	typed, f, err := readContact(r)
	person := r.PostFormValue("person")
	var e reach.Entry
	if err == nil {
		whose := person
		if typed.Shared {
			whose = ""
		}
		e, err = c.Reach.Add(r.Context(), c.actor(r), c.opt.Tenant, whose, respond.Channel(typed.Channel), f, c.opt.Now())
	}
	return c.contactDone(w, r, err, contactsPage{Person: person, Wrote: typed}, e.ID)
}

// contactVerb does one thing to one contact.
func (c *Console) contactVerb(w http.ResponseWriter, r *http.Request) error {
	ctx, actor, id, tenant, now := r.Context(), c.actor(r), r.PathValue("id"), c.opt.Tenant, c.opt.Now()
	p := contactsPage{Person: r.PostFormValue("person"), At: id}
	var err error
	switch r.PathValue("verb") {
	case "code":
		_, err = c.Reach.SendCode(ctx, actor, tenant, id, now)
	case "verify":
		_, err = c.Reach.Verify(ctx, actor, tenant, id, r.PostFormValue("code"), now)
	case "vouch":
		_, err = c.Reach.Vouch(ctx, actor, tenant, id, now)
	case "test":
		_, err = c.Reach.Test(ctx, actor, tenant, id, now)
	case "confirm":
		_, err = c.Reach.Confirm(ctx, actor, tenant, id, now)
	case "on", "off":
		_, err = c.Reach.Switch(ctx, actor, tenant, id, r.PathValue("verb") == "on", now)
	case "delete":
		err = c.Reach.Delete(ctx, actor, tenant, id, now)
	case "change":
		var f reach.Fields
		if p.Wrote, f, err = readContact(r); err == nil {
			_, err = c.Reach.Edit(ctx, actor, tenant, id, f, now)
		}
	default:
		return errNoPage
	}
	return c.contactDone(w, r, err, p, id)
}

// contactDone leads back to the contact, or says there why it was not done.
func (c *Console) contactDone(w http.ResponseWriter, r *http.Request, err error, p contactsPage, id string) error {
	var bad badRequest
	switch why, refused := refusal(err); {
	case errors.As(err, &bad):
		p.Problem = string(bad)
	case refused:
		p.Problem = why
	case errors.Is(err, access.ErrForbidden) && strings.Contains(err.Error(), "with a secret"):
		p.Problem = "A contact with a secret is for an operator to set up. Leave the secret empty, or ask one."
	case err != nil:
		return err
	default:
		http.Redirect(w, r, contactsURL(p.Person, c.actor(r))+"#contact-"+id, http.StatusSeeOther)
		return nil
	}
	return c.showContacts(w, r, http.StatusUnprocessableEntity, p)
}

// contactsURL is a person's contacts.
func contactsURL(person string, actor access.Actor) string {
	if person == actor.ID {
		person = ""
	}
	return with("/contacts", "person", person)
}

func contactMark(e reach.Entry) string {
	switch e.Standing {
	case reach.InUse:
		return "steady"
	case reach.SwitchedOff:
		return "accepted"
	case reach.Gone:
		return "now"
	}
	return "soon"
}

var standingWords = map[reach.Standing]string{
	reach.InUse: "in use", reach.Unverified: "not verified yet", reach.SwitchedOff: "switched off", reach.Gone: "nothing arrives there",
}

// channelWords are how people call the channels.
var channelWords = map[respond.Channel]string{
	respond.Email: "E-mail", respond.SMS: "Text message", respond.Voice: "Phone call", respond.Slack: "Slack", respond.Webhook: "Webhook", respond.Ntfy: "ntfy",
	respond.Telegram: "Telegram", respond.Teams: "Microsoft Teams", respond.PagerDuty: "PagerDuty", respond.Shoutrrr: "Another service (shoutrrr)",
}

func channelWord(c respond.Channel) string { return cmp.Or(channelWords[c], string(c)) }

// contactFacts say when it is used, in the order in which one would ask.
func contactFacts(e reach.Entry, now time.Time) []string {
	out := []string{"at once"}
	if e.After > 0 {
		out[0] = figure.Span(e.After) + " after the first"
	}
	if len(e.Urgency) == 1 {
		out = append(out, map[respond.Urgency]string{respond.High: "only what is urgent", respond.Low: "only what can wait"}[e.Urgency[0]])
	}
	if q := e.Quiet; q != nil {
		text := fmt.Sprintf("quiet %s to %s (%s)", q.From, q.To, q.Zone)
		if q.Silent {
			text += ", then the next contact is used"
		} else {
			text += ", but for what is urgent"
		}
		out = append(out, text)
	}
	if !e.Reached.IsZero() {
		out = append(out, "confirmed "+ago(e.Reached, now))
	}
	return out
}

// codeSent tells whether a code is on its way or has arrived, and may still be
// typed.
func codeSent(e reach.Entry, now time.Time) bool {
	return slices.ContainsFunc(e.Receipts, func(m respond.Message) bool {
		return m.Kind == respond.VerifyMessage && m.State != respond.Failed && now.Sub(m.CreatedAt) < 15*time.Minute && m.CreatedAt.After(e.Verified)
	})
}

// testOpen tells whether a test went out that the person has not answered.
func testOpen(e reach.Entry) bool {
	return slices.ContainsFunc(e.Receipts, func(m respond.Message) bool {
		return m.Kind == respond.TestMessage && (m.State == respond.Sent || m.State == respond.Delivered) && m.CreatedAt.After(e.Reached)
	})
}

// underway tells whether something is still to be sent.
func underway(e reach.Entry) bool {
	return slices.ContainsFunc(e.Receipts, func(m respond.Message) bool { return m.State == respond.Due || m.State == respond.Sending })
}

// receiptWord is what became of a code or a test.
func receiptWord(m respond.Message, now time.Time) string {
	what := "Test"
	if m.Kind == respond.VerifyMessage {
		what = "Code"
	}
	text := fmt.Sprintf("%s, %s: %s", what, ago(m.CreatedAt, now), messageWords[m.State])
	if m.Reason != "" && m.State != respond.Sent && m.State != respond.Delivered {
		text += ". " + m.Reason
	}
	return text
}

func receiptMark(m respond.Message) string {
	switch m.State {
	case respond.Sent, respond.Delivered:
		return "steady"
	case respond.Failed:
		return "soon"
	}
	return "starting"
}
