package console

import (
	"cmp"
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/estate"
)

//go:embed charts.yaml
var chartsFile []byte

// catalogue is charts.yaml: what is drawn of each kind of entity.
type catalogue struct {
	Vitals []vital                 `yaml:"vitals"`
	Kinds  map[estate.Kind][]chart `yaml:"kinds"`
}

// chart is one picture: some series in one unit over one time axis.
type chart struct {
	ID     string   `yaml:"id"`
	Title  string   `yaml:"title"`
	About  string   `yaml:"about"` // what it means, for those who do not know
	Unit   string   `yaml:"unit"`
	Stack  bool     `yaml:"stack"`
	Asks   bool     `yaml:"asks"` // of requests: left out where none are seen
	Most   float64  `yaml:"most"` // the value that cannot be passed; 0: none
	Series []drawn  `yaml:"series"`
	Limit  *float64 `yaml:"-"` // the value that a check held it against
	Usual  *float64 `yaml:"-"` // the learned baseline
}

// drawn is one expression of a chart and how its series are named.
type drawn struct {
	Name  string `yaml:"name"`
	Label string `yaml:"label"` // name each series by this label instead
	Expr  string `yaml:"expr"`
	Top   int    `yaml:"top"`   // keep the largest by their mean; 0: all, up to maxSeries
	Half  bool   `yaml:"half"`  // drawn downwards
	Faint bool   `yaml:"faint"` // drawn without emphasis
}

// vital is one sign of life of a host on Now. Its expressions yield one series
// for each instance. Weigh, where given, picks the words instead of the value
// itself: a busy processor for which nobody waits is well.
type vital struct {
	Title string  `yaml:"title"`
	Unit  string  `yaml:"unit"`
	Expr  string  `yaml:"expr"`
	Weigh string  `yaml:"weigh"`
	Words []words `yaml:"words"`
	Chart string  `yaml:"chart"`
}

// words is what is said of a value below a bound; the last has none.
type words struct {
	Below *float64 `yaml:"below"`
	Say   string   `yaml:"say"`
}

func (v vital) say(value float64) (text string, band int) {
	for i, w := range v.Words {
		if w.Below == nil || value < *w.Below {
			return w.Say, i
		}
	}
	return "", 0
}

func builtinCharts() catalogue {
	c, err := parseCharts(chartsFile)
	if err != nil {
		panic("console: " + err.Error())
	}
	return c
}

func parseCharts(raw []byte) (catalogue, error) {
	var c catalogue
	d := yaml.NewDecoder(strings.NewReader(string(raw)))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("charts.yaml: %w", err)
	}
	for kind, charts := range c.Kinds {
		seen := map[string]bool{}
		for _, ch := range charts {
			if ch.ID == "" || ch.Title == "" || len(ch.Series) == 0 || seen[ch.ID] {
				return c, fmt.Errorf("charts.yaml: %s: chart %q needs an id of its own, a title and a series", kind, ch.ID)
			}
			seen[ch.ID] = true
		}
	}
	return c, nil
}

// subject is the names that an entity's id holds, for expressions.
type subject struct {
	host, name, job string
	cube            cubed // of what is in a Kubernetes cluster
}

// subjectOf takes an id apart; see "Entity ids" in ARCHITECTURE.md.
func subjectOf(id string) subject {
	kind, rest, _ := strings.Cut(id, ":")
	first, second, two := strings.Cut(rest, ":")
	if k, ok := cubeOf(estate.Kind(kind), rest); ok {
		return subject{name: k.shown(rest), cube: k}
	}
	switch estate.Kind(kind) {
	case estate.Host:
		return subject{host: rest, name: rest}
	case estate.Endpoint, estate.Certificate, estate.KindService, "edge", "process", "pod", "workload", "route", "database", "cache", "queue", "consumer", "broker", "resolver":
		return subject{name: rest}
	case estate.Target:
		return subject{job: first, name: second}
	default:
		if !two {
			return subject{name: rest}
		}
		return subject{host: first, name: second}
	}
}

// fill puts the entity's names into an expression. Each is quoted for the
// string that it stands in, so that no name can end it.
func (s subject) fill(expr string, window time.Duration) string {
	// Of two names that begin alike the longer one stands first.
	return strings.NewReplacer(
		"$hosts", hostPattern(s.host), "$host", hostPattern(s.host),
		"$cluster", quoted(s.cube.clusterPattern()), "$namespace", quoted(s.cube.space), "$own", quoted(s.cube.own),
		"$pods", quoted(s.cube.pods()), "$set", cmp.Or(s.cube.sort, "deployment"),
		"$name", quoted(s.name), "$job", quoted(s.job), "$window", promDuration(window),
	).Replace(expr)
}

func quoted(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// hostPattern matches a host's instance labels: its name, or its name and a
// port as exporters that are scraped carry it.
func hostPattern(hosts ...string) string {
	alternatives := make([]string, len(hosts))
	for i, h := range hosts {
		alternatives[i] = regexp.QuoteMeta(h)
	}
	return quoted("(" + strings.Join(alternatives, "|") + ")(:[0-9]+)?")
}

func promDuration(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + "s" }
