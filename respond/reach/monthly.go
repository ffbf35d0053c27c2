package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

const (
	// askEvery is how often a person is asked whether pages reach them.
	askEvery = 30 * 24 * time.Hour
	// askAnew is when they are asked again where they did not say so.
	askAnew = 7 * 24 * time.Hour
	// askFirst is when they are asked first where a configuration file vouches
	// for them: nobody has shown yet that anything arrives.
	askFirst = 24 * time.Hour
	// answerWithin is how long they have to say so.
	answerWithin = 24 * time.Hour
	// wakingFrom and wakingTo are the hours of a day in which they are asked,
	// where their quiet hours allow it.
	wakingFrom, wakingTo = 9, 18
)

// Check is how far asking one person stands.
type Check struct {
	Tenant  string `json:"tenant"`
	Person  string `json:"person"`
	Message string `json:"message,omitempty"` // the question that is under way; empty: none
	// Contact is the one that the last question went to, with its name.
	Contact     string    `json:"contact,omitempty"`
	Name        string    `json:"name,omitempty"`
	AskedAt     time.Time `json:"askedAt,omitzero"`
	ConfirmedAt time.Time `json:"confirmedAt,omitzero"` // the last time that they said so
	// MissedAt is since when questions have gone unanswered; zero: the last one
	// was answered, or still may be.
	MissedAt time.Time `json:"missedAt,omitzero"`
	Why      string    `json:"why,omitempty"` // what is known of why not
	NextAt   time.Time `json:"nextAt,omitzero"`
}

// Move is what one look at a check changes.
type Move struct {
	Check   Check
	Changed bool
	Ask     *respond.Contact // to be sent the question now
	Missed  bool             // the question was not answered
}

// Look decides about one person: whether to ask now, and by which contact;
// whether the last question counts as not answered. Asked is its message, zero
// where there is none any more.
func Look(c Check, contacts []respond.Contact, asked respond.Message, now time.Time) (m Move) {
	m.Check = c
	usable := slices.DeleteFunc(slices.Clone(contacts), func(k respond.Contact) bool {
		// A question at PagerDuty would open an incident there.
		return k.Disabled != "" || k.Verified.IsZero() || k.Channel == respond.PagerDuty
	})
	if c.NextAt.IsZero() {
		m.Check.NextAt, m.Changed = firstAsk(usable, now), true
	}
	// A clock that was far ahead must not end the questions for years.
	if m.Check.NextAt.Sub(now) > askEvery {
		m.Check.NextAt, m.Changed = now.Add(askEvery), true
	}
	if c.Message != "" {
		why := ""
		switch {
		case asked.ID == "":
			why = "The question is not there any more."
		case asked.State == respond.Failed:
			why = asked.Reason
		case now.Sub(c.AskedAt) >= answerWithin:
			why = "They did not say within a day that it has reached them."
		}
		if why != "" {
			m.Check.Message, m.Check.Why, m.Check.NextAt = "", why, now.Add(askAnew)
			if c.MissedAt.IsZero() {
				m.Check.MissedAt = now
			}
			m.Missed, m.Changed = true, true
		}
		return m
	}
	if len(usable) == 0 || m.Check.NextAt.After(now) {
		return m
	}
	// By turns, so that in time each contact is tried.
	k := slices.MinFunc(usable, func(a, b respond.Contact) int {
		return cmp.Or(a.Reached.Compare(b.Reached), cmp.Compare(a.After, b.After), cmp.Compare(a.ID, b.ID))
	})
	if c.Contact == k.ID && !c.MissedAt.IsZero() && len(usable) > 1 {
		// It was tried last time, in vain: the others are worth a question too.
		others := slices.DeleteFunc(slices.Clone(usable), func(o respond.Contact) bool { return o.ID == k.ID })
		k = slices.MinFunc(others, func(a, b respond.Contact) int { return cmp.Or(a.Reached.Compare(b.Reached), cmp.Compare(a.ID, b.ID)) })
	}
	if !awake(k, contacts, now) {
		return m
	}
	m.Ask = &k
	return m
}

// firstAsk is when somebody is asked for the first time.
func firstAsk(usable []respond.Contact, now time.Time) time.Time {
	var proved time.Time
	for _, k := range usable {
		if !k.Configured && k.Verified.After(proved) {
			proved = k.Verified
		}
	}
	if proved.IsZero() {
		return now.Add(askFirst)
	}
	return proved.Add(askEvery)
}

// awake tells whether a person is up: their contact is not quiet, and it is
// day where they live, as far as their quiet hours name a place; in UTC where
// none does. Somebody who is quiet all day is asked in the evening.
func awake(k respond.Contact, all []respond.Contact, now time.Time) bool {
	if k.Quiet.At(now) {
		return false
	}
	zone := time.UTC
	for _, o := range append([]respond.Contact{k}, all...) {
		if o.Quiet == nil {
			continue
		}
		if z, err := time.LoadLocation(o.Quiet.Zone); err == nil {
			zone = z
			break
		}
	}
	local := now.In(zone)
	if h := local.Hour(); h >= wakingFrom && h < wakingTo {
		return true
	}
	for h := wakingFrom; h < wakingTo; h++ {
		if !k.Quiet.At(time.Date(local.Year(), local.Month(), local.Day(), h, 30, 0, 0, zone)) {
			return false
		}
	}
	return true
}

// Round asks who is due, and notes who did not answer.
func (s *Service) Round(ctx context.Context, tenant string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	contacts, err := s.store.Contacts(ctx, tenant, "")
	if err != nil {
		return err
	}
	of := map[string][]respond.Contact{}
	for _, k := range contacts {
		if k.Person != "" {
			of[k.Person] = append(of[k.Person], k)
		}
	}
	if len(of) == 0 {
		return nil
	}
	checks, err := s.store.Checks(ctx, tenant)
	if err != nil {
		return err
	}
	known := map[string]Check{}
	for _, c := range checks {
		known[c.Person] = c
	}
	names, err := s.opt.People(ctx, tenant)
	if err != nil {
		return err
	}
	for person, list := range of {
		if names[person] == "" {
			continue // gone, or locked out
		}
		c, ok := known[person]
		if !ok {
			c = Check{Tenant: tenant, Person: person}
		}
		var asked respond.Message
		if c.Message != "" {
			if asked, err = s.store.Message(ctx, tenant, c.Message); err != nil && !errors.Is(err, respond.ErrNotFound) {
				return err
			}
		}
		if err := s.move(ctx, Look(c, list, asked, now), names[person], now); err != nil {
			return err
		}
	}
	return nil
}

// move applies one look.
func (s *Service) move(ctx context.Context, m Move, name string, now time.Time) error {
	c := Change{Tenant: m.Check.Tenant}
	entry := func(kind respond.EntryKind, message, format string, args ...any) {
		c.Entries = append(c.Entries, respond.Entry{ID: respond.NewID(), Tenant: c.Tenant, At: now, Kind: kind, By: "Evenkeel",
			Person: m.Check.Person, Message: message, Reason: fmt.Sprintf(format, args...)})
	}
	if m.Missed {
		entry(respond.ReachMissed, "", "Nobody knows whether pages reach %s by %s. %s", name, m.Check.Name, m.Check.Why)
	}
	if k := m.Ask; k != nil {
		q := plainMessage(*k, "reach-", respond.TestMessage, "Can we reach you?",
			"Nothing is wrong. Once a month Evenkeel checks that a page would reach you here. Please say within a day that you can read this.", now)
		next := now.Add(askEvery)
		m.Check.Message, m.Check.Contact, m.Check.Name, m.Check.AskedAt, m.Check.NextAt = q.ID, k.ID, k.Name, now, next
		c.Messages, m.Changed = []respond.Message{q}, true
		entry(respond.ReachAsked, q.ID, "%s is asked by %s whether pages reach them.", name, k.Name)
	}
	if !m.Changed {
		return nil
	}
	c.Checks = []Check{m.Check}
	return s.apply(ctx, c)
}

// confirm notes that a person says that a test has arrived.
func (s *Service) confirm(ctx context.Context, m respond.Message, k respond.Contact, now time.Time) (Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := Answer{Done: true, Kind: m.Kind, Text: "Thank you. Evenkeel knows now that it can reach you by " + k.Name + "."}
	if !k.Reached.Before(m.CreatedAt) {
		return done, nil // they have said so before
	}
	names, err := s.opt.People(ctx, m.Tenant)
	if err != nil {
		return Answer{}, err
	}
	if names[k.Person] == "" {
		return Answer{Text: linkOver, Kind: m.Kind}, nil // gone, or locked out
	}
	checks, err := s.store.Checks(ctx, m.Tenant)
	if err != nil {
		return Answer{}, err
	}
	k.Reached = now
	c := Change{Tenant: m.Tenant, Contacts: []respond.Contact{k}, Entries: []respond.Entry{{ID: respond.NewID(), Tenant: m.Tenant, At: now,
		Kind: respond.ReachConfirmed, By: names[k.Person], Person: k.Person, Message: m.ID, Reason: fmt.Sprintf("%s says that messages arrive by %s.", names[k.Person], k.Name)}}}
	for _, x := range checks {
		if x.Person == k.Person {
			x.Message, x.ConfirmedAt, x.MissedAt, x.Why, x.NextAt = "", now, time.Time{}, "", now.Add(askEvery)
			c.Checks = []Check{x}
		}
	}
	return done, s.apply(ctx, c)
}

// Notice is one person of whom nobody knows whether pages reach them.
type Notice struct {
	Person string    `json:"person"`
	Name   string    `json:"name"`
	Since  time.Time `json:"since"`
	Text   string    `json:"text"`
}

// Notices lists them, for everybody who plans with them.
func (s *Service) Notices(ctx context.Context, actor access.Actor, tenant string) ([]Notice, error) {
	if err := reads(actor, tenant); err != nil {
		return nil, err
	}
	checks, err := s.store.Checks(ctx, tenant)
	if err != nil {
		return nil, err
	}
	names, err := s.opt.People(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var out []Notice
	for _, c := range checks {
		if !c.MissedAt.IsZero() && names[c.Person] != "" {
			out = append(out, Notice{Person: c.Person, Name: names[c.Person], Since: c.MissedAt,
				Text: fmt.Sprintf("Nobody knows whether pages reach %s by %s. %s", names[c.Person], c.Name, c.Why)})
		}
	}
	return out, nil
}

// Confirm is for what cannot be answered where it arrived, such as a call: the
// person says here that the last question or test has reached them.
func (s *Service) Confirm(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (Entry, error) {
	k, err := s.contact(ctx, actor, tenant, id)
	if err != nil {
		return Entry{}, err
	}
	if actor.Kind != access.Person || k.Person != actor.ID {
		return Entry{}, fmt.Errorf("%w: only the person themselves can say that a message has reached them", access.ErrForbidden)
	}
	m, err := s.lastTest(ctx, k)
	if err != nil {
		return Entry{}, err
	}
	if _, err := s.confirm(ctx, m, k, now); err != nil {
		return Entry{}, err
	}
	k, err = s.contact(ctx, actor, tenant, id)
	return entry(k), err
}

// lastTest is the newest question or test that went out to a contact.
func (s *Service) lastTest(ctx context.Context, k respond.Contact) (respond.Message, error) {
	p, err := s.store.Proof(ctx, k.Tenant, k.ID)
	if err != nil {
		return respond.Message{}, err
	}
	ids := p.Messages
	checks, err := s.store.Checks(ctx, k.Tenant)
	if err != nil {
		return respond.Message{}, err
	}
	for _, c := range checks {
		if c.Person == k.Person && c.Contact == k.ID && c.Message != "" {
			ids = append(slices.Clone(ids), c.Message)
		}
	}
	var newest respond.Message
	for _, id := range ids {
		m, err := s.store.Message(ctx, k.Tenant, id)
		if errors.Is(err, respond.ErrNotFound) {
			continue
		}
		if err != nil {
			return respond.Message{}, err
		}
		arrived := m.State == respond.Sent || m.State == respond.Delivered
		if m.Kind == respond.TestMessage && arrived && m.Contact.Address == k.Address && m.CreatedAt.After(newest.CreatedAt) {
			newest = m
		}
	}
	if newest.ID == "" {
		return newest, impossible("no test was sent to %s; ask for one first", k.Name)
	}
	return newest, nil
}
