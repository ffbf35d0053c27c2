package cases

import (
	"fmt"
	"slices"
	"strings"
)

// Config is what people declare because nothing shows it.
type Config struct {
	// Edges say what needs what.
	Edges []Declared `yaml:"edges"`
}

// Declared is an edge that a person vouches for.
type Declared struct {
	From string `yaml:"from"` // id of the entity that needs the other, such as service:checkout
	To   string `yaml:"to"`   // id of the other, such as unit:web-1:checkout
	// Kind is calls, runs-on, stored-on, mounts, routes-to or served-by.
	Kind string `yaml:"kind"`
}

// declarable are the relations whose From needs their To.
var declarable = []string{"calls", "runs-on", "stored-on", "mounts", "routes-to", "served-by"}

// mostDeclared bounds the edges of a configuration.
const mostDeclared = 10_000

// Validate checks the edges.
func (c Config) Validate() error {
	if len(c.Edges) > mostDeclared {
		return fmt.Errorf("edges: there are %d; at most %d may be declared", len(c.Edges), mostDeclared)
	}
	for n, e := range c.Edges {
		for _, end := range []struct{ what, id string }{{"from", e.From}, {"to", e.To}} {
			if kind, name, ok := strings.Cut(end.id, ":"); !ok || kind == "" || name == "" {
				return fmt.Errorf("edges, number %d: %s is %q; it is the id of an entity, such as service:checkout or unit:web-1:nginx", n+1, end.what, end.id)
			}
		}
		if e.From == e.To {
			return fmt.Errorf("edges, number %d: %s cannot need itself", n+1, e.From)
		}
		if !slices.Contains(declarable, e.Kind) {
			return fmt.Errorf("edges, number %d: kind is %q; it is one of %s", n+1, e.Kind, strings.Join(declarable, ", "))
		}
	}
	return nil
}
