package cases

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
)

const (
	// reserve is how strong a reason must be to take half of a claim from who
	// has it.
	reserve = .35
	// hearsay is the same for who is blamed by its callers alone, while nothing is
	// wrong with it but what something deeper explains.
	hearsay = .15
	// byTaker is the share of what a shortage explains that goes to who takes
	// what is short.
	byTaker = .75
	// mostReasons bounds the reasons of one claim.
	mostReasons = 6
	// faintly is how strongly things count that are come to by way of a call,
	// where the answers to those calls are accounted for.
	faintly = .6
)

// takings are, by what may be short, the signal of who takes it, and the least
// more of it that makes somebody a suspect.
var takings = map[string]struct {
	signals []string
	least   float64
	slower  string // how it is made to take less, as a part of a sentence
}{
	"cpu":    {[]string{"cpu_use"}, .25, "give it a smaller share (`renice`, `CPUWeight=` of its unit, a limit for CPU in Kubernetes)"},
	"disk":   {[]string{"io_bytes", "io_written"}, 1 << 20, "slow it down (`ionice`, `IOWeight=` or `IOWriteBandwidthMax=` of its unit, a limit that it has itself)"},
	"memory": {[]string{"memory", "memory_bytes"}, 64 << 20, "limit it (`MemoryMax=` of its unit, a limit for memory in Kubernetes), knowing that it may be ended for it"},
}

// wrong are the courses that lie on their bad side, by entity, and takers those
// of who takes more than before, by machine.
func (w *gathering) sortCourses() {
	w.wrong, w.takers = map[string][]*detect.Course{}, map[string][]*detect.Course{}
	for n := range w.in.Courses {
		c := &w.in.Courses[n]
		switch {
		case c.Out() && c.Worse && known.signal(c) != nil:
			w.wrong[c.Entity] = append(w.wrong[c.Entity], c)
		case c.Host != "" && c.Better == "none" && c.Out() && c.Size > 0:
			w.takers[c.Host] = append(w.takers[c.Host], c)
		}
	}
}

// settled are hypotheses from the account of calls, and for what share of the
// targets there is one.
func (w *gathering) settled(members, targets []int, weight []float64, whole float64) (out []*suspect, part float64) {
	if len(w.in.Courses) == 0 {
		return nil, 0
	}
	if w.wrong == nil {
		w.sortCourses()
	}
	a := newAccount(w.in.Courses, w.g)
	onset := time.Time{}
	begun := map[*party]bool{}
	for k, t := range targets {
		p := w.partyOf(a, &w.nodes[t])
		if p == nil || !a.settle(p, weight[k]/whole) {
			continue
		}
		part += weight[k] / whole
		begun[p] = true
		if at := w.nodes[t].f.FirstSeen; onset.IsZero() || at.Before(onset) {
			onset = at
		}
		for _, c := range []*detect.Course{p.own.latency, p.own.errors} {
			if c != nil && c.Out() && c.Latest.Before(onset) {
				onset = c.Latest
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.kept)) {
		if x := a.kept[id]; x.mass >= 2*leastMass {
			out = w.explain(out, a, x, members, onset, x.party != nil && begun[x.party])
		}
	}
	out = kin(out)
	for _, s := range out {
		if len(s.pays) > 0 {
			s.For = append([]string{s.paid()}, s.For...)
		}
	}
	return out, part
}

// partyOf is who answers for what a finding is about: the entity itself, or the
// nearest that it needs.
func (w *gathering) partyOf(a *account, x *node) *party {
	if !x.felt {
		return nil
	}
	if p := a.parties[x.f.Entity]; p != nil {
		return p
	}
	for _, r := range x.reach {
		if r.strength < sharedLeast {
			break
		}
		if p := a.parties[w.g.ids[r.at]]; p != nil && p.counted() {
			if p.of != nil { // whom that calls is known of the service
				return p.of
			}
			return p
		}
	}
	return nil
}

// explain turns a claim into hypotheses: the one who has it, and the reasons
// that lie behind it.
func (w *gathering) explain(out []*suspect, a *account, x *claim, members []int, onset time.Time, felt bool) []*suspect {
	reasons := w.reasons(a, x, members, onset)
	held := reserve
	if x.party != nil && !x.party.counted() {
		// Only its callers say that it has anything to do with it.
		held = hearsay
	}
	top, sum := 0.0, 0.0
	for n := range reasons {
		r := &reasons[n]
		if r.entity == x.entity && r.restates() {
			r.weight = 0 // that it answers badly is the claim, and no reason for it
			continue
		}
		if r.entity == x.entity && !r.owed {
			held = reserve
		}
		top = max(top, r.weight)
		sum += r.weight * r.weight
	}
	given := x.mass * top / (top + held)
	own := w.claimed(x, felt)
	own.raw = x.mass - given
	for _, r := range reasons {
		share := given * r.weight * r.weight / max(1e-12, sum)
		if r.entity == own.Entity {
			own.raw += share
			if r.node >= 0 {
				own.node = r.node
			} else if len(own.For) < 6 {
				own.For = append(own.For, "it "+told(r.course))
			}
			if r.course != nil && r.weight > 0 {
				own.why = "it " + told(r.course)
				if own.cold == nil { // to wait comes first there, whatever else a start shows in
					own.Remedy = known.signal(r.course).Remedy
				}
			}
			continue
		}
		s := &suspect{node: r.node, deeper: -1, others: true, raw: share, Hypothesis: Hypothesis{Entity: r.entity, Name: w.called(r.entity), For: []string{}, Against: []string{}}}
		if r.node >= 0 {
			s.Entity = w.nodes[r.node].f.Entity
			s.pays = append(s.pays, own.Name)
		} else {
			s.Text = s.Name + " " + told(r.course)
			s.Remedy = known.signal(r.course).Remedy
			s.signal = kindOf(r.entity) + " " + r.course.Signal
			s.shows(r.course)
			for _, c := range r.more[:min(len(r.more), 3)] {
				s.For = append(s.For, "it "+told(c))
			}
			s.pays, s.lag = append(s.pays, own.Name), about(r.course.Latest, onset)
		}
		if r.owner != nil {
			c := r.owner.course
			taker := &suspect{node: -1, deeper: -1, others: true, raw: share * byTaker, Hypothesis: Hypothesis{Entity: c.Entity, Name: c.Name, Text: r.owner.text,
				For: []string{"others are short of that: " + r.text(w), "it began " + about(c.Latest, onset)}, Against: []string{}}}
			taker.shows(c)
			taker.Remedy = takes(c.Name, known.signal(r.course).Short)
			taker.Culprit = &finding.Culprit{Entity: c.Entity, Name: c.Name, Text: r.owner.text}
			s.raw -= taker.raw
			out = add(out, taker)
		}
		out = add(out, s)
	}
	return add(out, own)
}

// mostPaid bounds the things that a hypothesis names as explained.
const mostPaid = 3

// paid says what a hypothesis explains.
func (s *suspect) paid() string {
	names := s.pays
	more := ""
	if n := len(names) - mostPaid; n > 0 {
		names, more = names[:mostPaid], fmt.Sprintf(" and %d more", n)
	}
	text := "it explains what stays with " + strings.Join(names, ", ") + more
	if s.lag != "" {
		text = "it began " + s.lag + ", and explains what stays with " + strings.Join(names, ", ") + more
	}
	return text
}

// add adds a hypothesis, to one of the same thing where there is one.
func add(list []*suspect, s *suspect) []*suspect {
	for _, o := range list {
		if o.Entity == s.Entity {
			if s.raw > o.raw {
				o.Text, o.Since = cmp.Or(s.Text, o.Text), s.Since
				o.draws(&s.Hypothesis)
			}
			if s.raw > o.raw && len(s.Remedy) > 0 || len(o.Remedy) == 0 {
				o.Remedy = s.Remedy
			}
			o.raw += s.raw
			for _, name := range s.pays {
				if !slices.Contains(o.pays, name) {
					o.pays = append(o.pays, name)
				}
			}
			o.lag = cmp.Or(o.lag, s.lag)
			for _, text := range s.For {
				if !slices.Contains(o.For, text) && len(o.For) < 8 {
					o.For = append(o.For, text)
				}
			}
			o.node, o.Culprit = max(o.node, s.node), cmp.Or(o.Culprit, s.Culprit)
			return list
		}
	}
	return append(list, s)
}

// told is what a course says of its entity, to stand behind its name or "it".
func told(c *detect.Course) string {
	value, usual := figure.In(c.Value, c.Unit), figure.In(c.Usual, c.Unit)
	if c.Says != "" {
		return strings.NewReplacer("$value", value, "$usual", usual).Replace(c.Says)
	}
	help, _, _ := strings.Cut(c.Help, ";")
	return fmt.Sprintf("is not as usual (%s: %s instead of %s)", help, value, usual)
}

// about says how an onset lies to another one.
func about(at, onset time.Time) string {
	lag := onset.Sub(at)
	switch {
	case lag.Abs() < 5*time.Second:
		return "at the same time"
	case lag > 0:
		return figure.Span(lag) + " before"
	}
	return figure.Span(-lag) + " after"
}

// claimed is the hypothesis that a claim's owner is the cause by itself.
func (w *gathering) claimed(x *claim, felt bool) *suspect {
	s := &suspect{node: -1, deeper: -1, others: true, Hypothesis: Hypothesis{Entity: x.entity, For: []string{}, Against: []string{}}}
	share := fmt.Sprintf("%.0f %%", 100*x.mass)
	if c := x.call; c != nil {
		s.Name, s.place = c.caller.name+" to "+c.callee.name, c.callee.id
		s.Text = fmt.Sprintf("What lies between %s and %s: %s", c.caller.name, c.callee.name, c.waits(x.late))
		if c.callee.counted() {
			s.Text += ", and " + c.callee.name + " itself does not account for it"
		}
		s.For = append(s.For, share+" of what is felt is lost there")
		s.shows(c.own.shown(x.late))
		s.Remedy = between(c)
		return s
	}
	p := x.party
	s.Name, s.Remedy = p.name, x.remedy()
	cold := x.coldOf()
	switch {
	case cold != nil:
		s.begins(x, cold)
		s.For = append(s.For, share+" of what is felt stays with it")
	case x.load > 0:
		s.Text = fmt.Sprintf("%s is asked %s times as much as usual, and takes %s to answer instead of %s", p.name, figure.Number(math.Round(10*x.load)/10),
			figure.In(p.own.latency.Value, "seconds"), figure.In(p.own.latency.Usual, "seconds"))
		s.For = append(s.For, "what it calls answers as it does at such a load, as far as that is known")
		s.shows(p.own.traffic)
	case x.repeat >= busier:
		s.Text = fmt.Sprintf("%s asks others %.0f times as often as usual for each of its own requests", p.name, x.repeat)
		s.For = append(s.For, share+" of what is felt are calls that it did not make before")
	case p.counted() || len(p.callers) == 0:
		s.Text = p.name + " itself: " + p.own.text(x.late)
		s.For = append(s.For, share+" of what is felt stays with it")
		if p.share > 0 {
			s.For = append(s.For, fmt.Sprintf("%.0f %% of what is wrong with %s is wrong with this one of its %d instances", 100*p.share, p.of.name, len(p.of.instances)))
		}
		if n := len(p.calls); n > 0 {
			s.For = append(s.For, "what it calls does not account for that")
		} else {
			s.others = !felt
			s.Against = append(s.Against, "nothing is known of what it calls; that would count as its own")
		}
	default:
		worst := slices.MaxFunc(p.callers, func(a, b *call) int { return cmp.Compare(a.own.excess(), b.own.excess()) })
		s.Text = p.name + ": " + worst.waits(x.late)
		if kindOf(p.id) != string(estate.KindService) {
			s.Text = w.called(p.id) + ": " + worst.waits(x.late) // most have no name but an address
		}
		s.For = append(s.For, share+" of what is felt is owed to its answers, as its callers see them")
		s.shows(worst.own.shown(x.late))
	}
	if s.Since.IsZero() {
		s.shows(p.own.shown(x.late))
	}
	return s
}

// text is what the figures say.
func (f *figures) text(late float64) string {
	if bad := f.worse(); (late < .5 || f.latency == nil) && bad != nil {
		return fmt.Sprintf("%s of its answers are %s instead of %s", figure.In(bad.Value, "ratio"), map[bool]string{true: "errors", false: "refusals"}[bad == f.errors], figure.In(bad.Usual, "ratio"))
	}
	if f.latency == nil {
		return "it does not answer as usual"
	}
	return fmt.Sprintf("it takes %s to answer instead of %s", figure.In(f.latency.Value, "seconds"), figure.In(f.latency.Usual, "seconds"))
}

// waits is what the caller sees.
func (c *call) waits(late float64) string {
	f := c.own
	if bad := f.worse(); (late < .5 || f.latency == nil) && bad != nil {
		return fmt.Sprintf("%s of the calls of %s %s instead of %s", figure.In(bad.Value, "ratio"), c.caller.name, map[bool]string{true: "fail", false: "are refused"}[bad == f.errors], figure.In(bad.Usual, "ratio"))
	}
	if f.latency == nil {
		return c.caller.name + " does not get what it got before"
	}
	return fmt.Sprintf("%s waits %s for each answer instead of %s", c.caller.name, figure.In(f.latency.Value, "seconds"), figure.In(f.latency.Usual, "seconds"))
}

// shown is the course that shows it best; nil where there is none.
func (f *figures) shown(late float64) *detect.Course {
	if bad := f.worse(); late < .5 && bad != nil || f.latency == nil {
		return bad
	}
	return f.latency
}
