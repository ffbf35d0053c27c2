package probe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

const (
	userAgent    = "evenkeel-probe"
	maxBody      = 1 << 20
	maxRedirects = 5
)

// httpCheck asks by a new connection each time, as a new visitor would.
type httpCheck struct {
	spec          Spec
	target        *url.URL
	proxy         *url.URL
	body, notBody *regexp.Regexp
}

func newHTTPCheck(s Spec) (*httpCheck, error) {
	c := &httpCheck{spec: s}
	var err error
	if c.target, err = url.Parse(s.Target); err != nil {
		return nil, errors.New("target is not a URL")
	}
	if s.HTTP.Proxy != "" {
		if c.proxy, err = url.Parse(s.HTTP.Proxy); err != nil {
			return nil, errors.New("http.proxy is not a URL")
		}
	}
	if e := s.HTTP.Expect.Body; e != "" {
		if c.body, err = regexp.Compile(e); err != nil {
			return nil, err
		}
	}
	if e := s.HTTP.Expect.NotBody; e != "" {
		if c.notBody, err = regexp.Compile(e); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *httpCheck) label() string { return shownURL(c.target) }

func (c *httpCheck) run(ctx context.Context, t *timeline, r *Round) error {
	hands, err := newHandshake(c.spec.TLS)
	if err != nil {
		return err
	}
	defer func() { r.Certificate = hands.certificate() }()
	req, private, err := c.request(httptrace.WithClientTrace(ctx, traceOf(t, r, hands)))
	if err != nil {
		return err
	}
	transport := &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		// The transport fills in the host of each hop as the server's name,
		// unless the probe sets one.
		TLSClientConfig:   hands.config(),
		ForceAttemptHTTP2: true,
	}
	if c.proxy != nil {
		transport.Proxy = http.ProxyURL(c.proxy)
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: c.redirect(private)}

	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	r.Status = resp.StatusCode
	t.enter(PhaseReceive)
	body, err := c.read(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return err
	}
	return c.judge(resp, body)
}

// read takes the body to its end or bound, and keeps it only to be matched.
func (c *httpCheck) read(from io.Reader) ([]byte, error) {
	if c.body != nil || c.notBody != nil {
		return io.ReadAll(from)
	}
	_, err := io.Copy(io.Discard, from)
	return nil, err
}

// request builds the request; private names the headers that no other host
// may get.
func (c *httpCheck) request(ctx context.Context) (req *http.Request, private []string, err error) {
	h := c.spec.HTTP
	var body io.Reader
	if h.Body != "" {
		body = strings.NewReader(h.Body)
	}
	if req, err = http.NewRequestWithContext(ctx, h.Method, c.spec.Target, body); err != nil {
		return nil, nil, down(ReasonOther, "the request cannot be built from the configuration")
	}
	req.Header.Set("User-Agent", userAgent)
	for name, header := range h.Headers {
		value := header.Value
		if header.ValueFile != "" {
			if value, err = readSecret("http.headers."+name+".value_file", header.ValueFile); err != nil {
				return nil, nil, err
			}
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return nil, nil, unknown(ReasonSecret, "the value of the header %s holds a line break, which a header cannot", name)
		}
		if http.CanonicalHeaderKey(name) == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
		private = append(private, name)
	}
	switch {
	case h.BasicAuth.Username != "":
		password, err := readSecret("http.basic_auth.password_file", h.BasicAuth.PasswordFile)
		if err != nil {
			return nil, nil, err
		}
		req.SetBasicAuth(h.BasicAuth.Username, password)
	case h.BearerFile != "":
		token, err := readSecret("http.bearer_file", h.BearerFile)
		if err != nil {
			return nil, nil, err
		}
		if strings.ContainsAny(token, "\r\n\x00") {
			return nil, nil, unknown(ReasonSecret, "http.bearer_file holds more than one line")
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, append(private, "Authorization"), nil
}

// redirect decides on each hop. Headers of the configuration may be secrets,
// so another host, another port and an unencrypted way get none of them.
func (c *httpCheck) redirect(private []string) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		if f := c.spec.HTTP.FollowRedirects; f != nil && !*f {
			return http.ErrUseLastResponse
		}
		if len(via) > maxRedirects {
			return down(ReasonProtocol, "more than %d redirects, the last to %s; this is a loop, or the target is to be the last address", maxRedirects, shownURL(next.URL))
		}
		next.Header.Del("Referer") // would carry the query
		for _, before := range via {
			if before.URL.Host != next.URL.Host || before.URL.Scheme != next.URL.Scheme {
				for _, name := range private {
					next.Header.Del(name)
				}
			}
		}
		return nil
	}
}

func (c *httpCheck) judge(resp *http.Response, body []byte) error {
	wanted := c.spec.HTTP.Expect.Status
	ok := false
	for _, r := range wanted {
		ok = ok || r.contains(resp.StatusCode)
	}
	if !ok {
		where := ""
		if to, err := resp.Location(); err == nil {
			where = ", redirecting to " + shownURL(to)
		}
		status := http.StatusText(resp.StatusCode)
		if status == "" {
			status = "no known status"
		}
		return down(ReasonStatus, "the answer is %d (%s)%s; wanted is %s", resp.StatusCode, status, where, listed(wanted))
	}
	where := "the body"
	if len(body) == maxBody {
		where = "the first MiB of the body"
	}
	if c.body != nil && !c.body.Match(body) {
		return down(ReasonBody, "%s (%d bytes) does not match http.expect.body", where, len(body))
	}
	if c.notBody != nil && c.notBody.Match(body) {
		return down(ReasonBody, "%s (%d bytes) matches http.expect.not_body", where, len(body))
	}
	return nil
}

// traceOf moves the timeline along with the request.
func traceOf(t *timeline, r *Round, hands *handshake) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:              func(hostPort string) { t.hop(); hands.expect(hostOf(hostPort)) },
		DNSStart:             func(httptrace.DNSStartInfo) { t.enter(PhaseResolve) },
		ConnectStart:         func(string, string) { t.enter(PhaseConnect) },
		TLSHandshakeStart:    func() { t.enter(PhaseTLS) },
		GotConn:              func(info httptrace.GotConnInfo) { t.enter(PhaseSend); r.Remote = remoteOf(info.Conn.RemoteAddr()) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { t.enter(PhaseWait) },
		GotFirstResponseByte: func() { t.enter(PhaseReceive) },
	}
}

func remoteOf(addr interface{ String() string }) netip.AddrPort {
	a, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
