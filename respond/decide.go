package respond

import (
	"fmt"
	"time"
)

const (
	// clockSlack is how far behind the last change a clock may be without
	// having been set back.
	clockSlack = time.Minute
	// leastWait and mostWait bound the wait of a step, whatever a policy says.
	leastWait, mostWait = time.Minute, 24 * time.Hour
	// nobodyAgain is when it is tried again after a whole round found nobody.
	nobodyAgain = 5 * time.Minute
	// exhaustedAgain is how often the last resort is told.
	exhaustedAgain = time.Hour
	// mutedAgain and hoursAgain are how often what holds an incident is looked
	// at again: a silence may be lifted, a schedule edited.
	mutedAgain, hoursAgain = time.Minute, 15 * time.Minute
)

// Facts is all that a decision about one incident is made from.
type Facts struct {
	Incident Incident
	// Policy of the incident; its ID is empty where there is none any more.
	Policy Policy
	// Pages are those of the incident that are open.
	Pages []Page
	// Told are the messages of its pages that went out, newest first, and those
	// that are going out at this moment: they arrive, and would stay as they
	// are if nobody told them what became of it.
	Told   []Message
	Roster Roster
	Book   Book
	Storm  Storm
	// Muted says why all alerts of it are muted, empty where one is not.
	Muted      string
	MutedUntil time.Time
	// Succeeded says that another incident of its group stands, so that this
	// one, where it is triggered again, stands apart.
	Succeeded bool
	// URL of the incident in the console; empty where there is none.
	URL string
}

// Decide looks at an incident whose time has come. Without a change it returns
// false: nothing is to be stored.
//
// It takes one step of the escalation at most, unless a step finds nobody, and
// counts every wait from now: a clock that jumps ahead causes no burst.
func Decide(f Facts, now time.Time) (Decision, bool) {
	i := f.Incident
	if i.ChangedAt.Sub(now) > clockSlack {
		return setBack(i, now), true
	}
	if i.WakeAt.IsZero() || i.WakeAt.After(now) {
		return Decision{Incident: i}, false
	}
	t := begin(i, now)
	t.Incident.WakeAt = time.Time{}
	t.look(f)
	return t.done(), true
}

// look does what is due.
func (t *turn) look(f Facts) {
	i := &t.Incident
	switch {
	case i.State == Resolved && i.Firing > 0:
		t.trigger(Reopened, system, fmt.Sprintf("Alerts of it still fire, %s after it was resolved.", span(t.now.Sub(i.ResolvedAt))), t.now)
		t.apart(f)
	case i.State == Resolved:
		return
	case i.Firing == 0 && !i.Declared && i.MergedInto != "":
		t.finish(f, By{Name: system}, "Its alerts are part of another incident now: one cause is behind both.")
		return
	case i.Firing == 0 && !i.Declared:
		t.finish(f, By{Name: system}, "All of its alerts have ended.")
		return
	case i.TakenAtSource != "" && (i.State == Triggered || i.State == Snoozed):
		by := By{Name: i.TakenAtSource}
		// It cannot fail: the state is one that can be acknowledged.
		_ = t.acknowledge(f, by, "")
		return
	case i.State == Acknowledged:
		return
	case i.State == Snoozed && i.SnoozedTo.After(t.now):
		i.WakeAt = i.SnoozedTo
		return
	case i.State == Snoozed:
		t.trigger(Woken, system, "The time until which it was put off is over.", t.now)
	}
	if reason, until := hold(f, *i, t.now); reason != "" {
		if i.Held != reason {
			t.note(Held, system, reason)
		}
		i.Held, i.WakeAt = reason, until
		return
	}
	if i.Held != "" {
		t.note(Woken, system, "It pages again: "+i.Held+" That is over.")
		i.Held = ""
	}
	t.escalate(f)
}

// hold tells why an incident that nobody has taken up pages nobody now, and
// when to look again. What cannot be told does not hold.
func hold(f Facts, i Incident, now time.Time) (reason string, until time.Time) {
	if f.Muted != "" {
		until = now.Add(mutedAgain)
		if f.MutedUntil.After(now) && f.MutedUntil.Before(until) {
			until = f.MutedUntil
		}
		return f.Muted, until
	}
	if i.Urgency != Low || f.Policy.Hours == "" || f.Roster == nil {
		return "", time.Time{}
	}
	duties, next, err := f.Roster.OnCall(f.Policy.Hours, now)
	if err != nil || len(duties) > 0 || next.IsZero() {
		return "", time.Time{}
	}
	until = now.Add(hoursAgain)
	if next.After(now) && next.Before(until) {
		until = next
	}
	return fmt.Sprintf("It is of low urgency and waits for the hours of %s.", f.Policy.Hours), until
}

// escalate takes the next step. A step that reaches nobody is followed by the
// next one at once.
func (t *turn) escalate(f Facts) {
	i, p := &t.Incident, f.Policy
	if p.ID == "" {
		t.note(NobodyToPage, system, fmt.Sprintf("There is no escalation policy %q.", i.Policy))
	}
	for taken := 0; ; taken++ {
		if i.Position.Step >= len(p.Steps) && len(p.Steps) > 0 {
			i.Position = Position{Round: i.Position.Round + 1}
		}
		if len(p.Steps) == 0 || i.Position.Round >= max(1, p.Rounds) {
			t.exhausted(f)
			return
		}
		if taken >= len(p.Steps) {
			t.note(NobodyToPage, system, fmt.Sprintf("No step of %s reaches anybody; it is tried again in %s.", p.Name, span(nobodyAgain)))
			i.WakeAt = t.now.Add(nobodyAgain)
			return
		}
		n := i.Position.Step
		t.note(Escalated, system, fmt.Sprintf("Step %d of %d, round %d of %d.", n+1, len(p.Steps), i.Position.Round+1, max(1, p.Rounds)))
		t.held, t.counted = 0, false
		reached := t.notify(f, p.Steps[n].Notify)
		i.Position.Step++
		if reached {
			// Where all are quiet, their time to answer begins with the message.
			i.WakeAt = t.now.Add(t.held + min(max(p.Steps[n].Wait, leastWait), mostWait))
			return
		}
	}
}

// exhausted says loudly that nobody has taken it up, and tells the last resort
// (or, where there is none, the last step) now and every hour.
func (t *turn) exhausted(f Facts) {
	i, p := &t.Incident, f.Policy
	to := p.LastResort
	if len(to) == 0 && len(p.Steps) > 0 {
		to = p.Steps[len(p.Steps)-1].Notify
	}
	reason := "Nobody has taken it up after all rounds of its escalation. The last resort is told now, and every hour from now on."
	if len(p.LastResort) == 0 {
		reason = "Nobody has taken it up after all rounds of its escalation, and there is no last resort. The last step is told again every hour."
	}
	if p.ID == "" {
		reason = "Nobody can be told without an escalation policy. It is tried again every hour; write a policy, and take this up by hand."
	}
	if i.Position.Exhausted {
		t.note(Escalated, system, "Still nobody has taken it up.")
	} else {
		i.Position.Exhausted = true
		t.note(Exhausted, system, reason)
	}
	if !t.notify(f, to) {
		t.note(NobodyToPage, system, "The last resort reaches nobody either.")
	}
	i.WakeAt = t.now.Add(exhaustedAgain)
}

// setBack begins waits anew when the clock was set back: what was to wake in
// five minutes still does.
func setBack(i Incident, now time.Time) Decision {
	t := begin(i, now)
	back := i.ChangedAt.Sub(now)
	if !i.WakeAt.IsZero() {
		t.Incident.WakeAt = i.WakeAt.Add(-back)
	}
	if !i.SnoozedTo.IsZero() {
		t.Incident.SnoozedTo = i.SnoozedTo.Add(-back)
	}
	t.note(ClockChanged, system, fmt.Sprintf("The clock was set back by %s; what it waits for comes as much earlier.", span(back)))
	return t.done()
}

// span writes a duration for people.
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
