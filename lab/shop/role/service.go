package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/evenkeel/evenkeel/lab/knob"
)

// Ports of every service at its address.
const (
	servicePort = "8080"
	metricsPort = "9464" // OpenTelemetry's for Prometheus
)

// seconds are the buckets that OpenTelemetry advises for durations.
var seconds = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}

// service is what all services are made of: an HTTP server, metrics, and what
// may go wrong with it.
//
// Knobs: delay before each answer, cpu time burnt and bytes leaked for each
// request, error (share of requests that fail), slots (how many requests are
// worked on at once; others wait for up to a second and are refused then),
// cert and key (files; read anew for each handshake).
type service struct {
	name  string
	knobs *knob.Set
	make  promauto.Factory
	mux   *http.ServeMux

	ip, version, cert, key *string

	metrics  *prometheus.Registry
	requests *prometheus.HistogramVec
	active   prometheus.Gauge
	slots    chan struct{} // taken ones; its capacity is the most that there can be
	mu       sync.Mutex
	leaked   [][]byte
}

func newService(name string, fs *flag.FlagSet, k *knob.Set) *service {
	s := &service{name: name, knobs: k, mux: http.NewServeMux(), metrics: prometheus.NewRegistry(), slots: make(chan struct{}, 4096),
		ip:      fs.String("ip", "127.0.0.1", "`address` to listen on"),
		version: fs.String("version", "1.0.0", "of the release, for its metrics"),
		cert:    fs.String("cert", "", "certificate `file`; plain HTTP without one"),
		key:     fs.String("key", "", "key `file`")}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.make = promauto.With(s.metrics)
	s.requests = s.make.NewHistogramVec(prometheus.HistogramOpts{Name: "http_server_request_duration_seconds",
		Help: "How long requests took to be answered.", Buckets: seconds},
		[]string{"http_request_method", "http_route", "http_response_status_code", "url_scheme"})
	s.active = s.make.NewGauge(prometheus.GaugeOpts{Name: "http_server_active_requests", Help: "Requests that are being answered."})
	return s
}

// handle serves a route. The handler returns the status of its answer.
func (s *service) handle(method, route string, h func(w http.ResponseWriter, r *http.Request) int) {
	s.mux.HandleFunc(method+" "+route, func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		s.active.Inc()
		status := s.admit(w, r, h)
		s.active.Dec()
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		s.requests.WithLabelValues(method, route, strconv.Itoa(status), scheme).Observe(time.Since(began).Seconds())
	})
}

// admit answers a request, or refuses it where there are too many.
func (s *service) admit(w http.ResponseWriter, r *http.Request, h func(w http.ResponseWriter, r *http.Request) int) int {
	fail := func(status int, why string) int {
		http.Error(w, why, status)
		return status
	}
	limit := int(s.knobs.Number("slots", 256))
	deadline := time.Now().Add(time.Second)
	for len(s.slots) >= limit {
		if time.Now().After(deadline) || r.Context().Err() != nil {
			return fail(http.StatusServiceUnavailable, "too many requests at once")
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.slots <- struct{}{}
	defer func() { <-s.slots }()

	if d := s.knobs.Duration("delay", 0); d > 0 {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return 499 // the caller went away; the number is nginx's
		}
	}
	burn(s.knobs.Duration("cpu", 0))
	if n := int(s.knobs.Number("leak", 0)); n > 0 {
		s.leak(n)
	}
	if share := s.knobs.Number("error", 0); share > 0 && rand.Float64() < share {
		return fail(http.StatusInternalServerError, "something went wrong")
	}
	return h(w, r)
}

// leak keeps memory that nobody needs, and touches it so that it is real.
func (s *service) leak(n int) {
	b := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	s.mu.Lock()
	s.leaked = append(s.leaked, b)
	s.mu.Unlock()
}

// run serves until the process is told to end, and lets requests finish then.
func (s *service) run() error {
	s.knobs.Set("cert", *s.cert)
	s.knobs.Set("key", *s.key)
	s.make.NewGauge(prometheus.GaugeOpts{Name: "target_info", Help: "What runs here.", ConstLabels: prometheus.Labels{
		"service_name": s.name, "service_version": *s.version, "deployment_environment_name": "lab"}}).Set(1)

	scraped := http.NewServeMux()
	scraped.Handle("/metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	metrics := &http.Server{Addr: net.JoinHostPort(*s.ip, metricsPort), Handler: scraped, ReadHeaderTimeout: 5 * time.Second}
	server := &http.Server{Addr: net.JoinHostPort(*s.ip, servicePort), Handler: s.mux, ReadHeaderTimeout: 5 * time.Second}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	failed := make(chan error, 2)
	go func() { failed <- metrics.ListenAndServe() }()
	go func() {
		if *s.cert == "" {
			failed <- server.ListenAndServe()
			return
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				c, err := tls.LoadX509KeyPair(s.knobs.Text("cert"), s.knobs.Text("key"))
				return &c, err
			}}
		failed <- server.ListenAndServeTLS("", "")
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(grace), metrics.Shutdown(grace))
}
