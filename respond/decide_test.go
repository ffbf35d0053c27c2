package respond

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// week is a roster: ana is on call in "ops" by day (8 to 18), nobody by night;
// "hours" is the same; "broken" cannot be told.
type week struct{}

func (week) OnCall(schedule string, at time.Time) ([]Duty, time.Time, error) {
	if schedule == "broken" {
		return nil, time.Time{}, errors.New("there is no such schedule")
	}
	if h := at.Hour(); h >= 8 && h < 18 {
		return []Duty{{Person: "ana", Why: "day shift"}}, time.Time{}, nil
	}
	next := time.Date(at.Year(), at.Month(), at.Day(), 8, 0, 0, 0, at.Location())
	if !next.After(at) {
		next = next.AddDate(0, 0, 1)
	}
	return nil, next, nil
}

// noon is when the stories begin.
var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// story is a world with one policy: the schedule ops, then cleo, twice; the
// last resort is the room.
func story(t *testing.T) *world {
	w := newWorld(t, people()...)
	w.now, w.roster, w.router = noon, week{}, &labels{}
	w.policies["p"] = Policy{ID: "p", Name: "P", Rounds: 2, LastResort: []Recipient{{ToChannel, "ops"}}, Steps: []Step{
		{Notify: []Recipient{{ToSchedule, "ops"}}, Wait: 5 * time.Minute},
		{Notify: []Recipient{{ToPerson, "cleo"}}, Wait: 10 * time.Minute}}}
	return w
}

func fires(n string, s finding.Severity) Alert {
	return Alert{AlertKey: AlertKey{Tenant: "t", Source: "s", Fingerprint: n}, Status: Firing, Severity: s, Title: "Alert " + n,
		Labels: map[string]string{"group": n, "policy": "p"}}
}

// at lets time pass until after noon, as the service does it: it wakes whenever
// something is due.
func (w *world) at(after time.Duration) {
	w.wake()
	for end := noon.Add(after); w.now.Before(end); {
		next := end
		for _, i := range w.incidents {
			if !i.WakeAt.IsZero() && i.WakeAt.After(w.now) && i.WakeAt.Before(next) {
				next = i.WakeAt
			}
		}
		for _, st := range w.alerts {
			if !st.WakeAt.IsZero() && st.WakeAt.After(w.now) && st.WakeAt.Before(next) {
				next = st.WakeAt
			}
		}
		w.now = next
		w.wake()
		w.check()
	}
}

// said lists whom pages were for since it was last asked, or what is said of
// them, in order.
func (w *world) said(t *testing.T, want string) {
	t.Helper()
	var out []string
	for _, e := range w.entries {
		switch e.Kind {
		case PageBegun:
			who := e.Person
			if who == "" {
				who = "#ops"
			}
			out = append(out, who+"@"+e.At.Sub(noon).String())
		case NobodyToPage, Exhausted, Held, Woken, Reopened, Finished:
			out = append(out, string(e.Kind))
		case PageEnded:
			if strings.Contains(e.Reason, "No contact") {
				out = append(out, "no contact of "+e.Person)
			}
		}
	}
	w.entries = nil
	if got := strings.Join(out, ", "); got != want {
		t.Errorf("at %s it went\n%s\nwant\n%s", w.now.Sub(noon), got, want)
	}
}

func (w *world) one() Incident {
	w.t.Helper()
	if len(w.incidents) != 1 {
		w.t.Fatalf("%d incidents", len(w.incidents))
	}
	for _, i := range w.incidents {
		return i
	}
	return Incident{}
}

func TestAnEscalationGoesThroughItsRoundsAndIsNeverSilent(t *testing.T) {
	w := story(t)
	w.receive(fires("1", finding.Critical))
	w.at(29 * time.Second)
	w.said(t, "")
	w.at(time.Hour)
	w.said(t, "ana@30s, cleo@5m30s, ana@15m30s, cleo@20m30s, exhausted, #ops@30m30s")
	w.at(3 * time.Hour)
	w.said(t, "#ops@1h30m30s, #ops@2h30m30s")
	if i := w.one(); i.State != Triggered || !i.Position.Exhausted {
		t.Errorf("at the end: %+v", i)
	}
}

func TestAnAnswerEndsTheEscalation(t *testing.T) {
	w := story(t)
	w.receive(fires("1", finding.Critical))
	w.at(6 * time.Minute)
	w.act(w.one().ID, func(tn *turn, f Facts) error { return tn.acknowledge(f, By{ID: "cleo", Name: "Cleo"}, "") })
	w.at(12 * time.Hour)
	w.said(t, "ana@30s, cleo@5m30s")
	states := map[string]PageState{}
	for _, p := range w.pages[w.one().ID] {
		states[p.Person] = p.State
	}
	if states["ana"] != PageSuperseded || states["cleo"] != PageAnswered {
		t.Errorf("pages: %v", states)
	}
	for _, m := range w.messages {
		if m.State != Superseded {
			t.Errorf("message %s is %s after the answer", m.ID, m.State)
		}
	}
	// One more of the same kind is no news to who has taken it up.
	more := fires("2", finding.Critical)
	more.Labels["group"] = "1"
	w.receive(more)
	w.at(13 * time.Hour)
	w.said(t, "")

	// One that is worse is.
	w = story(t)
	w.receive(fires("1", finding.Warning))
	w.act(w.one().ID, func(tn *turn, f Facts) error { return tn.acknowledge(f, By{ID: "cleo", Name: "Cleo"}, "") })
	more.Severity = finding.Critical
	w.receive(more)
	w.at(time.Minute)
	w.said(t, "reopened, ana@0s")
}

func TestWhereNobodyIsOnCallTheNextStepComesAtOnce(t *testing.T) {
	w := story(t)
	w.now = noon.Add(10 * time.Hour) // 22:00
	p := w.policies["p"]
	p.Steps = append([]Step{{Notify: []Recipient{{ToSchedule, "broken"}}, Wait: time.Hour}, {Notify: []Recipient{{ToPerson, "ben"}}, Wait: time.Hour}}, p.Steps...)
	w.policies["p"] = p
	w.receive(fires("1", finding.Critical))
	w.at(10*time.Hour + 5*time.Minute)
	w.said(t, "nobody-to-page, no contact of ben, nobody-to-page, cleo@10h0m30s")

	// Where no step reaches anybody it is said, and tried again.
	w = story(t)
	p.Steps, p.LastResort = p.Steps[:2], nil
	w.policies["p"] = p
	w.receive(fires("1", finding.Critical))
	w.at(4 * time.Minute)
	w.said(t, "nobody-to-page, no contact of ben, nobody-to-page")
	w.at(time.Hour)
	w.said(t, "nobody-to-page, no contact of ben, exhausted, no contact of ben, nobody-to-page")

	// A policy that is gone is told by nobody, and said as loudly.
	w = story(t)
	delete(w.policies, "p")
	w.receive(fires("1", finding.Critical))
	w.at(time.Minute)
	w.said(t, "nobody-to-page, exhausted, nobody-to-page")
}

func TestWhatHurtsNobodyYetWaitsForWorkingHours(t *testing.T) {
	w := story(t)
	p := w.policies["p"]
	p.Hours = "hours"
	w.policies["p"] = p
	w.now = noon.Add(10 * time.Hour)
	w.receive(fires("1", finding.Warning))
	w.at(20*time.Hour + 4*time.Minute)
	w.said(t, "held, woken, ana@20h0m0s")

	w = story(t)
	w.policies["p"] = p
	w.now = noon.Add(10 * time.Hour)
	w.receive(fires("1", finding.Warning))
	w.at(11 * time.Hour)
	w.receive(fires("1", finding.Critical))
	w.at(11*time.Hour + time.Minute)
	w.said(t, "held, woken, nobody-to-page, cleo@11h0m0s")
}

func TestAClockThatJumpsNeitherRepeatsNorForgets(t *testing.T) {
	w := story(t)
	w.receive(fires("1", finding.Critical))
	w.at(time.Minute)
	w.now = noon.Add(24 * time.Hour)
	w.wake()
	w.wake()
	w.said(t, "ana@30s, cleo@24h0m0s")
	w.now = noon.Add(5 * time.Minute) // back again
	w.wake()
	w.at(19 * time.Minute)
	w.said(t, "ana@15m0s")
}

func TestAnIncidentThatComesBackIsTheSame(t *testing.T) {
	w := story(t)
	a := fires("1", finding.Critical)
	a.EndsAt = noon.Add(10 * time.Minute)
	w.receive(a)
	w.at(11 * time.Minute) // its source falls silent
	w.said(t, "ana@30s, cleo@5m30s, resolved")
	a.EndsAt = time.Time{}
	w.now = noon.Add(time.Hour)
	w.receive(a)
	w.at(time.Hour + time.Minute)
	w.said(t, "reopened, ana@1h0m30s")
	if i := w.one(); i.Number != 1 || i.Firing != 1 || i.Alerts != 2 {
		t.Errorf("it came back as %+v", i)
	}
	// A person's word stands for an hour against an alert that still fires.
	w.act(w.one().ID, func(tn *turn, f Facts) error { return tn.resolve(f, By{ID: "ana", Name: "Ana"}, "") })
	w.receive(a, a)
	w.at(2 * time.Hour)
	w.said(t, "resolved")
	w.at(2*time.Hour + 2*time.Minute)
	w.said(t, "reopened, ana@2h1m0s")
	// After more than an hour it is another one.
	a.Status = Ended
	w.receive(a)
	w.at(2*time.Hour + 3*time.Minute)
	w.now = noon.Add(4 * time.Hour)
	a.Status = Firing
	w.receive(a)
	w.at(4*time.Hour + time.Minute)
	w.said(t, "resolved, ana@4h0m30s")
	if len(w.incidents) != 2 {
		t.Errorf("%d incidents", len(w.incidents))
	}
}

func TestAMutedAlertIsToldWhenItIsNotMutedAnyMore(t *testing.T) {
	w := story(t)
	w.router = &labels{silent: true}
	a := fires("1", finding.Critical)
	a.Labels["mute"], a.Labels["also"] = "1", "x"
	w.policies["second"] = w.policies["p"]
	w.receive(a)
	w.at(2 * time.Minute)
	w.said(t, "ana@0s") // by its other target
	w.router = &labels{}
	w.at(5 * time.Minute)
	w.said(t, "ana@3m30s, cleo@5m0s")
	if st := w.alerts[a.ID()]; len(st.Incidents) != 2 || len(st.Waiting) != 0 {
		t.Errorf("it stands in %v and waits for %v", st.Incidents, st.Waiting)
	}
}
