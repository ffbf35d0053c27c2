package cases

import (
	"context"
	"errors"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// Applied is one case to be stored, with what is new in its history, and the
// audit entry where a person asked.
type Applied struct {
	Case   Case
	Events []Event
	Audit  *access.Entry
}

// Filter narrows a list. Empty fields match everything.
type Filter struct {
	Tenant       string // required
	Environments []string
	Open         bool   // only those that are open
	Finding      string // id of a finding that is or was part of it
	Limit        int    // 1 to 500; 0 means 50
	Cursor       string
}

// Page is a part of a list: open ones first, then severity falling, then last
// change falling. Cases that went into another one are left out.
type Page struct {
	Cases []Case `json:"cases"`
	Next  string `json:"next,omitempty"`
}

// Store keeps cases. All methods are safe for concurrent use.
type Store interface {
	// ApplyCases stores all in one transaction. It fails with ErrConflict, and
	// stores nothing, where a revision is not one above the stored one.
	ApplyCases(ctx context.Context, batch []Applied) error
	// Case returns one, or ErrNotFound.
	Case(ctx context.Context, tenant, id string) (Case, error)
	// CurrentCases returns those of a tenant that are open or were over at or
	// after since.
	CurrentCases(ctx context.Context, tenant string, since time.Time) ([]Case, error)
	// Cases lists.
	Cases(ctx context.Context, f Filter) (Page, error)
	// CaseEvents returns a case's history, oldest first: the last MostEvents of it.
	CaseEvents(ctx context.Context, tenant, id string) ([]Event, error)
	// JudgedCases returns the cases that somebody has judged, newest first.
	JudgedCases(ctx context.Context, tenant string, limit int) ([]Case, error)
	// PruneCases deletes cases that ended before the time.
	PruneCases(ctx context.Context, before time.Time) error
}

var (
	// ErrNotFound is wrapped when there is no such case in the tenant.
	ErrNotFound = errors.New("no such case")
	// ErrConflict is wrapped when somebody else was faster; read and decide again.
	ErrConflict = errors.New("the case has changed meanwhile")
	// ErrInvalid is wrapped when what was asked for cannot be right.
	ErrInvalid = errors.New("not valid")
)
