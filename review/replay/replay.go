package replay

import (
	"fmt"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// Ask says what is to be run again.
type Ask struct {
	Tenant, Environment string
	From, To            time.Time
	// Learn is how long before From the replay begins, to learn what is usual
	// there; 0 for UsualLearn.
	Learn time.Duration
	// Draft is further content of the checks, as YAML of a file below checks/;
	// a check with the id of one that there is stands in its place.
	Draft string
	// Only are the ids of checks that are told of; empty for all.
	Only []string
}

// Bounds of what is run again at once.
const (
	UsualLearn = 3 * time.Hour
	MostLearn  = 7 * 24 * time.Hour
	Longest    = 7 * 24 * time.Hour // from From to To
	MaxDraft   = 256 << 10          // bytes
	MaxRounds  = 60_000
)

// validate fills in what was left out and says what cannot be.
func (a *Ask) validate(step time.Duration, now time.Time) error {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", respond.ErrInvalid, fmt.Sprintf(format, args...))
	}
	if a.To.IsZero() || a.To.After(now) {
		a.To = now
	}
	if a.From.IsZero() {
		return invalid("from: say from when on, such as %s", now.Add(-time.Hour).UTC().Format(time.RFC3339))
	}
	if a.Learn == 0 {
		a.Learn = UsualLearn
	}
	switch length := a.To.Sub(a.From); {
	case length < step:
		return invalid("from: %s is not before %s by a round of %s", a.From.UTC().Format(time.RFC3339), a.To.UTC().Format(time.RFC3339), step)
	case length > Longest:
		return invalid("from: %s is more than %s before the end; choose a shorter time", a.From.UTC().Format(time.RFC3339), Longest)
	case a.Learn < 0 || a.Learn > MostLearn:
		return invalid("learn: between 0 and %s, not %s", MostLearn, a.Learn)
	case int((length+a.Learn)/step) > MaxRounds:
		return invalid("from: that is %d rounds of %s, and %d can be run at once; choose a shorter time", int((length+a.Learn)/step), step, MaxRounds)
	case len(a.Draft) > MaxDraft:
		return invalid("draft: %d bytes at most", MaxDraft)
	}
	return nil
}

// Result is what a replay has shown.
type Result struct {
	Environment string        `json:"environment"`
	From        time.Time     `json:"from"`
	To          time.Time     `json:"to"`
	Learned     time.Duration `json:"learned"` // before From, as far as there are figures, in nanoseconds
	Step        time.Duration `json:"step"`    // between two rounds, in nanoseconds
	Rounds      int           `json:"rounds"`  // after From
	Failed      int           `json:"failed"`  // of those, rounds of which not all figures could be read
	Blind       int           `json:"blind"`   // of those, rounds at which there were no figures at all
	Why         string        `json:"why,omitempty"`
	Exempted    int           `json:"exempted"` // of the findings, those that an exemption accepts
	Summary     string        `json:"summary"`
	Findings    []Found       `json:"findings"` // in the order in which they began
	Missed      []Found       `json:"missed"`   // found at the time, and not this time
	Cases       []Case        `json:"cases"`
	Incidents   []Incident    `json:"incidents"`
	// PagedAWeek is how many incidents would page somebody in a week at this
	// rate; absent where less than a day was run.
	PagedAWeek *float64 `json:"pagedAWeek,omitempty"`
	LeftOut    []string `json:"leftOut"` // what could not be run again, or is not as it was
}

// Found is a finding of the replay, or of the time.
type Found struct {
	Check      string           `json:"check"`
	Entity     string           `json:"entity"`
	EntityName string           `json:"entityName"`
	Title      string           `json:"title"`
	Severity   finding.Severity `json:"severity"`
	Since      time.Time        `json:"since"`
	Until      time.Time        `json:"until,omitzero"`     // zero: it stood at the end
	Before     bool             `json:"before,omitempty"`   // it stood already when the time began
	Recorded   bool             `json:"recorded,omitempty"` // it was found at the time as well
	// Exemption is the id of the one under which it was last accepted, and pages
	// nobody; empty where none is.
	Exemption string `json:"exemption,omitempty"`
}

// Case is what belongs to one trouble.
type Case struct {
	Title    string           `json:"title"`
	Story    string           `json:"story"`
	Severity finding.Severity `json:"severity"`
	Since    time.Time        `json:"since"`
	Until    time.Time        `json:"until,omitzero"`
	Findings int              `json:"findings"`
	Cause    string           `json:"cause,omitempty"` // empty where no single one was found
}

// Incident is what people would have been asked to respond to.
type Incident struct {
	Title    string           `json:"title"`
	Severity finding.Severity `json:"severity"`
	OpenedAt time.Time        `json:"openedAt"`
	EndedAt  time.Time        `json:"endedAt,omitzero"`
	PagedAt  time.Time        `json:"pagedAt,omitzero"` // zero: nobody
	Who      string           `json:"who,omitempty"`    // is paged first
	Pages    int              `json:"pages"`            // where nobody takes it up
	Why      string           `json:"why,omitempty"`    // why nobody is paged
}
