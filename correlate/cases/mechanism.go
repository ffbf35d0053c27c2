package cases

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/detect"
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

// signalMechanism says what a figure on its bad side explains in the answers of
// what needs the thing, and how it is to be read.
type signalMechanism struct {
	Signals  []string           `yaml:"signals"`
	Explains map[string]float64 `yaml:"explains"`
	// Between tells that it goes wrong on the way between two, and not in either.
	Between bool `yaml:"between"`
	// Stalls tells that what has it stands still at times, so that all whom it
	// asks look late to it.
	Stalls bool `yaml:"stalls"`
	// Held tells that it is work that is held up, so that a shortage further down
	// explains it.
	Held bool `yaml:"held"`
	// Silent tells that what has it may answer as fast as ever and hurt all the
	// same.
	Silent bool `yaml:"silent"`
	// Restates tells that it says of its own entity only that it answers badly, and
	// not why.
	Restates bool `yaml:"restates"`
	// Of are the kinds of entity whose trouble it is that this one only sees.
	Of string `yaml:"of"`
	// Told are the checks that find that trouble where it is. What stands while
	// the figure is off is held to be what it comes from.
	Told []string `yaml:"told"`
	// Type is that of the probes that see it, too.
	Type string `yaml:"type"`
	// Short is what there is too little of, see takings.
	Short string `yaml:"short"`
	// Waiting tells that the figure counts what waits: "share" is the share of time
	// in which something waits, "tasks" how many wait at a time.
	Waiting string `yaml:"waiting"`
	// From is the figure below which it explains nothing; 0 where any may. Only of
	// figures that are better when lower.
	From float64 `yaml:"from"`
	// Remedy is what a tired person does first, where it is the likely cause.
	Remedy []string `yaml:"remedy"`
}

// mechanisms are by check; those whose check ends in a colon stand for all that
// begin with it.
type mechanisms struct {
	byCheck  map[string]*mechanism
	bySignal map[string]*signalMechanism
	other    *mechanism
}

var shapes = []string{"latency", "errors", "down", "saturation", "doubt", "any"}

func readMechanisms(data []byte) (*mechanisms, error) {
	var file struct {
		Mechanisms []*mechanism       `yaml:"mechanisms"`
		Signals    []*signalMechanism `yaml:"signals"`
		Default    *mechanism         `yaml:"default"`
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("mechanisms.yaml: %w", err)
	}
	if file.Default == nil {
		return nil, fmt.Errorf("mechanisms.yaml: there is no default")
	}
	m := &mechanisms{byCheck: map[string]*mechanism{}, bySignal: map[string]*signalMechanism{}, other: file.Default}
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
	for _, x := range file.Signals {
		for shape, share := range x.Explains {
			if shape != "latency" && shape != "errors" || share < 0 || share > 1 {
				return nil, fmt.Errorf("mechanisms.yaml: %v: explains: %s: %g is not right", x.Signals, shape, share)
			}
		}
		if _, ok := takings[x.Short]; x.Short != "" && !ok {
			return nil, fmt.Errorf("mechanisms.yaml: %v: short: %q is not known", x.Signals, x.Short)
		}
		if !slices.Contains([]string{"", "share", "tasks"}, x.Waiting) {
			return nil, fmt.Errorf("mechanisms.yaml: %v: waiting: %q is not known", x.Signals, x.Waiting)
		}
		if len(x.Remedy) == 0 {
			return nil, fmt.Errorf("mechanisms.yaml: %v: needs a remedy: what should a tired person do first?", x.Signals)
		}
		for _, s := range x.Signals {
			if m.bySignal[s] != nil {
				return nil, fmt.Errorf("mechanisms.yaml: the signal %s stands in it twice", s)
			}
			m.bySignal[s] = x
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

// signal is the mechanism of a course; nil where the figure explains nothing by
// itself. What kinds that are asked over the network answer is settled by the
// account of calls.
func (m *mechanisms) signal(c *detect.Course) *signalMechanism {
	kind := c.Kind
	if name, ok := m.bySignal[kind+"."+c.Signal]; ok {
		return name
	}
	if answers(kind) && kind != "database" && kind != "cache" && accounted(c.Signal) || c.Caller != "" && accounted(c.Signal) {
		return nil
	}
	return m.bySignal[c.Signal]
}

// accounted says that the account of calls is settled by a signal.
func accounted(signal string) bool {
	return slices.Contains([]string{"traffic", "errors", "refused", "latency", "latency_mean", "latency_p50", "latency_p99"}, signal)
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
