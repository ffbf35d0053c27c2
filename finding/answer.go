package finding

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	minReason = 3   // characters
	maxReason = 500 // characters
	// maxAcceptance is how far ahead an acceptance may reach: what stands for
	// longer deserves a second look.
	maxAcceptance = 366 * 24 * time.Hour
)

var (
	// ErrInvalid is wrapped when what was asked for cannot be right; the
	// message says what would be.
	ErrInvalid = errors.New("not valid")
	// ErrState is wrapped when it cannot be done to a finding in its state.
	ErrState = errors.New("not possible in this state")
)

// Acknowledge says that somebody is looking after it. The note may be empty.
func Acknowledge(f Finding, by, note string, now time.Time) (Finding, []Event, error) {
	note, err := text("the note", note, 0)
	switch {
	case err != nil:
		return f, nil, err
	case f.refused() != nil:
		return f, nil, f.refused()
	case f.State == Resolved:
		return f, nil, fmt.Errorf("%w: it is resolved already", ErrState)
	case f.state() == Acknowledged:
		return f, nil, fmt.Errorf("%w: it is acknowledged already", ErrState)
	}
	t := begin(f, now)
	t.f.Answer, t.f.Until = Answer{At: now, By: by, Text: note, Severity: f.Severity}, time.Time{}
	t.answer(Acknowledged, "acknowledged", by, note, note)
	next, events, _ := t.done()
	return next, events, nil
}

// Accept says that it may stay as it is until a date, and why. Accepting again
// changes the date.
func Accept(f Finding, by string, until time.Time, reason string, now time.Time) (Finding, []Event, error) {
	reason, err := text("the reason", reason, minReason)
	switch {
	case err != nil:
		return f, nil, err
	case !until.After(now):
		return f, nil, fmt.Errorf("%w: the acceptance must end in the future", ErrInvalid)
	case until.Sub(now) > maxAcceptance:
		return f, nil, fmt.Errorf("%w: an acceptance may last a year at most; look at it again then", ErrInvalid)
	case f.refused() != nil:
		return f, nil, f.refused()
	case f.State == Resolved:
		return f, nil, fmt.Errorf("%w: it is resolved already", ErrState)
	}
	t := begin(f, now)
	t.f.Answer, t.f.Until = Answer{At: now, By: by, Text: reason, Severity: f.Severity}, until
	t.answer(Accepted, "accepted", by, reason,
		fmt.Sprintf("Until %s: %s", until.UTC().Format("2006-01-02 15:04 UTC"), reason))
	next, events, _ := t.done()
	return next, events, nil
}

// Reopen takes an acknowledgement or an acceptance back.
func Reopen(f Finding, by, reason string, now time.Time) (Finding, []Event, error) {
	reason, err := text("the reason", reason, 0)
	switch {
	case err != nil:
		return f, nil, err
	case f.refused() != nil:
		return f, nil, f.refused()
	case f.State == Resolved:
		return f, nil, fmt.Errorf("%w: it is resolved; it opens by itself if it comes back", ErrState)
	case f.state() == Open:
		return f, nil, fmt.Errorf("%w: it is open already", ErrState)
	}
	t := begin(f, now)
	t.f.Answer, t.f.Until = Answer{}, time.Time{}
	t.answer(Open, "reopened", by, reason, reason)
	next, events, _ := t.done()
	return next, events, nil
}

// expire ends an acceptance whose time is up.
func expire(f Finding, now time.Time) (Finding, []Event, bool) {
	if f.State == Resolved || f.state() != Accepted || f.Until.After(now) {
		return f, nil, false
	}
	t := begin(f, now)
	t.f.Answer, t.f.Until = Answer{}, time.Time{}
	t.answer(Open, "expired", system, "The acceptance ended.", "The acceptance ended.")
	return t.done()
}

// answer moves the finding to a state, or notes it as the one to go back to
// where there is no data: an answer does not make anything known.
func (t *transition) answer(state State, kind, by, reason, text string) {
	if t.f.State == Unknown {
		t.f.Prior = state
		t.to(Unknown, kind, by, text)
		return
	}
	t.f.Reason, t.f.By = reason, by
	t.to(state, kind, by, text)
}

// text trims what a person wrote and checks its length.
func text(what, s string, min int) (string, error) {
	s = strings.TrimSpace(s)
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return "", fmt.Errorf("%w: %s is not plain text", ErrInvalid, what)
	case n < min:
		return "", fmt.Errorf("%w: %s needs at least %d characters", ErrInvalid, what, min)
	case n > maxReason:
		return "", fmt.Errorf("%w: %s may have %d characters at most", ErrInvalid, what, maxReason)
	}
	return s, nil
}
