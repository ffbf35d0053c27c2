package detect

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

// round is one look at one environment.
type round struct {
	*watch
	catalogue *Catalogue
	env       Env
	now       time.Time
	lapse     time.Duration
	cases     []*verdictCase // in the order of the checks: causes before echoes
	byKey     map[judged]*verdictCase
}

// verdictCase is one check on one entity in this round.
type verdictCase struct {
	judged
	check   *Check   // nil where the check is not in the catalogue any more
	subject *Subject // nil where the entity is not there any more
	before  Memory
	memory  *Memory
	verdict Verdict
	gone    string       // why the entity is taken to be gone for good
	cause   *verdictCase // what explains it, at the root
	echoes  []*verdictCase
}

// active says that it looks wrong, if only for a moment yet.
func (c *verdictCase) active() bool {
	return c.verdict.State == Firing || c.verdict.State == Pending
}

func compareIDs(a, b string) int { return cmp.Compare(a, b) }

// missingAfter is how long an entity may be absent from signals that are read
// each round before it is taken to be gone.
const missingAfter = 2 * time.Minute

// judge judges one check on every entity of its kind.
func (r *round) judge(check *Check) {
	if r.byKey == nil {
		r.byKey = map[judged]*verdictCase{}
	}
	for _, e := range r.picture.byKind[check.kind] {
		if check.Blind && !e.speaks() {
			continue // nothing was ever seen of it that could be missed
		}
		key := judged{check.ID, e.ID}
		m := r.memory[key]
		subject := r.subject(check, e)
		c := &verdictCase{judged: key, check: check, subject: subject, memory: m}
		absent := !check.Blind && r.now.Sub(e.seen) > missingAfter+check.kind.slowest
		if absent && subject.Lost == "" {
			if m == nil || !m.Told {
				continue
			}
			c.gone = fmt.Sprintf("%s is not there any more", e.Name)
		}
		if applies, err := subject.holds(check.when); !applies && err == nil {
			if m == nil || !m.Told {
				continue
			}
			c.gone = "the check is not about it any more"
		}
		if m == nil {
			if absent {
				continue
			}
			m = &Memory{}
			r.memory[key], c.memory = m, m
		}
		c.before = *m
		if c.gone == "" {
			c.verdict, *m = Judge(subject, *m, r.now, r.lapse)
		}
		r.add(c)
	}
}

func (r *round) add(c *verdictCase) {
	r.cases = append(r.cases, c)
	r.byKey[c.judged] = c
}

// subject is the entity as the check sees it now.
func (r *round) subject(check *Check, e *Entity) *Subject {
	s := &Subject{Entity: e, Check: check, Age: -1}
	if e.Host != "" {
		s.Host = r.picture.host(e.Host)
	}
	kind, from := e.Kind, e
	if age := ageOf(kind); age == nil && !kind.Apart && s.Host != nil {
		kind, from = s.Host.Kind, s.Host
	}
	if age := ageOf(kind); age != nil {
		if v, ok := from.Value(age); ok {
			s.Age = v
			if kind.StaleAfter > 0 && !check.Blind && v > kind.StaleAfter.Seconds() {
				s.Lost = fmt.Sprintf("the last figures of %s are %s old", from.Name, figure.In(v, "seconds"))
			}
		} else if err := r.picture.readings[age].err; err != nil {
			s.Lost = "the figures could not be read"
		} else {
			s.Lost = fmt.Sprintf("no figures of %s come in", from.Name)
		}
	}
	if s.Lost == "" {
		s.Lost = r.picture.silent(e)
	}
	if s.Lost == "" {
		for _, signal := range s.lacks() {
			if err := r.picture.readings[signal].err; err != nil {
				s.Lost = fmt.Sprintf("%s could not be read", signal.Name)
			}
		}
	}
	return s
}

// speaks says that more is or was known of the entity than how old its figures
// are. That something was scraped at an address does not make a machine of it.
func (e *Entity) speaks() bool {
	for i, s := range e.Kind.signals {
		if s.Name != ageSignal && (!math.IsNaN(e.values[i]) || e.usual[i] != nil) {
			return true
		}
	}
	return false
}

func ageOf(k *Kind) *Signal {
	for _, s := range k.signals {
		if s.Name == ageSignal {
			return s
		}
	}
	return nil
}

// unseen takes up findings that stand but were not judged: the entity has not
// been seen since the engine started, or the check is not made any more.
func (r *round) unseen(c *Catalogue) {
	var keys []judged
	for key, m := range r.memory {
		if m.Told && r.byKey[key] == nil {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b judged) int {
		return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Entity, b.Entity))
	})
	for _, key := range keys {
		m := r.memory[key]
		v := &verdictCase{judged: key, memory: m, before: *m}
		v.verdict = Verdict{State: Unknown, Reason: "no figures of it have come in since Evenkeel started"}
		if !slices.ContainsFunc(c.checks, func(check *Check) bool { return check.ID == key.Check }) {
			v.gone = "the check is not made any more"
		} else if r.now.Sub(m.Seen) > keepFor {
			v.gone = "it has not been seen for a day"
		} else if r.hostSpeaks(key.Entity) && r.now.Sub(m.Seen) > missingAfter {
			v.gone = "it is not there any more"
		}
		r.add(v)
	}
}

// hostSpeaks says that the machine in an entity's id sends figures, so that an
// entity of which none come is not there.
func (r *round) hostSpeaks(entity string) bool {
	_, rest, _ := strings.Cut(entity, ":")
	name, _, isPart := strings.Cut(rest, ":")
	h := r.picture.host("host:" + name)
	return isPart && h != nil && h.seen.Equal(r.now)
}

// learn lets the baselines take in this round, but for those that a check
// which fires or is about to reads, and for figures that have just left what is
// usual: a fault must not become usual.
func (r *round) learn() {
	type frozenKey struct {
		entity *Entity
		signal *Signal
	}
	frozen := map[frozenKey]bool{}
	frozenOn := map[string]map[*Signal]bool{} // by host: signals that name culprits
	for _, v := range r.cases {
		if !v.active() || v.subject == nil {
			continue
		}
		for _, s := range v.check.reads {
			frozen[frozenKey{v.subject.Entity, s}] = true
		}
		for _, b := range v.check.Culprits {
			for _, s := range b.signals {
				if frozenOn[v.subject.Entity.Host] == nil {
					frozenOn[v.subject.Entity.Host] = map[*Signal]bool{}
				}
				frozenOn[v.subject.Entity.Host][s] = true
			}
		}
	}
	for _, e := range r.picture.entities {
		for _, s := range e.Kind.signals {
			v, ok := e.Value(s)
			if !ok || s.Clock {
				continue
			}
			// What an instance takes while it starts is not what it takes.
			if e.cold.start != nil && s.latent() && e.begun.watched {
				continue
			}
			odd := frozen[frozenKey{e, s}] || frozenOn[e.Host][s] || e.courses != nil && e.courses[s.index].holds(r.now)
			if s.Seasonal {
				if e.seasons[s.index] == nil {
					e.seasons[s.index] = &Season{}
				}
				load := math.NaN()
				if s.Name != "traffic" {
					load = e.load()
				}
				e.seasons[s.index].Learn(v, load, odd, r.now)
			}
			if odd {
				continue
			}
			b := e.usual[s.index]
			if b == nil {
				b = &Baseline{}
				e.usual[s.index] = b
			}
			b.Learn(v, r.now)
		}
	}
}

// tell turns the round's cases into observations and coverage.
func (r *round) tell() Result {
	result := Result{Queries: len(r.picture.readings)}
	standing := map[judged]finding.Report{}
	for _, c := range r.cases {
		o := finding.Observation{At: r.now, Key: r.keyOf(c)}
		coverage := Coverage{Environment: o.Key.Environment, Check: c.Check, Entity: c.Entity, State: c.verdict.State, Since: c.verdict.Since, Reason: c.verdict.Reason}
		switch {
		case c.gone != "":
			o.Sign, o.Reason = finding.Clear, c.gone
			delete(r.memory, c.judged)
			result.Observations = append(result.Observations, o)
			continue
		case c.verdict.State == Firing && c.cause == nil && c.memory.Root == "":
			o.Sign, o.Since, o.Report = finding.Firing, c.verdict.Since, r.lastReport(c)
			c.memory.Told = true
			standing[c.judged] = o.Report
			result.Observations = append(result.Observations, o)
		case c.verdict.State == Firing:
			coverage.ToldWith = c.memory.Root
			coverage.Reason = "told as a part of " + c.memory.Root
			if c.memory.Told {
				o.Sign, o.Reason = finding.Clear, "it is told as a part of "+c.memory.Root
				c.memory.Told = false
				result.Observations = append(result.Observations, o)
			}
		case c.verdict.State == Unknown && c.memory.Told:
			o.Sign, o.Reason = finding.NoData, c.verdict.Reason
			result.Observations = append(result.Observations, o)
		case c.memory.Told: // ok, or pending anew after it was clear
			o.Sign, o.Reason = finding.Clear, cmp.Or(c.verdict.Reason, "it is clear again")
			c.memory.Told = false
			result.Observations = append(result.Observations, o)
		}
		result.Coverage = append(result.Coverage, coverage)
	}
	r.reports = standing
	return result
}

// keyOf is what a case is told under.
func (r *round) keyOf(c *verdictCase) finding.Key {
	return finding.Key{Tenant: r.env.Tenant, Environment: r.env.home(r.catalogue, c.Entity), Practice: Practice, Check: c.Check, Entity: c.Entity}
}

// lastReport is the report of this round, or of the last one that showed the
// trouble: when it fades, whoever caused it has gone, and whoever suffered
// from it would be named in their place.
func (r *round) lastReport(c *verdictCase) finding.Report {
	last, ok := r.reports[c.judged]
	if !ok || !c.verdict.Fading {
		return r.report(c)
	}
	last.Severity = c.verdict.Severity
	return last
}
