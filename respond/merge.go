package respond

import (
	"fmt"
	"slices"
	"time"
)

// maxMoved bounds how many alerts are moved from one incident to another at once.
const maxMoved = 5000

// merge makes one incident part of another: its alerts go over, and it ends.
// Later alerts of its group join the other one.
func merge(from, into *turn, f Facts, alerts []Standing, by By) ([]Standing, error) {
	switch {
	case from.Incident.ID == into.Incident.ID:
		return nil, fmt.Errorf("%w: an incident cannot be merged into itself", ErrInvalid)
	case from.Incident.Tenant != into.Incident.Tenant:
		return nil, fmt.Errorf("%w: they belong to different tenants", ErrInvalid)
	case from.Incident.MergedInto != "":
		return nil, fmt.Errorf("%w: it is part of another incident already", ErrState)
	case into.Incident.State == Resolved:
		return nil, fmt.Errorf("%w: incident %d is resolved; reopen it first", ErrState, into.Incident.Number)
	}
	alerts = move(from, into, alerts)
	reason := fmt.Sprintf("%s merges incident %d into %d.", by.Name, from.Incident.Number, into.Incident.Number)
	into.note(Merged, by.Name, reason)
	a := Alert{Severity: from.Incident.Severity, Title: into.Incident.Title}
	into.worsen(a)
	from.Incident.MergedInto, from.Incident.Firing = into.Incident.ID, 0
	from.note(Merged, by.Name, reason)
	if from.Incident.State != Resolved {
		from.Incident.State, from.Incident.ResolvedAt = Resolved, from.now
		from.answered(f, By{Name: by.Name}, reason)
	}
	from.Incident.Held, from.Incident.TakenAtSource = "", ""
	from.Incident.SnoozedTo, from.Incident.WakeAt = time.Time{}, time.Time{}
	return alerts, nil
}

// split moves some alerts of an incident into one of their own.
func split(from *turn, id string, number int64, alerts []Standing, by By) (*turn, []Standing, error) {
	if len(alerts) == 0 {
		return nil, nil, fmt.Errorf("%w: name the alerts to split off", ErrInvalid)
	}
	if from.Incident.State == Resolved {
		return nil, nil, fmt.Errorf("%w: it is resolved already", ErrState)
	}
	for _, a := range alerts {
		if !slices.Contains(a.Incidents, from.Incident.ID) {
			return nil, nil, fmt.Errorf("%w: alert %s is not part of incident %d", ErrInvalid, a.ID, from.Incident.Number)
		}
	}
	worst := slices.MaxFunc(alerts, func(a, b Standing) int { return int(a.Severity) - int(b.Severity) })
	i := from.Incident
	to := begin(Incident{ID: id, Number: number, Tenant: i.Tenant, Environment: i.Environment, Title: worst.Title,
		Severity: worst.Severity, Urgency: urgency(worst.Severity), State: Triggered, Policy: i.Policy, Route: i.Route,
		OpenedAt: from.now, WakeAt: from.now}, from.now)
	reason := fmt.Sprintf("%s splits %d alerts off incident %d into %d.", by.Name, len(alerts), i.Number, number)
	to.note(Opened, by.Name, reason)
	from.note(Split, by.Name, reason)
	alerts = move(from, to, alerts)
	return to, alerts, nil
}

// move takes alerts from one incident to another and keeps the counts true.
func move(from, to *turn, alerts []Standing) []Standing {
	moved := slices.Clone(alerts)
	for n := range moved {
		a := &moved[n]
		stood := slices.Contains(a.Incidents, to.Incident.ID)
		a.Incidents = slices.DeleteFunc(slices.Clone(a.Incidents), func(id string) bool { return id == from.Incident.ID })
		if !stood {
			a.Incidents = append(a.Incidents, to.Incident.ID)
			to.Incident.Alerts++
		}
		if a.Fate == Over {
			continue
		}
		from.Incident.Firing = max(0, from.Incident.Firing-1)
		if !stood {
			to.Incident.Firing++
		}
		a.ChangedAt = to.now
		a.Reason = fmt.Sprintf("It stands in incident %d.", to.Incident.Number)
		e := to.note(AlertGrouped, system, a.Reason)
		e.Alert = a.ID
	}
	return moved
}
