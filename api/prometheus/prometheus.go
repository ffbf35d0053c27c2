// Package prometheus serves Prometheus' query API on the embedded storage, so
// that Grafana, promtool and everything else that reads Prometheus can read
// Evenkeel. Its handlers are our own: Prometheus' web/api/v1 would add 13 MB
// to the binary for rules, notifications and OTLP that are not used here.
//
// Invariants: nothing can be written, deleted or configured through it.
// Queries pass the storage's bounds; lists of series and labels have a time
// limit, a bound on their length and a few at once. Secrets are not in
// status/config.
//
// Failure behaviour: errors are Prometheus' own JSON with its errorType: 400
// for what the caller got wrong, 422 for what cannot be evaluated, 503 for
// what took too long or has to wait, also for the storage to be read back
// after a start.
package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/httputil"

	"github.com/evenkeel/evenkeel/collect/scrape"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// Targets is what is scraped; collect/scrape's Manager fits.
type Targets interface {
	Targets() []scrape.TargetStatus
	Dropped() map[string]int
	ConfigText() string
}

// Describer knows type, help and unit of metrics, by name; collect's Recorder
// and collect/scrape's Manager fit.
type Describer interface {
	Metadata() map[string]metadata.Metadata
}

// Build says which program answers.
type Build struct {
	Version, Revision, Branch, GoVersion string
}

// compatible is the Prometheus whose API this is. Clients such as Grafana
// choose what they ask for by it; our own version follows it.
const compatible = "3.16.0"

const (
	// listTimeout bounds one list of series or labels.
	listTimeout = 30 * time.Second
	// maxList is how many series, names or values one list may have.
	maxList = 100_000
	// maxBody bounds the form of one request.
	maxBody = 1 << 20
)

type api struct {
	db        *tsdb.DB
	targets   Targets
	describe  []Describer
	build     Build
	parser    parser.Parser
	listTurns chan struct{}
}

// New returns the handler for paths that begin with /api/v1/. Targets may be
// nil when nothing is scraped.
func New(db *tsdb.DB, targets Targets, describe []Describer, build Build) http.Handler {
	a := &api{db: db, targets: targets, describe: describe, build: build,
		parser: parser.NewParser(parser.Options{}), listTurns: make(chan struct{}, 4)}
	mux := http.NewServeMux()
	form := func(path string, h handler) {
		mux.Handle("GET /api/v1/"+path, h)
		mux.Handle("POST /api/v1/"+path, h)
	}
	get := func(path string, h handler) { mux.Handle("GET /api/v1/"+path, h) }
	form("query", a.query)
	form("query_range", a.queryRange)
	form("query_exemplars", a.queryExemplars)
	form("format_query", a.formatQuery)
	form("parse_query", a.parseQuery)
	form("series", a.list(a.series))
	form("labels", a.list(a.labelNames))
	get("label/{name}/values", a.list(a.labelValues))
	get("metadata", a.metadata)
	get("targets", a.targetList)
	get("rules", constant(map[string]any{"groups": []any{}}))
	get("alerts", constant(map[string]any{"alerts": []any{}}))
	get("status/buildinfo", a.buildInfo)
	get("status/config", a.config)
	get("status/flags", constant(map[string]string{}))
	get("status/tsdb", a.list(a.cardinality))
	mux.Handle("/", handler(func(*http.Request) (any, error) {
		return nil, fail(http.StatusNotFound, "not_found", errors.New("there is no such path in the query API, or not with this method"))
	}))
	return httputil.CompressionHandler{Handler: mux}
}

// handler answers a request with data or an error.
type handler func(r *http.Request) (any, error)

func constant(data any) handler { return func(*http.Request) (any, error) { return data, nil } }

// apiError is an error with Prometheus' word for its kind.
type apiError struct {
	status int
	kind   string
	err    error
}

func (e *apiError) Error() string { return e.err.Error() }
func (e *apiError) Unwrap() error { return e.err }

func fail(status int, kind string, err error) error { return &apiError{status, kind, err} }

func bad(format string, args ...any) error {
	return fail(http.StatusBadRequest, "bad_data", fmt.Errorf(format, args...))
}

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	data, err := any(nil), error(nil)
	if err = r.ParseForm(); err != nil {
		err = bad("the form cannot be read: %w", err)
	} else {
		data, err = h(r)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		e := classify(err)
		if e.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		w.WriteHeader(e.status)
		_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": e.kind, "error": e.Error()}) // the caller is gone
		return
	}
	if open, ok := data.(openResult); ok {
		defer open.query.Close()
		writeResult(w, open.Result)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data}) // the caller is gone
}

// classify finds Prometheus' kind and status for an error.
func classify(err error) *apiError {
	var (
		own      *apiError
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		storage  promql.ErrStorage
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return &apiError{http.StatusServiceUnavailable, "canceled", err}
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return &apiError{http.StatusServiceUnavailable, "timeout", err}
	case errors.Is(err, metric.ErrUnavailable), errors.Is(err, metric.ErrTooLarge): // it is starting; the queue is full
		return &apiError{http.StatusServiceUnavailable, "unavailable", err}
	case errors.As(err, &storage):
		return &apiError{http.StatusInternalServerError, "internal", err}
	}
	return &apiError{http.StatusUnprocessableEntity, "execution", err}
}
