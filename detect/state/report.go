package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/finding"
)

const (
	// maxTold bounds the members and the echoes that a finding names.
	maxTold = 5
	// maxWrote bounds the containers whose last lines a finding has.
	maxWrote = 2
	// retellEvery is how often what stands is told anew though nothing changed.
	retellEvery = 30 * time.Second
	// settleFor is how long after its start the engine waits for clusters to be
	// read before it says of what stood that it cannot be told.
	settleFor = time.Minute
	// untold stands in the place of echoes where it was told that nothing can
	// be told.
	untold = "unknown"
)

// tell turns what is not fine into observations and coverage.
func (r *round) tell() {
	for _, key := range slices.SortedFunc(maps.Keys(r.cases), compareJudged) {
		r.tellOne(r.cases[key])
	}
	for _, key := range slices.SortedFunc(maps.Keys(r.blind), compareJudged) {
		r.result.Coverage = append(r.result.Coverage, detect.Coverage{Check: key.Check, Entity: key.Group, State: detect.Unknown, Reason: r.blind[key]})
	}
}

// keyOf is what an instance is told under.
func (r *round) keyOf(v *instance) finding.Key {
	return finding.Key{Tenant: r.where.Tenant, Environment: r.where.Environment, Practice: Practice, Check: v.Check, Entity: v.Group}
}

func (r *round) tellOne(v *instance) {
	fresh := v.fresh
	v.fresh = false
	o := finding.Observation{At: r.now, Key: r.keyOf(v)}
	if v.check == nil {
		v.gone = "the check is not made any more"
	} else if v.verdict.State == detect.Unknown && r.now.Sub(v.memory.Seen) > goneAfter {
		v.gone = "nothing has been known of it for a week"
	}
	again := r.now.Sub(v.toldAt) >= retellEvery
	if v.verdict.State != detect.OK && v.verdict.State != "" && v.gone == "" {
		coverage := detect.Coverage{Check: v.Check, Entity: v.Group, State: v.verdict.State, Since: v.verdict.Since, Reason: v.verdict.Reason}
		if v.memory.Root != "" {
			coverage.ToldWith, coverage.Reason = v.memory.Root, "told as a part of "+v.memory.Root
		}
		r.result.Coverage = append(r.result.Coverage, coverage)
	}
	switch {
	case v.gone != "" || v.verdict.State == detect.OK || v.verdict.State == detect.Pending:
		if !v.memory.Told {
			return
		}
		o.Sign, o.Reason = finding.Clear, cmp.Or(v.gone, v.verdict.Reason, "it is clear again")
		v.memory.Told, v.told = false, ""
	case v.verdict.State == detect.Firing && v.memory.Root != "":
		if !v.memory.Told {
			return
		}
		o.Sign, o.Reason = finding.Clear, "it is told as a part of "+v.memory.Root
		v.memory.Told, v.told = false, ""
	case v.verdict.State == detect.Firing:
		echoes := fmt.Sprint(v.echoes)
		if !fresh && !again && v.memory.Told && echoes == v.told {
			return
		}
		if !v.verdict.Fading || v.report.Title == "" {
			v.report = v.describe(r.where.Wrote, r.now)
		}
		v.memory.Told, v.told = true, echoes
		o.Sign, o.Since, o.Report = finding.Firing, v.verdict.Since, v.report
	case v.memory.Told: // unknown, also to an engine that has just been restored
		if !again && v.told == untold || r.now.Sub(r.started) < settleFor && v.memory.Seen.Before(r.started) {
			return
		}
		v.told = untold
		o.Sign, o.Reason = finding.NoData, cmp.Or(v.verdict.Reason, "its cluster has not been read since Evenkeel started")
	default:
		return
	}
	v.toldAt = r.now
	r.result.Observations = append(r.result.Observations, o)
}

// describe says what is wrong in words. A text that cannot be written falls
// back to what the check is about.
func (v *instance) describe(wrote func(pod string) []finding.Evidence, now time.Time) finding.Report {
	s, c := v.subject, v.check
	out := finding.Report{Severity: v.verdict.Severity, EntityKind: string(s.Kind), EntityName: s.Name}
	m := s.speaker()
	if m == nil { // it was firing before a restart, and fades
		out.Title, out.Effect = c.ID+" of "+s.Name, c.About
		return out
	}
	names := m.names()
	var err error
	if out.Title, err = detect.WriteText(c.titleText, names); err != nil {
		out.Title = c.ID + " of " + s.Name
	}
	if out.Effect, err = detect.WriteText(c.effectText, names); err != nil {
		out.Effect = c.About
	}
	for _, t := range c.remedyText {
		if text, err := detect.WriteText(t, names); err == nil && text != "" {
			out.Remedy = append(out.Remedy, text)
		}
	}
	for i := range c.Evidence {
		out.Evidence = append(out.Evidence, s.evidence(&c.Evidence[i], v.verdict.Since, now)...)
	}
	if c.Wrote && wrote != nil {
		out.Evidence = append(out.Evidence, s.wrote(wrote)...)
	}
	for i, echo := range v.echoes {
		// The cause is as bad as the worst that it does.
		out.Severity = max(out.Severity, echo.verdict.Severity)
		if i == maxTold {
			out.Evidence = append(out.Evidence, finding.Evidence{Text: fmt.Sprintf("and in %d more", len(v.echoes)-maxTold), From: v.verdict.Since, To: now})
		}
		if m := echo.subject.speaker(); m != nil && i < maxTold {
			if title, err := detect.WriteText(echo.check.titleText, m.names()); err == nil {
				out.Evidence = append(out.Evidence, finding.Evidence{Text: "It shows as well in this: " + title, From: echo.verdict.Since, To: now})
			}
		}
	}
	return out
}

func (s *Subject) evidence(f *Fact, from, to time.Time) (out []finding.Evidence) {
	for i, m := range s.firing {
		if i > 0 && !f.Each {
			break
		}
		if i == maxTold {
			return append(out, finding.Evidence{Text: fmt.Sprintf("and %d more", len(s.firing)-maxTold), From: from, To: to})
		}
		if holds, err := m.holds(f.when); err != nil || !holds {
			continue
		}
		if text, err := detect.WriteText(f.text, m.names()); err == nil && text != "" {
			out = append(out, finding.Evidence{Text: text, From: from, To: to})
		}
	}
	return out
}

// wrote is what some members that fire wrote last; where nobody's lines are
// known, why.
func (s *Subject) wrote(of func(pod string) []finding.Evidence) (out []finding.Evidence) {
	var lack []finding.Evidence
	for _, m := range s.firing {
		for _, e := range of(m.entity.ID) {
			switch {
			case len(e.Lines) == 0:
				lack = append(lack, e)
			case len(out) < maxWrote:
				out = append(out, e)
			}
		}
	}
	if len(out) == 0 {
		return lack[:min(1, len(lack))]
	}
	return out
}

// names is what a text can say: the member's attributes by name, .one for its
// own name, and .name for the group's.
func (m *member) names() map[string]any {
	out := map[string]any{}
	for name, t := range m.Check.kind.Attributes {
		out[name] = t.read(m.entity.Attributes[name], m.now)
	}
	for name, d := range derived[m.Check.Entity] {
		out[name] = d.value(m)
	}
	of := map[string]any{"name": m.Name}
	for name, t := range m.Check.workload.Attributes {
		of[name] = t.read(m.owner.Attributes[name], m.now)
	}
	limits := map[string]any{}
	for name, v := range m.Check.Limits {
		limits[name] = v
	}
	for name, w := range m.Check.With {
		r := m.relate(name, w)
		shown := r.names
		if len(shown) > maxTold {
			shown = append(slices.Clone(shown[:maxTold]), fmt.Sprintf("and %d more", len(shown)-maxTold))
		}
		out[name] = map[string]any{"count": r.count, "sum": r.sum, "names": shown}
	}
	_, cluster := kindOf(m.ID)
	u := ParseUnschedulable(m.entity.Attributes["pending_reason"])
	maps.Copy(out, map[string]any{"name": m.Name, "one": Name(m.entity), "called": m.called(), "cluster": cluster,
		"count": float64(len(m.firing)), "total": float64(len(m.members)), "lasting": m.lasting, "owner": of, "limit": limits,
		"why": u.Why(), "main": u.Main(), "help": u.Help()})
	return out
}
