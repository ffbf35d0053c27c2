package estate

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/internal/naming"
)

// confidenceStep is the smallest change of a relation's confidence that makes
// a new version of it; figures that tremble are not history.
const confidenceStep = 0.1

// Diff compares what a source saw before with what it sees now. The result is
// false when nothing is different: then there is nothing to store.
//
// It is pure: a change's id follows from what it is, so that the same report
// always yields the same id.
func Diff(prevEntities []Entity, prevRelations []Relation, o Observation) (Delta, bool) {
	d := Delta{Tenant: o.Tenant, Environment: o.Environment, Source: o.Source, At: o.At}
	d.diffEntities(prevEntities, o)
	d.diffRelations(prevRelations, o)
	seen := map[string]bool{}
	for _, c := range o.Changes {
		c = complete(c, o)
		if !seen[c.Key] {
			seen[c.Key] = true
			d.Changes = append(d.Changes, c)
		}
	}
	return d, len(d.Appear)+len(d.Vanish)+len(d.Join)+len(d.Part)+len(d.Changes) > 0
}

func (d *Delta) diffEntities(prev []Entity, o Observation) {
	before := make(map[string]Entity, len(prev))
	for _, e := range prev {
		before[e.ID] = e
	}
	now := make(map[string]bool, len(o.Entities))
	for _, e := range o.Entities {
		e.ID, e.Name = naming.Name(e.ID), naming.Name(e.Name)
		if now[e.ID] {
			continue // reported twice: the first one counts
		}
		now[e.ID] = true
		e.Tenant, e.Environment, e.Sources = o.Tenant, o.Environment, []string{o.Source}
		e.Since, e.Until = o.At, time.Time{}
		old, known := before[e.ID]
		same := known && e.Name == old.Name && e.Kind == old.Kind
		if same && maps.Equal(e.Attributes, old.Attributes) {
			continue // nearly all of them, nearly always
		}
		e.Attributes = facts(e.Attributes)
		if known {
			if same && maps.Equal(e.Attributes, old.Attributes) {
				continue
			}
			e.Since = old.Since
			d.Vanish = append(d.Vanish, old)
		}
		d.Appear = append(d.Appear, e)
	}
	if o.Complete {
		for _, e := range prev {
			if !now[e.ID] {
				d.Vanish = append(d.Vanish, e)
			}
		}
	} else {
		for _, id := range o.Gone {
			id = naming.Name(id)
			if e, ok := before[id]; ok && !now[id] {
				now[id] = true
				d.Vanish = append(d.Vanish, e)
			}
		}
	}
	byID := func(a, b Entity) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(d.Appear, byID)
	slices.SortFunc(d.Vanish, byID)
}

const (
	// maxFact bounds an attribute's value, in bytes; more is cut off.
	maxFact = 2048
	// maxFacts bounds an entity's attributes; the first by name stay.
	maxFacts = 64
)

// facts copies attributes (the collector may go on writing to its own) within
// bounds.
func facts(attributes map[string]string) map[string]string {
	out := make(map[string]string, len(attributes))
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		if len(out) == maxFacts {
			break
		}
		v := attributes[k]
		if len(v) > maxFact {
			v = v[:maxFact]
		}
		out[naming.Name(k)] = naming.Text(v)
	}
	return out
}

// joint names a relation within one source.
type joint struct {
	from string
	kind RelationKind
	to   string
}

func (r Relation) joint() joint { return joint{r.From, r.Kind, r.To} }

func (d *Delta) diffRelations(prev []Relation, o Observation) {
	before := make(map[joint]Relation, len(prev))
	for _, r := range prev {
		before[r.joint()] = r
	}
	now := make(map[joint]bool, len(o.Relations))
	for _, r := range o.Relations {
		r.From, r.To = naming.Name(r.From), naming.Name(r.To)
		if now[r.joint()] {
			continue
		}
		now[r.joint()] = true
		r.Source, r.Since, r.Until = o.Source, o.At, time.Time{}
		if old, ok := before[r.joint()]; ok {
			if math.Abs(r.Confidence-old.Confidence) < confidenceStep {
				continue
			}
			r.Since = old.Since
			d.Part = append(d.Part, old)
		}
		d.Join = append(d.Join, r)
	}
	if o.Complete {
		for _, r := range prev {
			if !now[r.joint()] {
				d.Part = append(d.Part, r)
			}
		}
	} else {
		for _, r := range o.Ended {
			r.From, r.To = naming.Name(r.From), naming.Name(r.To)
			if old, ok := before[r.joint()]; ok && !now[r.joint()] {
				now[r.joint()] = true
				d.Part = append(d.Part, old)
			}
		}
	}
	slices.SortFunc(d.Join, byJoint)
	slices.SortFunc(d.Part, byJoint)
}

func byJoint(a, b Relation) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.To, b.To))
}

// complete fills in what a collector leaves out of a change.
func complete(c Change, o Observation) Change {
	c.Tenant, c.Environment, c.Source = o.Tenant, o.Environment, o.Source
	if c.At.IsZero() {
		c.At = o.At
	}
	if c.Key == "" {
		c.Key = fmt.Sprintf("%s|%s|%s|%s", c.Kind, c.Entity, c.At.UTC().Format(time.RFC3339Nano), c.Summary)
	}
	c.Entity, c.Key = naming.Name(c.Entity), naming.Name(c.Key)
	c.ID = changeID(c)
	return c
}

// changeID is a ULID of the change's time, its random part made from the
// change's name.
func changeID(c Change) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", c.Tenant, c.Environment, c.Source, c.Key))
	var id ulid.ULID
	// A time outside of what a ULID can hold leaves its time at zero.
	_ = id.SetTime(uint64(max(c.At.UnixMilli(), 0)))
	copy(id[6:], sum[:10])
	return id.String()
}
