package oidc

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/access/httpauth"
)

// realProvider builds and starts the provider of testbed/oidc, a process of
// its own, and returns its issuer.
func realProvider(t *testing.T, redirect string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "oidc")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = filepath.Join("..", "..", "testbed", "oidc")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("the provider in testbed/oidc cannot be built here (its modules are missing?): %v\n%s", err, out)
	}
	run := exec.Command(program, "-redirect", redirect)
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run.Process.Kill(); run.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	issuer, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok {
		t.Fatalf("the provider said %q, %v", line, err)
	}
	return issuer
}

// evenkeel is a server with the login by the provider and one page behind it.
type evenkeel struct {
	*httptest.Server
	store  *people
	issuer string
}

func serve(t *testing.T, change func(*Config)) evenkeel {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewServer(nil)
	t.Cleanup(s.Close)
	issuer := realProvider(t, s.URL+CallbackPath)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("client-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Issuer: issuer, ClientID: "evenkeel", ClientSecretFile: secret,
		Roles: []Role{{Group: "ops", Role: access.Operator, Environment: "production"}, {Group: "everybody", Role: access.Viewer}}}
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	store := newPeople()
	quiet := slog.New(slog.DiscardHandler)
	service := access.NewService(store, quiet, time.Now)
	guard := httpauth.New(service, httpauth.Config{}, quiet)
	failed := func(w http.ResponseWriter, _ *http.Request, status int, message string) {
		w.WriteHeader(status)
		io.WriteString(w, message)
	}
	p, err := New(cfg, s.URL, service, guard, failed, quiet)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("GET /login/oidc", p.Start())
	mux.Handle("GET "+CallbackPath, p.Callback())
	mux.Handle("/", guard.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := httpauth.Actor(r.Context())
		fmt.Fprintf(w, "%s %s %v", r.URL.Path, who.Name, who.Grants)
	})))
	s.Config.Handler = guard.Wrap(mux)
	return evenkeel{s, store, issuer}
}

var authRequest = regexp.MustCompile(`name="id" value="([^"]+)"`)

// login goes through the provider's pages as a browser would, and returns the
// last answer and its text.
func login(t *testing.T, c *http.Client, s evenkeel, user, next string) (*http.Response, string) {
	t.Helper()
	get := func(resp *http.Response, err error) (*http.Response, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	resp, page := get(c.Get(s.URL + "/login/oidc?next=" + url.QueryEscape(next)))
	id := authRequest.FindStringSubmatch(page)
	if id == nil {
		return resp, page
	}
	return get(c.PostForm(s.issuer+"login/username", url.Values{"id": {id[1]}, "username": {user}, "password": {"verysecure"}}))
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 20 * time.Second}
}

func TestGroupsOfARealProviderBecomeRoles(t *testing.T) {
	s := serve(t, nil)
	resp, page := login(t, browser(t), s, "alice", "/findings?state=open")
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(page, "/findings alice") {
		t.Fatalf("%d %s", resp.StatusCode, page)
	}
	if !strings.Contains(page, "{* production operator}") || !strings.Contains(page, "{* * viewer}") {
		t.Errorf("the roles are not those of ops and everybody: %s", page)
	}
	if resp.Request.URL.RawQuery != "state=open" {
		t.Errorf("the person is sent to %s", resp.Request.URL)
	}
	// A second login is the same user, and nothing secret is in the audit log.
	login(t, browser(t), s, "alice", "/")
	if n := len(s.store.users); n != 1 {
		t.Errorf("%d users after two logins of one person", n)
	}
}

func TestWhoIsInNoGroupIsRefused(t *testing.T) {
	s := serve(t, nil)
	resp, page := login(t, browser(t), s, "bob", "/")
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(page, "no group") {
		t.Errorf("%d %s", resp.StatusCode, page)
	}
	if len(s.store.users) != 0 || len(s.store.sessions) != 0 {
		t.Error("a user or a session was made")
	}
}

// TestALoginOfAnotherBrowserIsRefused: an attacker who makes a victim's browser
// open the attacker's own callback must not log the victim in.
func TestALoginOfAnotherBrowserIsRefused(t *testing.T) {
	s := serve(t, nil)
	var stolen string
	attacker := browser(t)
	attacker.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == CallbackPath {
			stolen = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	login(t, attacker, s, "alice", "/")
	if stolen == "" {
		t.Fatal("the provider never sent the browser back")
	}
	victim := browser(t)
	for what, prepare := range map[string]func(){
		"no login begun":      func() {},
		"another login begun": func() { victim.Get(s.URL + "/login/oidc") },
	} {
		prepare()
		resp, err := victim.Get(stolen)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || len(s.store.sessions) != 0 {
			t.Errorf("%s: %d, %d sessions", what, resp.StatusCode, len(s.store.sessions))
		}
	}
}

func TestACodeWorksOnlyWithItsVerifier(t *testing.T) {
	s := serve(t, nil)
	c := browser(t)
	c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == CallbackPath {
			return http.ErrUseLastResponse
		}
		return nil
	}
	resp, _ := login(t, c, s, "alice", "/")
	back, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	// Begin anew, which makes a new state, nonce and verifier, and put the old
	// code under the new state.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	again, err := c.Get(s.URL + "/login/oidc")
	if err != nil {
		t.Fatal(err)
	}
	again.Body.Close()
	to, err := again.Location()
	if err != nil {
		t.Fatal(err)
	}
	q := back.Query()
	q.Set("state", to.Query().Get("state"))
	back.RawQuery = q.Encode()
	resp, err = c.Get(back.String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadGateway || len(s.store.sessions) != 0 {
		t.Errorf("%d, %d sessions", resp.StatusCode, len(s.store.sessions))
	}
}

// The nonce ties the ID token to this login; here the provider's answer is for
// another one.
func TestAnIDTokenOfAnotherLoginIsRefused(t *testing.T) {
	s := serve(t, nil)
	c := browser(t)
	here, err := url.Parse(s.URL + "/login/oidc")
	if err != nil {
		t.Fatal(err)
	}
	c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path != CallbackPath {
			return nil
		}
		cookie := c.Jar.Cookies(here)[0]
		raw, err := base64.RawURLEncoding.DecodeString(cookie.Value)
		if err != nil {
			t.Fatal(err)
		}
		var f flight
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		f.Nonce = "another"
		raw, _ = json.Marshal(f)
		c.Jar.SetCookies(here, []*http.Cookie{{Name: cookie.Name, Value: base64.RawURLEncoding.EncodeToString(raw), Path: "/login/oidc"}})
		r.Header.Set("Cookie", cookie.Name+"="+base64.RawURLEncoding.EncodeToString(raw))
		return nil
	}
	resp, page := login(t, c, s, "alice", "/")
	if resp.StatusCode != http.StatusBadGateway || len(s.store.sessions) != 0 {
		t.Errorf("%d %s, %d sessions", resp.StatusCode, page, len(s.store.sessions))
	}
}

func TestAProviderThatIsDownIsSaidSo(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	service := access.NewService(newPeople(), quiet, time.Now)
	failed := func(w http.ResponseWriter, _ *http.Request, status int, message string) {
		http.Error(w, message, status)
	}
	p, err := New(Config{Issuer: "http://127.0.0.1:9/", ClientID: "x", Name: "Example", Roles: []Role{{Group: "a", Role: access.Viewer}}},
		"http://127.0.0.1:7070", service, httpauth.New(service, httpauth.Config{}, quiet), failed, quiet)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.Start().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/login/oidc", nil))
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "Example does not answer") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestConfigErrorsNameThePlace(t *testing.T) {
	for place, c := range map[string]Config{
		"issuer":        {Issuer: "nonsense", ClientID: "x", Roles: []Role{{Group: "a", Role: access.Viewer}}},
		"in the clear":  {Issuer: "http://login.example.com", ClientID: "x", Roles: []Role{{Group: "a", Role: access.Viewer}}},
		"client_id":     {Issuer: "https://login.example.com", Roles: []Role{{Group: "a", Role: access.Viewer}}},
		"roles":         {Issuer: "https://login.example.com", ClientID: "x"},
		"roles[0].role": {Issuer: "https://login.example.com", ClientID: "x", Roles: []Role{{Group: "a", Role: "god"}}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: %v", place, err)
		}
	}
}
