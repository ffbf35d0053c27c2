package kube

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/collect"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// crowd is a cluster of so many pods, ten a node and fifty a deployment.
func crowd(b *testing.B, n int) *state {
	s := newState("c")
	put := func(r *resource, raw string) {
		o, err := r.decode([]byte(raw))
		if err != nil {
			b.Fatal(err)
		}
		s.put(r.name, o)
	}
	list := map[string]*resource{}
	for _, r := range resources([]byte("salt")) {
		list[r.name] = r
		s.readable[r.name] = true
	}
	for i := range n / 10 {
		put(list[nodes], fmt.Sprintf(`{"metadata":{"name":"node-%d","creationTimestamp":"2026-03-01T01:00:00Z"},"status":{"capacity":{"cpu":"8","memory":"32Gi","pods":"110"},"allocatable":{"cpu":"8","memory":"32Gi","pods":"110"},
			"addresses":[{"type":"InternalIP","address":"10.0.0.1"}],"conditions":[{"type":"Ready","status":"True"},{"type":"MemoryPressure","status":"False"},{"type":"DiskPressure","status":"False"},{"type":"PIDPressure","status":"False"}]}}`, i))
	}
	for i := range n / 50 {
		put(list[deployments], fmt.Sprintf(`{"metadata":{"name":"app-%d","namespace":"default"},"spec":{"replicas":50},"status":{"replicas":50,"readyReplicas":50,"conditions":[{"type":"Available","status":"True"},{"type":"Progressing","status":"True"}]}}`, i))
		put(list[replicaSets], fmt.Sprintf(`{"metadata":{"name":"app-%d-5d7f9","namespace":"default","ownerReferences":[{"kind":"Deployment","name":"app-%[1]d","controller":true}]},"spec":{"replicas":50}}`, i))
	}
	for i := range n {
		put(list[pods], fmt.Sprintf(`{"metadata":{"name":"app-%d-5d7f9-%05d","namespace":"default","uid":"0f6b3c1e-0000-4000-8000-%012[2]d","creationTimestamp":"2026-03-01T01:00:00Z","ownerReferences":[{"kind":"ReplicaSet","name":"app-%[1]d-5d7f9","controller":true}]},
			"spec":{"nodeName":"node-%[3]d","restartPolicy":"Always","containers":[{"name":"app","resources":{"requests":{"cpu":"100m","memory":"64Mi"},"limits":{"memory":"128Mi"}}}]},
			"status":{"phase":"Running","startTime":"2026-03-01T01:00:00Z","hostIP":"10.0.0.1","podIP":"10.1.%[4]d.%[5]d","conditions":[{"type":"Ready","status":"True"},{"type":"PodScheduled","status":"True"}],
			"containerStatuses":[{"name":"app","ready":true,"image":"registry.example.org/team/app:1.2.3","imageID":"registry.example.org/team/app@sha256:4bf92f3577b34da6a3ce929d0e0e47364bf92f3577b34da6a3ce929d0e0e4736","containerID":"containerd://%064[2]d","state":{"running":{"startedAt":"2026-03-01T01:00:00Z"}}}]}}`,
			i/50, i, i/10, i/250%250, i%250))
	}
	return s
}

// BenchmarkState is one round of writing the state of 2,000 pods.
func BenchmarkState(b *testing.B) {
	held := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	db, err := tsdb.Open(tsdb.Config{Dir: b.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	before := held()
	w := &Watcher{cfg: Config{Name: "c"}, state: crowd(b, 2000), graph: newGraph(), complete: true}
	objects := held()
	r := collect.NewRecorder(labels.FromStrings("job", "kube-state-metrics", "cluster", "c"), w.StateSeries(), db.Storage(), w.MaxSeries())
	at := time.Now()
	if err := r.Record(b.Context(), at); err != nil {
		b.Fatal(err)
	}
	after := held()
	series := 0
	families, err := w.StateSeries().Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		series += len(f.Metric)
	}
	page := httptest.NewRecorder()
	promhttp.HandlerFor(w.StateSeries(), promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/", nil))
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(15 * time.Second)
		if err := r.Record(b.Context(), at); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(series), "series")
	b.ReportMetric(float64(page.Body.Len()), "page-bytes")
	b.ReportMetric(float64(objects-before)/2000, "objects-bytes/pod")
	b.ReportMetric(float64(after-objects)/float64(series), "held-bytes/series")
}
