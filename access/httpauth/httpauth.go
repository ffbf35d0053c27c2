// Package httpauth puts access in front of HTTP: who asks, and may this
// request come from there.
//
// Guard wraps every handler: it bounds the body, sets security headers,
// refuses requests that another site makes in a browser (CSRF) or that reach a
// loopback address under a foreign name (DNS rebinding), finds the actor by
// session cookie or token, and turns a panic into an answer without details.
// Require refuses who is nobody. Login and Logout open and close sessions.
//
// Invariants: a handler behind Require always finds an Actor in its context; a
// secret is only ever in a cookie, an Authorization header or a request's
// body, never in a URL that a server logs.
package httpauth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/access"
)

// Config of a Guard.
type Config struct {
	Secure         bool           // served over TLS, by us or by a proxy in front
	Hosts          []string       // names under which it may be asked, without ports; empty: any
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	MaxBody        int64          // bytes of a request body; larger ones are refused
}

// Guard decides which requests come through, and as whom.
type Guard struct {
	access *access.Service
	cfg    Config
	log    *slog.Logger
	cross  *http.CrossOriginProtection
}

// New returns a guard over the service.
func New(s *access.Service, cfg Config, log *slog.Logger) *Guard {
	return &Guard{access: s, cfg: cfg, log: log, cross: http.NewCrossOriginProtection()}
}

type actorKey struct{}
type stillKey struct{}

// Actor returns who asks, and whether it is anybody.
func Actor(ctx context.Context) (access.Actor, bool) {
	a, ok := ctx.Value(actorKey{}).(access.Actor)
	return a, ok
}

// Still says whether who asks would still be let in. Answers that go on for
// long ask it from time to time.
func Still(ctx context.Context) bool {
	still, ok := ctx.Value(stillKey{}).(func() bool)
	return ok && still()
}

// Wrap puts the guard before a handler.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer g.recover(w, r)
		g.headers(w.Header())
		if !g.knownHost(r.Host) {
			Problem(w, r, http.StatusMisdirectedRequest, "Unknown host name", "Evenkeel does not serve this name; set public_url to it.")
			return
		}
		if !legible(r.URL) {
			Problem(w, r, http.StatusBadRequest, "Unreadable address", "The address holds a NUL, bytes that are not UTF-8, or a part that is not escaped well.")
			return
		}
		if g.cfg.MaxBody > 0 {
			r.Body = http.MaxBytesReader(w, r.Body, g.cfg.MaxBody)
		}
		ctx := access.WithAddress(r.Context(), g.address(r))
		actor, byCookie, err := g.identify(ctx, r)
		switch {
		case err == nil:
			ctx = context.WithValue(ctx, actorKey{}, actor)
			ctx = context.WithValue(ctx, stillKey{}, func() bool {
				_, _, err := g.identify(r.Context(), r)
				return err == nil
			})
		case !errors.Is(err, access.ErrSession):
			g.log.Error("cannot tell who asks", "path", r.URL.Path, "error", err)
			Problem(w, r, http.StatusServiceUnavailable, "Cannot tell who you are", "The state cannot be read just now. Try again soon.")
			return
		}
		// A token in a header is put there by a program on purpose; what a
		// browser adds by itself must not work for another site.
		if byCookie || err != nil {
			if err := g.cross.Check(r); err != nil {
				Problem(w, r, http.StatusForbidden, "From another site", "This request was made by a page of another site and was refused.")
				return
			}
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// legible says whether the address holds only text that a name can have: UTF-8
// without NUL, which databases do not keep.
func legible(u *url.URL) bool {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return false
	}
	plain := func(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
	for name, values := range query {
		if !plain(name) || slices.ContainsFunc(values, func(v string) bool { return !plain(v) }) {
			return false
		}
	}
	return plain(u.Path)
}

// identify finds who asks; access.ErrSession says nobody.
func (g *Guard) identify(ctx context.Context, r *http.Request) (actor access.Actor, byCookie bool, err error) {
	if header := r.Header.Get("Authorization"); header != "" {
		token, ok := strings.CutPrefix(header, "Bearer ")
		if !ok {
			_, token, ok = r.BasicAuth()
		}
		if !ok || token == "" {
			return actor, false, access.ErrSession
		}
		actor, err = g.access.TokenActor(ctx, token)
		return actor, false, err
	}
	c, err := r.Cookie(g.cookieName())
	if err != nil {
		return actor, false, access.ErrSession
	}
	actor, err = g.access.SessionActor(ctx, c.Value)
	return actor, true, err
}

// Require lets through who is somebody. Programs get 401 with a problem;
// people are sent to the login page, which sends them back.
func (g *Guard) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := Actor(r.Context()); ok {
			next.ServeHTTP(w, r)
			return
		}
		if (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Authorization") == "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Redirect(w, r, "/login?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="evenkeel"`)
		Problem(w, r, http.StatusUnauthorized, "Not logged in", "Send a valid API token in the header 'Authorization: Bearer ...', or log in.")
	})
}

// ContentPolicy lets a page use what this server serves, and nothing else: no
// other host, no inline script or style.
const ContentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers follow the OWASP secure headers project.
func (g *Guard) headers(h http.Header) {
	h.Set("Content-Security-Policy", ContentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	if g.cfg.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func (g *Guard) knownHost(host string) bool {
	if len(g.cfg.Hosts) == 0 {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return slices.Contains(g.cfg.Hosts, strings.ToLower(strings.Trim(host, "[]")))
}

// address is the client's: the connection's, or what the nearest trusted
// proxy says.
func (g *Guard) address(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	at := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && g.trusted(at); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = hop.Unmap()
	}
	return at.String()
}

func (g *Guard) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(g.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (g *Guard) recover(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	g.log.Error("a request ended in a panic", "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	Problem(w, r, http.StatusInternalServerError, "Something broke", "This is a fault of Evenkeel; its log says more.")
}

// Problem answers with an error in the form of RFC 9457.
func Problem(w http.ResponseWriter, r *http.Request, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		json.NewEncoder(w).Encode(map[string]any{"title": title, "status": status, "detail": detail})
	}
}
