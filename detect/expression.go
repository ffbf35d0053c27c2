package detect

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
)

// A slot is what a name in an expression stands for.
type slot struct {
	what   what
	signal *Signal
	label  string // of a label or a limit
}

type what uint8

const (
	noSlot what = iota
	figureSlot
	hostSlot  // host.NAME: of the entity's machine
	usualSlot // usual.NAME
	highSlot  // high.NAME
	knownSlot // known.NAME
	offSlot   // off.NAME
	waitSlot  // waits.NAME: seconds that the entity waits by design; 0 where it does not
	coldSlot  // cold.NAME: seconds that answers may take because instances were just started; 0 where none were
	untilSlot // until.NAME, soonest.NAME, latest.NAME: seconds until the signal's limit; never is 1e12
	limitSlot // limit.NAME
	labelSlot // label.NAME
)

// language is CEL with the names of one kind declared, so that a name that
// does not exist is an error when the catalogue is loaded.
type language struct {
	kind *Kind
	env  *cel.Env
}

// newLanguage declares the names of a kind: its own signals, its host's, and
// the limits that checks on it have.
func newLanguage(k, onHost *Kind, limits []string) (*language, error) {
	k.slots = map[string]slot{}
	options := []cel.EnvOption{ext.Math(), cel.CrossTypeNumericComparisons(true)}
	declare := func(name string, t *cel.Type, s slot) {
		k.slots[name] = s
		options = append(options, cel.Variable(name, t))
	}
	for _, s := range k.signals {
		declare(s.Name, cel.DoubleType, slot{what: figureSlot, signal: s})
		declare("usual."+s.Name, cel.DoubleType, slot{what: usualSlot, signal: s})
		declare("high."+s.Name, cel.DoubleType, slot{what: highSlot, signal: s})
		declare("known."+s.Name, cel.BoolType, slot{what: knownSlot, signal: s})
		declare("off."+s.Name, cel.DoubleType, slot{what: offSlot, signal: s})
		if s.latent() {
			declare("waits."+s.Name, cel.DoubleType, slot{what: waitSlot, signal: s})
			declare("cold."+s.Name, cel.DoubleType, slot{what: coldSlot, signal: s})
		}
		if s.Limit != nil {
			for _, when := range []string{"until", "soonest", "latest"} {
				declare(when+"."+s.Name, cel.DoubleType, slot{what: untilSlot, signal: s, label: when})
			}
		}
	}
	if k != onHost && onHost != nil {
		for _, s := range onHost.signals {
			declare("host."+s.Name, cel.DoubleType, slot{what: hostSlot, signal: s})
		}
	}
	labels := slices.Concat(k.Labels, k.Optional, k.Facts)
	if k.IDKind != "" {
		labels = append(labels, k.IDKind)
	}
	for _, s := range k.signals {
		labels = append(labels, s.Tells...)
	}
	slices.Sort(labels)
	for _, name := range slices.Compact(labels) {
		declare("label."+name, cel.StringType, slot{what: labelSlot, label: name})
	}
	for _, name := range limits {
		declare("limit."+name, cel.DoubleType, slot{what: limitSlot, label: name})
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("names of kind %s: %w", k.Name, err)
	}
	return &language{kind: k, env: env}, nil
}

// compile compiles text to a program that gives want, and says which names it
// reads. A check's program may read only limits that the check has.
func (l *language) compile(text string, want *cel.Type) (cel.Program, []slot, error) {
	ast, issues := l.env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, nil, fmt.Errorf("%q: %w", text, err)
	}
	if !ast.OutputType().IsExactType(want) {
		return nil, nil, fmt.Errorf("%q gives %s where %s is wanted", text, ast.OutputType(), want)
	}
	program, err := l.env.Program(ast)
	if err != nil {
		return nil, nil, fmt.Errorf("%q: %w", text, err)
	}
	reads := map[slot]bool{}
	for _, ref := range ast.NativeRep().ReferenceMap() {
		if s, ok := l.kind.slots[ref.Name]; ok {
			reads[s] = true
		}
	}
	return program, slices.Collect(maps.Keys(reads)), nil
}

// Subject is one entity as a check sees it: what Judge is given.
type Subject struct {
	Entity *Entity
	Host   *Entity // the machine's own figures; nil where they are not known
	Check  *Check  // nil while aggregates are made
	Age    float64 // seconds since its last figures; below zero where that is not known
	Lost   string  // why nothing can be known of the entity now; "" if something can
}

// ResolveName and Parent make a Subject a CEL activation.
func (s *Subject) ResolveName(name string) (any, bool) {
	if v, ok := s.lookup(s.Entity.Kind.slots[name]); ok {
		return v, true
	}
	if s.Check != nil {
		if v, ok := s.Check.Optional[name]; ok {
			return types.Double(v), true
		}
	}
	return nil, false
}

// Parent is nil: a subject knows all its names.
func (s *Subject) Parent() cel.Activation { return nil }

func (s *Subject) lookup(at slot) (any, bool) {
	switch at.what {
	case figureSlot:
		v, ok := s.Entity.Value(at.signal)
		return types.Double(v), ok
	case hostSlot:
		if s.Host == nil {
			return nil, false
		}
		v, ok := s.Host.Value(at.signal)
		return types.Double(v), ok
	case usualSlot, highSlot, knownSlot:
		b := s.Entity.usual[at.signal.index]
		switch {
		case at.what == knownSlot:
			return types.Bool(b.Known()), true
		case at.what == usualSlot:
			return types.Double(b.Median()), true
		}
		return types.Double(b.High()), true
	case offSlot:
		if c := s.Entity.courses; c != nil && c[at.signal.index] != nil && c[at.signal.index].out {
			return types.Double(c[at.signal.index].size), true
		}
		return types.Double(0), true
	case waitSlot:
		return types.Double(s.Entity.wait.level), true
	case coldSlot:
		return types.Double(s.Entity.cold.level(at.signal, s.Entity.usual[at.signal.index])), true
	case untilSlot:
		t := s.Entity.trending[at.signal]
		if t == nil {
			return types.Double(never), true
		}
		return types.Double(t.seconds(map[string]time.Duration{"until": t.Until, "soonest": t.Soonest, "latest": t.Latest}[at.label], s.Entity.seen)), true
	case limitSlot:
		if s.Check == nil {
			return nil, false
		}
		v, ok := s.Check.Limits[at.label]
		return types.Double(v), ok
	case labelSlot:
		return types.String(s.Entity.Labels[at.label]), true
	}
	return nil, false
}

// errNotBool cannot happen for a program that compile let through.
var errNotBool = errors.New("the expression did not give true or false")

func (s *Subject) holds(p cel.Program) (bool, error) { return Holds(p, s) }

// Holds evaluates a condition; no condition always holds.
func Holds(p cel.Program, with cel.Activation) (bool, error) {
	if p == nil {
		return true, nil
	}
	v, _, err := p.Eval(with)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, errNotBool
	}
	return bool(b), nil
}

// lacks names the required signals that are absent.
func (s *Subject) lacks() []*Signal {
	var out []*Signal
	for _, name := range s.Check.Requires {
		at := s.Entity.Kind.slots[name]
		if _, ok := s.lookup(at); !ok {
			out = append(out, at.signal)
		}
	}
	return out
}
