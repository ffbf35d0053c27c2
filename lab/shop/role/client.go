package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// zone is where the shop's names lie.
const zone = ".shop.example."

// neighbours are the services that one calls, found by DNS as services are,
// asked one address after another.
//
// Knobs: timeout and retries, or timeout.NAME and retries.NAME for one callee
// (1 s and 0; a retry comes at once).
type neighbours struct {
	s        *service
	dns      *net.Resolver
	http     *http.Client
	requests *prometheus.HistogramVec
	lookups  *prometheus.HistogramVec
	turn     atomic.Uint64

	mu    sync.Mutex
	found map[string]answer
}

type answer struct {
	addresses []string
	until     time.Time
}

// nameTTL is how long an answer of the name server is used.
const nameTTL = time.Second

// newNeighbours returns a client for services without TLS.
func newNeighbours(s *service, nameServer string) *neighbours {
	n := &neighbours{s: s, found: map[string]answer{}, http: clientOf(&http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second})}
	n.requests = s.make.NewHistogramVec(prometheus.HistogramOpts{Name: "http_client_request_duration_seconds",
		Help: "How long calls to other services took.", Buckets: seconds},
		[]string{"http_request_method", "server_address", "server_port", "http_response_status_code", "error_type"})
	n.lookups = s.make.NewHistogramVec(prometheus.HistogramOpts{Name: "dns_lookup_duration_seconds",
		Help: "How long the name server took.", Buckets: seconds}, []string{"dns_question_name", "error_type"})
	n.dns = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, nameServer)
	}}
	return n
}

// secured returns a client with the same metrics and names for services with
// TLS, whose authority's certificate lies in a file.
func (n *neighbours) secured(ca string) (*neighbours, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", ca)
	}
	// A certificate counts when a connection begins, so each call begins one.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	return &neighbours{s: n.s, dns: n.dns, requests: n.requests, lookups: n.lookups, found: map[string]answer{}, http: clientOf(transport)}, nil
}

func clientOf(t *http.Transport) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// resolve returns the addresses of a service.
func (n *neighbours) resolve(ctx context.Context, name string) ([]string, error) {
	n.mu.Lock()
	have := n.found[name]
	n.mu.Unlock()
	if time.Now().Before(have.until) {
		return have.addresses, nil
	}
	began := time.Now()
	addresses, err := n.dns.LookupHost(ctx, name+zone)
	kind := ""
	if err != nil {
		kind = errorType(err)
	}
	n.lookups.WithLabelValues(strings.TrimSuffix(name+zone, "."), kind).Observe(time.Since(began).Seconds())
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	n.found[name] = answer{addresses, time.Now().Add(nameTTL)}
	n.mu.Unlock()
	return addresses, nil
}

// errStatus is wrapped where a callee answered with 500 or above.
var errStatus = errors.New("it failed")

// call asks a service and reads its JSON answer into "into" (nil: dropped). It
// returns the status of the answer, and an error where there was none or where
// it says that the callee failed. Calls are tried again as the knobs say.
func (n *neighbours) call(ctx context.Context, method, scheme, name, path string, into any) (status int, err error) {
	k := n.s.knobs
	timeout := k.Duration("timeout."+name, k.Duration("timeout", time.Second))
	tries := 1 + int(k.Number("retries."+name, k.Number("retries", 0)))
	for range tries {
		status, err = n.try(ctx, timeout, method, scheme, name, path, into)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return status, err
}

func (n *neighbours) try(ctx context.Context, timeout time.Duration, method, scheme, name, path string, into any) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	defer func() {
		code, kind := "", ""
		if status != 0 {
			code = strconv.Itoa(status)
		}
		switch {
		case status >= 500:
			kind = code
		case err != nil:
			kind = errorType(err)
		}
		n.requests.WithLabelValues(method, name, servicePort, code, kind).Observe(time.Since(began).Seconds())
	}()
	addresses, err := n.resolve(ctx, name)
	if err != nil {
		return 0, err
	}
	address := addresses[n.turn.Add(1)%uint64(len(addresses))]
	r, err := http.NewRequestWithContext(ctx, method, scheme+"://"+net.JoinHostPort(address, servicePort)+path, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Shop-Time", n.s.now().UTC().Format(time.RFC3339Nano))
	a, err := n.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer a.Body.Close()
	if a.StatusCode >= 500 {
		return a.StatusCode, fmt.Errorf("%s: %w: %s", name, errStatus, a.Status)
	}
	if into != nil && a.StatusCode < 300 {
		return a.StatusCode, json.NewDecoder(a.Body).Decode(into)
	}
	_, err = io.Copy(io.Discard, a.Body)
	return a.StatusCode, err
}

// errorType is a few words of OpenTelemetry's error.type for an error.
func errorType(err error) string {
	var dns *net.DNSError
	var bad *tls.CertificateVerificationError
	var network net.Error
	switch {
	case errors.As(err, &bad):
		return "certificate"
	case errors.As(err, &dns):
		return "dns"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &network):
		return "connection"
	}
	return "other"
}

// now is the time by the service's own clock. Knob: offset.
func (s *service) now() time.Time { return time.Now().Add(s.knobs.Duration("offset", 0)) }
