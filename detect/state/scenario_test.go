package state

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// A scenario is a txtar file in scenarios/: what the cluster says at which
// time, and what must be found. What fires and is not expected fails the test,
// at any severity. A line "look-alike of CHECK" in the comment says that
// something looks like the fault and is none; a line "exempt CHECK ID" that an
// exemption covers what the check finds about the entity, which is told all the
// same.
//
// In world:
//
//	at 30s
//	pod shop/web-1 phase=Running waiting="app=CrashLoopBackOff" created=@-5m   (adds to what is known)
//	drop pod shop/web-1
//	workload shop/web owns pod shop/web-1
//	not workload shop/web owns pod shop/web-1
//
// A cluster that can be read is there from the start. In expect, times are of
// the scenario:
//
//	at 10s firing CHECK KIND NAME SEVERITY [says TEXT]
//	at 2m fine CHECK KIND NAME
//	at 2m no-data CHECK KIND NAME
//	end 5m
type scenario struct {
	name      string
	lookalike []string
	exempt    finding.Exemptions
	events    map[time.Duration][]string
	expect    []expectation
	end       time.Duration
}

type expectation struct {
	at                  time.Duration
	what, check, entity string
	severity, says      string
	line                string
}

var scenarioStart = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func readScenarios(t testing.TB) []scenario {
	t.Helper()
	files, err := filepath.Glob("scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	var out []scenario
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := scenario{name: strings.TrimSuffix(filepath.Base(file), ".txtar"), events: map[time.Duration][]string{}}
		archive := txtar.Parse(data)
		for line := range strings.Lines(string(archive.Comment)) {
			if check, ok := strings.CutPrefix(strings.TrimSpace(line), "look-alike of "); ok {
				check, _, _ = strings.Cut(check, ":")
				s.lookalike = append(s.lookalike, check)
			}
			if pair, ok := strings.CutPrefix(strings.TrimSpace(line), "exempt "); ok {
				check, id, _ := strings.Cut(pair, " ")
				s.exempt = append(s.exempt, finding.Exemption{Checks: []string{check}, Entities: []string{id}, Until: scenarioStart.Add(24 * time.Hour)})
			}
		}
		for _, f := range archive.Files {
			var at time.Duration
			for line := range strings.Lines(string(f.Data)) {
				line = strings.TrimSpace(line)
				words := fields(line)
				switch {
				case line == "" || strings.HasPrefix(line, "#"):
				case f.Name == "world" && words[0] == "at":
					at = duration(t, words[1])
				case f.Name == "world":
					s.events[at] = append(s.events[at], line)
				case words[0] == "end":
					s.end = duration(t, words[1])
				default:
					e := expectation{at: duration(t, words[1]), what: words[2], check: words[3], entity: id(words[4], words[5]), line: line}
					if len(words) > 6 {
						e.severity = words[6]
					}
					_, e.says, _ = strings.Cut(line, " says ")
					s.expect = append(s.expect, e)
				}
			}
		}
		out = append(out, s)
	}
	return out
}

func duration(t testing.TB, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fields splits at spaces outside of quotes, and takes the quotes away.
func fields(line string) []string {
	var out []string
	var word strings.Builder
	quoted := false
	for _, r := range line {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			if word.Len() > 0 {
				out = append(out, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(r)
		}
	}
	if word.Len() > 0 {
		out = append(out, word.String())
	}
	return out
}

func id(kind, name string) string {
	if kind == string(clusterKind) {
		return estate.ID(clusterKind, "prod")
	}
	return estate.ID(estate.Kind(kind), append([]string{"prod"}, strings.Split(name, "/")...)...)
}

// apply makes one line of a world true.
func apply(t testing.TB, c *Catalogue, g *Graph, line string) {
	t.Helper()
	w := fields(line)
	switch {
	case w[0] == "drop":
		gone := id(w[1], w[2])
		for _, kind := range []estate.RelationKind{estate.Owns, estate.RunsOn, "in", "mounts", "binds", RoutesTo, "scaled-by", "limited-by", "allowed-by", estate.Calls} {
			for _, to := range g.Out(gone, kind) {
				part(g, gone, kind, to)
			}
			for _, from := range g.In(gone, kind) {
				part(g, from, kind, gone)
			}
		}
		g.Apply(estate.Delta{Vanish: []estate.Entity{{ID: gone}}})
	case w[0] == "not":
		part(g, id(w[1], w[2]), estate.RelationKind(w[3]), id(w[4], w[5]))
	case len(w) == 5 && !strings.Contains(w[2], "="):
		g.Apply(estate.Delta{Join: []estate.Relation{{From: id(w[0], w[1]), Kind: estate.RelationKind(w[2]), To: id(w[3], w[4])}}})
	default:
		kind := c.kinds[estate.Kind(w[0])]
		if kind == nil {
			t.Fatalf("%s: no such kind", line)
		}
		e, _ := g.Entity(id(w[0], w[1]))
		attributes := maps.Clone(e.Attributes)
		if attributes == nil {
			attributes = map[string]string{}
		}
		name := w[1]
		if ns, rest, ok := strings.Cut(name, "/"); ok {
			attributes["namespace"], name = ns, rest
		}
		for _, a := range w[2:] {
			key, value, _ := strings.Cut(a, "=")
			typ, ok := kind.Attributes[key]
			if !ok {
				t.Fatalf("%s: %s is not an attribute of %s", line, key, w[0])
			}
			if offset, ok := strings.CutPrefix(value, "@"); ok && typ == Time {
				value = scenarioStart.Add(duration(t, offset)).Format(time.RFC3339)
			}
			attributes[key] = value
		}
		g.Apply(estate.Delta{Appear: []estate.Entity{{ID: id(w[0], w[1]), Kind: kind.Name, Name: name, Attributes: attributes}}})
	}
}

func part(g *Graph, from string, kind estate.RelationKind, to string) {
	g.Apply(estate.Delta{Part: []estate.Relation{{From: from, Kind: kind, To: to}}})
}

// standing folds observations into what a reader would see.
type standing map[judged]finding.Observation

func (s standing) take(t testing.TB, list []finding.Observation) {
	t.Helper()
	for _, o := range list {
		key := judged{o.Key.Check, o.Key.Entity}
		switch o.Sign {
		case finding.Clear:
			if _, ok := s[key]; !ok {
				t.Errorf("%s clears what did not stand", key)
			}
			delete(s, key)
		case finding.Firing:
			s[key] = o
		case finding.NoData:
			if was, ok := s[key]; !ok || was.Sign == "" {
				t.Errorf("%s has no data, and did not stand", key)
			}
			s[key] = o
		}
	}
}

func TestScenarios(t *testing.T) {
	for _, s := range readScenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			runScenario(t, load(t), s)
		})
	}
}

func load(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// runScenario holds two engines to the same scenario: one that looks at what
// changed, and one that looks at everything in each round. They must
// agree, but for two minutes in which what lingers ends.
func runScenario(t *testing.T, c *Catalogue, s scenario) {
	g := NewGraph()
	apply(t, c, g, "kubernetes-cluster prod reachable=true version=v1.34.1")
	engine, whole := New(c), New(c)
	where := Where{Tenant: "t", Environment: "e", World: g, Exemptions: s.exempt}
	seen, seenWhole := standing{}, standing{}
	expected := map[judged]bool{}
	for _, e := range s.expect {
		if engine.check(e.check) == nil {
			t.Fatalf("%s: no such check", e.line)
		}
		expected[judged{e.check, e.entity}] = true
	}
	step := time.Second
	agreed := time.Duration(0)
	for at := time.Duration(0); at <= s.end; at += step {
		if at >= 10*time.Minute {
			step = 10 * time.Second
		}
		if at >= 2*time.Hour {
			step = 5 * time.Minute
		}
		if at >= 26*time.Hour {
			step = time.Hour
		}
		for _, line := range s.events[at] {
			apply(t, c, g, line)
		}
		now := scenarioStart.Add(at)
		seen.take(t, engine.Round(where, now).Observations)
		both := at%(5*time.Second) == 0 && (at < 10*time.Minute || at%time.Minute == 0)
		if both {
			whole.watch("t", "e").mark = 0
			seenWhole.take(t, whole.Round(where, now).Observations)
		}
		for _, key := range slices.SortedFunc(maps.Keys(seen), compareJudged) {
			if !expected[key] {
				t.Fatalf("at %s: %s of %s is not expected: %s", at, key.Check, key.Group, seen[key].Report.Title)
			}
		}
		if a, b := stands(seen), stands(seenWhole); a == b {
			agreed = at
		} else if both && at-agreed > 2*time.Minute { // what lingers may end a little earlier or later
			t.Fatalf("at %s: looking at changes gives\n%s\nlooking at everything gives\n%s", at, a, b)
		}
		for _, e := range s.expect {
			if e.at == at {
				e.hold(t, seen)
			}
		}
	}
	for at := range s.events {
		if at > s.end {
			t.Errorf("an event at %s is after the end", at)
		}
	}
}

func stands(s standing) string {
	var out []string
	for key, o := range s {
		out = append(out, fmt.Sprint(key, " ", o.Sign))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func (e expectation) hold(t *testing.T, seen standing) {
	t.Helper()
	o, ok := seen[judged{e.check, e.entity}]
	switch {
	case e.what == "fine" && !ok:
	case e.what == "fine":
		t.Errorf("%s: it still stands: %s %s", e.line, o.Sign, o.Report.Title)
	case !ok:
		t.Errorf("%s: it does not; there are\n%s", e.line, stands(seen))
	case e.what == "no-data":
		if o.Sign != finding.NoData {
			t.Errorf("%s: %s", e.line, o.Sign)
		}
	case o.Sign != finding.Firing || o.Report.Severity.String() != e.severity:
		t.Errorf("%s: %s %s", e.line, o.Sign, o.Report.Severity)
	default:
		said := o.Report.Title + "\n" + o.Report.Effect + "\n" + strings.Join(o.Report.Remedy, "\n")
		for _, f := range o.Report.Evidence {
			said += "\n" + f.Text
		}
		if !strings.Contains(said, e.says) {
			t.Errorf("%s: it says\n%s", e.line, said)
		}
		if len(o.Report.Evidence) == 0 || len(o.Report.Remedy) == 0 || strings.Contains(said, "<no value>") {
			t.Errorf("%s: incomplete: %+v", e.line, o.Report)
		}
	}
}

// TestEveryCheckHasScenarios: each fires in one, and has a look-alike in which
// it must not.
func TestEveryCheckHasScenarios(t *testing.T) {
	fires, looks := map[string]bool{}, map[string]bool{}
	for _, s := range readScenarios(t) {
		for _, e := range s.expect {
			if e.what == "firing" {
				fires[e.check] = true
			}
		}
		for _, check := range s.lookalike {
			looks[check] = true
		}
	}
	for _, c := range load(t).Checks() {
		// What is always told with its cause can be seen there alone.
		if c.ID == "pods-on-lost-node" {
			continue
		}
		if !fires[c.ID] {
			t.Errorf("%s fires in no scenario", c.ID)
		}
		if !looks[c.ID] {
			t.Errorf("%s has no look-alike", c.ID)
		}
	}
}
