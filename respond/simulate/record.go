package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond"
)

// kinds are how entries of the ledger are told.
var kinds = map[respond.EntryKind]Kind{
	respond.AlertReceived: Received, respond.AlertGrouped: Received, respond.AlertMuted: Muted, respond.Opened: Opened,
	respond.Escalated: Step, respond.PageBegun: Page, respond.NobodyToPage: Missed, respond.Held: Held, respond.Woken: Woken,
	respond.Taken: Acknowledged, respond.Exhausted: Exhausted, respond.MessageQueued: News,
}

// record tells what a batch does.
func (s *play) record(b respond.Batch, at time.Time) {
	for _, e := range b.Entries {
		s.event(at, Event{Kind: kind(e.Kind), Incident: s.number(e.Incident), Text: sentence(e.Reason)})
	}
	for _, d := range b.Decisions {
		if s.closed[d.Incident.ID] {
			continue
		}
		for _, e := range d.Entries {
			s.entry(d, e, at)
		}
		s.wait(d, at)
	}
}

func kind(k respond.EntryKind) Kind {
	if out, ok := kinds[k]; ok {
		return out
	}
	return Other
}

// entry tells of one line of the ledger.
func (s *play) entry(d respond.Decision, e respond.Entry, at time.Time) {
	out := Event{Kind: kind(e.Kind), Incident: d.Incident.Number, Text: sentence(e.Reason)}
	switch e.Kind {
	case respond.PageEnded:
		n := slices.IndexFunc(d.Pages, func(p respond.Page) bool { return p.ID == e.Page })
		if n < 0 || d.Pages[n].State != respond.PageFailed {
			return // it is told by what ended it
		}
		out.Kind, out.Person, out.Who = Missed, d.Pages[n].Person, s.who(d.Pages[n])
		out.Why = d.Pages[n].Why
		out.Text = fmt.Sprintf("%s cannot be told (%s). %s", out.Who, strings.TrimSuffix(out.Why, "."), out.Text)
		s.missed(at, out.Who, e.Reason)
	case respond.NobodyToPage:
		s.missed(at, "", e.Reason)
		if strings.HasPrefix(e.Reason, "Who is on call") {
			s.unknown = e.Reason
		}
	case respond.PageBegun:
		n := slices.IndexFunc(d.Pages, func(p respond.Page) bool { return p.ID == e.Page })
		if n < 0 {
			return
		}
		p := d.Pages[n]
		out.Person, out.Who, out.Why = p.Person, s.who(p), p.Why
		for _, m := range d.Messages {
			if m.Page == p.ID {
				out.Contacts = append(out.Contacts, Contact{m.Contact.Name, m.Contact.Channel, s.moment(m.NextAt)})
			}
		}
		if p.Person != "" {
			_, out.NotUsed = s.world.Book.Usable(p.Person, d.Incident.Urgency)
		}
		out.Text = fmt.Sprintf("%s is paged. %s", out.Who, out.Text)
	}
	s.event(at, out)
}

func (s *play) missed(at time.Time, who, why string) {
	for _, u := range s.trace.Unreached {
		if u.Who == who && u.Why == why {
			return
		}
	}
	s.trace.Unreached = append(s.trace.Unreached, Unreached{At: s.moment(at), Who: who, Why: why})
}

// wait tells what an incident waits for.
func (s *play) wait(d respond.Decision, at time.Time) {
	i := d.Incident
	if i.State != respond.Triggered || i.Held != "" || !i.WakeAt.After(at) || i.Position.Exhausted {
		return
	}
	long := figure.Span(i.WakeAt.Sub(at))
	text := fmt.Sprintf("It waits %s for other alerts of the incident, then takes the first step.", long)
	if i.Paged > 0 || i.Position.Step > 0 || i.Position.Round > 0 {
		text = fmt.Sprintf("It waits %s for somebody to take it up, then %s.", long, s.follows(i))
	}
	until := s.moment(i.WakeAt)
	s.event(at, Event{Kind: Wait, Incident: i.Number, Text: text, Until: &until})
}

// follows says what comes after the wait of an incident.
func (s *play) follows(i respond.Incident) string {
	var p respond.Policy
	for _, one := range s.world.Policies {
		if one.ID == i.Policy || p.ID == "" && one.ID == respond.DefaultPolicy {
			p = one
		}
	}
	switch rounds := max(1, p.Rounds); {
	case i.Position.Step < len(p.Steps):
		return fmt.Sprintf("takes step %d of %d", i.Position.Step+1, len(p.Steps))
	case i.Position.Round+1 < rounds:
		return fmt.Sprintf("begins round %d of %d", i.Position.Round+2, rounds)
	case len(p.LastResort) > 0:
		return "tells the last resort"
	}
	return "tells the last step again, each hour"
}

// conclude says what it comes to.
func (s *play) conclude() {
	t := &s.trace
	for _, i := range s.r.Incidents() {
		t.Incidents = append(t.Incidents, Incident{Number: i.Number, Title: i.Title, Severity: i.Severity, Urgency: i.Urgency, State: i.State,
			Policy: i.Policy, Route: i.Route, Pages: i.Paged, Outcome: s.outcome(i)})
	}
	t.Assumed = append([]string{"Every message arrives, no other alert fires, and no other incident is open."}, s.world.LeftOut...)
	if s.plan.acknowledged && !slices.ContainsFunc(t.Events, func(e Event) bool { return e.Kind == Acknowledged }) {
		text := "Nobody is told in time to take it up."
		if s.plan.by != "" {
			text = s.name(s.plan.by) + " is not told in time to take it up."
		}
		t.Said = append(t.Said, text)
	}
	looked := figure.Span(s.plan.until.Sub(s.plan.at))
	switch {
	case s.first != nil:
		t.Verdict = Paged
		to := s.name(s.first.Contact.Person)
		if s.first.Contact.Person == "" {
			to = s.first.Contact.Name
			t.Summary = fmt.Sprintf("%s would be told", to)
		} else {
			t.Summary = fmt.Sprintf("%s would be paged by %s", to, s.first.Contact.Name)
		}
		m := s.moment(s.first.SentAt)
		if d := s.first.SentAt.Sub(s.plan.at); d > 0 {
			t.Summary += " after " + figure.Span(d)
		} else {
			t.Summary += " at once"
		}
		t.Summary += fmt.Sprintf(", at %s (%s).", m.Local, utc(m.UTC))
		if people(t.Events) == 0 {
			t.Summary += " No person is paged, only a shared channel."
		}
	case s.unknown != "":
		t.Verdict, t.Summary = Unknown, "It cannot be told who would be paged. "+sentence(s.unknown)
	default:
		t.Verdict, t.Summary = Nobody, fmt.Sprintf("Nobody would be paged within %s. %s", looked, s.because())
	}
}

func people(events []Event) (n int) {
	for _, e := range events {
		if e.Kind == Page && e.Person != "" {
			n++
		}
	}
	return n
}

// because says why nobody is paged: the last thing that kept it.
func (s *play) because() string {
	for _, i := range s.r.Incidents() {
		if i.Held != "" {
			return sentence(i.Held)
		}
	}
	if a := s.r.Alert(); a.Fate == respond.Muted {
		return sentence(a.Reason)
	}
	if n := len(s.trace.Unreached); n > 0 {
		return sentence(s.trace.Unreached[0].Why)
	}
	return ""
}

// outcome says how an incident stands at the end.
func (s *play) outcome(i respond.Incident) string {
	switch {
	case i.State == respond.Acknowledged:
		return fmt.Sprintf("%s has taken it up %s after the alert.", s.name(i.Assignee), figure.Span(i.AckedAt.Sub(s.plan.at)))
	case i.Position.Exhausted:
		return "Nobody has taken it up after all rounds. The last resort is told again each hour until somebody does."
	case i.Held != "":
		return "It still waits: " + sentence(i.Held)
	}
	return "Nobody has taken it up so far; it goes on."
}
