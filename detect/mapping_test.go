package detect

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryMappingHasAScenario: what an exporter prints, and what is made of
// it. Each signal of a mapping must be expected with a figure somewhere.
func TestEveryMappingHasAScenario(t *testing.T) {
	c := loadCatalogue(t)
	stated := map[string]map[string]bool{}
	files := map[string]scenario{}
	for _, file := range scenarioFiles(t) {
		s := readScenario(t, file)
		for _, exporter := range s.exporters {
			files[exporter] = s
			if stated[exporter] == nil {
				stated[exporter] = map[string]bool{}
			}
			for _, e := range s.expect {
				if e.sign == "value" {
					kind, _, _ := strings.Cut(e.entity, ":")
					stated[exporter][kind+" "+e.check] = true
				}
			}
		}
	}
	for _, m := range c.Mappings() {
		if stated[m.Exporter] == nil {
			t.Errorf("%s: no scenario has a line \"exporter %s\"", m.place, m.Exporter)
			continue
		}
		missing := 0
		for _, kind := range slices.Sorted(maps.Keys(m.Signals)) {
			for _, signal := range slices.Sorted(maps.Keys(m.Signals[kind])) {
				if !stated[m.Exporter][kind+" "+signal] {
					t.Errorf("%s: no scenario expects a figure of %s of %s", m.place, signal, kind)
					missing++
				}
			}
		}
		if missing > 0 {
			t.Logf("what it gives:\n%s", strings.Join(figures(t, c, files[m.Exporter], m), "\n"))
		}
	}
}

// figures are the lines that a scenario of an exporter could expect.
func figures(t *testing.T, c *Catalogue, s scenario, m *Mapping) []string {
	engine := New(c, Defaults())
	n := newNumbers(t, s.series)
	if _, err := engine.Round(t.Context(), Env{Tenant: "default", Environment: "test", Querier: n}, start.Add(s.end)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for key, e := range engine.watch("default", "test").picture.entities {
		for name := range m.Signals[key.kind.Name] {
			if v, ok := e.Value(c.Signal(key.kind.Name, name)); ok {
				out = append(out, fmt.Sprintf("at %s value %s %s %s", s.end, key.id, name, strconv.FormatFloat(v, 'g', 4, 64)))
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestBadBySeveralSelectors: what counts the answers of a service for a promise
// takes all that is bad, and each once.
func TestBadBySeveralSelectors(t *testing.T) {
	s := readScenario(t, "scenarios/exporter-istio.txtar")
	engine, n := New(loadCatalogue(t), Defaults()), newNumbers(t, s.series)
	if _, err := engine.Round(t.Context(), Env{Tenant: "default", Environment: "test", Querier: n}, start.Add(s.end)); err != nil {
		t.Fatal(err)
	}
	count := func(expr string) float64 {
		t.Helper()
		samples, err := n.Instant(t.Context(), strings.ReplaceAll(expr, "$window", "2m"), start.Add(s.end))
		if err != nil || len(samples) != 1 {
			t.Fatalf("%s: %v %v", expr, samples, err)
		}
		return samples[0].V
	}
	for _, c := range engine.Countables("default", "test") {
		if c.Entity == "service:shop:stock" {
			if c.Answers == nil {
				t.Fatal("nothing counts its answers")
			}
			if share := count(c.Answers.Bad) / count(c.Answers.All); math.Abs(share-0.2) > 1e-6 {
				t.Errorf("%v of its answers are bad, not a fifth: %s", share, c.Answers.Bad)
			}
			return
		}
	}
	t.Error("the service cannot be counted")
}
