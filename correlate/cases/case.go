package cases

import (
	"time"

	"github.com/evenkeel/evenkeel/correlate"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// State of a case.
type State string

const (
	Open   State = "open"
	Over   State = "over"   // all its findings are resolved
	Merged State = "merged" // it went into another one
)

// Role is what part a finding plays in its case.
type Role string

const (
	Symptom Role = "symptom" // what users feel
	Cause   Role = "cause"   // the best hypothesis
	Effect  Role = "effect"  // the cause explains it
	Beside  Role = "beside"  // it belongs here, and the cause does not explain it
)

// Case is all that belongs to one trouble: what is felt, what most likely
// causes it, what else was considered, and what could not be seen.
type Case struct {
	ID          string           `json:"id"`
	Tenant      string           `json:"tenant"`
	Environment string           `json:"environment"`
	State       State            `json:"state"`
	Title       string           `json:"title"`    // of its worst symptom
	Severity    finding.Severity `json:"severity"` // of its worst finding that stands, or stood
	Since       time.Time        `json:"since"`    // when the first of it began
	OpenedAt    time.Time        `json:"openedAt"`
	ChangedAt   time.Time        `json:"changedAt"`
	EndedAt     time.Time        `json:"endedAt,omitzero"`
	// Verdict is CauseFound, Unknown (it is felt, and no single cause was
	// found) or NoSymptom (nobody is known to feel it).
	Verdict correlate.Verdict `json:"verdict"`
	Story   Story             `json:"story"`
	// Members are its findings, worst first; More were too many to be kept.
	Members    []Member              `json:"members"`
	More       int                   `json:"more,omitempty"`
	Hypotheses []Hypothesis          `json:"hypotheses"` // best first
	Excluded   []correlate.Exclusion `json:"excluded"`
	Unseen     []string              `json:"unseen"` // what could not be seen, and the remedy
	Changes    []ChangeSeen          `json:"changes"`
	Edges      []Edge                `json:"edges"` // of the part of the estate that matters here
	MergedInto string                `json:"mergedInto,omitempty"`
	// Impact is what users felt, kept once the case is over. While it is open
	// Service.Impact counts it.
	Impact   *impact.Impact `json:"impact,omitempty" doc:"what users felt: kept of one that is over, counted now for one that is open"`
	Feedback *Feedback      `json:"feedback,omitempty"`
	Revision int64          `json:"revision"`
}

// Member is a finding as part of a case.
type Member struct {
	Finding  string           `json:"finding"` // id
	Check    string           `json:"check"`
	Entity   string           `json:"entity"`
	Name     string           `json:"name"` // of the entity, for people
	Title    string           `json:"title"`
	Severity finding.Severity `json:"severity"`
	Role     Role             `json:"role"`
	Felt     bool             `json:"felt,omitempty"` // by users, also of one that is the cause
	Since    time.Time        `json:"since"`
	EndedAt  time.Time        `json:"endedAt,omitzero"`
	JoinedAt time.Time        `json:"joinedAt"`
	// ExplainedBy is the finding that explains it, while that stands.
	ExplainedBy string `json:"explainedBy,omitempty"`
	Why         string `json:"why,omitempty"` // why it belongs here
	// LooseSince is since when nothing holds it here any more; a while later it
	// gets a case of its own.
	LooseSince time.Time `json:"looseSince,omitzero"`
	// Accepted tells that it needs nobody as it stands, Exemption which one says
	// so; empty where a person did.
	Accepted  bool   `json:"accepted,omitempty"`
	Exemption string `json:"exemption,omitempty"`
}

// Hypothesis is one possible cause.
type Hypothesis struct {
	Finding string  `json:"finding,omitempty"` // id, where a finding says that something is wrong there
	Entity  string  `json:"entity"`
	Name    string  `json:"name"`
	Text    string  `json:"text"`  // what is wrong there, in one line
	Score   float64 `json:"score"` // 0 to 1
	// Culprit is who does it, where the finding names somebody.
	Culprit *finding.Culprit `json:"culprit,omitempty"`
	Since   time.Time        `json:"since,omitzero"`
	For     []string         `json:"for"`
	Against []string         `json:"against"`
	Remedy  []string         `json:"remedy,omitempty"`
	Query   string           `json:"query,omitempty"` // PromQL that draws it
	Unit    string           `json:"unit,omitempty"`  // of what Query gives, as of a signal
	Usual   *float64         `json:"usual,omitempty"` // of it, where that is known
}

// draws takes over what draws a hypothesis.
func (h *Hypothesis) draws(o *Hypothesis) {
	if o.Query != "" {
		h.Query, h.Unit, h.Usual = o.Query, o.Unit, o.Usual
	}
}

// shows makes a course what draws the hypothesis, and its beginning that of it.
func (h *Hypothesis) shows(c *detect.Course) {
	if c == nil {
		return
	}
	h.Since, h.Query, h.Unit, h.Usual = c.Latest, c.Query, c.Unit, nil
	if c.Known {
		h.Usual = &c.Usual
	}
}

// ChangeSeen is a change that was considered.
type ChangeSeen struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Entity  string    `json:"entity"`
	Summary string    `json:"summary"`
	Who     string    `json:"who,omitempty"`
	Fits    bool      `json:"fits"` // to the best hypothesis: in time and place
}

// Edge joins two entities of the subgraph: From needs To.
type Edge struct {
	From       string  `json:"from"`
	To         string  `json:"to"`
	Kind       string  `json:"kind"`
	Source     string  `json:"source"`
	Confidence float64 `json:"confidence"`
	// Sure is how sure a call is by all who tell of it.
	Sure estate.Sureness `json:"sure,omitempty"`
	// Names of both for people, where their ids hold others.
	FromName string `json:"fromName,omitempty"`
	ToName   string `json:"toName,omitempty"`
}

// Story is the case in one sentence, in parts, so that times can be written as
// the reader's.
type Story struct {
	What    string    `json:"what"` // what is felt, or what is wrong where nobody is known to feel it
	Since   time.Time `json:"since"`
	Because string    `json:"because,omitempty"` // the cause; empty where none was found
	Figure  string    `json:"figure,omitempty"`  // what shows it
	Started string    `json:"started,omitempty"` // the change or the culprit that fits
	At      time.Time `json:"at,omitzero"`       // of the change
}

// Feedback is what a person said of a case.
type Feedback struct {
	Useful bool      `json:"useful"`
	Note   string    `json:"note,omitempty"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// EventKind is a kind of line in a case's history.
type EventKind string

const (
	Opened     EventKind = "opened"
	Joined     EventKind = "joined"
	Ended      EventKind = "ended"   // a finding of it
	Thought    EventKind = "thought" // what is held to be the cause has changed
	MergedCase EventKind = "merged"
	SplitOff   EventKind = "split"
	Closed     EventKind = "over"
	Reopened   EventKind = "reopened"
	Judged     EventKind = "feedback"
)

// Event is one line of a case's history.
type Event struct {
	ID   string    `json:"id"`
	Case string    `json:"case"`
	At   time.Time `json:"at"`
	Kind EventKind `json:"kind"`
	By   string    `json:"by"`
	Text string    `json:"text"`
}

// MostEvents bounds the history that is read of a case; what is older is left out.
const MostEvents = 500

// Best is the hypothesis that is held to be the cause; nil where there is none.
func (c *Case) Best() *Hypothesis {
	if c.Verdict != correlate.CauseFound || len(c.Hypotheses) == 0 {
		return nil
	}
	return &c.Hypotheses[0]
}

// mostLooked bounds the possible causes that Steps begins with.
const mostLooked = 3

// Steps are what to do, in order: the remedy of the cause, or, where no single
// one stands out, what to look at first for each of the likeliest, by its name.
func (c *Case) Steps() (steps []string) {
	if best := c.Best(); best != nil {
		return best.Remedy
	}
	for _, h := range c.Hypotheses {
		if len(h.Remedy) > 0 && len(steps) < mostLooked {
			steps = append(steps, h.Name+": "+h.Remedy[0])
		}
	}
	return steps
}
