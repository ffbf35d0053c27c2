package detect

import (
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// lingerFor is how long a symptom still counts as an echo after its cause has
// cleared: the queue that a fault left behind takes a while to drain.
const lingerFor = 2 * time.Minute

// explain finds, for each symptom, the cause that explains it. Checks come in
// the order of their ranks, so that the cause of a cause is already known.
//
// A symptom whose cause is only pending waits with it: they most often begin
// together, and the one that needs less time must not be told first.
func (r *round) explain() {
	for _, c := range r.cases {
		if c.gone != "" || c.check == nil {
			continue
		}
		if !c.active() {
			if c.verdict.State != Unknown {
				c.memory.Root = ""
			}
			continue
		}
		c.cause = r.causeOf(c)
		switch {
		case c.cause != nil:
			c.memory.Root = c.cause.Check + " of " + c.cause.Entity
			c.memory.Until = r.now
			if c.cause.verdict.State == Firing {
				c.memory.Until = r.now.Add(lingerFor)
				c.cause.echoes = append(c.cause.echoes, c)
			}
		case !r.now.Before(c.memory.Until):
			c.memory.Root = ""
		}
	}
}

// causeOf returns the root of what explains c: of several the one that fires,
// and of those the most severe.
func (r *round) causeOf(c *verdictCase) *verdictCase {
	if r.exempted(c) {
		return nil
	}
	var best *verdictCase
	for _, e := range c.check.EchoOf {
		if holds, err := c.subject.holds(e.when); err != nil || !holds {
			continue
		}
		for _, other := range r.about(e.check, c.subject.Entity, e.Anywhere) {
			v := r.byKey[judged{e.check.ID, other.ID}]
			if v == nil || !v.active() || r.exempted(v) {
				continue
			}
			if apart := c.verdict.Since.Sub(v.verdict.Since).Abs(); e.Within > 0 && apart > e.Within {
				continue
			}
			if v.cause != nil {
				v = v.cause
			}
			if best == nil || better(v, best) {
				best = v
			}
		}
	}
	return best
}

// exempted tells whether an exemption covers what a check finds. It stands by
// itself then: what people feel of it must not be hidden behind what nobody is
// told of, and it must not make worse what somebody is.
func (r *round) exempted(c *verdictCase) bool {
	if len(r.env.Exemptions) == 0 || c.subject == nil {
		return false
	}
	e := c.subject.Entity
	return r.env.Exemptions.For(r.keyOf(c), finding.Report{Severity: c.verdict.Severity, EntityKind: string(e.estateKind()), EntityName: e.Name, Host: e.HostName}, r.now) != nil
}

func better(a, b *verdictCase) bool {
	if firing := a.verdict.State == Firing; firing != (b.verdict.State == Firing) {
		return firing
	}
	return a.verdict.Severity > b.verdict.Severity
}

// sameName says that two entities carry the same labels that name them.
func (e *Entity) sameName(other *Entity) bool {
	for _, name := range e.Kind.Labels {
		if e.Labels[name] != other.Labels[name] {
			return false
		}
	}
	return true
}

// about lists the entities on which a check could explain a symptom of e.
func (r *round) about(check *Check, e *Entity, anywhere bool) []*Entity {
	if e.Host == "" {
		return nil
	}
	alike := slices.Equal(check.kind.Labels, e.Kind.Labels)
	var out []*Entity
	for _, other := range r.picture.byHost[e.Host] {
		if other.Kind == check.kind && (!alike || anywhere || other.sameName(e)) {
			out = append(out, other)
		}
	}
	return out
}
