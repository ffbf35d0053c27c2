package api

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.css
var docsStyle []byte

//go:embed docs.html
var docsText string

var docsPage = template.Must(template.New("docs").Parse(docsText))

// docsOperation is one operation as the page shows it.
type docsOperation struct {
	Method, Path, Summary string
	Parameters            []docsField
	Fields                []docsField
}

// docsField is a parameter, or a field of a body.
type docsField struct {
	Name, In, Type, Text string
	Required             bool
}

type docsGroup struct {
	Name       string
	Operations []docsOperation
}

// registerDocs serves the specification as one page for people, made once,
// from the same source and without scripts.
func (s *server) registerDocs(mux *http.ServeMux, spec *huma.OpenAPI) {
	var page strings.Builder
	err := docsPage.Execute(&page, map[string]any{"Version": s.Version, "Groups": docsGroups(spec)})
	if err != nil {
		panic("api: the page of docs: " + err.Error()) // a fault of the template
	}
	serve := func(kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Write([]byte(text))
		}
	}
	mux.Handle("GET /docs", conditional(serve("text/html; charset=utf-8", page.String())))
	mux.Handle("GET /docs/style.css", conditional(serve("text/css; charset=utf-8", string(docsStyle))))
}

func docsGroups(spec *huma.OpenAPI) []docsGroup {
	var groups []docsGroup
	at := map[string]int{}
	paths := make([]string, 0, len(spec.Paths))
	for path := range spec.Paths {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		item := spec.Paths[path]
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if o == nil {
				continue
			}
			name := o.Tags[0]
			if _, ok := at[name]; !ok {
				at[name] = len(groups)
				groups = append(groups, docsGroup{Name: name})
			}
			g := &groups[at[name]]
			g.Operations = append(g.Operations, docsOf(spec, o))
		}
	}
	slices.SortStableFunc(groups, func(a, b docsGroup) int { return strings.Compare(order(a.Name), order(b.Name)) })
	return groups
}

// order puts what people come for first.
func order(group string) string {
	return string(rune('0'+slices.Index([]string{"Findings", "Estate", "Watching", "People", "Evenkeel itself"}, group))) + group
}

func docsOf(spec *huma.OpenAPI, o *huma.Operation) docsOperation {
	d := docsOperation{Method: o.Method, Path: o.Path, Summary: o.Summary}
	for _, p := range o.Parameters {
		text := p.Description
		if p.Schema != nil && text == "" {
			text = p.Schema.Description
		}
		d.Parameters = append(d.Parameters, docsField{p.Name, p.In, typeOf(p.Schema), text, p.Required})
	}
	if o.RequestBody == nil {
		return d
	}
	media := o.RequestBody.Content["application/json"]
	if media == nil || media.Schema == nil {
		return d
	}
	schema := media.Schema
	if schema.Ref != "" {
		schema = spec.Components.Schemas.SchemaFromRef(schema.Ref)
	}
	for name, f := range schema.Properties {
		d.Fields = append(d.Fields, docsField{name, "body", typeOf(f), f.Description, slices.Contains(schema.Required, name)})
	}
	slices.SortFunc(d.Fields, func(a, b docsField) int { return strings.Compare(a.Name, b.Name) })
	return d
}

func typeOf(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndex(s.Ref, "/")+1:]
	case s.Type == huma.TypeArray:
		return "list of " + typeOf(s.Items)
	case len(s.Enum) > 0:
		var values []string
		for _, v := range s.Enum {
			if text, ok := v.(string); ok {
				values = append(values, text)
			}
		}
		return strings.Join(values, " | ")
	case s.Format == "date-time":
		return "time (RFC 3339)"
	}
	return s.Type
}
