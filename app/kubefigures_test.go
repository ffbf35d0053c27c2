package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
)

// oneCluster is an API server with one node and one pod that asks to be
// scraped at a port of this machine.
func oneCluster(t *testing.T, port string, denied bool) (kubeconfig string) {
	t.Helper()
	objects := map[string]string{
		"/api/v1/nodes": `{"metadata":{"name":"n1"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`,
		"/api/v1/pods": `{"metadata":{"name":"web-1","namespace":"shop","uid":"u1","annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"` + port + `"}},
			"spec":{"nodeName":"n1","containers":[{"name":"app","resources":{"requests":{"cpu":"250m"}}}]},"status":{"phase":"Running","podIP":"127.0.0.1","containerStatuses":[{"name":"app","ready":true,"image":"web:1","restartCount":3,"state":{"running":{}}}]}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch one, known := objects[r.URL.Path]; {
		case r.URL.Path == "/version":
			io.WriteString(w, `{"gitVersion":"v1.37.2"}`)
		case r.URL.Query().Get("watch") != "":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case known:
			io.WriteString(w, `{"metadata":{"resourceVersion":"5"},"items":[`+one+`]}`)
		case strings.Contains(r.URL.Path, "/proxy/") && denied:
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"message":"cannot get resource nodes/proxy"}`)
		case strings.HasSuffix(r.URL.Path, "/nodes/n1/proxy/metrics/cadvisor"):
			io.WriteString(w, "# TYPE container_memory_working_set_bytes gauge\ncontainer_memory_working_set_bytes{container=\"app\",id=\"/x\",namespace=\"shop\",pod=\"web-1\"} 1e+06\n")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: x, cluster: {server: %q}}]\nusers: [{name: x, user: {}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\ncurrent-context: x\n", server.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// ask asks Evenkeel itself as a program does.
func (a running) ask(t *testing.T, path, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// A cluster alone in the configuration brings the state of its objects, what its
// containers use, and what its pods show of themselves.
func TestAClusterBringsItsFigures(t *testing.T) {
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "# TYPE orders_total counter\norders_total 5\n# TYPE kube_pod_info gauge\nkube_pod_info{pod=\"p\"} 1\n")
	}))
	defer exporter.Close()
	at, err := url.Parse(exporter.URL)
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, fmt.Sprintf("global: {scrape_interval: 1s}\nkubernetes: [{name: x, kubeconfig: %q, scrape: direct, qps: 500, burst: 500}]", oneCluster(t, at.Port(), false)))
	finds := func(expr string) {
		t.Helper()
		var body string
		for range 600 {
			var code int
			if code, body = a.ask(t, "/prometheus/api/v1/query?query="+url.QueryEscape(expr), "t"); code == http.StatusOK && strings.Contains(body, `"value":[`) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Errorf("%s finds nothing: %s", expr, body)
	}
	const pod = `cluster="x",namespace="shop",pod="web-1",container="app"`
	finds(`kube_pod_container_status_restarts_total{job="kube-state-metrics",` + pod + `} == 3`)
	finds(`container_memory_working_set_bytes{job="kubelet",node="n1",` + pod + `} == 1e6`)
	finds(`orders_total{job="kubernetes-pods",node="n1",` + pod + `} == 5`)
	finds(`up{job="kubernetes-pods"} == 1`)
	for cluster, want := range map[string]bool{"x": true, "y": false} {
		if got := a.othersTell(t.Context(), cluster, time.Now()); got != want {
			t.Errorf("somebody else tells of %s: %v", cluster, got)
		}
	}

	if code, body := a.ask(t, "/metrics/kubernetes/x", "t"); code != http.StatusOK || !strings.Contains(body, `kube_pod_container_resource_requests{namespace="shop",pod="web-1",uid="u1",container="app",node="n1",resource="cpu",unit="core"} 0.25`) {
		t.Errorf("the page of the cluster: %d %.500s", code, body)
	}
	if code, _ := a.ask(t, "/metrics/kubernetes/y", "t"); code != http.StatusNotFound {
		t.Errorf("a cluster that nobody watches: %d", code)
	}
	for _, token := range []string{"", "wrong"} {
		if code, body := a.ask(t, "/metrics/kubernetes/x", token); code < 300 || code == http.StatusNotFound || strings.Contains(body, "kube_") {
			t.Errorf("with the token %q: %d", token, code)
		}
	}
	// Neither the pod nor the cluster is taken for a machine.
	page, err := a.estate.Entities(t.Context(), access.Evenkeel(access.DefaultTenant), estate.Filter{Tenant: access.DefaultTenant, Environments: []string{"local"}, Kinds: []estate.Kind{estate.Host}, Limit: 10})
	if err != nil || len(page.Entities) != 1 {
		t.Errorf("machines: %+v, %v", page.Entities, err)
	}
}

func TestKubeletsThatMayNotBeReadAreToldOfOnTheBoard(t *testing.T) {
	a := start(t, fmt.Sprintf("kubernetes: [{name: x, kubeconfig: %q, qps: 500, burst: 500}]", oneCluster(t, "1", true)))
	told := func() string {
		for _, p := range a.board.Statuses(time.Now()) {
			if p.Part == "kubelets of x" {
				return fmt.Sprint(p)
			}
		}
		return ""
	}
	for range 600 {
		if strings.Contains(told(), "nodes/proxy") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := told(); !strings.Contains(got, `{apiGroups: [""], resources: [nodes/proxy], verbs: [get]}`) {
		t.Errorf("the board says %q", got)
	}
	if n := len(a.local.scraper.Targets()); n != 0 {
		t.Errorf("%d targets are scraped from outside, although nobody asked for it", n)
	}
}
