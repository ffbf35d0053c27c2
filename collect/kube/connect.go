package kube

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
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// client asks one API server, and only ever reads.
type client struct {
	http  *http.Client
	base  *url.URL
	limit *rate.Limiter

	requests, watches, refused atomic.Int64
}

// connect reads how to reach the API server. It does not reach for it yet.
func connect(c Config) (*client, error) {
	var settings *rest.Config
	var err error
	if c.InCluster {
		settings, err = rest.InClusterConfig()
	} else {
		settings, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(&clientcmd.ClientConfigLoadingRules{ExplicitPath: c.Kubeconfig},
			&clientcmd.ConfigOverrides{CurrentContext: c.Context}).ClientConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("how to reach the cluster %s: %w", c.Name, err)
	}
	settings.UserAgent = "evenkeel"
	transport, err := rest.HTTPClientFor(settings)
	if err != nil {
		return nil, fmt.Errorf("how to reach the cluster %s: %w", c.Name, err)
	}
	base, _, err := rest.DefaultServerUrlFor(settings)
	if err != nil {
		return nil, fmt.Errorf("the address of the cluster %s: %w", c.Name, err)
	}
	qps, burst := c.QPS, c.Burst
	if qps == 0 {
		qps = defaultQPS
	}
	if burst == 0 {
		burst = defaultBurst
	}
	return &client{http: transport, base: base, limit: rate.NewLimiter(rate.Limit(qps), burst)}, nil
}

// refusal is an answer other than 200.
type refusal struct {
	code  int
	after time.Duration // the server's wish, zero for none
	text  string
}

func (r *refusal) Error() string { return fmt.Sprintf("the API server answers %d: %s", r.code, r.text) }

// refused is the code of the API server's refusal; 0 for any other error.
func refused(err error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.code
	}
	return 0
}

// maxRefusal bounds what is read of a refusal, in bytes.
const maxRefusal = 4 << 10

// get asks for a path of the API. The caller closes the body.
func (c *client) get(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	return c.fetch(ctx, c.limit, path, query, "application/json")
}

// fetch asks for a path within a limit. The caller closes the body.
func (c *client) fetch(ctx context.Context, limit *rate.Limiter, path string, query url.Values, accept string) (io.ReadCloser, error) {
	if err := limit.Wait(ctx); err != nil {
		return nil, err
	}
	to := *c.base
	to.Path = strings.TrimSuffix(to.Path, "/") + path
	to.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	c.requests.Add(1)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	r := &refusal{code: resp.StatusCode, text: http.StatusText(resp.StatusCode)}
	var status struct {
		Message string `json:"message"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, maxRefusal)).Decode(&status) == nil && status.Message != "" {
		r.text = status.Message
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		r.after = time.Duration(min(max(seconds, 0), 60)) * time.Second
	}
	if r.code == http.StatusTooManyRequests {
		c.refused.Add(1)
	}
	return nil, r
}

// version asks what the API server is; the lightest of all questions.
func (c *client) version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, pulseWithin)
	defer cancel()
	body, err := c.get(ctx, "/version", nil)
	if err != nil {
		return "", err
	}
	defer body.Close()
	var v struct {
		Version string `json:"gitVersion"`
	}
	err = json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&v)
	return v.Version, err
}

// FromFile is the configuration of the cluster that a kubeconfig file names,
// called after its context; the current one where context is empty.
func FromFile(file, context string) (Config, error) {
	all, err := clientcmd.LoadFromFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("read the kubeconfig %s: %w", file, err)
	}
	if context == "" {
		context = all.CurrentContext
	}
	if all.Contexts[context] == nil {
		return Config{}, fmt.Errorf("the kubeconfig %s has no context %q; name one with --context", file, context)
	}
	// Names such as arn:aws:eks:... are no names of environments.
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(":*/ \t\n", r) {
			return '-'
		}
		return r
	}, context)
	return Config{Name: name, Kubeconfig: file, Context: context}, nil
}
