package cluster

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// usage stands in for a metrics-server.
type usage struct {
	mu  sync.Mutex
	cpu map[string]string // of each pod, by namespace
}

// use sets what each pod of a namespace is said to use of the CPU.
func (u *usage) use(space, cpu string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cpu[space] = cpu
}

func (u *usage) of(space string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.cpu[space]
}

// serveUsage has the API server send those here who ask for metrics.k8s.io,
// among them the controller of autoscalers.
func serveUsage(t *testing.T, c *Cluster) *usage {
	u := &usage{cpu: map[string]string{}}
	const base = "/apis/metrics.k8s.io/v1beta1"
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any
		switch {
		case r.URL.Path == base:
			answer = map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1", "resources": []any{
				map[string]any{"name": "pods", "namespaced": true, "kind": "PodMetrics", "verbs": []string{"get", "list"}}}}
		case strings.HasPrefix(r.URL.Path, base+"/namespaces/") && strings.HasSuffix(r.URL.Path, "/pods"):
			space := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, base+"/namespaces/"), "/pods")
			out, err := c.Kubectl(r.Context(), "", "-n", space, "get", "pods", "-l", r.URL.Query().Get("labelSelector"), "-o", `jsonpath={.items[*].metadata.name}`)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			items := []any{}
			for _, name := range strings.Fields(out) {
				items = append(items, map[string]any{"metadata": map[string]any{"name": name, "namespace": space}, "timestamp": time.Now().UTC().Format(time.RFC3339),
					"window": "1s", "containers": []any{map[string]any{"name": "app", "usage": map[string]any{"cpu": u.of(space), "memory": "20Mi"}}}})
			}
			answer = map[string]any{"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": map[string]any{}, "items": items}
		default:
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Log(err)
		}
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl(t.Context(), fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: usage, namespace: kube-system}
spec: {type: ExternalName, externalName: localhost}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: usage, namespace: kube-system, port: %s}
`, port), "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	return u
}

// meshFigures serves what a mesh's proxies tell of calls from front to web in
// the namespace t-policy, two a second, and returns where.
func meshFigures(t *testing.T) string {
	began := time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := int(2 * time.Since(began).Seconds())
		fmt.Fprintf(w, "# TYPE istio_requests_total counter\n")
		for _, reporter := range []string{"source", "destination"} {
			fmt.Fprintf(w, "istio_requests_total{reporter=%q,source_workload=\"front\",source_workload_namespace=\"t-policy\",source_canonical_service=\"front\",destination_workload=\"web\",destination_workload_namespace=\"t-policy\","+
				"destination_service_name=\"web\",destination_service_namespace=\"t-policy\",destination_canonical_service=\"web\",destination_service=\"web.t-policy.svc.cluster.local\",response_code=\"200\"} %d\n", reporter, n)
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
