package app

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/detect/state"
	"github.com/evenkeel/evenkeel/review"
)

// rules are all checks that are made here, by their ids.
func (a *App) rules() []review.Rule {
	var out []review.Rule
	for _, c := range a.catalogue.Checks() {
		out = append(out, review.Rule{ID: c.ID, Practice: detect.Practice, Entity: c.Entity, About: c.About, Notes: c.Notes, Limits: c.Limits})
	}
	for _, o := range a.cfg.SLOs {
		out = append(out, review.Rule{ID: slo.Burns(o), Practice: slo.Practice, Entity: "service", About: fmt.Sprintf("%s: its error budget of %g %% burns too fast.", o.Name(), 100-o.Target)},
			review.Rule{ID: slo.Unseen(o), Practice: slo.Practice, Entity: "service", About: o.Name() + ": whether it is kept cannot be told, since its figures are not there."})
	}
	if len(a.clusters) > 0 {
		for _, c := range a.clusterChecks.catalogue.Checks() {
			out = append(out, review.Rule{ID: c.ID, Practice: state.Practice, Entity: string(c.Entity), About: c.About, Notes: c.Notes, Limits: c.Limits})
		}
	}
	slices.SortFunc(out, func(a, b review.Rule) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
