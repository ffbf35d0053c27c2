package probe

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// once runs one round of a probe.
func once(t *testing.T, s Spec) Round {
	t.Helper()
	s.Name = "p"
	s.setDefaults()
	if err := s.validate(); err != nil {
		t.Fatal(err)
	}
	c, err := newCheck(s)
	if err != nil {
		t.Fatal(err)
	}
	p := &Prober{}
	began := time.Now()
	r := p.ask(t.Context(), &running{spec: s, check: c})
	if real := time.Since(began); r.Took > real {
		t.Errorf("the round says it took %s of %s", r.Took, real)
	}
	var sum time.Duration
	for _, ph := range r.Phases {
		if ph.Took < 0 {
			t.Errorf("phase %s took %s", ph.Phase, ph.Took)
		}
		sum += ph.Took
	}
	if sum > r.Took {
		t.Errorf("phases sum to %s in a round of %s: %v", sum, r.Took, r.Phases)
	}
	if (r.Outcome == Up) != (r.Reason == "" && r.Message == "") {
		t.Errorf("outcome %s with reason %q and message %q", r.Outcome, r.Reason, r.Message)
	}
	return r
}

func phaseOf(r Round, p Phase) time.Duration {
	for _, ph := range r.Phases {
		if ph.Phase == p {
			return ph.Took
		}
	}
	return -1
}

func want(t *testing.T, r Round, outcome Outcome, reason Reason, words ...string) {
	t.Helper()
	if r.Outcome != outcome || r.Reason != reason {
		t.Errorf("got %s %q (%s), want %s %q", r.Outcome, r.Reason, r.Message, outcome, reason)
	}
	for _, w := range words {
		if !strings.Contains(r.Message, w) {
			t.Errorf("message %q does not say %q", r.Message, w)
		}
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// serve runs handle for each connection to a listener on loopback.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); handle(c) }()
		}
	}()
	return l.Addr().String()
}

// vacant is an address where nothing listens.
func vacant(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestHTTPSaysWhatIsWrong(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "status: ready") })
	mux.HandleFunc("/500", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "password=hunter2", 500) })
	mux.HandleFunc("/slow-first", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(120 * time.Millisecond)
		fmt.Fprint(w, "x")
	})
	mux.HandleFunc("/slow-body", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "x")
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		junk := strings.Repeat("j", 64<<10)
		for {
			if _, err := io.WriteString(w, junk); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/loop?token=hunter2", http.StatusFound)
	})
	mux.HandleFunc("/there", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := http.NewResponseController(w).Hijack()
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	})
	mux.HandleFunc("/cut-body", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "x")
	})
	mux.HandleFunc("/garbage", func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := http.NewResponseController(w).Hijack()
		fmt.Fprint(c, "220 hunter2 is my password\r\n")
		c.Close()
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	hang := serve(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	no := false

	for _, c := range []struct {
		name    string
		spec    Spec
		outcome Outcome
		reason  Reason
		says    string
	}{
		{"good", Spec{Target: server.URL + "/ok"}, Up, "", ""},
		{"body matches", Spec{Target: server.URL + "/ok", HTTP: HTTPSpec{Expect: HTTPExpect{Body: "ready$", NotBody: "error"}}}, Up, "", ""},
		{"body does not match", Spec{Target: server.URL + "/ok", HTTP: HTTPSpec{Expect: HTTPExpect{Body: "^ready"}}}, Down, ReasonBody, "does not match"},
		{"body has what it must not", Spec{Target: server.URL + "/ok", HTTP: HTTPSpec{Expect: HTTPExpect{NotBody: "ready"}}}, Down, ReasonBody, "matches http.expect.not_body"},
		{"status", Spec{Target: server.URL + "/500"}, Down, ReasonStatus, "500 (Internal Server Error); wanted is 200-299"},
		{"status that is wanted", Spec{Target: server.URL + "/500", HTTP: HTTPSpec{Expect: HTTPExpect{Status: []StatusRange{{500, 500}}}}}, Up, "", ""},
		{"redirect", Spec{Target: server.URL + "/there"}, Up, "", ""},
		{"redirect that is not followed", Spec{Target: server.URL + "/there", HTTP: HTTPSpec{FollowRedirects: &no}}, Down, ReasonStatus, "302 (Found), redirecting to " + server.URL + "/ok"},
		{"redirect loop", Spec{Target: server.URL + "/loop"}, Down, ReasonProtocol, "more than 5 redirects"},
		{"endless body", Spec{Target: server.URL + "/endless"}, Up, "", ""},
		{"reset", Spec{Target: server.URL + "/cut"}, Down, ReasonReset, "cut the connection without an answer"},
		{"cut body", Spec{Target: server.URL + "/cut-body"}, Down, ReasonReset, "in the middle of the answer"},
		{"not HTTP", Spec{Target: server.URL + "/garbage"}, Down, ReasonProtocol, "not what the protocol allows"},
		{"hangs", Spec{Target: "http://" + hang, Timeout: 80 * time.Millisecond}, Down, ReasonTimeout, "no answer within 80ms to the request"},
		{"hangs in TLS", Spec{Target: "https://" + hang, Timeout: 80 * time.Millisecond}, Down, ReasonTimeout, "to the TLS handshake"},
		{"slow body", Spec{Target: server.URL + "/slow-body", Timeout: 300 * time.Millisecond}, Down, ReasonTimeout, "the answer began"},
		{"refused", Spec{Target: "http://" + vacant(t)}, Down, ReasonRefused, "nothing listens there"},
		{"not TLS", Spec{Target: strings.Replace(server.URL, "http:", "https:", 1)}, Down, ReasonTLS, ""},
		{"no such name", Spec{Target: "http://no-such-name.invalid/?token=hunter2"}, Down, ReasonResolve, "no-such-name.invalid"},
		{"missing secret", Spec{Target: server.URL + "/ok", HTTP: HTTPSpec{BearerFile: "/no/such/file"}}, Unknown, ReasonSecret, "http.bearer_file cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Type = HTTP
			r := once(t, c.spec)
			want(t, r, c.outcome, c.reason, c.says)
			if strings.Contains(r.Message, "hunter2") {
				t.Errorf("the message leaks: %s", r.Message)
			}
		})
	}

	t.Run("phases", func(t *testing.T) {
		r := once(t, Spec{Type: HTTP, Target: server.URL + "/slow-first"})
		if wait := phaseOf(r, PhaseWait); wait < 100*time.Millisecond || phaseOf(r, PhaseReceive) > 60*time.Millisecond {
			t.Errorf("a slow first byte is not in wait: %v", r.Phases)
		}
		r = once(t, Spec{Type: HTTP, Target: server.URL + "/slow-body"})
		if receive := phaseOf(r, PhaseReceive); receive < 100*time.Millisecond || phaseOf(r, PhaseWait) > 60*time.Millisecond {
			t.Errorf("a slow body is not in receive: %v", r.Phases)
		}
	})
}

func TestSecretsStayWithTheHostTheyAreFor(t *testing.T) {
	var got http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r.Header.Clone() }))
	defer other.Close()
	var first http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first = r.Header.Clone()
		http.Redirect(w, r, other.URL+"/", http.StatusFound)
	}))
	defer server.Close()
	r := once(t, Spec{Type: HTTP, Target: server.URL + "/?key=hunter2", HTTP: HTTPSpec{
		Headers:   map[string]Header{"X-Api-Key": {ValueFile: file(t, "hunter2\n")}},
		BasicAuth: BasicAuth{Username: "eve", PasswordFile: file(t, "hunter2\n")},
	}})
	want(t, r, Up, "")
	if first.Get("X-Api-Key") != "hunter2" || !strings.HasPrefix(first.Get("Authorization"), "Basic ") {
		t.Errorf("the target was not sent its secrets: %v", first)
	}
	if all := fmt.Sprint(got); strings.Contains(all, "hunter2") || got.Get("Authorization") != "" {
		t.Errorf("another host was sent secrets: %v", got)
	}
}

func TestTCP(t *testing.T) {
	want(t, once(t, Spec{Type: TCP, Target: serve(t, func(net.Conn) {})}), Up, "")
	want(t, once(t, Spec{Type: TCP, Target: vacant(t)}), Down, ReasonRefused)
}

func TestAProberRunsKeepsAndReloads(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	up := Spec{Name: "up", Type: TCP, Target: server.Listener.Addr().String()}
	bad := Spec{Name: "bad", Type: HTTP, Target: server.URL + "/?token=hunter2"}
	p, err := New(Config{Probes: []Spec{up, bad}}, "web-1", quiet())
	if err != nil {
		t.Fatal(err)
	}
	if o := p.Observe(time.Now()); o.Complete {
		t.Error("complete before the first round")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	deadline := time.Now().Add(5 * time.Second)
	for !p.Observe(time.Now()).Complete {
		if time.Now().After(deadline) {
			t.Fatal("the first round is not at once")
		}
		time.Sleep(time.Millisecond)
	}
	families, err := p.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range families {
		fmt.Fprintln(&text, f)
	}
	for _, s := range []string{"evenkeel_probe_up", "evenkeel_probe_phase_seconds", "evenkeel_probe_http_status", "evenkeel_probe_failure", "evenkeel_probe_first_up_timestamp_seconds"} {
		if !strings.Contains(text.String(), s) {
			t.Errorf("no series %s", s)
		}
	}
	if strings.Contains(text.String(), "hunter2") {
		t.Error("a label leaks the query")
	}
	o := p.Observe(time.Now())
	if strings.Contains(fmt.Sprint(o), "hunter2") {
		t.Error("the estate leaks the query")
	}
	if len(o.Entities) != 2 || len(o.Relations) != 2 || !strings.HasPrefix(o.Relations[0].From, "listener:web-1:tcp/") {
		t.Errorf("observed %+v", o)
	}
	if err := p.Apply(Config{Probes: []Spec{up}}); err != nil {
		t.Fatal(err)
	}
	if rs := p.Results(); len(rs) != 1 || rs[0].Name != "up" || len(rs[0].Rounds) == 0 || rs[0].Outcome != Up {
		t.Errorf("after a reload: %+v", rs)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
