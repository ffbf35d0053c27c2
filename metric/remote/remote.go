// Package remote reads an external endpoint that speaks Prometheus' query
// API: Prometheus, Thanos, Mimir, VictoriaMetrics. It never writes.
//
// Failure behaviour: an endpoint that cannot be reached, does not let us in,
// is overloaded or answers only in part is metric.ErrUnavailable; a query
// that it finds too costly, or whose answer is larger than the bound, is
// metric.ErrTooLarge. Errors name the endpoint's host and never hold
// credentials.
package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/evenkeel/evenkeel/metric"
)

var _ metric.Querier = (*Endpoint)(nil)

// Endpoint is an external endpoint. It is safe for concurrent use.
type Endpoint struct {
	cfg       Config
	base      *url.URL
	transport http.RoundTripper
	turns     chan struct{}
}

// New returns the endpoint of cfg. It reads the certificates but does not
// connect.
func New(cfg Config) (*Endpoint, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	base, err := cfg.base()
	if err != nil {
		return nil, err
	}
	rt, err := promconfig.NewRoundTripperFromConfig(cfg.client(), "evenkeel")
	if err != nil {
		return nil, fmt.Errorf("metrics endpoint %s: %w", base.Host, err)
	}
	return &Endpoint{cfg: cfg, base: base, transport: withHeaders{rt, cfg.Headers}, turns: make(chan struct{}, cfg.MaxConcurrent)}, nil
}

// Host is the endpoint's host, for people.
func (e *Endpoint) Host() string { return e.base.Host }

// withHeaders adds the configured headers.
type withHeaders struct {
	http.RoundTripper
	headers map[string]string
}

func (w withHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, value := range w.headers {
		r.Header.Set(name, value)
	}
	return w.RoundTripper.RoundTrip(r)
}

// Ready asks the endpoint for the smallest answer it can give.
func (e *Endpoint) Ready(ctx context.Context) error {
	_, err := e.Instant(ctx, "1", time.Now())
	return err
}

// Instant implements metric.Querier.
func (e *Endpoint) Instant(ctx context.Context, expr string, at time.Time) ([]metric.Sample, error) {
	data, err := e.query(ctx, "query", expr, url.Values{"time": {unix(at)}})
	if err != nil {
		return nil, err
	}
	out, err := data.samples()
	if err != nil {
		return nil, fmt.Errorf("query %q: %s: %w", expr, e.base.Host, err)
	}
	return out, nil
}

// Range implements metric.Querier.
func (e *Endpoint) Range(ctx context.Context, expr string, w metric.Window) ([]metric.Series, error) {
	if w.Step < time.Millisecond || w.To.Before(w.From) {
		return nil, fmt.Errorf("query %q: the window from %s to %s with the step %s has no points", expr, w.From, w.To, w.Step)
	}
	data, err := e.query(ctx, "query_range", expr, url.Values{
		"start": {unix(w.From)}, "end": {unix(w.To)}, "step": {strconv.FormatFloat(w.Step.Seconds(), 'f', -1, 64)},
	})
	if err != nil {
		return nil, err
	}
	out, err := data.series()
	if err != nil {
		return nil, fmt.Errorf("query %q: %s: %w", expr, e.base.Host, err)
	}
	return out, nil
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// query posts a query, so that its text stays out of access logs' URLs.
func (e *Endpoint) query(ctx context.Context, path, expr string, form url.Values) (answerData, error) {
	fail := func(err error) (answerData, error) {
		return answerData{}, fmt.Errorf("query %q: %w", expr, err)
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, time.Duration(e.cfg.Timeout))
	defer cancel()
	select {
	case e.turns <- struct{}{}:
		defer func() { <-e.turns }()
	case <-ctx.Done():
		if caller.Err() != nil {
			return fail(caller.Err())
		}
		return fail(fmt.Errorf("%w: %d queries run already and none ended within %s", metric.ErrUnavailable, e.cfg.MaxConcurrent, e.cfg.Timeout))
	}

	form.Set("query", expr)
	form.Set("timeout", time.Duration(e.cfg.Timeout).String())
	form.Set("partial_response", "false") // Thanos: all or an error
	target := e.base.JoinPath("api/v1", path)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return fail(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := e.transport.RoundTrip(req)
	if err != nil {
		return fail(e.unreachable(caller, err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, e.cfg.MaxAnswerBytes+1))
	if err != nil {
		return fail(e.unreachable(caller, err))
	}
	if int64(len(body)) > e.cfg.MaxAnswerBytes {
		return fail(fmt.Errorf("%w: the answer of %s is larger than %d bytes; ask for fewer series or a longer step", metric.ErrTooLarge, e.base.Host, e.cfg.MaxAnswerBytes))
	}
	var a answer
	jsonErr := json.Unmarshal(body, &a)
	if res.StatusCode != http.StatusOK || a.Status != "success" {
		return fail(e.refusal(res.StatusCode, a, jsonErr))
	}
	if jsonErr != nil {
		return fail(fmt.Errorf("%w: the answer of %s is not that of a Prometheus query API; check url", metric.ErrUnavailable, e.base.Host))
	}
	if a.IsPartial {
		return fail(fmt.Errorf("%w: %s has only a part of the answer; some of its storage nodes do not answer", metric.ErrUnavailable, e.base.Host))
	}
	return a.Data, nil
}

// unreachable names a failed round trip. The caller's own end is not the
// endpoint's failure.
func (e *Endpoint) unreachable(caller context.Context, err error) error {
	switch {
	case caller.Err() != nil:
		return caller.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %s did not answer within %s", metric.ErrUnavailable, e.base.Host, e.cfg.Timeout)
	}
	return fmt.Errorf("%w: %s: %w", metric.ErrUnavailable, e.base.Host, err)
}

// refusal names an answer that is not one. What the endpoint says of the
// query is passed on, cut short.
func (e *Endpoint) refusal(status int, a answer, jsonErr error) error {
	said := a.Error
	if len(said) > 300 {
		said = said[:300] + " ..."
	}
	host := e.base.Host
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Errorf("%w: %s does not let us in (%d); check the credentials and, with several tenants, the header X-Scope-OrgID", metric.ErrUnavailable, host, status)
	case status >= 300 && status < 400:
		return fmt.Errorf("%w: %s sends us elsewhere (%d), which is not followed; give the final url", metric.ErrUnavailable, host, status)
	case status == http.StatusRequestEntityTooLarge, a.ErrorType == "timeout", tooLarge(said):
		return fmt.Errorf("%w: %s: %s", metric.ErrTooLarge, host, said)
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("%w: %s is asked too much at once (429)", metric.ErrUnavailable, host)
	case jsonErr != nil || a.ErrorType == "":
		return fmt.Errorf("%w: %s answers with status %d and not as a Prometheus query API; check url", metric.ErrUnavailable, host, status)
	case status >= 500, a.ErrorType == "unavailable", a.ErrorType == "internal":
		return fmt.Errorf("%w: %s: %s", metric.ErrUnavailable, host, said)
	}
	return fmt.Errorf("%s: %s", host, said)
}

// tooLarge knows how the engines say that a query is past their bounds.
func tooLarge(said string) bool {
	for _, part := range []string{
		"too many samples", "exceeded maximum resolution", // Prometheus, Thanos
		"query exceeded the maximum", "exceeded the limit", "err-mimir-max-", // Mimir
		"-search.max", "cannot select more than", // VictoriaMetrics
	} {
		if strings.Contains(said, part) {
			return true
		}
	}
	return false
}
