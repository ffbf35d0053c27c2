// Package finding is the one noun that all practices speak: one thing that is
// not as it should be, about one entity.
//
// A practice reports Observations; Decide, a pure function, turns the finding
// that stands (or none) and one observation into the next finding and the
// events to record. Service applies decisions in one transaction and tells
// listeners. People acknowledge, accept until a date, and reopen.
//
//	            firing                  clear
//	(none) ───────────────▶ open ───────────────▶ resolved ──firing within ReopenWithin──▶ open
//	                         │ ▲ no data / data                     (later: a new finding)
//	                         ▼ │
//	                       unknown
//
//	open ──acknowledge──▶ acknowledged        open, acknowledged ──accept(until, reason)──▶ accepted
//	accepted ──until is past──▶ open          acknowledged, accepted ──severity above the answered one──▶ open
//	acknowledged, accepted ──no data──▶ unknown ──data──▶ what it was
//	open, acknowledged ──an Exemption covers it──▶ accepted ──it covers it no longer──▶ open
//
// What is done to an unknown finding sets the state that it goes back to: it
// stays unknown until there is data. An accepted one that resolves and comes
// back within ReopenWithin is still accepted, unless it is worse.
//
// Exemptions, which the configuration holds, accept what some checks find about
// some entities. They are part of the decision, so that no finding is ever open
// under one, and people do not answer what they cover.
//
// Invariants: at most one finding per Key is not resolved; no data never
// resolves a finding, it makes it unknown; every transition is in the history
// with who or what made it and why.
package finding

import (
	"fmt"
	"time"
)

// Severity of a finding, in rising order.
type Severity int

const (
	Info     Severity = iota + 1 // worth knowing; nobody is hurt
	Warning                      // someone will be hurt if nobody acts in working hours
	Critical                     // someone is being hurt now, or will be before working hours
)

var severityNames = map[Severity]string{Info: "info", Warning: "warning", Critical: "critical"}

func (s Severity) String() string { return severityNames[s] }

// ParseSeverity reads "info", "warning" or "critical".
func ParseSeverity(text string) (Severity, error) {
	for s, name := range severityNames {
		if name == text {
			return s, nil
		}
	}
	return 0, fmt.Errorf("severity %q is not one of info, warning, critical", text)
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Severity) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSeverity(string(text))
	return err
}

// State of a finding.
type State string

const (
	Open         State = "open"
	Acknowledged State = "acknowledged"
	Accepted     State = "accepted"
	Unknown      State = "unknown" // it was open when its data stopped
	Resolved     State = "resolved"
)

// Key names what a finding is about; it is what folds reports into one.
type Key struct {
	Tenant      string `json:"tenant"`
	Environment string `json:"environment"`
	Practice    string `json:"practice"` // "detect", "capacity", ...
	Check       string `json:"check"`    // id of the check
	Entity      string `json:"entity"`   // id of the entity
}

// Evidence is one figure or fact that supports a finding, and how to see it.
type Evidence struct {
	Signal string    `json:"signal,omitempty"` // name in the catalogue
	Text   string    `json:"text"`             // in plain English, with the figure
	Query  string    `json:"query,omitempty"`  // PromQL that draws it
	From   time.Time `json:"from,omitzero"`    // the window that was looked at
	To     time.Time `json:"to,omitzero"`
	Value  *float64  `json:"value,omitempty"` // nil where there is no figure
	Usual  *float64  `json:"usual,omitempty"` // the learned baseline, where there is one
	Limit  *float64  `json:"limit,omitempty"` // the value that it was held against
	Unit   string    `json:"unit,omitempty"`  // "ratio", "seconds", "bytes", "bytes/s", "1/s", "count"
	Lines  []string  `json:"lines,omitempty"` // what a program wrote, without what looks like a secret
}

// Culprit is who most likely causes it.
type Culprit struct {
	Entity string  `json:"entity,omitempty"` // id, where it is an entity
	Name   string  `json:"name"`
	Share  float64 `json:"share"` // of the whole, 0 to 1; 0 where it cannot be told
	Text   string  `json:"text"`  // "uses 1.8 of 2 cores; usually 0.1"
}

// Report is what a practice says when something is not as it should be.
type Report struct {
	Severity   Severity `json:"severity"`
	Foreseen   bool     `json:"foreseen,omitempty"` // it hurts nobody yet, and will
	Title      string   `json:"title"`              // one line: what is wrong, with the entity's name
	Effect     string   `json:"effect"`             // what users of it feel
	Remedy     []string `json:"remedy"`             // what to do, in order
	EntityKind string   `json:"entityKind"`
	EntityName string   `json:"entityName"`
	// Host is the name of the machine that the entity is on, or from which it
	// was seen; empty where there is none.
	Host     string     `json:"host,omitempty"`
	Culprits []Culprit  `json:"culprits,omitempty"` // most likely first
	Evidence []Evidence `json:"evidence"`
}

// Sign is what an observation says about its key.
type Sign string

const (
	Firing Sign = "firing"
	Clear  Sign = "clear"
	NoData Sign = "no-data" // could not be told; Reason says why
)

// Observation is what a practice sees of one key at one time. Hysteresis is
// the practice's: it reports Firing only when it means it, and Clear likewise.
type Observation struct {
	Key    Key
	At     time.Time
	Sign   Sign
	Since  time.Time // for Firing: when it began, where that is known
	Reason string    // for Clear and NoData: why, in plain English
	Report Report    // for Firing
}

// Finding is one thing that is not as it should be.
type Finding struct {
	ID string `json:"id"`
	Key
	Report
	State      State     `json:"state"`
	FirstSeen  time.Time `json:"firstSeen"`
	LastSeen   time.Time `json:"lastSeen"`  // last time that it was seen firing, to within RefreshEvery
	ChangedAt  time.Time `json:"changedAt"` // last event
	ResolvedAt time.Time `json:"resolvedAt,omitzero"`
	// Prior is the state to go back to from Unknown, when there is data again.
	// On a resolved finding it is Accepted where the acceptance still stands
	// if it comes back within ReopenWithin.
	Prior  State  `json:"prior,omitempty"`
	Reason string `json:"reason,omitempty"` // why it is in this state
	By     string `json:"by,omitempty"`     // who put it there
	// Answer is what somebody said who acknowledged or accepted it. It
	// outlives a gap in the data.
	Answer Answer `json:"answer,omitzero"`
	// Until is when an acceptance ends.
	Until time.Time `json:"until,omitzero"`
	// Returns counts how often it came back within ReopenWithin.
	Returns int `json:"returns"`
	// Revision rises by one with every stored change.
	Revision int64 `json:"revision"`
}

// Answer is what a person, or a program, said of a finding.
type Answer struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Text string    `json:"text,omitempty"`
	// Severity is the one that was answered; above it the finding opens again.
	Severity Severity `json:"severity,omitempty"`
	// Exemption is the id of the one that accepts it, where it was not answered
	// by itself.
	Exemption string `json:"exemption,omitempty"`
}

// Event is one line of a finding's history.
type Event struct {
	ID      string    `json:"id"`
	Finding string    `json:"finding"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // "opened", "worsened", "eased", "acknowledged", "accepted", "exempted", "expired", "unknown", "known", "resolved", "reopened"
	From    State     `json:"from,omitempty"`
	To      State     `json:"to"`
	By      string    `json:"by"`
	Text    string    `json:"text"`
}
