package detect

import (
	"fmt"
	"text/template"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/evenkeel/evenkeel/finding"
)

// Check is a rule over the signals of one entity. Expressions are CEL; they
// read the entity's signals by name, those of its machine as host.NAME, what
// is usual as usual.NAME (the median that was learned), high.NAME (its 95th
// percentile), known.NAME (whether enough was learned) and off.NAME (by how many
// spreads the figure has left what is usual, see Course.Size), for how long answers
// take waits.NAME (seconds that they take by design, or 0) and cold.NAME (seconds
// that they may take because instances were just started, or 0), for signals with a
// limit until.NAME, soonest.NAME and latest.NAME (seconds until they reach it at
// their present trend, see Trend; 1e12 without one), limit.NAME for this check's
// limits and label.NAME for the entity's labels.
type Check struct {
	ID     string `yaml:"id"`
	Entity string `yaml:"entity"` // kind
	About  string `yaml:"about"`  // what it looks for, and why like this
	// Requires must all be there, or the check is unknown for the entity.
	Requires []string `yaml:"requires"`
	// Optional signals have a value to go on with where they are absent.
	Optional map[string]float64 `yaml:"optional"`
	// When says which entities of the kind the check is about; all by default.
	When string `yaml:"when"`
	// Blind checks look at whether figures come in at all, and so are made
	// even where they are too old for any other check.
	Blind  bool               `yaml:"blind"`
	Limits map[string]float64 `yaml:"limits"`
	Fire   string             `yaml:"fire"`
	// Clear ends it; by default that Fire is false.
	Clear    string        `yaml:"clear"`
	For      time.Duration `yaml:"for"`       // how long Fire must hold
	ClearFor time.Duration `yaml:"clear_for"` // how long Clear must hold
	Severity []Grade       `yaml:"severity"`  // the first that holds
	// Foreseen checks tell of what hurts nobody yet, and will.
	Foreseen bool     `yaml:"foreseen"`
	Title    string   `yaml:"title"` // texts are text/template
	Effect   string   `yaml:"effect"`
	Remedy   []string `yaml:"remedy"`
	Evidence []Figure `yaml:"evidence"`
	Culprits []Blame  `yaml:"culprits"`
	// EchoOf are the checks that explain this one when they fire.
	EchoOf []Echo `yaml:"echo_of"`
	Notes  string `yaml:"notes"` // where the limits come from

	kind              *Kind
	when, fire, clear cel.Program
	reads             []*Signal // of the entity, that fire and clear read: frozen while it fires
	titleText         *template.Template
	effectText        *template.Template
	remedyText        []*template.Template
	rank              int // causes before their echoes
	place             Place
}

// Grade is one severity rule.
type Grade struct {
	When string           `yaml:"when"` // always by default
	Is   finding.Severity `yaml:"is"`

	when cel.Program
}

// Figure is one piece of evidence. It is left out where its signal is absent.
type Figure struct {
	Signal string `yaml:"signal"` // NAME or host.NAME
	Text   string `yaml:"text"`
	Limit  string `yaml:"limit"` // name of the limit that it was held against
	When   string `yaml:"when"`

	ref  slot
	when cel.Program
	text *template.Template
}

// Blame says how to find who causes it: the entities of a kind on the same
// machine whose signal is most above what is usual for them.
type Blame struct {
	Of     string  `yaml:"of"` // kind; "self" for Name; "server" for the program that listens at label.target
	Signal string  `yaml:"signal"`
	Or     string  `yaml:"or"`    // another signal of the same unit, which counts where it is more unusual
	More   bool    `yaml:"more"`  // only who is seen to do more than before; by default an unknown usual counts as none
	Least  float64 `yaml:"least"` // an excess below this is nobody's fault
	Text   string  `yaml:"text"`  // template with .value, .usual_value, .known_value, .its for the suspect's other signals, and the check's own names
	Name   string  `yaml:"name"`  // template, for self
	Limit  int     `yaml:"limit"` // at most so many; 3 by default
	When   string  `yaml:"when"`  // over the check's own signals

	kind       *Kind
	signals    []*Signal
	when       cel.Program
	text, name *template.Template
}

// Echo names a cause. A symptom on the same entity (where both kinds are named
// by the same labels) or else on the same machine is then an echo of it.
type Echo struct {
	Check string `yaml:"check"`
	// Anywhere lets an echo cross from one entity to another of its kind on
	// the same machine.
	Anywhere bool `yaml:"anywhere"`
	// Within is how far apart the two may have begun; no matter by default.
	Within time.Duration `yaml:"within"`
	When   string        `yaml:"when"` // over the symptom's signals

	check *Check
	when  cel.Program
}

func (c *Check) validate() error {
	switch {
	case c.ID == "":
		return fmt.Errorf("a check needs an id")
	case c.Entity == "" || c.Fire == "" || c.Title == "" || c.Effect == "" || c.About == "":
		return fmt.Errorf("check %s: entity, about, fire, title and effect are needed", c.ID)
	case len(c.Severity) == 0 || c.Severity[len(c.Severity)-1].When != "":
		return fmt.Errorf("check %s: the last severity must hold always (no when)", c.ID)
	case len(c.Remedy) == 0:
		return fmt.Errorf("check %s: needs a remedy: what should a tired person do first?", c.ID)
	case len(c.Requires) == 0:
		return fmt.Errorf("check %s: requires must name at least one signal", c.ID)
	}
	return nil
}
