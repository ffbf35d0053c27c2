package kube

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/collect/scrape"
)

// alone is one watched cluster for the scraper.
type alone struct{ *Watcher }

func (a alone) Names() []string { return []string{a.Name()} }

func (a alone) Targets(_, role string, namespaces []string, since uint64) ([]*targetgroup.Group, uint64, error) {
	if now := a.Moves() + 1; now == since {
		return nil, now, nil
	}
	groups, err := a.Watcher.Targets(role, namespaces)
	return groups, a.Moves() + 1, err
}

// A cluster whose pods have real exporters on loopback is scraped by what its
// annotations and monitors ask for, and by a job of the configuration.
func TestWhatAClusterWantsScrapedIsScraped(t *testing.T) {
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "# TYPE requests_total counter\nrequests_total{path=%q,query=%q} 5\n# TYPE noise gauge\nnoise 1\n", r.URL.Path, r.URL.RawQuery)
	}))
	defer exporter.Close()
	at, err := url.Parse(exporter.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := at.Port()
	pod := func(name, labels, annotations, phase string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"shop","uid":"u-%[1]s","labels":{%s},"annotations":{%s}},"spec":{"nodeName":"n1","containers":[
			{"name":"app","ports":[{"name":"metrics","containerPort":%s,"protocol":"TCP"}]},{"name":"side","ports":[{"name":"other","containerPort":1}]}]},"status":{"phase":%q,"podIP":"127.0.0.1","conditions":[{"type":"Ready","status":"True"}]}}`, name, labels, annotations, port, phase)
	}
	const monitoring = "/apis/monitoring.coreos.com/v1/"
	f := &fakeAPI{asked: map[string]int{}, objects: map[string][]string{
		"/api/v1/pods": {
			pod("noted", `"app":"noted"`, `"prometheus.io/scrape":"true","prometheus.io/port":"`+port+`","prometheus.io/path":"/own"`, "Running"),
			pod("ended", `"app":"noted"`, `"prometheus.io/scrape":"true","prometheus.io/port":"`+port+`"`, "Succeeded"),
			pod("plain", `"app":"plain","tier":"back"`, ``, "Running"),
			pod("served", `"app":"served"`, ``, "Running"),
		},
		"/api/v1/services": {
			`{"metadata":{"name":"served","namespace":"shop","labels":{"app":"served","team":"one"}},"spec":{"ports":[{"name":"web","port":80,"targetPort":"metrics"}]}}`,
			`{"metadata":{"name":"told","namespace":"shop","annotations":{"prometheus.io/scrape":"true","prometheus.io/path":"/told"}},"spec":{"ports":[{"name":"web","port":80}]}}`,
		},
		"/apis/discovery.k8s.io/v1/endpointslices": {
			`{"metadata":{"name":"served-x","namespace":"shop","labels":{"kubernetes.io/service-name":"served"}},"addressType":"IPv4","ports":[{"name":"web","port":` + port + `}],"endpoints":[{"addresses":["127.0.0.1"],"targetRef":{"kind":"Pod","name":"served"}}]}`,
			`{"metadata":{"name":"told-x","namespace":"shop","labels":{"kubernetes.io/service-name":"told"}},"addressType":"IPv4","ports":[{"name":"web","port":` + port + `}],"endpoints":[{"addresses":["127.0.0.1"]}]}`,
		},
		monitoring + podMonitors: {
			`{"metadata":{"name":"plain","namespace":"shop"},"spec":{"selector":{"matchExpressions":[{"key":"app","operator":"In","values":["plain"]}]},"podTargetLabels":["tier"],"podMetricsEndpoints":[
				{"port":"metrics","path":"/plain","interval":"1s","params":{"a":["b"]},"relabelings":[{"sourceLabels":["__meta_kubernetes_pod_name"],"targetLabel":"called","regex":"(.*)","replacement":"x-$1","action":"Replace"}],
				"metricRelabelings":[{"sourceLabels":["__name__"],"regex":"noise","action":"drop"}]},
				{"port":"metrics","bearerTokenSecret":{"name":"token","key":"t"}},
				{"port":"metrics","relabelings":[{"action":"nonsense"}]}]}}`,
			`{"metadata":{"name":"elsewhere","namespace":"other"},"spec":{"selector":{},"podMetricsEndpoints":[{"port":"metrics","path":"/elsewhere"}]}}`,
		},
		monitoring + serviceMonitors: {
			`{"metadata":{"name":"served","namespace":"ops"},"spec":{"jobLabel":"app","targetLabels":["team"],"namespaceSelector":{"matchNames":["shop"]},"selector":{"matchLabels":{"app":"served"}},"endpoints":[{"targetPort":"metrics","interval":"1s"},{"port":"web","basicAuth":{"username":{"name":"s"}}}]}}`,
		},
	}}
	server := httptest.NewServer(f)
	defer server.Close()
	defer server.CloseClientConnections()
	x := watchFigures(t, Config{Name: "x", Kubeconfig: kubeconfig(t, server.URL), QPS: 1000, Burst: 1000, Scrape: "direct"})
	var cfg scrape.Config
	if err := yaml.Unmarshal([]byte(`
global: {scrape_interval: 1s}
scrape_configs:
- job_name: mine
  kubernetes_sd_configs: [{role: pod, namespaces: {names: [shop]}}]
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_label_app, __meta_kubernetes_pod_container_port_name, __meta_kubernetes_pod_ready], regex: plain;metrics;true, action: keep}
  - {source_labels: [__meta_kubernetes_pod_node_name], target_label: node}
`), &cfg); err != nil {
		t.Fatal(err)
	}
	m, err := scrape.New(cfg, x.db.Storage(), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Watch(alone{x.w}); err != nil {
		t.Fatal(err)
	}
	x.run(m.Run)
	x.await(`requests_total{job="mine",node="n1",cluster="x",path="/metrics"}`, 1)

	jobs, unmet, err := x.w.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	if len(unmet) != 2 || !strings.Contains(unmet[0], "podMonitor/shop/plain/1 wants a bearer token out of a secret") || !strings.Contains(unmet[1], "serviceMonitor/ops/served/1 wants a login") {
		t.Errorf("unmet: %v", unmet)
	}
	for _, job := range jobs {
		if job["scrape_interval"] == nil {
			job["scrape_interval"] = "1s"
		}
	}
	// A monitor that is wrong is named, and holds up no other.
	for range 2 {
		if err := m.Found(jobs); err == nil || !strings.Contains(err.Error(), "podMonitor/shop/plain/2") || !strings.Contains(err.Error(), "nonsense") || strings.Count(err.Error(), "cannot be scraped") != 1 {
			t.Errorf("found: %v", err)
		}
	}
	for expr, want := range map[string]int{
		`requests_total{job="kubernetes-pods",cluster="x",namespace="shop",pod="noted",container="app",node="n1",path="/own"}`: 1,
		`requests_total{pod="ended"}`: 0,
		`requests_total{job="kubernetes-service-endpoints",service="told",namespace="shop",path="/told"}`:                                                              1,
		`requests_total{job="shop/plain",pod="plain",container="app",node="n1",cluster="x",endpoint="metrics",tier="back",called="x-plain",path="/plain",query="a=b"}`: 1,
		`noise{job="shop/plain"}`: 0,
		`requests_total{job="served",service="served",pod="served",container="app",endpoint="web",team="one",cluster="x",path="/metrics"}`: 1,
		`requests_total{path="/elsewhere"}`: 0,
		`up{job="mine"} == 1`:               1,
	} {
		x.await(expr, want)
	}
	for _, role := range Roles {
		if _, err := x.w.Targets(role, nil); err != nil {
			t.Errorf("role %s: %v", role, err)
		}
	}
	if _, err := x.w.Targets("cat", nil); err == nil {
		t.Error("there is no role cat")
	}
	// The monitors go, and so do their targets.
	if err := m.Found(nil); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if len(m.Targets()) == 1 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if left := m.Targets(); len(left) != 1 || left[0].Job != "mine" {
		t.Errorf("targets that are left: %v", left)
	}
	x.await(`up{job="mine"} == 1`, 1)
}
