package review

import (
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

// Times are the turning points of an incident. One that is not known is zero.
type Times struct {
	Began        time.Time `json:"began,omitzero"`        // the earliest start that an alert of it tells
	Detected     time.Time `json:"detected"`              // the incident was opened
	Acknowledged time.Time `json:"acknowledged,omitzero"` // a person took it up for the first time
	Mitigated    time.Time `json:"mitigated,omitzero"`    // the last of its alerts ended; without alerts, when it was resolved
	Resolved     time.Time `json:"resolved,omitzero"`     // it was resolved, by a person or because all alerts had ended
}

// Definitions say what each span means, in the order in which they are shown.
var Definitions = []struct{ Short, Name, Meaning string }{
	{"TTD", "Time to detect", "from the start that the alerts tell to the opening of the incident"},
	{"TTA", "Time to acknowledge", "from the opening to the first person who took it up"},
	{"TTM", "Time to mitigate", "from the opening to the end of its last alert"},
	{"TTR", "Time to resolve", "from the opening to the resolution"},
}

// Spans are the times that Definitions defines, in their order; ok is false for
// one that is not known.
func (t Times) Spans() (out [4]time.Duration, ok [4]bool) {
	for i, x := range [4][2]time.Time{{t.Began, t.Detected}, {t.Detected, t.Acknowledged}, {t.Detected, t.Mitigated}, {t.Detected, t.Resolved}} {
		if !x[0].IsZero() && !x[1].IsZero() {
			// Clocks of others may be ahead of ours.
			out[i], ok[i] = max(0, x[1].Sub(x[0])), true
		}
	}
	return out, ok
}

// start is when it began, or was noticed where nobody says when it began.
func (t Times) start() time.Time {
	if t.Began.IsZero() {
		return t.Detected
	}
	return t.Began
}

// timesOf reads the turning points off an incident and its alerts.
func timesOf(i respond.Incident, alerts []respond.Standing) Times {
	t := Times{Detected: i.OpenedAt, Acknowledged: i.AckedAt}
	if i.State == respond.Resolved {
		t.Resolved = i.ResolvedAt
	}
	standing := false
	for _, a := range alerts {
		if began := a.StartsAt; !began.IsZero() && (t.Began.IsZero() || began.Before(t.Began)) {
			t.Began = began
		}
		standing = standing || a.Fate != respond.Over
		if a.EndedAt.After(t.Mitigated) {
			t.Mitigated = a.EndedAt
		}
	}
	switch {
	case standing:
		t.Mitigated = time.Time{}
	case len(alerts) == 0:
		t.Mitigated = t.Resolved
	case !t.Resolved.IsZero() && t.Mitigated.After(t.Resolved):
		// It fired again after this incident was over: that is another one.
		t.Mitigated = t.Resolved
	}
	return t
}
