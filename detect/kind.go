package detect

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/estate"
)

// hostKind is the kind whose signals every other entity of the same machine
// can read as "host.NAME".
const hostKind = "host"

// clusterLabel is the label that names the Kubernetes cluster of a series.
const clusterLabel = "cluster"

// ageSignal is the signal that says how many seconds old an entity's data is.
// An entity whose kind has none is as fresh as its host.
const ageSignal = "data_age"

// Kind is a sort of entity as the catalogue knows it.
type Kind struct {
	Name string `yaml:"-"`
	// Labels make the id, in this order. "instance" loses its port.
	Labels []string `yaml:"labels"`
	// Optional are labels that stand before Labels in the id where they are
	// known, outermost first, such as the namespace of a service.
	Optional []string `yaml:"optional"`
	// Facts are further labels that checks and texts may read, where there.
	Facts []string `yaml:"facts"`
	// IDKind is the label whose value is the id's kind, where one kind of
	// figure is about several kinds of entity (units, containers, groups).
	IDKind string `yaml:"id_kind"`
	// Called is the entity's name for people, with $label for a label.
	Called string `yaml:"called"`
	// Relation joins the entity to its host in the estate; empty for none.
	Relation estate.RelationKind `yaml:"relation"`
	// Inside is the label that names the unit, container or group of the same
	// machine that is inside the entity: a part of it in the estate.
	Inside string `yaml:"inside"`
	// Apart says that the entity is not a part of the machine that reports it
	// (an endpoint, a scraped target): its checks go on when the machine's
	// own figures stop.
	Apart bool `yaml:"apart"`
	// Between are the kinds at the two ends of an edge, the caller's and the
	// callee's: its entities are told to the estate as relations.
	Between []string `yaml:"between"`
	// Reached is the label that is the address at which the entity is reached.
	Reached string `yaml:"reached"`
	// StaleAfter is the age of the last figure past which nothing is known.
	StaleAfter time.Duration `yaml:"stale_after"`

	signals []*Signal
	ends    []*Kind         // of Between
	slowest time.Duration   // the longest time between readings of its signals
	slots   map[string]slot // what a name in an expression stands for
}

// host is the instance label without its port.
func host(instance string) string {
	if i := strings.LastIndexByte(instance, ':'); i > 0 && !strings.HasSuffix(instance, "]") {
		return instance[:i]
	}
	return instance
}

// identify returns the id that the labels name, or false if a label is missing.
func (k *Kind) identify(l labels.Labels, n Naming) (id string, ok bool) {
	kind := k.Name
	if k.IDKind != "" {
		if v := l.Get(k.IDKind); v != "" {
			kind = v
		}
	}
	parts := make([]string, len(k.Labels))
	for i, name := range k.Labels {
		v := n.of(name, l)
		if v == "" {
			return "", false
		}
		if name == "instance" && !k.Apart {
			v = host(v)
		}
		parts[i] = v
	}
	var outer []string
	for _, name := range k.Optional {
		if v := n.of(name, l); v != "" {
			outer = append(outer, v)
		}
	}
	return estate.ID(estate.Kind(kind), append(outer, parts...)...), true
}

// shorter are the ids by which one who knows less of the entity may call it:
// with what is optional left out, the outermost first.
func (k *Kind) shorter(id string, of map[string]string) []string {
	var out []string
	kind, rest := string(kindOf(id)), k.Optional
	for len(rest) > 0 {
		known := of[rest[0]] != ""
		rest = rest[1:]
		if !known {
			continue
		}
		var parts []string
		for _, label := range rest {
			if v := of[label]; v != "" {
				parts = append(parts, v)
			}
		}
		for _, label := range k.Labels {
			parts = append(parts, of[label])
		}
		out = append(out, estate.ID(estate.Kind(kind), parts...))
	}
	return out
}

// clustered says that ids of the kind begin with the name of the cluster, where
// it is known.
func (k *Kind) clustered() bool { return slices.Concat(k.Optional, k.Labels)[0] == clusterLabel }

// entity builds the entity that the labels name.
func (k *Kind) entity(id string, l labels.Labels, n Naming) *Entity {
	e := &Entity{ID: id, Kind: k, Labels: map[string]string{}, values: make([]float64, len(k.signals))}
	for _, name := range slices.Concat(k.Optional, k.Labels) {
		if v := n.of(name, l); v != "" {
			e.Labels[name] = v
		}
	}
	e.shorter = k.shorter(id, e.Labels)
	e.complete = e.learnFacts(l, n)
	if k.IDKind != "" {
		e.Labels[k.IDKind] = l.Get(k.IDKind)
	}
	if instance := l.Get("instance"); instance != "" {
		e.Labels["instance"] = instance
		e.HostName = host(instance)
		e.Host = estate.ID(estate.Host, e.HostName)
	}
	e.Name = os.Expand(k.Called, func(label string) string {
		if label == "host" {
			return e.HostName
		}
		return e.Labels[label]
	})
	e.forget(nil)
	return e
}

// learnFacts takes facts from a sample's labels and says whether it has all.
func (e *Entity) learnFacts(l labels.Labels, n Naming) (all bool) {
	all = true
	for _, name := range e.Kind.Facts {
		if v := n.of(name, l); v != "" {
			e.Labels[name] = v
		}
		all = all && e.Labels[name] != ""
	}
	return all
}

// estateKind is the entity's kind in the estate.
func (e *Entity) estateKind() estate.Kind {
	return kindOf(e.ID)
}
