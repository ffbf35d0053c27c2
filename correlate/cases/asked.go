package cases

import (
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

const (
	// asks joins what waits for answers of a kind with who gives such answers,
	// where nothing else tells whom it asks.
	asks estate.RelationKind = "asks"
	// atOnce is how well two onsets must fit for that, and mostAsked bounds them.
	atOnce    = .6
	mostAsked = 1000
	// askedSurely is how sure that is: both went wrong at the same time, in the
	// same way, on either side.
	askedSurely = .8
)

// asked finds whom things ask of which no source tells: who looks names up is
// seen to wait for them, and a name server is seen to be slow, at the same time.
func asked(courses []detect.Course, findings []*finding.Finding) []estate.Relation {
	var out []estate.Relation
	for n := range courses {
		c := &courses[n]
		m := known.signal(c)
		if m == nil || m.Of == "" || !c.Out() || !c.Worse || slices.Contains(strings.Fields(m.Of), c.Kind) {
			continue
		}
		for _, f := range findings {
			if f.State == finding.Resolved || f.Entity == c.Entity || !slices.Contains(m.Told, f.Check) ||
				max(fits(f.FirstSeen, c.Latest), fits(c.Latest, f.FirstSeen)) < atOnce || len(out) == mostAsked {
				continue
			}
			out = append(out, estate.Relation{From: c.Entity, Kind: asks, To: f.Entity, Source: "cases", Confidence: askedSurely})
		}
	}
	return out
}
