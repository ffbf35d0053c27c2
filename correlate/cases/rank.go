package cases

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/correlate"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

const (
	// ownClaim is what a finding counts as the cause of itself, where nothing
	// else is known to be wrong: whatever cannot be seen below it counts as its
	// own.
	ownClaim = .15
	// doubt is the share that stays with what nobody has seen.
	doubt = .12
	// sure is the score from which on a hypothesis is held to be the cause, and
	// rival the share of it that a second one may have beside it.
	sure, rival = .4, .85
	// clear is the score from which on one that is far ahead of all others is held
	// to be the cause, too, and ahead what a second one may have of it then.
	clear, ahead = .25, .4
	// stays is how much less is enough for what was held to be the cause before.
	stays = .7
	// mostHypotheses bounds the answer, targetsAtMost the symptoms that it is
	// ranked by.
	mostHypotheses, targetsAtMost = 8, 50
)

// suspect is a hypothesis in the making.
type suspect struct {
	Hypothesis
	node int // -1 where no finding stands there
	raw  float64
	// others tells that it explains more than itself.
	others bool
	// pays are the things whose excess it explains, and with what lag.
	pays   []string
	lag    string
	change *ChangeSeen
	cold   *detect.ColdStart // the start that it is, if it is one
	signal string            // kind and signal of the course that it is a reason by
	why    string            // what speaks for it most of its own figures, as a part of a sentence
	// deeper is the finding that explains this one best, with the strength of
	// that; -1 for none.
	deeper int
	owed   float64
	place  string // where it lies in the graph, if that is not its entity
}

// think ranks what may have caused the findings of a case, and writes its
// hypotheses, its roles and its story.
func (w *gathering) think(c *Case, members []int) {
	targets := w.targets(members)
	lead := w.nodes[targets[0]].f
	c.Title, c.Since = lead.Title, w.nodes[members[0]].f.FirstSeen
	c.Changes = w.changes(targets, members)
	suspects := w.suspects(c, members, targets)
	total := doubt
	for _, s := range suspects {
		total += s.raw
	}
	for n := range suspects {
		suspects[n].Score = math.Round(100*suspects[n].raw/total) / 100
	}
	slices.SortStableFunc(suspects, func(a, b *suspect) int {
		return cmp.Or(cmp.Compare(b.raw, a.raw), cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Finding, b.Finding))
	})
	suspects = slices.DeleteFunc(suspects, func(s *suspect) bool { return s.Score < .03 })
	suspects = suspects[:min(len(suspects), mostHypotheses)]

	anyFelt := w.nodes[targets[0]].felt
	switch {
	case len(suspects) > 0 && suspects[0].others && held(c, suspects):
		c.Verdict = correlate.CauseFound
	case anyFelt:
		c.Verdict = correlate.Unknown
	default:
		c.Verdict = correlate.NoSymptom
	}
	c.Hypotheses = []Hypothesis{}
	for _, s := range suspects {
		c.Hypotheses = append(c.Hypotheses, s.Hypothesis)
	}
	var top *suspect
	if c.Verdict == correlate.CauseFound {
		top = suspects[0]
	}
	for n := range c.Changes {
		c.Changes[n].Fits = top != nil && top.change != nil && c.Changes[n].ID == top.change.ID
	}
	w.roles(c, members, top)
	c.Story = w.story(lead, top, targets)
	c.Excluded = w.excluded(members, targets)
	c.Unseen = w.unseen(targets)
	c.Edges = w.edges(targets, suspects)
}

// held says whether the first suspect is held to be the cause. What was held to be
// it before remains so with less, so that a case does not change its mind with
// every figure.
func held(before *Case, suspects []*suspect) bool {
	first, second := suspects[0], 0.0
	if len(suspects) > 1 {
		second = suspects[1].raw / first.raw
	}
	need := 1.0
	if best := before.Best(); best != nil && best.Entity == first.Entity {
		need = stays
	}
	return first.Score >= need*sure && second < rival/need || first.Score >= need*clear && second < ahead/need
}

// targets are the findings that are to be explained, the worst first: what is
// felt and stands, else what is felt, else all that stands. What is accepted
// is not asked about while anything else is.
func (w *gathering) targets(members []int) []int {
	pick := func(take func(*node) bool) (out []int) {
		for _, n := range members {
			if take(&w.nodes[n]) {
				out = append(out, n)
			}
		}
		return out
	}
	stands := func(x *node) bool { return x.f.State != finding.Resolved }
	asks := func(x *node) bool { return !x.f.IsAccepted() }
	out := pick(func(x *node) bool { return x.felt && stands(x) && asks(x) })
	for _, next := range []func(*node) bool{
		func(x *node) bool { return x.felt && asks(x) },
		func(x *node) bool { return stands(x) && asks(x) },
		stands,
	} {
		if len(out) == 0 {
			out = pick(next)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(w.nodes[b].f.Severity, w.nodes[a].f.Severity) })
	return out[:min(len(out), targetsAtMost)]
}

// suspects are all that may be the cause, with what speaks for and against each.
func (w *gathering) suspects(c *Case, members, targets []int) []*suspect {
	var out []*suspect
	weight, whole := make([]float64, len(targets)), 0.0
	onset := w.nodes[targets[0]].f.FirstSeen
	for k, t := range targets {
		f := w.nodes[t].f
		weight[k] = float64(f.Severity)
		whole += weight[k]
		if f.FirstSeen.Before(onset) {
			onset = f.FirstSeen
		}
	}
	suspected := map[int]bool{} // places in the graph
	for _, n := range members {
		x := &w.nodes[n]
		s := &suspect{node: n, deeper: -1, Hypothesis: Hypothesis{Finding: x.f.ID, Entity: x.f.Entity, Name: x.f.EntityName, Text: x.f.Title, Since: x.f.FirstSeen,
			Remedy: x.f.Remedy, For: []string{}, Against: []string{}}}
		best := link{}
		explains := 0
		for k, t := range targets {
			if t == n {
				s.raw += weight[k] * ownClaim
				continue
			}
			l, ok := w.nodes[t].to(n)
			if !ok {
				continue
			}
			s.raw += weight[k] * l.strength
			if l.strength >= linked {
				explains++
			}
			if l.strength > best.strength {
				best = l
			}
		}
		s.raw /= whole
		if s.raw == 0 {
			continue
		}
		s.others = explains > 0
		if i, ok := w.g.index[x.f.Entity]; ok {
			suspected[i] = true
		}
		w.weigh(s, c, targets, best, explains, onset)
		out = append(out, s)
	}
	pass(out)
	accounted, part := w.settled(members, targets, weight, whole)
	w.started(accounted, c, onset)
	for _, s := range out {
		s.raw *= 1 - part
	}
	out = w.join(out, accounted)
	near := w.near(accounted)
	rest := append(w.shared(members, targets, suspected), w.byChange(c, targets, suspected, onset)...)
	for _, more := range append(rest, w.blamed(targets, suspected)...) {
		// What was changed or is shared where nothing of the excess stays is no
		// news.
		more.raw *= 1 - part*(1-min(1, near[more.Entity]))
		at := slices.IndexFunc(out, func(s *suspect) bool { return s.node < 0 && s.Entity == more.Entity })
		if at < 0 {
			out = append(out, more)
			continue
		}
		// What several share, what was changed about it, and who blames it: joint
		// evidence.
		s := out[at]
		s.raw += more.raw
		s.For, s.Against = append(s.For, more.For...), s.Against[:0]
		switch {
		case more.change != nil && s.cold != nil:
			s.change = cmp.Or(s.change, more.change)
		case more.change != nil:
			s.change, s.Text, s.Since, s.Remedy = more.change, more.Text, more.Since, more.Remedy
		}
	}
	return out
}

// join brings what the account of calls says together with the findings of the
// same things.
func (w *gathering) join(list, accounted []*suspect) []*suspect {
	for _, s := range accounted {
		at := slices.IndexFunc(list, func(o *suspect) bool { return s.node >= 0 && o.node == s.node })
		if at < 0 {
			at = slices.IndexFunc(list, func(o *suspect) bool { return o.Entity == s.Entity })
		}
		if at < 0 {
			list = append(list, s)
			continue
		}
		o := list[at]
		o.raw += s.raw
		o.others = o.others || s.others
		if s.Text != "" && (o.node < 0 || w.nodes[o.node].felt) {
			o.Text, o.why, o.Remedy = s.Text, s.why, s.Remedy // what a check says of the cause itself is put better
		}
		o.For = append(s.For, o.For...)
		if s.cold != nil {
			o.cold, o.change, o.Remedy = s.cold, cmp.Or(s.change, o.change), s.Remedy
		}
		if o.Query == "" {
			o.draws(&s.Hypothesis)
		}
	}
	return list
}

// near is how much of the excess stays with each thing or with what it is a
// part of.
func (w *gathering) near(accounted []*suspect) map[string]float64 {
	out := map[string]float64{}
	for _, s := range accounted {
		own := w.g.itself(cmp.Or(s.place, s.Entity), false)
		if len(own) == 0 {
			own = []string{s.Entity}
		}
		for _, id := range own {
			out[id] += s.raw
		}
	}
	return out
}

// passes is how many findings deep blame is handed on.
const passes = 6

// pass hands on what findings owe to something deeper: blame goes to where it
// comes from.
func pass(list []*suspect) {
	byNode := make(map[int]*suspect, len(list))
	for _, s := range list {
		byNode[s.node] = s
	}
	came := make(map[*suspect]float64, len(list))
	for _, s := range list {
		came[s] = s.raw
	}
	for range passes {
		next := map[*suspect]float64{}
		for _, s := range list {
			if to := byNode[s.deeper]; s.deeper >= 0 && to != nil {
				x := came[s] * s.owed
				s.raw -= x
				to.raw += x
				next[to] += x
			}
		}
		came = next
	}
}

// weigh brings in what a link alone does not say.
func (w *gathering) weigh(s *suspect, c *Case, targets []int, best link, explains int, onset time.Time) {
	x := &w.nodes[s.node]
	f := x.f
	yes := func(format string, a ...any) { s.For = append(s.For, fmt.Sprintf(format, a...)) }
	no := func(format string, a ...any) { s.Against = append(s.Against, fmt.Sprintf(format, a...)) }
	for _, e := range f.Evidence[:min(len(f.Evidence), 2)] {
		yes("%s", e.Text)
	}
	if len(f.Evidence) > 0 {
		s.Query, s.Unit, s.Usual = f.Evidence[0].Query, f.Evidence[0].Unit, f.Evidence[0].Usual
	}
	s.raw *= .6 + .4*effect(f)

	// Topology and mechanism.
	if s.others {
		if path := w.pathText(targets, f.Entity); path != "" {
			yes("%s", path)
		}
		if explains == len(targets) && explains > 1 {
			yes("it explains %s that are wrong", all(explains))
		} else if len(targets) > 1 {
			yes("it explains %d of the %d that are wrong", explains, len(targets))
		}
		if best.can < .4 {
			no("trouble of this kind seldom shows so")
		}
	}
	// Onset.
	switch lag := onset.Sub(f.FirstSeen); {
	case !s.others:
	case lag > time.Hour:
		no("it has stood for %s before that began", figure.Span(lag))
	case lag >= time.Second:
		yes("it began %s before", figure.Span(lag))
	case lag >= 0:
		yes("it began at the same time")
	case lag < -2*time.Minute:
		no("it began %s after", figure.Span(-lag))
	}
	// Peers that share it.
	if suffer, well := w.peers(f.Entity, targets); s.others && suffer+well >= 2 {
		s.raw *= .6 + .4*float64(suffer)/float64(suffer+well)
		if well == 0 {
			yes("%s that need it suffer", all(suffer))
		} else {
			no("%d of the %d that need it are well", well, suffer+well)
		}
	}
	// What is deeper explains it.
	for _, l := range x.below {
		if back, ok := w.nodes[l.by].to(s.node); ok && (back.strength > l.strength || back.strength == l.strength && s.node < l.by) {
			continue
		}
		if l.strength > s.owed && l.strength >= linked && w.find(l.by) == w.find(s.node) {
			s.deeper, s.owed = l.by, .8*l.strength
		}
	}
	if s.deeper >= 0 {
		no("what is wrong further down explains it: %s", w.nodes[s.deeper].f.Title)
	}
	// What people said.
	if r := w.in.Record[f.Check]; r.Useful+r.Noise > 0 {
		s.raw *= .8 + .4*float64(r.Useful+2)/float64(r.Useful+r.Noise+4)
		if r.Useful >= r.Noise {
			yes("earlier cases with it were called useful %d of %d times", r.Useful, r.Useful+r.Noise)
		} else {
			no("earlier cases with it were called noise %d of %d times", r.Noise, r.Useful+r.Noise)
		}
	}
	// Who does it, and what was done just before.
	if len(f.Culprits) > 0 && f.Culprits[0].Name != "" {
		s.Culprit = &f.Culprits[0]
		yes("%s: %s", f.Culprits[0].Name, f.Culprits[0].Text)
	}
	if s.change = w.changeFor(c, f, onset); s.change != nil {
		s.raw *= 1.1
		yes("%s, %s before", s.change.Summary, figure.Span(max(0, f.FirstSeen.Sub(s.change.At))))
	}
}

// all is how people say that none is left out.
func all(n int) string {
	if n == 2 {
		return "both"
	}
	return fmt.Sprintf("all %d", n)
}

// effect is how far a finding's first figure lies from what is usual or
// allowed, 0 to 1; half where that cannot be told.
func effect(f *finding.Finding) float64 {
	for _, e := range f.Evidence {
		usual := e.Usual
		if usual == nil {
			usual = e.Limit
		}
		if e.Value == nil || usual == nil || *usual <= 0 || *e.Value <= 0 {
			continue
		}
		return min(1, math.Abs(math.Log2(*e.Value / *usual))/4)
	}
	return .5
}

// blamed are hypotheses about whom the symptoms themselves name: what does far
// more than usual beside them. What serves a symptom's entity is no news.
func (w *gathering) blamed(targets []int, suspected map[int]bool) (out []*suspect) {
	for _, t := range targets {
		f := w.nodes[t].f
		if !w.nodes[t].felt || len(f.Culprits) == 0 || f.Culprits[0].Entity == "" || f.Culprits[0].Entity == f.Entity {
			continue
		}
		who := f.Culprits[0]
		if at, ok := w.g.index[who.Entity]; ok && suspected[at] || w.need([]int{t}, who.Entity) >= sharedLeast {
			continue
		}
		k := slices.IndexFunc(out, func(s *suspect) bool { return s.Entity == who.Entity })
		if k < 0 {
			k = len(out)
			out = append(out, &suspect{node: -1, others: true, Hypothesis: Hypothesis{Entity: who.Entity, Name: who.Name, Text: who.Name + ": " + who.Text, Remedy: takes(who.Name, ""),
				Culprit: &who, For: []string{}, Against: []string{"nothing else was seen to be wrong with it"}}})
		}
		out[k].raw += .35 * (.6 + .4*min(1, max(0, who.Share))) / float64(len(targets))
		out[k].For = append(out[k].For, "it does far more than usual beside what suffers: "+f.Title)
	}
	return out
}

// peersNeed is how much an entity must need another to be counted as its user.
const peersNeed = .5

// peers counts, of those that need an entity and are of the symptoms' kinds, who
// suffers and who is well. What a symptom itself needs says neither, nor does
// what something else is wrong with.
func (w *gathering) peers(entity string, targets []int) (suffer, well int) {
	kinds, suffers, aside := map[string]bool{}, map[string]bool{}, make([]bool, len(w.g.ids)) // aside by place
	for _, t := range targets {
		x := &w.nodes[t]
		kinds[kindOf(x.f.Entity)] = true
		suffers[x.f.Entity] = true
		for _, r := range x.reach {
			aside[r.at] = true
		}
	}
	for n := range w.nodes {
		if at, ok := w.g.index[w.nodes[n].f.Entity]; ok && w.nodes[n].f.State != finding.Resolved {
			aside[at] = true
		}
	}
	list, _ := w.g.reach(entity, true, peersNeed)
	for _, r := range list {
		id := w.g.ids[r.at]
		switch {
		case id == entity || !kinds[kindOf(id)]:
		case suffers[id]:
			suffer++
		case aside[r.at]:
		default:
			well++
		}
	}
	return suffer, well
}

// shared are hypotheses about what several symptoms need and of which nothing is
// known to be wrong, where nothing that stands explains them.
func (w *gathering) shared(members, targets []int, suspected map[int]bool) (out []*suspect) {
	in := map[int]bool{}
	for _, t := range targets {
		in[t] = true
	}
	var best *suspect
	for _, c := range w.commons {
		if suspected[c.at] || len(out) == 3 {
			continue
		}
		strength, n, entities := 0.0, 0, map[string]bool{}
		for _, k := range c.sufferer {
			if in[k] {
				strength += w.nodes[k].reach[w.nodes[k].at[c.at]].strength
				entities[w.nodes[k].f.Entity] = true
				n++
			}
		}
		if len(entities) < 2 || w.explainAll(members, c.sufferer, in) {
			continue
		}
		id := w.g.ids[c.at]
		s := &suspect{node: -1, others: true, Hypothesis: Hypothesis{Entity: id, Name: w.called(id), Text: "Something about " + w.called(id), Remedy: unseenOf(w.called(id)),
			For: []string{fmt.Sprintf("%d that need it began to suffer within %s", len(entities), figure.Span(together))}, Against: []string{"nothing was seen of it itself"}}}
		s.raw = .45 * strength / float64(n) * float64(n) / float64(len(targets)) * float64(len(entities)) / float64(len(entities)+c.well)
		if c.well > 0 {
			s.Against = append(s.Against, fmt.Sprintf("%d that need it as much are well", c.well))
		}
		if best == nil || s.raw > best.raw {
			best = s
		}
	}
	if best != nil {
		out = append(out, best)
	}
	return out
}

// explainAll tells whether one finding explains all of some symptoms.
func (w *gathering) explainAll(members, sufferer []int, targets map[int]bool) bool {
	return slices.ContainsFunc(members, func(n int) bool {
		return !slices.ContainsFunc(sufferer, func(t int) bool {
			l, ok := w.nodes[t].to(n)
			return targets[t] && (!ok || l.strength < linked)
		})
	})
}
