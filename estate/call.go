package estate

import (
	"strings"
	"time"
)

// Declared is the source of what people vouch for in the configuration.
const Declared = "declared"

// Times that freshness goes by.
const (
	// StaleAfter is how long after the last call that was seen an edge is stale.
	StaleAfter = time.Hour
	// LapsesAfter is how long after it the edge is not believed in any more. What
	// is called once a week is.
	LapsesAfter = 7 * 24 * time.Hour
	// SilentAfter is how long a source of sightings may be away before what it
	// told of is unknown.
	SilentAfter = 5 * time.Minute
)

// Sighting is what one source has seen of the calls from one entity to another.
type Sighting struct {
	From, To string
	Source   string // that of the relation it stands behind, such as "signals"
	By       string // who saw it, as people say it: "Istio"
	// Noted is when the source first told of the edge, First and Last when it
	// saw calls; both zero where it tells of the edge and has seen none.
	Noted, First, Last time.Time
	// Heard is when the source last told of anything.
	Heard time.Time
	// Calls are about how many it saw: of a source that counts none, the looks
	// at which there were some.
	Calls float64
	// Counts is what it counts ("requests", "flows"); empty where nothing. Rate
	// is how many a second, as a mean over the last minutes (RateOver), and Rated
	// since when it has been followed without a gap.
	Counts string
	Rate   float64
	Rated  time.Time
}

// RateOver is the time constant of Sighting.Rate.
const RateOver = 5 * time.Minute

// CallState says what is known of a call at this time.
type CallState string

const (
	Current CallState = "current" // calls were seen of late
	Told    CallState = "told"    // a source says so that does not say when it saw it
	Stale   CallState = "stale"   // seen, but not for StaleAfter
	Silent  CallState = "silent"  // who saw it tells nothing any more
	Unknown CallState = "unknown" // known from before Evenkeel started, not seen since
	Unseen  CallState = "unseen"  // declared, or counted at zero: nobody has seen it
)

// callStates are in the order in which the best one stands for the call.
var callStates = []CallState{Current, Told, Stale, Silent, Unknown, Unseen}

// Sureness is a confidence in a word.
type Sureness string

const (
	Certain  Sureness = "certain"
	Likely   Sureness = "likely"
	Doubtful Sureness = "doubtful"
)

// SureOf puts a confidence into a word: certain from 0.9 on, doubtful below 0.5.
func SureOf(confidence float64) Sureness {
	switch {
	case confidence >= .9:
		return Certain
	case confidence >= .5:
		return Likely
	default:
		return Doubtful
	}
}

// Call is that one entity calls another, as all sources together have it.
type Call struct {
	From  string    `json:"from"`
	To    string    `json:"to"`
	State CallState `json:"state" enum:"current,told,stale,silent,unknown,unseen"`
	// Last is when a call was last seen by any source.
	Last       time.Time    `json:"lastSeen,omitzero"`
	Confidence float64      `json:"confidence" doc:"0 to 1, that this call is made nowadays"`
	Sure       Sureness     `json:"sure" enum:"certain,likely,doubtful"`
	Sources    []CallSource `json:"sources" doc:"who tells of it, the surest first"`
	// Contradictions are what sources do not agree on.
	Contradictions []Contradiction `json:"contradictions,omitempty"`

	weight float64 // what Weigh gives it: the best say of a source, without proof
	since  time.Time
}

// CallSource is what one source says of a call.
type CallSource struct {
	Name   string    `json:"name"`   // as people say it: "Istio", "declared"
	Source string    `json:"source"` // of the relation: "signals", "declared"
	State  CallState `json:"state" enum:"current,told,stale,silent,unknown,unseen"`
	// Since is from when on it could have seen a call; of one that was declared,
	// since when that was looked for.
	Since time.Time `json:"since,omitzero"`
	First time.Time `json:"firstSeen,omitzero"`
	Last  time.Time `json:"lastSeen,omitzero" doc:"exact to the window of rates, 45 s by default"`
	Heard time.Time `json:"heard,omitzero" doc:"when the source itself last told of anything"`
	Calls float64   `json:"calls,omitempty" doc:"about how many calls it saw"`
	// Rate is of Counts a second, over the last five minutes.
	Rate       float64 `json:"rate,omitempty"`
	Counts     string  `json:"counts,omitempty"`
	Confidence float64 `json:"confidence"`
	// Never says of a declaration that it was looked for ever since, and not seen.
	Never bool `json:"never,omitempty"`
}

// Disagreement is a kind of contradiction.
type Disagreement string

const (
	NobodySees Disagreement = "unseen"    // declared, and not seen by one who would see it
	Reversed   Disagreement = "direction" // sources have it in opposite directions
	Amounts    Disagreement = "amount"    // sources count very different amounts
)

// Contradiction is what sources of a call do not agree on.
type Contradiction struct {
	Kind Disagreement `json:"kind" enum:"unseen,direction,amount"`
	Text string       `json:"text"`
}

// By names who tells of a call: "Istio and declared".
func (c Call) By() string {
	names := make([]string, len(c.Sources))
	for i, s := range c.Sources {
		names[i] = s.Name
	}
	return listedOf(names)
}

// listedOf is "a, b and c".
func listedOf(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
