package app

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/estate"
)

// ask sends a request with the bootstrap token and returns status and body.
func ask(t *testing.T, a running, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer t")
	resp, err := http.DefaultClient.Do(req)
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

// value asks the Prometheus API for the value of a query with one result.
func value(t *testing.T, a running, query string, at time.Time) string {
	t.Helper()
	_, body := ask(t, a, "/prometheus/api/v1/query?"+url.Values{"query": {query}, "time": {at.Format(time.RFC3339Nano)}}.Encode())
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Data.Result) != 1 {
		t.Fatalf("%s: %s (%v)", query, body, err)
	}
	return answer.Data.Result[0].Value[1].(string)
}

func awaitReady(t *testing.T, a running) {
	t.Helper()
	for range 200 {
		if ready, _ := a.ready(); ready {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	_, missing := a.ready()
	t.Fatalf("not ready after 10 seconds: %s", missing)
}

// A backup that is taken while running gives the same answers in a new folder.
func TestABackupRestoredElsewhereGivesTheSameAnswers(t *testing.T) {
	a := start(t, certificateProbe(expiredServer(t)))
	awaitReady(t, a)
	f := awaitFinding(t, a, "certificate-expired")
	f, err := a.findings.Acknowledge(t.Context(), access.Evenkeel(access.DefaultTenant), access.DefaultTenant, f.ID, "seen", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	const query = `node_boot_time_seconds`
	want := value(t, a, query, at)

	file := filepath.Join(t.TempDir(), "backup")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Backup(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	out.Close()
	a.stop()

	data := filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(t.Context(), file, data, ""); err != nil {
		t.Fatal(err)
	}
	b := startIn(t, data, "")
	if got := value(t, b, query, at); got != want {
		t.Errorf("%s is %s and was %s", query, got, want)
	}
	got, events, err := b.findings.Get(t.Context(), access.Evenkeel(access.DefaultTenant), access.DefaultTenant, f.ID)
	if err != nil || got.Title != f.Title || len(events) < 2 {
		t.Errorf("the finding after the restore: %+v, %d events, %v", got, len(events), err)
	}
	if _, err := Restore(t.Context(), file, data, ""); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a restore over existing data: %v", err)
	}
}

func TestASecondProcessOnTheSameDataIsRefused(t *testing.T) {
	a := start(t, "")
	cfg := config.Default()
	cfg.Data, cfg.Listen = a.Data(), "127.0.0.1:0"
	_, err := New(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("got %v; it must name the process that has the data", err)
	}
}

// With an external server its figures are read, and nothing is kept here.
func TestAnExternalServerIsReadInstead(t *testing.T) {
	source := start(t, "")
	awaitReady(t, source)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, _ := http.NewRequestWithContext(r.Context(), r.Method, source.URL()+"/prometheus"+r.URL.RequestURI(), r.Body)
		req.Header = r.Header
		req.Header.Set("Authorization", "Bearer t")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Encoding", resp.Header.Get("Content-Encoding"))
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	}))
	defer proxy.Close()
	a := start(t, "metrics: {external: {url: "+proxy.URL+"}}")
	awaitReady(t, a)
	if got := value(t, a, "node_boot_time_seconds", time.Now()); got != value(t, source, "node_boot_time_seconds", time.Now()) {
		t.Errorf("boot time %s", got)
	}
	if _, err := os.Stat(filepath.Join(a.Data(), "metrics")); err == nil {
		t.Error("figures are kept here, too")
	}
	// What the external figures tell of is in the estate and is checked.
	hosts := estate.Filter{Tenant: access.DefaultTenant, Kinds: []estate.Kind{estate.Host}}
	known := false
	for i := 0; i < 100 && !known; i++ {
		page, err := a.estate.Entities(t.Context(), access.Evenkeel(access.DefaultTenant), hosts)
		if err != nil {
			t.Fatal(err)
		}
		known = len(page.Entities) == 1 && page.Entities[0].Name == source.Host()
		time.Sleep(100 * time.Millisecond)
	}
	if !known {
		t.Error("the host that the external figures tell of is not in the estate")
	}
	// When it is gone, nothing is taken for fine.
	proxy.Close()
	for range 100 {
		if status, _ := ask(t, a, "/prometheus/api/v1/query?query=up"); status >= 500 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(3 * time.Second)
	failing := false
	for _, s := range a.board.Statuses(time.Now()) {
		failing = failing || s.Part == "checks" && s.State != "ok"
	}
	for _, c := range a.checks(access.DefaultTenant, "local") {
		failing = failing || c.State == "unknown"
	}
	if !failing {
		t.Error("with the external server gone, the checks still look fine")
	}
}

// Without a token nothing is told, wherever it is asked.
func TestWithoutATokenNothingIsTold(t *testing.T) {
	a := start(t, "")
	awaitReady(t, a)
	for _, path := range []string{"/api/v1/entities", "/api/v1/findings", "/api/v1/health", "/prometheus/api/v1/query?query=up",
		"/prometheus/api/v1/write", "/metrics", "/", "/findings", "/settings", "/search?q=a", "/api/v1/nonsense", "/prometheus/"} {
		for _, token := range []string{"", "wrong", "T"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized || strings.Contains(string(body), a.Host()) && len(a.Host()) > 3 || len(body) > 300 {
				t.Errorf("%s with %q: %d %s", path, token, resp.StatusCode, body)
			}
		}
	}
}
