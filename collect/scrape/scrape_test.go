package scrape_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.yaml.in/yaml/v3"

	"github.com/evenkeel/evenkeel/collect/scrape"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

func parse(t testing.TB, text, dir string) scrape.Config {
	t.Helper()
	var cfg scrape.Config
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Dir = dir
	return cfg
}

func TestConfigIsPrometheusOwn(t *testing.T) {
	good := `
global:
  external_labels: {site: a}
scrape_configs:
- job_name: web
  scrape_interval: 5s
  authorization: {credentials_file: token}
  relabel_configs:
  - source_labels: [__address__]
    target_label: address
  static_configs: [{targets: ["127.0.0.1:9100"]}]
- job_name: names
  dns_sd_configs: [{names: [_exporter._tcp.example.com]}]
- job_name: pods
  kubernetes_sd_configs: [{role: pod, namespaces: {names: [shop]}}]
- job_name: files
  file_sd_configs: [{files: ["targets/*.json"]}]
`
	for _, text := range []string{good, "", "scrape_configs: []", "scrape_configs:"} {
		if err := parse(t, text, t.TempDir()).Validate(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if !parse(t, "", "").Empty() || parse(t, good, "").Empty() {
		t.Error("Empty is wrong")
	}
	for _, c := range []struct{ text, want string }{
		{"scrape_configs:\n- job_name: k\n  consul_sd_configs: [{server: x}]", `line 2 (job "k"): consul_sd_configs (line 3) is not supported; use one of static_configs`},
		{"scrape_configs:\n- job_name: k\n  kubernetes_sd_configs: [{role: cat}]", `line 2 (job "k"): kubernetes_sd_configs: role "cat" is not one of`},
		{"scrape_configs:\n- job_name: k\n  kubernetes_sd_configs: [{role: pod, api_server: \"https://x\"}]", `line 2 (job "k"): field api_server not found`},
		{"scrape_configs:\n- job_name: a\n- job_name: b\n  scrape_intervall: 5s", `line 3 (job "b"): field scrape_intervall not found`},
		{"scrape_configs:\n- static_configs: []", "line 2: job_name is empty"},
		{"scrape_configs:\n- job_name: a\n- job_name: a", `multiple scrape configs with job name "a"`},
		{"scrape_configs: {job_name: a}", "must be a list"},
		{"scrape_configs: [text]", "must be a section"},
		{"global: {scrape_interval: soon}", "global, line 1"},
	} {
		err := parse(t, c.text, "").Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// exporter answers with one gauge of value v and a native histogram.
func exporter(t testing.TB, v float64) *httptest.Server {
	t.Helper()
	reg := prometheus.NewRegistry()
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "depth_meters", Help: "How deep."})
	g.Set(v)
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wait_seconds", NativeHistogramBucketFactor: 1.1})
	h.Observe(1)
	reg.MustRegister(g, h)
	s := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	t.Cleanup(s.Close)
	return s
}

func host(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

func value(t testing.TB, db *tsdb.DB, expr string) (float64, bool) {
	t.Helper()
	s, err := db.Instant(context.Background(), expr, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(s) == 0 {
		return 0, false
	}
	return s[0].V, true
}

// eventually asks expr until it is want, for at most the given time.
func eventually(t testing.TB, db *tsdb.DB, within time.Duration, expr string, want float64) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		got, ok := value(t, db, expr)
		if ok && got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s %s = %v (%v), want %v", within, expr, got, ok, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestTargetsAreScrapedFromAllKindsOfDiscovery(t *testing.T) {
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	static, file, listed, later := exporter(t, 1), exporter(t, 2), exporter(t, 3), exporter(t, 4)
	list := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode([]map[string]any{{"targets": []string{host(listed)}, "labels": map[string]string{"from": "list"}}})
	}))
	defer list.Close()
	gone := httptest.NewServer(nil)
	gone.Close()

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "t.json"), fmt.Appendf(nil, `[{"targets":[%q]}]`, host(file)), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
global: {scrape_interval: 30s, scrape_native_histograms: true}
scrape_configs:
- job_name: static
  static_configs: [{targets: [%q], labels: {team: red}}]
- job_name: file
  file_sd_configs: [{files: [t.json]}]
- job_name: http
  http_sd_configs: [{url: %q}]
- job_name: gone
  basic_auth: {username: u, password: hunter2}
  static_configs: [{targets: [%q]}]
`, host(static), list.URL, host(gone))
	m, err := scrape.New(parse(t, text, dir), db.Storage(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- m.Run(ctx) }()

	// The interval is 30 s: only a first scrape at once is in time.
	eventually(t, db, 2*time.Second, `sum(depth_meters{job="static",team="red"})`, 1)
	t.Logf("first scrape after %s", time.Since(began))
	eventually(t, db, 5*time.Second, `sum(depth_meters{job="file"})`, 2)
	eventually(t, db, 5*time.Second, `sum(depth_meters{job="http",from="list"})`, 3)
	eventually(t, db, 5*time.Second, `sum(up{job="gone"})`, 0)
	eventually(t, db, time.Second, `histogram_count(wait_seconds{job="static"})`, 1)

	states := map[string]scrape.TargetStatus{}
	for _, s := range m.Targets() {
		states[s.Job] = s
	}
	if s := states["static"]; s.Health != "up" || s.Instance != host(static) || s.LastScrape.IsZero() || s.Interval != 30*time.Second {
		t.Errorf("the static target: %+v", s)
	}
	if s := states["gone"]; s.Health != "down" || !strings.Contains(s.LastError, "refused") {
		t.Errorf("the target that is gone: %+v", s)
	}
	if md := m.Metadata()["depth_meters"]; md.Help != "How deep." || md.Type != "gauge" {
		t.Errorf("metadata %+v", md)
	}
	if c := m.ConfigText(); strings.Contains(c, "hunter2") || !strings.Contains(c, "job_name: file") {
		t.Errorf("the configuration shown:\n%s", c)
	}

	if err := m.Apply(parse(t, "scrape_configs: [{job_name: x, consul_sd_configs: []}]", dir)); err == nil {
		t.Error("a wrong configuration was applied")
	}
	if len(m.Targets()) != 4 {
		t.Errorf("after a refused configuration there are %d targets", len(m.Targets()))
	}
	if err := m.Apply(parse(t, fmt.Sprintf("scrape_configs: [{job_name: later, static_configs: [{targets: [%q]}]}]", host(later)), dir)); err != nil {
		t.Fatal(err)
	}
	eventually(t, db, 5*time.Second, `sum(depth_meters{job="later"})`, 4)
	if got := m.Targets(); len(got) != 1 || got[0].Job != "later" {
		t.Errorf("after the change the targets are %+v", got)
	}

	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run did not return")
	}
}

// Prometheus' discovery wakes ten times a second. Where there is nothing to
// scrape it does not run, and the first job that comes starts it.
func TestNothingRunsUntilThereIsAJob(t *testing.T) {
	db, err := tsdb.Open(tsdb.Config{Dir: t.TempDir()}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	m, err := scrape.New(scrape.Config{}, db.Storage(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	time.Sleep(50 * time.Millisecond)
	stacks := make([]byte, 1<<20)
	if all := string(stacks[:runtime.Stack(stacks, true)]); strings.Contains(all, "discovery.(*Manager).sender") {
		t.Error("discovery runs with no job")
	}
	if err := m.Apply(parse(t, fmt.Sprintf("scrape_configs: [{job_name: first, static_configs: [{targets: [%q]}]}]", host(exporter(t, 7))), t.TempDir())); err != nil {
		t.Fatal(err)
	}
	eventually(t, db, 20*time.Second, `sum(depth_meters{job="first"})`, 7)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
