package respond

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Book is everybody's contacts.
type Book struct {
	people map[string][]Contact // by person, in the order in which they are used
	byID   map[string]Contact
}

// NewBook makes a book of the contacts of a tenant.
func NewBook(contacts []Contact) Book {
	b := Book{people: map[string][]Contact{}, byID: map[string]Contact{}}
	for _, c := range contacts {
		b.byID[c.ID] = c
		if c.Person != "" {
			b.people[c.Person] = append(b.people[c.Person], c)
		}
	}
	for _, list := range b.people {
		slices.SortStableFunc(list, func(x, y Contact) int {
			return cmp.Or(cmp.Compare(x.After, y.After), strings.Compare(x.ID, y.ID))
		})
	}
	return b
}

// usable returns the contacts by which a recipient can be paged, and why the
// others cannot be used.
func (b Book) usable(r Recipient, person string, u Urgency) (good []Contact, why []string) {
	all := b.people[person]
	if r.Kind == ToChannel {
		c, ok := b.byID[r.ID]
		if !ok {
			return nil, []string{"there is no such channel"}
		}
		all = []Contact{c}
	}
	for _, c := range all {
		switch {
		case c.Disabled != "":
			why = append(why, fmt.Sprintf("%s is disabled (%s)", c.Name, c.Disabled))
		case c.Verified.IsZero():
			why = append(why, c.Name+" is not verified")
		case len(c.Urgency) > 0 && !slices.Contains(c.Urgency, u):
			why = append(why, fmt.Sprintf("%s is not used for %s urgency", c.Name, u))
		default:
			good = append(good, c)
		}
	}
	if len(all) == 0 {
		why = []string{"there is no contact"}
	}
	return good, why
}

// Usable tells by how many contacts a person can be paged of something of an
// urgency, and why by the others not.
func (b Book) Usable(person string, u Urgency) (ways int, why []string) {
	good, why := b.usable(Recipient{Kind: ToPerson, ID: person}, person, u)
	return len(good), why
}

// Shared is Usable for a channel that belongs to nobody.
func (b Book) Shared(id string, u Urgency) (ways int, why []string) {
	good, why := b.usable(Recipient{Kind: ToChannel, ID: id}, "", u)
	return len(good), why
}

// Storm is what is being told at the moment, over all incidents of a tenant. A
// person whom many incidents would page at once is told of them in one message.
type Storm struct {
	// Limit is how many pages within a while reach somebody one by one; 0 for
	// any number.
	Limit int
	// Recent counts the open pages that began within that while, by
	// Page.To.
	Recent map[string]int
	// Digests are the messages that tell of many and are not sent yet, by
	// contact.
	Digests map[string]Message
}

const (
	// digestWait is how long a message that tells of many waits for more.
	digestWait = 30 * time.Second
	// digestTitles is how many incidents it names.
	digestTitles = 10
)

// To names whom a page is for, over all incidents.
func (p Page) To() string {
	if p.Person != "" {
		return "person " + p.Person
	}
	return string(p.Recipient.Kind) + " " + p.Recipient.ID
}

// add counts a decision that is about to be applied in.
func (s *Storm) add(d Decision) {
	for _, p := range d.Pages {
		if p.State == PageOpen {
			s.Recent[p.To()]++
		}
	}
	for _, m := range d.Digests {
		s.Digests[m.Contact.ID] = m
	}
}

// notify begins a page for each of the recipients, and tells whether anybody
// was reached.
func (t *turn) notify(f Facts, recipients []Recipient) (reached bool) {
	seen := map[string]bool{}
	page := func(r Recipient, person, why string) {
		to := Page{Recipient: r, Person: person}.To()
		if seen[to] {
			return
		}
		seen[to] = true
		if t.page(f, r, person, why) {
			reached = true
		}
	}
	for _, r := range recipients {
		switch r.Kind {
		case ToPerson:
			page(r, r.ID, "named in the policy")
		case ToChannel:
			page(r, "", "named in the policy")
		default:
			duties, err := t.onCall(f, r)
			switch {
			case err != nil:
				t.note(NobodyToPage, system, fmt.Sprintf("Who is on call in %s cannot be told: %v.", r.ID, err))
			case len(duties) == 0:
				t.note(NobodyToPage, system, fmt.Sprintf("Nobody is on call in %s.", r.ID))
			}
			for _, d := range duties {
				page(r, d.Person, d.Why)
			}
		}
	}
	return reached
}

func (t *turn) onCall(f Facts, r Recipient) ([]Duty, error) {
	if f.Roster == nil {
		return nil, fmt.Errorf("there are no schedules")
	}
	duties, _, err := f.Roster.OnCall(r.ID, t.now)
	return duties, err
}

// page begins a page with its messages, one for each contact that can be used.
// Without one it begins and fails at once, and reached is false.
func (t *turn) page(f Facts, r Recipient, person, why string) (reached bool) {
	i := &t.Incident
	i.Paged++
	p := Page{ID: fmt.Sprintf("%s-p%d", i.ID, i.Paged), Tenant: i.Tenant, Incident: i.ID, Recipient: r, Person: person,
		Why: why, Round: i.Position.Round, Step: i.Position.Step, State: PageOpen, BegunAt: t.now}
	for _, old := range f.Pages {
		if old.To() == p.To() {
			t.end(old, PageSuperseded, system, "They are paged anew.")
		}
	}
	contacts, refused := f.Book.usable(r, person, i.Urgency)
	e := t.note(PageBegun, system, "")
	e.Page, e.Person = p.ID, person
	if len(contacts) == 0 {
		p.State, p.EndedAt = PageFailed, t.now
		p.Reason = "No contact can be used: " + strings.Join(refused, ", ") + "."
		e.Kind, e.Reason = PageEnded, p.Reason
		t.Pages = append(t.Pages, p)
		return false
	}
	t.Pages = append(t.Pages, p)
	storm := f.Storm.Limit > 0 && f.Storm.Recent[p.To()] >= f.Storm.Limit
	var ways []string
	uses, hours := inTime(contacts, i.Urgency, t.now)
	for n, c := range uses {
		m := Message{ID: fmt.Sprintf("%s-%d", p.ID, n+1), Tenant: i.Tenant, Incident: i.ID, Page: p.ID, Kind: PageMessage,
			Contact: c.Contact, Content: t.content(f, ""), State: Due, NextAt: t.now.Add(c.After), CreatedAt: t.now, ChangedAt: t.now}
		if c.Waits > 0 {
			m.NotBefore = m.NextAt
		}
		t.waits(c.Waits)
		if storm {
			t.coalesce(f, &m)
		}
		t.Messages = append(t.Messages, m)
		way := c.Name
		if c.After > 0 {
			way += " after " + span(c.After)
		}
		ways = append(ways, way)
	}
	e.Reason = fmt.Sprintf("To be told by %s: %s.", strings.Join(ways, ", "), strings.TrimSuffix(why, "."))
	if len(hours) > 0 {
		e.Reason += " Quiet hours: " + strings.Join(hours, "; ") + "."
	}
	if storm {
		e.Reason += " Told together with others, for there are many at once."
	}
	return true
}

// coalesce lets a message be told within one that tells of many, which is not
// sent yet.
func (t *turn) coalesce(f Facts, m *Message) {
	m.State, m.Reason = Coalesced, "There are many at once; they are told in one message."
	digest, ok := f.Storm.Digests[m.Contact.ID]
	if !ok {
		digest = Message{ID: "many-" + m.ID, Tenant: m.Tenant, Kind: PageMessage, Contact: m.Contact, State: Due,
			NextAt: m.NextAt.Add(digestWait), NotBefore: m.NotBefore, CreatedAt: t.now,
			Content: Content{Severity: m.Content.Severity, State: Triggered}}
	}
	// Where one is urgent, what waited for the morning is told with it.
	if soon := m.NextAt.Add(digestWait); digest.NextAt.After(soon) {
		digest.NextAt, digest.NotBefore = soon, m.NotBefore
	}
	m.Into = digest.ID
	c := &digest.Content
	c.Incidents++
	c.Title = fmt.Sprintf("%d incidents", c.Incidents)
	if c.Incidents <= digestTitles {
		c.Text += fmt.Sprintf("%d: %s\n", t.Incident.Number, t.Incident.Title)
	} else {
		c.Text = strings.TrimSuffix(c.Text, "and more\n") + "and more\n"
	}
	c.Severity = max(c.Severity, t.Incident.Severity)
	digest.ChangedAt = t.now
	t.Digests = append(t.Digests, digest)
}

// content is what is said of the incident as it stands now.
func (t *turn) content(f Facts, news string) Content {
	i := t.Incident
	text := news
	if text == "" && i.Firing > 1 {
		text = fmt.Sprintf("%d alerts fire.", i.Firing)
	}
	return Content{Number: i.Number, Title: i.Title, Text: text, Severity: i.Severity, State: i.State, URL: f.URL}
}

// inform tells those who were told of the incident what became of it: each
// once, by a contact that went well, and never by a call. Shared only leaves
// people out.
func (t *turn) inform(f Facts, kind MessageKind, news string, sharedOnly bool) {
	told := map[string]bool{}
	for _, m := range f.Told {
		c, known := f.Book.byID[m.Contact.ID]
		to := c.Person
		if to == "" {
			to = "channel " + c.ID
		}
		if !known || c.Disabled != "" || c.Channel == Voice || told[to] || (sharedOnly && c.Person != "") {
			continue
		}
		told[to] = true
		r := Message{ID: fmt.Sprintf("%s-r%d-%d", t.Incident.ID, t.Incident.Revision+1, len(told)),
			Tenant: t.Incident.Tenant, Incident: t.Incident.ID, Kind: kind, Contact: c, Content: t.content(f, news),
			State: Due, NextAt: t.now, CreatedAt: t.now, ChangedAt: t.now}
		if t.Incident.Urgency == Low && c.Quiet.At(t.now) {
			r.NextAt = c.Quiet.End(t.now)
			r.NotBefore = r.NextAt
		}
		t.Messages = append(t.Messages, r)
		e := t.note(MessageQueued, system, "They are told by "+c.Name+": "+news)
		e.Person = c.Person
	}
}
