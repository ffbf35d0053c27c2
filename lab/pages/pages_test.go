package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/respond"
)

// TestNoPageIsLost kills the real program a few times. It loads the machine for
// more than a minute (what was on its way is waited for until its lease ends),
// so it runs only where EVENKEEL_LAB is set; "go run ./lab/pages" does the long
// form.
func TestNoPageIsLost(t *testing.T) {
	if os.Getenv("EVENKEEL_LAB") == "" {
		t.Skip("set EVENKEEL_LAB=1 to kill the real program while it pages")
	}
	for _, replicas := range []bool{false, true} {
		name := "SQLite"
		if replicas {
			name = "two replicas on PostgreSQL"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := pages(t.Context(), options{kills: 6, replicas: replicas, least: 100 * time.Millisecond, most: 1500 * time.Millisecond, progress: t.Output()})
			if errors.Is(err, lab.ErrCannot) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range r.problems {
				t.Error(problem)
			}
			for _, goal := range r.missed() {
				t.Error(goal)
			}
			t.Logf("%s", r.verified)
		})
	}
}

// What is compared at the end must find each kind of loss.
func TestCompareFindsALoss(t *testing.T) {
	story := func(change func(*respond.Story)) []respond.Story {
		s := respond.Story{Incident: respond.Incident{ID: "i", Revision: 4},
			Alerts:   []respond.Standing{{Alert: respond.Alert{Labels: map[string]string{"alertname": "Rule1"}}}},
			Messages: []respond.Message{{ID: "m", State: respond.Sent}}}
		if change != nil {
			change(&s)
		}
		return []respond.Story{s}
	}
	alerts, answers, arrived := map[string]bool{"Rule1": true}, map[string]int64{"i": 4}, map[string]int{"m": 1}
	if p := compare(story(nil), alerts, answers, arrived); len(p) != 0 {
		t.Fatalf("nothing is wrong, and it says %q", p)
	}
	for name, change := range map[string]func(*respond.Story){
		"an alert":         func(s *respond.Story) { s.Alerts = nil },
		"an answer":        func(s *respond.Story) { s.Incident.Revision = 3 },
		"a message":        func(s *respond.Story) { s.Messages[0].ID = "another" },
		"a duplicate":      func(s *respond.Story) { s.Messages[0].ID = "twice" },
		"a whole incident": func(s *respond.Story) { s.Incident.ID = "another" },
	} {
		twice := map[string]int{"m": 1, "twice": 2}
		if p := compare(story(change), alerts, answers, twice); len(p) == 0 {
			t.Errorf("%s is lost, and nothing is said", name)
		}
	}
}

func TestARunThatProvesNothingIsNotPassed(t *testing.T) {
	good := report{kills: 20, alerts: 1, answers: 1, arrived: 1, byKill: 20}
	if missed := good.missed(); len(missed) != 0 {
		t.Errorf("a good run missed %q", missed)
	}
	for name, spoil := range map[string]func(r *report){
		"no alerts":           func(r *report) { r.alerts = 0 },
		"no messages":         func(r *report) { r.arrived = 0 },
		"a loss":              func(r *report) { r.problems = []string{"alert Rule1"} },
		"verify says no":      func(r *report) { r.exit = 1 },
		"too many duplicates": func(r *report) { r.byKill = 21 },
	} {
		r := good
		spoil(&r)
		if len(r.missed()) != 1 {
			t.Errorf("%s: missed %q, want one goal", name, r.missed())
		}
	}
}
