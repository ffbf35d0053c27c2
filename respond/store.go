package respond

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// Store keeps alerts, incidents, pages, messages and the ledger. All methods
// are safe for concurrent use. Lists are bounded by their limit.
type Store interface {
	// ApplyResponse stores a batch in one transaction. It fails with
	// ErrConflict, and stores nothing, where an incident's revision is not one
	// above the stored one, where its number or its group is taken, and where
	// a digest has been sent meanwhile.
	ApplyResponse(ctx context.Context, b Batch) error

	// AlertsByID returns those alerts that there are.
	AlertsByID(ctx context.Context, ids []string) ([]Standing, error)
	// DueAlerts returns alerts whose WakeAt is at or before now, or that were
	// changed after ahead: then the clock was set back. A zero ahead is not
	// looked for, which spares reading all that waits.
	DueAlerts(ctx context.Context, now, ahead time.Time, limit int) ([]Standing, error)
	// IncidentAlerts returns the alerts of an incident, newest first; only
	// those that stand where asked.
	IncidentAlerts(ctx context.Context, tenant, incident string, standing bool, limit int) ([]Standing, error)
	// Alerts lists a tenant's alerts by their ids, from after on.
	Alerts(ctx context.Context, tenant, after string, limit int) ([]Standing, error)

	// IncidentsByID returns those incidents that there are, and those that
	// they were merged into.
	IncidentsByID(ctx context.Context, ids []string) ([]Incident, error)
	// IncidentsByGroup returns the newest incident of each group of a tenant
	// that is not resolved, or was at or after since.
	IncidentsByGroup(ctx context.Context, tenant string, groups []string, since time.Time) ([]Incident, error)
	// DueIncidents returns incidents whose WakeAt is at or before now, or that
	// were changed after ahead (where that is not zero), the longest due first.
	DueIncidents(ctx context.Context, now, ahead time.Time, limit int) ([]Incident, error)
	// Incident returns one, or ErrNotFound.
	Incident(ctx context.Context, tenant, id string) (Incident, error)
	// Incidents lists.
	Incidents(ctx context.Context, f IncidentFilter) (IncidentPage, error)
	// IncidentsAfter lists a tenant's incidents by their ids, from after on.
	IncidentsAfter(ctx context.Context, tenant, after string, limit int) ([]Incident, error)
	// LastIncidentNumber returns the highest number in a tenant, 0 for none.
	LastIncidentNumber(ctx context.Context, tenant string) (int64, error)

	// Pending tells what waits for its time: an alert or an incident with a
	// WakeAt, and a message that is not sent yet.
	Pending(ctx context.Context) (wakes, messages bool, err error)

	// TasksOf returns the tasks of an incident, in the order in which they were
	// added.
	TasksOf(ctx context.Context, tenant, incident string) ([]Task, error)

	// PagesOf returns the pages of incidents, in the order in which they
	// began; only the open ones where asked.
	PagesOf(ctx context.Context, incidents []string, open bool) ([]Page, error)
	// RecentPages counts open pages that began after since, by Page.To.
	RecentPages(ctx context.Context, tenant string, since time.Time) (map[string]int, error)

	// MessagesOf returns the messages of incidents; only page messages that
	// went out or are just going out, newest first, where told is asked for.
	MessagesOf(ctx context.Context, incidents []string, told bool) ([]Message, error)
	// PageMessages returns the messages of one page.
	PageMessages(ctx context.Context, tenant, page string) ([]Message, error)
	// DigestMessages returns the messages of a tenant that belong to no
	// incident: those that are not sent yet, or all from the id after on.
	DigestMessages(ctx context.Context, tenant, after string, unsent bool, limit int) ([]Message, error)
	// Message returns one, or ErrNotFound.
	Message(ctx context.Context, tenant, id string) (Message, error)
	// ClaimMessages claims what is due, by lane, and returns it as Sending. A
	// message whose lease is over is claimed with Uncertain set. Content.Thread
	// is that of the incident in the contact, where there is one.
	ClaimMessages(ctx context.Context, c Claim) ([]Message, error)
	// SettleMessages stores the outcomes of tries; those whose lease is not the
	// stored one are left out.
	SettleMessages(ctx context.Context, settled []Settled) error
	// AddMessages stores messages that belong to no decision: a test of a
	// contact, a code that proves one.
	AddMessages(ctx context.Context, messages []Message) error

	// Ledger lists entries in the order in which they were written.
	Ledger(ctx context.Context, f LedgerFilter) ([]Entry, error)
	// CountLedger counts a tenant's entries by kind.
	CountLedger(ctx context.Context, tenant string) (map[EntryKind]int64, error)
	// PruneResponse deletes incidents that were resolved before the time, with
	// their pages, messages and entries, and alerts that ended before it.
	PruneResponse(ctx context.Context, before time.Time) (deleted int, err error)

	// Contacts returns a tenant's contacts, of one person where named.
	Contacts(ctx context.Context, tenant, person string) ([]Contact, error)
	// PutContact stores a contact; DeleteContact removes one.
	PutContact(ctx context.Context, c Contact) error
	DeleteContact(ctx context.Context, tenant, id string) error
	// Policies returns a tenant's policies.
	Policies(ctx context.Context, tenant string) ([]Policy, error)
	// PutPolicy stores a policy; DeletePolicy removes one.
	PutPolicy(ctx context.Context, p Policy) error
	DeletePolicy(ctx context.Context, tenant, id string) error
}

// Claim asks for messages to send.
type Claim struct {
	Now   time.Time
	Ahead time.Time // what was changed after this was so before the clock was set back
	Until time.Time // end of the lease
	// Stale is the end of the longest lease that can be: one beyond it is from
	// before the clock was set back.
	Stale time.Time
	Limit int
	// PerLane bounds what one tenant gets of one channel in this claim.
	PerLane int
	// Skip are channels that have no room.
	Skip []Channel
}

// IncidentFilter narrows a list. Empty fields match everything.
type IncidentFilter struct {
	Tenant       string // required
	Environments []string
	States       []State
	MinSeverity  finding.Severity
	Assignee     string
	Number       int64  // its short name; 0 for any
	Text         string // part of the title; case is ignored
	Limit        int    // 1 to 500; 0 means 50
	Cursor       string
}

// IncidentPage is a part of a list: what is not resolved first, then severity
// falling, then last change falling.
type IncidentPage struct {
	Incidents []Incident `json:"incidents"`
	Next      string     `json:"next,omitempty"`
}

// LedgerFilter narrows the ledger. Empty fields match everything.
type LedgerFilter struct {
	Tenant   string // required
	Incident string
	Alerts   []string // ids
	After    string   // id of the last entry of the page before
	Limit    int
}
