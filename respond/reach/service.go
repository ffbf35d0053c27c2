// Package reach keeps who can be reached, and how: the contacts and policies
// that people manage themselves, the proof that a contact is somebody's, the
// links by which a message is answered without a login, and the monthly
// question whether pages arrive.
//
//	add ──code by the channel──▶ typed back ──▶ verified ──▶ used for pages
//	                                               │
//	                  once a month: "can we reach you?" ──▶ confirmed, or a notice
//
// Invariants: nothing but a code and a test goes to a contact that is not
// proved. A code and a link are never stored: both follow from the message's id
// by a key that is in the store, so that they are the same on every try and
// after a restart. A link is good for one message, until a time, for what its
// person may do, and for nothing once the incident was over. A wrong code is
// counted before it is answered. Each change is one transaction with its
// messages, its lines in the ledger and its audit entry.
//
// Failure behaviour: what cannot be stored has not happened. A contact that its
// provider calls gone is shown with its remedy and must be proved anew. A person
// who does not confirm is told of to everybody who plans with them, and is paged
// as ever: a question without an answer takes nobody off.
package reach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// Store keeps what this package decides. All methods are safe for concurrent
// use.
type Store interface {
	Contacts(ctx context.Context, tenant, person string) ([]respond.Contact, error)
	Policies(ctx context.Context, tenant string) ([]respond.Policy, error)
	Message(ctx context.Context, tenant, id string) (respond.Message, error)
	Incident(ctx context.Context, tenant, id string) (respond.Incident, error)
	Incidents(ctx context.Context, f respond.IncidentFilter) (respond.IncidentPage, error)
	Ledger(ctx context.Context, f respond.LedgerFilter) ([]respond.Entry, error)
	Audit(ctx context.Context, f access.AuditFilter) (access.AuditPage, error)

	// ApplyReach stores a change in one transaction. It fails with
	// respond.ErrNotFound where something to be removed is not there.
	ApplyReach(ctx context.Context, c Change) error
	// Proof returns what is under way for a contact; zero where there is
	// nothing.
	Proof(ctx context.Context, tenant, contact string) (Proof, error)
	// Checks returns how far asking the people of a tenant stands.
	Checks(ctx context.Context, tenant string) ([]Check, error)
	// SigningKey returns the key of a name. Where there is none, fresh is
	// stored and returned.
	SigningKey(ctx context.Context, name string, fresh []byte) ([]byte, error)
}

// Change is what is stored together.
type Change struct {
	Tenant   string
	Contacts []respond.Contact
	Policies []respond.Policy
	// Contact and Policy are the ids of one to be removed; empty: none.
	Contact, Policy string
	Proofs          []Proof
	Checks          []Check
	Messages        []respond.Message
	Entries         []respond.Entry
	Audit           []access.Entry
}

// Options are what a Service works with.
type Options struct {
	// Channels are those that are set up, in the order in which they are shown.
	Channels []respond.Channel
	// Address checks an address of a channel and returns it as it is kept, or
	// an error that says how it must be written.
	Address func(c respond.Channel, address string) (string, error)
	// People returns the names of those who can log in, by their ids.
	People func(ctx context.Context, tenant string) (map[string]string, error)
	// Person is the actor that a person is, with their rights of now.
	Person func(ctx context.Context, id string) (access.Actor, error)
	// Schedules returns the names of the schedules that there are, by their
	// ids.
	Schedules func(ctx context.Context, tenant string) (map[string]string, error)
	// Routes returns the names of the routes that lead to a policy.
	Routes func(ctx context.Context, tenant, policy string) ([]string, error)
	// URL is where people reach the console, without a slash at its end.
	URL string
	// Stored is told that messages are due.
	Stored func()
	// Acknowledge takes an incident up for a person.
	Acknowledge func(ctx context.Context, actor access.Actor, tenant, id, note string, now time.Time) (respond.Incident, error)
}

// Service lets people manage contacts and policies. It is safe for concurrent
// use.
type Service struct {
	store Store
	opt   Options
	key   []byte
	// mu is held over reading, deciding and storing.
	mu sync.Mutex
}

// New returns a service over a store, with the store's key for codes and links.
func New(ctx context.Context, store Store, opt Options) (*Service, error) {
	key, err := store.SigningKey(ctx, keyName, freshKey())
	if err != nil {
		return nil, fmt.Errorf("read the key that signs links: %w", err)
	}
	if len(key) < keySize {
		return nil, fmt.Errorf("the key that signs links has %d bytes and must have %d; delete it from the table signing_keys, and a new one is made", len(key), keySize)
	}
	return &Service{store: store, opt: opt, key: key}, nil
}

// apply stores a change and has its messages sent.
func (s *Service) apply(ctx context.Context, c Change) error {
	if err := s.store.ApplyReach(ctx, c); err != nil {
		return err
	}
	if len(c.Messages) > 0 && s.opt.Stored != nil {
		s.opt.Stored()
	}
	return nil
}

// audit is the entry of what an actor did. Its detail names no address.
func audit(ctx context.Context, actor access.Actor, tenant, action, object, detail string, now time.Time) []access.Entry {
	return []access.Entry{{ID: respond.NewID(), Tenant: tenant, At: now, ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name,
		Action: action, Object: object, Detail: detail, Address: access.AddressFrom(ctx)}}
}

// reads tells whether the actor may read anything in the tenant: who may log
// in there.
func reads(actor access.Actor, tenant string) error {
	if names, all := access.Environments(actor, access.Read, tenant); all || len(names) > 0 {
		return nil
	}
	return access.Can(actor, access.Read, access.Scope{Tenant: tenant})
}

// may tells whether the actor may see and change a contact: their own, as an
// admin everybody's, and as an operator those that belong to nobody.
func may(actor access.Actor, k respond.Contact) error {
	if err := reads(actor, k.Tenant); err != nil {
		return err
	}
	scope := access.Scope{Tenant: k.Tenant}
	switch {
	case k.Person == "":
		return access.Can(actor, access.Operate, scope)
	case actor.Kind == access.Person && actor.ID == k.Person && actor.Scopes == nil:
		return nil
	}
	return access.Can(actor, access.Manage, scope)
}

// contact returns one that the actor may see; what they may not is not found.
func (s *Service) contact(ctx context.Context, actor access.Actor, tenant, id string) (respond.Contact, error) {
	list, err := s.store.Contacts(ctx, tenant, "")
	if err != nil {
		return respond.Contact{}, err
	}
	n := slices.IndexFunc(list, func(k respond.Contact) bool { return k.ID == id })
	if n < 0 || may(actor, list[n]) != nil {
		return respond.Contact{}, fmt.Errorf("%w: contact %s", respond.ErrNotFound, id)
	}
	return list[n], nil
}

// invalid is an error whose text is for the person who asked.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", respond.ErrInvalid, fmt.Sprintf(format, args...))
}

// impossible is one about how things stand.
func impossible(format string, args ...any) error {
	return fmt.Errorf("%w: %s", respond.ErrState, fmt.Sprintf(format, args...))
}

// plainError is an error's text without the word for its kind.
func plainError(err error) string {
	text := err.Error()
	for _, kind := range []error{respond.ErrInvalid, respond.ErrState} {
		if errors.Is(err, kind) {
			text = strings.ReplaceAll(text, kind.Error()+": ", "")
		}
	}
	return text
}
