package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/lab"
	"github.com/evenkeel/evenkeel/store"
)

// made is an API server of a cluster that is made up as it is asked for: ten
// pods a node, fifty a deployment with its replica set, service and slice. It
// holds no objects, so that they do not count as anybody's.
type made struct {
	pods int

	mu       sync.Mutex
	watching map[string][]chan string // by path
	version  int
}

// listKinds are the kinds of lists, which client-go insists on.
var listKinds = map[string]string{pods: "PodList", nodes: "NodeList", leases: "LeaseList", namespaces: "NamespaceList", deployments: "DeploymentList", replicaSets: "ReplicaSetList",
	services: "ServiceList", endpointSlices: "EndpointSliceList"}

func (m *made) of(path string) (count int, one func(i int) string) {
	owner := func(kind, name string) string {
		return fmt.Sprintf(`"ownerReferences":[{"apiVersion":"apps/v1","kind":%q,"name":%q,"uid":"5b1c0000-0000-4000-8000-000000000000","controller":true,"blockOwnerDeletion":true}]`, kind, name)
	}
	meta := func(name string, i int, more string) string {
		return fmt.Sprintf(`"metadata":{"name":%q,"namespace":"team-%d","uid":"0f6b3c1e-0000-4000-8000-%012d","resourceVersion":"7","creationTimestamp":"2026-03-01T01:00:00Z","labels":{"app":"app-%d","app.kubernetes.io/part-of":"shop","pod-template-hash":"5d7f9"},
			"managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-03-01T01:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:image":{},"f:name":{},"f:resources":{}}}}}}]%s}`, name, i%50, i, i, more)
	}
	template := func(i int) string {
		return fmt.Sprintf(`"selector":{"matchLabels":{"app":"app-%[1]d"}},"template":{"metadata":{"labels":{"app":"app-%[1]d"}},"spec":{"containers":[{"name":"app","image":"registry.example.org/team/app:1.2.3","resources":{"requests":{"cpu":"100m","memory":"64Mi"}}}]}}`, i)
	}
	nodes, sets := m.pods/10, m.pods/50
	switch path {
	case "/api/v1/pods":
		return m.pods, func(i int) string {
			d := i / 50
			name := fmt.Sprintf("app-%d-5d7f9-%05d", d, i)
			return fmt.Sprintf(`{%s,"spec":{"nodeName":"node-%d","restartPolicy":"Always","serviceAccountName":"default","schedulerName":"default-scheduler","terminationGracePeriodSeconds":30,"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],
				"volumes":[{"name":"kube-api-access","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}}]}}],
				"containers":[{"name":"app","image":"registry.example.org/team/app:1.2.3","env":[{"name":"MODE","value":"production"}],"resources":{"requests":{"cpu":"100m","memory":"64Mi"},"limits":{"memory":"128Mi"}},"volumeMounts":[{"name":"kube-api-access","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount","readOnly":true}],"readinessProbe":{"httpGet":{"path":"/ready","port":8080},"periodSeconds":10}}]},
				"status":{"phase":"Running","startTime":"2026-03-01T01:00:00Z","hostIP":"10.0.0.1","podIP":"10.1.%d.%d","qosClass":"Burstable","conditions":[{"type":"Initialized","status":"True","lastTransitionTime":"2026-03-01T01:00:00Z"},{"type":"Ready","status":"True","lastTransitionTime":"2026-03-01T01:00:05Z"},{"type":"ContainersReady","status":"True","lastTransitionTime":"2026-03-01T01:00:05Z"},{"type":"PodScheduled","status":"True","lastTransitionTime":"2026-03-01T01:00:00Z"}],
				"containerStatuses":[{"name":"app","ready":true,"started":true,"restartCount":0,"image":"registry.example.org/team/app:1.2.3","imageID":"registry.example.org/team/app@sha256:4bf92f3577b34da6a3ce929d0e0e47364bf92f3577b34da6a3ce929d0e0e4736","containerID":"containerd://%064d","state":{"running":{"startedAt":"2026-03-01T01:00:02Z"}}}]}}`,
				strings.Replace(strings.Replace(meta(name, d, ","+owner("ReplicaSet", fmt.Sprintf("app-%d-5d7f9", d))), fmt.Sprintf("8000-%012d", d), fmt.Sprintf("8000-%012d", i), 1), `"7"`, strconv.Quote(strconv.Itoa(7+i%5)), 1), i/10, i/250%250, i%250, i)
		}
	case "/api/v1/nodes":
		return nodes, func(i int) string {
			return fmt.Sprintf(`{"metadata":{"name":"node-%[1]d","uid":"aaaa0000-0000-4000-8000-%012[1]d","resourceVersion":"7","creationTimestamp":"2026-03-01T01:00:00Z","labels":{"kubernetes.io/hostname":"node-%[1]d","topology.kubernetes.io/zone":"zone-%[2]d"}},"spec":{},"status":{"capacity":{"cpu":"8","memory":"32Gi","pods":"110"},"allocatable":{"cpu":"8","memory":"32Gi","pods":"110"},
				"nodeInfo":{"kubeletVersion":"v1.37.2","osImage":"Debian","containerRuntimeVersion":"containerd://2.1.0","kernelVersion":"6.18.0"},"addresses":[{"type":"InternalIP","address":"10.0.0.1"}],"conditions":[{"type":"Ready","status":"True"},{"type":"MemoryPressure","status":"False"},{"type":"DiskPressure","status":"False"},{"type":"PIDPressure","status":"False"}]}}`, i, i%3)
		}
	case "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", "/apis/coordination.k8s.io/v1/leases":
		return nodes, func(i int) string {
			return fmt.Sprintf(`{"metadata":{"name":"node-%[1]d","namespace":"kube-node-lease","uid":"bbbb0000-0000-4000-8000-%012[1]d","resourceVersion":"7"},"spec":{"holderIdentity":"node-%[1]d","leaseDurationSeconds":40,"renewTime":%[2]q}}`, i, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
		}
	case "/api/v1/namespaces":
		return 50, func(i int) string {
			return fmt.Sprintf(`{"metadata":{"name":"team-%d","resourceVersion":"7"},"status":{"phase":"Active"}}`, i)
		}
	case "/apis/apps/v1/deployments":
		return sets, func(i int) string {
			return fmt.Sprintf(`{%s,"spec":{"replicas":50,%s},"status":{"observedGeneration":1,"replicas":50,"readyReplicas":50,"availableReplicas":50,"updatedReplicas":50,"conditions":[{"type":"Available","status":"True"},{"type":"Progressing","status":"True","reason":"NewReplicaSetAvailable"}]}}`, meta(fmt.Sprintf("app-%d", i), i, ""), template(i))
		}
	case "/apis/apps/v1/replicasets":
		return sets, func(i int) string {
			return fmt.Sprintf(`{%s,"spec":{"replicas":50,%s},"status":{"replicas":50,"readyReplicas":50}}`, meta(fmt.Sprintf("app-%d-5d7f9", i), i, ","+owner("Deployment", fmt.Sprintf("app-%d", i))), template(i))
		}
	case "/api/v1/services":
		return sets, func(i int) string {
			return fmt.Sprintf(`{%s,"spec":{"type":"ClusterIP","clusterIP":"10.96.0.1","selector":{"app":"app-%d"},"ports":[{"port":80,"targetPort":8080,"protocol":"TCP"}]}}`, meta(fmt.Sprintf("app-%d", i), i, ""), i)
		}
	case "/apis/discovery.k8s.io/v1/endpointslices":
		return sets, func(i int) string {
			var ends []string
			for n := range 50 {
				ends = append(ends, fmt.Sprintf(`{"addresses":["10.1.%d.%d"],"conditions":{"ready":true},"nodeName":"node-%d","targetRef":{"kind":"Pod","namespace":"team-%d","name":"app-%d-5d7f9-%05d"}}`, i%250, n, (i*50+n)/10, i%50, i, i*50+n))
			}
			return fmt.Sprintf(`{%s,"addressType":"IPv4","endpoints":[%s],"ports":[{"port":8080}]}`, strings.Replace(meta(fmt.Sprintf("app-%d-x", i), i, ""), `"labels":{`, fmt.Sprintf(`"labels":{"kubernetes.io/service-name":"app-%d",`, i), 1), strings.Join(ends, ","))
		}
	}
	return 0, nil
}

func (m *made) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	q := r.URL.Query()
	count, one := m.of(r.URL.Path)
	switch {
	case r.URL.Path == "/version":
		fmt.Fprint(w, `{"major":"1","minor":"37","gitVersion":"v1.37.2"}`)
	case q.Get("sendInitialEvents") == "true":
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
	case q.Get("watch") == "true" || q.Get("watch") == "1":
		events := make(chan string, 1000)
		m.mu.Lock()
		m.watching[r.URL.Path] = append(m.watching[r.URL.Path], events)
		m.mu.Unlock()
		w.(http.Flusher).Flush()
		for {
			select {
			case <-r.Context().Done():
				return
			case e := <-events:
				fmt.Fprintln(w, e)
				w.(http.Flusher).Flush()
			}
		}
	case one == nil:
		fmt.Fprint(w, `{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}`)
	default:
		first, limit := 0, count
		fmt.Sscan(q.Get("continue"), &first)
		fmt.Sscan(q.Get("limit"), &limit)
		last, next := min(count, first+limit), ""
		if last < count {
			next = strconv.Itoa(last)
		}
		group := "v1"
		if parts := strings.Split(r.URL.Path, "/"); parts[1] == "apis" {
			group = parts[2] + "/" + parts[3]
		}
		fmt.Fprintf(w, `{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"7","continue":%q},"items":[`, listKinds[path.Base(r.URL.Path)], group, next)
		for i := first; i < last; i++ {
			if i > first {
				fmt.Fprint(w, ",")
			}
			fmt.Fprint(w, one(i))
		}
		fmt.Fprint(w, "]}")
	}
}

// change has a pod told of as modified.
func (m *made) change(i int, from, to string) {
	_, one := m.of("/api/v1/pods")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version++
	text := strings.Replace(one(i), from, to, 1)
	text = strings.Replace(text, fmt.Sprintf(`"resourceVersion":"%d"`, 7+i%5), fmt.Sprintf(`"resourceVersion":"%d"`, 1000+m.version), 1)
	for _, ch := range m.watching["/api/v1/pods"] {
		ch <- fmt.Sprintf(`{"type":"MODIFIED","object":%s}`, strings.ReplaceAll(text, "\n", ""))
	}
}

// madeUp serves a cluster of so many pods as EVENKEEL_KUBE_PODS says, else of
// 2,000, and returns a kubeconfig that reaches it.
func madeUp(t *testing.T) (m *made, server *httptest.Server, file string) {
	t.Helper()
	m = &made{pods: 2000, watching: map[string][]chan string{}}
	if text := os.Getenv("EVENKEEL_KUBE_PODS"); text != "" {
		var err error
		if m.pods, err = strconv.Atoi(text); err != nil {
			t.Fatalf("EVENKEEL_KUBE_PODS: %v", err)
		}
	}
	server = httptest.NewServer(m)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	file = filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: x, cluster: {server: %q}}]\nusers: [{name: x, user: {}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\ncurrent-context: x\n", server.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return m, server, file
}

// TestAHugeCluster measures what a cluster takes that is made up: memory for each
// pod, all in (objects, graph and what the estate remembers), and how soon a
// change is stored. EVENKEEL_KUBE_PODS says how many pods; with
// EVENKEEL_KUBE_PEER=1 the caches of client-go's informers are measured on the
// same objects.
//
//	EVENKEEL_KUBE_PODS=50000 EVENKEEL_KUBE_PEER=1 go test ./collect/kube -run TestAHugeCluster -v -timeout 30m
func TestAHugeCluster(t *testing.T) {
	m, server, file := madeUp(t)
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	heap := func() uint64 {
		runtime.GC()
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	seen := estate.NewService(s, log)
	w, err := New(Config{Name: "x", Kubeconfig: file}, Options{Tenant: access.DefaultTenant, Sink: seen, Salt: []byte("salt"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- w.Run(ctx) }()
	defer func() {
		stop()
		server.CloseClientConnections()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	attribute := func(id, key string) string {
		e, _, err := seen.Entity(ctx, access.Evenkeel(access.DefaultTenant), access.DefaultTenant, "x", id, time.Time{})
		if err != nil {
			return ""
		}
		return e.Attributes[key]
	}
	await := func(what string, within time.Duration, is func() bool) time.Duration {
		t.Helper()
		began := time.Now()
		for !is() {
			if time.Since(began) > within {
				t.Fatalf("%s: not so after %s; %v", what, within, w.Health())
			}
			time.Sleep(5 * time.Millisecond)
		}
		return time.Since(began)
	}
	last := fmt.Sprintf("pod:x:team-%d:app-%d-5d7f9-%05d", (m.pods-1)/50%50, (m.pods-1)/50, m.pods-1)
	await("all is seen and stored", 10*time.Minute, func() bool { return attribute(last, "phase") == "Running" && w.Health() == nil })
	whole := time.Since(began)
	stats := w.Stats()
	if want := m.pods + 2*m.pods/10 + 4*m.pods/50 + 50; stats.Objects != want {
		t.Errorf("%d objects, want %d", stats.Objects, want)
	}
	held := heap() - before
	perPod := float64(held) / float64(m.pods)
	t.Logf("%d nodes, %d pods, made up: complete and stored after %.1f s; %d objects, %d entities; heap %.1f MB: %.2f KB an object, %.2f KB a pod, all in; RSS of the whole test %s; %d requests, %d watches",
		m.pods/10, m.pods, whole.Seconds(), stats.Objects, stats.Entities, float64(held)/1e6, float64(held)/1e3/float64(stats.Objects), perPod/1e3, rss(t), stats.Requests, stats.Watches)
	if perPod > 12e3 {
		t.Errorf("%.1f KB a pod; the goal is 12", perPod/1e3)
	}
	m.change(m.pods-1, `"phase":"Running"`, `"phase":"Failed"`)
	t.Logf("a changed pod is stored %.3f s after the API server told of it", await("the change", 10*time.Second, func() bool { return attribute(last, "phase") == "Failed" }).Seconds())
	if m.pods >= 10_000 { // one pod in a hundred changes each minute
		cpu, at := processCPU(t), time.Now()
		const span = 30 * time.Second
		for i := range m.pods / 200 {
			m.change(i*97%(m.pods-1), `"restartCount":0`, `"restartCount":1`)
			time.Sleep(time.Until(at.Add(time.Duration(i+1) * span / time.Duration(m.pods/200))))
		}
		t.Logf("1 %% of pods changed a minute, with who makes them up: %.1f %% of a core", (processCPU(t)-cpu).Seconds()/time.Since(at).Seconds()*100)
	}
	if os.Getenv("EVENKEEL_KUBE_PEER") != "" {
		peer := exec.CommandContext(t.Context(), "go", "run", ".", server.URL)
		peer.Dir = filepath.Join("..", "..", "testbed", "informers")
		out, err := peer.CombinedOutput()
		if err != nil {
			t.Fatalf("the peer: %v: %s", err, out)
		}
		var objects, bytes, seconds float64
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if _, err := fmt.Sscan(lines[len(lines)-1], &objects, &bytes, &seconds); err != nil || int(objects) != stats.Objects {
			t.Fatalf("the peer said %q, not of %d objects: %v", out, stats.Objects, err)
		}
		t.Logf("client-go's informers, the same objects but for the kinds that are empty: %.0f objects after %.1f s; heap %.1f MB: %.2f KB an object, %.2f KB a pod, for the objects alone", objects, seconds, bytes/1e6, bytes/1e3/objects, bytes/1e3/float64(m.pods))
	}
}

// TestTheProgramInAHugeCluster measures the whole program in the same made-up
// cluster: memory, CPU with nothing changing and with one pod in a hundred
// changing each minute, and how soon a change is in the graph and a finding
// there.
//
//	EVENKEEL_LAB=1 EVENKEEL_KUBE_PODS=10000 go test ./collect/kube -run TestTheProgramInAHugeCluster -v -timeout 30m
func TestTheProgramInAHugeCluster(t *testing.T) {
	if os.Getenv("EVENKEEL_LAB") == "" || os.Getenv("EVENKEEL_KUBE_PODS") == "" {
		t.Skip("EVENKEEL_LAB=1 and EVENKEEL_KUBE_PODS, such as 10000, have the program measured in a made-up cluster")
	}
	m, _, file := madeUp(t)
	stage, err := lab.NewStage("huge")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := stage.BuildEvenkeel(os.Getenv("EVENKEEL_PROGRAM")); err != nil {
		t.Fatal(err)
	}
	for _, series := range []string{"always", "never"} {
		e, err := stage.StartEvenkeel(t.Context(), lab.Options{Name: "series-" + series, Config: fmt.Sprintf("kubernetes: [{name: x, kubeconfig: %q, kubelets: false, state_metrics: %s}]\n", file, series)})
		if err != nil {
			t.Fatal(err)
		}
		attribute := func(id, key string) string {
			raw, err := e.Do(t.Context(), http.MethodGet, "/api/v1/entities/"+url.PathEscape(id)+"?environment=x", nil)
			var one estate.Entity
			if err != nil || json.Unmarshal(raw, &one) != nil {
				return ""
			}
			return one.Attributes[key]
		}
		await := func(what string, within time.Duration, is func() bool) time.Duration {
			t.Helper()
			began := time.Now()
			for !is() {
				if time.Since(began) > within {
					t.Fatalf("%s: not so after %s", what, within)
				}
				time.Sleep(20 * time.Millisecond)
			}
			return time.Since(began)
		}
		usage := func() lab.Usage {
			u, err := lab.UsageOf(e.PID)
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
		pod := func(i int) string { return fmt.Sprintf("pod:x:team-%d:app-%d-5d7f9-%05d", i/50%50, i/50, i) }
		n := m.pods
		seen := e.Ready + await("all is seen and stored", 5*time.Minute, func() bool {
			return attribute(pod(n-1), "phase") == "Running" && attribute("kubernetes-cluster:x", "reachable") == "true"
		})
		took := usage().CPU
		time.Sleep(time.Minute)
		from, at := usage(), time.Now()
		time.Sleep(45 * time.Second)
		idle := 100 * (usage().CPU - from.CPU) / time.Since(at).Seconds()
		from, at = usage(), time.Now()
		const span = time.Minute
		for i := range n / 100 {
			m.change(i*97%(n-100), `"restartCount":0`, `"restartCount":1`)
			time.Sleep(time.Until(at.Add(time.Duration(i+1) * span / time.Duration(n/100))))
		}
		to := usage()
		busy := 100 * (to.CPU - from.CPU) / time.Since(at).Seconds()
		m.change(n-1, `"phase":"Running"`, `"phase":"Failed"`)
		changed := await("the change", 20*time.Second, func() bool { return attribute(pod(n-1), "phase") == "Failed" })
		m.change(n-2, `"state":{"running":{"startedAt":"2026-03-01T01:00:02Z"}}`, `"state":{"waiting":{"reason":"ImagePullBackOff","message":"manifest unknown"}}`)
		found := await("the finding", 40*time.Second, func() bool {
			list, err := e.Findings(t.Context(), time.Now())
			return err == nil && slices.ContainsFunc(list, func(f finding.Finding) bool { return f.Check == "pod-image-pull" })
		})
		t.Logf("the whole program, %d nodes, %d pods, series of objects %s: complete and stored %.1f s after its start (%.1f s of CPU); RSS %s; %.1f %% of a core with nothing changing, %.1f %% with 1 %% of pods changing a minute; a change in the graph after %.2f s, a finding after %.1f s",
			n/10, n, series, seen.Seconds(), took, lab.MB(to.RSS), idle, busy, changed.Seconds(), found.Seconds())
		if err := e.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}
