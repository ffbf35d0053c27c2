package finding

import (
	"fmt"
	"slices"
	"time"
)

const (
	// ReopenWithin is how long after it was resolved a finding that fires
	// again is the same one.
	ReopenWithin = 10 * time.Minute
	// RefreshEvery is how often the evidence of a finding that keeps firing
	// is stored. In between nothing is written, so that a hundred findings
	// that stand for a week cost no disk.
	RefreshEvery = 5 * time.Minute
	// easeAfter is how long a finding keeps its severity before it is eased,
	// so that one on the edge between two does not fill its history.
	easeAfter = 5 * time.Minute
	// culpritAfter is how long the named culprit stands before another one
	// takes its place.
	culpritAfter = time.Minute
)

// system is who makes the transitions that nobody asked for.
const system = "Evenkeel"

// Decide turns the finding that stands for a key (nil where there is none) and
// one observation of that key into the next finding and the events to record.
// Without a change it returns what stands, and false: nothing is to be stored.
//
// It is pure. Ids are left empty on a new finding and on all events; Service
// fills them in.
func Decide(cur *Finding, o Observation, now time.Time) (next Finding, events []Event, changed bool) {
	if cur != nil {
		next = *cur
	}
	standing := cur != nil && cur.State != Resolved
	switch {
	case o.Sign == Firing && standing:
		return keepFiring(*cur, o, now)
	case o.Sign == Firing && cur != nil && now.Sub(cur.ResolvedAt) <= ReopenWithin:
		return comeBack(*cur, o, now)
	case o.Sign == Firing:
		return open(o, now)
	case o.Sign == Clear && standing:
		t := begin(*cur, now)
		t.f.ResolvedAt, t.f.Reason, t.f.By = now, o.Reason, system
		if t.f.Prior = cur.state(); t.f.Prior != Accepted {
			t.f.Prior, t.f.Answer = "", Answer{}
		}
		t.to(Resolved, "resolved", system, o.Reason)
		return t.done()
	case o.Sign == NoData && standing && cur.State != Unknown:
		t := begin(*cur, now)
		t.f.Prior, t.f.Reason, t.f.By = cur.State, o.Reason, system
		t.to(Unknown, "unknown", system, o.Reason)
		return t.done()
	}
	return next, nil, false
}

// state is what people and time have made of a finding, whether or not there
// is data about it at the moment.
func (f Finding) state() State {
	if f.State == Unknown {
		return f.Prior
	}
	return f.State
}

// transition collects what one decision does to a finding.
type transition struct {
	f      Finding
	now    time.Time
	events []Event
}

func begin(f Finding, now time.Time) *transition { return &transition{f: f, now: now} }

// to moves the finding to a state, which may be the one that it has, and
// writes the line for its history.
func (t *transition) to(state State, kind, by, text string) {
	t.events = append(t.events, Event{Finding: t.f.ID, At: t.now, Kind: kind,
		From: t.f.State, To: state, By: by, Text: text})
	t.f.State, t.f.ChangedAt = state, t.now
}

// unanswer takes an acknowledgement or an acceptance away.
func (t *transition) unanswer(reason, by string) {
	t.f.Answer, t.f.Until, t.f.Reason, t.f.By = Answer{}, time.Time{}, reason, by
}

func (t *transition) done() (Finding, []Event, bool) {
	t.f.Revision++
	return t.f, t.events, true
}

func open(o Observation, now time.Time) (Finding, []Event, bool) {
	t := begin(Finding{Key: o.Key, Report: o.Report, FirstSeen: firstSeen(o), LastSeen: o.At, By: system}, now)
	t.to(Open, "opened", system, o.Report.Title)
	return t.done()
}

func comeBack(f Finding, o Observation, now time.Time) (Finding, []Event, bool) {
	t := begin(f, now)
	to, text := Open, o.Report.Title
	if f.Prior == Accepted && now.Before(f.Until) && o.Report.Severity <= f.Answer.Severity {
		to, text = Accepted, "Came back while it was accepted: "+text
		t.f.Reason, t.f.By = f.Answer.Text, f.Answer.By
	} else {
		t.unanswer("", system)
	}
	t.f.Report, t.f.LastSeen, t.f.ResolvedAt, t.f.Prior = o.Report, o.At, time.Time{}, ""
	t.f.Returns++
	t.to(to, "reopened", system, text)
	return t.done()
}

// keepFiring handles a firing observation of a finding that is not resolved.
func keepFiring(f Finding, o Observation, now time.Time) (Finding, []Event, bool) {
	t := begin(f, now)
	t.f.LastSeen = latest(f.LastSeen, o.At)
	refresh := o.At.Sub(f.LastSeen) >= RefreshEvery || otherCulprit(f, o) || len(written(f.Report)) == 0 && len(written(o.Report)) > 0
	if f.State == Unknown {
		t.f.Prior, t.f.Reason, t.f.By, refresh = "", f.Answer.Text, system, true
		if f.Answer.By != "" {
			t.f.By = f.Answer.By
		}
		t.to(f.Prior, "known", system, "There is data again, and it still holds.")
	}
	report := o.Report
	switch {
	case report.Severity > f.Severity:
		refresh = true
		text := fmt.Sprintf("Worse: %s, was %s. %s", report.Severity, f.Severity, report.Title)
		if report.Severity > f.Answer.Severity && t.f.State != Open {
			t.unanswer("It became worse.", system)
			t.to(Open, "worsened", system, text)
		} else {
			t.to(t.f.State, "worsened", system, text)
		}
	case report.Severity < f.Severity && now.Sub(f.ChangedAt) >= easeAfter:
		refresh = true
		t.to(t.f.State, "eased", system, fmt.Sprintf("Eased: %s, was %s.", report.Severity, f.Severity))
	default:
		report.Severity = f.Severity
	}
	if !refresh {
		return f, nil, false
	}
	if len(report.Culprits) == 0 {
		report.Culprits = f.Culprits // who did it is not forgotten in a calmer moment
	}
	if len(written(report)) == 0 {
		report.Evidence = slices.Concat(report.Evidence, written(f.Report)) // nor what was written when it could be read
	}
	t.f.Report = report
	return t.done()
}

// written is the evidence that has lines of what a program wrote.
func written(r Report) (out []Evidence) {
	for _, e := range r.Evidence {
		if len(e.Lines) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// otherCulprit tells whether a culprit is named for the first time, or another
// one than before after that one has stood for a while.
func otherCulprit(f Finding, o Observation) bool {
	if len(o.Report.Culprits) == 0 {
		return false
	}
	if len(f.Culprits) == 0 {
		return true
	}
	was, is := f.Culprits[0], o.Report.Culprits[0]
	return (was.Entity != is.Entity || was.Name != is.Name) && o.At.Sub(f.LastSeen) >= culpritAfter
}

// firstSeen is when the observed state began. What is said of the future is
// not believed.
func firstSeen(o Observation) time.Time {
	if o.Since.IsZero() || o.Since.After(o.At) {
		return o.At
	}
	return o.Since
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
