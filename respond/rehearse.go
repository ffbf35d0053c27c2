package respond

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// World is all that it depends on what becomes of an alert, as values.
type World struct {
	Router   Router // nil: everything goes to the policy "default"
	Roster   Roster // nil: there are no schedules
	Policies []Policy
	Book     Book
	// StormLimit is how many pages within StormWindow reach a person one by one.
	StormLimit  int
	StormWindow time.Duration
}

// Rehearsal does with one alert what the Service would do, by the same rules,
// and keeps it in memory alone: nothing is stored, nothing is sent. No other
// alert and no other incident stands in it. It is not safe for concurrent use.
type Rehearsal struct {
	world     World
	alert     Standing
	incidents []Incident // in the order in which they were opened
	pages     []Page
	messages  []Message
}

// Rehearse receives an alert. What follows from it, as from Wake and
// Acknowledge, is in the batch.
func Rehearse(w World, a Alert, now time.Time) (*Rehearsal, Batch, error) {
	a.Status = Firing
	if err := a.validate(); err != nil {
		return nil, Batch{}, err
	}
	r := &Rehearsal{world: w}
	return r, r.fold(now, func(f *folder) { f.take(a) }), nil
}

// Alert is the alert as it stands.
func (r *Rehearsal) Alert() Standing { return r.alert }

// Incidents are those that the alert stands in.
func (r *Rehearsal) Incidents() []Incident { return r.incidents }

// Pages are all that there were.
func (r *Rehearsal) Pages() []Page { return r.pages }

// Messages are all that there were, as they stand.
func (r *Rehearsal) Messages() []Message { return r.messages }

// Next is when something is due, zero for never.
func (r *Rehearsal) Next() time.Time {
	next := r.alert.WakeAt
	sooner := func(t time.Time) {
		if next.IsZero() || !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	for _, i := range r.incidents {
		sooner(i.WakeAt)
	}
	for _, m := range r.messages {
		if m.State == Due {
			sooner(m.NextAt)
		}
	}
	return next
}

// Wake does what is due, as Service.Wake does.
func (r *Rehearsal) Wake(now time.Time) Batch {
	var out Batch
	if at := r.alert.WakeAt; !at.IsZero() && !at.After(now) {
		out = r.fold(now, func(f *folder) { f.look(f.alerts[r.alert.ID]) })
	}
	storm := r.storm(now)
	var due Batch
	for _, i := range r.incidents {
		f := r.facts(i, now)
		f.Storm = storm
		d, changed := Decide(f, now)
		if !changed {
			continue
		}
		storm.add(d)
		due.Decisions = append(due.Decisions, d)
	}
	due.Decisions = lastDigests(due.Decisions)
	r.apply(due)
	out.add(due)
	return out
}

// Send lets every message arrive that is due, and returns those.
func (r *Rehearsal) Send(now time.Time) (sent []Message) {
	for n := range r.messages {
		m := &r.messages[n]
		if m.State != Due || m.NextAt.After(now) {
			continue
		}
		m.State, m.Tries, m.SentAt, m.ChangedAt = Sent, 1, now, now
		sent = append(sent, *m)
	}
	return sent
}

// Acknowledge says that somebody takes an incident up, as Service.Acknowledge
// does.
func (r *Rehearsal) Acknowledge(incident string, by By, now time.Time) (Batch, error) {
	n := slices.IndexFunc(r.incidents, func(i Incident) bool { return i.ID == incident })
	if n < 0 {
		return Batch{}, fmt.Errorf("%w: incident %s", ErrNotFound, incident)
	}
	t := begin(r.incidents[n], now)
	if err := t.acknowledge(r.facts(r.incidents[n], now), by, ""); err != nil {
		return Batch{}, err
	}
	b := Batch{Decisions: []Decision{t.done()}}
	r.apply(b)
	return b, nil
}

// fold lets do change what is there.
func (r *Rehearsal) fold(now time.Time, do func(*folder)) Batch {
	f := newFolder(r.world.Router, now, nil)
	f.number = int64(len(r.incidents))
	// join asks for the id before it counts the incident.
	f.newID = func() string { return fmt.Sprintf("rehearsed-%d", f.number+1) }
	if r.alert.ID != "" {
		f.alerts[r.alert.ID] = r.alert
	}
	for _, i := range r.incidents {
		f.incidents[i.ID], f.groups[i.Group] = i, i.ID
	}
	do(f)
	b := f.batch()
	r.apply(b)
	return b
}

// facts are what is to be known about an incident.
func (r *Rehearsal) facts(i Incident, now time.Time) Facts {
	f := Facts{Incident: i, Policy: policyOf(r.world.Policies, i.Policy), Roster: r.world.Roster, Book: r.world.Book}
	for _, p := range r.pages {
		if p.Incident == i.ID && p.State == PageOpen {
			f.Pages = append(f.Pages, p)
		}
	}
	for _, m := range r.messages {
		if m.Incident == i.ID && m.Kind == PageMessage && m.State == Sent {
			f.Told = append(f.Told, m)
		}
	}
	slices.SortStableFunc(f.Told, func(a, b Message) int { return cmp.Or(b.SentAt.Compare(a.SentAt), cmp.Compare(b.ID, a.ID)) })
	if r.world.Router != nil && holdable(i) {
		f.Muted, f.MutedUntil = mutedBy(r.world.Router, i, []Standing{r.alert}, now)
	}
	return f
}

// storm is what is being told at the moment.
func (r *Rehearsal) storm(now time.Time) Storm {
	s := Storm{Limit: r.world.StormLimit, Recent: map[string]int{}, Digests: map[string]Message{}}
	for _, p := range r.pages {
		if p.State == PageOpen && p.BegunAt.After(now.Add(-r.world.StormWindow)) {
			s.Recent[p.To()]++
		}
	}
	for _, m := range r.messages {
		if m.Incident == "" && m.State == Due {
			s.Digests[m.Contact.ID] = m
		}
	}
	return s
}

// apply keeps what a batch has changed.
func (r *Rehearsal) apply(b Batch) {
	for _, st := range b.Alerts {
		r.alert = st
	}
	for _, d := range b.Decisions {
		r.incidents = replaced(r.incidents, d.Incident, func(i Incident) string { return i.ID })
		for _, p := range d.Pages {
			r.pages = replaced(r.pages, p, func(p Page) string { return p.ID })
		}
		for _, w := range d.Withdrawn {
			for n := range r.messages {
				if m := &r.messages[n]; m.Page == w.Page && m.State == Due {
					m.State, m.Reason, m.ChangedAt = Superseded, w.Reason, d.Incident.ChangedAt
				}
			}
		}
		r.messages = append(r.messages, d.Messages...)
		for _, m := range d.Digests {
			r.messages = replaced(r.messages, m, func(m Message) string { return m.ID })
		}
	}
}

// replaced puts x in the place of what has its id, or at the end.
func replaced[T any](list []T, x T, id func(T) string) []T {
	if n := slices.IndexFunc(list, func(o T) bool { return id(o) == id(x) }); n >= 0 {
		list[n] = x
		return list
	}
	return append(list, x)
}
