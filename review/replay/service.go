package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
)

// Stage is an Evenkeel of which the clock is turned by hand, kept apart from
// what is real.
type Stage interface {
	// Round does all that Evenkeel does in one round, as of a time. Its error
	// says what could not be read; the round counts all the same.
	Round(ctx context.Context, now time.Time) error
	// Findings are all that it has made, Cases and Incidents likewise.
	Findings(ctx context.Context) ([]finding.Finding, error)
	Cases(ctx context.Context) ([]Case, error)
	Incidents(ctx context.Context) ([]Incident, error)
	// LeftOut says what cannot be run again.
	LeftOut() []string
	Close() error
}

// Options are what a Service asks.
type Options struct {
	// Step is the time between two rounds.
	Step time.Duration
	// Querier are the figures.
	Querier metric.Querier
	// Open makes a stage on which the figures are read through q.
	Open func(ctx context.Context, ask Ask, q metric.Querier) (Stage, error)
	// Recorded are the findings that stood at some time in between, as they were
	// found then.
	Recorded func(ctx context.Context, ask Ask) ([]finding.Finding, error)
}

// Service runs replays. It is safe for concurrent use.
type Service struct {
	opt  Options
	busy chan struct{} // holds one token while a replay runs
}

// NewService returns a service.
func NewService(o Options) *Service { return &Service{opt: o, busy: make(chan struct{}, 1)} }

// ErrBusy is wrapped where another replay runs.
var ErrBusy = errors.New("another replay runs; come again when it is over")

// Run runs a time again, for who may operate the environment. It tells progress
// the share that is done, 0 to 1, about each second; nil for nobody asks.
func (s *Service) Run(ctx context.Context, actor access.Actor, ask Ask, now time.Time, progress func(float64)) (_ Result, err error) {
	if err := s.Check(actor, &ask, now); err != nil {
		return Result{}, err
	}
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	default:
		return Result{}, fmt.Errorf("%w: %w", respond.ErrState, ErrBusy)
	}
	figures := newAhead(s.opt.Querier, ask.To)
	stage, err := s.opt.Open(ctx, ask, figures)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	out := Result{Environment: ask.Environment, From: ask.From, To: ask.To, Step: s.opt.Step, LeftOut: stage.LeftOut()}
	begin := ask.From.Add(-ask.Learn.Truncate(s.opt.Step))
	told := time.Now()
	for at := begin; !at.After(ask.To); at = at.Add(s.opt.Step) {
		failure := stage.Round(ctx, at)
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		blind := failure == nil && figures.heard.Before(at)
		switch {
		case at.Before(ask.From):
			if !blind {
				out.Learned += s.opt.Step
			}
		default:
			out.Rounds++
			if failure != nil {
				out.Failed++
				out.Why = failure.Error()
			}
			if blind {
				out.Blind++
			}
		}
		if progress != nil && time.Since(told) > time.Second {
			told = time.Now()
			progress(float64(at.Sub(begin)) / float64(ask.To.Sub(begin)))
		}
	}
	return out, s.read(ctx, stage, ask, &out)
}

// Check says whether an actor may ask that, and fills in what was left out.
func (s *Service) Check(actor access.Actor, ask *Ask, now time.Time) error {
	if err := access.Can(actor, access.Operate, access.Scope{Tenant: ask.Tenant, Environment: ask.Environment}); err != nil {
		return err
	}
	return ask.validate(s.opt.Step, now)
}

// read reads off what came of it.
func (s *Service) read(ctx context.Context, stage Stage, ask Ask, out *Result) error {
	found, err := stage.Findings(ctx)
	if err != nil {
		return err
	}
	recorded, err := s.opt.Recorded(ctx, ask)
	if err != nil {
		return err
	}
	out.Findings, out.Missed = compare(found, recorded, ask)
	for _, f := range out.Findings {
		if f.Exemption != "" {
			out.Exempted++
		}
	}
	cases, err := stage.Cases(ctx)
	if err != nil {
		return err
	}
	out.Cases = slices.DeleteFunc(cases, func(c Case) bool { return !during(c.Since, c.Until, ask) })
	incidents, err := stage.Incidents(ctx)
	if err != nil {
		return err
	}
	out.Incidents = slices.DeleteFunc(incidents, func(i Incident) bool { return i.OpenedAt.Before(ask.From) })
	paged := 0
	for _, i := range out.Incidents {
		if !i.PagedAt.IsZero() {
			paged++
		}
	}
	if length := ask.To.Sub(ask.From); length >= 24*time.Hour {
		week := float64(paged) * float64(7*24*time.Hour) / float64(length)
		out.PagedAWeek = &week
	}
	out.Summary = summary(out, paged)
	return nil
}

// during says that something stood at some time that was asked about. What has
// no end stands yet.
func during(since, until time.Time, ask Ask) bool {
	return !since.After(ask.To) && (until.IsZero() || until.After(ask.From))
}

// compare holds what the replay has found against what was found at the time.
// The same check on the same entity at some common time is the same.
func compare(replayed, recorded []finding.Finding, ask Ask) (found, missed []Found) {
	found, missed = []Found{}, []Found{}
	told := func(f finding.Finding) bool {
		return during(f.FirstSeen, f.ResolvedAt, ask) && (len(ask.Only) == 0 || slices.Contains(ask.Only, f.Check))
	}
	same := func(a finding.Finding, list []finding.Finding) bool {
		return slices.ContainsFunc(list, func(b finding.Finding) bool {
			return a.Check == b.Check && a.Entity == b.Entity && (b.ResolvedAt.IsZero() || !b.ResolvedAt.Before(a.FirstSeen)) && (a.ResolvedAt.IsZero() || !a.ResolvedAt.Before(b.FirstSeen))
		})
	}
	for _, f := range replayed {
		if told(f) {
			x := foundOf(f, ask)
			x.Recorded = same(f, recorded)
			found = append(found, x)
		}
	}
	for _, f := range recorded {
		if told(f) && !same(f, replayed) {
			missed = append(missed, foundOf(f, ask))
		}
	}
	for _, list := range [][]Found{found, missed} {
		slices.SortFunc(list, func(a, b Found) int {
			if c := a.Since.Compare(b.Since); c != 0 {
				return c
			}
			return strings.Compare(a.Check+a.Entity, b.Check+b.Entity)
		})
	}
	return found, missed
}

func foundOf(f finding.Finding, ask Ask) Found {
	x := Found{Exemption: f.Exempted(), Check: f.Check, Entity: f.Entity, EntityName: f.EntityName, Title: f.Title, Severity: f.Severity, Since: f.FirstSeen, Until: f.ResolvedAt, Before: f.FirstSeen.Before(ask.From)}
	if x.Until.After(ask.To) {
		x.Until = time.Time{}
	}
	return x
}

// summary says it in a sentence or two.
func summary(r *Result, paged int) string {
	known := 0
	for _, f := range r.Findings {
		if f.Recorded {
			known++
		}
	}
	text := fmt.Sprintf("In %s there would be %s in %s, and %s would page somebody.", figure.Span(r.To.Sub(r.From)),
		counted(len(r.Findings), "finding"), counted(len(r.Cases), "case"), counted(paged, "incident"))
	switch {
	case r.Exempted == 1:
		text += " 1 of the findings is exempted: it pages nobody."
	case r.Exempted > 1:
		text += fmt.Sprintf(" %d of the findings are exempted: they page nobody.", r.Exempted)
	}
	switch fresh := len(r.Findings) - known; {
	case fresh == 0 && len(r.Missed) == 0 && known > 0:
		text += " All of them were found at the time."
	case fresh > 0 || len(r.Missed) > 0:
		text += fmt.Sprintf(" At the time %d of them were found; %d are new, and %d that were found then would not be.", known, fresh, len(r.Missed))
	}
	if r.Failed > 0 {
		text += fmt.Sprintf(" In %d of %d rounds not all figures could be read: what is not found there is unknown.", r.Failed, r.Rounds)
	}
	switch {
	case r.Blind > 0 && r.Blind == r.Rounds:
		return "There are no figures of that time: they begin later, or are not kept for so long. What would have been found is unknown."
	case r.Blind > 0:
		text += fmt.Sprintf(" In %d of %d rounds there were no figures at all: what is not found there is unknown.", r.Blind, r.Rounds)
	}
	return text
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
