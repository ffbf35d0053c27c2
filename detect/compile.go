package detect

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/template"

	"cel.dev/cel-go/cel"
)

// compile turns the texts of all signals and checks into programs.
func (c *Catalogue) compile() error {
	languages := map[*Kind]*language{}
	for _, k := range c.kinds {
		limits := map[string]bool{}
		for _, check := range c.checks {
			if check.Entity == k.Name {
				for name := range check.Limits {
					limits[name] = true
				}
			}
		}
		l, err := newLanguage(k, c.kinds[hostKind], slices.Sorted(maps.Keys(limits)))
		if err != nil {
			return err
		}
		languages[k] = l
	}
	var errs []error
	for _, s := range c.signals {
		if s.Over != nil {
			if err := s.Over.compile(c.kinds, languages); err != nil {
				errs = append(errs, fmt.Errorf("%s: signal %s: over: %w", s.place, s.Name, err))
			}
		}
	}
	slices.SortStableFunc(c.signals, func(a, b *Signal) int { return cmp.Compare(btoi(a.Over != nil), btoi(b.Over != nil)) })
	byID := map[string]*Check{}
	for _, check := range c.checks {
		byID[check.ID] = check
	}
	for _, check := range c.checks {
		if check.kind = c.kinds[check.Entity]; check.kind == nil {
			errs = append(errs, fmt.Errorf("%s: check %s: entity %q is not in kinds.yaml", check.place, check.ID, check.Entity))
			continue
		}
		if err := check.compile(languages[check.kind], c, byID); err != nil {
			errs = append(errs, fmt.Errorf("%s: check %s: %w", check.place, check.ID, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.orderChecks()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (a *Aggregate) compile(kinds map[string]*Kind, languages map[*Kind]*language) (err error) {
	if a.kind = kinds[a.Kind]; a.kind == nil {
		return fmt.Errorf("kind %q is not in kinds.yaml", a.Kind)
	}
	if !slices.Contains([]string{"sum", "max", "count"}, a.How) {
		return fmt.Errorf("how %q is not sum, max or count", a.How)
	}
	l := languages[a.kind]
	if a.value, _, err = l.compile(a.Value, cel.DoubleType); err != nil {
		return err
	}
	if a.Where != "" {
		a.where, _, err = l.compile(a.Where, cel.BoolType)
	}
	return err
}

// compiler gathers the errors and the reads of one check.
type compiler struct {
	*language
	check *Check
	errs  []error
	reads map[*Signal]bool // of the entity
}

func (k *compiler) condition(field, text string) cel.Program {
	if text == "" {
		return nil
	}
	program, reads, err := k.compile(text, cel.BoolType)
	if err != nil {
		k.errs = append(k.errs, fmt.Errorf("%s: %w", field, err))
		return nil
	}
	for _, at := range reads {
		k.readsSlot(field, at)
	}
	return program
}

// readsSlot notes what is read, and refuses what could be absent unnoticed.
func (k *compiler) readsSlot(field string, at slot) {
	name := ""
	switch at.what {
	case usualSlot, highSlot, knownSlot, offSlot, waitSlot, coldSlot, untilSlot:
		return
	case limitSlot:
		if _, ok := k.check.Limits[at.label]; !ok {
			k.errs = append(k.errs, fmt.Errorf("%s: limit.%s is not among the check's limits", field, at.label))
		}
		return
	case labelSlot:
		return
	case figureSlot:
		name = at.signal.Name
		if field != "severity" && field != "when" {
			k.reads[at.signal] = true
		}
	case hostSlot:
		name = "host." + at.signal.Name
	}
	if _, ok := k.check.Optional[name]; !ok && !slices.Contains(k.check.Requires, name) {
		k.errs = append(k.errs, fmt.Errorf("%s: reads %s, which is neither required nor optional with a value to go on with", field, name))
	}
}

func (k *compiler) text(field, text string, names map[string]any) *template.Template {
	t, err := ParseText(text, names)
	if err != nil {
		k.errs = append(k.errs, fmt.Errorf("%s: %w", field, err))
	}
	return t
}

func (c *Check) compile(l *language, all *Catalogue, byID map[string]*Check) error {
	k := &compiler{language: l, check: c, reads: map[*Signal]bool{}}
	named := append(slices.Sorted(maps.Keys(c.Optional)), c.Requires...)
	for _, name := range named {
		if at := l.kind.slots[name]; at.what != figureSlot && at.what != hostSlot {
			k.errs = append(k.errs, fmt.Errorf("%s is not a signal of %s", name, c.Entity))
		}
	}
	if len(k.errs) > 0 {
		return errors.Join(k.errs...)
	}
	c.when = k.condition("when", c.When)
	c.fire = k.condition("fire", c.Fire)
	c.clear = k.condition("clear", c.Clear)
	for i := range c.Severity {
		c.Severity[i].when = k.condition("severity", c.Severity[i].When)
	}
	c.reads = slices.Collect(maps.Keys(k.reads))
	names := c.sample("")
	delete(names, "")
	c.titleText = k.text("title", c.Title, names)
	c.effectText = k.text("effect", c.Effect, names)
	for _, r := range c.Remedy {
		c.remedyText = append(c.remedyText, k.text("remedy", r, names))
	}
	for i := range c.Evidence {
		k.figure(&c.Evidence[i])
	}
	for i := range c.Culprits {
		k.blame(&c.Culprits[i], all, names)
	}
	for i := range c.EchoOf {
		e := &c.EchoOf[i]
		if e.check = byID[e.Check]; e.check == nil {
			k.errs = append(k.errs, fmt.Errorf("echo_of: there is no check %q", e.Check))
		}
		e.when = k.condition("echo_of", e.When)
	}
	return errors.Join(k.errs...)
}

func (k *compiler) figure(f *Figure) {
	f.ref = k.kind.slots[f.Signal]
	if f.ref.what != figureSlot && f.ref.what != hostSlot {
		k.errs = append(k.errs, fmt.Errorf("evidence: %q is not a signal of %s", f.Signal, k.kind.Name))
		return
	}
	f.when = k.condition("evidence", f.When)
	if _, ok := k.check.Limits[f.Limit]; f.Limit != "" && !ok {
		k.errs = append(k.errs, fmt.Errorf("evidence: limit %q is not among the check's limits", f.Limit))
	}
	f.text = k.text("evidence", f.Text, k.check.sample(f.Signal))
}

func (k *compiler) blame(b *Blame, all *Catalogue, names map[string]any) {
	if b.Limit == 0 {
		b.Limit = 3
	}
	names = maps.Clone(names)
	names["value"], names["usual_value"], names["known_value"] = 1.0, 1.0, true
	its := map[string]any{}
	if of := all.kinds[b.Of]; of != nil {
		for _, s := range of.signals {
			its[s.Name] = 1.0
		}
	}
	names["its"] = its
	b.when = k.condition("culprits", b.When)
	b.text = k.text("culprits", b.Text, names)
	if b.Of == "server" {
		return
	}
	if b.Of == "self" {
		b.name = k.text("culprits", b.Name, names)
		return
	}
	if b.kind = all.kinds[b.Of]; b.kind == nil {
		k.errs = append(k.errs, fmt.Errorf("culprits: kind %q is not in kinds.yaml", b.Of))
		return
	}
	signals := []string{b.Signal}
	if b.Or != "" {
		signals = append(signals, b.Or)
	}
	for _, name := range signals {
		s := all.Signal(b.Of, name)
		if s == nil {
			k.errs = append(k.errs, fmt.Errorf("culprits: %s has no signal %q", b.Of, name))
			return
		}
		if b.signals = append(b.signals, s); s.Unit != b.signals[0].Unit {
			k.errs = append(k.errs, fmt.Errorf("culprits: %s is in %s and %s in %s; they cannot be compared", name, s.Unit, b.Signal, b.signals[0].Unit))
		}
	}
}

// orderChecks sorts checks so that causes stand before their echoes, and
// refuses a circle, in which each would hide the other.
func (c *Catalogue) orderChecks() error {
	const visiting = -1
	var visit func(*Check) error
	visit = func(check *Check) error {
		if check.rank == visiting {
			return fmt.Errorf("%s: check %s is an echo of itself by way of its causes", check.place, check.ID)
		}
		if check.rank > 0 {
			return nil
		}
		check.rank = visiting
		rank := 1
		for _, e := range check.EchoOf {
			if err := visit(e.check); err != nil {
				return err
			}
			rank = max(rank, e.check.rank+1)
		}
		check.rank = rank
		return nil
	}
	for _, check := range c.checks {
		if err := visit(check); err != nil {
			return err
		}
	}
	slices.SortStableFunc(c.checks, func(a, b *Check) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.ID, b.ID))
	})
	return nil
}
