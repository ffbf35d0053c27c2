package main

import (
	"bytes"
	"os"
	"testing"
	"time"
)

func needsLab(t *testing.T) {
	t.Helper()
	if os.Getenv("EVENKEEL_LAB") == "" {
		t.Skip("set EVENKEEL_LAB=1: it builds and runs the program")
	}
}

// A night with its batch calls nobody.
func TestANightIsQuiet(t *testing.T) {
	needsLab(t)
	var out bytes.Buffer
	code, err := run(t.Context(), []string{"-for", "12h", "-learn", "6h", "-step", "1m"}, &out, os.Stderr)
	if code != 0 || err != nil {
		t.Errorf("exit code %d, %v:\n%s", code, err, &out)
	}
}

// The same estate with a slow service in it does.
func TestASlowServiceIsFelt(t *testing.T) {
	needsLab(t)
	var out bytes.Buffer
	code, err := run(t.Context(), []string{"-faults", "-begin", "85h", "-for", "2h", "-learn", "6h", "-step", "1m"}, &out, os.Stderr)
	if code != 0 || err != nil || !bytes.Contains(out.Bytes(), []byte("a slow service: paged after")) {
		t.Errorf("exit code %d, %v:\n%s", code, err, &out)
	}
}

// What moves in the estate is what the clock says: no customer at night is no
// customer.
func TestDays(t *testing.T) {
	began := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	e := newEstate(began, false)
	if e.batch(began.Add(26*time.Hour+30*time.Minute)) != 1 || e.batch(began.Add(4*time.Hour)) != 0 {
		t.Error("the batch is not from two to half past three")
	}
	if e.share(began.Add(5*day+20*time.Hour), rush) != 1 || e.share(began.Add(5*day+23*time.Hour), rush) != 0 {
		t.Error("the rush is not on the evening of the sixth day")
	}
}
