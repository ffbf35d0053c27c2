package finding

import (
	"fmt"
	"time"
)

// Exempted is the id of the exemption under which it is accepted, also while
// there is no data about it or, once it is resolved, where it was when it ended;
// empty where none covers it.
func (f Finding) Exempted() string {
	if state := f.state(); state != Accepted && (state != Resolved || f.Prior != Accepted) {
		return ""
	}
	return f.Answer.Exemption
}

// IsAccepted tells whether it stands and may stay as it is, by a person's word or
// by an exemption, also while there is no data about it.
func (f Finding) IsAccepted() bool { return f.state() == Accepted }

// decide is Decide under exemptions.
func decide(cur *Finding, o Observation, list Exemptions, now time.Time) (Finding, []Event, bool) {
	next, events, changed := Decide(cur, o, now)
	if cur == nil && !changed {
		return next, events, changed
	}
	return under(list, next, events, changed, now)
}

// under goes on from a decision to what exemptions make of it, as one change:
// nobody sees a finding that is exempted while it is open.
func under(list Exemptions, f Finding, events []Event, changed bool, now time.Time) (Finding, []Event, bool) {
	next, more, exempted := settle(f, list, now)
	if !exempted {
		return f, events, changed
	}
	if changed {
		next.Revision = f.Revision
	}
	return next, append(events, more...), true
}

// settle accepts a finding that an exemption covers, and opens one that was
// accepted under an exemption which covers it no longer. What a person has
// accepted stays as they said.
func settle(f Finding, list Exemptions, now time.Time) (Finding, []Event, bool) {
	was := f.Exempted()
	if f.State == Resolved || was == "" && (f.state() == Accepted || len(list) == 0) {
		return f, nil, false
	}
	x := list.For(f.Key, f.Report, now)
	t := begin(f, now)
	switch {
	case x == nil && was == "":
		return f, nil, false
	case x == nil:
		text := fmt.Sprintf("The exemption %s covers it no longer.", was)
		if !f.Until.After(now) {
			text = fmt.Sprintf("The exemption %s ended.", was)
		}
		t.f.Answer, t.f.Until = Answer{}, time.Time{}
		t.answer(Open, "expired", system, text, text)
		return t.done()
	}
	until := x.Until.Truncate(time.Microsecond) // as finely as it is kept
	if a := f.Answer; was == x.ID && a.By == x.Owner && a.Text == x.Reason && f.Until.Equal(until) {
		return f, nil, false
	}
	t.f.Answer, t.f.Until = Answer{At: now, By: x.Owner, Text: x.Reason, Severity: Critical, Exemption: x.ID}, until
	t.answer(Accepted, "exempted", x.Owner, x.Reason,
		fmt.Sprintf("By the exemption %s, until %s: %s", x.ID, until.UTC().Format("2006-01-02 15:04 UTC"), x.Reason))
	return t.done()
}

// refused says why a person cannot answer what is exempted: at its next
// observation the configuration would have the say again.
func (f Finding) refused() error {
	if id := f.Exempted(); id != "" && f.State != Resolved {
		return fmt.Errorf("%w: by %s under detect: exemptions: in the configuration it is exempted until %s; change that there", ErrState, id, f.Until.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return nil
}
