package detect

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/estate"
)

// Countable is something that is asked over the network, with what counts its
// events, so that a promise can be made of it.
type Countable struct {
	Entity  string
	Kind    string
	Name    string
	Traffic float64 // requests a second in the last round; NaN where it is not known
	// Answers counts its answers; Shown says that something tells of its errors,
	// also where nothing counts them.
	Answers *Events
	Shown   bool
	Latency *Distribution
	// Waits says, for people, by what design it takes long; empty where it does not.
	Waits string
}

// Events are PromQL that counts in $window, for one entity.
type Events struct {
	Bad, All string
	Exporter string // whose figures they are, for people
}

// Distribution is the histogram of how long an entity's answers take.
type Distribution struct {
	Name     string // of the metric, without a suffix
	Selector string // label matchers without braces
	Native   bool
	// PerSecond is what a second is in its unit: 1000 for milliseconds.
	PerSecond float64
	// Plain says that its name and selector are all that is needed to count it.
	Plain    bool
	Exporter string

	pre, join string // around each vector, where names are picked out or joined
}

// vector is the increase of one of its metrics, with more matchers.
func (d Distribution) vector(suffix, more string) string {
	all := strings.Trim(d.Selector+","+more, ",")
	return d.pre + " increase(" + d.Name + suffix + "{" + all + "}[$window]) " + d.join
}

// Buckets is PromQL for how many answers of $window each bucket of a classic
// histogram holds.
func (d Distribution) Buckets() string { return "sum by (le) (" + d.vector("_bucket", "") + ")" }

// Quantile is PromQL for a quantile of the answers of $window, in seconds.
func (d Distribution) Quantile(q float64) string {
	inner := "sum by (le) (" + d.vector("_bucket", "") + ")"
	if d.Native {
		inner = "sum(" + d.vector("", "") + ")"
	}
	return "histogram_quantile(" + number(q) + ", " + inner + ") / " + number(d.PerSecond)
}

// Late is PromQL that counts the answers of $window that took longer than so
// many seconds, and all. A classic histogram needs a bucket there.
func (d Distribution) Late(seconds float64) (late, all string) {
	edge := math.Round(seconds*d.PerSecond*1e9) / 1e9
	if d.Native {
		sum := "sum(" + d.vector("", "") + ")"
		all = "histogram_count(" + sum + ")"
		return all + " * (1 - histogram_fraction(0, " + number(edge) + ", " + sum + "))", all
	}
	le := strings.ReplaceAll(number(edge), ".", `\\.`)
	if !strings.Contains(le, ".") { // a whole number is written as 1 or as 1.0
		le += `(\\.0)?`
	}
	all = "sum(" + d.vector("_count", "") + ")"
	return all + " - sum(" + d.vector("_bucket", `le=~"`+le+`"`) + ")", all
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Countables lists the services and routes of an environment that were seen
// lately and tell of their errors or of how long they take, those that are asked
// most first. It waits for a round that is under way.
func (e *Engine) Countables(tenant, environment string) []Countable {
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Countable
	for _, x := range w.picture.entities {
		if x.Kind.Name != string(estate.KindService) && x.Kind.Name != routeKind || w.at.Sub(x.seen) > recently {
			continue
		}
		c := Countable{Entity: x.ID, Kind: x.Kind.Name, Name: x.Name, Traffic: x.load(), Waits: x.wait.says()}
		for _, s := range x.Kind.signals {
			if _, ok := x.Value(s); !ok || len(s.sources) == 0 {
				continue
			}
			src := s.sources[x.source[s.index]]
			switch s.Name {
			case "errors":
				c.Answers, c.Shown = src.events(x), true
			case "latency":
				c.Latency = src.distribution(x)
			}
		}
		if c.Shown || c.Latency != nil {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Countable) int {
		return cmp.Or(cmp.Compare(b.Traffic, a.Traffic), cmp.Compare(a.Entity, b.Entity))
	})
	return out
}

const routeKind = "route"

// counted is what counts the events of counters of one entity.
func counted(texts ...string) string { return "sum($pre " + over("increase", texts...) + " $join)" }

// events is what counts the answers of an entity; nil where the source tells a
// share only.
func (s *source) events(of *Entity) *Events {
	if len(s.form.Bad) == 0 || s.form.All == "" {
		return nil
	}
	tidy := func(texts ...string) string {
		return strings.Join(strings.Fields(s.fill(counted(texts...), of.Kind, of, "$window")), " ")
	}
	return &Events{Bad: tidy(s.form.Bad...), All: tidy(s.form.All), Exporter: s.mapping.Title}
}

// distribution is the histogram that the source reads; nil where it reads none.
func (s *source) distribution(of *Entity) *Distribution {
	if s.form.Histogram == "" {
		return nil
	}
	match, pre, join := s.matchers(of.Kind, of)
	out := &Distribution{Name: s.form.Histogram, Selector: strings.Trim(strings.TrimRight(s.form.Where, ", ")+","+match, ","), Native: s.native,
		PerSecond: 1, Exporter: s.mapping.Title, pre: pre, join: join}
	if s.form.Scale > 0 {
		out.PerSecond = math.Round(1e6/s.form.Scale) / 1e6
	}
	out.Plain = pre+join == "" && out.PerSecond == 1
	return out
}
