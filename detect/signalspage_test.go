package detect

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSignalsPage keeps docs/signals.md as the content says. After a change of
// content: go test ./detect -run SignalsPage -update
func TestSignalsPage(t *testing.T) {
	file := filepath.Join("..", "docs", "signals.md")
	want := signalsPage(loadCatalogue(t))
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil || string(have) != want {
		t.Errorf("docs/signals.md is not what the content says (%v); write it anew: go test ./detect -run SignalsPage -update", err)
	}
}

func signalsPage(c *Catalogue) string {
	var b strings.Builder
	b.WriteString(`# Signals

This page is made from detect/kinds.yaml, detect/signals and detect/mappings (` + "`go test ./detect -run SignalsPage -update`" + `). A *signal* is a figure about one entity, whoever gives it; a *mapping* says what one exporter's series mean. Once a minute it is looked which exporters are there, and only those are asked.

## Adding an exporter

In a folder that ` + "`detect: {content: DIR}`" + ` names, write ` + "`mappings/NAME.yaml`" + ` and ` + "`scenarios/exporter-NAME.txtar`" + `; detect/mappings and detect/scenarios have one of each for every exporter below. New signals go into ` + "`signals/*.yaml`" + `, checks into ` + "`checks/*.yaml`" + `. What is wrong in them is said when Evenkeel starts, with file and line. ` + "`go test ./detect -run 'Scenarios|Mapping|EveryCheck' -content DIR`" + ` (DIR as a whole path) runs the scenarios of the folder.

| placeholder | stands for |
|---|---|
| ` + "`$by`" + ` | the labels that name the entity |
| ` + "`$match`" + ` | inside braces: what narrows series down to those that the naming reads, and to one entity where evidence is drawn |
| ` + "`$window`" + ` | the time to look over, three samples at least |
| ` + "`$pre` `$join`" + ` | before and behind each vector, where names are picked out of a label or joined from another metric |

A signal is PromQL, or one of these: ` + "`{rate: SELECTOR}`, `{sum: SELECTOR}`, `{max: SELECTOR}`, `{min: SELECTOR}`, `{mean: [SUM, COUNT]}`, `{bad: SELECTOR or [SELECTOR, ...], all: SELECTOR}`, `{histogram: NAME, where: MATCHERS}`" + ` (classic and native), each with ` + "`scale`" + ` where the unit is another. A list is tried in its order.

## What each exporter gives

`)
	for _, m := range c.Mappings() {
		fmt.Fprintf(&b, "### %s\n\nIs there where there is `%s`. To have it: %s.\n\n", m.Title, strings.Join(m.Present, "`, `"), m.Add)
		for _, kind := range slices.Sorted(maps.Keys(m.Signals)) {
			fmt.Fprintf(&b, "- **%s**: %s\n", kind, strings.Join(slices.Sorted(maps.Keys(m.Signals[kind])), ", "))
		}
		b.WriteString("\n")
	}
	b.WriteString("## What each kind of entity can have\n\nA signal in bold is wanted of each; where it is missing, the console says what would give it.\n")
	for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
		k := c.kinds[kind]
		fmt.Fprintf(&b, "\n### %s\n\nNamed by %s", kind, strings.Join(k.Labels, ", "))
		if len(k.Optional) > 0 {
			fmt.Fprintf(&b, ", and by %s where it is known", strings.Join(k.Optional, ", "))
		}
		b.WriteString(".\n\n| signal | unit | better | what it is | given by |\n|---|---|---|---|---|\n")
		for _, s := range k.signals {
			name := s.Name
			if s.Wanted {
				name = "**" + name + "**"
			}
			var by []string
			if s.Over != nil {
				by = append(by, "signals of "+s.Over.Kind)
			} else if slices.ContainsFunc(s.sources, func(src *source) bool { return src.mapping == nil }) {
				by = append(by, "Evenkeel, node_exporter")
			}
			for _, m := range s.Exporters() {
				by = append(by, m.Exporter)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, s.Unit, s.Better, oneLine(s.Help), strings.Join(by, ", "))
		}
	}
	return b.String()
}

// TestWhatIsMissingIsSaid: a service that only a service graph shows has no
// figure of its own of what it lacks, and it is said who would give it.
func TestWhatIsMissingIsSaid(t *testing.T) {
	s := readScenario(t, "scenarios/exporter-beyla.txtar")
	s2 := readScenario(t, "scenarios/exporter-nats.txtar")
	maps.Copy(s.series, s2.series)
	c := loadCatalogue(t)
	engine := New(c, Defaults())
	observe(t, engine, newNumbers(t, s.series), 2*60*1e9)
	var broker, edge *Sight
	for _, sight := range engine.Sights("default", "test") {
		switch sight.Entity {
		case "broker:nats-0":
			broker = &sight
		case "edge:front:checkout":
			edge = &sight
		}
	}
	if broker == nil || len(broker.Missing) != 1 || broker.Missing[0].Signal != "latency" || len(broker.Missing[0].Add) == 0 {
		t.Errorf("of the broker, latency alone is missing: %+v", broker)
	}
	if edge == nil || len(edge.Has) != 1 || edge.Has[0].Exporter == "" || len(edge.Missing) != 3 {
		t.Errorf("of the edge, bytes alone are seen: %+v", edge)
	}
	unseen, ok := c.Unseen("service:checkout", "service", "checkout")
	if !ok || len(unseen.Missing) != 3 || !slices.ContainsFunc(unseen.Missing[2].Add, func(a Advice) bool { return a.Exporter == "Istio" }) {
		t.Errorf("of a service without figures, all is missing: %+v", unseen)
	}
	if _, ok := c.Unseen("volume:h:sda", "volume", "sda"); ok {
		t.Error("nothing is wanted of a volume")
	}
}
