package respond

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// settleWithin bounds the storing of outcomes.
	settleWithin = 20 * time.Second
)

// Deliver sends what is due until the context ends, and then waits for what is
// on its way. Report is told of each round that failed, or nil.
func (s *Service) Deliver(ctx context.Context, report func(error)) {
	d := &delivery{s: s, busy: map[Channel]int{}, free: make(chan struct{}, 1)}
	// Sends outlast the context by a while: one that is cut off is one that
	// may arrive twice.
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	for ctx.Err() == nil {
		more, err := d.round(ctx, sending, s.opt.Now())
		if ctx.Err() != nil {
			break
		}
		report(err)
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-s.letters:
		case <-d.free:
		case <-time.After(d.pace(ctx)):
		}
	}
	stop := time.AfterFunc(deliverLast, cut)
	defer stop.Stop()
	d.running.Wait()
}

// pace is how long to wait for a hint before looking again.
func (d *delivery) pace(ctx context.Context) time.Duration {
	_, messages, err := d.s.store.Pending(ctx)
	return pace(messages || err != nil)
}

// deliverLast is how long sends may go on after the end of Deliver's context.
const deliverLast = 5 * time.Second

// delivery is who is sending what.
type delivery struct {
	s       *Service
	running sync.WaitGroup
	free    chan struct{} // room for more

	mu   sync.Mutex
	busy map[Channel]int
	all  int

	outcomes settling
}

// round claims what there is room for and lets it be sent; more tells that
// there may be more to claim.
func (d *delivery) round(ctx, sending context.Context, now time.Time) (more bool, err error) {
	o := d.s.opt
	share := max(1, o.Workers/4)
	d.mu.Lock()
	room := o.Workers - d.all
	var full []Channel
	lane := share
	for c, n := range d.busy {
		if n >= share {
			full = append(full, c)
		} else {
			lane = min(lane, share-n)
		}
	}
	d.mu.Unlock()
	if room <= 0 {
		return false, nil
	}
	slices.Sort(full)
	claimed, err := d.s.store.ClaimMessages(ctx, Claim{Now: now, Ahead: now.Add(clockSlack), Until: now.Add(o.Lease),
		Stale: now.Add(2 * o.Lease), Limit: room, PerLane: max(1, lane/2), Skip: full})
	if err != nil {
		return false, fmt.Errorf("claim messages: %w", err)
	}
	for _, m := range claimed {
		d.mu.Lock()
		d.busy[m.Contact.Channel]++
		d.all++
		d.mu.Unlock()
		d.running.Go(func() {
			d.send(sending, m)
			d.mu.Lock()
			if d.busy[m.Contact.Channel]--; d.busy[m.Contact.Channel] == 0 {
				delete(d.busy, m.Contact.Channel)
			}
			d.all--
			d.mu.Unlock()
			nudge(d.free)
		})
	}
	return len(claimed) > 0, nil
}

// send makes one try and stores how it ended. A claim that cannot be stored
// ends by itself with its lease.
func (d *delivery) send(ctx context.Context, m Message) {
	within := d.s.opt.Lease * 2 / 3
	bounded, cancel := context.WithTimeout(ctx, within)
	o, m := d.s.try(bounded, m)
	cancel()
	settled := Settle(m, o, d.s.opt.Now())
	if err := d.outcomes.store(ctx, d.s, settled); err != nil {
		d.s.log.Error("the outcome of a message could not be stored; it is tried again when its lease ends",
			"message", m.ID, "contact", m.Contact.Name, "error", err)
	}
}

// try sends a message, or where an earlier try was cut off, asks what became of
// it first.
func (s *Service) try(ctx context.Context, m Message) (Outcome, Message) {
	sender, ok := s.opt.Senders[m.Contact.Channel]
	if !ok {
		return Outcome{State: Failed, Reason: fmt.Sprintf("The channel %s is not set up here.", m.Contact.Channel)}, m
	}
	if m.Uncertain {
		if asker, ok := sender.(Asker); ok {
			o, found, err := asker.Ask(ctx, m)
			switch {
			case err != nil && m.Tries < maxTries/2:
				return Outcome{State: Due, Uncertain: true, Reason: "The provider could not be asked what became of an earlier try."}, m
			case err != nil:
				m.PossibleDuplicate = true
			case found:
				return o, m
			}
		} else {
			m.PossibleDuplicate = true
		}
	}
	kept := m.Content
	if s.opt.AckURL != nil && (m.Kind == PageMessage || m.Kind == TestMessage) {
		m.Content.AckURL = s.opt.AckURL(m)
	}
	if s.opt.Letter != nil && (m.Kind == StatusMessage || m.Kind == SubscribeMessage) {
		m.Content.AckURL, m.Content.Unsubscribe = s.opt.Letter(m)
	}
	if s.opt.Code != nil && m.Kind == VerifyMessage {
		m.Content.Text = s.opt.Code(m)
	}
	o := sender.Send(ctx, m)
	m.Content = kept // secrets are kept nowhere
	switch o.State {
	case Sent, Delivered, Failed, Due:
	default:
		o = Outcome{State: Due, Uncertain: true, Reason: fmt.Sprintf("The sender of %s gave no outcome.", m.Contact.Channel)}
	}
	return o, m
}

// settling lets outcomes that come in while a transaction runs share the next.
type settling struct {
	turn sync.Mutex
	mu   sync.Mutex
	line []*outcome
}

type outcome struct {
	Settled
	stored bool
	err    error
}

func (q *settling) store(ctx context.Context, s *Service, settled Settled) error {
	o := &outcome{Settled: settled}
	q.mu.Lock()
	q.line = append(q.line, o)
	q.mu.Unlock()
	q.turn.Lock()
	defer q.turn.Unlock()
	if o.stored || o.err != nil {
		return o.err
	}
	q.mu.Lock()
	line := q.line
	q.line = nil
	q.mu.Unlock()
	list := make([]Settled, len(line))
	for n := range line {
		list[n] = line[n].Settled
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
	defer cancel()
	err := s.settle(bounded, list)
	for _, o := range line {
		o.stored, o.err = err == nil, err
	}
	return err
}

// settle stores outcomes, and lets an escalation go on whose page could not be
// delivered.
func (s *Service) settle(ctx context.Context, list []Settled) error {
	for n := range list {
		list[n].Entry.ID = newID()
	}
	if err := s.store.SettleMessages(ctx, list); err != nil {
		return err
	}
	for _, x := range list {
		m := x.Message
		if x.Disable != "" {
			s.log.Warn("a contact is disabled", "contact", m.Contact.Name, "channel", m.Contact.Channel, "reason", x.Disable)
		}
		if m.State == Failed && m.Page != "" {
			if err := s.pageFailed(ctx, m); err != nil {
				return err
			}
		}
		if m.State == Due {
			nudge(s.letters)
		}
	}
	return nil
}

// pageFailed ends the page of a failed message, where that was its last hope.
func (s *Service) pageFailed(ctx context.Context, m Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opt.Now()
	return again(func() error {
		i, err := s.store.Incident(ctx, m.Tenant, m.Incident)
		if err != nil {
			return err
		}
		messages, err := s.store.PageMessages(ctx, m.Tenant, m.Page)
		if err != nil {
			return err
		}
		open, err := s.store.PagesOf(ctx, []string{m.Incident}, true)
		if err != nil {
			return err
		}
		for _, p := range open {
			if p.ID != m.Page {
				continue
			}
			if d, ended := unreached(i, p, open, messages, now); ended {
				return s.apply(ctx, Batch{Decisions: []Decision{d}}, now)
			}
		}
		return nil
	})
}

// Receipt takes a provider's later word on a message: it arrived, or it did
// not. What is not known, or is settled already, is no error: receipts come
// more than once.
func (s *Service) Receipt(ctx context.Context, tenant, message string, o Outcome, now time.Time) error {
	m, err := s.store.Message(ctx, tenant, message)
	if err != nil {
		return err
	}
	if m.State != Sent || o.State != Delivered && o.State != Failed {
		return nil
	}
	x := Settled{Lease: m.LeaseUntil, Message: m}
	x.Message.State, x.Message.Reason, x.Message.ChangedAt = o.State, o.Reason, now
	if o.Disable {
		x.Disable = o.Reason
	}
	x.Entry = Entry{Tenant: m.Tenant, At: now, Kind: MessageReceipt, By: m.Contact.Name, Incident: m.Incident, Page: m.Page,
		Message: m.ID, Person: m.Contact.Person, Reason: fmt.Sprintf("The provider says: %s. %s", o.State, o.Reason)}
	return s.settle(ctx, []Settled{x})
}
