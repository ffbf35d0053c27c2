package respond

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// system is who makes the transitions that nobody asked for.
const system = "Evenkeel"

// Decision is what one look at an incident changes. It is applied in one
// transaction, or not at all.
type Decision struct {
	Incident  Incident
	Pages     []Page       // begun, or ended
	Messages  []Message    // new ones
	Digests   []Message    // not sent yet, and telling of one more incident
	Withdrawn []Withdrawal // what need not be sent any more
	Tasks     []Task       // added, or changed
	Entries   []Entry
}

// Withdrawal supersedes those messages of a page that are not on their way.
type Withdrawal struct {
	Tenant string
	Page   string
	Reason string
}

// turn collects what happens to one incident in one decision.
type turn struct {
	Decision
	now   time.Time
	ended map[string]bool // pages that this turn has ended
	// held is how long the first message of the step waits for quiet hours to
	// end; counted tells that one was counted.
	held    time.Duration
	counted bool
}

// waits counts a message of a step, which waits so long for quiet hours.
func (t *turn) waits(d time.Duration) {
	if !t.counted || d < t.held {
		t.held, t.counted = d, true
	}
}

func begin(i Incident, now time.Time) *turn {
	return &turn{Decision: Decision{Incident: i}, now: now, ended: map[string]bool{}}
}

// note adds a line to the ledger. The service gives it its id.
func (t *turn) note(kind EntryKind, by, reason string) *Entry {
	t.Entries = append(t.Entries, Entry{Tenant: t.Incident.Tenant, At: t.now, Kind: kind, By: by,
		Reason: reason, Incident: t.Incident.ID})
	return &t.Entries[len(t.Entries)-1]
}

// wake makes Decide look at the incident again at a time, or earlier where that
// was said before.
func (t *turn) wake(at time.Time) {
	if t.Incident.WakeAt.IsZero() || at.Before(t.Incident.WakeAt) {
		t.Incident.WakeAt = at
	}
}

// done is the decision, one revision further. Whatever else was done to it, an
// incident whose alerts have all ended is looked at again, to be resolved.
func (t *turn) done() Decision {
	if i := t.Incident; i.Firing == 0 && !i.Declared && i.State != Resolved {
		t.wake(t.now)
	}
	t.Incident.ChangedAt = t.now
	t.Incident.Revision++
	return t.Decision
}

// end ends a page and takes back what is not sent.
func (t *turn) end(p Page, state PageState, by, reason string) {
	if t.ended[p.ID] || p.State != PageOpen {
		return
	}
	t.ended[p.ID] = true
	p.State, p.EndedAt, p.Reason = state, t.now, reason
	t.Pages = append(t.Pages, p)
	t.Withdrawn = append(t.Withdrawn, Withdrawal{Tenant: p.Tenant, Page: p.ID, Reason: reason})
	e := t.note(PageEnded, by, reason)
	e.Page, e.Person = p.ID, p.Person
}

var (
	// ErrNotFound is wrapped when there is no such thing in the tenant.
	ErrNotFound = errors.New("not found")
	// ErrConflict is wrapped when somebody else was faster; read and decide again.
	ErrConflict = errors.New("it has changed meanwhile")
	// ErrInvalid is wrapped when what was asked for cannot be right; the
	// message says what would be.
	ErrInvalid = errors.New("not valid")
	// ErrState is wrapped when it cannot be done in this state.
	ErrState = errors.New("not possible in this state")
	// ErrUnavailable is wrapped when nothing could be stored; the same may be
	// sent again.
	ErrUnavailable = errors.New("cannot be taken in at the moment; try again")
)

// maxNote bounds what a person writes, in characters.
const maxNote = 10_000

// written trims what a person wrote and checks its length, in characters.
func written(what, s string, least int) (string, error) {
	s = strings.TrimSpace(s)
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return "", fmt.Errorf("%w: %s is not plain text", ErrInvalid, what)
	case n < least:
		return "", fmt.Errorf("%w: %s needs at least %d characters", ErrInvalid, what, least)
	case n > maxNote:
		return "", fmt.Errorf("%w: %s may have %d characters at most", ErrInvalid, what, maxNote)
	}
	return s, nil
}
