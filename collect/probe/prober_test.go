package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/quick"
	"testing/synctest"
	"time"
)

// stub is a check whose answers the test decides.
type stub struct {
	spec Spec
	do   func(ctx context.Context, s Spec) error
}

func (s stub) label() string { return s.spec.Target }
func (s stub) run(ctx context.Context, _ *timeline, _ *Round) error {
	return s.do(ctx, s.spec)
}

func probes(n int) (c Config) {
	for i := range n {
		c.Probes = append(c.Probes, Spec{Name: fmt.Sprintf("p%d", i), Type: TCP, Target: "h:1"})
	}
	return c
}

func stubbed(t *testing.T, c Config, do func(context.Context, Spec) error) *Prober {
	t.Helper()
	p, err := New(Config{}, "web-1", quiet())
	if err != nil {
		t.Fatal(err)
	}
	p.build = func(s Spec) (check, error) { return stub{s, do}, nil }
	if err := p.Apply(c); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEachProbeHasItsOwnTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		turns := map[string][]time.Time{}
		p := stubbed(t, probes(40), func(_ context.Context, s Spec) error {
			mu.Lock()
			defer mu.Unlock()
			turns[s.Name] = append(turns[s.Name], time.Now())
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		began := time.Now()
		go func() { done <- p.Run(ctx) }()
		time.Sleep(10 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		offsets := map[time.Duration]bool{}
		for name, at := range turns {
			if !at[0].Equal(began) {
				t.Errorf("%s: the first round is %s late", name, at[0].Sub(began))
			}
			if gap := at[1].Sub(at[0]); gap < DefaultInterval/2 || gap > DefaultInterval*3/2 {
				t.Errorf("%s: the second round comes after %s", name, gap)
			}
			for i := 2; i < len(at); i++ {
				if gap := at[i].Sub(at[i-1]); gap != DefaultInterval {
					t.Errorf("%s: %s between two rounds", name, gap)
				}
			}
			if len(at) < 39 || len(at) > 41 {
				t.Errorf("%s: %d rounds in 10 minutes", name, len(at))
			}
			offsets[at[1].Sub(began)] = true
		}
		if len(offsets) < 35 {
			t.Errorf("40 probes share %d moments", len(offsets))
		}
		for _, r := range p.Results() {
			if len(r.Rounds) != keptRounds {
				t.Errorf("%s: keeps %d rounds", r.Name, len(r.Rounds))
			}
		}
	})
}

func TestRoundsAtOnceAreBoundedAndSilenceIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		p := stubbed(t, probes(200), func(context.Context, Spec) error {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			time.Sleep(time.Hour) // a check that does not heed its context
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		go p.Run(ctx)
		time.Sleep(40 * time.Second)
		if n := most.Load(); n != maxAtOnce {
			t.Errorf("%d rounds at once", n)
		}
		series := gathered(t, p)
		if strings.Contains(series, "evenkeel_probe_up") || strings.Contains(series, "evenkeel_probe_unknown") {
			t.Error("something is said before it is known or overdue")
		}
		time.Sleep(20 * time.Second)
		if n := strings.Count(gathered(t, p), `"overdue"`); n != 200 {
			t.Errorf("%d of 200 silent probes are unknown", n)
		}
		if r := p.Results()[0]; r.Outcome != Unknown || !strings.Contains(r.Message, "no round has ended") {
			t.Errorf("silent: %+v", r)
		}
		cancel()
		time.Sleep(2 * time.Hour)
	})
}

func gathered(t *testing.T, p *Prober) string {
	t.Helper()
	families, err := p.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(families)
}

func TestUnknownIsNeitherUpNorDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stubbed(t, probes(1), func(context.Context, Spec) error { return unknown(ReasonPermission, "not allowed") })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go p.Run(ctx)
		synctest.Wait()
		s := gathered(t, p)
		if !strings.Contains(s, "evenkeel_probe_unknown") || strings.Contains(s, "evenkeel_probe_up") || strings.Contains(s, "evenkeel_probe_failure") || strings.Contains(s, "first_up") {
			t.Errorf("series: %s", s)
		}
	})
}

// What was only tried is not missed when it goes: no check may take it for a
// service that is down.
func TestWhatWasDiscoveredIsMissedOnceItHasSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stubbed(t, Config{}, func(context.Context, Spec) error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go p.Run(ctx)
		if err := p.ApplyDiscovered([]Spec{{Name: "auto", Type: TCP, Target: "h:9", KnownUp: time.Now(), Settles: settles}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(settles - time.Minute)
		if s := gathered(t, p); strings.Contains(s, "first_up") || !strings.Contains(s, "evenkeel_probe_up") {
			t.Errorf("before it has settled: %s", s)
		}
		time.Sleep(2 * time.Minute)
		if s := gathered(t, p); !strings.Contains(s, "first_up") {
			t.Errorf("after it has settled: %s", s)
		}
	})
}

func TestReloadKeepsWhatHasNotChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := stubbed(t, probes(3), func(context.Context, Spec) error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		time.Sleep(2 * time.Minute)
		c := probes(4)
		c.Probes[1].Target = "other:1"
		c.Probes = c.Probes[1:]
		if err := p.Apply(c); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := p.Results()
		if len(got) != 3 || got[0].Name != "p1" || len(got[0].Rounds) != 1 || len(got[1].Rounds) < 7 || len(got[2].Rounds) != 1 {
			t.Errorf("after a reload: %+v", got)
		}
		bad := probes(1)
		bad.Probes[0].Timeout = time.Hour
		if err := p.Apply(bad); err == nil || len(p.Results()) != 3 {
			t.Errorf("a bad configuration: %v, %d probes", err, len(p.Results()))
		}

		// Discovered probes stand beside, and give way.
		found := []Spec{{Name: "auto", Type: TCP, Target: "h:9", KnownUp: time.Now()}, {Name: "p2", Type: DNS, DNS: DNSSpec{Name: "."}}, {Name: "same", Type: TCP, Target: "other:1"}}
		if err := p.ApplyDiscovered(found); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		rounds := len(p.Results()[0].Rounds)
		found[0].KnownUp = time.Now()
		if err := p.ApplyDiscovered(found); err != nil {
			t.Fatal(err)
		}
		got = p.Results()
		if len(got) != 4 || got[0].Name != "auto" || got[0].Origin != Discovered || got[0].FirstUp.IsZero() || len(got[0].Rounds) != rounds || got[2].Origin != Configured {
			t.Errorf("with discovered ones: %+v", got)
		}
		o := p.Observe(time.Now())
		if len(o.Changes) != 2 || o.Changes[0].Entity != "endpoint:p3" || o.Changes[0].Kind != "endpoint-new" || o.Changes[1].Entity != "endpoint:auto" {
			t.Errorf("changes: %+v", o.Changes)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(probes(5)); err != nil {
			t.Errorf("a reload after the end: %v", err)
		}
	})
}

// What a configured probe asks is not asked a second time because it was found.
func TestDiscoveredProbesAskNothingTwice(t *testing.T) {
	configured := []Spec{
		{Name: "checkout", Type: HTTP, Target: "https://10.0.0.1:8080/healthz"},
		{Name: "site", Type: HTTP, Target: "https://10.0.0.2/"},
		{Name: "port", Type: TCP, Target: "10.0.0.3:8080"},
	}
	p := stubbed(t, Config{Probes: configured}, func(context.Context, Spec) error { return nil })
	err := p.ApplyDiscovered([]Spec{
		{Name: "https-10.0.0.1-8080", Type: HTTP, Target: "https://10.0.0.1:8080/"},
		{Name: "https-10.0.0.2-443", Type: HTTP, Target: "https://10.0.0.2:443"},
		{Name: "http-10.0.0.1-8080", Type: HTTP, Target: "http://10.0.0.1:8080/"}, // not that
		{Name: "https-10.0.0.1-8081", Type: HTTP, Target: "https://10.0.0.1:8081/"},
		{Name: "http-10.0.0.3-8080", Type: HTTP, Target: "http://10.0.0.3:8080/"}, // asked for more than a connection
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range p.Results() {
		if r.Origin == Discovered {
			got = append(got, r.Name)
		}
	}
	slices.Sort(got)
	if want := []string{"http-10.0.0.1-8080", "http-10.0.0.3-8080", "https-10.0.0.1-8081"}; !slices.Equal(got, want) {
		t.Errorf("besides what is configured, %v are asked", got)
	}
}

func TestTurnsAreNeverTooClose(t *testing.T) {
	if err := quick.Check(func(name string, ns int64, tenths uint16) bool {
		interval := MinInterval + time.Duration(tenths)*100*time.Millisecond
		now := time.Unix(1_700_000_000, ns%int64(time.Hour))
		wait := untilNext(name, interval, now)
		next := now.Add(wait)
		return wait >= interval/2 && wait <= interval*3/2 && untilNext(name, interval, next) == interval
	}, nil); err != nil {
		t.Error(err)
	}
}

// Whatever order hooks come in, late ones included, the phases partition the
// time.
func TestPhasesNeverSumToMoreThanTheRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := []Phase{PhaseResolve, PhaseConnect, PhaseTLS, PhaseLogin, PhaseSend, PhaseWait, PhaseReceive}
		if err := quick.Check(func(steps []uint16, endsAt uint8) bool {
			tl := newTimeline()
			began := time.Now()
			var ended []PhaseTime
			var whole time.Duration
			for i, step := range steps {
				if i == int(endsAt)%(len(steps)+1) && ended == nil {
					ended, whole = tl.end(), time.Since(began)
				}
				time.Sleep(time.Duration(step) * time.Microsecond)
				if step%8 == 7 {
					tl.hop()
				} else {
					tl.enter(all[step%8])
				}
			}
			if ended == nil {
				ended, whole = tl.end(), time.Since(began)
			}
			var sum time.Duration
			for _, p := range ended {
				sum += p.Took
			}
			return sum <= whole
		}, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestAServiceThatIsDownIsStillOurs(t *testing.T) {
	for target, listener := range map[string]string{
		"http://127.0.0.1/health":    "listener:web-1:tcp/80",
		"https://[::1]:8443/":        "listener:web-1:tcp/8443",
		"https://shop.example:8443/": "",
		"http://192.0.2.7/":          "",
	} {
		p, err := New(Config{Probes: []Spec{{Name: "p", Type: HTTP, Target: target}}}, "web-1", quiet())
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range p.Observe(time.Now()).Relations {
			got = r.From
		}
		if got != listener {
			t.Errorf("%s is answered by %q, want %q", target, got, listener)
		}
	}
}

// Rounds in which nobody could be asked say nothing of how reliable an answer is.
func TestHowReliableAnswersAre(t *testing.T) {
	for pattern, want := range map[string]struct {
		share    float64
		relapses int
		enough   bool
	}{
		"uuuuu":                {0, 0, false},
		"u??u?uuuu?":           {0, 0, true},
		"uuuuuuuuuddd":         {.25, 1, true},
		"uddduddddudd":         {.75, 3, true},
		"dddddddddddddddddddd": {1, 0, true},
		"ddddddddudududududud": {.5, 6, true}, // the last twelve begin with one that was well
		"ud?d?udududu":         {.5, 4, true},
	} {
		var rounds []Round
		for _, r := range pattern {
			rounds = append(rounds, Round{Outcome: map[rune]Outcome{'u': Up, 'd': Down, '?': Unknown}[r]})
		}
		if share, relapses, enough := lately(rounds); share != want.share && enough || relapses != want.relapses || enough != want.enough {
			t.Errorf("%s: %v, %d relapses, enough is %v; want %+v", pattern, share, relapses, enough, want)
		}
	}
}
