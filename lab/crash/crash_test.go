package main

import (
	"os"
	"testing"
	"time"
)

// TestNothingAcknowledgedIsLost kills the real program a few times under load.
// It loads the machine for half a minute, so it runs only where EVENKEEL_LAB
// is set; "go run ./lab/crash" does the long form.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	if os.Getenv("EVENKEEL_LAB") == "" {
		t.Skip("set EVENKEEL_LAB=1 to kill the real program under load")
	}
	r, err := crash(t.Context(), 10, 200*time.Millisecond, 2*time.Second, "", t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, lost := range r.lost {
		t.Error("lost:", lost)
	}
	for _, goal := range r.missed() {
		t.Error(goal)
	}
}

func TestARunThatProvesNothingIsNotPassed(t *testing.T) {
	good := report{rounds: 1, written: 10, samples: 100, gaps: []time.Duration{time.Second}, starts: []time.Duration{time.Second}}
	if missed := good.missed(); len(missed) != 0 {
		t.Errorf("a good run missed %q", missed)
	}
	for name, spoil := range map[string]func(r *report){
		"nothing written": func(r *report) { r.written = 0 },
		"no samples":      func(r *report) { r.samples = 0 },
		"a loss":          func(r *report) { r.lost = []string{"token crash-1"} },
		"a long gap":      func(r *report) { r.gaps = append(r.gaps, 6*time.Second) },
		"a slow start":    func(r *report) { r.starts = append(r.starts, 3*time.Second) },
	} {
		r := good
		spoil(&r)
		if len(r.missed()) != 1 {
			t.Errorf("%s: missed %q, want one goal", name, r.missed())
		}
	}
}
