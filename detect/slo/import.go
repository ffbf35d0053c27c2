package slo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// foreign is as much as is read of Sloth's specification (sloth.dev,
// "prometheus/v1" and the Kubernetes resource PrometheusServiceLevel) and of
// OpenSLO's kind SLO (openslo.com, v1).
type foreign struct {
	Version    string `yaml:"version"`
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Service string      `yaml:"service"`
	SLOs    []sloth     `yaml:"slos"`
	Spec    foreignSpec `yaml:"spec"`
}

type foreignSpec struct {
	Service string  `yaml:"service"`
	SLOs    []sloth `yaml:"slos"`
	// OpenSLO
	Description string `yaml:"description"`
	Indicator   struct {
		Spec struct {
			RatioMetric *struct {
				Good  *source `yaml:"good"`
				Bad   *source `yaml:"bad"`
				Total *source `yaml:"total"`
			} `yaml:"ratioMetric"`
		} `yaml:"spec"`
	} `yaml:"indicator"`
	TimeWindow []struct {
		Duration string `yaml:"duration"`
	} `yaml:"timeWindow"`
	Objectives []struct {
		DisplayName   string  `yaml:"displayName"`
		Target        float64 `yaml:"target"`
		TargetPercent float64 `yaml:"targetPercent"`
	} `yaml:"objectives"`
}

type source struct {
	MetricSource struct {
		Spec struct {
			Query string `yaml:"query"`
		} `yaml:"spec"`
	} `yaml:"metricSource"`
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
	} `yaml:"sli"`
}

// Import reads objectives of Sloth and of OpenSLO; a file may hold several
// documents. Notes say what could not be carried over, and why.
func Import(raw []byte) (c Config, notes []string, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	for n := 1; ; n++ {
		var f foreign
		err := dec.Decode(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("document %d: %w", n, err)
		}
		switch {
		case f.Version == "prometheus/v1":
			notes = append(notes, c.takeSloth(f.Service, f.SLOs)...)
		case f.Kind == "PrometheusServiceLevel":
			notes = append(notes, c.takeSloth(f.Spec.Service, f.Spec.SLOs)...)
		case strings.HasPrefix(f.APIVersion, "openslo/") && f.Kind == "SLO":
			notes = append(notes, c.takeOpenSLO(f)...)
		case strings.HasPrefix(f.APIVersion, "openslo/"):
			notes = append(notes, fmt.Sprintf("document %d: OpenSLO's kind %s is not read; only SLO is", n, f.Kind))
		default:
			return nil, nil, fmt.Errorf("document %d: it is neither Sloth's (version: prometheus/v1, or kind: PrometheusServiceLevel) nor OpenSLO's (apiVersion: openslo/v1, kind: SLO)", n)
		}
	}
	if err := c.Validate(); err != nil {
		return nil, nil, fmt.Errorf("what was read cannot be judged: %w", err)
	}
	return c, notes, nil
}

func (c *Config) takeSloth(service string, list []sloth) (notes []string) {
	for _, s := range list {
		e := s.SLI.Events
		if e == nil {
			notes = append(notes, s.Name+": it tells a ratio and not how many events there were; give error_query and total_query")
			continue
		}
		bad, total := first(e.ErrorQuery, e.ErrorQueryK), first(e.TotalQuery, e.TotalQueryK)
		c.add(Objective{ID: idOf(service + "-" + s.Name), Title: oneLine(s.Description), Service: service, Target: s.Objective, Bad: events(bad), Total: events(total)})
	}
	return notes
}

func (c *Config) takeOpenSLO(f foreign) (notes []string) {
	name, ratio := f.Metadata.Name, f.Spec.Indicator.Spec.RatioMetric
	if ratio == nil || ratio.Total == nil || ratio.Good == nil && ratio.Bad == nil {
		return []string{name + ": only a ratioMetric within the SLO, of good or bad and total, is read"}
	}
	total, bad := ratio.Total.MetricSource.Spec.Query, ""
	if ratio.Bad != nil {
		bad = ratio.Bad.MetricSource.Spec.Query
	} else {
		bad = "(" + total + ") - (" + ratio.Good.MetricSource.Spec.Query + ")"
	}
	if !window.MatchString(total) || !window.MatchString(bad) {
		return []string{name + ": its queries do not say where the window stands; write [{{.window}}] as Sloth does"}
	}
	over := defaultWindow
	if len(f.Spec.TimeWindow) > 0 {
		d, err := model.ParseDuration(f.Spec.TimeWindow[0].Duration)
		if err != nil {
			return []string{fmt.Sprintf("%s: the window %q is not read; use days, such as 30d", name, f.Spec.TimeWindow[0].Duration)}
		}
		over = d
	}
	for n, o := range f.Spec.Objectives {
		id, target := name, o.TargetPercent
		if target == 0 {
			target = o.Target * 100
		}
		if n > 0 {
			id = fmt.Sprintf("%s-%d", name, n+1)
		}
		c.add(Objective{ID: idOf(id), Title: oneLine(first(o.DisplayName, f.Spec.Description)), Service: f.Spec.Service, Target: target, Window: over,
			Bad: events(bad), Total: events(total)})
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
