package detect

import (
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// State is what a check says of an entity.
type State string

const (
	OK      State = "ok"
	Pending State = "pending" // it looks wrong, but not for long enough yet
	Firing  State = "firing"
	Unknown State = "unknown" // it could not be told; the reason says why
)

// Memory is what Judge remembers of one check on one entity from round to
// round. The zero Memory is a check that has seen nothing yet.
type Memory struct {
	State    State            // last state, Unknown left out
	Since    time.Time        // pending: when it first looked wrong; firing: when it began
	ClearAt  time.Time        // firing: since when it has looked clear; zero while it does not
	EaseAt   time.Time        // firing: since when a lower severity holds
	Severity finding.Severity // firing
	Seen     time.Time        // last time that it could be told
	Told     bool             // the outside has been told that it fires
	// Root is the explanation that last kept it from being told.
	Root  string
	Until time.Time // until when that explanation holds without being renewed
}

// Verdict is what Judge finds.
type Verdict struct {
	State    State
	Severity finding.Severity // for Firing
	Since    time.Time        // for Pending and Firing
	Reason   string           // for Unknown, and for OK after Firing: why
	Fading   bool             // for Firing: this round does not show it any more, but it is not clear for long enough
}

// easeFor is how long a lower severity must hold before it is believed.
const easeFor = time.Minute

// Judge decides what the subject's check says of it now, from the figures, what
// is remembered and the time alone. lapse is the longest time between rounds
// after which a pending check must start anew: what was not watched does not
// count as seen.
func Judge(s *Subject, m Memory, now time.Time, lapse time.Duration) (Verdict, Memory) {
	c := s.Check
	if reason := s.blind(); reason != "" {
		return unknown(m, reason)
	}
	fire, err := s.holds(c.fire)
	if err != nil {
		return unknown(m, fmt.Sprintf("the rule could not be worked out: %v", err))
	}
	if m.State == Pending && now.Sub(m.Seen) > lapse {
		m.State = OK
	}
	m.Seen = now
	if m.State != Firing {
		if !fire {
			m.State, m.Since = OK, time.Time{}
			return Verdict{State: OK}, m
		}
		if m.State != Pending {
			m.State, m.Since = Pending, now
		}
		if now.Sub(m.Since) < c.For {
			return Verdict{State: Pending, Since: m.Since}, m
		}
		m.State, m.ClearAt, m.EaseAt, m.Severity = Firing, time.Time{}, time.Time{}, 0
	} else {
		clear := !fire
		if c.clear != nil {
			if clear, err = s.holds(c.clear); err != nil {
				return unknown(m, fmt.Sprintf("the rule could not be worked out: %v", err))
			}
			clear = clear && !fire
		}
		if !clear {
			m.ClearAt = time.Time{}
		} else {
			if m.ClearAt.IsZero() {
				m.ClearAt = now
			}
			if now.Sub(m.ClearAt) >= c.ClearFor {
				m.State, m.Since, m.ClearAt = OK, time.Time{}, time.Time{}
				return Verdict{State: OK, Reason: "it is clear again"}, m
			}
		}
	}
	m = grade(s, m, now)
	return Verdict{State: Firing, Severity: m.Severity, Since: m.Since, Fading: !fire}, m
}

// grade sets the severity: worse at once, better only once it has held.
func grade(s *Subject, m Memory, now time.Time) Memory {
	level := finding.Info
	for _, g := range s.Check.Severity {
		if holds, err := s.holds(g.when); holds && err == nil {
			level = g.Is
			break
		}
	}
	switch {
	case level >= m.Severity:
		m.Severity, m.EaseAt = level, time.Time{}
	case m.EaseAt.IsZero():
		m.EaseAt = now
	case now.Sub(m.EaseAt) >= easeFor:
		m.Severity, m.EaseAt = level, time.Time{}
	}
	return m
}

func unknown(m Memory, reason string) (Verdict, Memory) {
	v := Verdict{State: Unknown, Reason: reason}
	if m.State == Firing {
		v.Severity, v.Since = m.Severity, m.Since
	} else {
		m.State, m.Since = OK, time.Time{}
	}
	m.ClearAt, m.EaseAt = time.Time{}, time.Time{}
	return v, m
}

// blind says why the check cannot be told, or "".
func (s *Subject) blind() string {
	if s.Lost != "" {
		return s.Lost
	}
	missing := s.lacks()
	if len(missing) == 0 {
		return ""
	}
	texts := make([]string, len(missing))
	for i, signal := range missing {
		texts[i] = signal.Name
		if signal.Absent != "" {
			texts[i] += " (" + signal.Absent + ")"
		}
	}
	return "no data for " + strings.Join(texts, ", ")
}
