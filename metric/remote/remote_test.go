package remote_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/metric/remote"
)

const vector = `{"status":"success","data":{"resultType":"vector","result":[
 {"metric":{"__name__":"up","job":"a"},"value":[1700000000.123,"1"]},
 {"metric":{"__name__":"up","job":"b"},"value":[1700000000.123,"+Inf"]},
 {"metric":{"__name__":"h"},"histogram":[1700000000,{"count":"1","sum":"1"}]}]}}`

const matrix = `{"status":"success","warnings":["PromQL info: metric might not be a counter"],"data":{"resultType":"matrix","result":[
 {"metric":{"job":"a"},"values":[[1700000000,"1"],[1700000015,"2.5"]]},
 {"metric":{"job":"h"},"histograms":[[1700000000,{"count":"1","sum":"1"}]]}]}}`

var at = time.UnixMilli(1_700_000_000_123)

func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func endpoint(t testing.TB, cfg remote.Config) *remote.Endpoint {
	t.Helper()
	e, err := remote.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAnswersOverTLSWithCredentials(t *testing.T) {
	var form, tenant string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "reader" || password != "hunter2" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		_ = r.ParseForm()
		form, tenant = r.PostForm.Encode(), r.Header.Get("X-Scope-OrgID")
		switch r.URL.Path {
		case "/prometheus/api/v1/query":
			if r.Form.Get("query") == "1" {
				fmt.Fprint(w, `{"status":"success","data":{"resultType":"scalar","result":[1700000000,"1"]}}`)
				return
			}
			fmt.Fprint(w, vector)
		case "/prometheus/api/v1/query_range":
			fmt.Fprint(w, matrix)
		default:
			http.NotFound(w, r)
		}
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of a handshake that is meant to fail
	srv.StartTLS()
	defer srv.Close()
	ca := file(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	cfg := remote.Config{
		URL: srv.URL + "/prometheus/", Headers: map[string]string{"X-Scope-OrgID": "blue"}, TLS: remote.TLS{CAFile: ca},
		BasicAuth: &remote.BasicAuth{Username: "reader", PasswordFile: file(t, "password", "hunter2\n")},
	}
	ctx := context.Background()
	e := endpoint(t, cfg)
	if err := e.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	samples, err := e.Instant(ctx, `up{job=~"a|b"}`, at)
	if err != nil || len(samples) != 2 {
		t.Fatalf("%v, %v", samples, err)
	}
	if s := samples[0]; s.Labels.Get("job") != "a" || s.V != 1 || !s.T.Equal(at) {
		t.Errorf("sample %+v", s)
	}
	if tenant != "blue" || !strings.Contains(form, "time=1700000000.123") {
		t.Errorf("asked with %s for tenant %q", form, tenant)
	}
	series, err := e.Range(ctx, `up`, metric.Window{From: at, To: at.Add(time.Minute), Step: 15 * time.Second})
	if err != nil || len(series) != 1 || len(series[0].Points) != 2 || series[0].Points[1].V != 2.5 {
		t.Fatalf("%v, %v", series, err)
	}
	if !strings.Contains(form, "step=15") || !strings.Contains(form, "end=1700000060.123") {
		t.Errorf("asked with %s", form)
	}

	// Wrong credentials, wrong certificate, wrong host: unavailable, and no
	// word of the password.
	wrong := cfg
	wrong.BasicAuth = &remote.BasicAuth{Username: "reader", PasswordFile: file(t, "password", "geheim99")}
	untrusted := cfg
	untrusted.TLS = remote.TLS{}
	missing := cfg
	missing.BasicAuth = &remote.BasicAuth{Username: "reader", PasswordFile: "/does/not/exist"}
	elsewhere := cfg
	elsewhere.URL = srv.URL
	for name, c := range map[string]remote.Config{"wrong password": wrong, "untrusted": untrusted, "no password file": missing, "wrong path": elsewhere} {
		_, err := endpoint(t, c).Instant(ctx, "up", at)
		if !errors.Is(err, metric.ErrUnavailable) || strings.Contains(err.Error(), "geheim99") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusalsHaveTheirMeaning(t *testing.T) {
	type reply struct {
		status int // 0: hang
		body   string
	}
	var next atomic.Pointer[reply]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := next.Load()
		if now.status == 0 {
			_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the caller go
			<-r.Context().Done()
			return
		}
		if now.status == http.StatusFound {
			w.Header().Set("Location", "http://elsewhere.example/")
		}
		w.WriteHeader(now.status)
		fmt.Fprint(w, now.body)
	}))
	defer srv.Close()
	e := endpoint(t, remote.Config{URL: srv.URL, Timeout: model.Duration(200 * time.Millisecond), MaxAnswerBytes: 1000})
	apiError := func(kind, text string) string {
		return fmt.Sprintf(`{"status":"error","errorType":%q,"error":%q}`, kind, text)
	}
	for _, c := range []struct {
		status int
		body   string
		want   error // nil: an error that is neither
	}{
		{400, apiError("bad_data", "parse error"), nil},
		{422, apiError("execution", "many-to-many matching not allowed"), nil},
		{422, apiError("execution", "query processing would load too many samples into memory in query execution"), metric.ErrTooLarge},
		{503, apiError("timeout", "query timed out in expression evaluation"), metric.ErrTooLarge},
		{422, apiError("execution", "the query exceeded the maximum number of chunks (err-mimir-max-chunks-per-query)"), metric.ErrTooLarge},
		{200, `{"status":"success","data":{"resultType":"vector","result":[` + strings.Repeat(" ", 1000) + `]}}`, metric.ErrTooLarge},
		{200, `{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[]}}`, metric.ErrUnavailable},
		{200, `<html>welcome</html>`, metric.ErrUnavailable},
		{302, ``, metric.ErrUnavailable},
		{429, apiError("too_many_requests", "slow down"), metric.ErrUnavailable},
		{500, apiError("internal", "disk"), metric.ErrUnavailable},
		{502, `bad gateway`, metric.ErrUnavailable},
		{0, ``, metric.ErrUnavailable}, // it hangs
	} {
		next.Store(&reply{c.status, c.body})
		_, err := e.Instant(context.Background(), "up", at)
		large, unavailable := errors.Is(err, metric.ErrTooLarge), errors.Is(err, metric.ErrUnavailable)
		if err == nil || large != (c.want == metric.ErrTooLarge) || unavailable != (c.want == metric.ErrUnavailable) {
			t.Errorf("%d %s: %v, want %v", c.status, c.body, err, c.want)
		}
	}
	// A caller who goes away says nothing about the endpoint.
	next.Store(&reply{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := e.Instant(ctx, "up", at); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, metric.ErrUnavailable) {
		t.Errorf("the caller's deadline: %v", err)
	}
}

func TestTheProxyOnlyReads(t *testing.T) {
	var seen *http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Clone(context.Background())
		w.Header().Set("Set-Cookie", "theirs=1")
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "alerts") {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, vector)
	}))
	defer srv.Close()
	h := endpoint(t, remote.Config{URL: srv.URL + "/base", BearerTokenFile: file(t, "token", "ours-7")}).Handler()
	do := func(method, target string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Authorization", "Bearer callers")
		r.Header.Set("Cookie", "session=callers")
		w := httptest.NewRecorder()
		seen = nil
		h.ServeHTTP(w, r)
		return w
	}
	for _, target := range []string{"/api/v1/query?query=up", "/api/v1/label/job/values", "/api/v1/label/U__a_2e_b/values", "/api/v1/status/buildinfo", "/api/v1/metadata"} {
		w := do(http.MethodGet, target)
		if w.Code != http.StatusOK || seen == nil || seen.URL.RequestURI() != "/base"+target {
			t.Fatalf("%s: %d, passed on as %v", target, w.Code, seen)
		}
		if seen.Header.Get("Authorization") != "Bearer ours-7" || seen.Header.Get("Cookie") != "" || seen.Header.Get("X-Forwarded-For") != "" {
			t.Errorf("%s: headers passed on: %v", target, seen.Header)
		}
		if w.Header().Get("Set-Cookie") != "" || w.Body.String() != vector {
			t.Errorf("%s: answer %v %s", target, w.Header(), w.Body)
		}
	}
	for _, target := range []string{
		"/api/v1/admin/tsdb/delete_series?match[]=up", "/api/v1/write", "/-/reload", "/api/v1/status/config", "/", "/metrics",
		"/api/v1/label/../../admin/tsdb/snapshot/values", "/api/v1/label/%2e%2e/values/../../write", "/api/v1/query/../write", "/api/v1/read",
	} {
		if w := do(http.MethodPost, target); w.Code != http.StatusNotFound || seen != nil {
			t.Errorf("%s: %d, passed on as %v", target, w.Code, seen)
		}
	}
	if w := do(http.MethodDelete, "/api/v1/series"); w.Code != http.StatusMethodNotAllowed || seen != nil {
		t.Errorf("DELETE: %d", w.Code)
	}
	if w := do(http.MethodGet, "/api/v1/alerts"); w.Code != http.StatusBadGateway || strings.Contains(w.Body.String(), "ours-7") {
		t.Errorf("the endpoint refuses us: %d %s", w.Code, w.Body)
	}
	srv.Close()
	if w := do(http.MethodGet, "/api/v1/query?query=up"); w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), `"errorType":"unavailable"`) {
		t.Errorf("the endpoint is gone: %d %s", w.Code, w.Body)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  remote.Config
		want string
	}{
		{remote.Config{}, "url: it is missing"},
		{remote.Config{URL: "ftp://x"}, "http://"},
		{remote.Config{URL: "http://u:geheim@x"}, "basic_auth"},
		{remote.Config{URL: "http://u:geheim@x:y:z\x7f"}, "not a URL"},
		{remote.Config{URL: "http://x?a=b"}, "leave out"},
		{remote.Config{URL: "http://x", BearerTokenFile: "a", Authorization: &remote.Authorization{CredentialsFile: "b"}}, "not several"},
		{remote.Config{URL: "http://x", TLS: remote.TLS{CertFile: "a"}}, "go together"},
		{remote.Config{URL: "http://x", Headers: map[string]string{"Authorization": "Bearer geheim"}}, "from a file"},
		{remote.Config{URL: "http://x", Headers: map[string]string{"bad name": "geheim\n"}}, "not a valid header"},
	} {
		err := c.cfg.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%+v: %v, want %s", c.cfg, err, c.want)
		}
	}
	if err := (remote.Config{URL: "https://mimir.example.com/prometheus"}).Validate(); err != nil {
		t.Error(err)
	}
}

// TestARealPrometheusIsRead runs Prometheus, which scrapes itself.
func TestARealPrometheusIsRead(t *testing.T) {
	bin, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("there is no prometheus on the PATH")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cfg := file(t, "p.yml", fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: itself, static_configs: [{targets: [%q]}]}]\n", addr))
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, "--config.file="+cfg, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+addr, "--query.max-samples=1000")
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	e := endpoint(t, remote.Config{URL: "http://" + addr})
	deadline := time.Now().Add(20 * time.Second)
	for {
		s, err := e.Instant(ctx, `up{job="itself"}`, time.Now())
		if err == nil && len(s) == 1 && s[0].V == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("up = %v, %v", s, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	w := metric.Window{From: time.Now().Add(-10 * time.Second), To: time.Now(), Step: time.Second}
	if s, err := e.Range(ctx, `up`, w); err != nil || len(s) != 1 || len(s[0].Points) == 0 {
		t.Errorf("range: %v, %v", s, err)
	}
	w.To = w.To.Add(time.Minute) // each series' last value is carried on
	if _, err := e.Range(ctx, `{__name__=~".+"}`, w); !errors.Is(err, metric.ErrTooLarge) {
		t.Errorf("more than 1,000 samples: %v", err)
	}
	if _, err := e.Instant(ctx, `sum(`, time.Now()); err == nil || errors.Is(err, metric.ErrUnavailable) || errors.Is(err, metric.ErrTooLarge) {
		t.Errorf("a wrong query: %v", err)
	}
}
