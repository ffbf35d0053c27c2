package detect

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
	"golang.org/x/tools/txtar"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
)

// A scenario is a txtar file in scenarios/: series, and what the engine must
// say about them at which time. Anything that fires and is not expected fails
// the test, at any severity.
//
// The comment before the first file says what happens. A line
// "look-alike of CHECK" says that it looks like the fault but is none; a line
// "exporter NAME" that the series are as that exporter prints them; "exempt CHECK
// ENTITY" that an exemption covers what the check finds about the entity, which
// the engine tells all the same.
//
// In load, each line is one series, every 15 s from 0: in Prometheus'
// notation ("0 1+2x30"), or as what it does over time: "rate 0.1@5m 1.9@2m" is
// a counter that rises so much per second, "gauge 1@5m 7@2m" a gauge,
// "none@5m" in either is no sample. A later line replaces an earlier one of the
// same series; "include NAME" takes in scenarios/NAME.load.
//
// In expect:
//
//	by 60s firing CHECK ENTITY [SEVERITY] [culprit NAME] [evidence TEXT]     (culprit nobody: it blames none)
//	by 5m clear CHECK ENTITY
//	by 5m no-data CHECK ENTITY
//	at 30s unknown CHECK ENTITY
//	at 5m value ENTITY SIGNAL FIGURE      (within 1 %; "absent" for none)
//	at 5m calls ENTITY ENTITY             (the estate is told that one calls the other)
//	at 5m seen ENTITY ENTITY TEXT         (who has seen those calls, see sightingText)
//	at 5m served-by ENTITY ENTITY
//	at 5m cold ENTITY TEXT                (what is shown of it says that a start explains it; "nothing")
//	quiet 5m until 9m CHECK ENTITY [SEVERITY]    (it does not fire between, or not so badly)
//	stands 5m until 9m CHECK ENTITY       (it is not taken back between)
//	rounds 1m until 2h    (15s otherwise; to get through quiet hours)
//	end 10m
type scenario struct {
	name      string
	lookalike []string
	exporters []string
	exempt    finding.Exemptions
	series    map[string]script
	expect    []expectation
	end       time.Duration
	paces     []pace // in order
}

// pace is how far apart rounds are up to a time.
type pace struct{ step, until time.Duration }

func (s scenario) next(at time.Duration) time.Duration {
	for _, p := range s.paces {
		if at < p.until {
			return at + p.step
		}
	}
	return at + step
}

type script struct {
	labels labels.Labels
	values []float64 // every 15 s; NaN for no sample
	native []*histogram.FloatHistogram
}

type expectation struct {
	line          string
	at            time.Duration
	sign          string
	check, entity string
	severity      string
	culprit       string
	evidence      string
	figure        float64
	until         time.Duration
}

const step = 15 * time.Second

func readScenario(t testing.TB, file string) scenario {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := scenario{name: strings.TrimSuffix(filepath.Base(file), ".txtar"), series: map[string]script{}}
	for line := range strings.Lines(string(archive.Comment)) {
		if check, ok := strings.CutPrefix(strings.TrimSpace(line), "look-alike of "); ok {
			s.lookalike = append(s.lookalike, check)
		}
		if exporter, ok := strings.CutPrefix(strings.TrimSpace(line), "exporter "); ok {
			s.exporters = append(s.exporters, exporter)
		}
		if pair, ok := strings.CutPrefix(strings.TrimSpace(line), "exempt "); ok {
			check, entity, _ := strings.Cut(pair, " ")
			s.exempt = append(s.exempt, finding.Exemption{Checks: []string{check}, Entities: []string{entity}, Until: start.Add(24 * time.Hour)})
		}
	}
	for _, f := range archive.Files {
		for line := range strings.Lines(string(f.Data)) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			switch f.Name {
			case "load":
				s.load(t, line)
			case "expect":
				s.expects(t, line)
			default:
				t.Fatalf("%s: file %q is neither load nor expect", file, f.Name)
			}
		}
	}
	if s.end == 0 {
		t.Fatalf("%s: expect needs an end", file)
	}
	return s
}

var promParser = parser.NewParser(parser.Options{})

func (s *scenario) load(t testing.TB, line string) {
	t.Helper()
	if name, ok := strings.CutPrefix(line, "include "); ok {
		archive, err := txtar.ParseFile(filepath.Join("scenarios", name+".load"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(archive.Comment)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				s.load(t, line)
			}
		}
		return
	}
	name, rest, ok := strings.Cut(line, "} ")
	if !ok {
		t.Fatalf("%s: %q: a series needs braces", s.name, line)
	}
	name += "}"
	words := strings.Fields(rest)
	if words[0] != "rate" && words[0] != "gauge" {
		l, values, err := promParser.ParseSeriesDesc(line)
		if err != nil {
			t.Fatalf("%s: %q: %v", s.name, line, err)
		}
		out := script{labels: l}
		for _, v := range values {
			if v.Omitted {
				v.Value = math.NaN()
			}
			out.values = append(out.values, v.Value)
			if v.Histogram != nil {
				out.native = append(out.native, v.Histogram)
			}
		}
		s.series[l.String()] = out
		return
	}
	l, _, err := promParser.ParseSeriesDesc(name + " 0")
	if err != nil {
		t.Fatalf("%s: %q: %v", s.name, name, err)
	}
	out := script{labels: l}
	sum := 0.0
	for _, word := range words[1:] {
		v, long, ok := strings.Cut(word, "@")
		d, err := time.ParseDuration(long)
		if !ok || err != nil {
			t.Fatalf("%s: %q: want VALUE@DURATION", s.name, word)
		}
		f, err := strconv.ParseFloat(v, 64)
		if v == "none" {
			f, err = math.NaN(), nil
		}
		if err != nil {
			t.Fatalf("%s: %q: %v", s.name, word, err)
		}
		for range int(d / step) {
			switch {
			case math.IsNaN(f) || words[0] == "gauge":
				out.values = append(out.values, f)
			default:
				out.values = append(out.values, sum)
				sum += f * step.Seconds()
			}
		}
	}
	s.series[l.String()] = out
}

func (s *scenario) expects(t testing.TB, line string) {
	t.Helper()
	words := strings.Fields(line)
	d, err := time.ParseDuration(words[1])
	if err != nil {
		t.Fatalf("%s: %q: %v", s.name, line, err)
	}
	switch words[0] {
	case "end":
		s.end = d
		return
	case "rounds":
		until, err := time.ParseDuration(words[3])
		if err != nil {
			t.Fatalf("%s: %q: %v", s.name, line, err)
		}
		s.paces = append(s.paces, pace{d, until})
		return
	case "quiet", "stands":
		until, err := time.ParseDuration(words[3])
		if err != nil {
			t.Fatalf("%s: %q: %v", s.name, line, err)
		}
		s.expect = append(s.expect, expectation{line: line, at: d, until: until, sign: words[0], check: words[4], entity: words[5], severity: strings.Join(words[6:], " ")})
		return
	}
	e := expectation{line: line, at: d, sign: words[2], check: words[3], entity: words[4]}
	if e.sign == "cold" {
		e.entity, e.evidence = words[3], strings.Join(words[4:], " ")
		s.expect = append(s.expect, e)
		return
	}
	words = words[5:]
	if e.sign == "seen" {
		e.evidence = strings.Join(words, " ")
		s.expect = append(s.expect, e)
		return
	}
	if e.sign == "value" {
		e.entity, e.check, e.figure = e.check, e.entity, math.NaN()
		if words[0] != "absent" {
			if e.figure, err = strconv.ParseFloat(words[0], 64); err != nil {
				t.Fatalf("%s: %q: %v", s.name, line, err)
			}
		}
		s.expect = append(s.expect, e)
		return
	}
	if len(words) > 0 && words[0] != "culprit" && words[0] != "evidence" {
		e.severity, words = words[0], words[1:]
	}
	if len(words) > 1 && words[0] == "culprit" {
		e.culprit, words = words[1], words[2:]
	}
	if len(words) > 1 && words[0] == "evidence" {
		e.evidence = strings.Join(words[1:], " ")
	}
	s.expect = append(s.expect, e)
}

// start is when scenarios begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// numbers is a metric.Querier on a TSDB in memory.
type numbers struct {
	engine  *promql.Engine
	storage *teststorage.TestStorage
	queries int
}

func newNumbers(t testing.TB, series map[string]script) *numbers {
	t.Helper()
	n := &numbers{storage: teststorage.New(t), engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e7, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, EnableAtModifier: true,
	})}
	app := n.storage.Appender(context.Background())
	for _, key := range slices.Sorted(maps.Keys(series)) {
		had := false
		for i, v := range series[key].values {
			at := start.Add(time.Duration(i) * step).UnixMilli()
			if math.IsNaN(v) && !value.IsStaleNaN(v) {
				if !had {
					continue
				}
				// What vanishes gets a staleness marker, as collect.Record writes.
				v = math.Float64frombits(value.StaleNaN)
				had = false
			} else {
				had = true
			}
			if i < len(series[key].native) {
				if _, err := app.AppendHistogram(0, series[key].labels, at, nil, series[key].native[i]); err != nil {
					t.Fatalf("%s: %v", key, err)
				}
				continue
			}
			if _, err := app.Append(0, series[key].labels, at, v); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *numbers) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	n.queries++
	q, err := n.engine.NewInstantQuery(ctx, n.storage, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	r := q.Exec(ctx)
	if r.Err != nil {
		return nil, fmt.Errorf("%s: %w", expr, r.Err)
	}
	var out []metric.Sample
	switch v := r.Value.(type) {
	case promql.Vector:
		for _, s := range v {
			out = append(out, metric.Sample{Labels: s.Metric, Point: metric.Point{T: at, V: s.F}})
		}
	case promql.Scalar:
		out = append(out, metric.Sample{Point: metric.Point{T: at, V: v.V}})
	}
	return out, nil
}

func (n *numbers) Range(ctx context.Context, expr string, w metric.Window) ([]metric.Series, error) {
	n.queries++
	q, err := n.engine.NewRangeQuery(ctx, n.storage, nil, expr, w.From, w.To, w.Step)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	r := q.Exec(ctx)
	m, err := r.Matrix()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	var out []metric.Series
	for _, s := range m {
		one := metric.Series{Labels: s.Metric}
		for _, f := range s.Floats {
			one.Points = append(one.Points, metric.Point{T: time.UnixMilli(f.T), V: f.F})
		}
		out = append(out, one)
	}
	return out, nil
}

// content is a folder of further content, as detect.content of the
// configuration names it, whose scenarios are tried as well.
var content = flag.String("content", "", "also load this folder, and try its scenarios/*.txtar")

func loadCatalogue(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Config{Content: *content}.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func scenarioFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	if *content == "" {
		return files
	}
	further, err := filepath.Glob(filepath.Join(*content, "scenarios", "*.txtar"))
	if err != nil || len(further) == 0 {
		t.Fatalf("%s has no scenarios/*.txtar: %v", *content, err)
	}
	return append(files, further...)
}

func TestScenarios(t *testing.T) {
	c := loadCatalogue(t)
	for _, file := range scenarioFiles(t) {
		s := readScenario(t, file)
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, c)
		})
	}
}

func (s scenario) run(t *testing.T, c *Catalogue) {
	n := newNumbers(t, s.series)
	engine := New(c, Defaults())
	done := make([]bool, len(s.expect))
	standing := map[string]finding.Report{}
	trace := []string{}
	var told []estate.Relation
	for at := time.Duration(0); at <= s.end; at = s.next(at) {
		result, err := engine.Round(t.Context(), Env{Tenant: "default", Environment: "test", Querier: n, Exemptions: s.exempt}, start.Add(at))
		if err != nil {
			t.Fatalf("at %s: %v", at, err)
		}
		told = append(told, result.Estate.Relations...)
		for _, o := range result.Observations {
			key := o.Key.Check + " " + o.Key.Entity
			if _, stands := standing[key]; o.Sign != finding.Firing || !stands {
				trace = append(trace, fmt.Sprintf("%s %s %s %s %s", at, o.Sign, key, o.Report.Severity, o.Report.Title+o.Reason))
			}
			if o.Sign == finding.Firing {
				standing[key] = o.Report
				if kind := c.kinds[string(o.Report.EntityKind)]; o.Report.Host == "" && (kind == nil || !kind.Apart) {
					t.Errorf("at %s: %s does not say on which machine, or from where it was seen", at, key)
				}
				if !slices.ContainsFunc(s.expect, func(e expectation) bool { return e.sign == "firing" && e.check+" "+e.entity == key }) {
					t.Errorf("at %s: %s fires and is not expected: %s: %s", at, key, o.Report.Severity, o.Report.Title)
				}
			} else {
				delete(standing, key)
			}
			for i, e := range s.expect {
				if e.sign == "quiet" && o.Sign == finding.Firing && (e.severity == "" || e.severity == o.Report.Severity.String()) && o.Key.Check == e.check && o.Key.Entity == e.entity && at >= e.at && at <= e.until {
					t.Errorf("at %s: %s: it fires", at, e.line)
				}
				if e.sign == "stands" && o.Sign != finding.Firing && o.Key.Check == e.check && o.Key.Entity == e.entity && at >= e.at && at <= e.until {
					t.Errorf("at %s: %s: it is taken back", at, e.line)
				}
				if done[i] && e.strays(o) {
					t.Errorf("at %s: %s blames %s and not %s any more", at, key, blamed(o), e.culprit)
				}
				done[i] = done[i] || e.metBy(o, at)
			}
		}
		for i, e := range s.expect {
			if e.at != at {
				continue
			}
			switch e.sign {
			case "quiet":
				done[i] = true
			case "stands":
				_, done[i] = standing[e.check+" "+e.entity]
			case "cold":
				done[i] = e.isCold(t, engine)
			case "value":
				done[i] = e.measured(t, engine, c)
			case "seen":
				done[i] = e.sighted(t, engine, start.Add(at))
			case "calls", "served-by":
				done[i] = slices.ContainsFunc(told, func(r estate.Relation) bool { return r.From == e.check && r.To == e.entity && string(r.Kind) == e.sign })
			}
		}
		for _, cover := range result.Coverage {
			for i, e := range s.expect {
				if e.sign == "unknown" && cover.State == Unknown && e.at == at && e.check == cover.Check && e.entity == cover.Entity {
					done[i] = true
				}
			}
		}
	}
	for i, ok := range done {
		if !ok {
			t.Errorf("did not come true: %s", s.expect[i].line)
		}
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("what happened:\n%s", strings.Join(trace, "\n"))
		for key, r := range standing {
			t.Logf("%s: %+v", key, r)
		}
	}
}

// sightingText is one sighting in a line, its figures rounded: "Istio 10
// requests/s, last 15s, heard 0s, 300 calls".
func sightingText(s estate.Sighting, now time.Time) string {
	last := "never"
	if !s.Last.IsZero() {
		last = "last " + now.Sub(s.Last).String()
	}
	return fmt.Sprintf("%s %.0f %s/s, %s, heard %s, %.0f calls", s.By, s.Rate, s.Counts, last, now.Sub(s.Heard), s.Calls)
}

// sighted says that a source has seen the calls that are expected.
func (e expectation) sighted(t *testing.T, engine *Engine, now time.Time) bool {
	t.Helper()
	list, _ := engine.Sightings("default", "test")
	for _, s := range list {
		if s.From != e.check || s.To != e.entity {
			continue
		}
		if sightingText(s, now) == e.evidence {
			return true
		}
		t.Logf("%s: there is %q", e.line, sightingText(s, now))
	}
	return false
}

// measured says that a signal has the figure that is expected.
func (e expectation) measured(t *testing.T, engine *Engine, c *Catalogue) bool {
	t.Helper()
	for key, entity := range engine.watch("default", "test").picture.entities {
		if key.id != e.entity || c.Signal(key.kind.Name, e.check) == nil {
			continue
		}
		have, there := entity.Value(c.Signal(key.kind.Name, e.check))
		if !there {
			have = math.NaN()
		}
		if math.IsNaN(e.figure) != math.IsNaN(have) || math.Abs(have-e.figure) > 0.01*math.Abs(e.figure)+1e-9 {
			t.Errorf("%s: it is %g", e.line, have)
		}
		return true
	}
	return math.IsNaN(e.figure)
}

// isCold says that what is shown of an entity tells of a start, or, for
// "nothing", of none.
func (e expectation) isCold(t *testing.T, engine *Engine) bool {
	t.Helper()
	for _, x := range engine.Sights("default", "test") {
		if x.Entity != e.entity {
			continue
		}
		if e.evidence == "nothing" && x.Cold != "" || e.evidence != "nothing" && !strings.Contains(x.Cold, e.evidence) {
			t.Errorf("%s: it says %q", e.line, x.Cold)
		}
		return true
	}
	return false
}

func (e expectation) metBy(o finding.Observation, at time.Duration) bool {
	if at > e.at || string(o.Sign) != e.sign || o.Key.Check != e.check || o.Key.Entity != e.entity {
		return false
	}
	if e.severity != "" && o.Report.Severity.String() != e.severity {
		return false
	}
	if e.culprit != "" && blamed(o) != e.culprit {
		return false
	}
	return e.evidence == "" || slices.ContainsFunc(o.Report.Evidence, func(v finding.Evidence) bool { return strings.Contains(v.Text, e.evidence) })
}

// strays says that a finding has come to blame somebody else: when the culprit
// stops, its victims are the next in rank while the trouble fades.
func (e expectation) strays(o finding.Observation) bool {
	return e.culprit != "" && o.Sign == finding.Firing && o.Key.Check == e.check && o.Key.Entity == e.entity &&
		len(o.Report.Culprits) > 0 && blamed(o) != e.culprit
}

// blamed is whom a finding blames first.
func blamed(o finding.Observation) string {
	if len(o.Report.Culprits) == 0 {
		return "nobody"
	}
	return o.Report.Culprits[0].Name
}

// TestEveryCheckHasScenarios: a check without a case that fires and one that
// looks alike and must not is only an opinion.
func TestEveryCheckHasScenarios(t *testing.T) {
	fires, alike := map[string]bool{}, map[string]bool{}
	for _, file := range scenarioFiles(t) {
		s := readScenario(t, file)
		for _, e := range s.expect {
			fires[e.check] = fires[e.check] || e.sign == "firing"
		}
		for _, check := range s.lookalike {
			alike[check] = true
			if slices.ContainsFunc(s.expect, func(e expectation) bool { return e.sign == "firing" && e.check == check }) {
				t.Errorf("%s: is called a look-alike of %s and expects it to fire", s.name, check)
			}
		}
	}
	c := loadCatalogue(t)
	for _, check := range c.Checks() {
		if !fires[check.ID] {
			t.Errorf("%s: no scenario in which %s fires", check.place, check.ID)
		}
		if !alike[check.ID] {
			t.Errorf("%s: no scenario is a look-alike of %s", check.place, check.ID)
		}
	}
}
