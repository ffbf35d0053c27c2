package probe

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

const (
	// maxAtOnce bounds the rounds that run at one time.
	maxAtOnce = 32
	// keptRounds is how many of the last rounds of each probe Results shows.
	keptRounds = 20
)

// check is what one probe does in a round. Run returns nil for Up. It is
// called by one goroutine at a time.
type check interface {
	run(ctx context.Context, t *timeline, r *Round) error
	label() string // the target as people may see it
}

// Prober runs probes. Its methods are safe for concurrent use.
type Prober struct {
	host  string
	log   *slog.Logger
	slots chan struct{}
	build func(Spec) (check, error)

	mu         sync.Mutex
	configured []Spec
	discovered []Spec
	running    map[string]*running
	ctx        context.Context // of Run; nil before it
	began      time.Time       // of Run
	stopped    bool            // nothing is started any more
	wg         sync.WaitGroup
	changes    []estate.Change
	addresses  addressBook
}

// running is the state of one probe.
type running struct {
	spec   Spec
	check  check
	cancel context.CancelFunc // nil before Run
	since  time.Time          // when it was added

	// Guarded by Prober.mu.
	rounds      []Round // oldest first
	firstUp     time.Time
	certificate *Certificate         // the one in use
	shown       map[string]time.Time // when each fingerprint was shown last
}

// New makes a Prober of a validated configuration. Host is the name of this
// machine, as in the ids of its entities. Nothing is asked before Run.
func New(cfg Config, host string, log *slog.Logger) (*Prober, error) {
	p := &Prober{
		host:    host,
		log:     log,
		slots:   make(chan struct{}, maxAtOnce),
		build:   newCheck,
		running: map[string]*running{},
	}
	return p, p.Apply(cfg)
}

func newCheck(s Spec) (check, error) {
	switch s.Type {
	case HTTP:
		return newHTTPCheck(s)
	case TCP:
		return tcpCheck{s}, nil
	case DNS:
		return newDNSCheck(s, "/etc/resolv.conf"), nil
	case TLS:
		return tlsCheck{s}, nil
	case ICMP:
		return icmpCheck{s}, nil
	case Postgres:
		return newPostgresCheck(s), nil
	case MySQL:
		return newMySQLCheck(s), nil
	case Redis:
		return newRedisCheck(s), nil
	}
	return nil, fmt.Errorf("probe %s: type %q is not known", s.Name, s.Type)
}

// Apply replaces the configured probes. A probe that has not changed goes on
// undisturbed; one that has begins anew. On an error nothing changes.
func (p *Prober) Apply(cfg Config) error {
	specs := slices.Clone(cfg.Probes)
	for i := range specs {
		specs[i].setDefaults()
	}
	if err := (Config{Probes: specs, lines: cfg.lines}).Validate(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.replace(specs, p.discovered)
}

// ApplyDiscovered replaces the probes that a Discoverer proposes. One whose name
// a configured probe has, or that asks where one asks already, at whatever path,
// is left out: else one expired certificate would be two findings.
func (p *Prober) ApplyDiscovered(specs []Spec) error {
	specs = slices.Clone(specs)
	for i := range specs {
		specs[i].Origin = Discovered
		specs[i].setDefaults()
		if err := specs[i].validate(); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.replace(p.configured, specs)
}

// asked is what a probe asks, and where: of a URL the scheme and the address.
func asked(s Spec) string {
	where := s.Target
	if u, err := url.Parse(where); err == nil && u.Host != "" {
		where = u.Scheme + "://" + hostPort(u)
	}
	return string(s.Type) + " " + where
}

func (p *Prober) replace(configured, discovered []Spec) error {
	want := map[string]Spec{}
	taken := map[string]bool{}
	for _, s := range configured {
		want[s.Name] = s
		taken[asked(s)] = true
	}
	for _, s := range discovered {
		if _, ok := want[s.Name]; !ok && !taken[asked(s)] {
			want[s.Name] = s
		}
	}
	fresh := map[string]*running{}
	for name, s := range want {
		if old := p.running[name]; old != nil && sameProbe(old.spec, s) {
			if old.firstUp.IsZero() {
				old.firstUp = s.KnownUp
			}
			continue
		}
		c, err := p.build(s)
		if err != nil {
			return fmt.Errorf("probe %s: %w", name, err)
		}
		fresh[name] = &running{spec: s, check: c, since: time.Now(), firstUp: s.KnownUp}
	}
	existed := map[string]bool{}
	for name, old := range p.running {
		existed[name] = true
		if _, stays := want[name]; !stays || fresh[name] != nil {
			if old.cancel != nil {
				old.cancel()
			}
			delete(p.running, name)
		}
	}
	for name, r := range fresh {
		if !existed[name] {
			p.noteNew(r)
		}
		p.running[name] = r
		p.start(r)
	}
	p.configured, p.discovered = configured, discovered
	return nil
}

// sameProbe tells whether two specs ask the same; what is known of the past
// does not count.
func sameProbe(a, b Spec) bool {
	a.KnownUp, b.KnownUp = time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

// Run asks until ctx ends: each probe at once, and then at times of its own
// that stay the same over restarts, so that probes do not all ask together.
func (p *Prober) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.ctx != nil {
		p.mu.Unlock()
		return errors.New("the prober runs already")
	}
	p.ctx, p.began = ctx, time.Now()
	for _, r := range p.running {
		p.start(r)
	}
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.wg.Wait()
	return nil
}

func (p *Prober) start(r *running) {
	if p.ctx == nil || p.stopped {
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	r.cancel = cancel
	p.wg.Go(func() {
		defer cancel()
		for {
			p.round(ctx, r)
			wait := time.NewTimer(untilNext(r.spec.Name, r.spec.Interval, time.Now()))
			select {
			case <-ctx.Done():
				wait.Stop()
				return
			case <-wait.C:
			}
		}
	})
}

// untilNext is the time to the probe's next turn: a moment of each interval
// that its name determines, and not sooner than half an interval from now.
func untilNext(name string, interval time.Duration, now time.Time) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(name))
	offset := time.Duration(h.Sum64() % uint64(interval))
	since := time.Duration((now.UnixNano() - int64(offset)) % int64(interval))
	wait := interval - since
	if wait < interval/2 {
		wait += interval
	}
	return wait
}

// round waits for a slot, asks once, and keeps what came of it.
func (p *Prober) round(ctx context.Context, r *running) {
	select {
	case <-ctx.Done():
		return
	case p.slots <- struct{}{}:
	}
	round := p.ask(ctx, r)
	<-p.slots
	if ctx.Err() != nil {
		return // the round was cut short by us and says nothing
	}
	p.keep(r, round)
}

func (p *Prober) ask(ctx context.Context, r *running) (round Round) {
	ctx, cancel := context.WithTimeout(ctx, r.spec.Timeout)
	defer cancel()
	t := newTimeline()
	round.At = time.Now()
	err := r.check.run(ctx, t, &round)
	phase := t.last()
	round.Phases = t.end()
	round.Took = time.Since(round.At)
	round.Outcome = Up
	if err != nil {
		round.Outcome, round.Reason, round.Message = explain(err, phase, r.spec.Timeout)
	}
	return round
}

func (p *Prober) keep(r *running, round Round) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[r.spec.Name] != r {
		return // replaced meanwhile
	}
	before := Outcome("")
	if n := len(r.rounds); n > 0 {
		before = r.rounds[n-1].Outcome
	}
	if len(r.rounds) == keptRounds {
		r.rounds = slices.Delete(r.rounds, 0, 1)
	}
	r.rounds = append(r.rounds, round)
	if round.Outcome == Up && r.firstUp.IsZero() {
		r.firstUp = round.At
	}
	p.noteCertificate(r, round)
	if round.Outcome != before {
		p.log.Info("probe turned "+string(round.Outcome), "probe", r.spec.Name, "type", string(r.spec.Type), "target", r.check.label(), "reason", string(round.Reason), "message", round.Message)
	}
}

// overdue is how long a probe may be silent before its last round says
// nothing any more: three intervals, and the time to end one.
func (s Spec) overdue() time.Duration { return 3*s.Interval + s.Timeout }

// Result is one probe and its last rounds.
type Result struct {
	Name     string
	Type     Type
	Target   string
	Origin   Origin
	Interval time.Duration
	Outcome  Outcome // Unknown before the first round and when it is overdue
	Reason   Reason
	Message  string
	FirstUp  time.Time // zero: never yet, or not for long enough to be missed
	Rounds   []Round   // at most 20, oldest first
}

// Results are all probes as of now, by name.
func (p *Prober) Results() []Result { return p.results(time.Now()) }

func (p *Prober) results(now time.Time) []Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Result, 0, len(p.running))
	for _, r := range p.running {
		v := Result{
			Name: r.spec.Name, Type: r.spec.Type, Target: r.check.label(), Origin: r.spec.Origin, Interval: r.spec.Interval,
			Outcome: Unknown, Rounds: slices.Clone(r.rounds),
		}
		if now.Sub(r.firstUp) >= r.spec.Settles {
			v.FirstUp = r.firstUp
		}
		since := r.since
		if n := len(r.rounds); n > 0 {
			last := r.rounds[n-1]
			since = last.At
			v.Outcome, v.Reason, v.Message = last.Outcome, last.Reason, last.Message
		}
		if silent := now.Sub(since); silent > r.spec.overdue() {
			v.Outcome, v.Reason = Unknown, ReasonOverdue
			v.Message = fmt.Sprintf("no round has ended for %s; Evenkeel lacks time or slots: probe less often, or look at the load of this machine", span(silent))
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Result) int { return strings.Compare(a.Name, b.Name) })
	return out
}
