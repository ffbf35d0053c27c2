package detect

import (
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/template"
	"time"

	"cel.dev/cel-go/common/types"

	"github.com/evenkeel/evenkeel/internal/figure"
)

// words are the functions of the templates: figures as people write them.
var words = template.FuncMap{
	"percent":  func(v float64) string { return figure.In(v, "ratio") },
	"bytes":    func(v float64) string { return figure.In(v, "bytes") },
	"duration": func(v float64) string { return figure.In(v, "seconds") },
	"number":   figure.Number,
	"rate":     func(v float64) string { return figure.In(v, "1/s") },
	"date":     func(v float64) string { return time.Unix(int64(v), 0).UTC().Format("2 January 2006 15:04 UTC") },
	"list":     listed,
	"neg":      func(v float64) float64 { return -v },
	"mul":      func(a, b any) float64 { return float(a) * float(b) },
	"over":     func(a, b float64) float64 { return a / b },
}

// listed writes a list, or a map as "key: value".
func listed(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, ", ")
	case map[string]string:
		var out []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = append(out, key+": "+v[key])
		}
		return strings.Join(out, ", ")
	}
	return ""
}

// float takes a template's number, which may be written without a point.
func float(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int:
		return float64(v)
	}
	return math.NaN()
}

// ParseText parses a template and runs it once on names, so that a name that
// does not exist is found when the catalogue is loaded.
func ParseText(text string, names map[string]any) (*template.Template, error) {
	t, err := template.New("").Funcs(words).Option("missingkey=error").Parse(strings.Join(strings.Fields(text), " "))
	if err != nil {
		return nil, err
	}
	if err := t.Execute(io.Discard, names); err != nil {
		return nil, err
	}
	return t, nil
}

// plain is a value of CEL as a Go value.
func plain(v any) any {
	switch v := v.(type) {
	case types.Double:
		return float64(v)
	case types.Bool:
		return bool(v)
	case types.String:
		return string(v)
	}
	return v
}

// WriteText runs a template that ParseText made.
func WriteText(t *template.Template, names map[string]any) (string, error) {
	var b strings.Builder
	err := t.Execute(&b, names)
	return b.String(), err
}

// names is what a template can say about a subject.
func (s *Subject) names() map[string]any {
	out := map[string]any{"name": s.Entity.Name, "hostname": s.Entity.HostName}
	group := map[string]map[string]any{}
	for _, g := range []string{"host", "usual", "high", "known", "off", "waits", "cold", "until", "soonest", "latest", "limit", "label"} {
		group[g] = map[string]any{}
		out[g] = group[g]
	}
	put := func(name string, v any) {
		if g, rest, ok := strings.Cut(name, "."); ok {
			group[g][rest] = v
		} else {
			out[name] = v
		}
	}
	for name, v := range s.Check.Optional {
		put(name, v)
	}
	for name, at := range s.Entity.Kind.slots {
		if v, ok := s.lookup(at); ok {
			put(name, plain(v))
		}
	}
	return out
}

// sample is names with an example for everything that a text of the check may
// rely on: what it requires, what has a stand-in, and one signal more.
func (c *Check) sample(more string) map[string]any {
	e := &Entity{Kind: c.kind, Name: "name", HostName: "host", Labels: map[string]string{}}
	e.values = make([]float64, len(c.kind.signals))
	e.forget(nil)
	names := (&Subject{Entity: e, Check: c}).names()
	for _, name := range append([]string{more}, c.Requires...) {
		if g, rest, ok := strings.Cut(name, "."); ok {
			names[g].(map[string]any)[rest] = 1.0
		} else {
			names[name] = 1.0
		}
	}
	return names
}
