package respond

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// maxSnooze is how long an incident can be put off.
const maxSnooze = 14 * 24 * time.Hour

// By is who does something to an incident.
type By struct {
	ID   string // user id of a person; empty for a program
	Name string // for people to read
}

// acknowledge says that somebody has taken it up: the escalation ends, and
// nobody else is told to.
func (t *turn) acknowledge(f Facts, by By, note string) error {
	note, err := written("the note", note, 0)
	switch i := t.Incident; {
	case err != nil:
		return err
	case i.State == Resolved:
		return fmt.Errorf("%w: it is resolved already", ErrState)
	case i.State == Acknowledged:
		return fmt.Errorf("%w: it has been taken up already", ErrState)
	}
	i := &t.Incident
	i.State, i.Assignee, i.Held, i.TakenAtSource = Acknowledged, by.ID, "", ""
	i.SnoozedTo, i.WakeAt = time.Time{}, time.Time{}
	if i.AckedAt.IsZero() {
		i.AckedAt = t.now
	}
	reason := by.Name + " has taken it up."
	if note != "" {
		reason += " " + note
	}
	e := t.note(Taken, by.Name, reason)
	e.Person = by.ID
	t.answered(f, by, reason)
	t.inform(f, UpdateMessage, reason, true)
	return nil
}

// answered ends all pages of the incident: the person's own are answered.
func (t *turn) answered(f Facts, by By, reason string) {
	for _, p := range f.Pages {
		if by.ID != "" && p.Person == by.ID {
			t.end(p, PageAnswered, by.Name, reason)
		} else {
			t.end(p, PageSuperseded, by.Name, reason)
		}
	}
}

// reassign gives it to another person, who is told at once. The escalation goes
// on from there until that person acknowledges.
func (t *turn) reassign(f Facts, by By, to By, note string) error {
	note, err := written("the note", note, 0)
	switch {
	case err != nil:
		return err
	case to.ID == "":
		return fmt.Errorf("%w: name the person to give it to", ErrInvalid)
	case t.Incident.State == Resolved:
		return fmt.Errorf("%w: it is resolved already", ErrState)
	}
	reason := fmt.Sprintf("%s gives it to %s.", by.Name, to.Name)
	if note != "" {
		reason += " " + note
	}
	t.answered(f, by, reason)
	t.trigger(Reassigned, by.Name, reason, t.now.Add(reassignWait))
	t.Incident.Assignee = to.ID
	if !t.page(f, Recipient{Kind: ToPerson, ID: to.ID}, to.ID, reason) {
		t.Incident.WakeAt = t.now
	}
	return nil
}

// reassignWait is how long the person to whom it was given has to take it up,
// before the escalation begins from its first step.
const reassignWait = 10 * time.Minute

// snooze puts it off until a time, at which it is triggered again.
func (t *turn) snooze(f Facts, by By, until time.Time, note string) error {
	note, err := written("the note", note, 0)
	switch {
	case err != nil:
		return err
	case !until.After(t.now):
		return fmt.Errorf("%w: the time must be in the future", ErrInvalid)
	case until.Sub(t.now) > maxSnooze:
		return fmt.Errorf("%w: 14 days at most", ErrInvalid)
	case t.Incident.State == Resolved:
		return fmt.Errorf("%w: it is resolved already", ErrState)
	}
	i := &t.Incident
	i.State, i.Assignee, i.Held, i.TakenAtSource = Snoozed, by.ID, "", ""
	i.SnoozedTo, i.WakeAt = until, until
	if i.AckedAt.IsZero() {
		i.AckedAt = t.now
	}
	reason := fmt.Sprintf("%s puts it off until %s.", by.Name, until.UTC().Format("2006-01-02 15:04 UTC"))
	if note != "" {
		reason += " " + note
	}
	t.note(Postponed, by.Name, reason)
	t.answered(f, by, reason)
	return nil
}

// resolve says that it is over. Where alerts still fire, that stands for an
// hour.
func (t *turn) resolve(f Facts, by By, note string) error {
	note, err := written("the note", note, 0)
	if err != nil {
		return err
	}
	if t.Incident.State == Resolved {
		return fmt.Errorf("%w: it is resolved already", ErrState)
	}
	reason := by.Name + " has resolved it."
	if note != "" {
		reason += " " + note
	}
	t.finish(f, by, reason)
	return nil
}

// finish ends the incident, with all pages, and tells who was told of it.
func (t *turn) finish(f Facts, by By, reason string) {
	i := &t.Incident
	i.State, i.ResolvedAt, i.Held, i.TakenAtSource = Resolved, t.now, "", ""
	i.SnoozedTo, i.WakeAt = time.Time{}, time.Time{}
	if i.Firing > 0 {
		i.WakeAt = t.now.Add(stillFiring)
	}
	t.note(Finished, by.Name, reason)
	t.answered(f, by, reason)
	t.inform(f, ResolvedMessage, reason, false)
}

// reopen takes a resolution or an acknowledgement back.
func (t *turn) reopen(f Facts, by By, reason string) error {
	reason, err := written("the reason", reason, 3)
	switch {
	case err != nil:
		return err
	case t.Incident.State == Triggered:
		return fmt.Errorf("%w: it is open already", ErrState)
	case t.Incident.MergedInto != "":
		return fmt.Errorf("%w: it is part of another incident now; reopen that one", ErrState)
	}
	t.trigger(Reopened, by.Name, reason, t.now)
	t.apart(f)
	return nil
}

// hasten takes the next step of the escalation now.
func (t *turn) hasten(f Facts, by By, note string) error {
	note, err := written("the note", note, 0)
	switch {
	case err != nil:
		return err
	case t.Incident.State == Resolved:
		return fmt.Errorf("%w: it is resolved already", ErrState)
	}
	position := t.Incident.Position
	reason := by.Name + " asks for the next step now."
	if note != "" {
		reason += " " + note
	}
	if t.Incident.State == Triggered {
		t.note(Escalated, by.Name, reason)
	} else {
		t.trigger(Escalated, by.Name, reason, t.now)
		t.Incident.Position = position
	}
	t.Incident.Held = ""
	t.escalate(f)
	return nil
}

// remark writes down what a person has to say.
func (t *turn) remark(by By, text string) error {
	text, err := written("the note", text, 1)
	if err != nil {
		return err
	}
	e := t.note(Noted, by.Name, text)
	e.Person = by.ID
	return nil
}

// change sets the title and the severity, where they are given.
func (t *turn) change(by By, title string, severity finding.Severity) error {
	i := &t.Incident
	title, err := written("the title", title, 0)
	switch {
	case err != nil:
		return err
	case len(title) > maxTitle:
		return fmt.Errorf("%w: the title may have %d bytes at most", ErrInvalid, maxTitle)
	case severity != 0 && severity.String() == "":
		return fmt.Errorf("%w: the severity is not one of info, warning, critical", ErrInvalid)
	case title == "" && severity == 0:
		return fmt.Errorf("%w: nothing to change was given", ErrInvalid)
	}
	if title != "" && title != i.Title {
		t.note(Changed, by.Name, fmt.Sprintf("Title: %s (was %s)", title, i.Title))
		i.Title = title
	}
	if severity != 0 && severity != i.Severity {
		t.note(Changed, by.Name, fmt.Sprintf("Severity: %s (was %s)", severity, i.Severity))
		i.Severity, i.Urgency = severity, urgency(severity)
		if i.State == Triggered && i.Held != "" {
			t.wake(t.now)
		}
	}
	return nil
}

// declare opens an incident by hand; only a person resolves it.
func declare(id string, number int64, d Declaration, by By, now time.Time) (*turn, error) {
	title, err := written("the title", d.Title, 3)
	switch {
	case err != nil:
		return nil, err
	case len(title) > maxTitle:
		return nil, fmt.Errorf("%w: the title may have %d bytes at most", ErrInvalid, maxTitle)
	case d.Severity.String() == "":
		return nil, fmt.Errorf("%w: the severity is not one of info, warning, critical", ErrInvalid)
	case d.Policy == "":
		return nil, fmt.Errorf("%w: name the escalation policy", ErrInvalid)
	}
	t := begin(Incident{ID: id, Number: number, Tenant: d.Tenant, Environment: d.Environment, Title: title,
		Severity: d.Severity, Finding: d.Finding, Urgency: High, State: Triggered, Policy: d.Policy, Declared: true, OpenedAt: now, WakeAt: now}, now)
	t.note(Opened, by.Name, fmt.Sprintf("%s declares incident %d: %s", by.Name, number, title))
	return t, nil
}

// Declaration is an incident that a person opens.
type Declaration struct {
	Tenant      string           `json:"tenant"`
	Environment string           `json:"environment,omitempty"`
	Title       string           `json:"title"`
	Severity    finding.Severity `json:"severity"`
	Policy      string           `json:"policy"`
	// Finding is the id of the finding that it is about; empty where there is
	// none. Who declares it has read that finding.
	Finding string `json:"finding,omitempty"`
}

// maxTitle bounds an incident's title, in bytes.
const maxTitle = 1000
