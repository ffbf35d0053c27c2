package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"cel.dev/cel-go/common/types"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/metric"
)

// reading is what a picture knows of one signal.
type reading struct {
	next time.Time // when it is to be read again
	err  error     // why the last reading failed
	// queries are the signal's expressions with their placeholders filled in.
	queries []string
	// rest is, by expression, until when it is left alone: another one
	// answers for this signal and this one had nothing to say.
	rest []time.Time
	// trend is when the signal's trends are to be worked out again.
	trend time.Time
}

// restFor is how long an expression that gave nothing rests while another
// expression of the same signal answers.
const restFor = time.Minute

// picture is all that is known of one environment: its entities with their
// figures as of the last round.
type picture struct {
	entities map[name]*Entity
	byKind   map[*Kind][]*Entity // sorted by id
	byHost   map[string][]*Entity
	hosts    *Kind
	readings map[*Signal]*reading
	count    map[*Kind]int
	fuller   map[name]map[string]bool // ids with more that names them, by id with less of it
	present  presence
	dropped  map[*Kind]int // figures of entities past the bound, in the last round
	changed  bool          // an entity was added or removed

	at        time.Time
	addresses map[string]string // ids by where they are reached
	ties      map[estate.Relation]bool
	untold    []estate.Relation // of those, what the estate is not told of yet
}

// name tells entities apart: a systemd unit is one id in the estate, and here
// two entities of different kinds, by systemd's figures and by its group's.
type name struct {
	kind *Kind
	id   string
}

// host returns the machine with an id, or nil.
func (p *picture) host(id string) *Entity { return p.entities[name{p.hosts, id}] }

func newPicture(c *Catalogue) *picture {
	return &picture{hosts: c.kinds[hostKind], entities: map[name]*Entity{}, addresses: map[string]string{}, ties: map[estate.Relation]bool{},
		fuller: map[name]map[string]bool{}, readings: map[*Signal]*reading{}, count: map[*Kind]int{}, dropped: map[*Kind]int{}}
}

// gather reads all signals that are due. Its error names what could not be
// read; those signals are absent.
func (p *picture) gather(ctx context.Context, c *Catalogue, q metric.Querier, cfg Config, now time.Time) error {
	clear(p.dropped)
	due := map[*Signal]bool{}
	for _, s := range c.signals {
		r := p.readings[s]
		if r == nil {
			r = &reading{rest: make([]time.Time, len(s.sources))}
			for _, src := range s.sources {
				r.queries = append(r.queries, s.query(src, cfg.Interval))
			}
			p.readings[s] = r
		}
		// Half a second of grace: rounds do not come to the millisecond.
		if s.Every == 0 || s.Over != nil || r.err != nil || now.Add(500*time.Millisecond).After(r.next) {
			due[s] = true
			r.next = now.Add(s.Every)
		}
	}
	for _, e := range p.entities {
		e.forget(func(s *Signal) bool { return !due[s] })
		e.shown = e.shown[:0]
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.QueryTime)
	defer cancel()
	var errs []error
	p.at = now
	looked, err := p.present.look(ctx, q, c.mappings, now)
	if err != nil {
		errs = append(errs, err)
	}
	for _, s := range c.signals {
		if !due[s] || s.Over != nil {
			continue
		}
		r := p.readings[s]
		if r.err = p.read(ctx, q, s, r, cfg, now); r.err != nil {
			if ctx.Err() != nil {
				r.err = fmt.Errorf("the round ran out of time before it was read: %w", r.err)
			}
			errs = append(errs, fmt.Errorf("signal %s of %s: %w", s.Name, s.Kind, r.err))
		}
	}
	if looked { // of entities that are known by now
		if err := p.meetings(ctx, c, q); err != nil {
			errs = append(errs, err)
		}
	}
	if err := p.trends(ctx, c, q, now); err != nil {
		errs = append(errs, err)
	}
	p.age(c, now)
	p.index()
	for _, s := range c.signals {
		if s.Over != nil {
			p.fold(s)
		}
	}
	for k, n := range p.dropped {
		errs = append(errs, fmt.Errorf("%d figures are about entities of kind %s past the bound of %d, which are not checked", n, k.Name, cfg.MaxEntities))
	}
	return errors.Join(errs...)
}

// age keeps the age of figures growing once even the series that tells it has
// fallen silent, and so is not found any more.
func (p *picture) age(c *Catalogue, now time.Time) {
	for _, e := range p.entities {
		s := ageOf(e.Kind)
		if s == nil {
			continue
		}
		if v, ok := e.Value(s); ok {
			e.fresh = now.Add(-time.Duration(v * float64(time.Second)))
		} else if !e.fresh.IsZero() && p.readings[s].err == nil {
			e.values[s.index] = now.Sub(e.fresh).Seconds()
		}
	}
}

// read evaluates a signal's expressions; for each entity the first that
// answers wins.
func (p *picture) read(ctx context.Context, q metric.Querier, s *Signal, r *reading, cfg Config, now time.Time) error {
	answered := false
	for i, query := range r.queries {
		// What another expression answers may be left alone for a while; so may
		// all that an exporter might give and does not.
		if (answered || p.present.settled(s.sources[i].mapping, now)) && now.Before(r.rest[i]) || !p.present.asks(s.sources[i]) {
			continue
		}
		samples, err := q.Instant(ctx, query, now)
		if err != nil {
			return err
		}
		if len(samples) == 0 {
			r.rest[i] = now.Add(restFor)
			continue
		}
		answered = true
		for _, sample := range samples {
			p.put(s, i, sample, cfg.MaxEntities, now)
		}
	}
	return nil
}

func (p *picture) put(s *Signal, source int, sample metric.Sample, bound int, now time.Time) {
	if math.IsNaN(sample.V) {
		return
	}
	naming := s.sources[source].naming
	id, ok := s.kind.identify(sample.Labels, naming)
	if !ok {
		return
	}
	id = p.meet(s.kind, id)
	e := p.entities[name{s.kind, id}]
	if e == nil {
		if p.count[s.kind] >= bound {
			p.dropped[s.kind]++
			return
		}
		e = s.kind.entity(id, sample.Labels, naming)
		e.first = now
		p.entities[name{s.kind, id}] = e
		for _, short := range e.shorter {
			if p.fuller[name{s.kind, short}] == nil {
				p.fuller[name{s.kind, short}] = map[string]bool{}
			}
			p.fuller[name{s.kind, short}][id] = true
		}
		p.count[s.kind]++
		p.changed = true
	}
	e.seen = now
	if !e.complete { // the sample that made it may have been of an aggregate
		e.complete = e.learnFacts(sample.Labels, naming)
	}
	if len(s.kind.Between) == 2 {
		e.show(s, s.sources[source], sample.V)
	}
	if _, have := e.Value(s); !have {
		for _, name := range s.Tells {
			e.Labels[name] = sample.Labels.Get(name)
		}
		e.values[s.index] = sample.V
		e.source[s.index] = source
		if s.kind.Apart && ageOf(s.kind) == nil {
			e.by = s.sources[source].mapping
		}
	}
}

// meet is the id under which figures are kept. Exporters know more or less of a
// name: what one calls checkout is what another calls checkout in the namespace
// shop, where there is only one of that name.
func (p *picture) meet(k *Kind, id string) string {
	only := ""
	for fuller := range p.fuller[name{k, id}] {
		if len(p.fuller[name{k, fuller}]) > 0 {
			continue // that one is known by a still fuller name
		}
		if only != "" {
			return id
		}
		only = fuller
	}
	return cmp.Or(only, id)
}

// index groups the entities by kind and by machine.
func (p *picture) index() {
	if !p.changed && p.byKind != nil {
		return
	}
	p.changed = false
	p.byKind, p.byHost = map[*Kind][]*Entity{}, map[string][]*Entity{}
	for _, e := range p.entities {
		p.byKind[e.Kind] = append(p.byKind[e.Kind], e)
		if e.Host != "" {
			p.byHost[e.Host] = append(p.byHost[e.Host], e)
		}
	}
	for _, list := range p.byKind {
		slices.SortFunc(list, func(a, b *Entity) int { return cmp.Compare(a.ID, b.ID) })
	}
	for _, list := range p.byHost {
		slices.SortFunc(list, func(a, b *Entity) int { return cmp.Compare(a.ID, b.ID) })
	}
}

// fold works out a signal that is made from those of other entities. It is
// absent where no entity has what it is made of.
func (p *picture) fold(s *Signal) {
	for _, target := range p.byKind[s.kind] {
		sum, found := 0.0, false
		for _, e := range p.byHost[target.Host] {
			if e.Kind != s.Over.kind || e == target {
				continue
			}
			subject := &Subject{Entity: e, Host: p.host(e.Host)}
			v, _, err := s.Over.value.Eval(subject)
			if err != nil { // a figure that it is made of is absent
				continue
			}
			found = true
			if holds, err := subject.holds(s.Over.where); err != nil || !holds {
				continue
			}
			switch v := float64(v.(types.Double)); s.Over.How {
			case "sum":
				sum += v
			case "max":
				sum = math.Max(sum, v)
			case "count":
				sum++
			}
		}
		if found {
			target.values[s.index] = sum
		}
	}
}
