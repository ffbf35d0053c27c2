package kube

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/lab/cluster"
)

// border stands before the API server and passes everything on. The API server
// decides who may reach a kubelet, but refuses to reach one on loopback, where
// the bed has to be: that last step is the border's.
func border(x *world, account string) (file string) {
	x.Helper()
	node := strings.Fields(x.kubectl("get", "node", "node-0", "-o", `jsonpath={.status.addresses[0].address} {.status.daemonEndpoints.kubeletEndpoint.Port}`))
	to, err := url.Parse(x.bed.URL)
	if err != nil {
		x.Fatal(err)
	}
	// What is looked at here are the rights and the pages, not certificates.
	loose := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport, proxy.FlushInterval = loose, -1
	proxy.ModifyResponse = func(r *http.Response) error {
		_, page, proxied := strings.Cut(r.Request.URL.Path, "/nodes/node-0/proxy")
		if !proxied || r.StatusCode != http.StatusBadRequest {
			return nil
		}
		r.Body.Close()
		got, err := (&http.Client{Transport: loose}).Get("https://" + net.JoinHostPort(node[0], node[1]) + page)
		if err != nil {
			return err
		}
		r.StatusCode, r.Status, r.Body, r.Header, r.ContentLength = got.StatusCode, got.Status, got.Body, got.Header, got.ContentLength
		return nil
	}
	server := httptest.NewTLSServer(proxy)
	x.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	raw, err := os.ReadFile(account)
	if err != nil {
		x.Fatal(err)
	}
	file = filepath.Join(x.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(x.bed.URL, server.URL, fmt.Sprintf("certificate-authority: %q", x.bed.CA), "insecure-skip-tls-verify: true").Replace(string(raw))), 0o600); err != nil {
		x.Fatal(err)
	}
	return file
}

// The API server's real rights and kwok's kubelets. kwok shows
// the pages that Metric objects describe; one without the node's name in its
// path is named after the node.
func TestKubeletsOfARealClusterNeedTheOptionalRight(t *testing.T) {
	b := bed(t)
	p, _, err := cluster.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.AddNodes(t.Context(), "node", 1); err != nil {
		t.Fatal(err)
	}
	admin := &world{T: t, bed: b}
	admin.kubectl("apply", "-k", filepath.Join("..", "..", "deploy", "kubernetes"))
	metrics := filepath.Join(p.Dir, "kwok-resources", "metrics")
	admin.kubectl("apply", "-f", filepath.Join(metrics, "usage", "usage-from-annotation.yaml"))
	page, err := os.ReadFile(filepath.Join(metrics, "resource", "metrics-resource.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	admin.apply(strings.NewReplacer("name: metrics-resource", "name: node-0", "/metrics/nodes/{nodeName}/metrics/resource", "/metrics/resource").Replace(string(page)))
	admin.apply(`
apiVersion: v1
kind: Pod
metadata: {name: busy, namespace: default, annotations: {kwok.x-k8s.io/usage-cpu: "3", kwok.x-k8s.io/usage-memory: 64Mi}}
spec: {nodeName: node-0, containers: [{name: app, image: "example.org/app:1"}]}
`)
	admin.kubectl("wait", "--for=condition=Ready", "pod/busy", "--timeout=60s")

	x := watchFigures(t, Config{Name: "bed", Kubeconfig: border(admin, admin.account("evenkeel"))})
	k := x.w.NewKubelets(time.Second, x.open)
	x.run(k.Run)
	admin.w = x.w
	admin.await("the right is missing, and named", 60*time.Second, func() bool {
		err := k.Health()
		return err != nil && strings.Contains(err.Error(), granted)
	})
	x.await(`{job="kubelet"}`, 0)
	admin.kubectl("apply", "-f", filepath.Join("..", "..", "deploy", "kubernetes", "kubelets.yaml"))
	k.mu.Lock()
	k.until = time.Now()
	k.mu.Unlock()
	x.await(`container_memory_working_set_bytes{cluster="bed",node="node-0",namespace="default",pod="busy",container="app"} == 64*1024*1024`, 1)
	x.await(`node_memory_working_set_bytes{job="kubelet",metrics_path="/metrics/resource",node="node-0"} >= 64*1024*1024`, 1)
	admin.await("use of CPU adds up", 30*time.Second, func() bool {
		n, rate := x.ask(`rate(container_cpu_usage_seconds_total{pod="busy"}[20s])`)
		return n == 1 && rate > 2 && rate < 4
	})
	if err := k.Health(); err != nil {
		t.Errorf("health: %v", err)
	}
	// The API server's own figures are few, and read with the ordinary rights.
	c := x.w.NewControl(x.open)
	x.run(func(ctx context.Context) error { return c.Run(ctx, time.Second) })
	admin.await("the API server tells of itself", 30*time.Second, func() bool {
		bounds, _ := x.ask(`apiserver_request_duration_seconds_bucket{job="apiserver",verb="GET",le="1",started!="",started!="0"}`)
		etcd, _ := x.ask(`sum(etcd_request_duration_seconds_count{job="apiserver"}) > 0`)
		return bounds == 1 && etcd == 1
	})
	if n, series := x.ask(`count({job="apiserver"})`); n != 1 || series > 500 || c.Health() != nil {
		t.Errorf("%.0f series of the API server; health: %v", series, c.Health())
	} else {
		t.Logf("%.0f series of the API server", series)
	}
	// The state of the pods is there beside it, and joins.
	state, err := x.w.StateSeries().Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range state {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				found = found || f.GetName() == "kube_pod_info" && l.GetName() == "pod" && l.GetValue() == "busy"
			}
		}
	}
	if !found {
		t.Error("no kube_pod_info of the pod")
	}
}
