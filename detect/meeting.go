package detect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/metric"
)

// Tie says that the two ends of each series of a metric hang together: the
// service that a program says it is, and the process that says so.
type Tie struct {
	From string              `yaml:"from"` // kind
	Kind estate.RelationKind `yaml:"kind"`
	To   string              `yaml:"to"` // kind
	Of   string              `yaml:"of"` // selector whose labels name both
}

// tieConfidence is how sure a tie is: a program says of itself who it is.
const tieConfidence = 0.95

// AddressFact is the fact that holds where an entity can be reached: "host:port".
// Who calls an address meets there what else is known of the same thing.
const AddressFact = "address"

// namings are those of a kind that need no other metric; none where the kind's
// own labels name it.
func (m *Mapping) namings(kind string) (out []Naming) {
	for _, n := range m.Names[kind] {
		if metric, _ := n.from(); metric == "" {
			out = append(out, n)
		}
	}
	return out
}

// identify is the id that the first naming gives which labels fill.
func (m *Mapping) identify(k *Kind, l labels.Labels) (id string, ok bool) {
	for _, n := range m.namings(k.Name) {
		if id, ok = k.identify(l, n); ok {
			return id, true
		}
	}
	if len(m.Names[k.Name]) == 0 {
		return k.identify(l, nil)
	}
	return "", false
}

// checkMeetings refuses ties and addresses that cannot be read.
func (c *Catalogue) checkMeetings(m *Mapping, file string) error {
	var errs []error
	for _, t := range m.Ties {
		for _, kind := range []string{t.From, t.To} {
			if c.kinds[kind] == nil {
				errs = append(errs, fmt.Errorf("%s: ties: kind %q is not in kinds.yaml", file, kind))
			}
		}
		if t.Kind == "" {
			errs = append(errs, fmt.Errorf("%s: ties: %s to %s: kind says how they hang together, such as served-by", file, t.From, t.To))
		}
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(t.Of); err != nil {
			errs = append(errs, fmt.Errorf("%s: ties: of: %w", file, err))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(m.Addresses)) {
		if k := c.kinds[kind]; k == nil || !slices.Contains(k.Facts, AddressFact) {
			errs = append(errs, fmt.Errorf("%s: addresses: %s is no kind that has an address", file, kind))
		}
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(m.Addresses[kind]); err != nil {
			errs = append(errs, fmt.Errorf("%s: addresses: %s: %w", file, kind, err))
		}
	}
	return errors.Join(errs...)
}

// meetings asks what hangs together and what is reached where, of the exporters
// that are there. It is asked as seldom as which exporters there are.
func (p *picture) meetings(ctx context.Context, c *Catalogue, q metric.Querier) error {
	var errs []error
	ties, addresses := map[estate.Relation]bool{}, map[string]map[string]bool{}
	for _, m := range c.mappings {
		if !p.present.there[m] {
			continue
		}
		for _, t := range m.Ties {
			errs = append(errs, p.tie(ctx, c, q, m, t, ties))
		}
		for _, kind := range slices.Sorted(maps.Keys(m.Addresses)) {
			errs = append(errs, p.reachedAt(ctx, c, q, m, kind, addresses))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("what hangs together: %w", err) // what was known stays known
	}
	for address, ids := range addresses {
		delete(p.addresses, address)
		if len(ids) == 1 { // several at one address are not told apart
			for id := range ids {
				p.addresses[address] = id
			}
		}
	}
	for r := range ties {
		if !p.ties[r] {
			p.ties[r] = true
			p.untold = append(p.untold, r)
		}
	}
	return nil
}

// part forgets where an entity was met, once it is forgotten itself. Until then
// it stays met: an exporter whose database hangs does not say where that is.
func (p *picture) part(e *Entity) {
	maps.DeleteFunc(p.addresses, func(_, id string) bool { return id == e.ID })
	maps.DeleteFunc(p.ties, func(r estate.Relation, _ bool) bool { return r.From == e.ID || r.To == e.ID })
}

// mostTies bounds what hangs together by what exporters say.
const mostTies = 50_000

func (p *picture) tie(ctx context.Context, c *Catalogue, q metric.Querier, m *Mapping, t Tie, out map[estate.Relation]bool) error {
	from, to := c.kinds[t.From], c.kinds[t.To]
	var by []string
	for _, kind := range []*Kind{from, to} {
		if len(m.Names[kind.Name]) == 0 {
			by = append(by, kind.Labels...)
		}
		for _, n := range m.namings(kind.Name) {
			by = append(by, n.by()...)
		}
	}
	slices.Sort(by)
	samples, err := q.Instant(ctx, "group by ("+strings.Join(slices.Compact(by), ", ")+") ("+t.Of+")", p.at)
	if err != nil {
		return err
	}
	for _, s := range samples {
		id, ok := m.identify(from, s.Labels)
		end, okay := m.identify(to, s.Labels)
		if !ok || !okay {
			continue
		}
		id, end = p.meet(from, id), p.meet(to, end)
		if p.entities[name{from, id}] == nil || p.entities[name{to, end}] == nil {
			continue // nothing is known of one of them
		}
		if len(p.ties)+len(out) < mostTies {
			out[estate.Relation{From: id, Kind: t.Kind, To: end, Confidence: tieConfidence}] = true
		}
	}
	return nil
}

func (p *picture) reachedAt(ctx context.Context, c *Catalogue, q metric.Querier, m *Mapping, kind string, out map[string]map[string]bool) error {
	samples, err := q.Instant(ctx, m.Addresses[kind], p.at)
	if err != nil {
		return err
	}
	k := c.kinds[kind]
	for _, s := range samples {
		id, ok := m.identify(k, s.Labels)
		address := s.Labels.Get(AddressFact)
		if at, port, err := net.SplitHostPort(address); err == nil && nearby(at) {
			// An exporter beside the database means its own machine.
			address = net.JoinHostPort(strings.Trim(host(s.Labels.Get("instance")), "[]"), port)
		}
		e := p.entities[name{k, p.meet(k, id)}]
		if !ok || e == nil || address == "" {
			continue
		}
		if out[address] == nil {
			out[address] = map[string]bool{}
		}
		out[address][e.ID] = true
		if e.Labels[AddressFact] != address {
			e.Labels[AddressFact], e.told = address, false
			if _, _, err := net.SplitHostPort(e.Name); err == nil {
				e.Name = address // people know where it answers, and not where its exporter does
			}
		}
	}
	return nil
}

// nearby says that a host name means the machine that says it.
func nearby(at string) bool {
	return at == "" || at == "localhost" || at == "127.0.0.1" || at == "::1"
}
