// Package ingest takes what others send: Prometheus remote write, versions 1
// and 2.
//
// Invariants: a request is answered with success only when all of it is
// written. Samples that can be written are, even if others of the same
// request cannot: those (too old, a second value for the same time, a new
// series past the limit) are counted, and the sender gets 400, which tells it
// not to send them again. The bytes of a request, the requests at once and
// the active series are bounded.
//
// Failure behaviour: what is malformed gets a 4xx and changes nothing; what
// the storage cannot take now (a full disk) gets a 5xx and is sent again.
package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
)

// Config bounds what senders may do. The zero value of each field means its
// default.
type Config struct {
	// MaxSeries is how many series may be active at once, from all sources
	// (default 1,000,000; each takes some 2 to 4 KB of memory). Known series
	// go on past it, new ones are refused.
	MaxSeries uint64 `yaml:"max_series,omitempty"`
	// MaxBodyBytes bounds one request as it is sent, compressed (default 16
	// MiB). Unpacked it may have 32 MiB.
	MaxBodyBytes int64 `yaml:"max_body_bytes,omitempty"`
	// MaxConcurrent is how many requests are worked on at once (default 8);
	// others wait for a moment, then get 503 and are sent again.
	MaxConcurrent int `yaml:"max_concurrent,omitempty"`
}

const (
	defaultMaxSeries     = 1_000_000
	defaultMaxBodyBytes  = 16 << 20
	defaultMaxConcurrent = 8

	// maxWait is how long a request waits for its turn.
	maxWait = 5 * time.Second
	// maxRead is how long a sender may take to send its request.
	maxRead = 30 * time.Second
	// maxAnswer bounds an answer's text: there may be a line for each sample.
	maxAnswer = 4 << 10
)

func (c Config) withDefaults() Config {
	if c.MaxSeries == 0 {
		c.MaxSeries = defaultMaxSeries
	}
	if c.MaxBodyBytes == 0 {
		c.MaxBodyBytes = defaultMaxBodyBytes
	}
	if c.MaxConcurrent == 0 {
		c.MaxConcurrent = defaultMaxConcurrent
	}
	return c
}

// Validate returns everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.MaxBodyBytes < 0 || c.MaxBodyBytes > 32<<20 {
		errs = append(errs, fmt.Errorf("max_body_bytes: %d is out of bounds; give 1 to %d", c.MaxBodyBytes, 32<<20))
	}
	if c.MaxConcurrent < 0 {
		errs = append(errs, errors.New("max_concurrent: must be above zero; leave it out for the default"))
	}
	return errors.Join(errs...)
}

// Storage is where samples go; metric/tsdb's DB and its Storage fit.
type Storage interface {
	storage.AppendableV2
}

// Handler returns the receiver for POST. Active returns the number of active
// series; it is asked for each series of each request. The receiver's own
// counters are registered with reg, which may be nil.
func Handler(cfg Config, into Storage, active func() uint64, log *slog.Logger, reg prometheus.Registerer) (http.Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	h := &handler{
		cfg:    cfg,
		log:    log,
		turns:  make(chan struct{}, cfg.MaxConcurrent),
		counts: newCounts(reg),
	}
	limited := &limited{into: into, active: active, max: cfg.MaxSeries, counts: h.counts}
	// The library logs a line for each refused sample; ours is one for each
	// request.
	quiet := slog.New(slog.DiscardHandler)
	h.v1 = remote.NewWriteHandler(quiet, nil, deferring{limited}, remoteapi.MessageTypes{remoteapi.WriteV1MessageType}, false, false)
	h.v2 = remote.NewWriteHandler(quiet, nil, limited, remoteapi.MessageTypes{remoteapi.WriteV2MessageType}, false, false)
	return h, nil
}

type handler struct {
	cfg    Config
	log    *slog.Logger
	turns  chan struct{}
	v1, v2 http.Handler
	counts *counts
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Remote write is a POST.", http.StatusMethodNotAllowed)
		return
	}
	// A sender that dawdles must not hold a turn.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(maxRead)) // where the server can
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBodyBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, fmt.Sprintf("The request is larger than %d bytes. Send fewer samples at once (max_samples_per_send in Prometheus' queue_config), or raise max_body_bytes here.", h.cfg.MaxBodyBytes), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "The request's body could not be read to its end.", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))

	ctx, cancel := context.WithTimeout(r.Context(), maxWait)
	defer cancel()
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
	case <-ctx.Done():
		w.Header().Set("Retry-After", "5")
		http.Error(w, "Too many requests are being written at once. Send this one again in a moment.", http.StatusServiceUnavailable)
		return
	}

	a := &answer{ResponseWriter: w, left: maxAnswer}
	if msg, err := remoteapi.ParseProtoMsg(r.Header.Get("Content-Type")); err == nil && msg == remoteapi.WriteV2MessageType {
		h.v2.ServeHTTP(a, r)
	} else {
		h.v1.ServeHTTP(a, r) // it refuses content types that are neither
	}
	h.counts.requests.WithLabelValues(fmt.Sprintf("%dxx", a.status/100)).Inc()
	if a.status >= 500 {
		h.log.Error("a remote write could not be stored", "status", a.status, "answer", a.first())
	} else if a.status >= 400 {
		h.log.Debug("a remote write was refused, in whole or in part", "status", a.status, "answer", a.first())
	}
}

// answer bounds an answer's text and remembers its status.
type answer struct {
	http.ResponseWriter
	status int
	left   int
	text   []byte
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Write takes all and passes on what is within the bound.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	pass := p[:min(len(p), a.left)]
	a.left -= len(pass)
	a.text = append(a.text, pass...)
	if _, err := a.ResponseWriter.Write(pass); err != nil {
		return 0, err
	}
	return len(p), nil
}

// first is the first line of the answer, for the log.
func (a *answer) first() string {
	line, _, _ := bytes.Cut(a.text, []byte("\n"))
	return string(line)
}
