package cases

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/correlate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

const (
	mostExcluded = 10
	mostUnseen   = 6
	// beforehand is how near in time a finding must lie to be worth a word when
	// it is left out.
	beforehand = 30 * time.Minute
)

// roles says what part each member plays.
func (w *gathering) roles(c *Case, members []int, top *suspect) {
	for n := range c.Members {
		m := &c.Members[n]
		at := w.place[m.Finding]
		x := &w.nodes[at]
		m.Role, m.Felt, m.ExplainedBy, m.Why = Beside, x.felt, "", ""
		if x.felt {
			m.Role = Symptom
		}
		var strongest *link
		for k := range x.below {
			if l := &x.below[k]; w.find(l.by) == w.find(at) && l.strength >= linked && (strongest == nil || l.strength > strongest.strength) {
				strongest = l
			}
		}
		switch {
		case strongest != nil:
			m.Why = "this explains it: " + w.nodes[strongest.by].f.Title
		case len(members) > 1:
			m.Why = "others here come of it, or share what it needs"
		default:
			m.Why = "nothing else belongs to it"
		}
		if top == nil {
			continue
		}
		if top.node == at {
			m.Role = Cause
			m.Why = "it is held to be the cause"
			continue
		}
		if top.node < 0 {
			continue
		}
		if l, ok := x.to(top.node); ok && l.strength >= explained {
			if m.Role != Symptom {
				m.Role = Effect
			}
			m.Why = "this explains it: " + top.Text
			if m.EndedAt.IsZero() && w.nodes[top.node].f.State != finding.Resolved {
				m.ExplainedBy = top.Finding
			}
		}
	}
}

// does says what a culprit has to do with it, as a part of a sentence.
func does(c *finding.Culprit) string {
	switch {
	case c.Share >= .5:
		return "most of it is done by " + c.Name
	case c.Share > 0:
		return "a good part of it is done by " + c.Name
	}
	return c.Name + " " + c.Text // named for what it is, not for how much it does
}

// story is the case in one sentence.
func (w *gathering) story(lead *finding.Finding, top *suspect, targets []int) Story {
	s := Story{What: strings.TrimSuffix(lead.Title, "."), Since: lead.FirstSeen}
	if len(targets) > 1 {
		s.What += fmt.Sprintf(" (and %d more)", len(targets)-1)
	}
	if top == nil {
		return s
	}
	s.Because, s.Figure = strings.TrimSuffix(top.Text, "."), top.why
	if top.node >= 0 {
		f := w.nodes[top.node].f
		for _, e := range f.Evidence {
			if s.Figure == "" && e.Text != "" && !strings.Contains(s.Because, e.Text) {
				s.Figure = strings.TrimSuffix(e.Text, ".")
				break
			}
		}
		if len(f.Culprits) > 0 && f.Culprits[0].Name != "" {
			s.Started = does(&f.Culprits[0])
		}
	}
	if top.change != nil {
		s.At = top.change.At
		if top.node >= 0 || top.cold != nil {
			s.Started = top.change.Summary
		}
	}
	return s
}

// Text writes the story as one sentence, with times as on the wall of a place.
func (s Story) Text(at *time.Location) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, since %s", s.What, s.Since.In(at).Format("15:04"))
	if s.Because == "" {
		b.WriteString(".")
		return b.String()
	}
	b.WriteString(", most likely because: " + s.Because)
	if s.Figure != "" {
		b.WriteString(" (" + s.Figure + ")")
	}
	switch {
	case s.Started == "" && !s.At.IsZero():
		b.WriteString(", done at " + s.At.In(at).Format("15:04"))
	case s.Started != "" && !s.At.IsZero():
		b.WriteString("; " + s.Started + " at " + s.At.In(at).Format("15:04") + " fits in time")
	case s.Started != "":
		b.WriteString("; " + s.Started)
	}
	b.WriteString(".")
	return b.String()
}

// excluded are findings that looked suspicious and are not part of the case.
func (w *gathering) excluded(members, targets []int) []correlate.Exclusion {
	inside := w.find(members[0])
	onset := w.nodes[members[0]].f.FirstSeen
	type row struct {
		correlate.Exclusion
		near float64
	}
	var rows []row
	for n := range w.nodes {
		x := &w.nodes[n]
		if w.find(n) == inside {
			continue
		}
		away := x.f.FirstSeen.Sub(onset).Abs()
		best := link{strength: -1}
		for _, t := range targets {
			if l, ok := w.nodes[t].to(n); ok && l.strength > best.strength {
				best = l
			}
		}
		reason := ""
		switch {
		case best.strength < 0 && away > beforehand:
			continue
		case best.strength < 0:
			reason = "what suffers here is not known to need it"
		case best.can == 0 || best.can < .3 && best.can < best.time:
			reason = "trouble of this kind does not show so"
		case x.f.FirstSeen.Before(onset):
			reason = fmt.Sprintf("it has stood for %s before this began", figure.Span(away))
		case best.time < .5:
			reason = fmt.Sprintf("it began %s after", figure.Span(away))
		default:
			reason = "it lies too far away"
		}
		rows = append(rows, row{correlate.Exclusion{Entity: x.f.Entity, Reason: strings.TrimSuffix(x.f.Title, ".") + ": " + reason}, best.strength - away.Hours()/1000})
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.near, a.near), cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Reason, b.Reason))
	})
	out := []correlate.Exclusion{}
	for _, r := range rows[:min(len(rows), mostExcluded)] {
		out = append(out, r.Exclusion)
	}
	return out
}

// unseen is what could not be seen below what is felt, with the remedy.
func (w *gathering) unseen(targets []int) []string {
	out := []string{}
	seen := map[string]bool{}
	say := func(format string, a ...any) {
		if text := fmt.Sprintf(format, a...); !seen[text] && len(out) < mostUnseen {
			seen[text] = true
			out = append(out, text)
		}
	}
	for _, t := range targets {
		x := &w.nodes[t]
		if !x.felt {
			continue
		}
		if len(x.reach) <= 1 {
			say("Nothing is known of what %s runs on or calls, so that nothing below it could be considered. Declare it under cases.edges in the configuration.", w.called(x.f.Entity))
			continue
		}
		if x.cut {
			say("%s needs more than %d things; the nearest of them were considered.", w.called(x.f.Entity), mostReached)
		}
		for _, r := range x.reach {
			id := w.g.ids[r.at]
			if r.edge >= 0 && r.strength >= sharedLeast && len(w.g.needs[r.at]) == 0 && w.g.relations[r.edge].Kind == "calls" {
				say("Nothing is known of what %s runs on or calls.", w.called(id))
			}
		}
	}
	for n := range w.nodes {
		x := &w.nodes[n]
		if x.mech.Is == "doubt" && x.f.State != finding.Resolved && w.need(targets, x.f.Entity) > 0 && x.mech.Explains["doubt"] > 0 {
			say("%s.", strings.TrimSuffix(x.f.Title, "."))
		} else if x.f.State == finding.Unknown && w.need(targets, x.f.Entity) > 0 {
			say("Whether this still holds cannot be told: %s.", strings.TrimSuffix(x.f.Title, "."))
		}
	}
	return out
}
