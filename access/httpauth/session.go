package httpauth

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
)

// maxForm bounds the body of a login.
const maxForm = 16 << 10

// Failed shows the login page again, with what went wrong.
type Failed func(w http.ResponseWriter, r *http.Request, status int, message string)

// Login opens a session from a posted form with name and password.
func (g *Guard) Login(failed Failed) http.Handler {
	return g.form(failed, func(r *http.Request) (string, error) {
		return g.access.Login(r.Context(), r.PostFormValue("name"), r.PostFormValue("password"), g.Browser(r))
	})
}

// TakeLink opens a session from a posted form with the secret of a one-time
// link. The link itself carries the secret behind a '#', where no server, log
// or proxy sees it; the page puts it into the form.
func (g *Guard) TakeLink(failed Failed) http.Handler {
	return g.form(failed, func(r *http.Request) (string, error) {
		return g.access.TakeLink(r.Context(), r.PostFormValue("secret"), g.Browser(r))
	})
}

// form answers a posted login form by way of let, and goes on to where the
// person wanted to be.
func (g *Guard) form(failed Failed, let func(*http.Request) (secret string, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			failed(w, r, http.StatusBadRequest, "The form could not be read. Please try again.")
			return
		}
		secret, err := let(r)
		var many *access.TooManyError
		switch {
		case err == nil:
			g.Begin(w, secret)
			http.Redirect(w, r, Local(r.PostFormValue("next")), http.StatusSeeOther)
		case errors.As(err, &many):
			w.Header().Set("Retry-After", strconv.Itoa(int(many.Wait.Seconds())+1))
			failed(w, r, http.StatusTooManyRequests, sentence(err))
		case errors.Is(err, access.ErrLogin), errors.Is(err, access.ErrLink):
			failed(w, r, http.StatusUnauthorized, sentence(err))
		default:
			g.log.Error("login failed", "error", err)
			failed(w, r, http.StatusServiceUnavailable, "Logging in does not work just now. The log of Evenkeel says why.")
		}
	})
}

// Begin gives the browser its session.
func (g *Guard) Begin(w http.ResponseWriter, secret string) {
	g.setCookie(w, secret, access.SessionMax)
}

// Logout ends the session.
func (g *Guard) Logout() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie(g.cookieName()); err == nil {
			if err := g.access.Logout(r.Context(), c.Value); err != nil {
				g.log.Error("logout failed", "error", err)
				Problem(w, r, http.StatusServiceUnavailable, "Not logged out", "The session could not be ended just now. Try again.")
				return
			}
		}
		g.setCookie(w, "", -1)
		w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
}

// Browser is what a session remembers of where it was opened.
func (g *Guard) Browser(r *http.Request) access.Browser {
	return access.Browser{Address: g.address(r), Agent: r.UserAgent()}
}

// cookieName has the prefix that makes browsers refuse the cookie from a
// subdomain or over plain HTTP, where TLS allows it (RFC 6265bis, 4.1.3).
func (g *Guard) cookieName() string {
	if g.cfg.Secure {
		return "__Host-evenkeel"
	}
	return "evenkeel"
}

func (g *Guard) setCookie(w http.ResponseWriter, value string, age time.Duration) {
	c := &http.Cookie{Name: g.cookieName(), Value: value, Path: "/", HttpOnly: true,
		Secure: g.cfg.Secure, SameSite: http.SameSiteLaxMode, MaxAge: int(age.Seconds())}
	if age < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// Local returns next if it is a path on this server, and else "/": a login
// page that sends people anywhere is a gift to phishers.
func Local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return next
}

// sentence makes a message for people of an error's text.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
