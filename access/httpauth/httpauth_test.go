package httpauth

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

func guard(cfg Config) *Guard {
	return New(access.NewService(nil, slog.New(slog.DiscardHandler), time.Now), cfg, slog.New(slog.DiscardHandler))
}

func TestOnlyTrustedProxiesSayWhoAsks(t *testing.T) {
	g := guard(Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}})
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.7:1", "", "192.0.2.7"},
		{"192.0.2.7:1", "198.51.100.1", "192.0.2.7"}, // not a proxy of ours
		{"10.1.1.1:1", "198.51.100.1", "198.51.100.1"},
		{"10.1.1.1:1", "203.0.113.9, 198.51.100.1", "198.51.100.1"}, // the first one is anybody's claim
		{"10.1.1.1:1", "198.51.100.1, 10.2.2.2", "198.51.100.1"},
		{"10.1.1.1:1", "nonsense", "10.1.1.1"},
		{"10.1.1.1:1", "", "10.1.1.1"},
		{"[fd00::1]:1", "2001:db8::5", "2001:db8::5"},
		{"[::ffff:10.1.1.1]:1", "198.51.100.1", "198.51.100.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := g.address(r); got != c.want {
			t.Errorf("from %s for %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestAPanicTellsNothing(t *testing.T) {
	w := httptest.NewRecorder()
	guard(Config{}).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret detail") })).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestUnreadableAddressesAreRefused(t *testing.T) {
	for target, want := range map[string]int{"/?q=%00": 400, "/?q=%ff": 400, "/?%zz": 400, "/a%00b": 400, "/?q=%F0%9F%92%A5": 200, "/?q=a%20b": 200} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = u
		w := httptest.NewRecorder()
		guard(Config{}).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
}

// Wherever a login is asked to lead, it leads to a path of this server.
func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/", "/findings?state=open", "//evil.example", `/\evil.example`, "https://evil.example", "/%2F/evil", "javascript:x", "/a\nb", "/\t/evil.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := Local(next)
		base, _ := url.Parse("https://here.example/login")
		u, err := base.Parse(got)
		if err != nil || u.Host != "here.example" || u.Scheme != "https" || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t") {
			t.Errorf("%q leads to %q (%v)", next, got, u)
		}
	})
}
