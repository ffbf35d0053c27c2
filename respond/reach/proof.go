package reach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

const (
	// codeLife is how long a code is good.
	codeLife = 15 * time.Minute
	// codeTries is how often it may be mistyped: 5 guesses of a million.
	codeTries = 5
	// codeAgain is the least time between two codes, or two tests, to one
	// contact.
	codeAgain = time.Minute
	// codesADay is how many codes one person or program may have sent in a day,
	// over all contacts: each may be a message to a stranger, who pays for it.
	codesADay = 20
	// testsADay is the same for tests.
	testsADay = 50
	// receipts is how many codes and tests of a contact are remembered.
	receipts = 5
)

// Proof is what was sent to a contact to prove it, and how that stands. The
// code is not in it: it follows from the message.
type Proof struct {
	Tenant  string    `json:"tenant"`
	Contact string    `json:"contact"`
	Address string    `json:"address"`           // to which the code went
	Message string    `json:"message,omitempty"` // that carries the code; empty: none is good
	Until   time.Time `json:"until,omitzero"`
	Tries   int       `json:"tries,omitempty"` // wrong ones so far
	// Messages are the last codes and tests, oldest first.
	Messages []string  `json:"messages,omitempty"`
	SentAt   time.Time `json:"sentAt,omitzero"` // the newest of them
}

// sent adds a message.
func (p Proof) sent(k respond.Contact, id string, now time.Time) Proof {
	p.Tenant, p.Contact, p.SentAt = k.Tenant, k.ID, now
	p.Messages = append(slices.Clone(p.Messages), id)
	if over := len(p.Messages) - receipts; over > 0 {
		p.Messages = p.Messages[over:]
	}
	return p
}

// check looks at what was typed. What is returned is stored before the answer;
// right tells that it was the code, which is then good no more.
func (p Proof) check(code, address, typed string, now time.Time) (next Proof, right bool, problem string) {
	switch {
	case p.Message == "":
		return p, false, "no code was sent to it; ask for one first"
	case p.Address != address:
		return p, false, "the address has changed since the code was sent; ask for a new one"
	case p.Tries >= codeTries:
		return p, false, "the code was mistyped too often; ask for a new one"
	case !now.Before(p.Until):
		return p, false, "the code is too old; ask for a new one"
	case !same(code, typed):
		p.Tries++
		return p, false, "this is not the code that was sent; look at the newest message"
	}
	p.Message, p.Address, p.Tries, p.Until = "", "", 0, time.Time{}
	return p, true, ""
}

// SendCode sends a code to a contact. The one before is good no more.
func (s *Service) SendCode(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, p, err := s.ready(ctx, actor, tenant, id, "contact.code", codesADay, now)
	if err != nil {
		return Entry{}, err
	}
	switch {
	case k.Configured:
		return Entry{}, configured("contact", k.Name)
	case !k.Verified.IsZero() && !k.Gone:
		return Entry{}, impossible("%s is proved already", k.Name)
	}
	m := plainMessage(k, "code-", respond.VerifyMessage, "Your Evenkeel code", "", now)
	p = p.sent(k, m.ID, now)
	p.Message, p.Address, p.Tries, p.Until = m.ID, k.Address, 0, now.Add(codeLife)
	return entry(k), s.apply(ctx, Change{Tenant: tenant, Proofs: []Proof{p}, Messages: []respond.Message{m},
		Audit: audit(ctx, actor, tenant, "contact.code", k.ID, about(k), now)})
}

// Verify takes the code that a person has typed. A wrong one is respond.ErrInvalid.
func (s *Service) Verify(ctx context.Context, actor access.Actor, tenant, id, typed string, now time.Time) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.contact(ctx, actor, tenant, id)
	if err != nil {
		return Entry{}, err
	}
	p, err := s.store.Proof(ctx, tenant, id)
	if err != nil {
		return Entry{}, err
	}
	next, right, problem := p.check(s.code(tenant, p.Message, k.Address), k.Address, typed, now)
	c := Change{Tenant: tenant, Proofs: []Proof{next}}
	if right {
		prove(&k, now)
		c.Contacts, c.Audit = []respond.Contact{k}, audit(ctx, actor, tenant, "contact.verify", k.ID, about(k), now)
	}
	if right || next.Tries != p.Tries {
		if err := s.apply(ctx, c); err != nil {
			return Entry{}, err
		}
	}
	if !right {
		return Entry{}, invalid("%s", problem)
	}
	return entry(k), nil
}

// Test sends a message that only checks whether somebody can be reached. What
// becomes of it stands in the contact's receipts.
func (s *Service) Test(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, p, err := s.ready(ctx, actor, tenant, id, "contact.test", testsADay, now)
	if err != nil {
		return Entry{}, err
	}
	if e := entry(k); e.Standing != InUse {
		return Entry{}, impossible("%s is not in use. %s", k.Name, e.Remedy)
	}
	text := actor.Name + " asked for this test. It only checks that Evenkeel can reach you."
	if k.Person != "" {
		text += " If you can read it, say so."
	}
	m := plainMessage(k, "test-", respond.TestMessage, "Test: nothing is wrong", text, now)
	return entry(k), s.apply(ctx, Change{Tenant: tenant, Proofs: []Proof{p.sent(k, m.ID, now)}, Messages: []respond.Message{m},
		Audit: audit(ctx, actor, tenant, "contact.test", k.ID, about(k), now)})
}

// ready reads a contact to which something may be sent now.
func (s *Service) ready(ctx context.Context, actor access.Actor, tenant, id, action string, aDay int, now time.Time) (respond.Contact, Proof, error) {
	k, err := s.contact(ctx, actor, tenant, id)
	if err != nil {
		return k, Proof{}, err
	}
	p, err := s.store.Proof(ctx, tenant, id)
	if err != nil {
		return k, p, err
	}
	if since := now.Sub(p.SentAt); since >= 0 && since < codeAgain {
		return k, p, impossible("something was sent to %s just now; wait a minute, then ask again", k.Name)
	}
	page, err := s.store.Audit(ctx, access.AuditFilter{Tenant: tenant, Actor: actor.ID, Action: action, From: now.Add(-24 * time.Hour), Limit: aDay})
	if err != nil {
		return k, p, err
	}
	if len(page.Entries) >= aDay {
		return k, p, impossible("%d of these in a day are the most; ask somebody else, or wait until tomorrow", aDay)
	}
	return k, p, nil
}

// plainMessage is a message that belongs to no incident.
func plainMessage(k respond.Contact, prefix string, kind respond.MessageKind, title, text string, now time.Time) respond.Message {
	k.After = 0
	return respond.Message{ID: prefix + respond.NewID(), Tenant: k.Tenant, Kind: kind, Contact: k, Content: respond.Content{Title: title, Text: text},
		State: respond.Due, NextAt: now, CreatedAt: now, ChangedAt: now}
}

// Answer is what came of a link.
type Answer struct {
	Done bool   // it did what it was made for
	Text string // for the person
	Kind respond.MessageKind
	// Incident is the id of the one that a good link is about.
	Incident string
}

// linkOver is said of every link that is not good, for whatever reason.
const linkOver = "This link is not good any more. It may be too old, or what it was about is over. Log in to see how things stand."

// Answer does what a link is for: its person takes the incident up with their
// own rights, or says that a test has arrived. An error is one of ours.
func (s *Service) Answer(ctx context.Context, token string, now time.Time) (Answer, error) {
	tenant, id, err := s.read(token, now)
	if err != nil {
		return Answer{Text: linkOver}, nil
	}
	m, err := s.store.Message(ctx, tenant, id)
	if errors.Is(err, respond.ErrNotFound) {
		return Answer{Text: linkOver}, nil
	}
	if err != nil {
		return Answer{}, err
	}
	k, ok, err := s.still(ctx, m)
	if err != nil || !ok {
		return Answer{Text: linkOver, Kind: m.Kind}, err
	}
	if m.Kind == respond.TestMessage {
		return s.confirm(ctx, m, k, now)
	}
	return s.acknowledge(ctx, m, now)
}

// still returns the contact that a message went to, where it is its person's
// as it was then.
func (s *Service) still(ctx context.Context, m respond.Message) (respond.Contact, bool, error) {
	if m.Contact.Person == "" {
		return respond.Contact{}, false, nil
	}
	list, err := s.store.Contacts(ctx, m.Tenant, m.Contact.Person)
	if err != nil {
		return respond.Contact{}, false, err
	}
	n := slices.IndexFunc(list, func(k respond.Contact) bool { return k.ID == m.Contact.ID })
	if n < 0 || list[n].Address != m.Contact.Address || list[n].Verified.IsZero() || list[n].Disabled != "" {
		return respond.Contact{}, false, nil
	}
	return list[n], true, nil
}

// acknowledge takes an incident up for the person to whom the page went.
func (s *Service) acknowledge(ctx context.Context, m respond.Message, now time.Time) (Answer, error) {
	over := Answer{Text: linkOver, Kind: m.Kind}
	if m.Kind != respond.PageMessage || m.Incident == "" {
		return over, nil
	}
	who, err := s.opt.Person(ctx, m.Contact.Person)
	if errors.Is(err, access.ErrSession) {
		return over, nil
	}
	if err != nil {
		return Answer{}, err
	}
	i, err := s.store.Incident(ctx, m.Tenant, m.Incident)
	if errors.Is(err, respond.ErrNotFound) || err == nil && i.State == respond.Resolved {
		return over, nil
	}
	if err != nil {
		return Answer{}, err
	}
	entries, err := s.store.Ledger(ctx, respond.LedgerFilter{Tenant: m.Tenant, Incident: m.Incident, Limit: 5000})
	if err != nil {
		return Answer{}, err
	}
	for _, e := range entries {
		// What was over in between is another matter by now.
		if e.Kind == respond.Finished && !e.At.Before(m.CreatedAt) {
			return over, nil
		}
	}
	about := fmt.Sprintf("Incident %d: “%s”", m.Content.Number, m.Content.Title)
	switch _, err = s.opt.Acknowledge(ctx, who, m.Tenant, m.Incident, "By the link in "+m.Contact.Name+".", now); {
	case err == nil:
		return Answer{Done: true, Kind: m.Kind, Incident: m.Incident, Text: "You have it, and nobody else is paged. " + about}, nil
	case errors.Is(err, respond.ErrState):
		if i.Assignee == who.ID {
			return Answer{Done: true, Kind: m.Kind, Incident: m.Incident, Text: "You have taken it up already. " + about}, nil
		}
		return Answer{Kind: m.Kind, Incident: m.Incident, Text: "Somebody has taken it up already. " + about}, nil
	case errors.Is(err, access.ErrForbidden):
		return Answer{Kind: m.Kind, Text: "You may not take it up. The role responder may: ask an admin for it."}, nil
	case errors.Is(err, respond.ErrNotFound):
		return over, nil
	}
	return Answer{}, err
}
