package respond

import (
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// State of an incident.
type State string

const (
	Triggered    State = "triggered"    // nobody has taken it up; it escalates
	Acknowledged State = "acknowledged" // somebody has
	Snoozed      State = "snoozed"      // somebody has, until a time, at which it is triggered again
	Resolved     State = "resolved"
)

// Urgency says how hard an incident may knock.
type Urgency string

const (
	High Urgency = "high" // at any hour
	Low  Urgency = "low"  // in working hours
)

// Incident is what people respond to: one or more alerts of one group, or what
// a person declared.
type Incident struct {
	ID          string           `json:"id"`
	Number      int64            `json:"number"` // short name for people, from 1 in each tenant
	Tenant      string           `json:"tenant"`
	Environment string           `json:"environment,omitempty"`
	Title       string           `json:"title"`
	Severity    finding.Severity `json:"severity"` // of its worst alert, or as a person set it
	Urgency     Urgency          `json:"urgency"`
	State       State            `json:"state"`
	Policy      string           `json:"policy"`
	Route       string           `json:"route,omitempty"`
	Group       string           `json:"group,omitempty"` // alerts of it join; empty where it was declared or split off
	// Declared says that a person opened it, so that only a person resolves it.
	Declared   bool      `json:"declared,omitempty"`
	OpenedAt   time.Time `json:"openedAt"`
	ChangedAt  time.Time `json:"changedAt"`
	AckedAt    time.Time `json:"ackedAt,omitzero"` // first acknowledgement
	ResolvedAt time.Time `json:"resolvedAt,omitzero"`
	SnoozedTo  time.Time `json:"snoozedTo,omitzero"`
	Assignee   string    `json:"assignee,omitempty"` // person (user id) who has taken it up
	Roles      Roles     `json:"roles,omitzero"`     // who does what
	// Finding is the id of the finding from which a person declared it.
	Finding    string `json:"finding,omitempty"`
	Firing     int    `json:"firing"` // alerts that stand
	Alerts     int    `json:"alerts"` // firings of alerts that joined it
	Paged      int    `json:"paged"`  // pages that it ever had
	MergedInto string `json:"mergedInto,omitempty"`
	// Held is why a triggered incident pages nobody for now: working hours, a
	// silence. Empty while it escalates.
	Held string `json:"held,omitempty"`
	// TakenAtSource says that its source tells of somebody who has taken it
	// up; the next Decide acknowledges it.
	TakenAtSource string `json:"takenAtSource,omitempty"`
	// Position is where the escalation stands.
	Position Position `json:"position"`
	// WakeAt is when Decide must look again; zero only where nothing can come
	// of time alone.
	WakeAt   time.Time `json:"wakeAt,omitzero"`
	Revision int64     `json:"revision"`
}

// Position is a place in an escalation.
type Position struct {
	Round int `json:"round"` // from 0
	Step  int `json:"step"`  // next step to be taken, from 0
	// Exhausted says that all rounds are over and nobody has taken it up.
	Exhausted bool `json:"exhausted,omitempty"`
}
