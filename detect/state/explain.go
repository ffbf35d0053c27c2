package state

import (
	"cmp"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/finding"
)

// lingerFor is how long a symptom still counts as an echo after its cause has
// cleared, where the echo rule does not say it.
const lingerFor = time.Minute

// active says that it looks wrong, if only for a moment yet.
func (v *instance) active() bool {
	return v.gone == "" && (v.verdict.State == detect.Firing || v.verdict.State == detect.Pending)
}

// explain finds the cause of each thing that looks wrong. A symptom whose
// cause is only pending waits with it, so that it is never told first.
func (r *round) explain() {
	var list []*instance
	for _, v := range r.cases {
		v.cause, v.echoes = nil, nil
		if v.active() && v.check != nil && v.subject != nil {
			list = append(list, v)
		} else if v.verdict.State != detect.Unknown {
			v.memory.Root = ""
		}
	}
	slices.SortFunc(list, func(a, b *instance) int {
		return cmp.Or(cmp.Compare(a.check.rank, b.check.rank), compareJudged(a.judged, b.judged))
	})
	for _, v := range list {
		var linger time.Duration
		v.cause, linger = r.causeOf(v)
		switch {
		case v.cause != nil:
			v.memory.Root, v.memory.Until = v.cause.String(), r.now
			if v.cause.verdict.State == detect.Firing {
				v.memory.Until = r.now.Add(linger)
				v.cause.echoes = append(v.cause.echoes, v)
			}
		case v.memory.Root != "" && !r.now.Before(v.memory.Until):
			v.memory.Root = ""
		case v.memory.Root != "" && v.due.After(v.memory.Until):
			v.due = v.memory.Until
		}
	}
}

// causeOf is the root of what explains v: of several the one that fires, and
// of those the most severe. What is not the same for all members that fire
// explains none of them.
func (r *round) causeOf(v *instance) (best *instance, linger time.Duration) {
	if r.exempted(v) {
		return nil, 0
	}
	for _, e := range v.check.EchoOf {
		c := r.common(v, e)
		if c == nil {
			continue
		}
		if c.cause != nil {
			c = c.cause
		}
		if c == v {
			continue
		}
		if best == nil || c.weight() > best.weight() {
			best, linger = c, e.Linger
		}
	}
	return best, linger
}

// exempted tells whether an exemption covers what a check finds. It stands by
// itself then: what comes of it must not be hidden behind what nobody is told
// of, and it must not make worse what somebody is.
func (r *round) exempted(v *instance) bool {
	if len(r.where.Exemptions) == 0 || v.subject == nil {
		return false
	}
	return r.where.Exemptions.For(r.keyOf(v), finding.Report{Severity: v.verdict.Severity, EntityKind: string(v.subject.Kind), EntityName: v.subject.Name}, r.now) != nil
}

func (v *instance) weight() int {
	if v.verdict.State == detect.Firing {
		return 10 + int(v.verdict.Severity)
	}
	return int(v.verdict.Severity)
}

// common returns the cause that an echo rule leads to from every member that
// fires; the first of them, where the members have several such causes.
func (r *round) common(v *instance, e Echo) *instance {
	if len(e.way) == 0 {
		if c := r.cases[judged{e.check.ID, r.group(e.check, v.Group)}]; c != nil && c.active() && !r.exempted(c) {
			return c
		}
		return nil
	}
	var first *instance
	for _, m := range v.subject.firing {
		var found *instance
		for _, id := range walk(r.where.World, []string{m.entity.ID}, e.way) {
			if c := r.cases[judged{e.check.ID, r.group(e.check, id)}]; c != nil && c.active() && !r.exempted(c) {
				found = c
				break
			}
		}
		if found == nil {
			return nil
		}
		first = cmp.Or(first, found)
	}
	return first
}
