package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/evenkeel/evenkeel/access/httpauth"
)

// conditional gives each answer to a GET an ETag, if it has none, and answers
// 304 where the asker has that one already. Answers that stream pass through.
func conditional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path == "/api/v1/events" {
			next.ServeHTTP(w, r)
			return
		}
		held := &held{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(held, r)
		if held.status == http.StatusOK {
			tag := w.Header().Get("ETag")
			if tag == "" {
				hash := sha256.Sum256(held.body.Bytes())
				tag = `"` + hex.EncodeToString(hash[:12]) + `"`
				w.Header().Set("ETag", tag)
			}
			w.Header().Set("Cache-Control", "private, no-cache")
			if matches(r.Header.Get("If-None-Match"), tag) {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		w.WriteHeader(held.status)
		w.Write(held.body.Bytes())
	})
}

func matches(header, tag string) bool {
	for _, t := range strings.Split(header, ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
			return true
		}
	}
	return false
}

// held keeps an answer until it is whole. Lists are pages, so it stays small.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

// noSuchPath answers for what no operation serves: 405 with the methods that
// would be, else 404, as problems like all other errors.
func (s *server) noSuchPath(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			probe := r.Clone(r.Context())
			probe.Method = method
			if _, pattern := mux.Handler(probe); pattern != "/api/" && pattern != "" {
				allowed = append(allowed, method)
			}
		}
		status, detail := http.StatusNotFound, "there is no such path; /docs lists them"
		if len(allowed) > 0 && !slices.Contains(allowed, r.Method) {
			status, detail = http.StatusMethodNotAllowed, "this path takes "+strings.Join(allowed, ", ")
			w.Header().Set("Allow", strings.Join(allowed, ", "))
		}
		httpauth.Problem(w, r, status, http.StatusText(status), detail)
	}
}
