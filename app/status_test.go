package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/respond/status"
)

// A reader asks for letters, confirms, and ends them, by real letters; and the
// page is still there when the database is not, also for who is logged in.
func TestAStatusPageIsReadAndWritesLetters(t *testing.T) {
	port, letters := postOffice(t)
	cfg, err := config.Parse([]byte(fmt.Sprintf(`
discover_probes: false
notify: {email: {host: 127.0.0.1, port: %d, security: none, from: "Evenkeel <alerts@example.org>"}}`, port)))
	if err != nil {
		t.Fatal(err)
	}
	a := startLogged(t, t.TempDir(), cfg, slog.New(slog.DiscardHandler), nil)
	who := access.Evenkeel(access.DefaultTenant)
	who.Grants = []access.Grant{{Tenant: access.Any, Environment: access.Any, Role: access.Admin}}
	if _, err := a.status.Save(t.Context(), who, status.Page{Tenant: access.DefaultTenant, Slug: "shop", Title: "Shop", Components: []status.Component{{Name: "Mail"}}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	read := func() (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+"/status/shop/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", "evenkeel_session=x; session=x") // whoever is, or was, logged in
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.Header.Get("Set-Cookie") != "" {
			t.Error("the page sets a cookie")
		}
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(raw)
	}
	for n := 0; ; n++ { // its files come within a moment
		if code, page := read(); code == http.StatusOK && strings.Contains(page, "Write to me") {
			break
		} else if n > 200 {
			t.Fatal(code, page)
		}
		time.Sleep(50 * time.Millisecond)
	}
	post := func(address string, form url.Values) {
		t.Helper()
		res, err := http.PostForm(address, form)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", address, res.StatusCode)
		}
	}
	letter := func(link string) string {
		t.Helper()
		select {
		case l := <-letters:
			if found := regexp.MustCompile(link + `: (\S+)`).FindStringSubmatch(l); found != nil {
				return found[1]
			}
			t.Fatalf("no link %q in:\n%s", link, l)
		case <-time.After(20 * time.Second):
			t.Fatal("no letter came")
		}
		return ""
	}
	post(a.URL()+"/status/shop/subscribe", url.Values{"address": {"bo@example.org"}})
	post(letter("Yes, write to me"), nil)
	post(a.URL()+"/status/shop/subscribe", url.Values{"address": {"bo@example.org"}})
	post(letter("End these letters"), url.Values{"List-Unsubscribe": {"One-Click"}})

	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	if code, page := read(); code != http.StatusOK || !strings.Contains(page, "As of") {
		t.Errorf("without the database: %d %s", code, page)
	}
}
