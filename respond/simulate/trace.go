package simulate

import (
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// Verdict says whether anybody would be told.
type Verdict string

const (
	Paged   Verdict = "paged"
	Nobody  Verdict = "nobody"
	Unknown Verdict = "unknown" // it could not be told
)

// Explainer is a respond.Router that can say how it came to its targets.
type Explainer interface {
	// Why returns one sentence for each route that was asked, in that order.
	Why(a respond.Alert, now time.Time) []string
}

// Trace is what would happen.
type Trace struct {
	Verdict Verdict `json:"verdict"`
	Summary string  `json:"summary"`
	Asked   Moment  `json:"asked"` // when the alert comes in
	Zone    string  `json:"zone"`
	// Said is what is to be known of the time and the question.
	Said     []string          `json:"said"`
	Title    string            `json:"title"`
	Severity finding.Severity  `json:"severity"`
	Labels   map[string]string `json:"labels"`
	// Why says which routes were asked; empty where there is one for all.
	Why       []string   `json:"why"`
	Routes    []Route    `json:"routes"`
	Incidents []Incident `json:"incidents"`
	Events    []Event    `json:"events"`
	// Unreached are those who could not be told, and why.
	Unreached []Unreached `json:"unreached"`
	// Assumed is what was taken for granted.
	Assumed []string `json:"assumed"`
}

// Moment is a time on two clocks.
type Moment struct {
	UTC   time.Time `json:"utc"`
	Local string    `json:"local"` // by the clock of the trace's zone
	After string    `json:"after"` // since the alert: T+0:05:00
}

// Route is where the alert goes.
type Route struct {
	Route  string            `json:"route,omitempty"`
	Policy string            `json:"policy"`
	Name   string            `json:"name"` // of the policy; empty where there is none of that id
	Labels map[string]string `json:"groupLabels,omitempty"`
	Wait   string            `json:"wait,omitempty"` // for other alerts of the incident
	Muted  string            `json:"muted,omitempty"`
	Until  *Moment           `json:"until,omitempty"` // when the muting ends; absent: nobody knows
}

// Incident is one that the alert would make, as it stands at the end.
type Incident struct {
	Number   int64            `json:"number"` // in this simulation
	Title    string           `json:"title"`
	Severity finding.Severity `json:"severity"`
	Urgency  respond.Urgency  `json:"urgency"`
	State    respond.State    `json:"state"`
	Policy   string           `json:"policy"`
	Route    string           `json:"route,omitempty"`
	Pages    int              `json:"pages"`
	Outcome  string           `json:"outcome"` // a sentence
}

// Kind says what an event is.
type Kind string

const (
	Received     Kind = "received"
	Muted        Kind = "muted"
	Opened       Kind = "opened"
	Step         Kind = "step"
	Page         Kind = "page"
	Message      Kind = "message" // a contact that is used some time after the page began
	Missed       Kind = "missed"  // somebody cannot be told
	Wait         Kind = "wait"
	Held         Kind = "held"
	Woken        Kind = "woken"
	Acknowledged Kind = "acknowledged"
	Exhausted    Kind = "exhausted"
	News         Kind = "news" // people are told what became of it
	Other        Kind = "other"
)

// Event is one thing that would happen.
type Event struct {
	Moment
	Kind     Kind   `json:"kind"`
	Incident int64  `json:"incident,omitempty"`
	Text     string `json:"text"` // a sentence
	// Of a page, or a message of it:
	Person   string    `json:"person,omitempty"` // id; empty for a shared channel
	Who      string    `json:"who,omitempty"`
	Why      string    `json:"why,omitempty"`
	Contacts []Contact `json:"contacts,omitempty"`
	// NotUsed are contacts that cannot be used, and why.
	NotUsed []string `json:"notUsed,omitempty"`
	// Until is the end of a wait.
	Until *Moment `json:"until,omitempty"`
}

// Contact is a way by which somebody is told, and when.
type Contact struct {
	Name    string          `json:"name"`
	Channel respond.Channel `json:"channel"`
	At      Moment          `json:"at"`
}

// Unreached is somebody who could not be told.
type Unreached struct {
	At  Moment `json:"at"`
	Who string `json:"who,omitempty"`
	Why string `json:"why"`
}
