package detect

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"go.yaml.in/yaml/v3"
)

//go:embed kinds.yaml signals mappings checks
var embedded embed.FS

// Catalogue is all content, compiled: kinds, signals and checks. It does not
// change once loaded and may be shared.
type Catalogue struct {
	kinds    map[string]*Kind
	signals  []*Signal // aggregates after what they are made of
	mappings []*Mapping
	checks   []*Check // causes before their echoes
	// clustered are the kinds whose ids begin with the name of a cluster.
	clustered map[string]bool
}

// Signals returns all signals in the order in which a round reads them.
func (c *Catalogue) Signals() []*Signal { return slices.Clone(c.signals) }

// Checks returns all checks by id.
func (c *Catalogue) Checks() []*Check {
	return slices.SortedFunc(slices.Values(c.checks), func(a, b *Check) int { return cmp.Compare(a.ID, b.ID) })
}

// remove takes checks out. What is an echo of one of them is told by itself.
func (c *Catalogue) remove(ids []string) error {
	for _, id := range ids {
		n := len(c.checks)
		c.checks = slices.DeleteFunc(c.checks, func(check *Check) bool { return check.ID == id })
		if len(c.checks) == n {
			return fmt.Errorf("there is no check %q", id)
		}
	}
	return nil
}

// Signal returns the signal of a kind, or nil.
func (c *Catalogue) Signal(kind, name string) *Signal {
	if k := c.kinds[kind]; k != nil {
		for _, s := range k.signals {
			if s.Name == name {
				return s
			}
		}
	}
	return nil
}

// Load reads the built-in content and then that of each extra folder, whose
// signals/*.yaml, mappings/*.yaml and checks/*.yaml add to it: a signal that
// exists gets a further source, a check that exists is replaced. All errors
// are returned together, each with its file and line.
func Load(extra ...fs.FS) (*Catalogue, error) {
	c := &Catalogue{kinds: map[string]*Kind{}, clustered: map[string]bool{}}
	var kinds struct {
		Kinds map[string]*Kind `yaml:"kinds"`
	}
	if _, err := Decode(embedded, "kinds.yaml", &kinds); err != nil {
		return nil, err
	}
	c.kinds = kinds.Kinds
	for name, k := range c.kinds {
		k.Name = name
		for _, end := range k.Between {
			k.ends = append(k.ends, c.kinds[end])
		}
		if k.clustered() {
			c.clustered[name] = true
		}
	}
	var errs []error
	for _, files := range append([]fs.FS{embedded}, extra...) {
		errs = append(errs, c.readSignals(files), c.readMappings(files), c.readChecks(files))
	}
	for _, s := range c.signals {
		if s.Over == nil && len(s.sources) == 0 {
			errs = append(errs, fmt.Errorf("%s: signal %s of %s: nothing gives it: add an expr, or a mapping that does", s.place, s.Name, s.Kind))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := c.compile(); err != nil {
		return nil, err
	}
	return c, nil
}

// Place is where an item of content stands. Its line is looked for only when
// somebody asks, which is when something is wrong with it.
type Place struct {
	file string
	data []byte
	item int // number in the file's one top-level list
}

// String is "file:line".
func (p Place) String() string {
	var doc yaml.Node
	if yaml.Unmarshal(p.data, &doc) != nil || len(doc.Content) == 0 || len(doc.Content[0].Content) < 2 {
		return p.file
	}
	items := doc.Content[0].Content[1].Content
	if p.item >= len(items) {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, items[p.item].Line)
}

// Item is the place of one item of the file's one top-level list.
func (p Place) Item(n int) Place {
	p.item = n
	return p
}

// Decode reads a YAML file of content into v; a field that v does not have is an
// error. The Place is that of the file; Item tells where one of its items stands.
func Decode(files fs.FS, name string, v any) (Place, error) {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return Place{}, fmt.Errorf("content: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return Place{}, fmt.Errorf("%s: %w", name, err)
	}
	return Place{file: name, data: data}, nil
}

func (c *Catalogue) readSignals(files fs.FS) error {
	names, err := fs.Glob(files, "signals/*.yaml")
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		var file struct {
			Signals []*Signal `yaml:"signals"`
		}
		at, err := Decode(files, name, &file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for i, s := range file.Signals {
			s.place = at.Item(i)
			if err := c.addSignal(s); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.place, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (c *Catalogue) addSignal(s *Signal) error {
	if err := s.validate(); err != nil {
		return err
	}
	if s.kind = c.kinds[s.Kind]; s.kind == nil {
		return fmt.Errorf("signal %s: kind %q is not in kinds.yaml", s.Name, s.Kind)
	}
	if have := c.Signal(s.Kind, s.Name); have != nil {
		if have.Unit != s.Unit || s.Over != nil || have.Over != nil {
			return fmt.Errorf("signal %s of %s: is another thing than at %s: give it another name", s.Name, s.Kind, have.place)
		}
		have.sources = append(have.sources, s.sources...)
		return nil
	}
	s.index = len(s.kind.signals)
	s.kind.slowest = max(s.kind.slowest, s.Every)
	s.kind.signals = append(s.kind.signals, s)
	c.signals = append(c.signals, s)
	return nil
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
		at, err := Decode(files, name, &file)
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
