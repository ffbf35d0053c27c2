package app

import (
	"slices"
	"testing"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/review"
)

// Each check that an objective makes has a page that says what it looks for.
func TestTheChecksOfAnObjectiveAreKnown(t *testing.T) {
	a := &App{catalogue: &detect.Catalogue{}}
	a.cfg.SLOs = []slo.Objective{{ID: "orders", Title: "Orders are answered", Target: 99}}
	for _, id := range []string{"slo:orders", "slo-unseen:orders"} {
		if !slices.ContainsFunc(a.rules(), func(r review.Rule) bool { return r.ID == id && r.About != "" }) {
			t.Errorf("%s is not known", id)
		}
	}
}
