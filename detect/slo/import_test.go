package slo

import (
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
kind: Service
metadata: {name: checkout}
`

func TestObjectivesOfOthersAreRead(t *testing.T) {
	c, notes, err := Import([]byte(sloths))
	if err != nil {
		t.Fatal(err)
	}
	if len(c) != 3 || len(notes) != 2 || !strings.Contains(notes[0], "raw: it tells a ratio") || !strings.Contains(notes[1], "kind Service") {
		t.Fatalf("%+v\n%v", c, notes)
	}
	if o := c[0]; o.ID != "shop-requests-availability" || o.Title != "Requests are answered" || o.Target != 99.9 ||
		o.queries("5m")[1] != `(sum(rate(http_requests_total{job="shop"}[5m]))) * 300` {
		t.Errorf("Sloth's: %+v, %q", o, o.queries("5m"))
	}
	if o := c[1]; o.Service != "api" || o.queries("1h")[0] != "sum(increase(bad[1h]))" {
		t.Errorf("Sloth's resource: %+v", o)
	}
	if o := c[2]; o.Name() != "Checkout works" || o.Target != 99.5 || o.Window != model.Duration(28*24*time.Hour) || o.queries("1h")[0] != "(sum(increase(all[1h]))) - (sum(increase(good[1h])))" {
		t.Errorf("OpenSLO's: %+v", o)
	}
	for text, want := range map[string]string{"a: [": "document 1", "groups: []": "neither Sloth's", "version: prometheus/v1\nservice: x\nslos: [{name: a, objective: 200, sli: {events: {error_query: 'a[{{.window}}', total_query: b}}}]": "cannot be judged"} {
		if _, _, err := Import([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(sloths))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, _, err := Import(raw)
		if err == nil && c.Validate() != nil {
			t.Fatal("what was read is not valid")
		}
	})
}
