package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/collect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// fakeAPI is an API server that has the objects it is given, the pages of
// kubelets, and metrics.k8s.io.
type fakeAPI struct {
	objects map[string][]string // by path

	mu     sync.Mutex
	deny   bool // nodes/proxy
	down   bool // the kubelet of n2
	usage  bool // metrics.k8s.io is there
	cpu    float64
	at     time.Time
	asked  map[string]int
	atOnce int
	most   int
}

const cadvisorText = `# HELP container_cpu_usage_seconds_total Cumulative cpu time consumed in seconds.
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="",cpu="total",id="/",image="",name="",namespace="",pod=""} 900 1700000000000
container_cpu_usage_seconds_total{container="",cpu="total",id="/system.slice",image="",name="",namespace="",pod=""} 90
container_cpu_usage_seconds_total{container="app",cpu="total",id="/kubepods/x/old",image="web:1",name="aaa",namespace="shop",pod="web-NODE"} 500
container_cpu_usage_seconds_total{container="app",cpu="total",id="/kubepods/x/new",image="web:1",name="bbb",namespace="shop",pod="web-NODE"} CPU
# TYPE container_tasks_state gauge
container_tasks_state{container="app",id="/x",namespace="shop",pod="web-NODE",state="running"} 1
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{container="app",id="/kubepods/x/new",image="web:1",name="bbb",namespace="shop",pod="web-NODE"} 1e+08
# TYPE container_spec_memory_limit_bytes gauge
container_spec_memory_limit_bytes{container="app",id="/kubepods/x/new",image="web:1",name="bbb",namespace="shop",pod="web-NODE"} 2e+08
# TYPE machine_cpu_cores gauge
machine_cpu_cores{boot_id="1",machine_id="2",system_uuid="3"} 8
`

const resourceText = `# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="app",namespace="shop",pod="web-NODE"} CPU
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 900
`

const probesText = `# TYPE prober_probe_total counter
prober_probe_total{container="app",namespace="shop",pod="web-NODE",pod_uid="u",probe_type="Readiness",result="failed"} 3
# TYPE process_open_fds gauge
process_open_fds 3
`

const kubeletText = `# TYPE kubelet_volume_stats_available_bytes gauge
kubelet_volume_stats_available_bytes{namespace="shop",persistentvolumeclaim="data-NODE"} 1e+09
# TYPE kubelet_pleg_relist_duration_seconds histogram
kubelet_pleg_relist_duration_seconds_bucket{le="0.005"} 3
kubelet_pleg_relist_duration_seconds_bucket{le="+Inf"} 4
kubelet_pleg_relist_duration_seconds_sum 8
kubelet_pleg_relist_duration_seconds_count 4
# TYPE go_goroutines gauge
go_goroutines 900
`

// Two series that differ in what is left out are one; a watch is meant to last,
// and of a histogram only the bounds that are asked about are kept.
const controlText = `# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1"} 30
apiserver_request_total{code="200",component="apiserver",dry_run="",group="apps",resource="deployments",scope="cluster",subresource="",verb="LIST",version="v1"} 12
apiserver_request_total{code="503",component="apiserver",dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1"} 2
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="WATCH",version="v1"} 900
# TYPE apiserver_request_duration_seconds histogram
apiserver_request_duration_seconds_bucket{component="apiserver",resource="pods",verb="GET",le="0.5"} 5
apiserver_request_duration_seconds_bucket{component="apiserver",resource="pods",verb="GET",le="1"} 6
apiserver_request_duration_seconds_bucket{component="apiserver",resource="nodes",verb="GET",le="1"} 4
apiserver_request_duration_seconds_bucket{component="apiserver",resource="pods",verb="GET",le="+Inf"} 9
apiserver_request_duration_seconds_sum{component="apiserver",resource="pods",verb="GET"} 20
apiserver_request_duration_seconds_count{component="apiserver",resource="pods",verb="GET"} 9
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7e+09
# TYPE go_goroutines gauge
go_goroutines 900
`

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked[r.URL.Path]++
	f.atOnce++
	f.most = max(f.most, f.atOnce)
	defer func() {
		f.mu.Lock()
		f.atOnce--
		f.mu.Unlock()
	}()
	cpu, deny, down, usage, at := f.cpu, f.deny, f.down, f.usage, f.at
	f.mu.Unlock()
	say := func(code int, text string) {
		w.WriteHeader(code)
		fmt.Fprint(w, text)
	}
	items, known := f.objects[r.URL.Path]
	node, page, proxied := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/nodes/"), "/proxy")
	switch {
	case r.URL.Path == "/version":
		say(200, `{"gitVersion":"v1.0.0"}`)
	case r.URL.Query().Get("watch") != "":
		f.mu.Lock()
		f.atOnce--
		f.mu.Unlock()
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		f.mu.Lock()
		f.atOnce++
		f.mu.Unlock()
	case known:
		say(200, `{"metadata":{"resourceVersion":"5"},"items":[`+strings.Join(items, ",")+`]}`)
	case r.URL.Path == "/metrics" && deny:
		say(403, `{"message":"forbidden: User \"x\" cannot get path \"/metrics\""}`)
	case r.URL.Path == "/metrics":
		say(200, controlText)
	case proxied && deny:
		say(403, `{"message":"nodes \"`+node+`\" is forbidden: User \"x\" cannot get resource \"nodes/proxy\" in API group \"\" at the cluster scope"}`)
	case proxied && down && node == "n2":
		say(503, `{"message":"error trying to reach service: dial tcp: connection refused"}`)
	case proxied:
		text, ok := map[string]string{"/metrics/cadvisor": cadvisorText, "/metrics/resource": resourceText, "/metrics/probes": probesText, "/metrics": kubeletText}[page]
		if !ok || node == "n3" && page == "/metrics/cadvisor" {
			say(404, "404 page not found")
			return
		}
		say(200, strings.NewReplacer("NODE", node, "CPU", fmt.Sprint(cpu)).Replace(text))
	case usage && r.URL.Path == usagePath+"pods":
		say(200, fmt.Sprintf(`{"items":[{"metadata":{"name":"web-n1","namespace":"shop"},"timestamp":%q,"containers":[{"name":"app","usage":{"cpu":"500m","memory":"64Mi"}}]}]}`, at.Format(time.RFC3339Nano)))
	case usage && r.URL.Path == usagePath+"nodes":
		say(200, fmt.Sprintf(`{"items":[{"metadata":{"name":"n1"},"timestamp":%q,"usage":{"cpu":"2","memory":"1Gi"}}]}`, at.Format(time.RFC3339Nano)))
	default:
		say(404, `{}`)
	}
}

func (f *fakeAPI) set(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fakeAPI) count(part string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for path, times := range f.asked {
		if strings.Contains(path, part) {
			n += times
		}
	}
	return n
}

// kubeconfig names an API server that asks for nothing.
func kubeconfig(t *testing.T, url string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: x, cluster: {server: %q}}]\nusers: [{name: x, user: {}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\ncurrent-context: x\n", url)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// figuresOf is a watched cluster with a storage for its figures.
type figuresOf struct {
	*testing.T
	w    *Watcher
	db   *tsdb.DB
	open OpenSeries
}

func watchFigures(t *testing.T, cfg Config) *figuresOf {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	x := &figuresOf{T: t, db: db, open: func(target labels.Labels, from prometheus.Gatherer, limit int) SeriesWriter {
		return collect.NewRecorder(target, from, db.Storage(), limit)
	}}
	if x.w, err = New(cfg, Options{Tenant: "t", Sink: &kept{entities: map[string]estate.Entity{}}, Log: log}); err != nil {
		t.Fatal(err)
	}
	x.run(x.w.Run)
	return x
}

// run runs a part until the test ends.
func (x *figuresOf) run(part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(x.Context())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			x.Error(err)
		}
	})
	x.Cleanup(stop)
	return stop
}

func (x *figuresOf) ask(expr string) (n int, first float64) {
	x.Helper()
	got, err := x.db.Instant(x.Context(), expr, time.Now())
	if err != nil {
		x.Fatalf("%s: %v", expr, err)
	}
	if len(got) > 0 {
		first = got[0].V
	}
	return len(got), first
}

func (x *figuresOf) await(expr string, want int) {
	x.Helper()
	got := 0
	for range 750 {
		if got, _ = x.ask(expr); got == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	x.Fatalf("%d series, want %d: %s; %v", got, want, expr, x.w.Health())
}

func nodeList(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(`{"metadata":{"name":"n%d"}}`, i+1))
	}
	return list
}

func TestKubeletsAreReadThroughTheAPIServer(t *testing.T) {
	f := &fakeAPI{objects: map[string][]string{"/api/v1/nodes": nodeList(3)}, asked: map[string]int{}, cpu: 10, down: true}
	server := httptest.NewServer(f)
	defer server.Close()
	defer server.CloseClientConnections()
	x := watchFigures(t, Config{Name: "x", Kubeconfig: kubeconfig(t, server.URL), QPS: 1000, Burst: 1000})
	k := x.w.NewKubelets(time.Second, x.open)
	stop := x.run(k.Run)

	const cadvisor = `job="kubelet",metrics_path="/metrics/cadvisor",cluster="x",node="n1"`
	x.await(`container_cpu_usage_seconds_total{`+cadvisor+`,namespace="shop",pod="web-n1",container="app",image="web:1"} == 10`, 1)
	for expr, want := range map[string]int{
		`{` + cadvisor + `,__name__=~"container.*|machine.*"}`:                                                    5,
		`container_memory_working_set_bytes{` + cadvisor + `} / container_spec_memory_limit_bytes`:                1,
		`machine_cpu_cores{` + cadvisor + `,machine_id=""} == 8`:                                                  1,
		`container_cpu_usage_seconds_total{` + cadvisor + `,pod=""} == 900`:                                       1,
		`container_cpu_usage_seconds_total{node="n1",metrics_path="/metrics/resource"}`:                           0,
		`{__name__=~"container_tasks_state|process_open_fds"} or {id!=""} or {pod_uid!=""}`:                       0,
		`prober_probe_total{node="n1",probe_type="Readiness",result="failed",pod="web-n1"} == 3`:                  1,
		`node_cpu_usage_seconds_total{node="n1",job="kubelet"}`:                                                   1,
		`{job="kubelet",instance!=""}`:                                                                            0,
		`kubelet_volume_stats_available_bytes{node="n1",persistentvolumeclaim="data-n1",namespace="shop"} == 1e9`: 1,
		`kubelet_pleg_relist_duration_seconds_sum{node="n1"} / kubelet_pleg_relist_duration_seconds_count == 2`:   1,
		`{__name__=~"kubelet_pleg_relist_duration_seconds_bucket|go_goroutines"}`:                                 0,
	} {
		x.await(expr, want)
	}
	// A kubelet without cAdvisor's page tells of containers by its other one.
	x.await(`container_cpu_usage_seconds_total{node="n3",metrics_path="/metrics/resource",container="app"}`, 1)
	// One that does not answer is down, and holds up no other.
	x.await(`up{node="n2",metrics_path="/metrics/cadvisor"} == 0`, 1)
	for range 200 {
		if k.Health() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := k.Health(); err == nil || !strings.Contains(err.Error(), "1 of 3 kubelets") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("health: %v", err)
	}
	f.set(func() { f.cpu, f.down = 12, false })
	x.await(`container_cpu_usage_seconds_total{node="n2",container="app"} == 12`, 1)
	for range 200 {
		if k.Health() == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := k.Health(); err != nil {
		t.Errorf("health, when all answer: %v", err)
	}
	f.mu.Lock()
	if f.most > 60 {
		t.Errorf("%d requests at once", f.most)
	}
	f.mu.Unlock()
	if n := f.count("/nodes/n3/proxy/metrics/cadvisor"); n != 1 {
		t.Errorf("a page that is not there was asked for %d times", n)
	}
	stop()
	x.await(`{job="kubelet",__name__=~"container.*"}`, 0)
}

func TestADeniedProxyIsAskedOnceAndReplaced(t *testing.T) {
	now := time.Now()
	f := &fakeAPI{objects: map[string][]string{"/api/v1/nodes": nodeList(20), "/api/v1/pods": {`{"metadata":{"name":"web-n1","namespace":"shop"},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}}`}},
		asked: map[string]int{}, deny: true, usage: true, at: now}
	server := httptest.NewServer(f)
	defer server.Close()
	defer server.CloseClientConnections()
	x := watchFigures(t, Config{Name: "x", Kubeconfig: kubeconfig(t, server.URL), QPS: 1000, Burst: 1000})
	k := x.w.NewKubelets(500*time.Millisecond, x.open)
	x.run(k.Run)
	x.await(`container_memory_working_set_bytes{job="kubelet",cluster="x",node="n1",namespace="shop",pod="web-n1",container="app"} == 64*1024*1024`, 1)
	f.set(func() { f.at = now.Add(20 * time.Second) })
	x.await(`container_cpu_usage_seconds_total{container="app"} == 10 and on () node_cpu_usage_seconds_total{node="n1"} == 40`, 1)
	time.Sleep(1500 * time.Millisecond)
	if n := f.count("/proxy/"); n != 1 {
		t.Errorf("the proxy was asked %d times, although it is denied", n)
	}
	x.await(`up{job="kubelet",node!=""}`, 0)
	err := k.Health()
	if err == nil || !strings.Contains(err.Error(), granted) || !strings.Contains(err.Error(), "metrics.k8s.io is read instead") {
		t.Errorf("health: %v", err)
	}
	// Without the fallback nothing is known, and nothing is told.
	f.set(func() { f.usage = false })
	x.await(`{job="kubelet",__name__=~"container.*|node.*"}`, 0)
	if err := k.Health(); err == nil || !strings.Contains(err.Error(), "is not there either") {
		t.Errorf("health: %v", err)
	}
	// Granted, the kubelets are read.
	f.set(func() { f.deny, f.cpu = false, 7 })
	k.mu.Lock()
	k.until = time.Now()
	k.mu.Unlock()
	x.await(`container_cpu_usage_seconds_total{metrics_path="/metrics/cadvisor",container="app"} == 7`, 19) // n3 has no such page
	if err := k.Health(); err != nil {
		t.Errorf("health, when it is granted: %v", err)
	}
}

// TestTheAPIServersOwnFiguresAreFew: of a page with very many series a handful is
// kept, added up.
func TestTheAPIServersOwnFiguresAreFew(t *testing.T) {
	f := &fakeAPI{objects: map[string][]string{"/api/v1/nodes": nodeList(1)}, asked: map[string]int{}, deny: true}
	server := httptest.NewServer(f)
	defer server.Close()
	defer server.CloseClientConnections()
	x := watchFigures(t, Config{Name: "x", Kubeconfig: kubeconfig(t, server.URL), QPS: 1000, Burst: 1000})
	x.await("vector(1)", 1)
	for range 200 {
		if _, seen := x.w.nodeNames(); seen {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	denied := x.w.NewControl(x.open)
	stop := x.run(func(ctx context.Context) error { return denied.Run(ctx, time.Second) })
	for range 200 {
		if denied.Health() != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := denied.Health(); err == nil || !strings.Contains(err.Error(), "nonResourceURLs: [/metrics]") || !strings.Contains(err.Error(), "are unknown") {
		t.Errorf("health, where it is denied: %v", err)
	}
	x.await(`{job="apiserver"}`, 0)
	stop()

	f.set(func() { f.deny = false })
	c := x.w.NewControl(x.open)
	stop = x.run(func(ctx context.Context) error { return c.Run(ctx, time.Second) })
	for expr, want := range map[string]int{
		`apiserver_request_total{job="apiserver",cluster="x",verb="LIST",code="200",resource="",started="1700000000"} == 42`: 1,
		`apiserver_request_total{code="503"} == 2`:                                             1,
		`apiserver_request_duration_seconds_bucket{verb="GET",le="1"} == 10`:                   1,
		`apiserver_request_duration_seconds_count{verb="GET"} == 9`:                            1,
		`{job="apiserver",__name__=~"apiserver.*|go.*|process.*"}`:                             6,
		`{job="apiserver",instance!=""} or apiserver_request_duration_seconds_bucket{le!="1"}`: 0,
	} {
		x.await(expr, want)
	}
	if err := c.Health(); err != nil {
		t.Errorf("health: %v", err)
	}
	stop()
	x.await(`{job="apiserver"}`, 0)
}

func FuzzReadPage(f *testing.F) {
	f.Add(cadvisorText)
	f.Add(probesText)
	f.Add("# TYPE\n# HELP container_memory_rss\n{} 1\ncontainer_memory_rss 1 2 3\n" + strings.Repeat("x", 70_000))
	f.Fuzz(func(t *testing.T, text string) {
		families, err := readPage(strings.NewReader(text), keepCadvisor)
		if err != nil {
			return
		}
		for _, family := range families {
			if !keepCadvisor[family.GetName()] {
				raw, _ := json.Marshal(family)
				t.Errorf("kept %s", raw)
			}
		}
	})
}
