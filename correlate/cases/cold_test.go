package cases

import (
	"testing"

	"github.com/evenkeel/evenkeel/detect"
)

// Who has just begun and answers late is cold; who fails as well is not, also
// while so little was seen that it is not sure how unusual that is.
func TestWhoFailsAsWellIsNoColdStart(t *testing.T) {
	start := &detect.ColdStart{Of: 1, Names: []string{"a"}}
	claimed := func(share, size float64) *claim {
		return &claim{late: .9, party: &party{id: "service:a", own: figures{
			latency: &detect.Course{Value: .2, Usual: .05, Known: true, Size: 20, Cold: start},
			errors:  &detect.Course{Value: share, Known: true, Size: size}}}}
	}
	for _, c := range []struct {
		share, size float64
		cold        bool
	}{
		{0, 0, true},
		{.01, 2, true}, // one in a hundred, and not sure that this is unusual
		{.01, 9, false},
		{.12, 2, false},
		{.12, 1, true}, // it fails as often at other times
	} {
		if got := claimed(c.share, c.size).coldOf() != nil; got != c.cold {
			t.Errorf("%.0f %% that fail, %g spreads from what is usual: a cold start: %v", 100*c.share, c.size, got)
		}
	}
}
