package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/access/httpauth"
)

// legible refuses bodies with text that no name, reason or note can have: bytes
// that are not UTF-8, and NUL, which databases do not keep. The guard before
// it has done the same for the address.
func legible(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			var large *http.MaxBytesError
			status := http.StatusBadRequest
			if errors.As(err, &large) {
				status = http.StatusRequestEntityTooLarge
			}
			httpauth.Problem(w, r, status, http.StatusText(status), "the body could not be read whole")
			return
		}
		if !utf8.Valid(body) || holdsNUL(body) {
			httpauth.Problem(w, r, http.StatusBadRequest, "Unreadable body", "the body holds a NUL or bytes that are not UTF-8")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// holdsNUL looks into the texts of a JSON body, where a NUL is escaped. What
// is not JSON is left to whoever reads it.
func holdsNUL(body []byte) bool {
	if !bytes.Contains(body, []byte(`\u0000`)) {
		return bytes.ContainsRune(body, 0)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if text, ok := token.(string); ok && strings.ContainsRune(text, 0) {
			return true
		}
	}
}
