package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

const (
	// maxContacts bounds a person's contacts, maxShared those of nobody.
	maxContacts, maxShared = 20, 200
	// maxName bounds a contact's or a policy's name, in characters.
	maxName = 80
)

// Standing says whether a contact is used.
type Standing string

const (
	InUse       Standing = "in-use"
	Unverified  Standing = "unverified"
	SwitchedOff Standing = "switched-off" // by a person
	Gone        Standing = "gone"         // the provider says that nothing arrives there
)

// Entry is a contact as it is shown.
type Entry struct {
	respond.Contact
	Standing Standing
	Remedy   string            // what to do where it is not in use
	Receipts []respond.Message // its last codes and tests, newest first; only of one that was asked for
}

// entry is how a contact stands.
func entry(k respond.Contact) Entry {
	e := Entry{Contact: k, Standing: InUse}
	switch {
	case k.Gone:
		e.Standing = Gone
		e.Remedy = "Correct the address, then have a code sent to prove it again. Until then nothing is sent there."
		if k.Configured {
			e.Remedy = "Correct it in the configuration file, and start Evenkeel again."
		}
	case k.Disabled != "":
		e.Standing, e.Remedy = SwitchedOff, "Nothing is sent there until somebody switches it on again."
	case k.Verified.IsZero():
		e.Standing, e.Remedy = Unverified, "No page goes there yet. Have a code sent, and type it in."
		if k.Channel == respond.Webhook {
			e.Remedy = "No page goes there yet. Have a code sent: it stands in the text of the signed request. Type it in."
		}
		if k.Person == "" {
			e.Remedy += " Where nobody can read it, an operator may vouch for it."
		}
	}
	return e
}

// Fields are what a person sets of a contact.
type Fields struct {
	Name    string
	Address string
	Secret  string
	After   time.Duration
	Urgency []respond.Urgency
	Quiet   *respond.Quiet
}

// Channels are those that can be used here.
func (s *Service) Channels() []respond.Channel { return s.opt.Channels }

// Contacts lists those that the actor may see: their own first, in the order in
// which they are used, then other people's, then those of nobody.
func (s *Service) Contacts(ctx context.Context, actor access.Actor, tenant string) ([]Entry, error) {
	if err := reads(actor, tenant); err != nil {
		return nil, err
	}
	list, err := s.store.Contacts(ctx, tenant, "")
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(k respond.Contact) bool { return may(actor, k) != nil })
	place := func(k respond.Contact) int {
		switch k.Person {
		case actor.ID:
			return 0
		case "":
			return 2
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b respond.Contact) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Person, b.Person), cmp.Compare(a.After, b.After), cmp.Compare(a.ID, b.ID))
	})
	out := make([]Entry, len(list))
	for n, k := range list {
		out[n] = entry(k)
	}
	return out, nil
}

// Contact returns one with what was sent to it last.
func (s *Service) Contact(ctx context.Context, actor access.Actor, tenant, id string) (Entry, error) {
	k, err := s.contact(ctx, actor, tenant, id)
	if err != nil {
		return Entry{}, err
	}
	e := entry(k)
	p, err := s.store.Proof(ctx, tenant, id)
	if err != nil {
		return Entry{}, err
	}
	for _, m := range slices.Backward(p.Messages) {
		switch message, err := s.store.Message(ctx, tenant, m); {
		case errors.Is(err, respond.ErrNotFound):
		case err != nil:
			return Entry{}, err
		default:
			e.Receipts = append(e.Receipts, message)
		}
	}
	return e, nil
}

// Add stores a new contact of a person, or of nobody. It is used once it is
// proved.
func (s *Service) Add(ctx context.Context, actor access.Actor, tenant, person string, channel respond.Channel, f Fields, now time.Time) (Entry, error) {
	k := respond.Contact{ID: strings.ToLower(respond.NewID()), Tenant: tenant, Person: person, Channel: channel}
	if err := may(actor, k); err != nil {
		return Entry{}, err
	}
	if !slices.Contains(s.opt.Channels, channel) {
		return Entry{}, invalid("the channel %q is not set up here; there are %s", channel, words(s.opt.Channels))
	}
	if person != "" {
		names, err := s.opt.People(ctx, tenant)
		if err != nil {
			return Entry{}, err
		}
		if names[person] == "" {
			return Entry{}, invalid("there is no such person")
		}
	}
	k, err := s.filled(actor, k, f)
	if err != nil {
		return Entry{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.store.Contacts(ctx, tenant, "")
	if err != nil {
		return Entry{}, err
	}
	have, most := 0, maxContacts
	if person == "" {
		most = maxShared
	}
	for _, o := range all {
		if o.Person != person {
			continue
		}
		have++
		if o.Channel == k.Channel && o.Address == k.Address && o.Secret == k.Secret {
			return Entry{}, invalid("%s has this address already", o.Name)
		}
	}
	if have >= most {
		return Entry{}, invalid("%d contacts are the most; delete one that is not needed", most)
	}
	return entry(k), s.apply(ctx, Change{Tenant: tenant, Contacts: []respond.Contact{k}, Audit: audit(ctx, actor, tenant, "contact.add", k.ID, about(k), now)})
}

// Edit changes a contact. Another address has to be proved anew.
func (s *Service) Edit(ctx context.Context, actor access.Actor, tenant, id string, f Fields, now time.Time) (Entry, error) {
	return s.change(ctx, actor, tenant, id, "contact.change", now, func(k *respond.Contact) error {
		was := *k
		next, err := s.filled(actor, *k, f)
		if err != nil {
			return err
		}
		*k = next
		if k.Address != was.Address || k.Secret != was.Secret {
			k.Verified, k.Reached = time.Time{}, time.Time{}
			if k.Gone {
				k.Disabled, k.Gone = "", false
			}
		}
		return nil
	})
}

// Switch turns a contact off or on. What its provider calls gone is on again
// when it is proved.
func (s *Service) Switch(ctx context.Context, actor access.Actor, tenant, id string, on bool, now time.Time) (Entry, error) {
	action := "contact.off"
	if on {
		action = "contact.on"
	}
	return s.change(ctx, actor, tenant, id, action, now, func(k *respond.Contact) error {
		switch {
		case on && k.Disabled == "":
			return impossible("%s is on already", k.Name)
		case !on && k.Disabled != "":
			return impossible("%s is off already", k.Name)
		case on && k.Gone:
			return impossible("%s has to be proved anew: correct its address where that is wrong, then have a code sent", k.Name)
		case on:
			k.Disabled = ""
		default:
			k.Disabled = "switched off by " + actor.Name
		}
		return nil
	})
}

// Vouch marks a contact of nobody as proved on the word of an operator: a room
// or a program that cannot type a code.
func (s *Service) Vouch(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) (Entry, error) {
	return s.change(ctx, actor, tenant, id, "contact.vouch", now, func(k *respond.Contact) error {
		if k.Person != "" {
			return impossible("%s is a person's: they prove it by a code", k.Name)
		}
		if !k.Verified.IsZero() && !k.Gone {
			return impossible("%s is proved already", k.Name)
		}
		prove(k, now)
		return nil
	})
}

// prove marks a contact as one that reaches its person.
func prove(k *respond.Contact, now time.Time) {
	k.Verified, k.Reached = now, now
	if k.Gone {
		k.Disabled, k.Gone = "", false
	}
}

// Delete removes a contact that no policy names.
func (s *Service) Delete(ctx context.Context, actor access.Actor, tenant, id string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.contact(ctx, actor, tenant, id)
	if err != nil {
		return err
	}
	if k.Configured {
		return configured("contact", k.Name)
	}
	policies, err := s.store.Policies(ctx, tenant)
	if err != nil {
		return err
	}
	var named []string
	for _, p := range policies {
		if tells(p, respond.Recipient{Kind: respond.ToChannel, ID: k.ID}) {
			named = append(named, cmp.Or(p.Name, p.ID))
		}
	}
	if len(named) > 0 {
		return impossible("%s is told by the policy %s; take it out there first", k.Name, strings.Join(named, ", "))
	}
	return s.apply(ctx, Change{Tenant: tenant, Contact: k.ID, Audit: audit(ctx, actor, tenant, "contact.delete", k.ID, about(k), now)})
}

// change reads a contact, changes it and stores it.
func (s *Service) change(ctx context.Context, actor access.Actor, tenant, id, action string, now time.Time, do func(*respond.Contact) error) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.contact(ctx, actor, tenant, id)
	if err != nil {
		return Entry{}, err
	}
	if k.Configured {
		return Entry{}, configured("contact", k.Name)
	}
	if err := do(&k); err != nil {
		return Entry{}, err
	}
	return entry(k), s.apply(ctx, Change{Tenant: tenant, Contacts: []respond.Contact{k}, Audit: audit(ctx, actor, tenant, action, k.ID, about(k), now)})
}

func configured(what, name string) error {
	return impossible("the %s %s comes from the configuration file; change it there, and start Evenkeel again", what, name)
}

// about names a contact in the audit log: its address is nobody else's business.
func about(k respond.Contact) string { return fmt.Sprintf("%s (%s)", k.Name, k.Channel) }

// filled puts what a person set into a contact, checked.
func (s *Service) filled(actor access.Actor, k respond.Contact, f Fields) (respond.Contact, error) {
	var err error
	if k.Name, err = named("the name", cmp.Or(strings.TrimSpace(f.Name), string(k.Channel))); err != nil {
		return k, err
	}
	if k.Address, err = s.opt.Address(k.Channel, strings.TrimSpace(f.Address)); err != nil {
		return k, invalid("%s", err)
	}
	if f.Secret != k.Secret {
		// A secret may be the address itself, of something that is not theirs.
		if err := access.Can(actor, access.Operate, access.Scope{Tenant: k.Tenant}); err != nil {
			return k, fmt.Errorf("a contact with a secret is for an operator to set up: %w", err)
		}
	}
	if len(f.Secret) > maxName {
		return k, invalid("the secret's name may have %d characters at most", maxName)
	}
	k.Secret, k.After, k.Urgency, k.Quiet = f.Secret, f.After, f.Urgency, f.Quiet
	if k.After%time.Minute != 0 {
		return k, invalid("the delay is a number of minutes")
	}
	if err := k.Validate(); err != nil {
		text := plainError(err)
		if _, rest, ok := strings.Cut(text, `": `); ok {
			text = rest
		}
		return k, invalid("%s", text)
	}
	return k, nil
}

// named checks a name that people read.
func named(what, text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", invalid("%s is missing", what)
	case utf8.RuneCountInString(text) > maxName:
		return "", invalid("%s may have %d characters at most", what, maxName)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", invalid("%s is not plain text", what)
	}
	return text, nil
}

func words[T ~string](list []T) string {
	out := make([]string, len(list))
	for n, x := range list {
		out[n] = string(x)
	}
	return strings.Join(out, ", ")
}
