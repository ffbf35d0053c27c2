package detect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/metric"
)

const (
	// lookEvery is how often it is looked which exporters are there. An exporter
	// that is new is read that much later at the worst.
	lookEvery = time.Minute
	// settles is how long after the start all are looked for in each round, and
	// how long after an exporter has come all that it may give is asked for: its
	// first samples make no rate yet.
	settles = 2 * time.Minute
)

// presence knows which exporters' series are there, so that those of others
// are not asked for.
type presence struct {
	began time.Time
	next  time.Time
	there map[*Mapping]bool
	since map[*Mapping]time.Time // when it was first seen
}

// look asks once for all metrics that prove exporters. Where that cannot be
// told, what was there is taken to be still there. It says whether it was time
// to look, and that succeeded.
func (p *presence) look(ctx context.Context, q metric.Querier, mappings []*Mapping, now time.Time) (looked bool, err error) {
	if now.Before(p.next) || len(mappings) == 0 {
		return false, nil
	}
	var names []string
	for _, m := range mappings {
		names = append(names, m.Present...)
	}
	slices.Sort(names)
	samples, err := q.Instant(ctx, `count by (__name__) ({__name__=~"`+strings.Join(slices.Compact(names), "|")+`"})`, now)
	if err != nil {
		return false, fmt.Errorf("which exporters are there: %w", err)
	}
	if p.began.IsZero() {
		p.began, p.since = now, map[*Mapping]time.Time{}
	}
	if now.Sub(p.began) >= settles {
		p.next = now.Add(lookEvery - 500*time.Millisecond)
	}
	have := map[string]bool{}
	for _, s := range samples {
		have[s.Labels.Get("__name__")] = true
	}
	p.there = map[*Mapping]bool{}
	for _, m := range mappings {
		if slices.ContainsFunc(m.Present, func(name string) bool { return have[name] }) {
			p.there[m] = true
			if p.since[m].IsZero() {
				p.since[m] = now
			}
		} else {
			delete(p.since, m)
		}
	}
	return true, nil
}

// settled says that an exporter has been there for so long that what it does not
// give will hardly come at the next moment.
func (p *presence) settled(m *Mapping, now time.Time) bool {
	return m != nil && now.Sub(p.since[m]) >= settles
}

// silent says why nothing can be known of an entity whose figures all came from
// an exporter that is not there any more: whether the entity is, nobody sees.
func (p *picture) silent(e *Entity) string {
	if e.by == nil || p.present.there[e.by] {
		return ""
	}
	return "no figures come in from " + e.by.Title
}

// asks says that a source is worth asking: its exporter is there.
func (p *presence) asks(s *source) bool { return s.mapping == nil || p.there[s.mapping] }
