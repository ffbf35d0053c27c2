package respond

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// settleFor is how long an alert of which the cause is over may take to end as
// well, before it pages: what a fault left behind takes a while to drain.
const settleFor = 3 * time.Minute

// Explanation says what an alert belongs to and what causes it, as far as that
// is known. Alerts of one case are one incident.
type Explanation struct {
	// Case is the id of the case that it is part of; empty where there is none,
	// or where that could not be told now.
	Case string `json:"case,omitempty"`
	// CaseWas are cases that have gone into that one.
	CaseWas []string `json:"caseWas,omitempty"`
	// By is the id of the alert that causes it, Why says so in plain English.
	By  string `json:"explainedBy,omitempty"`
	Why string `json:"explanation,omitempty"`
}

// after is what holds where something was known before: what cannot be told now
// stays as it was.
func (e Explanation) after(was Explanation) Explanation {
	if e.Case == "" {
		return was
	}
	return e
}

// routed is where a router sends an alert. One that is part of a case is grouped
// by that, whatever else it has in common with others.
func routed(router Router, a Alert, now time.Time) []Target {
	var out []Target
	if router != nil {
		out = router.Route(a, now)
	}
	if a.Case == "" {
		return out
	}
	if len(out) == 0 {
		out = []Target{{Policy: DefaultPolicy}}
	}
	out = slices.Clone(out)
	for n := range out {
		out[n].Group = "case " + a.Case
	}
	return out
}

// learnCauses reads the alerts that explain others.
func (s *Service) learnCauses(ctx context.Context, f *folder, list []Standing) error {
	var ids []string
	for _, st := range list {
		if _, is := f.alerts[st.By]; st.By != "" && !is {
			ids = append(ids, st.By)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	causes, err := s.store.AlertsByID(ctx, unique(ids))
	if err != nil {
		return fmt.Errorf("read the alerts that explain others: %w", err)
	}
	for _, st := range causes {
		f.alerts[st.ID] = st
	}
	return nil
}

// explains finds the incident in which the cause of an alert stands. It explains
// the alert only where somebody is told of it: it is not held back, and is at
// least as severe. What people resolve while its alerts fire comes back by
// itself, so that it explains as well.
func (f *folder) explains(st Standing) (cause Incident, ok bool) {
	by, known := f.alerts[st.By]
	if st.By == "" || st.By == st.ID || !known || by.Tenant != st.Tenant || by.Fate != Grouped {
		return Incident{}, false
	}
	for _, id := range by.Incidents {
		if !f.has(id) {
			continue
		}
		i := f.current(id)
		if i.MergedInto == "" && i.Held == "" && i.Firing > 0 && i.Severity >= st.Severity {
			return i, true
		}
	}
	return Incident{}, false
}

// explain keeps an alert from paging, because what causes it is told already.
func (f *folder) explain(st Standing, cause Incident) {
	st.Fate, st.FreeAt, st.Waiting, st.Incidents = Explained, time.Time{}, nil, nil
	st.Reason = fmt.Sprintf("Incident %d explains it: %s", cause.Number, st.Why)
	f.entries = append(f.entries, Entry{Tenant: st.Tenant, At: f.now, Kind: AlertExplained, By: system, Alert: st.ID, Incident: cause.ID,
		Reason: fmt.Sprintf("%s pages nobody again: incident %d explains it. %s", st.Title, cause.Number, st.Why)})
	f.put(st)
}

// reconsider looks at an explained alert again. When nothing explains it any
// more it pages, after a while in which it may end as well; at once where it is
// worse than it was.
func (f *folder) reconsider(st Standing, worse bool) {
	cause, explained := f.explains(st)
	switch {
	case explained && st.FreeAt.IsZero():
		f.put(st)
	case explained:
		f.explain(st, cause)
	case worse || !st.FreeAt.IsZero() && !st.FreeAt.After(f.now):
		st.FreeAt = time.Time{}
		f.place(st, f.targets(st.Alert), AlertGrouped)
	case st.FreeAt.IsZero() || st.FreeAt.Sub(f.now) > settleFor:
		st.FreeAt = f.now.Add(settleFor)
		st.Reason = "What explained it is over, or explains it no more; if it stays, it pages."
		f.entries = append(f.entries, Entry{Tenant: st.Tenant, At: f.now, Kind: AlertExplained, By: system, Alert: st.ID,
			Reason: fmt.Sprintf("%s is explained no more; if it still stands in %s, it pages.", st.Title, span(settleFor))})
		f.put(st)
	default:
		f.put(st)
	}
}

// regroup takes an alert of which the case has changed to the incident of its
// new one. Where cases have become one and only the old one's incident stands,
// that goes on as the new one's: nobody is paged again for it. What people have
// arranged stays as it is.
func (f *folder) regroup(st *Standing, was Alert) {
	if st.Fate != Grouped || was.Case == "" || st.Case == was.Case {
		return
	}
	var before []string
	for _, t := range f.targets(was) {
		before = append(before, GroupKey(t))
	}
	for _, id := range st.Incidents {
		if !f.has(id) || !slices.Contains(before, f.current(id).Group) || f.current(id).State == Resolved {
			return
		}
	}
	merged := slices.Contains(st.CaseWas, was.Case)
	targets := f.targets(st.Alert)
	if slices.ContainsFunc(targets, func(t Target) bool { return t.Muted != "" }) {
		return // it has its place, and would lose it
	}
	for _, target := range targets {
		group := GroupKey(target)
		at := slices.IndexFunc(st.Incidents, func(id string) bool { return f.current(id).Policy == target.Policy })
		if standing := f.groups[group]; merged && at >= 0 && (standing == "" || f.current(standing).State == Resolved) {
			t := f.turn(st.Incidents[at])
			t.Incident.Group = group
			f.groups[group] = t.Incident.ID
		}
	}
	old := slices.Clone(st.Incidents)
	var joined []int64
	var now []string
	for _, target := range targets {
		i, _ := f.join(st, target)
		joined, now = append(joined, i.Number), append(now, i.ID)
	}
	for _, id := range old {
		if slices.Contains(now, id) {
			continue
		}
		st.Incidents = slices.DeleteFunc(st.Incidents, func(x string) bool { return x == id })
		t := f.turn(id)
		t.leave()
		e := t.note(AlertGrouped, system, fmt.Sprintf("%s goes over to incident %s: that is its case now.", st.Title, numbers(joined)))
		e.Alert = st.ID
		if t.Incident.Firing == 0 && merged {
			t.Incident.MergedInto = now[len(now)-1]
		}
	}
	st.Reason = "It stands in incident " + numbers(joined) + "."
}
