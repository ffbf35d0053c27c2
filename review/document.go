package review

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// The errors of this package.
var (
	ErrNotFound = errors.New("not found")
	ErrInvalid  = errors.New("invalid")
	// ErrConflict: somebody else has saved the document meanwhile.
	ErrConflict = errors.New("conflict")
)

// Document is what was learnt from one incident. Its texts are Markdown.
type Document struct {
	Tenant      string           `json:"tenant"`
	Environment string           `json:"environment,omitempty"`
	Incident    string           `json:"incident"` // id
	Number      int64            `json:"number"`
	Title       string           `json:"title"`
	Severity    finding.Severity `json:"severity"`
	Times       Times            `json:"times"`
	// Summary is for readers who were not there.
	Summary string `json:"summary"`
	Impact  string `json:"impact"` // who felt what, and how much
	// Factors are what contributed. A single root cause is seldom the truth.
	Factors  string   `json:"factors"`
	Well     string   `json:"well"`  // what went well
	Badly    string   `json:"badly"` // what did not
	Timeline []Moment `json:"timeline"`
	Actions  []Action `json:"actions"`
	// Final says that its people are done with it.
	Final     bool      `json:"final"`
	ChangedBy string    `json:"changedBy,omitempty"` // name; empty for a draft that nobody saved
	ChangedAt time.Time `json:"changedAt,omitzero"`
	Revision  int64     `json:"revision"` // 0 for a draft that nobody saved
}

// Moment is one line of the timeline.
type Moment struct {
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty"`
	Text string    `json:"text"`
}

// Action is what is to be done so that it does not happen again, or hurts less.
type Action struct {
	Text  string    `json:"text"`
	Owner string    `json:"owner,omitempty"` // user id
	Due   string    `json:"due,omitempty"`   // a date, 2027-03-28
	Done  time.Time `json:"done,omitzero"`
}

// Bounds of a document.
const (
	maxText    = 20_000 // bytes of one text
	maxMoments = 1000
	maxActions = 100
	maxLine    = 2000 // bytes of a line of the timeline, or of an action
)

// Validate checks what people wrote and returns every error that it finds, as
// ErrInvalid.
func (d Document) Validate() error {
	var errs []error
	add := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...)))
	}
	for name, text := range map[string]string{"summary": d.Summary, "impact": d.Impact, "factors": d.Factors, "well": d.Well, "badly": d.Badly} {
		if len(text) > maxText {
			add("%s has %d bytes; at most %d are kept", name, len(text), maxText)
		}
	}
	if len(d.Timeline) > maxMoments {
		add("timeline has %d lines; at most %d are kept", len(d.Timeline), maxMoments)
	}
	for n, m := range d.Timeline {
		if strings.TrimSpace(m.Text) == "" || len(m.Text) > maxLine {
			add("timeline, line %d: 1 to %d bytes of text are needed", n+1, maxLine)
		}
		if m.At.IsZero() {
			add("timeline, line %d: a time is needed", n+1)
		}
	}
	if len(d.Actions) > maxActions {
		add("there are %d actions; at most %d are kept", len(d.Actions), maxActions)
	}
	for n, a := range d.Actions {
		if strings.TrimSpace(a.Text) == "" || len(a.Text) > maxLine {
			add("action %d: 1 to %d bytes of text are needed", n+1, maxLine)
		}
		if a.Due != "" {
			if _, err := time.Parse(time.DateOnly, a.Due); err != nil {
				add("action %d: %q is not a date; write 2027-03-28", n+1, a.Due)
			}
		}
	}
	return errors.Join(errs...)
}

// Open counts the actions that are not done.
func (d Document) Open() (n int) {
	for _, a := range d.Actions {
		if a.Done.IsZero() {
			n++
		}
	}
	return n
}
