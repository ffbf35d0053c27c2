package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/respond"
)

const (
	// answerSize bounds what is read of an answer, in bytes.
	answerSize = 64 << 10
	// requestTime bounds one request; the context may end sooner.
	requestTime = 12 * time.Second
	// mostRetryAfter bounds a provider's wish.
	mostRetryAfter = time.Hour
)

// newClient returns a client that follows redirects only within a host, and
// dials as the dialer does. Addresses of contacts are dialled directly: behind
// a proxy nobody could tell where a name leads.
func newClient(dialer *net.Dialer, proxied bool) *http.Client {
	transport := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		// A connection that was kept may be closed at the other end by the time
		// of the next message, and then nobody knows whether it was taken.
		DisableKeepAlives: true,
		ForceAttemptHTTP2: true,
	}
	if proxied {
		transport.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{Transport: transport, CheckRedirect: func(to *http.Request, via []*http.Request) error {
		from := via[0]
		if len(via) > 3 || to.URL.Host != from.URL.Host || to.URL.Scheme != from.URL.Scheme || to.Method != from.Method {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// providerClient reaches the providers that the operator has set up.
func providerClient() *http.Client {
	return newClient(&net.Dialer{Timeout: 10 * time.Second}, true)
}

// request is one try.
type request struct {
	method string
	url    string
	header http.Header
	body   []byte
	user   string // for basic authentication
	pass   string
}

// answer is what came back. A body that was cut off or is too large is partial.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	partial bool
}

// exchange makes one request. Where there was no answer, failed says how the
// try ended; who names the provider in its reason.
func exchange(ctx context.Context, client *http.Client, who string, r request) (a answer, failed *respond.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { wrote.Store(true) },
		WroteRequest: func(httptrace.WroteRequestInfo) { wrote.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return a, &respond.Outcome{State: respond.Failed, Reason: fmt.Sprintf("The address of %s is no URL; correct the contact.", who)}
	}
	req.Header.Set("User-Agent", "Evenkeel")
	for k, v := range r.header {
		req.Header[k] = v
	}
	if r.user != "" {
		req.SetBasicAuth(r.user, r.pass)
	}
	res, err := client.Do(req)
	if err != nil {
		o := broken(err, who, wrote.Load())
		return a, &o
	}
	defer res.Body.Close()
	a = answer{status: res.StatusCode, header: res.Header}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, answerSize+1))
	if a.partial = err != nil || len(a.body) > answerSize; len(a.body) > answerSize {
		a.body = a.body[:answerSize]
	}
	return a, nil
}

// broken is the outcome of a try without an answer. The error itself is not
// shown: it carries the URL.
func broken(err error, who string, wrote bool) respond.Outcome {
	if errors.Is(err, errForbidden) {
		return respond.Outcome{State: respond.Failed, Reason: fmt.Sprintf("The address of %s leads to this machine or to a place that contacts may not name; correct it, or let the operator allow it.", who)}
	}
	var dns *net.DNSError
	var timeout net.Error
	why := "The connection to %s broke."
	switch {
	case errors.As(err, &dns):
		why = "The name of %s could not be looked up."
	case errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded):
		why = "%s did not answer in time."
	case errors.Is(err, context.Canceled):
		why = "The try to reach %s was cut off."
	case !wrote:
		why = "%s could not be reached."
	}
	o := respond.Outcome{State: respond.Due, Uncertain: wrote, Reason: sentence(fmt.Sprintf(why, who))}
	if wrote {
		o.Reason += " It may have taken the message all the same."
	}
	return o
}

// verdict is the outcome that an answer's status gives; ok tells that it is
// 2xx, where the outcome is Sent. said is the provider's own word, made safe.
func (a answer) verdict(who, said string) (o respond.Outcome, ok bool) {
	reason := func(text string) string {
		text = sentence(fmt.Sprintf(text, who))
		if said != "" {
			text += fmt.Sprintf(" It says: %s.", strings.TrimRight(said, "."))
		}
		return text
	}
	switch s := a.status; {
	case s >= 200 && s < 300:
		return respond.Outcome{State: respond.Sent}, true
	case s == http.StatusGone:
		return respond.Outcome{State: respond.Failed, Disable: true, Reason: reason("%s says that this address is gone for good (410).")}, false
	case s == http.StatusTooManyRequests:
		return respond.Outcome{State: respond.Due, RetryAfter: a.retryAfter(time.Now()), Reason: reason("%s asks for fewer messages (429).")}, false
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly:
		return respond.Outcome{State: respond.Due, RetryAfter: a.retryAfter(time.Now()), Reason: reason("%s asks to come again (" + strconv.Itoa(s) + ").")}, false
	case s >= 500:
		// A gateway does not know what became of what it passed on.
		return respond.Outcome{State: respond.Due, RetryAfter: a.retryAfter(time.Now()), Uncertain: s == http.StatusBadGateway || s == http.StatusGatewayTimeout,
			Reason: reason("%s is in trouble (" + strconv.Itoa(s) + ").")}, false
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return respond.Outcome{State: respond.Failed, Reason: reason("%s refuses our login (" + strconv.Itoa(s) + "); check its secret and what it may do.")}, false
	case s == http.StatusNotFound:
		return respond.Outcome{State: respond.Failed, Reason: reason("%s does not know this address (404); correct the contact.")}, false
	case s >= 300 && s < 400:
		return respond.Outcome{State: respond.Failed, Reason: reason("%s points to another address (" + strconv.Itoa(s) + "), which is not followed; name the final one.")}, false
	}
	return respond.Outcome{State: respond.Failed, Reason: reason("%s refuses the message (" + strconv.Itoa(a.status) + ").")}, false
}

// garbled is the outcome of a 2xx that does not say what the provider says when
// it has taken a message: a proxy's login page must not pass for a page sent.
func garbled(who string) respond.Outcome {
	return respond.Outcome{State: respond.Due, Uncertain: true,
		Reason: sentence(fmt.Sprintf("%s gave an answer that cannot be read; it may have taken the message all the same.", who))}
}

// retryAfter is the provider's wish, from seconds or a date (RFC 9110, 10.2.3).
func (a answer) retryAfter(now time.Time) time.Duration {
	text := a.header.Get("Retry-After")
	wish := time.Duration(0)
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 {
		wish = time.Duration(min(n, mostRetryAfter.Seconds()) * float64(time.Second))
	} else if at, err := http.ParseTime(text); err == nil {
		wish = at.Sub(now)
	}
	return min(max(wish, 0), mostRetryAfter)
}
