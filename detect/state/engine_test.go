package state

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// world is a graph with a cluster that can be read.
func world(t testing.TB, c *Catalogue, lines ...string) *Graph {
	g := NewGraph()
	for _, line := range append([]string{"kubernetes-cluster prod reachable=true version=v1.34.1"}, lines...) {
		apply(t, c, g, line)
	}
	return g
}

// TestRestart: what was about to fire goes on to be, what was told stands
// while the cluster is read again, and ends when it turns out to be over.
func TestRestart(t *testing.T) {
	c := load(t)
	g := world(t, c, `pod shop/a phase=Running waiting="app=CrashLoopBackOff"`, "network-policy shop/p selects=0 selector=app=x")
	engine, seen, now := New(c), standing{}, scenarioStart
	round := func(e *Engine, g *Graph, d time.Duration) {
		now = now.Add(d)
		seen.take(t, e.Round(Where{Tenant: "t", Environment: "e", World: g}, now).Observations)
	}
	for range 8 {
		round(engine, g, time.Minute)
	}
	pod, policy := judged{"pod-crash-loop", "pod:prod:shop:a"}, judged{"policy-selects-nothing", "network-policy:prod:shop:p"}
	if _, ok := seen[pod]; !ok || len(seen) != 1 {
		t.Fatalf("before the restart:\n%s", stands(seen))
	}
	blob, err := engine.Snapshot("t", "e")
	if err != nil {
		t.Fatal(err)
	}

	again, empty := New(c), NewGraph()
	if err := again.Restore("t", "e", blob); err != nil {
		t.Fatal(err)
	}
	again.Resume("t", "e", []finding.Finding{{Key: finding.Key{Practice: Practice, Check: pod.Check, Entity: pod.Group}, State: finding.Open}})
	for range 10 {
		round(again, empty, 2*time.Second) // nothing has been read yet
	}
	if o := seen[pod]; o.Sign != finding.Firing {
		t.Fatalf("a restart told %q of what stands", o.Sign)
	}
	g = world(t, c, "pod shop/a phase=Running ready=true", "network-policy shop/p selects=0 selector=app=x")
	for range 3 {
		round(again, g, time.Minute)
	}
	if _, ok := seen[pod]; ok {
		t.Error("what ended meanwhile still stands")
	}
	if _, ok := seen[policy]; !ok {
		t.Error("what was about to fire has begun anew")
	}
	if again.Restore("t", "other", []byte("no memory")) == nil {
		t.Error("a blob that is none was taken")
	}
}

// TestFlapping: what comes and goes is cleared ever later.
func TestFlapping(t *testing.T) {
	c := load(t)
	g := world(t, c, "service shop/web type=ClusterIP selector=app=web endpoints_ready=0")
	engine, told := New(c), 0
	for s := range 3600 {
		if s%30 == 0 {
			apply(t, c, g, fmt.Sprintf("service shop/web endpoints_ready=%d", s/30%2))
		}
		for _, o := range engine.Round(Where{Tenant: "t", Environment: "e", World: g}, scenarioStart.Add(time.Duration(s)*time.Second)).Observations {
			if o.Sign == finding.Clear {
				told++
			}
		}
	}
	if told > 4 {
		t.Errorf("a service that flaps for an hour was told to be fine %d times", told)
	}
}

// TestWrongContent: content that is wrong is told with its file and line.
func TestWrongContent(t *testing.T) {
	for text, want := range map[string]string{
		"fire: phase == 'a' && nope > 1.0":                 "undeclared reference to 'nope'",
		"fire: phase":                                      "bool is wanted",
		"fire: phase == 'a'\n    since: node":              "not a time attribute",
		"fire: phase == 'a'\n    echo_of: [{check: none}]": `no check "none"`,
		"fire: phase == 'a'\n    requires: [size]":         "not an attribute of pod",
	} {
		file := "# mine\nchecks:\n  - id: mine\n    area: containers\n    entity: pod\n    about: a\n    severity: [{is: info}]\n    title: a\n    effect: a\n    remedy: [a]\n    evidence: [{text: a}]\n    " + text + "\n"
		_, err := Load(fstest.MapFS{"checks/mine.yaml": {Data: []byte(file)}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "checks/mine.yaml:3") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// large is a cluster of so many nodes with ten pods each, ten to a workload.
func large(nodes int) *Graph {
	g := NewGraph()
	d := estate.Delta{Appear: []estate.Entity{{ID: "kubernetes-cluster:prod", Kind: clusterKind, Name: "prod", Attributes: map[string]string{"reachable": "true", "version": "v1.34.1"}}}}
	for n := range nodes {
		node := fmt.Sprintf("node:prod:n%d", n)
		d.Appear = append(d.Appear, estate.Entity{ID: node, Kind: "node", Name: fmt.Sprint("n", n), Attributes: map[string]string{"ready": "true", "kubelet": "v1.34.1"}})
		workload := fmt.Sprintf("workload:prod:shop:w%d", n)
		d.Appear = append(d.Appear, estate.Entity{ID: workload, Kind: "workload", Name: fmt.Sprint("shop/w", n),
			Attributes: map[string]string{"namespace": "shop", "kind": "Deployment", "wanted": "10", "ready": "10"}})
		for p := range 10 {
			e := largePod(n*10+p, "true")
			d.Appear = append(d.Appear, e)
			d.Join = append(d.Join, estate.Relation{From: workload, Kind: estate.Owns, To: e.ID},
				estate.Relation{From: e.ID, Kind: estate.RunsOn, To: fmt.Sprintf("node:prod:n%d", (n*7+p*13)%nodes)})
		}
	}
	g.Apply(d)
	return g
}

func largePod(n int, ready string) estate.Entity {
	return estate.Entity{ID: fmt.Sprintf("pod:prod:shop:p%d", n), Kind: "pod", Name: fmt.Sprint("shop/p", n),
		Attributes: map[string]string{"namespace": "shop", "phase": "Running", "ready": ready, "scheduled": "true", "restarts": "0"}}
}

// TestWhatDoesNotChangeIsNotJudged holds a round to what has changed.
func TestWhatDoesNotChangeIsNotJudged(t *testing.T) {
	c := load(t)
	g, engine := large(100), New(c)
	at := scenarioStart
	if r := engine.Round(Where{Tenant: "t", Environment: "e", World: g}, at); len(r.Observations) > 0 || r.Judged < 1000 {
		t.Fatalf("first round: %d judged, %d told", r.Judged, len(r.Observations))
	}
	if r := engine.Round(Where{Tenant: "t", Environment: "e", World: g}, at.Add(time.Second)); r.Judged != 0 {
		t.Errorf("%d were judged although nothing changed", r.Judged)
	}
	g.Apply(estate.Delta{Appear: []estate.Entity{largePod(5, "false")}})
	if r := engine.Round(Where{Tenant: "t", Environment: "e", World: g}, at.Add(2*time.Second)); r.Judged == 0 || r.Judged > 50 {
		t.Errorf("%d were judged for one pod", r.Judged)
	}
}

func BenchmarkRound(b *testing.B) {
	c := load(b)
	g := large(1000)
	b.Run("first/10000-pods", func(b *testing.B) {
		for b.Loop() {
			New(c).Round(Where{Tenant: "t", Environment: "e", World: g}, scenarioStart)
		}
	})
	engine, at := New(c), scenarioStart
	engine.Round(Where{Tenant: "t", Environment: "e", World: g}, at)
	b.Run("idle", func(b *testing.B) {
		for b.Loop() {
			at = at.Add(time.Millisecond)
			engine.Round(Where{Tenant: "t", Environment: "e", World: g}, at)
		}
	})
	b.Run("100-pods-change", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			for i := range 100 {
				g.Apply(estate.Delta{Appear: []estate.Entity{largePod(i*100+n%100, []string{"true", "false"}[n%2])}})
			}
			at = at.Add(time.Millisecond)
			engine.Round(Where{Tenant: "t", Environment: "e", World: g}, at)
		}
	})
}

// TestWhatContainersWrote is evidence of a crash loop, of at most two of the
// containers that crash; where it cannot be read, that is said once.
func TestWhatContainersWrote(t *testing.T) {
	c := load(t)
	g := world(t, c, `pod shop/b phase=Running waiting="app=CrashLoopBackOff"`, `pod shop/fine phase=Running ready=true`)
	for name, of := range map[string]struct {
		wrote func(pod string) []finding.Evidence
		want  string
	}{
		"nobody can tell":  {nil, ""},
		"nothing is known": {func(string) []finding.Evidence { return nil }, ""},
		"lines": {func(pod string) []finding.Evidence {
			return []finding.Evidence{{Text: "1", Lines: []string{pod}}, {Text: "2", Lines: []string{"x"}}, {Text: "3", Lines: []string{"y"}}, {Text: "denied"}}
		}, "1[pod:prod:shop:b]2[x]"},
		"denied": {func(string) []finding.Evidence { return []finding.Evidence{{Text: "denied"}, {Text: "denied"}} }, "denied[]"},
	} {
		e, got := New(c), ""
		for s := range 5 {
			for _, o := range e.Round(Where{Tenant: "t", Environment: "e", World: g, Wrote: of.wrote}, scenarioStart.Add(time.Duration(s)*time.Second)).Observations {
				if o.Key.Check == "pod-crash-loop" && o.Key.Entity == "pod:prod:shop:b" {
					for _, x := range o.Report.Evidence[1:] {
						got += fmt.Sprint(x.Text, x.Lines)
					}
				}
			}
		}
		if got != of.want {
			t.Errorf("%s: evidence %q, want %q", name, got, of.want)
		}
	}
}
