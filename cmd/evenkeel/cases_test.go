package main

import (
	"strings"
	"testing"

	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
)

// What users felt comes first after the sentence; where nobody counted it there
// is no empty heading.
func TestACaseSaysWhatUsersFelt(t *testing.T) {
	total, failed := 30_000., 1240.
	x := api.CaseWithHistory{Case: cases.Case{Hypotheses: []cases.Hypothesis{{Text: "The disk is slow", Score: .9}},
		Impact: &impact.Impact{Requests: []impact.Requests{{Name: "checkout", Total: &total, Failed: &failed, Seen: 1}}}}}
	var out strings.Builder
	writeCase(&out, x)
	felt, cause := strings.Index(out.String(), "What users felt\n  checkout: 1240 of 30 k requests failed (4.1 %);"), strings.Index(out.String(), "What may cause it")
	if felt < 0 || cause < felt {
		t.Error(out.String())
	}
	x.Impact = nil
	out.Reset()
	if writeCase(&out, x); strings.Contains(out.String(), "What users felt") {
		t.Error(out.String())
	}
}
