package state

import (
	"errors"
	"fmt"
	"slices"
	"text/template"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// Check is a rule over the state of one entity, or of the pods of a workload.
// Expressions are CEL. They read the entity's attributes by name, what With
// names as NAME.count, NAME.sum and NAME.names, this check's limits as
// limit.NAME, name, and called (whether a service, a route or a caller leads
// to it). Severity rules read besides: count and total (of members that fire,
// and of all), lasting (seconds since it began) and owner.ATTRIBUTE of the
// workload.
type Check struct {
	ID     string      `yaml:"id"`
	Area   string      `yaml:"area"` // one of Areas
	Entity estate.Kind `yaml:"entity"`
	About  string      `yaml:"about"`
	// By "owner" judges all entities of one topmost workload together; the
	// finding is the workload's. One without an owner stands for itself.
	By string `yaml:"by"`
	// Reads are resources that must be readable, beyond those of the kinds
	// that the check names.
	Reads []string `yaml:"reads"`
	// Requires are attributes without which the check is unknown.
	Requires []string           `yaml:"requires"`
	With     map[string]*With   `yaml:"with"`
	When     string             `yaml:"when"` // which entities it is about; all by default
	Limits   map[string]float64 `yaml:"limits"`
	// Poll is how often it is judged although nothing of the entity changed,
	// where it reads more than can be followed.
	Poll time.Duration `yaml:"poll"`
	// Blind checks are about what can be read, and are made where nothing can.
	Blind    bool          `yaml:"blind"`
	Fire     string        `yaml:"fire"`
	Since    string        `yaml:"since"`     // time attribute that tells when it began; when it was first seen by default
	For      time.Duration `yaml:"for"`       // how long Fire must hold
	ClearFor time.Duration `yaml:"clear_for"` // how long it must not
	Severity []Grade       `yaml:"severity"`
	Title    string        `yaml:"title"` // texts are text/template
	Effect   string        `yaml:"effect"`
	Remedy   []string      `yaml:"remedy"`
	Evidence []Fact        `yaml:"evidence"`
	// Wrote adds what the containers of the pods that fire wrote last.
	Wrote  bool   `yaml:"wrote"`
	EchoOf []Echo `yaml:"echo_of"`
	Notes  string `yaml:"notes"`

	kind, workload        *Kind
	when, fire            cel.Program
	timed                 bool // a time attribute is read: the verdict may change by itself
	times                 []string
	resources             [][]string // of each, one must be readable
	titleText, effectText *template.Template
	remedyText            []*template.Template
	rank                  int // causes before their echoes
	place                 detect.Place
}

// With names entities that hang together with the one that is judged.
type With struct {
	Along []string    `yaml:"along"` // "owns" on, "<owns" back, "owns*" as far as it goes
	To    estate.Kind `yaml:"to"`
	Where string      `yaml:"where"` // over their attributes; all by default
	Sum   string      `yaml:"sum"`   // number attribute for NAME.sum

	kind  *Kind
	way   []step
	where cel.Program
}

// Grade is one severity rule.
type Grade struct {
	When string           `yaml:"when"`
	Is   finding.Severity `yaml:"is"`

	when cel.Program
}

// Fact is one piece of evidence.
type Fact struct {
	Text string `yaml:"text"`
	When string `yaml:"when"`
	Each bool   `yaml:"each"` // once for each member that fires, up to five

	when cel.Program
	text *template.Template
}

// Echo names a check that explains this one where it fires on the same group,
// or on what Along leads to from every member that fires.
type Echo struct {
	Check string   `yaml:"check"`
	Along []string `yaml:"along"`
	// Linger is how long it still counts after the cause has cleared; a minute
	// by default.
	Linger time.Duration `yaml:"linger"`

	check *Check
	way   []step
}

// Areas are the ways in which a cluster can be unwell that state tells of.
var Areas = []string{"node health", "cluster scaling", "network policies", "ingress", "containers", "storage", "service mesh", "availability"}

func (c *Check) validate() error {
	switch {
	case c.ID == "":
		return errors.New("a check needs an id")
	case c.Entity == "" || c.Fire == "" || c.Title == "" || c.Effect == "" || c.About == "":
		return fmt.Errorf("check %s: entity, about, fire, title and effect are needed", c.ID)
	case !slices.Contains(Areas, c.Area):
		return fmt.Errorf("check %s: area %q is not one of %v", c.ID, c.Area, Areas)
	case c.By != "" && c.By != "owner":
		return fmt.Errorf("check %s: by %q is not owner", c.ID, c.By)
	case len(c.Severity) == 0 || c.Severity[len(c.Severity)-1].When != "":
		return fmt.Errorf("check %s: the last severity must hold always (no when)", c.ID)
	case len(c.Remedy) == 0:
		return fmt.Errorf("check %s: needs a remedy: what should a tired person do first?", c.ID)
	case c.Wrote && c.Entity != "pod":
		return fmt.Errorf("check %s: wrote is for checks of pods", c.ID)
	case len(c.Evidence) == 0:
		return fmt.Errorf("check %s: needs evidence", c.ID)
	}
	return nil
}
