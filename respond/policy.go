package respond

import "time"

// Policy says who is told of an incident, in which order, and for how long it
// goes on.
type Policy struct {
	ID     string `json:"id" yaml:"id"`
	Tenant string `json:"tenant" yaml:"-"`
	Name   string `json:"name" yaml:"name"`
	Steps  []Step `json:"steps" yaml:"steps"`
	// Rounds is how often the steps are gone through before the escalation is
	// exhausted; at least 1.
	Rounds int `json:"rounds" yaml:"rounds"`
	// LastResort is told when all rounds are over, and every hour after that
	// until somebody has taken it up.
	LastResort []Recipient `json:"lastResort,omitempty" yaml:"last_resort,omitempty"`
	// Hours, where set, names the schedule during which incidents of low
	// urgency page (somebody is on duty in it); outside of it they wait.
	Hours string `json:"hours,omitempty" yaml:"hours,omitempty"`
	// Configured says that the configuration file has it: it is changed there.
	Configured bool `json:"configured,omitempty" yaml:"-"`
	// Revision counts the times that people have saved it, so that nobody
	// overwrites what they have not seen.
	Revision int64 `json:"revision,omitempty" yaml:"-"`
}

// Step tells its recipients, then waits.
type Step struct {
	Notify []Recipient `json:"notify" yaml:"notify"`
	// Wait is how long they have to acknowledge before the next step.
	Wait time.Duration `json:"wait" yaml:"wait"`
}

// RecipientKind says what a recipient's ID names.
type RecipientKind string

const (
	ToPerson   RecipientKind = "person"
	ToSchedule RecipientKind = "schedule" // whoever is on call then
	ToChannel  RecipientKind = "channel"  // a contact of no person: a chat room, a webhook
)

// Recipient is who is told in a step.
type Recipient struct {
	Kind RecipientKind `json:"kind" yaml:"kind"`
	ID   string        `json:"id" yaml:"id"`
}

// Duty is one person who is on call, and why.
type Duty struct {
	Person string    `json:"person"`
	Until  time.Time `json:"until,omitzero"` // end of this duty
	Why    string    `json:"why"`            // "override by Ana until 18:00", "layer Nights, week of 3 March"
}

// Roster answers who is on call. It is pure over a value that was read before.
type Roster interface {
	// OnCall returns everyone on duty in a schedule at a time, and where it is
	// nobody, when somebody is next (zero: never within a year). An unknown
	// schedule is an error.
	OnCall(schedule string, at time.Time) (duties []Duty, next time.Time, err error)
}
