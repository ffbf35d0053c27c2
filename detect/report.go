package detect

import (
	"cmp"
	"slices"

	"github.com/evenkeel/evenkeel/finding"
)

// report says what is wrong in words. A text that cannot be written because a
// figure is missing in this round is left out; the title falls back to the
// check's id.
func (r *round) report(c *verdictCase) finding.Report {
	s, check := c.subject, c.check
	names := s.names()
	out := finding.Report{
		Severity:   c.verdict.Severity,
		Foreseen:   check.Foreseen,
		EntityKind: string(s.Entity.estateKind()),
		EntityName: s.Entity.Name,
		Host:       s.Entity.HostName,
	}
	var err error
	if out.Title, err = WriteText(check.titleText, names); err != nil {
		out.Title = check.ID + " of " + s.Entity.Name
	}
	if out.Effect, err = WriteText(check.effectText, names); err != nil {
		out.Effect = check.About
	}
	for _, t := range check.remedyText {
		if text, err := WriteText(t, names); err == nil {
			out.Remedy = append(out.Remedy, text)
		}
	}
	for _, f := range check.Evidence {
		if e, ok := r.evidence(s, f, names); ok {
			out.Evidence = append(out.Evidence, e)
		}
	}
	if text := s.Entity.started(check, r.now); text != "" {
		out.Evidence = append(out.Evidence, finding.Evidence{Text: text, From: r.now.Add(-lateAfter), To: r.now})
	}
	for _, b := range check.Culprits {
		out.Culprits = append(out.Culprits, r.culprits(s, b, names)...)
	}
	for _, echo := range c.echoes {
		// The cause is as bad as the worst that it does.
		out.Severity = max(out.Severity, echo.verdict.Severity)
		if title, err := WriteText(echo.check.titleText, echo.subject.names()); err == nil {
			out.Evidence = append(out.Evidence, finding.Evidence{Text: "It shows as well in this: " + title, From: echo.verdict.Since, To: r.now})
		}
	}
	return out
}

func (r *round) evidence(s *Subject, f Figure, names map[string]any) (finding.Evidence, bool) {
	of := s.Entity
	if f.ref.what == hostSlot {
		of = s.Host
	}
	if of == nil {
		return finding.Evidence{}, false
	}
	v, ok := of.Value(f.ref.signal)
	if !ok {
		return finding.Evidence{}, false
	}
	if holds, err := s.holds(f.when); err != nil || !holds {
		return finding.Evidence{}, false
	}
	text, err := WriteText(f.text, names)
	if err != nil {
		return finding.Evidence{}, false
	}
	out := finding.Evidence{
		Signal: f.ref.signal.Name, Text: text, Query: f.ref.signal.Query(of), Unit: f.ref.signal.Unit,
		From: r.now.Add(-f.ref.signal.Window), To: r.now, Value: &v,
	}
	if b := of.usual[f.ref.signal.index]; b.Known() {
		usual := b.Median()
		out.Usual = &usual
	}
	if f.Limit != "" {
		limit := s.Check.Limits[f.Limit]
		out.Limit = &limit
	}
	return out, true
}

// suspect is an entity that may be to blame.
type suspect struct {
	entity        *Entity
	value, excess float64
	usual         *Baseline
}

// suspect is an entity by the most unusual of a blame's signals; not ok if it
// has none that counts.
func (r *round) suspect(e *Entity, b Blame) (out suspect, ok bool) {
	for _, s := range b.signals {
		v, there := e.Value(s)
		usual := e.usual[s.index]
		if !there || b.More && !r.isFresh(e) && !e.rises(s) {
			continue
		}
		excess := v
		if usual.Known() {
			excess -= usual.High()
		}
		if !ok || excess > out.excess {
			out, ok = suspect{e, v, excess, usual}, true
		}
	}
	return out, ok
}

// culprits ranks the entities of a kind on the same machine by how much more
// than usual they do. Excess, not use, is what points at the cause: what has
// always been busy did not bring the change.
func (r *round) culprits(s *Subject, b Blame, names map[string]any) []finding.Culprit {
	if holds, err := s.holds(b.when); err != nil || !holds {
		return nil
	}
	if b.Of == "server" {
		return r.server(s, b, names)
	}
	if b.Of == "self" {
		name, err1 := WriteText(b.name, names)
		text, err2 := WriteText(b.text, names)
		if err1 != nil || err2 != nil || name == "" {
			return nil
		}
		return []finding.Culprit{{Entity: r.picture.groupID(s.Entity.Host, name), Name: name, Text: text}}
	}
	var suspects []suspect
	total := 0.0
	for _, e := range r.picture.byHost[s.Entity.Host] {
		if e.Kind != b.kind {
			continue
		}
		x, ok := r.suspect(e, b)
		if !ok {
			continue
		}
		total += max(x.value, 0)
		if x.excess >= b.Least && x.excess > 0 {
			suspects = append(suspects, x)
		}
	}
	slices.SortStableFunc(suspects, func(a, b suspect) int { return cmp.Compare(b.excess, a.excess) })
	var out []finding.Culprit
	for i, x := range suspects {
		if i == b.Limit || x.excess < suspects[0].excess/4 {
			break
		}
		names["value"], names["usual_value"], names["known_value"] = x.value, x.usual.Median(), x.usual.Known()
		names["its"] = x.entity.figures()
		text, err := WriteText(b.text, names)
		if err != nil {
			continue
		}
		out = append(out, finding.Culprit{Entity: x.entity.ID, Name: x.entity.Name, Share: min(x.value/total, 1), Text: text})
	}
	return out
}

// groupID is the id of the unit, container or group with a name, or "".
func (p *picture) groupID(host, name string) string {
	for _, e := range p.byHost[host] {
		if e.Name == name && e.Kind.IDKind != "" {
			return e.ID
		}
	}
	return ""
}
