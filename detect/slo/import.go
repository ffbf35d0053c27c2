package slo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is as much as is read of Sloth's specification (sloth.dev,
// "prometheus/v1"), and what its Kubernetes resource PrometheusServiceLevel and
// OpenSLO's kinds have in common.
type document struct {
	Version    string `yaml:"version"`
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name        string `yaml:"name"`
		DisplayName string `yaml:"displayName"`
	} `yaml:"metadata"`
	slothSpec `yaml:",inline"`
	Spec      yaml.Node `yaml:"spec"`
}

type slothSpec struct {
	Service string  `yaml:"service"`
	SLOs    []sloth `yaml:"slos"`
}

type sloth struct {
	Name        string  `yaml:"name"`
	Objective   float64 `yaml:"objective"`
	Description string  `yaml:"description"`
	SLI         struct {
		Events *struct {
			ErrorQuery  string `yaml:"error_query"`
			ErrorQueryK string `yaml:"errorQuery"` // the Kubernetes resource's spelling
			TotalQuery  string `yaml:"total_query"`
			TotalQueryK string `yaml:"totalQuery"`
		} `yaml:"events"`
		Raw    *struct{} `yaml:"raw"`
		Plugin *struct {
			ID string `yaml:"id"`
		} `yaml:"plugin"`
	} `yaml:"sli"`
}

// openSLOs are the versions of OpenSLO that are read; the second group is that
// of its operators in Kubernetes.
var openSLOs = regexp.MustCompile(`^openslo(\.com)?/(v1alpha|v1beta1|v1)$`)

// Import reads objectives of Sloth and of OpenSLO; a file may hold several
// documents, and lists of them. Notes say what could not be carried over, and
// why.
func Import(raw []byte) (c Config, notes []string, err error) {
	list, err := documents(raw)
	if err != nil {
		return nil, nil, err
	}
	named := shared{map[string]indicator{}, map[string]string{}}
	for n, d := range list {
		if err := named.take(d); err != nil {
			return nil, nil, fmt.Errorf("document %d (%s %s): %w", n+1, d.Kind, d.Metadata.Name, err)
		}
	}
	for n, d := range list {
		var said []string
		switch openslo := openSLOs.MatchString(d.APIVersion); {
		case d.Version == "prometheus/v1":
			said = c.takeSloth(d.slothSpec)
		case d.Kind == "PrometheusServiceLevel":
			var spec slothSpec
			if err = d.Spec.Decode(&spec); err == nil {
				said = c.takeSloth(spec)
			}
		case openslo && d.Kind == "SLO":
			said, err = c.takeOpenSLO(d, named)
		case openslo && (d.Kind == "SLI" || d.Kind == "DataSource" || d.Kind == "Service"):
			// Read where an SLO refers to it.
		case openslo:
			said = []string{fmt.Sprintf("document %d: OpenSLO's kind %s is not carried over; who is told is said by escalation policies", n+1, d.Kind)}
		case strings.HasPrefix(d.APIVersion, "openslo"):
			said = []string{fmt.Sprintf("document %d: %s is not read; v1 and v1alpha are", n+1, d.APIVersion)}
		default:
			return nil, nil, fmt.Errorf("document %d: it is neither Sloth's (version: prometheus/v1, or kind: PrometheusServiceLevel) nor OpenSLO's (apiVersion: openslo/v1, kind: SLO)", n+1)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("document %d (%s %s): %w", n+1, d.Kind, d.Metadata.Name, err)
		}
		notes = append(notes, said...)
	}
	if err := c.Validate(); err != nil {
		return nil, nil, fmt.Errorf("what was read cannot be judged: %w", err)
	}
	return c, notes, nil
}

// documents reads all documents of a file.
func documents(raw []byte) (out []document, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var n yaml.Node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("document %d: %w", len(out)+1, err)
		}
		list := n.Content
		if len(list) == 1 && list[0].Kind == yaml.SequenceNode {
			list = list[0].Content
		}
		for _, item := range list {
			if item.Tag == "!!null" {
				continue // nothing but comments
			}
			var d document
			if err := item.Decode(&d); err != nil {
				return nil, fmt.Errorf("document %d: %w", len(out)+1, err)
			}
			out = append(out, d)
		}
	}
}

// take remembers what SLOs may refer to.
func (s shared) take(d document) (err error) {
	switch openslo := openSLOs.MatchString(d.APIVersion); {
	case openslo && d.Kind == "SLI":
		var spec indicator
		err = d.Spec.Decode(&spec)
		s.indicators[d.Metadata.Name] = spec
	case openslo && d.Kind == "DataSource":
		var spec struct {
			Type string `yaml:"type"`
		}
		err = d.Spec.Decode(&spec)
		s.types[d.Metadata.Name] = spec.Type
	}
	return err
}

func (c *Config) takeSloth(of slothSpec) (notes []string) {
	for _, s := range of.SLOs {
		e := s.SLI.Events
		switch {
		case e != nil:
			bad, total := first(e.ErrorQuery, e.ErrorQueryK), first(e.TotalQuery, e.TotalQueryK)
			c.add(Objective{ID: idOf(of.Service + "-" + s.Name), Title: oneLine(s.Description), Service: of.Service, Target: s.Objective, Bad: events(bad), Total: events(total)})
		case s.SLI.Plugin != nil:
			notes = append(notes, fmt.Sprintf("%s: Sloth's plugin %q makes its query, and is a program that is not run here; give the error_query and total_query that it asks", s.Name, s.SLI.Plugin.ID))
		case s.SLI.Raw != nil:
			notes = append(notes, s.Name+": it tells a ratio and not how many events there were; give error_query and total_query")
		default:
			notes = append(notes, s.Name+": it has no sli.events; give error_query and total_query")
		}
	}
	return notes
}

func (c *Config) add(o Objective) { *c = append(*c, o) }

var (
	window = regexp.MustCompile(`\{\{\s*\.window\s*\}\}`)
	unfit  = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
	rated  = regexp.MustCompile(`\b(rate|irate)\s*\(`)
)

// events makes of a query for a rate one that counts events.
func events(query string) string {
	query = window.ReplaceAllString(strings.TrimSpace(query), "$$window")
	if rated.MatchString(query) {
		return "(" + query + ") * $seconds"
	}
	return query
}

func idOf(text string) string {
	id := strings.Trim(unfit.ReplaceAllString(text, "-"), "-._")
	return id[:min(len(id), 100)]
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
