package state

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
)

//go:embed kinds.yaml alerts.yaml checks
var embedded embed.FS

// Catalogue is all content, compiled. It does not change once loaded and may
// be shared.
type Catalogue struct {
	kinds  map[estate.Kind]*Kind
	checks []*Check // causes before their echoes
	alerts []Alert
}

// Alert says what stands for one of the kubernetes-mixin's alerts.
type Alert struct {
	Name   string   `yaml:"name"`
	Checks []string `yaml:"checks"` // of this package, or of detect
	Absent string   `yaml:"absent"` // why it is left out on purpose
	Yet    string   `yaml:"yet"`    // what it still needs
	Note   string   `yaml:"note"`
}

// Checks returns all checks by area and id.
func (c *Catalogue) Checks() []*Check {
	return slices.SortedFunc(slices.Values(c.checks), func(a, b *Check) int {
		return cmp.Or(cmp.Compare(slices.Index(Areas, a.Area), slices.Index(Areas, b.Area)), cmp.Compare(a.ID, b.ID))
	})
}

// Load reads the built-in content, and then the checks/*.yaml of each extra
// folder: a check that exists is replaced. All errors are returned together,
// each with its file and line.
func Load(extra ...fs.FS) (*Catalogue, error) {
	c := &Catalogue{kinds: map[estate.Kind]*Kind{}}
	var kinds struct {
		Kinds map[estate.Kind]*Kind `yaml:"kinds"`
	}
	if _, err := detect.Decode(embedded, "kinds.yaml", &kinds); err != nil {
		return nil, err
	}
	for name, k := range kinds.Kinds {
		k.Name = name
		if err := k.prepare(); err != nil {
			return nil, fmt.Errorf("kinds.yaml: %w", err)
		}
	}
	c.kinds = kinds.Kinds
	var alerts struct {
		Alerts []Alert `yaml:"alerts"`
	}
	if _, err := detect.Decode(embedded, "alerts.yaml", &alerts); err != nil {
		return nil, err
	}
	c.alerts = alerts.Alerts
	var errs []error
	for _, files := range append([]fs.FS{embedded}, extra...) {
		errs = append(errs, c.readChecks(files))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := c.compile(); err != nil {
		return nil, err
	}
	return c, c.order()
}

func (c *Catalogue) readChecks(files fs.FS) error {
	names, err := fs.Glob(files, "checks/*.yaml")
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		var file struct {
			Checks []*Check `yaml:"checks"`
		}
		at, err := detect.Decode(files, name, &file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for i, check := range file.Checks {
			check.place = at.Item(i)
			if err := check.validate(); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", check.place, err))
				continue
			}
			c.checks = slices.DeleteFunc(c.checks, func(old *Check) bool { return old.ID == check.ID })
			c.checks = append(c.checks, check)
		}
	}
	return errors.Join(errs...)
}

// order sorts checks so that causes stand before their echoes, and refuses a
// circle, in which each would hide the other.
func (c *Catalogue) order() error {
	for round := 0; ; round++ {
		moved := false
		for _, check := range c.checks {
			for _, e := range check.EchoOf {
				if check.rank <= e.check.rank {
					check.rank, moved = e.check.rank+1, true
				}
			}
		}
		if !moved {
			break
		}
		if round > len(c.checks) {
			var names []string
			for _, check := range c.checks {
				if check.rank > len(c.checks) {
					names = append(names, check.ID)
				}
			}
			return fmt.Errorf("checks that are echoes of themselves by way of their causes: %s", strings.Join(names, ", "))
		}
	}
	slices.SortStableFunc(c.checks, func(a, b *Check) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.ID, b.ID))
	})
	return nil
}
