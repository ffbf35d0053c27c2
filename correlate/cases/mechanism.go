package cases

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

//go:embed mechanisms.yaml
var mechanismsFile []byte

// mechanism says in which shape the trouble that a check finds shows, and which
// shapes it explains in others.
type mechanism struct {
	Checks   []string           `yaml:"checks"`
	Is       string             `yaml:"is"`
	Felt     bool               `yaml:"felt"`
	Explains map[string]float64 `yaml:"explains"`
}

// mechanisms are by check; those whose check ends in a colon stand for all that
// begin with it.
type mechanisms struct {
	byCheck map[string]*mechanism
	other   *mechanism
}

var shapes = []string{"latency", "errors", "down", "saturation", "doubt", "any"}

func readMechanisms(data []byte) (*mechanisms, error) {
	var file struct {
		Mechanisms []*mechanism `yaml:"mechanisms"`
		Default    *mechanism   `yaml:"default"`
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("mechanisms.yaml: %w", err)
	}
	if file.Default == nil {
		return nil, fmt.Errorf("mechanisms.yaml: there is no default")
	}
	m := &mechanisms{byCheck: map[string]*mechanism{}, other: file.Default}
	for _, x := range append(file.Mechanisms, file.Default) {
		if !slices.Contains(shapes, x.Is) {
			return nil, fmt.Errorf("mechanisms.yaml: %v: is: %q is no shape", x.Checks, x.Is)
		}
		for shape, share := range x.Explains {
			if !slices.Contains(shapes, shape) || shape == "any" || share < 0 || share > 1 {
				return nil, fmt.Errorf("mechanisms.yaml: %v: explains: %s: %g is not right", x.Checks, shape, share)
			}
		}
		for _, c := range x.Checks {
			if m.byCheck[c] != nil {
				return nil, fmt.Errorf("mechanisms.yaml: %s stands in it twice", c)
			}
			m.byCheck[c] = x
		}
	}
	return m, nil
}

// known are the mechanisms of this program; a test reads the same file.
var known = func() *mechanisms {
	m, err := readMechanisms(mechanismsFile)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return m
}()

func (m *mechanisms) of(check string) *mechanism {
	if x := m.byCheck[check]; x != nil {
		return x
	}
	if prefix, _, ok := strings.Cut(check, ":"); ok {
		if x := m.byCheck[prefix+":"]; x != nil {
			return x
		}
	}
	return m.other
}

// explains says how well the trouble x explains that of y, 0 to 1.
func (m *mechanisms) explains(x, y *mechanism) float64 {
	if y.Is != "any" {
		return x.Explains[y.Is]
	}
	best := 0.0
	for shape, share := range x.Explains {
		if shape != "doubt" && shape != "saturation" {
			best = max(best, share)
		}
	}
	return best
}

// felt tells whether users feel what a finding says.
func felt(f *finding.Finding) bool {
	m := known.of(f.Check)
	if m != known.other {
		return m.Felt
	}
	kind, _, _ := strings.Cut(f.Entity, ":")
	return kind == string(estate.KindService) || kind == string(estate.Endpoint) || kind == "ingress"
}
