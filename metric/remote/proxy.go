package remote

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httputil"
	"regexp"
	"time"

	"github.com/evenkeel/evenkeel/metric"
)

// readPaths are the parts of the query API that only read.
var readPaths = regexp.MustCompile(`^/api/v1/(query|query_range|query_exemplars|series|labels|label/[^/]+/values|metadata|format_query|parse_query|status/buildinfo|targets|targets/metadata|rules|alerts)$`)

// maxQueryBytes bounds the body of a query.
const maxQueryBytes = 1 << 20

// Handler passes the reading part of the query API on to the endpoint, with
// our credentials instead of the caller's. Paths begin with /api/v1/. All
// else is 404: through it nothing can be written, deleted or configured.
func (e *Endpoint) Handler() http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: e.transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = e.base.Scheme, e.base.Host
			r.Out.Host = e.base.Host
			r.Out.URL.Path = e.base.Path + r.In.URL.Path
			if r.In.URL.RawPath != "" {
				r.Out.URL.RawPath = e.base.EscapedPath() + r.In.URL.EscapedPath()
			}
			// Cookies, our tokens and forwarding headers are nothing to the endpoint.
			r.Out.Header = http.Header{}
			for _, name := range []string{"Accept", "Accept-Encoding", "Content-Type"} {
				if v := r.In.Header.Get(name); v != "" {
					r.Out.Header.Set(name, v)
				}
			}
		},
		ModifyResponse: func(res *http.Response) error {
			keep := http.Header{}
			for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Length", "Retry-After"} {
				if v := res.Header.Get(name); v != "" {
					keep.Set(name, v)
				}
			}
			res.Header = keep
			switch {
			case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden,
				res.StatusCode >= 300 && res.StatusCode < 400:
				// It is us whom the endpoint refuses, not the caller.
				return e.refusal(res.StatusCode, answer{}, nil)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if !errors.Is(err, metric.ErrUnavailable) { // the transport's own
				err = e.unreachable(context.Background(), err)
			}
			fail(w, http.StatusBadGateway, "unavailable", err.Error())
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !readPaths.MatchString(r.URL.EscapedPath()):
			fail(w, http.StatusNotFound, "not_found", "Only the reading part of the query API is passed on to the external metrics endpoint.")
			return
		case r.Method != http.MethodGet && r.Method != http.MethodPost:
			w.Header().Set("Allow", "GET, POST")
			fail(w, http.StatusMethodNotAllowed, "bad_data", "Use GET or POST.")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxQueryBytes)
		ctx, cancel := context.WithTimeout(r.Context(), time.Duration(e.cfg.Timeout))
		defer cancel()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	})
}

// fail answers as the query API does.
func fail(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": kind, "error": text}) // the caller is gone
}
