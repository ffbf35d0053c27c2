package respond

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

const (
	// reopenWithin is how long after its end an incident is taken up again by
	// an alert of its group; a later one opens another.
	reopenWithin = time.Hour
	// stillFiring is how long a person's word that it is over stands against
	// alerts that still fire.
	stillFiring = time.Hour
)

// urgency is how hard a severity knocks: what hurts nobody before working hours
// can wait for them.
func urgency(s finding.Severity) Urgency {
	if s >= finding.Critical {
		return High
	}
	return Low
}

// open begins an incident with its first alert. Whoever is to be told is told
// after the target's wait, together with what else arrives until then.
func open(id string, number int64, a Alert, target Target, now time.Time) *turn {
	t := begin(Incident{ID: id, Number: number, Tenant: a.Tenant, Environment: a.Environment, Title: a.Title,
		Severity: a.Severity, Urgency: urgency(a.Severity), State: Triggered, Policy: target.Policy, Route: target.Route,
		Group: target.Group, OpenedAt: now, Firing: 1, Alerts: 1, WakeAt: now.Add(max(0, target.Wait))}, now)
	t.note(Opened, system, fmt.Sprintf("Incident %d: %s", number, a.Title))
	t.source(a)
	return t
}

// join adds an alert that begins to fire. One that is worse than all before
// triggers again what somebody had taken up; so does one of a resolved incident.
func (t *turn) join(a Alert, target Target) {
	i := &t.Incident
	i.Alerts++
	i.Firing++
	worse := a.Severity > i.Severity
	if i.State == Resolved {
		// What it was in its last life does not count.
		i.Title, i.Severity, i.Urgency = a.Title, a.Severity, urgency(a.Severity)
		t.trigger(Reopened, system, "It fires again: "+a.Title, t.now.Add(max(0, target.Wait)))
	} else if worse {
		t.worsen(a)
	}
	t.source(a)
}

// worsen takes over the severity of an alert that is worse than all before.
func (t *turn) worsen(a Alert) {
	i := &t.Incident
	if a.Severity <= i.Severity {
		return
	}
	reason := fmt.Sprintf("Worse: %s, was %s. %s", a.Severity, i.Severity, a.Title)
	i.Title, i.Severity, i.Urgency = a.Title, a.Severity, urgency(a.Severity)
	switch i.State {
	case Resolved:
	case Triggered:
		t.note(Changed, system, reason)
		if i.Held != "" {
			t.wake(t.now)
		}
	default:
		t.trigger(Reopened, system, reason, t.now)
	}
}

// source notes that the alert's source tells of somebody who has taken it up.
func (t *turn) source(a Alert) {
	if i := &t.Incident; a.Acknowledged && (i.State == Triggered || i.State == Snoozed) {
		i.TakenAtSource = a.Source
		t.wake(t.now)
	}
}

// leave takes out an alert that has ended. With the last of them Decide
// resolves the incident.
func (t *turn) leave() {
	t.Incident.Firing = max(0, t.Incident.Firing-1)
}

// apart takes an incident that is triggered again out of its group, where
// another one stands for that by now.
func (t *turn) apart(f Facts) {
	if f.Succeeded {
		t.Incident.Group = ""
	}
}

// trigger makes the incident one that nobody has taken up, and lets its
// escalation begin anew.
func (t *turn) trigger(kind EntryKind, by, reason string, at time.Time) {
	i := &t.Incident
	i.State, i.Position, i.Held, i.Assignee = Triggered, Position{}, "", ""
	i.ResolvedAt, i.SnoozedTo, i.TakenAtSource, i.WakeAt = time.Time{}, time.Time{}, "", at
	t.note(kind, by, reason)
}
