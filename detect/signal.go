package detect

import (
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
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
	// entity when evidence is drawn; $host likewise for its machine only. A
	// signal without one is given by mappings/*.yaml.
	Expr string `yaml:"expr"`
	// Window is what $window stands for; 45 s by default, three samples of
	// the collectors. It goes with the time between rounds, see query.
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
	// Quantile is which one of a distribution it is, for exporters that give a
	// histogram; Distribution names the signal whose histograms it is of, too.
	Quantile     float64 `yaml:"quantile"`
	Distribution string  `yaml:"distribution"`
	// Average says that it is the mean of a distribution, not a quantile.
	Average bool `yaml:"average"`
	// Seasonal signals have a usual for each hour of the week and, where their
	// entity has a signal "traffic", for each load.
	Seasonal bool `yaml:"seasonal"`
	// Floor is what of it nobody feels, where that is not as for others of the unit.
	Floor float64 `yaml:"floor"`
	// Healthy is what the signal is while all is well, whatever the entity: what
	// it is held against while nothing is known of what is usual.
	Healthy *float64 `yaml:"healthy"`
	// Limit is what the signal cannot pass, or from where on users feel it. What
	// nears it is read by rules as until.NAME, see Trend.
	Limit *float64 `yaml:"limit"`
	// Says is the signal as a part of a sentence about its entity, with $value and
	// $usual for its figures: "is $value behind instead of $usual".
	Says string `yaml:"says"`
	// Clock signals tell how long something has been; nothing is usual of them.
	Clock bool `yaml:"clock"`
	// Wanted signals are told as missing where an entity has none.
	Wanted bool `yaml:"wanted"`

	kind    *Kind
	index   int
	sources []*source // of every file that provides it, in order of preference
	place   Place

	ordinary bool // nothing says what its window is
}

// defaultWindow is three samples at the default interval.
const defaultWindow = 45 * time.Second

// query is the PromQL of a source in rounds so far apart. Where rounds are closer
// than samples are by default, a source that has as many is read over a shorter
// time, so that what begins shows sooner.
func (s *Signal) query(src *source, interval time.Duration) string {
	long := src.promql(s.kind, nil, max(s.Window, 3*interval))
	if !s.ordinary || 3*interval >= s.Window || !strings.Contains(src.expr, "$window") {
		return long
	}
	return "(" + src.promql(s.kind, nil, 3*interval) + ") or (" + long + ")"
}

// Aggregate folds a figure of all entities of a kind on the host into one.
type Aggregate struct {
	Kind  string `yaml:"kind"`
	Value string `yaml:"value"` // CEL number over the entity's signals
	Where string `yaml:"where"` // CEL condition; all by default
	How   string `yaml:"how"`   // "sum", "max" or "count"

	kind         *Kind
	value, where cel.Program
}

// Query is PromQL that draws the signal of one entity, or "" for an aggregate.
func (s *Signal) Query(e *Entity) string {
	if s.Over != nil {
		return ""
	}
	return strings.Join(strings.Fields(s.sources[e.source[s.index]].promql(s.kind, e, s.Window)), " ")
}

func promDuration(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

var units = map[string]bool{"ratio": true, "seconds": true, "bytes": true, "bytes/s": true, "1/s": true, "count": true, "cores": true}

// validate checks what YAML cannot say, and fills in defaults.
func (s *Signal) validate() error {
	if s.Window == 0 {
		s.Window, s.ordinary = defaultWindow, true
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
	case s.Expr != "" && s.Over != nil:
		return fmt.Errorf("signal %s: has both expr and over", s.Name)
	}
	if s.Expr == "" {
		return nil
	}
	s.sources = []*source{{expr: s.Expr}}
	if err := parses(s.sources[0].promql(&Kind{}, nil, s.Window)); err != nil {
		return fmt.Errorf("signal %s: expr: %w", s.Name, err)
	}
	return nil
}
