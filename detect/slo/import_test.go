package slo

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

const sloths = `
version: "prometheus/v1"
service: "shop"
labels: {owner: us}
slos:
  - name: "requests availability"
    objective: 99.9
    description: "Requests
      are answered"
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="shop",code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_requests_total{job="shop"}[{{ .window }}]))
    alerting: {name: x}
  - name: raw
    objective: 99
    sli: {raw: {error_ratio_query: "x"}}
  - name: made
    objective: 99
    sli: {plugin: {id: our/availability/v1, options: {job: shop}}}
  - {name: none, objective: 99}
---
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: k}
spec:
  service: api
  slos:
    - name: a
      objective: 99.5
      sli: {events: {errorQuery: "sum(increase(bad[{{.window}}]))", totalQuery: "sum(increase(all[{{.window}}]))"}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout}
spec:
  service: checkout
  indicator:
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: "sum(increase(good[{{.window}}]))"}}}
        total: {metricSource: {type: Prometheus, spec: {query: "sum(increase(all[{{.window}}]))"}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  objectives: [{displayName: Checkout works, target: 0.995}]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: checkout}
`

func TestObjectivesOfOthersAreRead(t *testing.T) {
	c, notes, err := Import([]byte(sloths))
	if err != nil {
		t.Fatal(err)
	}
	if len(c) != 3 || len(notes) != 4 || !strings.Contains(notes[0], "raw: it tells a ratio") || !strings.Contains(notes[1], `made: Sloth's plugin "our/availability/v1" makes its query`) ||
		!strings.Contains(notes[2], "none: it has no sli.events") || !strings.Contains(notes[3], "kind AlertPolicy") {
		t.Fatalf("%+v\n%v", c, notes)
	}
	if o := c[0]; o.ID != "shop-requests-availability" || o.Title != "Requests are answered" || o.Target != 99.9 ||
		o.queries("5m")[1] != `(sum(rate(http_requests_total{job="shop"}[5m]))) * 300` {
		t.Errorf("Sloth's: %+v, %q", o, o.queries("5m"))
	}
	if o := c[1]; o.Service != "api" || o.queries("1h")[0] != "sum(increase(bad[1h]))" {
		t.Errorf("Sloth's resource: %+v", o)
	}
	if o := c[2]; o.Name() != "Checkout works" || o.Target != 99.5 || o.Window != model.Duration(28*24*time.Hour) || o.queries("1h")[0] != "(sum(increase(all[1h]))) - ((sum(increase(good[1h]))) or vector(0))" {
		t.Errorf("OpenSLO's: %+v", o)
	}
	for text, want := range map[string]string{"a: [": "document 1", "groups: []": "neither Sloth's", "version: prometheus/v1\nservice: x\nslos: [{name: a, objective: 200, sli: {events: {error_query: 'a[{{.window}}', total_query: b}}}]": "cannot be judged"} {
		if _, _, err := Import([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// genuine has the shapes of files that are there for OpenSLO: no window in a
// query, lists in a document, indicators elsewhere.
const genuine = `
# What the shop promises.
---
- apiVersion: openslo/v1
  kind: SLO
  metadata: {name: counters, displayName: Web answers, labels: {env: [prod], team: [a, b]}}
  spec:
    service: web
    indicator:
      metadata: {name: ok}
      spec:
        ratioMetric:
          counter: true
          good: {metricSource: {metricSourceRef: thanos, type: Prometheus, spec: {query: 'http_requests{code=~"2..|4.."}', dimensions: [a]}}}
          total: {metricSource: {metricSourceRef: thanos, spec: {query: 'sum by (code) (http_requests{})'}}}
    timeWindow:
      - {duration: 1M, isRolling: false, calendar: {startTime: 2022-01-01 12:00:00, timeZone: America/New_York}}
    budgetingMethod: Timeslices
    objectives:
      - {target: 0.98, timeSliceTarget: 0.95, timeSliceWindow: 1m}
- apiVersion: openslo/v1
  kind: DataSource
  metadata: {name: thanos}
  spec: {type: Thanos, connectionDetails: {url: "https://x"}}
- {apiVersion: openslo/v1, kind: DataSource, metadata: {name: dog}, spec: {type: Datadog}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: rates}
spec:
  service: web
  indicatorRef: failures
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: Most, targetPercent: 99}, {displayName: Nearly all, target: 0.999}]
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: failures}
spec:
  ratioMetric:
    bad: {metricSource: {spec: {query: 'sum(rate(http_requests_total{code=~"[5m]5.."}[5m])) or vector(0)'}}}
    total: {metricSource: {spec: {query: '(sum(irate(http_requests_total[1m])) + sum(increase(grpc_total[2m])))'}}}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: lag}
spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: "max(lag_seconds)"}}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: composed}
spec:
  service: web
  budgetingMethod: Occurrences
  objectives:
    - {target: 0.9, op: lte, value: 30, indicatorRef: lag}
    - {target: 0.9, indicatorRef: failures}
---
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: alpha}
spec:
  service: web
  objectives:
    - ratioMetrics:
        incremental: true
        good: {source: prometheus, queryType: promql, query: good}
        total: {source: prometheus, queryType: promql, query: 'all{a="b"}'}
      target: 0.98
  timeWindows: [{count: 28, unit: Day, isRolling: true}]
---
{apiVersion: openslo/v1, kind: Service, metadata: {name: web}}
`

func TestGenuineOpenSLOIsRead(t *testing.T) {
	c, notes, err := Import([]byte(genuine))
	if err != nil {
		t.Fatal(err)
	}
	bad := `sum(sum(increase(http_requests_total{code=~"[5m]5.."}[1h])) or vector(0))`
	all := "sum((sum(increase(http_requests_total[1h])) + sum(increase(grpc_total[1h]))))"
	for n, want := range []struct{ id, title, over, bad, total string }{
		{"counters", "Web answers", "30d", `(sum(sum(increase(http_requests[1h])))) - ((sum(increase(http_requests{code=~"2..|4.."}[1h]))) or vector(0))`, "sum(sum(increase(http_requests[1h])))"},
		{"rates", "Most", "4w", bad, all},
		{"rates-2", "Nearly all", "4w", bad, all},
		{"composed", "", "30d", "sum(count_over_time(((max(lag_seconds)) > 30)[1h:1m]))", "sum(count_over_time(((max(lag_seconds)) >= -Inf)[1h:1m]))"},
		{"composed-2", "", "30d", bad, all},
		{"alpha", "", "4w", `(sum(increase(all{a="b"}[1h]))) - ((sum(increase(good[1h]))) or vector(0))`, `sum(increase(all{a="b"}[1h]))`},
	} {
		if n >= len(c) {
			t.Fatalf("%d objectives: %v", len(c), notes)
		}
		if o, q := c[n], c[n].queries("1h"); o.ID != want.id || o.Title != want.title || o.Window.String() != want.over || q[0] != want.bad || q[1] != want.total {
			t.Errorf("%+v\n%q, want %+v", o, q, want)
		}
	}
	want := []string{"counters: its window is the calendar's, of 1M; here it is ever the last 30d", "counters: its budget is of Timeslices; here it is of occurrences, each event for itself",
		"composed: it is composed of several objectives; each is judged for itself", "composed: its threshold is looked at each minute, and each minute of each series is one event"}
	if !slices.Equal(notes, want) {
		t.Errorf("%q", notes)
	}
}

// What OpenSLO can say and what cannot be counted here is named, and the rest
// is read.
func TestWhatCannotBeMeantIsNamed(t *testing.T) {
	ratio := func(good string) string {
		return "indicator: {spec: {ratioMetric: {good: {metricSource: {type: Prometheus, spec: {query: '" + good + "'}}}, total: {metricSource: {spec: 'sum(rate(x[5m]))'}}}}}"
	}
	for spec, want := range map[string]string{
		ratio("sum(ok)"):                              "x: objective 1: good: \"sum(ok)\": ok is not said to be a counter; set counter: true",
		ratio("avg(rate(x[5m]))"):                     "of avg it cannot be told how many events there are; sum them up",
		ratio("sum(rate(x[5m])) * 60"):                "* is not read",
		ratio("sum(rate(x[5m] offset 1h))"):           "offset and @ are not read",
		ratio("sum(rate(x_total[5m:1m]))"):            "the rate of a subquery is not read",
		ratio("histogram_quantile(.9, x_bucket)"):     "of histogram_quantile it cannot be told",
		ratio("sum(rate(x[$__rate_interval]))"):       "is not PromQL",
		ratio(""):                                     "good: it has no query",
		"indicatorRef: elsewhere":                     `the SLI "elsewhere" that it refers to is not in this file`,
		"service: y":                                  "neither a ratioMetric nor a thresholdMetric",
		"indicator: {spec: {ratioMetric: {raw: {}}}}": "its ratio is told and not how many",
		"indicator: {spec: {thresholdMetric: {metricSource: {type: Datadog, spec: {query: q}}}}}":        "it asks Datadog; only PromQL is read",
		"indicator: {spec: {thresholdMetric: {metricSource: {metricSourceRef: dog, spec: {query: q}}}}}": "it asks Datadog; only PromQL is read",
		"indicator: {spec: {thresholdMetric: {metricSource: {spec: {query: q}}}}}":                       `op: "" is none of`,
		"indicator: {spec: {thresholdMetric: {metricSource: {spec: {query: 'q[5m]'}}}}}":                 "gives a range vector",
		"timeWindow: [{duration: soon}]":                `its window "soon" is not read`,
		"timeWindow: [{duration: 1Y, isRolling: true}]": "its window is of 1Y; here it is of 90d",
	} {
		c, notes, err := Import([]byte("{apiVersion: openslo/v1, kind: DataSource, metadata: {name: dog}, spec: {type: Datadog}}\n---\n" +
			"{apiVersion: openslo/v1, kind: SLO, metadata: {name: x}, spec: {" + spec + ", objectives: [{target: .9}]}}"))
		if err != nil || len(c) != 0 || !strings.Contains(strings.Join(notes, "\n"), want) {
			t.Errorf("%s: %v, %q, %v; want %q", spec, c, notes, err, want)
		}
	}
	for text, want := range map[string]string{
		"{apiVersion: openslo/v2alpha, kind: SLO}": "document 1: openslo/v2alpha is not read; v1 and v1alpha are",
	} {
		if c, notes, err := Import([]byte(text)); err != nil || len(c) != 0 || !strings.Contains(strings.Join(notes, "\n"), want) {
			t.Errorf("%s: %v, %q, %v; want %q", text, c, notes, err, want)
		}
	}
	if _, _, err := Import([]byte("{apiVersion: openslo/v1, kind: SLO, metadata: {name: x}, spec: {objectives: 3}}")); err == nil || !strings.Contains(err.Error(), "document 1 (SLO x)") {
		t.Error(err)
	}
}

// What was read counts what was meant, also where nothing good was ever seen.
func TestWhatWasReadCounts(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	db := shop(t, now)
	read := func(id, good, total string) string {
		return "\n---\n{apiVersion: openslo/v1, kind: SLO, metadata: {name: " + id + "}, spec: {service: shop, objectives: [{target: 0.999, op: lt, value: 3e9}], indicator: {spec: {" +
			"ratioMetric: {good: {metricSource: {spec: {query: '" + good + "'}}}, total: {metricSource: {spec: {query: '" + total + "'}}}}}}}}"
	}
	c, notes, err := Import([]byte(read("rate", `sum(rate(http_requests_total{code="200"}[5m]))`, `sum(rate(http_requests_total[5m]))`) + read("plain", `http_requests_total{code="200"}`, "http_requests_total") +
		read("allbad", `http_requests_total{code="204"}`, "http_requests_total") + strings.Replace(read("idle", "", ""), "ratioMetric: {good", "thresholdMetric: {metricSource: {spec: {query: idle_total}}}, x: {good", 1)))
	if err != nil || len(c) != 4 {
		t.Fatal(c, notes, err)
	}
	for n, share := range []float64{.2, .2, 1, 0} {
		got, err := count(t.Context(), db, c[n], 5*time.Minute, now)
		if err != nil || got.Missing != "" || got.Total < 4 || math.Abs(got.Bad/got.Total-share) > .01 {
			t.Errorf("%s: %+v, %v", c[n].ID, got, err)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(sloths))
	f.Add([]byte(genuine))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, _, err := Import(raw)
		if err == nil && c.Validate() != nil {
			t.Fatal("what was read is not valid")
		}
	})
}
