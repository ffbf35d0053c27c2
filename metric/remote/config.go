package remote

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"golang.org/x/net/http/httpguts"
)

// Config says where the endpoint is and how to be let in. Secrets are read
// from files, at each use, so that they can be changed while running.
type Config struct {
	// URL is the endpoint up to and without /api/v1, for example
	// https://mimir.example.com/prometheus.
	URL string `yaml:"url"`
	// BasicAuth, BearerTokenFile and Authorization exclude each other.
	BasicAuth       *BasicAuth     `yaml:"basic_auth,omitempty"`
	BearerTokenFile string         `yaml:"bearer_token_file,omitempty"`
	Authorization   *Authorization `yaml:"authorization,omitempty"`
	// Headers are sent with each request, for example X-Scope-OrgID.
	Headers map[string]string `yaml:"headers,omitempty"`
	TLS     TLS               `yaml:"tls_config,omitempty"`
	// Timeout bounds one query (default 30s).
	Timeout model.Duration `yaml:"timeout,omitempty"`
	// MaxConcurrent is how many queries run at once (default 8); others wait.
	MaxConcurrent int `yaml:"max_concurrent,omitempty"`
	// MaxAnswerBytes bounds one answer (default 64 MiB).
	MaxAnswerBytes int64 `yaml:"max_answer_bytes,omitempty"`
}

// BasicAuth is a name and the file with its password.
type BasicAuth struct {
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
}

// Authorization is another scheme of the Authorization header.
type Authorization struct {
	Type            string `yaml:"type,omitempty"` // default Bearer
	CredentialsFile string `yaml:"credentials_file"`
}

// TLS says whom to trust and with which certificate to come.
type TLS struct {
	CAFile             string `yaml:"ca_file,omitempty"`
	CertFile           string `yaml:"cert_file,omitempty"`
	KeyFile            string `yaml:"key_file,omitempty"`
	ServerName         string `yaml:"server_name,omitempty"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify,omitempty"`
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = model.Duration(30 * time.Second)
	}
	if c.MaxConcurrent == 0 {
		c.MaxConcurrent = 8
	}
	if c.MaxAnswerBytes == 0 {
		c.MaxAnswerBytes = 64 << 20
	}
	return c
}

// Validate returns everything that is wrong with c. No value that may be a
// secret is in the error.
func (c Config) Validate() error {
	var errs []error
	if _, err := c.base(); err != nil {
		errs = append(errs, err)
	}
	ways := 0
	if c.BasicAuth != nil {
		ways++
		if c.BasicAuth.Username == "" || c.BasicAuth.PasswordFile == "" {
			errs = append(errs, errors.New("basic_auth: give both username and password_file"))
		}
	}
	if c.BearerTokenFile != "" {
		ways++
	}
	if c.Authorization != nil {
		ways++
		if c.Authorization.CredentialsFile == "" {
			errs = append(errs, errors.New("authorization: credentials_file is missing"))
		}
	}
	if ways > 1 {
		errs = append(errs, errors.New("give one of basic_auth, bearer_token_file and authorization, not several"))
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		errs = append(errs, errors.New("tls_config: cert_file and key_file go together"))
	}
	for name, value := range c.Headers {
		switch {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
			errs = append(errs, fmt.Errorf("headers: %q is not a valid header", name))
		case strings.EqualFold(name, "Authorization"):
			errs = append(errs, errors.New("headers: give credentials as basic_auth, bearer_token_file or authorization, from a file"))
		}
	}
	if c.Timeout < 0 || c.MaxConcurrent < 0 || c.MaxAnswerBytes < 0 {
		errs = append(errs, errors.New("timeout, max_concurrent and max_answer_bytes must be above zero; leave them out for the defaults"))
	}
	return errors.Join(errs...)
}

func (c Config) base() (*url.URL, error) {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return nil, errors.New("url: it is missing; give for example http://127.0.0.1:9090")
	case err != nil:
		return nil, errors.New("url: it is not a URL") // its text may hold a password
	case u.User != nil:
		return nil, errors.New("url: leave the credentials out of it and give them as basic_auth with a password_file")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("url: it must begin with http:// or https:// and name a host")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("url: leave out what follows the path")
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/api/v1")
	u.RawPath = ""
	return u, nil
}

// client turns c into Prometheus' own client configuration. Redirects are
// not followed: they could carry the credentials to another host.
func (c Config) client() promconfig.HTTPClientConfig {
	out := promconfig.HTTPClientConfig{
		EnableHTTP2: true,
		TLSConfig: promconfig.TLSConfig{
			CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile,
			ServerName: c.TLS.ServerName, InsecureSkipVerify: c.TLS.InsecureSkipVerify,
		},
	}
	switch {
	case c.BasicAuth != nil:
		out.BasicAuth = &promconfig.BasicAuth{Username: c.BasicAuth.Username, PasswordFile: c.BasicAuth.PasswordFile}
	case c.BearerTokenFile != "":
		out.Authorization = &promconfig.Authorization{Type: "Bearer", CredentialsFile: c.BearerTokenFile}
	case c.Authorization != nil:
		out.Authorization = &promconfig.Authorization{Type: c.Authorization.Type, CredentialsFile: c.Authorization.CredentialsFile}
		if out.Authorization.Type == "" {
			out.Authorization.Type = "Bearer"
		}
	}
	return out
}
