package detect

import (
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"github.com/prometheus/prometheus/promql/parser"
)

// Signal is what a series means: a figure about one entity.
type Signal struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"`
	Help string `yaml:"help"`
	// Unit is "ratio", "seconds", "bytes", "bytes/s", "1/s", "count", "cores".
	Unit string `yaml:"unit"`
	// Better is the direction that is good: "lower", "higher" or "none".
	Better string `yaml:"better"`
	// Expr is PromQL whose samples carry the kind's labels. $window stands for
	// Window; $match, inside braces, for matchers that narrow it to one
	// entity when evidence is drawn; $host likewise for its machine only.
	Expr string `yaml:"expr"`
	// Window is what $window stands for; 45 s by default, three samples of
	// the collectors. Where rounds are further apart it grows with them.
	Window time.Duration `yaml:"window"`
	// Every is how often it is read; each round by default.
	Every time.Duration `yaml:"every"`
	// Over makes the signal from the signals of other entities of the host.
	Over *Aggregate `yaml:"over"`
	// Tells are labels of its samples that are facts of this moment, such as
	// the reason of a failure: checks and texts read them as label.NAME.
	Tells []string `yaml:"tells"`
	// Absent says why the signal may be missing, for coverage.
	Absent string `yaml:"absent"`

	kind    *Kind
	index   int
	exprs   []string // of every file that provides it, in order
	learned bool     // some check or culprit asks what is usual
	place   place
}

const defaultWindow = 45 * time.Second

// Aggregate folds a figure of all entities of a kind on the host into one.
type Aggregate struct {
	Kind  string `yaml:"kind"`
	Value string `yaml:"value"` // CEL number over the entity's signals
	Where string `yaml:"where"` // CEL condition; all by default
	How   string `yaml:"how"`   // "sum", "max" or "count"

	kind         *Kind
	value, where cel.Program
}

// promql writes the expression number i with its placeholders filled in.
func (s *Signal) promql(i int, match, host string, window time.Duration) string {
	return strings.NewReplacer("$window", promDuration(window), "$match", match, "$host", host).Replace(s.exprs[i])
}

// Query is PromQL that draws the signal of one entity, or "" for an aggregate.
func (s *Signal) Query(e *Entity) string {
	if s.Over != nil {
		return ""
	}
	var match []string
	for _, name := range s.kind.Labels {
		match = append(match, fmt.Sprintf("%s=%q", name, e.Labels[name]))
	}
	instance := fmt.Sprintf("instance=%q", e.Labels["instance"])
	return strings.Join(strings.Fields(s.promql(e.source[s.index], strings.Join(match, ","), instance, s.Window)), " ")
}

func promDuration(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

var units = map[string]bool{"ratio": true, "seconds": true, "bytes": true, "bytes/s": true, "1/s": true, "count": true, "cores": true}

// validate checks what YAML cannot say, and fills in defaults.
func (s *Signal) validate() error {
	if s.Window == 0 {
		s.Window = defaultWindow
	}
	switch {
	case s.Name == "":
		return fmt.Errorf("a signal needs a name")
	case !units[s.Unit]:
		return fmt.Errorf("signal %s: unit %q is not known", s.Name, s.Unit)
	case s.Better != "lower" && s.Better != "higher" && s.Better != "none":
		return fmt.Errorf("signal %s: better must be lower, higher or none", s.Name)
	case s.Help == "":
		return fmt.Errorf("signal %s: needs help: one line that says what it means", s.Name)
	case (s.Expr == "") == (s.Over == nil):
		return fmt.Errorf("signal %s: needs either expr or over", s.Name)
	}
	if s.Expr == "" {
		return nil
	}
	s.exprs = []string{s.Expr}
	if _, err := parser.NewParser(parser.Options{}).ParseExpr(s.promql(0, "", "", s.Window)); err != nil {
		return fmt.Errorf("signal %s: expr: %w", s.Name, err)
	}
	return nil
}
