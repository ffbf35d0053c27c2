package cases

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

const (
	// ChangesBefore is how long before the onset a change still counts, and
	// changesAfter how much later it may be noticed.
	ChangesBefore = time.Hour
	changesAfter  = 2 * time.Minute
	mostChanges   = 20
)

// changes are those that lie near the case, in time and place, newest first.
func (w *gathering) changes(targets, members []int) []ChangeSeen {
	onset := w.nodes[members[0]].f.FirstSeen
	for _, t := range targets {
		if f := w.nodes[t].f; f.FirstSeen.Before(onset) {
			onset = f.FirstSeen
		}
	}
	last := w.nodes[targets[0]].f.FirstSeen
	near := map[string]bool{}
	for _, n := range members {
		near[w.nodes[n].f.Entity] = true
		for _, c := range w.nodes[n].f.Culprits {
			near[c.Entity] = true
		}
	}
	out := []ChangeSeen{}
	for _, c := range w.in.Changes {
		if c.At.Before(onset.Add(-ChangesBefore)) || c.At.After(last.Add(changesAfter)) {
			continue
		}
		if !near[c.Entity] && w.need(targets, c.Entity) == 0 {
			continue
		}
		out = append(out, ChangeSeen{ID: c.ID, At: c.At, Entity: c.Entity, Summary: c.Summary, Who: c.Who})
	}
	slices.SortFunc(out, func(a, b ChangeSeen) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	return out[:min(len(out), mostChanges)]
}

// need is how much the symptoms need an entity: the most of any.
func (w *gathering) need(targets []int, entity string) float64 {
	at, ok := w.g.index[entity]
	best := 0.0
	for _, t := range targets {
		x := &w.nodes[t]
		if x.f.Entity == entity {
			return 1
		}
		if k, there := x.at[at]; ok && there {
			best = max(best, x.reach[k].strength)
		}
	}
	return best
}

// timely is how well a change fits an onset, 0 to 1.
func timely(at, onset time.Time) float64 {
	before := onset.Sub(at).Minutes()
	if before < -changesAfter.Minutes() || before > ChangesBefore.Minutes() {
		return 0
	}
	return math.Exp(-max(0, before) / 20)
}

// changeFor is the change that best explains why a finding began: one of its
// entity, or of whom it blames.
func (w *gathering) changeFor(c *Case, f *finding.Finding, onset time.Time) (best *ChangeSeen) {
	top := .2
	for n := range c.Changes {
		x := &c.Changes[n]
		if x.Entity != f.Entity && !blames(f, x.Entity) {
			continue
		}
		if t := timely(x.At, f.FirstSeen); t > top {
			best, top = x, t
		}
	}
	return best
}

// byChange are hypotheses about what was changed and of which nothing else is
// known to be wrong.
func (w *gathering) byChange(c *Case, targets []int, suspected map[int]bool, onset time.Time) (out []*suspect) {
	byEntity := map[string]*suspect{}
	for n := range c.Changes {
		x := &c.Changes[n]
		at, ok := w.g.index[x.Entity]
		path := w.need(targets, x.Entity)
		raw := .45 * path * timely(x.At, onset)
		if ok && suspected[at] && !w.isTarget(targets, x.Entity) || path < .3 || raw < .05 {
			continue
		}
		s := &suspect{node: -1, others: true, raw: raw, change: x, Hypothesis: Hypothesis{Entity: x.Entity, Name: w.called(x.Entity),
			Text: x.Summary, Since: x.At, Remedy: undo(x), For: []string{}, Against: []string{}}}
		if lag := onset.Sub(x.At); lag >= 0 {
			s.For = append(s.For, fmt.Sprintf("it was done %s before", figure.Span(lag)))
		} else {
			s.Against = append(s.Against, fmt.Sprintf("it was done %s after", figure.Span(-lag)))
		}
		if text := w.pathText(targets, x.Entity); text != "" {
			s.For = append(s.For, text)
		}
		if !w.isTarget(targets, x.Entity) {
			s.Against = append(s.Against, "nothing else was seen to be wrong with "+w.called(x.Entity))
		}
		if old := byEntity[x.Entity]; old == nil || s.raw > old.raw {
			byEntity[x.Entity] = s
		}
	}
	for n := range c.Changes {
		if s := byEntity[c.Changes[n].Entity]; s != nil && s.change == &c.Changes[n] {
			out = append(out, s)
		}
	}
	return out
}

func (w *gathering) isTarget(targets []int, entity string) bool {
	return slices.ContainsFunc(targets, func(t int) bool { return w.nodes[t].f.Entity == entity })
}

// pathText says how the symptoms come to need an entity.
func (w *gathering) pathText(targets []int, entity string) string {
	at, ok := w.g.index[entity]
	if !ok {
		return ""
	}
	for _, t := range targets {
		x := &w.nodes[t]
		k, there := x.at[at]
		if !there || k == 0 {
			continue
		}
		var names []string
		for k = x.reach[k].via; k > 0; k = x.reach[k].via {
			names = append([]string{w.called(w.g.ids[x.reach[k].at])}, names...)
		}
		text := w.called(x.f.Entity) + " needs " + w.called(entity)
		if len(names) > 0 {
			text += ", by way of " + strings.Join(names, " and ")
		}
		return text
	}
	return ""
}

// edges are the ways from what is felt to what is suspected.
func (w *gathering) edges(targets []int, suspects []*suspect) []Edge {
	out := []Edge{}
	seen := map[int]bool{}
	for _, t := range targets[:min(len(targets), 6)] {
		x := &w.nodes[t]
		for _, s := range suspects[:min(len(suspects), 5)] {
			at, ok := w.g.index[cmp.Or(s.place, s.Entity)]
			k, there := x.at[at]
			if !ok || !there {
				continue
			}
			for ; k > 0 && x.reach[k].edge >= 0; k = x.reach[k].via {
				if n := x.reach[k].edge; !seen[n] && len(out) < 60 {
					seen[n] = true
					r := w.g.relations[n]
					from, to := w.g.ids[x.reach[x.reach[k].via].at], w.g.ids[x.reach[k].at]
					out = append(out, Edge{From: from, To: to, Kind: string(r.Kind), Source: r.Source, Confidence: r.Confidence, Sure: r.Sure, FromName: w.names[from], ToName: w.names[to]})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}
