package cases

import (
	"slices"
	"strings"
	"time"

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
	type answerer struct {
		entity string
		since  time.Time
	}
	var out []estate.Relation
	for n := range courses {
		c := &courses[n]
		m := known.signal(c)
		if m == nil || len(m.Told) == 0 || !c.Out() || !c.Worse || slices.Contains(strings.Fields(m.Of), c.Kind) {
			continue
		}
		var all []answerer
		for _, f := range findings {
			if f.State != finding.Resolved && slices.Contains(m.Told, f.Check) {
				all = append(all, answerer{f.Entity, f.FirstSeen})
			}
		}
		for k := range courses {
			o := &courses[k]
			if o.Out() && o.Worse && slices.Contains(strings.Fields(m.Of), o.Kind) && (o.Type == "" || o.Type == m.Type) && known.signal(o) != nil {
				all = append(all, answerer{o.Entity, o.Latest})
			}
		}
		for _, a := range all {
			r := estate.Relation{From: c.Entity, Kind: asks, To: a.entity, Source: "cases", Confidence: askedSurely}
			if a.entity != c.Entity && max(fits(a.since, c.Latest), fits(c.Latest, a.since)) >= atOnce && len(out) < mostAsked && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}
