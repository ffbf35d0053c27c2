package replay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// figures are series that come and go; it counts who is asked how.
type figures struct{ instants, ranges int }

func value(n int, at time.Time) (float64, bool) {
	s := at.Unix() / 15
	return float64(s%97) + float64(n), s%int64(11+n) != 3
}

func (f *figures) samples(at time.Time) (out []metric.Sample) {
	for n := range 5 {
		if v, ok := value(n, at); ok {
			out = append(out, metric.Sample{Labels: labels.FromStrings("n", fmt.Sprint(n)), Point: metric.Point{T: at, V: v}})
		}
	}
	return out
}

func (f *figures) Instant(_ context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	f.instants++
	return f.samples(at), nil
}

func (f *figures) Range(_ context.Context, expr string, w metric.Window) ([]metric.Series, error) {
	if f.ranges++; expr == "dear" {
		return nil, metric.ErrTooLarge
	}
	out := make([]metric.Series, 5)
	for n := range out {
		out[n].Labels = labels.FromStrings("n", fmt.Sprint(n))
		for at := w.From; !at.After(w.To); at = at.Add(w.Step) {
			if v, ok := value(n, at); ok {
				out[n].Points = append(out[n].Points, metric.Point{T: at, V: v})
			}
		}
	}
	return out, nil
}

// What is read ahead is what would have been read at the time, whatever the pace
// of the questions, and costs a part of the queries.
func TestWhatIsReadAheadIsWhatWouldBeReadThen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f, truth := &figures{}, &figures{}
	until := t0.Add(3 * time.Hour)
	a := newAhead(f, until)
	asked := 0
	for at := t0; !at.After(until); at = at.Add(15 * time.Second) {
		for expr, every := range map[string]int{"each": 1, "fourth": 4, "dear": 1, "odd": 0} {
			n := int(at.Sub(t0) / (15 * time.Second))
			if every > 0 && n%every != 0 || every == 0 && r.IntN(3) > 0 {
				continue
			}
			asked++
			got, err := a.Instant(t.Context(), expr, at)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(truth.samples(at), got, cmp.Comparer(labels.Equal)); diff != "" {
				t.Fatalf("%s at %s: %s", expr, at, diff)
			}
		}
	}
	// Those that are asked at random and the dear one are asked one by one.
	if least := asked/2 - 200; f.instants > asked-least {
		t.Errorf("%d of %d questions were asked one by one, and %d for many", f.instants, asked, f.ranges)
	}
}

func TestWhatCannotBeRunAgainIsRefused(t *testing.T) {
	now := t0.Add(24 * time.Hour)
	for name, c := range map[string]struct {
		ask  Ask
		want string
	}{
		"no begin":         {Ask{}, "from"},
		"backwards":        {Ask{From: now, To: t0}, "from"},
		"in the future":    {Ask{From: now.Add(time.Hour)}, "from"},
		"too long":         {Ask{From: t0.Add(-8 * 24 * time.Hour)}, "from"},
		"learns too long":  {Ask{From: t0, Learn: 8 * 24 * time.Hour}, "learn"},
		"learns backwards": {Ask{From: t0, Learn: -time.Hour}, "learn"},
		"too many rounds":  {Ask{From: t0.Add(-5 * 24 * time.Hour), Learn: 6 * 24 * time.Hour}, "rounds"},
	} {
		err := c.ask.validate(15*time.Second, now)
		if !errors.Is(err, respond.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := Ask{From: t0}
	if err := good.validate(15*time.Second, now); err != nil || !good.To.Equal(now) || good.Learn != UsualLearn {
		t.Errorf("%+v, %v", good, err)
	}
}

// stage stands still in its first round until it may go on.
type stage struct {
	rounds   []time.Time
	hold, in chan struct{}
	closed   bool
	fails    bool
}

func (s *stage) Round(ctx context.Context, now time.Time) error {
	if s.hold != nil && len(s.rounds) == 0 {
		s.in <- struct{}{}
		select {
		case <-s.hold:
		case <-ctx.Done():
		}
	}
	s.rounds = append(s.rounds, now)
	if s.fails {
		return errors.New("the disk cannot be read")
	}
	return nil
}
func (s *stage) Findings(context.Context) ([]finding.Finding, error)      { return nil, nil }
func (s *stage) Cases(context.Context) ([]Case, error)                    { return nil, nil }
func (s *stage) Incidents(context.Context) ([]Incident, error)            { return nil, nil }
func (s *stage) LeftOut() []string                                        { return nil }
func (s *stage) Close() error                                             { s.closed = true; return nil }
func recorded(context.Context, Ask) ([]finding.Finding, error)            { return nil, nil }
func (s *stage) open(context.Context, Ask, metric.Querier) (Stage, error) { return s, nil }

// One replay runs at a time, for those who may operate; it ends with the one who
// asked and leaves nothing open.
func TestOneReplayRunsAtATime(t *testing.T) {
	x := &stage{hold: make(chan struct{}), in: make(chan struct{})}
	s := NewService(Options{Step: 15 * time.Second, Querier: &figures{}, Open: x.open, Recorded: recorded})
	ask := Ask{Tenant: "default", Environment: "home", From: t0, To: t0.Add(time.Hour), Learn: time.Hour}
	who := access.Evenkeel("default")
	viewer := access.Actor{Kind: access.Person, Name: "eve", Grants: []access.Grant{{Role: access.Viewer, Tenant: "default"}}}
	if _, err := s.Run(t.Context(), viewer, ask, t0.Add(2*time.Hour), nil); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("a viewer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Run(ctx, who, ask, t0.Add(2*time.Hour), nil)
		done <- err
	}()
	<-x.in
	if _, err := s.Run(t.Context(), who, ask, t0.Add(2*time.Hour), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !x.closed {
		t.Errorf("%v, closed: %v", err, x.closed)
	}
	x = &stage{fails: true}
	s.opt.Open = x.open
	r, err := s.Run(t.Context(), who, ask, t0.Add(2*time.Hour), nil)
	if err != nil || r.Rounds != 241 || r.Failed != 241 || r.Why == "" || len(x.rounds) != 481 || !x.rounds[0].Equal(t0.Add(-time.Hour)) {
		t.Errorf("%+v, %v, %d rounds", r, err, len(x.rounds))
	}
}

// gaps are figures that are there between two times only.
type gaps struct {
	figures
	from, to time.Time
}

func (g *gaps) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	if expr == "last_over_time(x[1d])" {
		return g.samples(at), nil
	}
	if at.Before(g.from) || at.After(g.to) {
		return []metric.Sample{{Point: metric.Point{T: at}}}, nil // or vector(0)
	}
	return g.samples(at), nil
}

func (g *gaps) Range(context.Context, string, metric.Window) ([]metric.Series, error) {
	return nil, metric.ErrTooLarge
}

// asker is a stage that asks for figures.
type asker struct {
	stage
	q metric.Querier
}

func (x *asker) Round(ctx context.Context, now time.Time) error {
	_, err1 := x.q.Instant(ctx, "last_over_time(x[1d])", now)
	_, err2 := x.q.Instant(ctx, "x or vector(0)", now)
	return errors.Join(err1, err2)
}

// That nothing is found where there are no figures is no good news.
func TestATimeWithoutFiguresIsUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		from, to time.Duration // of the figures
		learned  time.Duration
		blind    int
		want     string
	}{
		"all":            {-2 * time.Hour, 2 * time.Hour, time.Hour, 0, "In 1 h there would be 0 findings in 0 cases, and 0 incidents would page somebody."},
		"none":           {2 * time.Hour, 3 * time.Hour, 0, 241, "There are no figures of that time: they begin later, or are not kept for so long. What would have been found is unknown."},
		"from half past": {30 * time.Minute, 2 * time.Hour, 0, 120, "In 1 h there would be 0 findings in 0 cases, and 0 incidents would page somebody. In 120 of 241 rounds there were no figures at all: what is not found there is unknown."},
		"learns less":    {-20 * time.Minute, 2 * time.Hour, 20 * time.Minute, 0, "In 1 h there would be 0 findings in 0 cases, and 0 incidents would page somebody."},
	} {
		x := &asker{}
		s := NewService(Options{Step: 15 * time.Second, Querier: &gaps{from: t0.Add(c.from), to: t0.Add(c.to)}, Recorded: recorded,
			Open: func(_ context.Context, _ Ask, q metric.Querier) (Stage, error) { x.q = q; return x, nil }})
		ask := Ask{Tenant: "default", Environment: "home", From: t0, To: t0.Add(time.Hour), Learn: time.Hour}
		r, err := s.Run(t.Context(), access.Evenkeel("default"), ask, t0.Add(4*time.Hour), nil)
		if err != nil || r.Learned != c.learned || r.Blind != c.blind || r.Rounds != 241 || r.Summary != c.want {
			t.Errorf("%s: learned %s, %d of %d blind, %q, %v", name, r.Learned, r.Blind, r.Rounds, r.Summary, err)
		}
	}
}

// What was found at the time is told apart from what is new and from what would
// not be found.
func TestWhatIsFoundIsHeldAgainstWhatWasFound(t *testing.T) {
	ask := Ask{From: t0, To: t0.Add(time.Hour)}
	at := func(min int) time.Time { return t0.Add(time.Duration(min) * time.Minute) }
	f := func(check string, since, until int) finding.Finding {
		x := finding.Finding{Key: finding.Key{Check: check, Entity: "host:h"}, FirstSeen: at(since)}
		if until != 0 {
			x.ResolvedAt = at(until)
		}
		return x
	}
	found, missed := compare(
		[]finding.Finding{f("same", 5, 20), f("later", 30, 40), f("new", 50, 70), f("before", -20, -1), f("stands", -5, 3)},
		[]finding.Finding{f("same", 10, 30), f("later", 5, 20), f("gone", 2, 0), f("after", 61, 0)}, ask)
	type line struct {
		check            string
		before, recorded bool
		open             bool
	}
	var got []line
	for _, x := range found {
		got = append(got, line{x.Check, x.Before, x.Recorded, x.Until.IsZero()})
	}
	want := []line{{"stands", true, false, false}, {"same", false, true, false}, {"later", false, false, false}, {"new", false, false, true}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Error(diff)
	}
	var lost []string
	for _, x := range missed {
		lost = append(lost, x.Check)
	}
	if diff := cmp.Diff([]string{"gone", "later"}, lost); diff != "" {
		t.Error(diff)
	}
}
