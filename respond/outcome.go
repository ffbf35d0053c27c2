package respond

import (
	"fmt"
	"hash/fnv"
	"time"
)

const (
	// maxTries is how often a message is tried.
	maxTries = 8
	// firstBackOff doubles with every try, up to mostBackOff.
	firstBackOff, mostBackOff = 5 * time.Second, 5 * time.Minute
	// giveUpAfter is how long after it was due a message is still worth
	// sending: later, others have been told by other ways.
	giveUpAfter = 2 * time.Hour
)

// Settled is what the end of a try makes of a message. It is applied in one
// transaction.
type Settled struct {
	Message Message
	// Lease is the one under which the try was made; where the message has
	// another one by now, or none, nothing is applied.
	Lease   time.Time
	Entry   Entry
	Disable string // why the contact is disabled with it; empty where it is not
}

// Settle applies the outcome of a try to its message, which is Sending.
func Settle(m Message, o Outcome, now time.Time) Settled {
	s := Settled{Lease: m.LeaseUntil}
	m.LeaseUntil, m.ChangedAt = time.Time{}, now
	m.Uncertain = false
	if o.ProviderID != "" {
		m.ProviderID = o.ProviderID
	}
	if o.Thread != "" {
		m.Content.Thread = o.Thread
	}
	m.State, m.Reason = o.State, o.Reason
	switch {
	case o.Disable:
		m.State = Failed
		s.Disable = o.Reason
		if s.Disable == "" {
			s.Disable = "the provider says that it is gone"
		}
	case o.State == Sent || o.State == Delivered:
		m.SentAt = now
	case o.State == Failed:
	case m.Tries >= maxTries:
		m.State, m.Reason = Failed, fmt.Sprintf("Given up after %d tries: %s", m.Tries, o.Reason)
	case now.Sub(m.begun()) > giveUpAfter:
		m.State, m.Reason = Failed, fmt.Sprintf("Given up after %s: %s", span(now.Sub(m.begun())), o.Reason)
	default:
		m.State, m.Uncertain = Due, o.Uncertain
		m.NextAt = now.Add(max(backOff(m), min(o.RetryAfter, giveUpAfter)))
	}
	reason := fmt.Sprintf("Try %d by %s: %s.", m.Tries, m.Contact.Name, m.State)
	if m.State == Due {
		reason = fmt.Sprintf("Try %d by %s went wrong; the next one is in %s.", m.Tries, m.Contact.Name, span(m.NextAt.Sub(now)))
	}
	if m.PossibleDuplicate {
		reason += " It may be a duplicate."
	}
	if m.Reason != "" {
		reason += " " + m.Reason
	}
	s.Message = m
	s.Entry = Entry{Tenant: m.Tenant, At: now, Kind: MessageTried, Reason: reason, By: system,
		Incident: m.Incident, Page: m.Page, Message: m.ID, Person: m.Contact.Person}
	return s
}

// begun is when it was to be sent first.
func (m Message) begun() time.Time {
	if at := m.CreatedAt.Add(m.Contact.After); at.After(m.NotBefore) {
		return at
	}
	return m.NotBefore
}

// backOff is how long to wait after a failed try: doubling, with up to half as
// much on top, so that what failed together does not come back together.
func backOff(m Message) time.Duration {
	d := min(firstBackOff<<min(max(m.Tries-1, 0), 10), mostBackOff)
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %d", m.ID, m.Tries)
	return d + time.Duration(float64(d)/2*float64(h.Sum32())/(1<<32))
}

// unreached ends a page of which no message went out or still may. The
// escalation goes on at once where it waits for that page alone.
func unreached(i Incident, p Page, open []Page, messages []Message, now time.Time) (Decision, bool) {
	if p.State != PageOpen || len(messages) == 0 {
		return Decision{}, false
	}
	for _, m := range messages {
		if m.State != Failed && m.State != Superseded {
			return Decision{}, false
		}
	}
	t := begin(i, now)
	t.end(p, PageFailed, system, "No contact could be reached: "+messages[len(messages)-1].Reason)
	alone := true
	for _, o := range open {
		if o.ID != p.ID && o.State == PageOpen {
			alone = false
		}
	}
	if alone && i.State == Triggered && i.Held == "" && !i.Position.Exhausted {
		t.wake(now)
	}
	return t.done(), true
}
