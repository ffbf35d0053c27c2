package finding

import (
	"context"
	"errors"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// Applied is one decision to be stored: the finding as it is now, the events
// that led to it, and the audit entry where a person or a program asked.
type Applied struct {
	Finding Finding
	Events  []Event
	Audit   *access.Entry
}

// Filter narrows a list. Empty fields match everything.
type Filter struct {
	Tenant       string // required
	Environments []string
	States       []State
	MinSeverity  Severity
	Practice     string
	Check        string
	Entity       string
	Host         string    // name of a machine: what is on it, or was seen from it
	Text         string    // part of the title, check, entity or culprit, of their first 1,000 bytes; case is ignored
	Since, Until time.Time // was not resolved at some time in between
	Limit        int       // 1 to 500; 0 means 50
	Cursor       string    // from Page.Next
}

// Page is a part of a list, most urgent first: not resolved before resolved,
// then severity falling, then last change falling, then id.
type Page struct {
	Findings []Finding `json:"findings"`
	Next     string    `json:"next,omitempty"` // cursor of the next page; empty at the end
	Total    int       `json:"total"`          // of all pages, counted up to MaxTotal, or MaxFound where there is a Text
}

// Up to how many findings a list counts. A text may be anywhere, so that
// counting is dearer there.
const (
	MaxTotal = 10_000
	MaxFound = 1_000
)

// Store keeps findings. All methods are safe for concurrent use.
type Store interface {
	// ApplyFindings stores all decisions in one transaction. It fails with
	// ErrConflict, and stores nothing, if a finding's revision is not one
	// above the stored one.
	ApplyFindings(ctx context.Context, batch []Applied) error
	// Finding returns one, or ErrNotFound.
	Finding(ctx context.Context, tenant, id string) (Finding, error)
	// CurrentFindings returns, for one environment and practice, every
	// finding that is not resolved or was resolved at or after since.
	CurrentFindings(ctx context.Context, tenant, environment, practice string, since time.Time) ([]Finding, error)
	// Findings lists.
	Findings(ctx context.Context, f Filter) (Page, error)
	// FindingEvents returns a finding's history, oldest first.
	FindingEvents(ctx context.Context, tenant, id string) ([]Event, error)
	// ExpiredFindings returns accepted findings whose Until is at or before now.
	ExpiredFindings(ctx context.Context, now time.Time) ([]Finding, error)
	// PruneFindings deletes findings that were resolved before the time.
	PruneFindings(ctx context.Context, before time.Time) (deleted int, err error)
}

var (
	// ErrNotFound is wrapped when there is no such finding in the tenant.
	ErrNotFound = errors.New("no such finding")
	// ErrConflict is wrapped when somebody else was faster; read and decide again.
	ErrConflict = errors.New("the finding has changed meanwhile")
)
