package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/internal/figure"
)

// Sight is what is seen of an entity, and what is missing of that which is
// wanted of all entities of its kind.
type Sight struct {
	Entity  string    `json:"entity"`
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Waits   string    `json:"waits,omitempty" doc:"by what design it takes long, so that nobody is told of it"`
	Cold    string    `json:"cold,omitempty" doc:"what was just started, so that nobody is told that its first answers take long"`
	Hourly  string    `json:"hourly,omitempty" doc:"what is not as at other times, and as ever at this hour, so that nobody is told of it"`
	Starts  string    `json:"starts,omitempty" doc:"what the first answers after a start usually take, as was learned"`
	Has     []Seen    `json:"has"`
	Missing []Missing `json:"missing"`
}

// Seen is a signal with its last figure.
type Seen struct {
	Signal   string  `json:"signal"`
	Help     string  `json:"help"`
	Unit     string  `json:"unit"`
	Value    float64 `json:"value"`
	Exporter string  `json:"exporter,omitempty"` // whose figure it is, for people
}

// Missing is a wanted signal that nothing gives, with what would give it.
type Missing struct {
	Signal string   `json:"signal"`
	Help   string   `json:"help"`
	Add    []Advice `json:"add"`
}

// Advice is one way to get a signal.
type Advice struct {
	Exporter string `json:"exporter"`
	How      string `json:"how"`
}

// recently is how long ago an entity may have been seen to be listed.
const recently = 5 * time.Minute

// Sights lists the entities of an environment of whose kind signals are wanted,
// by kind and name, as of the last round. It waits for a round that is under
// way. Entities that have not been seen for five minutes are left out.
func (e *Engine) Sights(tenant, environment string) []Sight {
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	newest := time.Time{}
	for _, entity := range w.picture.entities {
		if entity.seen.After(newest) {
			newest = entity.seen
		}
	}
	var out []Sight
	for _, entity := range w.picture.entities {
		if entity.Kind.wants() && newest.Sub(entity.seen) <= recently {
			sight := entity.sight()
			w.startsOf(entity, &sight, w.at)
			out = append(out, sight)
		}
	}
	slices.SortFunc(out, func(a, b Sight) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Entity, b.Entity)) })
	return out
}

// Unseen is the sight of an entity of which there are no figures at all; false
// where none are wanted of its kind.
func (c *Catalogue) Unseen(id string, kind estate.Kind, name string) (Sight, bool) {
	k := c.kinds[string(kind)]
	if k == nil || !k.wants() {
		return Sight{}, false
	}
	e := &Entity{ID: id, Kind: k, Name: name, values: make([]float64, len(k.signals))}
	e.forget(nil)
	return e.sight(), true
}

// wants says that some signal is wanted of the kind.
func (k *Kind) wants() bool {
	return slices.ContainsFunc(k.signals, func(s *Signal) bool { return s.Wanted })
}

func (e *Entity) sight() Sight {
	out := Sight{Entity: e.ID, Kind: e.Kind.Name, Name: e.Name, Waits: e.wait.says(), Has: []Seen{}, Missing: []Missing{}}
	out.Hourly = e.hourly()
	for _, s := range e.Kind.signals {
		if v, ok := e.Value(s); ok {
			seen := Seen{Signal: s.Name, Help: s.Help, Unit: s.Unit, Value: v}
			if len(s.sources) > 0 && s.sources[e.source[s.index]].mapping != nil {
				seen.Exporter = s.sources[e.source[s.index]].mapping.Title
			}
			out.Has = append(out.Has, seen)
		} else if s.Wanted {
			out.Missing = append(out.Missing, s.missing())
		}
	}
	return out
}

// hourly says what is not as at other times and as ever at this hour; empty where
// nothing is.
func (e *Entity) hourly() string {
	var parts []string
	for i, c := range e.courses {
		if s := e.Kind.signals[i]; c != nil && c.hourly && !math.IsNaN(e.values[i]) {
			parts = append(parts, fmt.Sprintf("%s %s (%s at other times)", strings.ReplaceAll(s.Name, "_", " "), figure.In(c.middle(), s.Unit), figure.In(e.usual[i].Median(), s.Unit)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "is as ever at this hour of the day or week: " + strings.Join(parts, ", ")
}

func (s *Signal) missing() Missing {
	m := Missing{Signal: s.Name, Help: s.Help, Add: []Advice{}}
	for _, exporter := range s.Exporters() {
		m.Add = append(m.Add, Advice{exporter.Title, exporter.Add})
	}
	return m
}
