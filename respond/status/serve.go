package status

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
)

// contentPolicy lets a page use its own stylesheet and form, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

var kinds = map[string]string{"index.html": "text/html; charset=utf-8", "style.css": "text/css; charset=utf-8",
	"status.json": "application/json", "feed.xml": "application/atom+xml; charset=utf-8"}

// Handler serves /status/ from the folder alone. Login stands before what is
// private and is asked for without a key; it may fail while the store does, and
// what is public does not.
type Handler struct {
	Folder string
	// Login lets through who is logged in.
	Login func(http.Handler) http.Handler
	// Actor returns who asks, behind Login.
	Actor func(*http.Request) access.Actor
	// Subscriptions takes what readers send; nil: nothing is taken.
	Subscriptions *Service
	// Source is where a request comes from, for its limits.
	Source func(*http.Request) string
}

// ServeHTTP serves a page, its files, and what readers send.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	if r.URL.Path == styleOfNotices {
		header.Set("Content-Type", kinds["style.css"])
		header.Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(styleText) // the reader is gone where it fails
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/status/"), "/")
	slug, rest := parts[0], parts[1:]
	if !slugForm.MatchString(slug) {
		h.none(w)
		return
	}
	g, err := readGate(h.Folder, slug)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			h.say(w, http.StatusServiceUnavailable, "Not now", "This page cannot be read just now. Try again soon.")
			return
		}
		h.none(w)
		return
	}
	if len(rest) == 0 {
		http.Redirect(w, r, "/status/"+slug+"/", http.StatusMovedPermanently)
		return
	}
	// A letter's links work without the key: they prove themselves.
	if len(rest) == 2 && (rest[0] == "confirm" || rest[0] == "unsubscribe") {
		h.letter(w, r, g, slug, rest[0], rest[1])
		return
	}
	if g.Private {
		header.Set("X-Robots-Tag", "noindex")
	}
	if len(rest) == 3 && rest[0] == "k" {
		sum := sha256.Sum256([]byte(rest[1]))
		if !g.Private || subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(g.Key)) != 1 {
			h.none(w)
			return
		}
		h.open(w, r, g, slug, rest[2])
		return
	}
	if len(rest) != 1 {
		h.none(w)
		return
	}
	if !g.Private {
		h.open(w, r, g, slug, rest[0])
		return
	}
	h.Login(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", contentPolicy)
		if err := access.Can(h.Actor(r), access.Read, access.Scope{Tenant: g.Tenant}); err != nil {
			h.none(w)
			return
		}
		h.open(w, r, g, slug, rest[0])
	})).ServeHTTP(w, r)
}

// open serves a file to who may read it, or takes a subscription.
func (h Handler) open(w http.ResponseWriter, r *http.Request, g gate, slug, name string) {
	if name == "subscribe" {
		h.subscribe(w, r, g, slug)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		h.say(w, http.StatusMethodNotAllowed, "Not that way", "This page can only be read.")
		return
	}
	if name == "" {
		name = "index.html"
	}
	kind := kinds[name]
	if kind == "" {
		h.none(w)
		return
	}
	path := filepath.Join(h.Folder, slug, name)
	f, err := os.Open(path)
	if err != nil {
		h.none(w)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		h.say(w, http.StatusServiceUnavailable, "Not now", "This page cannot be read just now. Try again soon.")
		return
	}
	sum := sha256.New()
	if _, err := f.WriteTo(sum); err != nil {
		h.say(w, http.StatusServiceUnavailable, "Not now", "This page cannot be read just now. Try again soon.")
		return
	}
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("ETag", `"`+hex.EncodeToString(sum.Sum(nil)[:12])+`"`)
	header.Set("Cache-Control", "public, max-age=30, stale-while-revalidate=60, stale-if-error=86400")
	if g.Private {
		header.Set("Cache-Control", "private, no-cache")
	}
	http.ServeContent(w, r, "", info.ModTime(), f)
}

func (h Handler) none(w http.ResponseWriter) {
	h.say(w, http.StatusNotFound, "There is no such page", "The address leads nowhere, or its link was renewed.")
}

func (h Handler) subscribe(w http.ResponseWriter, r *http.Request, g gate, slug string) {
	if r.Method != http.MethodPost || h.Subscriptions == nil {
		h.none(w)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	err := h.Subscriptions.Subscribe(r.Context(), g.Tenant, slug, r.PostFormValue("address"), h.Source(r), time.Now())
	switch {
	case errors.Is(err, ErrTooMany):
		w.Header().Set("Retry-After", "3600")
		h.say(w, http.StatusTooManyRequests, "Too many at once", "Too many letters were asked for from where you are. Try again in an hour.")
	case errors.Is(err, respond.ErrInvalid):
		h.say(w, http.StatusUnprocessableEntity, "That did not work", "This is no e-mail address that we can write to. Go back and mend it.")
	case err != nil:
		h.later(w)
	default:
		h.say(w, http.StatusOK, "Look into your mail", "If letters can be sent to this address, one is on its way. Follow the link in it; nothing is sent before that.")
	}
}

// letter is where the links of letters lead: GET asks, POST does.
func (h Handler) letter(w http.ResponseWriter, r *http.Request, g gate, slug, what, token string) {
	w.Header().Set("Cache-Control", "no-store")
	if h.Subscriptions == nil {
		h.none(w)
		return
	}
	ask, done, do := "Yes, write to me", "You get a letter when something is announced.", h.Subscriptions.Confirm
	title := "Get letters of this status page?"
	if what == "unsubscribe" {
		title, ask, done, do = "End the letters of this status page?", "End them", "You get no more letters of this status page.", h.Subscriptions.Unsubscribe
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.show(w, http.StatusOK, notice{Title: title, Button: ask})
	case http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		err := do(r.Context(), g.Tenant, slug, token, time.Now())
		switch {
		case errors.Is(err, respond.ErrNotFound):
			h.say(w, http.StatusNotFound, "This link is not good any more", "Ask for a new letter on the status page.")
		case err != nil:
			h.later(w)
		default:
			h.say(w, http.StatusOK, "Done", done)
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		h.say(w, http.StatusMethodNotAllowed, "Not that way", "Follow the link in the letter.")
	}
}

func (h Handler) later(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "60")
	h.say(w, http.StatusServiceUnavailable, "Not now", "This cannot be done just now. Try again in a few minutes.")
}

// styleOfNotices is the stylesheet of what the handler says itself, also where
// there is no page; no page has such a name.
const styleOfNotices = "/status/-/style.css"

type notice struct{ Title, Text, Button string }

var noticeTemplate = template.Must(template.New("notice").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><meta name="color-scheme" content="light dark"><title>{{.Title}}</title><link rel="stylesheet" href="` + styleOfNotices + `"></head>
<body class="notice"><main><h1>{{.Title}}</h1>{{if .Text}}<p>{{.Text}}</p>{{end}}{{if .Button}}<form method="post"><button type="submit">{{.Button}}</button></form>{{end}}</main></body></html>
`))

func (h Handler) say(w http.ResponseWriter, code int, title, text string) {
	h.show(w, code, notice{Title: title, Text: text})
}

func (h Handler) show(w http.ResponseWriter, code int, n notice) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = noticeTemplate.Execute(w, n) // the reader is gone where it fails
}
