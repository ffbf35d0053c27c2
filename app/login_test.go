package app

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// someone is a browser that follows no redirects and keeps its cookies.
func someone(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// send asks as a browser does, and returns the answer and its text.
func send(t *testing.T, c *http.Client, method, target string, form url.Values, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
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

func person(t *testing.T, a running, name, password string) access.User {
	t.Helper()
	grants := []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Viewer}}
	u, err := a.access.CreateUser(t.Context(), access.Evenkeel(access.DefaultTenant), name, password, grants)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestLoginByPassword(t *testing.T) {
	a := start(t, "")
	ada := person(t, a, "ada", "correct horse battery")
	login := func(c *http.Client, name, password, next string) (*http.Response, string) {
		return send(t, c, http.MethodPost, a.URL()+"/login", url.Values{"name": {name}, "password": {password}, "next": {next}})
	}

	_, wrong := login(someone(t), "ada", "wrong horse battery", "")
	_, unknown := login(someone(t), "bob", "wrong horse battery", "")
	if strings.ReplaceAll(wrong, "ada", "") != strings.ReplaceAll(unknown, "bob", "") {
		t.Error("the answer tells whether a name exists")
	}

	c := someone(t)
	resp, _ := login(c, "ada", "correct horse battery", "/findings?state=open")
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/findings?state=open" {
		t.Fatalf("%d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	cookie := resp.Header.Get("Set-Cookie")
	for _, flag := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, flag) {
			t.Errorf("the session's cookie lacks %s", flag)
		}
	}
	if resp, _ := send(t, c, http.MethodGet, a.URL()+"/", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("logged in, Now answers %d", resp.StatusCode)
	}
	for _, elsewhere := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "/%0d%0aSet-Cookie:x", "javascript:alert(1)"} {
		resp, _ := login(someone(t), "ada", "correct horse battery", elsewhere)
		if to := resp.Header.Get("Location"); strings.Contains(to, "evil") && !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n") {
			t.Errorf("next=%q leads to %q", elsewhere, to)
		}
	}

	if err := a.access.SetPassword(t.Context(), access.Evenkeel(access.DefaultTenant), ada.ID, "battery horse correct"); err != nil {
		t.Fatal(err)
	}
	if resp, _ := send(t, c, http.MethodGet, a.URL()+"/", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after a new password the old session still answers %d", resp.StatusCode)
	}
	login(c, "ada", "battery horse correct", "")
	if resp, _ := send(t, c, http.MethodGet, a.URL()+"/", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("with the new password, Now answers %d", resp.StatusCode)
	}
	if err := a.access.SetDisabled(t.Context(), access.Evenkeel(access.DefaultTenant), ada.ID, true); err != nil {
		t.Fatal(err)
	}
	if resp, _ := send(t, c, http.MethodGet, a.URL()+"/", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("locked out, the session still answers %d", resp.StatusCode)
	}
	if resp, _ := login(someone(t), "ada", "battery horse correct", ""); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("locked out, the password still answers %d", resp.StatusCode)
	}
}

func TestTooManyFailuresHaveToWait(t *testing.T) {
	a := start(t, "")
	person(t, a, "ada", "correct horse battery")
	var last *http.Response
	for range 11 {
		last, _ = send(t, someone(t), http.MethodPost, a.URL()+"/login", url.Values{"name": {"ada"}, "password": {"wrong horse battery"}})
	}
	if last.StatusCode != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" {
		t.Errorf("the eleventh failure: %d, Retry-After %q", last.StatusCode, last.Header.Get("Retry-After"))
	}
	if resp, _ := send(t, someone(t), http.MethodPost, a.URL()+"/login", url.Values{"name": {"ada"}, "password": {"correct horse battery"}}); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("with the right password then: %d; a guess must not be confirmed", resp.StatusCode)
	}
}

func TestALinkLetsInOnce(t *testing.T) {
	a := start(t, "")
	link, err := a.LoginLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(link, "#")
	first, _ := send(t, someone(t), http.MethodPost, a.URL()+"/login/link", url.Values{"secret": {secret}})
	second, text := send(t, someone(t), http.MethodPost, a.URL()+"/login/link", url.Values{"secret": {secret}})
	if first.StatusCode != http.StatusSeeOther || second.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "evenkeel login") {
		t.Errorf("first %d, second %d %s", first.StatusCode, second.StatusCode, text)
	}
}

// What another site makes a browser do must not work, and neither must a name
// that another site has pointed at this machine.
func TestOtherSitesCanDoNothing(t *testing.T) {
	a := start(t, "")
	link, err := a.LoginLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(link, "#")
	c := someone(t)
	send(t, c, http.MethodPost, a.URL()+"/login/link", url.Values{"secret": {secret}})
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
	} {
		resp, _ := send(t, c, http.MethodPost, a.URL()+"/settings/tokens", url.Values{"name": {"stolen"}, "scope": {"manage"}}, headers...)
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("a post with %v: %d", headers, resp.StatusCode)
		}
	}
	tokens, err := a.access.Tokens(t.Context(), access.Evenkeel(access.DefaultTenant))
	if err != nil || len(tokens) != 0 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
	if resp, _ := send(t, c, http.MethodGet, a.URL()+"/", nil, "Host", "evil.example"); resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", resp.StatusCode)
	}
	// A program's token is no browser's doing.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+"/api/v1/tokens", strings.NewReader(`{"name":"mine"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer t")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", "https://dashboard.example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("a program from elsewhere with a token: %d", resp.StatusCode)
	}
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	a := start(t, "")
	for _, path := range []string{"/login", "/api/v1/findings", "/healthz", "/assets/none.js", "/nonsense", "/docs"} {
		resp, _ := send(t, someone(t), http.MethodGet, a.URL()+path, nil)
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") ||
			resp.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: %v", path, resp.Header)
		}
	}
}

// A session ends when it was not used for long, and after a while in any case.
func TestSessionsEnd(t *testing.T) {
	a := start(t, "")
	now := time.Now()
	service := access.NewService(a.store, a.log, func() time.Time { return now })
	link, err := service.NewLoginLink(t.Context(), access.Evenkeel(access.DefaultTenant), access.AdminName, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	session, err := service.TakeLink(t.Context(), link, access.Browser{})
	if err != nil {
		t.Fatal(err)
	}
	alive := func() bool { _, err := service.SessionActor(t.Context(), session); return err == nil }
	began := now
	for now.Sub(began) < access.SessionMax-access.SessionIdle {
		now = now.Add(access.SessionIdle - time.Hour)
		if !alive() {
			t.Fatalf("ended after %s though it was used", now.Sub(began))
		}
	}
	now = began.Add(access.SessionMax)
	if alive() {
		t.Error("alive past its end")
	}
	link, err = service.NewLoginLink(t.Context(), access.Evenkeel(access.DefaultTenant), access.AdminName, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if _, err := service.TakeLink(t.Context(), link, access.Browser{}); err == nil {
		t.Error("a link lets in at its end")
	}
}
