package review

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// flap is an incident of the alert HighCPU that ends by itself after ten
// minutes; somebody was paged.
func flap(n int, opened time.Time) Case {
	return Case{
		Incident: respond.Incident{ID: fmt.Sprint("i", n), Group: "cpu", Title: "HighCPU", Severity: finding.Warning, State: respond.Resolved,
			OpenedAt: opened, ResolvedAt: opened.Add(10 * time.Minute), Paged: 1},
		Alerts: []respond.Standing{{Alert: respond.Alert{StartsAt: opened, Labels: map[string]string{"alertname": "HighCPU", "service": "batch", "team": "data"}},
			Fate: respond.Over, EndedAt: opened.Add(10 * time.Minute)}},
		Pages: []respond.Page{{Person: "ana", BegunAt: opened, State: respond.PageSuperseded}},
	}
}

func TestFiguresOfAMonth(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	// Sunday the 28th 00:30 and 01:30 UTC: before and after the clocks in
	// Berlin went from 2 to 3, both in the night that began on Saturday.
	cases := []Case{flap(1, from.Add(12*time.Hour)), flap(2, time.Date(2027, 3, 28, 0, 30, 0, 0, time.UTC)), flap(3, time.Date(2027, 3, 28, 1, 30, 0, 0, time.UTC))}
	taken := flap(4, from.Add(13*time.Hour))
	taken.Incident.Group, taken.Incident.Severity, taken.Incident.Title = "db", finding.Critical, "DBDown"
	taken.Incident.AckedAt, taken.Incident.ResolvedAt = taken.Incident.OpenedAt.Add(4*time.Minute), taken.Incident.OpenedAt.Add(30*time.Minute)
	taken.Alerts[0].Labels = map[string]string{"alertname": "DBDown", "service": "db"}
	taken.Pages = []respond.Page{{Person: "ben", BegunAt: taken.Incident.OpenedAt, State: respond.PageAnswered}, {BegunAt: from}} // and a room
	merged := flap(5, from)
	merged.Incident.MergedInto = "i4"
	f := Measure(append(cases, taken, merged), from, from.AddDate(0, 1, 0), berlin)

	if f.Incidents != 4 || f.All.Resolve.Mean != 15*time.Minute || f.All.Resolve.Median != 10*time.Minute || f.All.Answer.Known != 1 || f.All.Answer.Unknown != 3 {
		t.Errorf("all: %d, %+v", f.Incidents, f.All)
	}
	if len(f.Severity) != 2 || f.Severity[0].Name != "critical" || f.Severity[0].Answer.Mean != 4*time.Minute || f.Severity[1].Incidents != 3 {
		t.Errorf("by severity: %+v", f.Severity)
	}
	if len(f.Team) != 2 || f.Team[0].Name != "data" || f.Team[1].Name != unnamed {
		t.Errorf("by team: %+v", f.Team)
	}
	if len(f.People) != 2 || f.People[0] != (Load{Person: "ana", Pages: 3, Nights: 1, AtNight: 2, Weekend: 2}) || f.People[1] != (Load{Person: "ben", Pages: 1, Answered: 1}) {
		t.Errorf("people: %+v", f.People)
	}
	if len(f.Repeats) != 1 || f.Repeats[0].Incidents != 3 || f.Repeats[0].Incident != "i3" {
		t.Errorf("what came back: %+v", f.Repeats)
	}
	if len(f.Noise) != 1 || f.Noise[0].Alert != "HighCPU" || f.Noise[0].Service != "batch" || f.Noise[0].Incidents != 3 {
		t.Errorf("noise: %+v", f.Noise)
	}
	// Once somebody did something about it, it is no noise.
	cases[2].Incident.AckedAt = cases[2].Incident.OpenedAt.Add(time.Minute)
	if f := Measure(cases, from, from.AddDate(0, 1, 0), berlin); len(f.Noise) != 0 {
		t.Errorf("an alert that was acted on is called noise: %+v", f.Noise)
	}
}

// Groups hold each incident that belongs to them, and known and unknown times
// add up, whatever the incidents are.
func TestFiguresAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		var cases []Case
		merged := 0
		for n := range rng.IntN(30) {
			c := flap(n, t0.Add(time.Duration(rng.IntN(1e6))*time.Second))
			if rng.IntN(3) == 0 {
				c.Incident.State, c.Alerts[0].Fate = respond.Triggered, respond.Grouped
			}
			if rng.IntN(4) == 0 {
				c.Alerts = nil
			}
			if rng.IntN(5) == 0 {
				c.Incident.MergedInto = "x"
				merged++
			}
			c.Incident.Severity = finding.Severity(1 + rng.IntN(3))
			cases = append(cases, c)
		}
		f := Measure(cases, t0, t0.Add(1e6*time.Second), time.UTC)
		if f.Incidents != len(cases)-merged {
			t.Fatalf("%d incidents of %d less %d", f.Incidents, len(cases), merged)
		}
		sum := 0
		for _, g := range f.Severity {
			sum += g.Incidents
			for _, s := range []Span{g.Detect, g.Answer, g.Mitigate, g.Resolve} {
				if s.Known+s.Unknown != g.Incidents || s.Known == 0 && s.Mean+s.Median != 0 || s.Mean < 0 {
					t.Fatalf("%s: %+v of %d", g.Name, s, g.Incidents)
				}
			}
		}
		if sum != f.Incidents {
			t.Fatalf("the severities hold %d of %d", sum, f.Incidents)
		}
	}
}
