package kube

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestALargeCluster measures; EVENKEEL_KUBE_NODES says how large. Ten pods a
// node, of one deployment for each fifty pods.
//
//	EVENKEEL_KUBE_NODES=200 go test ./collect/kube -run TestALargeCluster -v -timeout 20m
func TestALargeCluster(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("EVENKEEL_KUBE_NODES"))
	if err != nil {
		t.Skip("EVENKEEL_KUBE_NODES says how many nodes to measure with, such as 200")
	}
	b := bed(t)
	if err := b.AddNodes(t.Context(), "node", count); err != nil {
		t.Fatal(err)
	}
	var manifest strings.Builder
	for i := range count * 10 / 50 {
		fmt.Fprintf(&manifest, `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app-%[1]d, namespace: default}
spec:
  replicas: 50
  selector: {matchLabels: {app: app-%[1]d}}
  template:
    metadata: {labels: {app: app-%[1]d}}
    spec: {containers: [{name: app, image: "example.org/app:1", resources: {requests: {cpu: 100m, memory: 64Mi}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: app-%[1]d, namespace: default}
spec: {selector: {app: app-%[1]d}, ports: [{port: 80}]}
`, i)
	}
	quiet := &world{T: t, bed: b}
	began := time.Now()
	quiet.apply(manifest.String())
	quiet.await("all pods run", 15*time.Minute, func() bool {
		time.Sleep(3 * time.Second)
		out := quiet.kubectl("get", "deployments", "-o", `jsonpath={range .items[*]}{.status.readyReplicas}{"\n"}{end}`)
		return strings.Count(out, "50\n") == count*10/50
	})
	t.Logf("the bed is ready after %s", time.Since(began).Round(time.Second))
	heap := func() uint64 {
		runtime.GC()
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	began = time.Now()
	x := watchBed(t, b, b.Kubeconfig)
	x.complete(5 * time.Minute)
	whole := time.Since(began)
	x.await("the estate is what kubectl lists", time.Minute, func() bool { return x.same() == "" })
	s := x.w.Stats()
	held := heap() - before
	t.Logf("%d nodes, %d pods: complete and stored after %s; %d objects, %d entities; heap %.1f MB, %.1f KB an object, %.1f KB a pod; RSS %s; %d requests, %d watches, %d refused",
		count, len(x.entities(Pod)), whole.Round(time.Millisecond), s.Objects, s.Entities, float64(held)/1e6, float64(held)/1e3/float64(s.Objects),
		float64(held)/1e3/float64(count*10), rss(t), s.Requests, s.Watches, s.Refused)
	began = time.Now()
	x.kubectl("label", "node", "node-2", "node-role.kubernetes.io/edge=", "--overwrite")
	asked := time.Now()
	x.await("the role of the node", 10*time.Second, func() bool { return x.attribute("node:bed:node-2", "role") == "edge" })
	t.Logf("a changed node is stored %s after kubectl ended, %s after it began", time.Since(asked).Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	cpu := processCPU(t)
	time.Sleep(20 * time.Second)
	t.Logf("idle, with leases renewed: %.1f %% of a core", (processCPU(t)-cpu).Seconds()/20*100)
	began = time.Now()
	x.kubectl("rollout", "restart", "deployment/app-0")
	x.await("told of the rollout", 10*time.Second, func() bool { return len(x.changes("rollout")) == 1 })
	t.Logf("a rollout is told %s after kubectl began", time.Since(began).Round(time.Millisecond))
}

func rss(t *testing.T) string {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// processCPU is what this process has used of the CPUs.
func processCPU(t *testing.T) time.Duration {
	raw, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	total := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return time.Duration(total) * 10 * time.Millisecond // ticks of 1/100 s
}
