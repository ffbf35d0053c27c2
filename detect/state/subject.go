package state

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
)

// Subject is one group as a check sees it: what Judge is given. It is of one
// time and one goroutine.
type Subject struct {
	Check *Check
	ID    string // of the group: an entity, or the topmost workload of its members
	Name  string // of the group, for people
	Kind  estate.Kind
	Lost  string // why nothing can be known of it now; "" if something can

	world   World
	now     time.Time
	owner   estate.Entity // the workload, where the group is one
	members []*member
	firing  []*member // that Fire holds for
	since   time.Time // of the member that has fired longest, where an attribute tells
	lasting float64   // seconds since it began, once Judge knows
}

// member is one entity of a group. It is a CEL activation.
type member struct {
	*Subject
	entity  estate.Entity
	related map[string]*related
	room    *spare // worked out once
}

// related is what a With finds for a member.
type related struct {
	count, sum float64
	names      []string
}

// Name is what people call an entity: with its namespace, where it has one.
func Name(e estate.Entity) string {
	ns := e.Attributes["namespace"]
	if ns == "" || strings.HasPrefix(e.Name, ns+"/") {
		return e.Name
	}
	return ns + "/" + e.Name
}

// newSubject looks at a group now. It has no members where nothing of it is
// there any more, or where the check is about nothing of it.
func newSubject(c *Check, w World, id string, now time.Time) *Subject {
	s := &Subject{Check: c, ID: id, world: w, now: now, Name: id}
	s.Kind, _ = kindOf(id)
	if e, ok := w.Entity(id); ok {
		s.Name = Name(e)
		if e.Kind == "workload" {
			s.owner = e
		}
	}
	if s.Lost = blind(c, w, id); s.Lost != "" {
		return s
	}
	ids := []string{id}
	if c.By == "owner" && s.Kind != c.Entity {
		ids = walk(w, ids, []step{{kind: estate.Owns, deep: true}})
	}
	for _, id := range ids {
		e, ok := w.Entity(id)
		if !ok || e.Kind != c.Entity {
			continue
		}
		m := &member{Subject: s, entity: e}
		if applies, err := m.holds(c.when); err == nil && applies {
			s.members = append(s.members, m)
		}
	}
	return s
}

// blind says why a check cannot be told for anything of the id's cluster, or
// "".
func blind(c *Check, w World, id string) string {
	if c.Blind {
		return ""
	}
	_, name := kindOf(id)
	cluster, ok := w.Entity(estate.ID(clusterKind, name))
	switch {
	case !ok:
		return "Evenkeel does not see the cluster " + name
	case cluster.Attributes["reachable"] == "false":
		return "the cluster " + name + " cannot be reached"
	case cluster.Attributes["reachable"] != "true":
		return "the cluster " + name + " has not been read yet"
	}
	unreadable := list(cluster.Attributes["unreadable"])
	for _, any := range c.resources {
		denied := len(any) > 0
		for _, resource := range any {
			denied = denied && slices.Contains(unreadable, resource)
		}
		if denied {
			return "Evenkeel may not read " + strings.Join(any, ", ") + " of the cluster " + name
		}
	}
	return ""
}

// clusterKind is the kind of what stands for a whole cluster.
const clusterKind estate.Kind = "kubernetes-cluster"

// Parent is nil: a member knows all its names.
func (m *member) Parent() cel.Activation { return nil }

// ResolveName gives CEL the value of a name.
func (m *member) ResolveName(name string) (any, bool) {
	if t, ok := m.Check.kind.Attributes[name]; ok {
		return t.read(m.entity.Attributes[name], m.now), true
	}
	switch name {
	case "name":
		return Name(m.entity), true
	case "called":
		return m.called(), true
	case "count":
		return float64(len(m.firing)), true
	case "total":
		return float64(len(m.members)), true
	case "lasting":
		return m.lasting, true
	}
	if d, ok := derived[m.Check.Entity][name]; ok {
		return d.value(m), true
	}
	group, rest, _ := strings.Cut(name, ".")
	if group == "limit" {
		v, ok := m.Check.Limits[rest]
		return v, ok
	}
	if group == "owner" {
		if t, ok := m.Check.workload.Attributes[rest]; ok {
			return t.read(m.owner.Attributes[rest], m.now), true
		}
		return nil, false
	}
	if w := m.Check.With[group]; w != nil {
		r := m.relate(group, w)
		switch rest {
		case "count":
			return r.count, true
		case "sum":
			return r.sum, true
		case "names":
			return r.names, true
		}
	}
	return nil, false
}

// relate finds what hangs together with the member, once.
func (m *member) relate(name string, w *With) *related {
	if r := m.related[name]; r != nil {
		return r
	}
	r := &related{names: []string{}}
	for _, id := range walk(m.world, []string{m.entity.ID}, w.way) {
		e, ok := m.world.Entity(id)
		if !ok || e.Kind != w.To {
			continue
		}
		if holds, err := detect.Holds(w.where, &plainEntity{w.kind, e, m.now}); err != nil || !holds {
			continue
		}
		r.count++
		r.names = append(r.names, Name(e))
		if w.Sum != "" {
			r.sum += Number.read(e.Attributes[w.Sum], m.now).(float64)
		}
	}
	if m.related == nil {
		m.related = map[string]*related{}
	}
	m.related[name] = r
	return r
}

// called says whether a service, a route or a caller leads to the group.
func (s *Subject) called() bool {
	for _, kind := range []estate.RelationKind{RoutesTo, estate.Calls} {
		if len(s.world.In(s.ID, kind)) > 0 {
			return true
		}
	}
	return false
}

// RoutesTo joins an ingress or route to its services, and a service to the
// workloads that answer for it.
const RoutesTo estate.RelationKind = "routes-to"

// plainEntity is an entity with its attributes alone, for With.Where.
type plainEntity struct {
	kind   *Kind
	entity estate.Entity
	now    time.Time
}

func (p *plainEntity) Parent() cel.Activation { return nil }

func (p *plainEntity) ResolveName(name string) (any, bool) {
	if name == "name" {
		return Name(p.entity), true
	}
	t, ok := p.kind.Attributes[name]
	return t.read(p.entity.Attributes[name], p.now), ok
}

func (m *member) holds(p cel.Program) (bool, error) { return detect.Holds(p, m) }

// look finds the members that fire. Reason says why it cannot be told.
func (s *Subject) look() (reason string) {
	if s.Lost != "" {
		return s.Lost
	}
	c := s.Check
	for _, m := range s.members {
		lacks := ""
		for _, name := range c.Requires {
			if m.entity.Attributes[name] == "" {
				lacks = name
			}
		}
		if lacks != "" {
			reason = cmp.Or(reason, "the cluster does not say the "+strings.ReplaceAll(lacks, "_", " ")+" of "+Name(m.entity))
			continue
		}
		fire, err := m.holds(c.fire)
		if err != nil {
			reason = cmp.Or(reason, "the rule could not be worked out: "+err.Error())
			continue
		}
		if !fire {
			continue
		}
		s.firing = append(s.firing, m)
		if c.Since != "" {
			at, err := time.Parse(time.RFC3339, m.entity.Attributes[c.Since])
			if err == nil && (s.since.IsZero() || at.Before(s.since)) {
				s.since = at
			}
		}
	}
	if len(s.firing) > 0 {
		return ""
	}
	return reason
}

// timed says that the verdict may change without anything else changing.
func (s *Subject) timed() bool {
	if !s.Check.timed {
		return false
	}
	for _, m := range s.members {
		for _, name := range s.Check.times {
			if m.entity.Attributes[name] != "" {
				return true
			}
		}
	}
	return false
}

// speaker is the member whose facts the texts tell: the first that fires.
func (s *Subject) speaker() *member {
	if len(s.firing) > 0 {
		return s.firing[0]
	}
	return nil
}
