package cases

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/correlate"
)

// Where no single cause stands out there is still something to do first.
func TestWhatToDoWhereNoCauseStandsOut(t *testing.T) {
	c := Case{Verdict: correlate.CauseFound, Hypotheses: []Hypothesis{
		{Name: "disk sda", Remedy: []string{"Look at its health.", "Replace it."}}, {Name: "deploy 7"}, {Name: "dns", Remedy: []string{"Ask it by hand."}},
		{Name: "cache", Remedy: []string{"See its hits."}}, {Name: "bank", Remedy: []string{"Ask who runs it."}},
	}}
	if diff := cmp.Diff([]string{"Look at its health.", "Replace it."}, c.Steps()); diff != "" {
		t.Error("with a cause:", diff)
	}
	c.Verdict = correlate.Unknown
	if diff := cmp.Diff([]string{"disk sda: Look at its health.", "dns: Ask it by hand.", "cache: See its hits."}, c.Steps()); diff != "" {
		t.Error("without one:", diff)
	}
}
