package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// subset are the faults that the build machine makes: one of each kind that
// takes different ways through the program (a probe, a filesystem, the kernel's
// own events), in about eight minutes.
const subset = "stopped-service,full-filesystem,out-of-memory"

// TestFaultsAreFound makes real faults on this machine, which takes minutes
// and needs it quiet, so it runs only where EVENKEEL_LAB is set.
func TestFaultsAreFound(t *testing.T) {
	if os.Getenv("EVENKEEL_LAB") == "" {
		t.Skip("set EVENKEEL_LAB=1, as root, to make real faults on this machine")
	}
	if err := lab.NeedTools("mkfs.ext4", "losetup"); err != nil {
		t.Skip(err)
	}
	chosen, err := choose(subset)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRunner(chosen, "", pace{settle: 45 * time.Second, calm: 2 * time.Minute, hold: 10 * time.Second, after: 15 * time.Second}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.scene.Close(); err != nil {
			t.Error("could not be undone:", err)
		}
	}()
	results, err := r.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range results {
		if o.Cannot != "" {
			t.Errorf("%s could not be made: %s", o.Fault, o.Cannot)
		}
		for _, missed := range o.Missed {
			t.Errorf("%s: %s; found %q, culprit %q, others %s", o.Fault, missed, o.Title, o.Culprit, strings.Join(o.Others, "; "))
		}
	}
}
