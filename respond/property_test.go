package respond

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// world applies decisions to maps, as the store does to tables.
type world struct {
	t         *testing.T
	now       time.Time
	router    Router
	roster    Roster
	policies  map[string]Policy
	book      Book
	alerts    map[string]Standing
	incidents map[string]Incident
	pages     map[string][]Page
	messages  map[string]Message
	tasks     map[string]Task
	order     []string // of messages
	entries   []Entry
	last      int64
	ids       int
	steps     map[string]int // steps taken in the last Wake, by incident
}

func newWorld(t *testing.T, contacts ...Contact) *world {
	return &world{t: t, now: time.Date(2027, 3, 1, 3, 0, 0, 0, time.UTC), policies: map[string]Policy{}, book: NewBook(contacts),
		alerts: map[string]Standing{}, incidents: map[string]Incident{}, pages: map[string][]Page{}, messages: map[string]Message{}, tasks: map[string]Task{}}
}

func (w *world) apply(b Batch) {
	for _, st := range b.Alerts {
		w.alerts[st.ID] = st
	}
	for _, d := range b.Decisions {
		i := d.Incident
		if old := w.incidents[i.ID]; i.Revision != old.Revision+1 {
			w.t.Fatalf("incident %d: revision %d after %d", i.Number, i.Revision, old.Revision)
		}
		w.incidents[i.ID] = i
		for _, p := range d.Pages {
			w.put(p)
		}
		for _, x := range d.Withdrawn {
			for id, m := range w.messages {
				if m.Page == x.Page && m.State == Due {
					m.State, m.Reason = Superseded, x.Reason
					w.messages[id] = m
				}
			}
		}
		for _, m := range d.Messages {
			if _, ok := w.messages[m.ID]; ok {
				w.t.Fatalf("message %s is decided twice", m.ID)
			}
			w.messages[m.ID] = m
			w.order = append(w.order, m.ID)
		}
		for _, m := range d.Digests {
			if _, ok := w.messages[m.ID]; !ok {
				w.order = append(w.order, m.ID)
			}
			w.messages[m.ID] = m
		}
		for _, k := range d.Tasks {
			w.tasks[k.ID] = k
		}
		w.entries = append(w.entries, d.Entries...)
	}
	w.entries = append(w.entries, b.Entries...)
}

func (w *world) put(p Page) {
	for n, old := range w.pages[p.Incident] {
		if old.ID == p.ID {
			if old.State != PageOpen {
				w.t.Fatalf("page %s ended twice: %s, then %s", p.ID, old.State, p.State)
			}
			w.pages[p.Incident][n] = p
			return
		}
	}
	w.pages[p.Incident] = append(w.pages[p.Incident], p)
}

func (w *world) folder() *folder {
	f := newFolder(w.router, w.now, func() string { w.ids++; return fmt.Sprintf("i%06d", w.ids) })
	f.number = w.last
	for id, st := range w.alerts {
		f.alerts[id] = st
	}
	for id, i := range w.incidents {
		f.incidents[id] = i
		old, ok := f.incidents[f.groups[i.Group]]
		if i.Group != "" && (!ok || old.State == Resolved && (i.State != Resolved || i.Number > old.Number)) {
			f.groups[i.Group] = id
		}
	}
	return f
}

func (w *world) receive(alerts ...Alert) {
	f := w.folder()
	for _, a := range alerts {
		if err := a.validate(); err != nil {
			w.t.Fatal(err)
		}
		f.take(a)
	}
	w.last = f.number
	w.applyFolded(f.batch())
}

func (w *world) facts(i Incident) Facts {
	f := Facts{Incident: i, Policy: w.policies[i.Policy], Roster: w.roster, Book: w.book,
		Storm: Storm{Limit: 2, Recent: map[string]int{}, Digests: map[string]Message{}}}
	for id, o := range w.incidents {
		if id != i.ID && i.Group != "" && o.Group == i.Group && o.State != Resolved {
			f.Succeeded = true
		}
	}
	for _, p := range w.pages[i.ID] {
		if p.State == PageOpen {
			f.Pages = append(f.Pages, p)
		}
	}
	for _, pages := range w.pages {
		for _, p := range pages {
			if p.State == PageOpen && w.now.Sub(p.BegunAt) < 5*time.Minute {
				f.Storm.Recent[p.To()]++
			}
		}
	}
	for n := len(w.order) - 1; n >= 0; n-- {
		m := w.messages[w.order[n]]
		switch {
		case m.Incident == i.ID && m.Kind == PageMessage && m.State == Sent:
			f.Told = append(f.Told, m)
		case m.Incident == "" && m.State == Due:
			f.Storm.Digests[m.Contact.ID] = m
		}
	}
	return f
}

// wake does what is due, as Service.Wake does.
func (w *world) wake() {
	w.steps = map[string]int{}
	f := w.folder()
	for _, st := range w.alerts {
		if !st.WakeAt.IsZero() && (!st.WakeAt.After(w.now) || st.ChangedAt.Sub(w.now) > clockSlack) {
			f.look(st)
		}
	}
	w.last = f.number
	w.applyFolded(f.batch())
	for id, i := range w.incidents {
		for n := 0; !i.WakeAt.IsZero() && (!i.WakeAt.After(w.now) || i.ChangedAt.Sub(w.now) > clockSlack); n++ {
			if n > 3 {
				w.t.Fatalf("incident %d is due again and again: %+v", i.Number, i)
			}
			d, changed := Decide(w.facts(i), w.now)
			if !changed {
				w.t.Fatalf("incident %d is due, and nothing changes: %+v", i.Number, i)
			}
			for _, p := range d.Pages {
				if p.State == PageOpen {
					w.steps[id]++
				}
			}
			w.apply(Batch{Decisions: []Decision{d}})
			i = w.incidents[id]
		}
	}
}

// act does what a person asks for; what cannot be done is refused with a reason.
func (w *world) act(id string, do func(*turn, Facts) error) {
	f := w.facts(w.incidents[id])
	t := begin(f.Incident, w.now)
	if err := do(t, f); err != nil {
		if !errors.Is(err, ErrState) && !errors.Is(err, ErrInvalid) {
			w.t.Fatal(err)
		}
		return
	}
	w.apply(Batch{Decisions: []Decision{t.done()}})
}

// send sends what is due, with an outcome that a sender may have.
func (w *world) send(r *rand.Rand) {
	for _, id := range w.order {
		m := w.messages[id]
		if m.State != Due || m.NextAt.After(w.now) {
			continue
		}
		m.State, m.LeaseUntil = Sending, w.now.Add(time.Minute)
		m.Tries++
		o := []Outcome{{State: Sent}, {State: Due, Reason: "timeout", Uncertain: true}, {State: Failed, Reason: "refused"}}[r.IntN(3)]
		m = Settle(m, o, w.now).Message
		w.messages[id] = m
		if m.State != Failed || m.Page == "" {
			continue
		}
		var open, all = []Page{}, []Message{}
		var page Page
		for _, p := range w.pages[m.Incident] {
			if p.State == PageOpen {
				open = append(open, p)
			}
			if p.ID == m.Page {
				page = p
			}
		}
		for _, x := range w.messages {
			if x.Page == m.Page {
				all = append(all, x)
			}
		}
		if d, ended := unreached(w.incidents[m.Incident], page, open, all, w.now); ended {
			w.apply(Batch{Decisions: []Decision{d}})
		}
	}
}

// check holds the invariants against the world.
func (w *world) check() {
	w.t.Helper()
	firing, there := map[string]int{}, map[string]bool{}
	for id := range w.incidents {
		there[id] = true
	}
	var problems []Problem
	for _, st := range w.alerts {
		problems = append(problems, checkAlert(st, there)...)
		if st.Fate != Over {
			for _, id := range st.Incidents {
				firing[id]++
			}
		}
	}
	groups := map[string]int{}
	for id, i := range w.incidents {
		var messages []Message
		for _, m := range w.messages {
			if m.Incident == id {
				messages = append(messages, m)
			}
			if m.State == Coalesced && w.messages[m.Into].ID == "" {
				problems = append(problems, Problem{"message", m.ID, "is told by none"})
			}
		}
		problems = append(problems, checkIncident(i, w.pages[id], messages, firing[id])...)
		if i.State != Resolved && i.Group != "" {
			groups[i.Group]++
		}
	}
	for g, n := range groups {
		if n > 1 {
			problems = append(problems, Problem{"group", g, fmt.Sprintf("%d incidents stand", n)})
		}
	}
	for id, n := range w.steps {
		if n > 3 {
			problems = append(problems, Problem{"incident", id, fmt.Sprintf("%d pages in one look", n)})
		}
	}
	if len(problems) > 0 {
		w.t.Fatalf("at %s: %+v", w.now, problems)
	}
}

// belongs puts some alerts into cases that merge and split, and has some explained
// by others.
func belongs(r *rand.Rand, n int) (e Explanation) {
	if n < 4 || r.IntN(8) == 0 {
		return e
	}
	e.Case = []string{"a", "b"}[n%2]
	if r.IntN(4) == 0 {
		e.Case, e.CaseWas = "c", [][]string{nil, {"a"}, {"a", "b"}}[r.IntN(3)]
	}
	if r.IntN(2) == 0 {
		e.By, e.Why = AlertKey{Tenant: "t", Source: "s", Fingerprint: fmt.Sprint(r.IntN(12))}.ID(), "Alert explains it."
	}
	return e
}

// labels routes by the label "group"; the label "mute" mutes.
type labels struct{ silent bool }

func (l *labels) Route(a Alert, now time.Time) []Target {
	t := Target{Route: "all", Policy: a.Labels["policy"], Group: a.Labels["group"], Wait: 30 * time.Second}
	if l.silent && a.Labels["mute"] != "" {
		t.Muted, t.MutedUntil = "Silenced by Ana.", now.Add(10*time.Minute)
	}
	out := []Target{t}
	if a.Labels["also"] != "" {
		out = append(out, Target{Route: "also", Policy: "second", Group: a.Labels["also"]})
	}
	return out
}

// duty is a roster by hours: somebody is on call in the even hours.
type duty struct{}

func (duty) OnCall(schedule string, at time.Time) ([]Duty, time.Time, error) {
	if schedule == "gone" {
		return nil, time.Time{}, errors.New("there is no such schedule")
	}
	next := at.Truncate(time.Hour).Add(time.Hour)
	if schedule != "always" && at.Hour()%2 == 1 {
		return nil, next, nil
	}
	return []Duty{{Person: "ana", Until: next, Why: "even hours"}}, time.Time{}, nil
}

func people() []Contact {
	then := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return []Contact{
		{ID: "c1", Tenant: "t", Person: "ana", Name: "phone", Channel: SMS, Verified: then},
		{ID: "c2", Tenant: "t", Person: "ana", Name: "call", Channel: Voice, Verified: then, After: 2 * time.Minute, Urgency: []Urgency{High}},
		{ID: "c3", Tenant: "t", Person: "ben", Name: "mail", Channel: Email},
		{ID: "c4", Tenant: "t", Person: "cleo", Name: "mail", Channel: Email, Verified: then},
		{ID: "ops", Tenant: "t", Name: "#ops", Channel: Slack, Verified: then},
	}
}

func policies() map[string]Policy {
	return map[string]Policy{
		"first": {ID: "first", Name: "First", Rounds: 2, Hours: "hours", LastResort: []Recipient{{ToPerson, "cleo"}}, Steps: []Step{
			{Notify: []Recipient{{ToSchedule, "odd"}, {ToChannel, "ops"}}, Wait: 5 * time.Minute},
			{Notify: []Recipient{{ToPerson, "ben"}}, Wait: 5 * time.Minute},
			{Notify: []Recipient{{ToPerson, "ana"}, {ToSchedule, "always"}, {ToSchedule, "gone"}}, Wait: time.Hour}}},
		"second":  {ID: "second", Name: "Second", Rounds: 1, Steps: []Step{{Notify: []Recipient{{ToPerson, "ben"}}, Wait: time.Minute}}},
		"default": {ID: "default", Name: "Default", Rounds: 1, Steps: []Step{{Notify: []Recipient{{ToPerson, "cleo"}}, Wait: time.Minute}}},
	}
}

// play runs a random sequence of what can happen.
func play(t *testing.T, seed uint64, moves int) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, people()...)
	routes := &labels{}
	w.router, w.roster, w.policies = routes, duty{}, policies()
	pick := func() string {
		var ids []string
		for n := 1; n <= w.ids; n++ {
			if id := fmt.Sprintf("i%06d", n); w.incidents[id].ID != "" {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			return ""
		}
		return ids[r.IntN(len(ids))]
	}
	for range moves {
		switch id, by := pick(), (By{ID: "ana", Name: "Ana"}); {
		case id == "" || r.IntN(3) == 0:
			var batch []Alert
			for range 1 + r.IntN(4) {
				n := r.IntN(12)
				a := Alert{AlertKey: AlertKey{Tenant: "t", Source: "s", Fingerprint: fmt.Sprint(n)}, Status: Firing,
					Severity: finding.Severity(1 + r.IntN(3)), Title: fmt.Sprintf("Alert %d", n),
					Labels: map[string]string{"group": fmt.Sprint(n % 5), "policy": []string{"first", "second", "none", ""}[n%4]}}
				if n%3 == 0 {
					a.Labels["mute"] = "1"
				}
				if n == 7 {
					a.Labels["also"] = "x"
				}
				if r.IntN(3) == 0 {
					a.Status = Ended
				} else if r.IntN(2) == 0 {
					a.EndsAt = w.now.Add(time.Duration(r.IntN(20)-1) * time.Minute)
				}
				a.Acknowledged = r.IntN(12) == 0
				a.Explanation = belongs(r, n)
				batch = append(batch, a)
			}
			w.receive(batch...)
		case r.IntN(2) == 0:
			w.wake()
		default:
			switch r.IntN(15) {
			case 0:
				w.act(id, func(t *turn, f Facts) error { return t.acknowledge(f, by, "") })
			case 1:
				w.act(id, func(t *turn, f Facts) error { return t.resolve(f, by, "") })
			case 2:
				w.act(id, func(t *turn, f Facts) error { return t.snooze(f, by, w.now.Add(time.Hour), "later") })
			case 3:
				w.act(id, func(t *turn, f Facts) error { return t.reassign(f, by, By{ID: "ben", Name: "Ben"}, "") })
			case 4:
				w.act(id, func(t *turn, f Facts) error { return t.hasten(f, by, "") })
			case 5:
				w.act(id, func(t *turn, f Facts) error { return t.reopen(f, by, "not over") })
			case 6:
				w.act(id, func(t *turn, f Facts) error { return t.change(by, "", finding.Severity(1+r.IntN(3))) })
			case 7:
				w.merge(id, pick(), by)
			case 8:
				w.split(id, by)
			case 9:
				routes.silent = !routes.silent
			case 10:
				w.giveRole(r, id)
			case 11, 12:
				w.touchTask(r, id)
			default:
				w.send(r)
			}
		}
		switch r.IntN(40) {
		case 0:
			w.now = w.now.Add(24 * time.Hour)
		case 1:
			w.now = w.now.Add(-24 * time.Hour)
		default:
			w.now = w.now.Add(time.Duration(r.IntN(240)) * time.Second)
		}
		w.check()
	}
	return w
}

func (w *world) merge(from, into string, by By) {
	a, b := w.facts(w.incidents[from]), w.facts(w.incidents[into])
	var alerts []Standing
	for _, st := range w.alerts {
		for _, id := range st.Incidents {
			if id == from {
				alerts = append(alerts, st)
			}
		}
	}
	ta, tb := begin(a.Incident, w.now), begin(b.Incident, w.now)
	moved, err := merge(ta, tb, a, alerts, by)
	if err != nil {
		return
	}
	carry(ta, tb, w.tasksOf(from), by)
	w.apply(Batch{Alerts: moved, Decisions: []Decision{tb.done(), ta.done()}})
}

func (w *world) split(from string, by By) {
	for _, st := range w.alerts {
		if len(st.Incidents) > 0 && st.Incidents[0] == from {
			t := begin(w.incidents[from], w.now)
			w.ids++
			to, moved, err := split(t, fmt.Sprintf("i%06d", w.ids), w.last+1, []Standing{st}, by)
			if err != nil {
				return
			}
			w.last++
			w.apply(Batch{Alerts: moved, Decisions: []Decision{to.done(), t.done()}})
			return
		}
	}
}

func TestWhateverHappensNothingIsLostOrStuck(t *testing.T) {
	kinds := map[EntryKind]int{}
	states := map[MessageState]int{}
	for seed := range uint64(150) {
		w := play(t, seed, 150)
		for _, e := range w.entries {
			if e.Reason == "" || e.By == "" || e.At.IsZero() || e.Tenant == "" {
				t.Fatalf("seed %d: an entry says too little: %+v", seed, e)
			}
			kinds[e.Kind]++
		}
		for _, m := range w.messages {
			states[m.State]++
		}
		w.checkHands()
	}
	for _, k := range []EntryKind{AlertReceived, AlertEnded, AlertMuted, AlertExplained, AlertGrouped, Opened, PageBegun, PageEnded, NobodyToPage, Taken,
		Reassigned, Escalated, Exhausted, Postponed, Held, Woken, Changed, Merged, Split, Finished, Reopened, ClockChanged, MessageQueued,
		RoleGiven, TaskAdded, TaskGiven, TaskDone, TaskReopened} {
		if kinds[k] == 0 {
			t.Errorf("the sequences show nothing of %q", k)
		}
	}
	for _, s := range []MessageState{Due, Sent, Failed, Superseded, Coalesced} {
		if states[s] == 0 {
			t.Errorf("no message was %s", s)
		}
	}
	t.Logf("%v %v", kinds, states)
}
