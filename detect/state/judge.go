package state

import (
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/finding"
)

// Memory is what is remembered of one check on one group. The zero Memory is a
// check that has seen nothing yet.
type Memory struct {
	State    detect.State     // last state, Unknown left out
	Since    time.Time        // pending: since when it looks wrong; firing: when it began
	ClearAt  time.Time        // firing: since when it has looked clear
	EaseAt   time.Time        // firing: since when a lower severity holds
	Severity finding.Severity // firing
	Fired    []time.Time      // when it began to fire, in the last hour; at most maxFired
	Told     bool             // the outside has been told that it fires
	Seen     time.Time        // last time that it could be told
	Root     string           // the explanation that keeps it from being told
	Until    time.Time        // until when that holds without being renewed
}

const (
	// easeFor is how long a lower severity must hold before it is believed.
	easeFor = 30 * time.Second
	// flapsWithin is how far back firing counts as flapping; each time more
	// doubles how long it must be clear, up to longestClear.
	flapsWithin  = time.Hour
	longestClear = 10 * time.Minute
	maxFired     = 8
	// shortLapse is how long a pending check may go unseen before it starts
	// anew; one that takes long may go unseen longer.
	shortLapse = time.Minute
	// lookAgain is how often what fires or is about to is looked at although
	// nothing changed: a rule may read the time.
	lookAgain = 15 * time.Second
)

// Judge decides what the subject's check says of it now, from the facts, what
// is remembered and the time alone. Due is when it must be judged again though
// nothing changes; zero for never.
func Judge(s *Subject, m Memory, now time.Time) (v detect.Verdict, next Memory, due time.Time) {
	c := s.Check
	if reason := s.look(); reason != "" {
		v = detect.Verdict{State: detect.Unknown, Reason: reason}
		if m.State == detect.Firing {
			v.Severity, v.Since = m.Severity, m.Since
		}
		m.ClearAt, m.EaseAt = time.Time{}, time.Time{}
		return v, m, time.Time{}
	}
	fire := len(s.firing) > 0
	if m.State == detect.Pending && now.Sub(m.Seen) > max(shortLapse, c.For/4) {
		m.State = detect.OK
	}
	m.Seen = now
	if m.State != detect.Firing {
		if !fire {
			m.State, m.Since = detect.OK, time.Time{}
			return detect.Verdict{State: detect.OK}, m, time.Time{}
		}
		if m.State != detect.Pending {
			m.State, m.Since = detect.Pending, now
		}
		if !s.since.IsZero() && s.since.Before(now) {
			m.Since = s.since
		}
		if begins := m.Since.Add(c.For); now.Before(begins) {
			return detect.Verdict{State: detect.Pending, Since: m.Since}, m, begins
		}
		m.State, m.ClearAt, m.EaseAt, m.Severity = detect.Firing, time.Time{}, time.Time{}, 0
		m.Fired = recent(append(m.Fired, now), now)
	} else if fire {
		m.ClearAt = time.Time{}
	} else {
		if m.ClearAt.IsZero() {
			m.ClearAt = now
		}
		if ends := m.ClearAt.Add(c.clearFor(m.Fired, now)); !now.Before(ends) {
			m.State, m.Since, m.ClearAt = detect.OK, time.Time{}, time.Time{}
			return detect.Verdict{State: detect.OK, Reason: "it is clear again"}, m, time.Time{}
		} else {
			due = ends
		}
	}
	s.lasting = now.Sub(m.Since).Seconds()
	if fire {
		m = grade(s, m, now)
	}
	if again := now.Add(lookAgain); due.IsZero() || again.Before(due) {
		due = again
	}
	return detect.Verdict{State: detect.Firing, Severity: m.Severity, Since: m.Since, Fading: !fire}, m, due
}

// clearFor is how long it must look clear: the longer, the more often it came
// back within the hour.
func (c *Check) clearFor(fired []time.Time, now time.Time) time.Duration {
	n := len(recent(fired, now))
	if n < 3 {
		return c.ClearFor
	}
	return min(max(c.ClearFor, lookAgain)<<(n-2), longestClear)
}

// recent keeps the times of the last hour, and of those the newest.
func recent(times []time.Time, now time.Time) []time.Time {
	var out []time.Time
	for _, t := range times {
		if now.Sub(t) < flapsWithin {
			out = append(out, t)
		}
	}
	if len(out) > maxFired {
		out = out[len(out)-maxFired:]
	}
	return out
}

// grade sets the severity: worse at once, better only once it has held.
func grade(s *Subject, m Memory, now time.Time) Memory {
	level := finding.Info
	for _, member := range s.firing {
		for _, g := range s.Check.Severity {
			if holds, err := member.holds(g.when); holds && err == nil {
				level = max(level, g.Is)
				break
			}
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
