package respond

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// in is an alert of a case; by names the one that explains it.
func in(name string, severity finding.Severity, of, by string) Alert {
	a := Alert{AlertKey: AlertKey{Tenant: "t", Source: "findings", Fingerprint: name}, Status: Firing, Severity: severity, Title: name,
		Labels: map[string]string{"group": name, "policy": "second"}, Explanation: Explanation{Case: of}}
	if by != "" {
		a.By, a.Why = AlertKey{Tenant: "t", Source: "findings", Fingerprint: by}.ID(), by+" causes it."
	}
	return a
}

func ended(a Alert) Alert {
	a.Status = Ended
	return a
}

// stands says how the alerts stand: their fates, by name, and how many incidents
// stand and pages were begun.
func (w *world) stands() string {
	var out []string
	for _, name := range []string{"disk", "checkout", "catalogue", "search"} {
		if st, ok := w.alerts[AlertKey{Tenant: "t", Source: "findings", Fingerprint: name}.ID()]; ok {
			text := string(st.Fate)
			if st.Fate == Grouped {
				var numbers []string
				for _, id := range st.Incidents {
					numbers = append(numbers, fmt.Sprint(w.incidents[id].Number))
				}
				text = "in " + strings.Join(numbers, "+")
			}
			out = append(out, name+" "+text)
		}
	}
	standing, pages := 0, 0
	for id, i := range w.incidents {
		if i.State != Resolved {
			standing++
		}
		pages += len(w.pages[id])
	}
	return fmt.Sprintf("%s; %d incidents, %d pages", strings.Join(out, ", "), standing, pages)
}

func TestOneCaseIsOneIncident(t *testing.T) {
	warning, critical := finding.Warning, finding.Critical
	ana := By{ID: "ana", Name: "Ana"}
	first := func(w *world) string {
		for id, i := range w.incidents {
			if i.Number == 1 {
				return id
			}
		}
		return ""
	}
	taken := func(w *world) { w.act(first(w), func(t *turn, f Facts) error { return t.acknowledge(f, ana, "") }) }
	say := func(alerts ...Alert) func(*world) { return func(w *world) { w.receive(alerts...) } }
	after := func(d time.Duration) func(*world) {
		return func(w *world) {
			for end := w.now.Add(d); w.now.Before(end); {
				w.now = w.now.Add(30 * time.Second)
				w.wake()
				w.check()
			}
		}
	}
	was := func(a Alert, cases ...string) Alert { a.CaseWas = cases; return a }
	for name, c := range map[string]struct {
		steps []func(*world)
		want  string
	}{
		"the cause pages, what it explains does not": {[]func(*world){say(in("disk", critical, "a", "")), after(time.Minute), say(in("catalogue", warning, "a", "disk"), in("search", critical, "a", "disk")), after(time.Minute)},
			"disk in 1, catalogue explained, search explained; 1 incidents, 1 pages"},
		"all at once are one incident": {[]func(*world){say(in("checkout", critical, "a", "disk"), in("disk", warning, "a", ""), in("catalogue", warning, "a", "disk")), after(time.Minute)},
			"disk in 1, checkout in 1, catalogue explained; 1 incidents, 1 pages"},
		"what users feel pages though its cause was told as less": {[]func(*world){say(in("disk", warning, "a", "")), after(time.Minute), taken, say(in("checkout", critical, "a", "disk")), after(time.Minute)},
			"disk in 1, checkout in 1; 1 incidents, 2 pages"},
		"two cases are two incidents": {[]func(*world){say(in("disk", warning, "a", ""), in("search", warning, "b", "")), after(time.Minute)},
			"disk in 1, search in 2; 2 incidents, 2 pages"},
		"when the cause ends, what stays pages": {[]func(*world){say(in("disk", critical, "a", ""), in("catalogue", warning, "a", "disk")), after(time.Minute), say(ended(in("disk", critical, "a", ""))), after(2 * time.Minute),
			func(w *world) {
				if got := w.stands(); got != "disk over, catalogue explained; 0 incidents, 1 pages" {
					w.t.Errorf("two minutes after the end of the cause: %s", got)
				}
			}, after(3 * time.Minute)},
			"disk over, catalogue in 1; 1 incidents, 2 pages"},
		"when both end, nobody is told of the second": {[]func(*world){say(in("disk", critical, "a", ""), in("catalogue", warning, "a", "disk")), after(time.Minute), say(ended(in("disk", critical, "a", ""))), after(2 * time.Minute),
			say(ended(in("catalogue", warning, "a", "disk"))), after(5 * time.Minute)},
			"disk over, catalogue over; 0 incidents, 1 pages"},
		"what is explained no more pages": {[]func(*world){say(in("disk", critical, "a", ""), in("catalogue", warning, "a", "disk")), after(time.Minute), taken, say(in("catalogue", warning, "b", "")), after(4 * time.Minute)},
			"disk in 1, catalogue in 2; 2 incidents, 2 pages"},
		"what turns worse than its cause pages at once": {[]func(*world){say(in("disk", warning, "a", ""), in("catalogue", warning, "a", "disk")), after(time.Minute), taken, say(in("catalogue", critical, "a", "disk")), after(30 * time.Second)},
			"disk in 1, catalogue in 1; 1 incidents, 2 pages"},
		"cases that become one are one incident": {[]func(*world){say(in("disk", warning, "a", ""), in("search", warning, "b", "")), after(time.Minute), say(was(in("search", warning, "a", "disk"), "b")), after(time.Minute)},
			"disk in 1, search in 1; 1 incidents, 2 pages"},
		"a case that goes into one without an incident takes its own along": {[]func(*world){say(in("search", warning, "b", ""), in("catalogue", warning, "b", "")), after(time.Minute), say(was(in("search", warning, "a", ""), "b"), was(in("catalogue", warning, "a", ""), "b")), after(time.Minute)},
			"catalogue in 1, search in 1; 1 incidents, 1 pages"},
		"what splits off is an incident of its own": {[]func(*world){say(in("disk", warning, "a", ""), in("search", warning, "a", "")), after(time.Minute), taken, say(in("search", warning, "b", "")), after(time.Minute)},
			"disk in 1, search in 2; 2 incidents, 2 pages"},
		"a case that cannot be told now changes nothing": {[]func(*world){say(in("disk", critical, "a", ""), in("search", warning, "a", "disk")), after(time.Minute), say(in("search", warning, "", ""), in("disk", critical, "", "")), after(10 * time.Minute)},
			"disk in 1, search explained; 1 incidents, 1 pages"},
		"a silenced cause explains nothing": {[]func(*world){func(w *world) { w.router.(*labels).silent = true }, func(w *world) {
			a := in("disk", critical, "a", "")
			a.Labels["mute"] = "1"
			w.receive(a)
		}, after(time.Minute), say(in("catalogue", warning, "a", "disk")), after(time.Minute)},
			"disk muted, catalogue in 1; 1 incidents, 1 pages"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, people()...)
			w.router, w.roster = &labels{}, duty{}
			w.policies = map[string]Policy{"second": {ID: "second", Name: "Second", Rounds: 1, Steps: []Step{{Notify: []Recipient{{ToPerson, "cleo"}}, Wait: time.Hour}}}}
			for _, step := range c.steps {
				step(w)
				w.check()
			}
			if got := w.stands(); got != c.want {
				t.Errorf("it is:  %s\nwanted: %s", got, c.want)
			}
		})
	}
}

// Whatever was played before: once all is quiet for a while, an alert that stands
// is in an incident, is muted, or is explained by an incident that stands.
func TestNoPageIsLostByAnExplanation(t *testing.T) {
	fates := map[Fate]int{}
	for seed := range uint64(80) {
		w := play(t, seed+1000, 80)
		for range 30 {
			w.now = w.now.Add(30 * time.Second)
			w.wake()
			w.check()
		}
		f := w.folder()
		for _, st := range w.alerts {
			fates[st.Fate]++
			if _, ok := f.explains(st); st.Fate == Explained && !ok {
				t.Fatalf("seed %d: %s is explained by nothing that stands: %+v", seed, st.Title, st)
			}
		}
	}
	if fates[Explained] == 0 || fates[Grouped] == 0 || fates[Over] == 0 {
		t.Errorf("the sequences show too little: %v", fates)
	}
}
