package simulate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond"
)

// mostLooks bounds a simulation: a muted alert is looked at each minute.
const mostLooks = 60_000

// answer is somebody who will take an incident up.
type answer struct {
	at time.Time
	by string
}

// play is a simulation on its way.
type play struct {
	world   World
	plan    plan
	r       *respond.Rehearsal
	trace   Trace
	answers map[string]answer // by incident; of those who have been told
	closed  map[string]bool   // incidents of which no more is told
	first   *respond.Message  // the first that goes out
	unknown string            // why it cannot be told who is on call
}

// run lets time pass until everything is settled, or it was looked far enough.
func run(ctx context.Context, w World, p plan) (Trace, error) {
	s := &play{world: w, plan: p, answers: map[string]answer{}, closed: map[string]bool{}}
	s.trace = Trace{Zone: p.zone.String(), Said: slices.Clone(p.said), Title: p.alert.Title, Severity: p.alert.Severity, Labels: p.alert.Labels,
		Why: []string{}, Routes: []Route{}, Incidents: []Incident{}, Events: []Event{}, Unreached: []Unreached{}}
	if s.trace.Said == nil {
		s.trace.Said = []string{}
	}
	s.trace.Asked = s.moment(p.at)
	s.routes()
	r, batch, err := respond.Rehearse(w.World, p.alert, p.at)
	if err != nil {
		return Trace{}, err
	}
	s.r = r
	s.record(batch, p.at)
	now := p.at
	for looks := 0; ; looks++ {
		if looks > mostLooks {
			s.unknown = cmp.Or(s.unknown, fmt.Sprintf("It was looked %d times, until %s, without an end.", mostLooks, s.moment(now).Local))
			break
		}
		if err := ctx.Err(); err != nil {
			return Trace{}, err
		}
		s.record(r.Wake(now), now)
		s.sent(r.Send(now))
		if err := s.answer(now); err != nil {
			return Trace{}, err
		}
		next := s.next()
		if next.IsZero() || next.After(p.until) {
			break
		}
		now = next
	}
	s.conclude()
	return s.trace, nil
}

// next is when something happens that is worth telling; zero where all is
// settled.
func (s *play) next() time.Time {
	open := len(s.r.Alert().Waiting) > 0
	for _, i := range s.r.Incidents() {
		if s.closed[i.ID] {
			continue
		}
		if _, answered := s.answers[i.ID]; !answered && s.settled(i) {
			s.closed[i.ID] = true
			continue
		}
		open = true
	}
	if !open {
		return time.Time{}
	}
	next := s.r.Next()
	for _, a := range s.answers {
		if next.IsZero() || a.at.Before(next) {
			next = a.at
		}
	}
	return next
}

// settled tells whether nothing new comes of an incident: somebody has it, or
// the last resort is told again each hour. A message that is still to come is
// new.
func (s *play) settled(i respond.Incident) bool {
	if i.State == respond.Triggered && !i.Position.Exhausted {
		return false
	}
	return !slices.ContainsFunc(s.r.Messages(), func(m respond.Message) bool {
		return m.Incident == i.ID && m.State == respond.Due && (i.WakeAt.IsZero() || m.NextAt.Before(i.WakeAt))
	})
}

// sent tells of contacts that are used later than their page, and notes who
// will answer.
func (s *play) sent(list []respond.Message) {
	for _, m := range list {
		if m.Kind != respond.PageMessage {
			continue
		}
		if s.first == nil {
			first := m
			s.first = &first
		}
		if m.Incident == "" || s.closed[m.Incident] {
			continue
		}
		number, waits := s.number(m.Incident), m.NextAt.After(m.CreatedAt)
		if waits {
			who := s.who(respond.Page{Person: m.Contact.Person, Recipient: respond.Recipient{Kind: respond.ToChannel, ID: m.Contact.ID}})
			s.event(m.NextAt, Event{Kind: Message, Incident: number, Person: m.Contact.Person, Who: who,
				Text:     fmt.Sprintf("%s is told by %s too, for nobody has taken it up.", who, m.Contact.Name),
				Contacts: []Contact{{m.Contact.Name, m.Contact.Channel, s.moment(m.NextAt)}}})
		}
		theirs := m.Contact.Person != "" && (s.plan.by == "" || s.plan.by == m.Contact.Person)
		if _, already := s.answers[m.Incident]; s.plan.acknowledged && theirs && !already {
			s.answers[m.Incident] = answer{at: m.SentAt.Add(s.plan.after), by: m.Contact.Person}
		}
	}
}

// answer lets people do what they are to.
func (s *play) answer(now time.Time) error {
	for id, a := range s.answers {
		if a.at.After(now) {
			continue
		}
		delete(s.answers, id)
		batch, err := s.r.Acknowledge(id, respond.By{ID: a.by, Name: s.name(a.by)}, now)
		if err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
		s.record(batch, now)
		s.closed[id] = true
	}
	return nil
}

// routes tells where the alert goes as it comes in.
func (s *play) routes() {
	w, p := s.world, s.plan
	if e, ok := w.Router.(Explainer); ok {
		s.trace.Why = append(s.trace.Why, e.Why(p.alert, p.at)...)
	}
	targets := []respond.Target{{Policy: respond.DefaultPolicy}}
	if w.Router != nil {
		if to := w.Router.Route(p.alert, p.at); len(to) > 0 {
			targets = to
		}
	}
	for _, t := range targets {
		id := cmp.Or(t.Policy, respond.DefaultPolicy)
		out := Route{Route: t.Route, Policy: id, Labels: t.GroupLabels, Muted: t.Muted}
		if n := slices.IndexFunc(w.Policies, func(p respond.Policy) bool { return p.ID == id }); n >= 0 {
			out.Name = cmp.Or(w.Policies[n].Name, id)
		}
		if t.Wait > 0 {
			out.Wait = figure.Span(t.Wait)
		}
		if t.Muted != "" && !t.MutedUntil.IsZero() {
			until := s.moment(t.MutedUntil)
			out.Until = &until
		}
		s.trace.Routes = append(s.trace.Routes, out)
	}
}

// moment is a time on the trace's clocks.
func (s *play) moment(at time.Time) Moment {
	d := at.Sub(s.plan.at).Round(time.Second)
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	after := fmt.Sprintf("T+%s%d:%02d", sign, int(d.Hours()), int(d.Minutes())%60)
	if sec := int(d.Seconds()) % 60; sec != 0 {
		after += fmt.Sprintf(":%02d", sec)
	}
	return Moment{UTC: at.UTC(), Local: at.In(s.plan.zone).Format("Mon 2 Jan 2006 15:04:05 MST"), After: after}
}

func (s *play) event(at time.Time, e Event) {
	e.Moment = s.moment(at)
	s.trace.Events = append(s.trace.Events, e)
}

// number is an incident's short name.
func (s *play) number(id string) int64 {
	for _, i := range s.r.Incidents() {
		if i.ID == id {
			return i.Number
		}
	}
	return 0
}

func (s *play) name(person string) string { return cmp.Or(s.world.People[person], person) }

// who names whom a page is for.
func (s *play) who(p respond.Page) string {
	if p.Person != "" {
		return s.name(p.Person)
	}
	for _, m := range s.r.Messages() {
		if m.Contact.ID == p.Recipient.ID {
			return m.Contact.Name
		}
	}
	return p.Recipient.ID
}

// sentence ends with a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text != "" && !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}
