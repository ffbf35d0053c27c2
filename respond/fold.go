package respond

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// Batch is what is applied in one transaction.
type Batch struct {
	Alerts    []Standing // as they are now; at most one of each
	Joins     []Join
	Decisions []Decision // at most one for each incident
	Entries   []Entry    // about alerts that belong to no incident
	Audit     []access.Entry
}

// Join says that an alert is, or was, part of an incident.
type Join struct {
	Tenant   string
	Incident string
	Alert    string
	At       time.Time
}

// DefaultPolicy is the id of the policy that takes what no route does, and what a
// person declares without naming one.
const DefaultPolicy = "default"

// alertRelook is how often a muted alert is looked at again: a silence may be
// lifted, and what inhibits it may end.
const alertRelook = time.Minute

// GroupKey names the group of a target: what its alerts have in common is one
// incident.
func GroupKey(t Target) string {
	sum := sha256.Sum256([]byte(t.Policy + "\x00" + t.Group))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// folder turns what sources say into alerts, incidents and entries. It is pure
// over what was read into it before.
type folder struct {
	now       time.Time
	router    Router
	alerts    map[string]Standing // by id, those that the batch is about
	incidents map[string]Incident // by id
	groups    map[string]string   // newest incident of each group
	number    int64               // the tenant's last
	newID     func() string

	turns   map[string]*turn
	order   []string // of turns
	changed map[string]bool
	entries []Entry
	joins   []Join
}

func newFolder(router Router, now time.Time, newID func() string) *folder {
	return &folder{now: now, router: router, newID: newID, alerts: map[string]Standing{}, incidents: map[string]Incident{},
		groups: map[string]string{}, turns: map[string]*turn{}, changed: map[string]bool{}}
}

// targets are where an alert goes. What no route takes goes to the fallback
// policy: nothing is dropped for want of a route.
func (f *folder) targets(a Alert) []Target {
	out := routed(f.router, a, f.now)
	if len(out) == 0 {
		out = []Target{{Policy: DefaultPolicy, Group: a.ID()}}
	}
	for n := range out {
		if out[n].Policy == "" {
			out[n].Policy = DefaultPolicy
		}
	}
	return out
}

func byRoute(t Target) string {
	if t.Route == "" {
		return ""
	}
	return ", by the route " + t.Route
}

// take folds in what a source says of one alert.
func (f *folder) take(a Alert) {
	st, known := f.alerts[a.ID()]
	stands := known && st.Fate != Over
	switch {
	case a.Status == Ended || !a.EndsAt.IsZero() && !a.EndsAt.After(f.now):
		// The end of what was never heard of, or has ended, is no news.
		if stands {
			f.over(st, "Its source says that it has ended.")
		}
	case !stands:
		st = Standing{ID: a.ID(), Alert: a, FiredAt: f.now, Times: 1, ChangedAt: f.now}
		st.ReceivedAt = f.now
		st.Reason = "Received"
		if cause, explained := f.explains(st); explained {
			f.explain(st, cause)
			return
		}
		f.place(st, f.targets(a), AlertReceived)
	default:
		worse := a.Severity > st.Severity
		was := st.Alert
		a.Explanation = a.Explanation.after(was.Explanation)
		st.Alert, st.Times = a, st.Times+1
		st.ReceivedAt, st.ChangedAt = f.now, f.now
		if st.Fate == Explained {
			f.reconsider(st, worse)
			return
		}
		f.regroup(&st, was)
		for _, id := range st.Incidents {
			if _, ok := f.incidents[id]; !ok || !worse && !a.Acknowledged {
				continue
			}
			t := f.turn(id)
			t.worsen(a)
			t.source(a)
		}
		f.put(st)
	}
}

// place lets an alert join the incidents of its targets. Those that are muted
// wait.
func (f *folder) place(st Standing, targets []Target, kind EntryKind) {
	var muted []Target
	var joined []int64
	st.Waiting = nil
	for _, target := range targets {
		if target.Muted != "" {
			muted = append(muted, target)
			st.Waiting = append(st.Waiting, GroupKey(target))
			continue
		}
		i, is := f.join(&st, target)
		joined = append(joined, i.Number)
		if is {
			continue
		}
		e := Entry{Tenant: st.Tenant, At: f.now, Kind: kind, By: system, Alert: st.ID, Incident: i.ID,
			Reason: fmt.Sprintf("%s stands in incident %d%s.", st.Title, i.Number, byRoute(target))}
		f.entries = append(f.entries, e)
		kind = AlertGrouped
	}
	for _, target := range muted {
		f.entries = append(f.entries, Entry{Tenant: st.Tenant, At: f.now, Kind: AlertMuted, By: system, Alert: st.ID,
			Reason: fmt.Sprintf("%s pages nobody%s: %s", st.Title, byRoute(target), target.Muted)})
	}
	if len(st.Incidents) > 0 {
		st.Fate, st.Reason = Grouped, "It stands in incident "+numbers(joined)+"."
	} else {
		st.Fate, st.Reason = Muted, muted[0].Muted
	}
	f.put(st)
}

func numbers(list []int64) string {
	var out []string
	for _, n := range list {
		out = append(out, fmt.Sprint(n))
	}
	return strings.Join(out, " and ")
}

// join finds the incident of a target, or opens one. Is tells that the alert
// stood in it already.
func (f *folder) join(st *Standing, target Target) (i Incident, is bool) {
	group := GroupKey(target)
	target.Group = group
	id := f.groups[group]
	for hops := 0; id != "" && hops < 8; hops++ {
		if next := f.current(id).MergedInto; next != "" && f.has(next) {
			id = next
			continue
		}
		break
	}
	if id != "" {
		if i := f.current(id); i.MergedInto != "" || i.State == Resolved && f.now.Sub(i.ResolvedAt) > reopenWithin {
			id = ""
		}
	}
	if id != "" && slices.Contains(st.Incidents, id) {
		return f.current(id), true
	}
	if id == "" {
		id = f.newID()
		f.number++
		f.groups[group] = id
		f.turns[id] = open(id, f.number, st.Alert, target, f.now)
		f.order = append(f.order, id)
		f.incidents[id] = f.turns[id].Incident
	} else {
		t := f.turn(id)
		if t.Incident.State == Resolved && t.Incident.Group != group {
			// It was merged into, and its own group may have another by now.
			t.Incident.Group = ""
		}
		t.join(st.Alert, target)
	}
	st.Incidents = append(st.Incidents, id)
	f.joins = append(f.joins, Join{Tenant: st.Tenant, Incident: id, Alert: st.ID, At: f.now})
	return f.turns[id].Incident, false
}

// over ends an alert.
func (f *folder) over(st Standing, reason string) {
	st.Fate, st.Reason, st.EndedAt, st.Status = Over, reason, f.now, Ended
	st.Waiting, st.FreeAt, st.ChangedAt = nil, time.Time{}, f.now
	e := Entry{Tenant: st.Tenant, At: f.now, Kind: AlertEnded, By: system, Alert: st.ID, Reason: st.Title + ": " + reason}
	for _, id := range st.Incidents {
		if f.has(id) {
			f.turn(id).leave()
			e.Incident = id
		}
	}
	f.entries = append(f.entries, e)
	f.put(st)
}

// look does what time alone brings to an alert.
func (f *folder) look(st Standing) {
	switch {
	case st.Fate == Over:
		f.put(st)
	case !st.EndsAt.IsZero() && !st.EndsAt.After(f.now):
		f.over(st, "Its source has not spoken of it for as long as it said.")
	case st.Fate == Explained:
		f.reconsider(st, false)
	case len(st.Waiting) > 0:
		var free, muted []Target
		for _, target := range f.targets(st.Alert) {
			if !slices.Contains(st.Waiting, GroupKey(target)) {
				continue
			}
			if target.Muted == "" {
				free = append(free, target)
			} else {
				muted = append(muted, target)
			}
		}
		if len(free) > 0 || len(muted) == 0 && st.Fate == Muted {
			if len(free) == 0 {
				// Its routes have changed meanwhile.
				free = f.targets(st.Alert)
			}
			f.place(st, append(free, muted...), AlertGrouped)
			return
		}
		if len(muted) > 0 && st.Fate == Muted {
			st.Reason = muted[0].Muted
		}
		if len(muted) == 0 {
			st.Waiting = nil
		}
		f.put(st)
	default:
		f.put(st)
	}
}

// put keeps an alert, with the time at which it is to be looked at again.
func (f *folder) put(st Standing) {
	st.WakeAt, st.ChangedAt = time.Time{}, f.now
	if st.Fate != Over {
		st.WakeAt = st.EndsAt
		if again := f.now.Add(alertRelook); (len(st.Waiting) > 0 || st.Fate == Explained) && (st.WakeAt.IsZero() || again.Before(st.WakeAt)) {
			st.WakeAt = again
		}
	}
	f.alerts[st.ID] = st
	f.changed[st.ID] = true
}

func (f *folder) has(id string) bool { _, ok := f.incidents[id]; return ok }

// current is an incident as this batch has made it.
func (f *folder) current(id string) Incident {
	if t, ok := f.turns[id]; ok {
		return t.Incident
	}
	return f.incidents[id]
}

func (f *folder) turn(id string) *turn {
	t, ok := f.turns[id]
	if !ok {
		t = begin(f.incidents[id], f.now)
		f.turns[id] = t
		f.order = append(f.order, id)
	}
	return t
}

// batch is all that was folded.
func (f *folder) batch() Batch {
	b := Batch{Entries: f.entries, Joins: f.joins}
	for _, id := range f.order {
		b.Decisions = append(b.Decisions, f.turns[id].done())
	}
	ids := make([]string, 0, len(f.changed))
	for id := range f.changed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		b.Alerts = append(b.Alerts, f.alerts[id])
	}
	return b
}
