package detect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
)

// diskFull is a machine whose /srv is full from the fifth to the tenth minute.
func diskFull(t *testing.T) *numbers {
	s := readScenario(t, "scenarios/filesystem-full.txtar")
	return newNumbers(t, s.series)
}

func observe(t *testing.T, e *Engine, q metric.Querier, at time.Duration) Result {
	t.Helper()
	r, err := e.Round(t.Context(), Env{Tenant: "default", Environment: "test", Querier: q}, start.Add(at))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sign(r Result, check string) finding.Sign {
	for _, o := range r.Observations {
		if o.Key.Check == check {
			return o.Sign
		}
	}
	return ""
}

// TestFindingsEndThatEndedWhileAway: what was open in the store when Evenkeel
// stopped, and is fine or gone when it starts again, is cleared.
func TestFindingsEndThatEndedWhileAway(t *testing.T) {
	q := diskFull(t)
	c := loadCatalogue(t)
	before := New(c, Defaults())
	for at := time.Duration(0); at <= 6*time.Minute; at += step {
		observe(t, before, q, at)
	}
	blob, err := before.Snapshot("default", "test")
	if err != nil {
		t.Fatal(err)
	}
	standing := func(check, entity string) finding.Finding {
		return finding.Finding{
			Key:   finding.Key{Tenant: "default", Environment: "test", Practice: Practice, Check: check, Entity: entity},
			State: finding.Open, FirstSeen: start.Add(5 * time.Minute), LastSeen: start.Add(6 * time.Minute),
		}
	}
	open := []finding.Finding{
		standing("filesystem-full", "filesystem:web-1:/srv"),
		standing("filesystem-full", "filesystem:web-1:/gone"),
		standing("no-such-check", "host:web-1"),
	}
	for name, prepare := range map[string]func(*Engine){
		"resumed only":         func(e *Engine) { e.Resume("default", "test", open) },
		"restored and resumed": func(e *Engine) { _ = e.Restore("default", "test", blob); e.Resume("default", "test", open) },
	} {
		t.Run(name, func(t *testing.T) {
			after := New(c, Defaults())
			prepare(after)
			cleared := map[string]bool{}
			for at := 11 * time.Minute; at <= 15*time.Minute; at += step {
				for _, o := range observe(t, after, q, at).Observations {
					if o.Sign == finding.Clear {
						cleared[o.Key.Check+" "+o.Key.Entity] = true
					}
				}
			}
			for _, f := range open {
				if !cleared[f.Check+" "+f.Entity] {
					t.Errorf("%s of %s was not cleared", f.Check, f.Entity)
				}
			}
		})
	}
}

// TestAFindingStillThereAfterARestartStays: no clear, no second finding.
func TestAFindingStillThereAfterARestartStays(t *testing.T) {
	q := diskFull(t)
	e := New(loadCatalogue(t), Defaults())
	since := start.Add(5 * time.Minute)
	e.Resume("default", "test", []finding.Finding{{
		Key:   finding.Key{Tenant: "default", Environment: "test", Practice: Practice, Check: "filesystem-full", Entity: "filesystem:web-1:/srv"},
		State: finding.Acknowledged, FirstSeen: since,
	}})
	r := observe(t, e, q, 7*time.Minute)
	if got := sign(r, "filesystem-full"); got != finding.Firing {
		t.Fatalf("after a restart: %q", got)
	}
	for _, o := range r.Observations {
		if o.Key.Check == "filesystem-full" && !o.Since.Equal(since) {
			t.Errorf("began %s, want %s", o.Since, since)
		}
	}
}

// failing is a Querier that fails for expressions with a word in them.
type failing struct {
	metric.Querier
	word string
}

func (f failing) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	if strings.Contains(expr, f.word) {
		return nil, fmt.Errorf("%w: connection refused", metric.ErrUnavailable)
	}
	return f.Querier.Instant(ctx, expr, at)
}

// TestWhatCannotBeReadIsUnknown: neither clear nor firing, and the error says what failed.
func TestWhatCannotBeReadIsUnknown(t *testing.T) {
	q := diskFull(t)
	for _, word := range []string{"node_filesystem", "", "timestamp(up"} {
		t.Run("word="+word, func(t *testing.T) {
			e := New(loadCatalogue(t), Defaults())
			for at := 5 * time.Minute; at <= 6*time.Minute; at += step {
				observe(t, e, q, at)
			}
			// The disk is clear after ten minutes, but that cannot be seen.
			r, err := e.Round(t.Context(), Env{Tenant: "default", Environment: "test", Querier: failing{q, word}}, start.Add(11*time.Minute))
			if !errors.Is(err, metric.ErrUnavailable) {
				t.Errorf("error %v does not say that the figures are unavailable", err)
			}
			if got := sign(r, "filesystem-full"); got != finding.NoData {
				t.Errorf("filesystem-full is %q", got)
			}
			i := slices.IndexFunc(r.Coverage, func(c Coverage) bool { return c.Check == "filesystem-full" && strings.HasSuffix(c.Entity, "/srv") })
			if i < 0 || r.Coverage[i].State != Unknown || r.Coverage[i].Reason == "" {
				t.Errorf("coverage does not say that it is unknown, and why: %+v", r.Coverage)
			}
			if got := sign(observe(t, e, q, 11*time.Minute+step), "filesystem-full"); got == finding.NoData {
				t.Error("is still unknown when the figures are back")
			}
		})
	}
}

// TestEntitiesAreBounded: past the bound nothing is taken in, and the error says so.
func TestEntitiesAreBounded(t *testing.T) {
	series := map[string]script{}
	s := scenario{series: series}
	for i := range 20 {
		s.load(t, fmt.Sprintf(`evenkeel_group_memory_bytes{instance="web-1",job="host",group="g%d",kind="group"} gauge 1@5m`, i))
	}
	config := Defaults()
	config.MaxEntities = 5
	e := New(loadCatalogue(t), config)
	r, err := e.Round(t.Context(), Env{Tenant: "default", Environment: "test", Querier: newNumbers(t, series)}, start.Add(time.Minute))
	if r.Entities != 5 || err == nil || !strings.Contains(err.Error(), "bound of 5") {
		t.Errorf("%d entities, error %v", r.Entities, err)
	}
}

// TestTheEstateIsToldOfWhatSignalsShow, with relations and the ids of ARCHITECTURE.md.
func TestTheEstateIsToldOfWhatSignalsShow(t *testing.T) {
	e := New(loadCatalogue(t), Defaults())
	q := diskFull(t)
	r := observe(t, e, q, time.Minute)
	if r.Estate.Complete || r.Estate.Source != Source {
		t.Errorf("source %q, complete %v", r.Estate.Source, r.Estate.Complete)
	}
	for _, id := range []string{"host:web-1", "filesystem:web-1:/srv", "group:web-1:pg_dump"} {
		if !slices.ContainsFunc(r.Estate.Entities, func(e estate.Entity) bool { return e.ID == id }) {
			t.Errorf("no %s in %+v", id, r.Estate.Entities)
		}
	}
	want := estate.Relation{From: "filesystem:web-1:/srv", Kind: estate.RunsOn, To: "host:web-1", Confidence: 1}
	if !slices.Contains(r.Estate.Relations, want) {
		t.Errorf("no %+v in %+v", want, r.Estate.Relations)
	}
	if again := observe(t, e, q, time.Minute+step); len(again.Estate.Entities) != 0 {
		t.Errorf("told again: %+v", again.Estate.Entities)
	}
}

// TestContentErrorsNameTheirPlace: each mistake is refused with its file and
// line and a word about what is wrong.
func TestContentErrorsNameTheirPlace(t *testing.T) {
	const check = `checks:
  - id: other
    entity: host
    about: a
    requires: [cpu_busy]
    fire: cpu_busy > 0.5
    severity: [{is: info}]
    title: t
    effect: e
    remedy: [r]
`
	for name, c := range map[string]struct{ signals, checks, want string }{
		"unknown field":    {checks: strings.Replace(check, "about: a", "abuot: a", 1), want: "checks/x.yaml: yaml: unmarshal errors"},
		"no such signal":   {checks: strings.ReplaceAll(check, "fire: cpu_busy", "fire: cpu_bsy"), want: "checks/x.yaml:2: check other: fire"},
		"type error":       {checks: strings.Replace(check, "> 0.5", "+ 0.5", 1), want: "gives double where bool is wanted"},
		"unguarded":        {checks: strings.Replace(check, "> 0.5", "> cpu_steal", 1), want: "reads cpu_steal, which is neither required nor optional"},
		"no such limit":    {checks: strings.Replace(check, "> 0.5", "> limit.x", 1), want: "checks/x.yaml:2: check other: fire"},
		"text":             {checks: strings.Replace(check, "title: t", `title: "{{.cpu_steal}}"`, 1), want: `map has no entry for key "cpu_steal"`},
		"severity":         {checks: strings.Replace(check, "is: info", "is: bad", 1), want: `severity "bad" is not one of`},
		"no such cause":    {checks: check + "    echo_of: [{check: nothing}]\n", want: `there is no check "nothing"`},
		"circle":           {checks: check + "    echo_of: [{check: other}]\n", want: "echo of itself"},
		"bad promql":       {signals: "signals:\n  - {name: x, kind: host, unit: ratio, better: lower, help: h, expr: 'rate(x)'}\n", want: "signals/x.yaml:2: signal x: expr"},
		"bad unit":         {signals: "signals:\n  - {name: x, kind: host, unit: apples, better: lower, help: h, expr: x}\n", want: `unit "apples" is not known`},
		"no such kind":     {signals: "signals:\n  - {name: x, kind: moon, unit: ratio, better: lower, help: h, expr: x}\n", want: `kind "moon" is not in kinds.yaml`},
		"other unit":       {signals: "signals:\n  - {name: cpu_busy, kind: host, unit: bytes, better: lower, help: h, expr: x}\n", want: "is another thing than at signals/host.yaml"},
		"never-ending":     {checks: strings.Replace(check, "{is: info}", "{when: cpu_busy > 0.9, is: info}", 1), want: "the last severity must hold always"},
		"culprit unknown":  {checks: check + "    culprits: [{of: group, signal: nothing, text: t}]\n", want: `group has no signal "nothing"`},
		"evidence unknown": {checks: check + "    evidence: [{signal: nothing, text: t}]\n", want: `"nothing" is not a signal of host`},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			if c.signals != "" {
				files["signals/x.yaml"] = &fstest.MapFile{Data: []byte(c.signals)}
			}
			if c.checks != "" {
				files["checks/x.yaml"] = &fstest.MapFile{Data: []byte(c.checks)}
			}
			_, err := Load(files)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v\ndoes not say %q", err, c.want)
			}
		})
	}
}

// TestContentCanBeAdded: a folder of one's own adds a check and another
// expression for a signal, and checks can be switched off.
func TestContentCanBeAdded(t *testing.T) {
	c, err := Load(fstest.MapFS{
		"signals/mine.yaml": {Data: []byte("signals:\n  - {name: memory_available, kind: host, unit: ratio, better: higher, help: h, expr: 'my_memory_free{$host}'}\n")},
		"checks/mine.yaml": {Data: []byte(`checks:
  - id: mine
    entity: host
    about: a
    requires: [memory_available]
    fire: memory_available < 0.5
    severity: [{is: warning}]
    title: "{{.hostname}} has {{percent .memory_available}}"
    effect: e
    remedy: [r]
`)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.remove([]string{"memory-pressure"}); err != nil {
		t.Fatal(err)
	}
	s := scenario{series: map[string]script{}}
	s.load(t, `up{job="host",instance="web-1"} gauge 1@5m`)
	s.load(t, `my_memory_free{job="host",instance="web-1"} gauge 0.04@5m`)
	r := observe(t, New(c, Defaults()), newNumbers(t, s.series), time.Minute)
	if len(r.Observations) != 1 || r.Observations[0].Report.Title != "web-1 has 4 %" {
		t.Errorf("%+v", r.Observations)
	}
	if err := c.remove([]string{"nothing"}); err == nil {
		t.Error("a check that does not exist was switched off without a word")
	}
}

// TestWhatIsInAClusterIsToldThere: figures with the label cluster of one that is
// watched are about its own entities, in its environment; others stay here.
func TestWhatIsInAClusterIsToldThere(t *testing.T) {
	s := readScenario(t, "scenarios/backup-and-schedule-late.txtar")
	series := map[string]script{}
	for _, cluster := range []string{"prod", "elsewhere"} {
		for _, one := range s.series {
			one.labels = labels.NewBuilder(one.labels).Set("cluster", cluster).Del("instance").Labels()
			series[one.labels.String()] = one
		}
	}
	e := New(loadCatalogue(t), Defaults())
	env := Env{Tenant: "default", Environment: "test", Querier: newNumbers(t, series), Clusters: []string{"prod"}}
	where := map[string]string{}
	var told []string
	var covered []string
	for at := time.Duration(0); at <= 4*time.Minute; at += step {
		r, err := e.Round(t.Context(), env, start.Add(at))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range r.Observations {
			where[o.Key.Entity] = o.Key.Environment
		}
		for _, c := range r.Coverage {
			covered = append(covered, c.Entity+" in "+c.Environment)
		}
		for _, one := range r.Estate.Entities {
			told = append(told, one.ID)
		}
	}
	if where["workload:prod:shop:cronjob/report"] != "prod" || where["workload:elsewhere:shop:cronjob/report"] != "test" {
		t.Errorf("findings are told in %v", where)
	}
	if !slices.Contains(covered, "workload:prod:shop:cronjob/report in prod") {
		t.Error("what the check says is not told with the cluster")
	}
	if !slices.Contains(told, "workload:elsewhere:shop:cronjob/report") || slices.Contains(told, "workload:prod:shop:cronjob/report") {
		t.Errorf("the estate is told of %v: of what is in a cluster that is watched, its watcher tells", told)
	}
	// What stood before a restart is taken up under the same key.
	again := New(loadCatalogue(t), Defaults())
	again.Resume("default", "test", []finding.Finding{{State: finding.Open, Key: finding.Key{Tenant: "default", Environment: "prod", Practice: Practice,
		Check: "schedule-missed", Entity: "workload:prod:shop:cronjob/gone"}}})
	r, err := again.Round(t.Context(), env, start.Add(5*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(r.Observations, func(o finding.Observation) bool {
		return o.Key.Entity == "workload:prod:shop:cronjob/gone" && o.Key.Environment == "prod"
	}) {
		t.Errorf("what stood before is forgotten: %+v", r.Observations)
	}
}

// TestWhoKnowsLessMeansTheSame: the pod that one exporter knows by its cluster is
// that of which another knows the name alone, where there is only one.
func TestWhoKnowsLessMeansTheSame(t *testing.T) {
	c := loadCatalogue(t)
	p := newPicture(c)
	k := c.kinds["pod"]
	naming := Naming{"cluster": "cluster", "namespace": "namespace", "pod": "pod"}
	put := func(pairs ...string) {
		s := c.Signal("pod", "ready")
		s.sources = []*source{{naming: naming}}
		p.put(s, 0, metric.Sample{Labels: labels.FromStrings(pairs...), Point: metric.Point{V: 1}}, 100, start)
	}
	put("cluster", "prod", "namespace", "shop", "pod", "web")
	put("namespace", "shop", "pod", "web")
	put("pod", "web")
	if len(p.entities) != 1 || p.entities[name{k, "pod:prod:shop:web"}] == nil {
		t.Errorf("one pod is %d", len(p.entities))
	}
	put("cluster", "edge", "namespace", "shop", "pod", "web")
	put("namespace", "shop", "pod", "web")
	if len(p.entities) != 3 || p.entities[name{k, "pod:shop:web"}] == nil {
		t.Errorf("with one of the same name in two clusters, who does not say which is a third; there are %d", len(p.entities))
	}
}
