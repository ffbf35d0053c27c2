package respond

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/internal/broadcast"
)

// Options are what a Service works with. Its functions are called often and
// must not wait for the network.
type Options struct {
	// Router returns a tenant's routes; nil sends everything to the policy
	// "default".
	Router func(ctx context.Context, tenant string) (Router, error)
	// Heard is told what has become of alerts once it is stored, in that order;
	// nil where nobody asks.
	Heard func(now time.Time, alerts []Standing)
	// Roster returns a tenant's schedules; nil for none.
	Roster func(ctx context.Context, tenant string) (Roster, error)
	// Senders are the channels that can be used.
	Senders map[Channel]Sender
	// IncidentURL is where an incident stands in the console; nil for none.
	IncidentURL func(id string) string
	// AckURL is a link that acknowledges what a page is about, or confirms that
	// a test has arrived; nil for none. It is asked for at each try and kept
	// nowhere.
	AckURL func(m Message) string
	// Letter are the links of a letter of a status page: what confirms that it
	// is wanted, and what ends the letters; nil for none. It is asked for at each
	// try and kept nowhere.
	Letter func(m Message) (confirm, unsubscribe string)
	// Code is the text with the code of a message that proves a contact; nil
	// for none. It is asked for at each try and kept nowhere.
	Code func(m Message) string
	// Lease is how long a process has a message for itself; the time to send
	// is two thirds of it. 0 for 45 s.
	Lease time.Duration
	// Workers is how many messages are sent at once; a channel gets a quarter
	// of them at most. 0 for 64.
	Workers int
	// StormLimit is how many pages within StormWindow reach a person one by
	// one. 0 for 5 in 5 minutes.
	StormLimit  int
	StormWindow time.Duration
	// Now is the clock of what the service does by itself; nil for time.Now.
	Now func() time.Time
}

func (o Options) filled() Options {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&o.Lease, 45*time.Second)
	set(&o.StormWindow, 5*time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Workers <= 0 {
		o.Workers = 64
	}
	if o.StormLimit <= 0 {
		o.StormLimit = 5
	}
	return o
}

// Service takes alerts in, applies decisions, and sends messages. It is safe
// for concurrent use, and the only writer of incidents.
type Service struct {
	store Store
	opt   Options
	log   *slog.Logger
	topic broadcast.Topic[Notice]

	// mu is held over reading, deciding and applying, so that two decisions
	// never race; revisions are the second lock.
	mu      sync.Mutex
	numbers map[string]int64 // last incident's number of each tenant
	// When Wake last did all that was due, and when it looked for changes in
	// the future.
	lookedAt, lookedAhead time.Time

	intake  intake
	wakes   chan struct{} // something is due now
	letters chan struct{} // a message is due now
}

// Notice is a hint that an incident has changed.
type Notice struct {
	Tenant      string `json:"tenant"`
	Environment string `json:"environment"`
	ID          string `json:"id"`
	State       State  `json:"state"`
}

// NewService returns a service over a store.
func NewService(store Store, opt Options, log *slog.Logger) *Service {
	return &Service{store: store, opt: opt.filled(), log: log, numbers: map[string]int64{},
		intake: newIntake(), wakes: make(chan struct{}, 1), letters: make(chan struct{}, 1)}
}

// Listen returns a listener that holds up to size notices. Close it after use.
func (s *Service) Listen(size int) *broadcast.Listener[Notice] { return s.topic.Listen(size) }

// Due tells that something has got a time at which Wake must see it: ask Pace
// again.
func (s *Service) Due() <-chan struct{} { return s.wakes }

// MessagesStored tells that messages are due that somebody else has stored.
func (s *Service) MessagesStored() { nudge(s.letters) }

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// apply stores a batch and tells listeners. Entries get their ids here, so that
// they rise in the order of writing. The caller holds mu.
func (s *Service) apply(ctx context.Context, b Batch, now time.Time) error {
	name := func(list []Entry) {
		for n := range list {
			list[n].ID = newID()
		}
	}
	for n := range b.Decisions {
		name(b.Decisions[n].Entries)
	}
	name(b.Entries)
	if err := s.store.ApplyResponse(ctx, b); err != nil {
		// What was counted on may not be so.
		clear(s.numbers)
		return err
	}
	if s.opt.Heard != nil && len(b.Alerts) > 0 {
		s.opt.Heard(now, b.Alerts)
	}
	due, letters := slices.ContainsFunc(b.Alerts, func(a Standing) bool { return !a.WakeAt.IsZero() }), false
	for _, d := range b.Decisions {
		i := d.Incident
		due = due || !i.WakeAt.IsZero()
		letters = letters || len(d.Messages) > 0
		for _, e := range d.Entries {
			if loud(e.Kind) {
				s.log.Warn("incident "+string(e.Kind), "incident", i.Number, "id", i.ID, "title", i.Title, "reason", e.Reason)
			}
		}
		s.topic.Send(Notice{Tenant: i.Tenant, Environment: i.Environment, ID: i.ID, State: i.State})
	}
	if due {
		nudge(s.wakes)
	}
	if letters {
		nudge(s.letters)
	}
	return nil
}

// loud tells what the log is told of too: an operator should see it wherever
// they look.
func loud(k EntryKind) bool { return k == Exhausted || k == NobodyToPage }

// entropy makes ids that rise, also within a millisecond.
var entropy = &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(ulid.DefaultEntropy(), 0)}

// newID is a new id that is above all before it in this process while the clock
// does not go back.
func newID() string { return ulid.MustNew(ulid.Now(), entropy).String() }

// NewID is an id for what is stored beside the ledger, in its order.
func NewID() string { return newID() }

// number returns the last incident's number of a tenant. The caller holds mu.
func (s *Service) number(ctx context.Context, tenant string) (int64, error) {
	if n, ok := s.numbers[tenant]; ok {
		return n, nil
	}
	n, err := s.store.LastIncidentNumber(ctx, tenant)
	if err != nil {
		return 0, err
	}
	s.numbers[tenant] = n
	return n, nil
}

func (s *Service) router(ctx context.Context, tenant string) (Router, error) {
	if s.opt.Router == nil {
		return nil, nil
	}
	r, err := s.opt.Router(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the routes of %s: %w", tenant, err)
	}
	return r, nil
}

func (s *Service) roster(ctx context.Context, tenant string) (Roster, error) {
	if s.opt.Roster == nil {
		return nil, nil
	}
	r, err := s.opt.Roster(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the schedules of %s: %w", tenant, err)
	}
	return r, nil
}

// again runs fn, and once more where somebody else was faster.
func again(fn func() error) error {
	err := fn()
	if errors.Is(err, ErrConflict) {
		err = fn()
	}
	return err
}
