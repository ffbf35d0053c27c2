package cases

import (
	"time"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/internal/figure"
)

const (
	// startsAfter is how long after a change instances may be started by it, and
	// startsBefore how much later than they it may be noticed.
	startsAfter, startsBefore = 15 * time.Minute, time.Minute
)

// failsToo is the share of the answers beyond what is usual, from which on one who
// has just begun fails as well, and not only answers late.
const failsToo = .02

// coldOf is the start that explains why a party answers late; nil where none
// does, or where it is not its answers that are wrong. Who has just begun is slow;
// where it fails as well, there is more to it.
func (x *claim) coldOf() *detect.ColdStart {
	if x.party == nil || x.load > 0 || x.repeat >= busier || x.late < .5 || x.party.own.latency == nil {
		return nil
	}
	if bad := x.party.own.worse(); surely(bad) >= .5 || surely(bad) > 0 && bad.Value-bad.Usual >= failsToo {
		return nil
	}
	return x.party.own.latency.Cold
}

// begins makes a hypothesis that of a cold start. What customers feel is never
// excused by it: there it is the reason.
func (s *suspect) begins(x *claim, cold *detect.ColdStart) {
	s.cold = cold
	s.Text = "Cold start of " + coldName(x.party, cold) + ": " + x.party.own.text(x.late)
	s.For = append(s.For, "first answers after a start "+cold.Habit)
	s.Remedy = []string{
		"It passes by itself. If it does not within that time, go back to what ran before.",
		"Let new instances be asked once they are warm only: a readiness check that makes the first calls itself, a slow start at the load balancer, and one instance more while others are replaced.",
	}
}

// coldName is what was started.
func coldName(p *party, cold *detect.ColdStart) string {
	if kindOf(p.id) == "service" {
		if len(cold.Names) == 1 && cold.Of > 1 {
			return cold.Names[0] + " (1 of " + figure.Number(float64(cold.Of)) + " instances of " + p.name + ")"
		}
		return cold.Who() + " of " + p.name
	}
	return p.name
}

// started links cold starts with what started the instances: a release, a scale,
// a restart of what they are or run on.
func (w *gathering) started(list []*suspect, c *Case, onset time.Time) {
	for _, s := range list {
		if s.cold == nil {
			continue
		}
		s.For = append(s.For, "it was started "+about(s.cold.At, onset))
		near := w.own(s.Entity)
		for n := range c.Changes {
			x := &c.Changes[n] // the newest first
			if lag := s.cold.At.Sub(x.At); near[x.Entity] && lag >= -startsBefore && lag <= startsAfter {
				s.change = x
				s.For = append(s.For, x.Summary+", "+figure.Span(max(0, lag))+" before that start")
				break
			}
		}
	}
}

// own are the things that an entity is, runs on or runs as, in both directions.
func (w *gathering) own(entity string) map[string]bool {
	out := map[string]bool{entity: true}
	for _, back := range []bool{false, true} {
		for _, id := range w.g.itself(entity, back) {
			out[id] = true
		}
	}
	return out
}
