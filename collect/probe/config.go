package probe

import (
	"time"
)

// Type says what a probe speaks.
type Type string

// The types of probes.
const (
	HTTP     Type = "http"
	TCP      Type = "tcp"
	DNS      Type = "dns"
	TLS      Type = "tls"
	ICMP     Type = "icmp"
	Postgres Type = "postgres"
	MySQL    Type = "mysql"
	Redis    Type = "redis"
)

var types = []Type{HTTP, TCP, DNS, TLS, ICMP, Postgres, MySQL, Redis}

// Origin says who wants a probe.
type Origin string

const (
	Configured Origin = "configured" // a person wrote it down
	Discovered Origin = "discovered" // the Discoverer proposed it
)

// Defaults and bounds.
const (
	DefaultInterval = 15 * time.Second
	DefaultTimeout  = 5 * time.Second
	MinInterval     = time.Second
	MaxProbes       = 500
)

// Config is the list of probes as people write it. In YAML it is a list; see
// Spec for the keys of its items.
type Config struct {
	Probes []Spec

	lines map[string]int // where each path stands in the file, for errors
}

// Spec is one probe. The zero value of a field means its default.
type Spec struct {
	Name     string        `yaml:"name"`     // unique; letters, digits, ".", "-", "_", at most 80
	Type     Type          `yaml:"type"`     // see the types
	Target   string        `yaml:"target"`   // URL, host:port, host or resolver, by type
	Interval time.Duration `yaml:"interval"` // between the starts of two rounds; 15s
	Timeout  time.Duration `yaml:"timeout"`  // of one round; 5s, or less for a short interval
	HTTP     HTTPSpec      `yaml:"http"`
	DNS      DNSSpec       `yaml:"dns"`
	TLS      TLSSpec       `yaml:"tls"`
	Database DatabaseSpec  `yaml:"database"`

	Origin  Origin    `yaml:"-"` // empty means Configured
	KnownUp time.Time `yaml:"-"` // when it was seen to work before; zero: never
	// Settles is how long after it was first up it is missed when it goes; zero
	// at once. What somebody only tries goes again and is missed by nobody.
	Settles time.Duration `yaml:"-"`
}

// HTTPSpec is what to ask of an HTTP server and what to want.
type HTTPSpec struct {
	Method          string            `yaml:"method"` // GET
	Headers         map[string]Header `yaml:"headers"`
	Body            string            `yaml:"body"`
	BasicAuth       BasicAuth         `yaml:"basic_auth"`
	BearerFile      string            `yaml:"bearer_file"`      // holds the token
	FollowRedirects *bool             `yaml:"follow_redirects"` // true; at most 5
	Proxy           string            `yaml:"proxy"`            // URL; none, whatever the environment says
	Expect          HTTPExpect        `yaml:"expect"`
}

// Header is a header's value, or the file that holds it.
type Header struct {
	Value     string `yaml:"value"`
	ValueFile string `yaml:"value_file"`
}

// BasicAuth is a user and the file that holds the password.
type BasicAuth struct {
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
}

// HTTPExpect is the answer that is wanted.
type HTTPExpect struct {
	Status  []StatusRange `yaml:"status"`   // 200-299
	Body    string        `yaml:"body"`     // RE2 that the first MiB must match
	NotBody string        `yaml:"not_body"` // RE2 that it must not match
}

// DNSSpec is what to ask of a resolver. Target is the resolver's host:port;
// empty means the ones in /etc/resolv.conf, in their order.
type DNSSpec struct {
	Name   string    `yaml:"name"` // to look up
	Type   string    `yaml:"type"` // A
	Expect DNSExpect `yaml:"expect"`
}

// DNSExpect is the answer that is wanted.
type DNSExpect struct {
	Rcodes  []string `yaml:"rcodes"`  // NOERROR
	Answers []string `yaml:"answers"` // each must be among the answers: an address, a name, a text
}

// Trust says which certificates are good.
type Trust string

const (
	TrustSystem     Trust = "system"      // signed by an authority that the machine trusts
	TrustCAFile     Trust = "ca_file"     // signed by an authority in ca_file
	TrustSelfSigned Trust = "self-signed" // as TrustSystem, or signed by itself; name and dates still count
	TrustAny        Trust = "any"         // any; an expired one is reported and does not fail the probe
)

// TLSSpec is which certificate is wanted, for HTTPS, TLS, MySQL and Redis.
// PostgreSQL's own sslmode and sslrootcert stand in its DSN.
type TLSSpec struct {
	Trust       Trust         `yaml:"trust"`   // system, or ca_file when CAFile is set
	CAFile      string        `yaml:"ca_file"` // PEM
	ServerName  string        `yaml:"server_name"`
	MinValidity time.Duration `yaml:"min_validity"` // fails when the certificate ends sooner
}

// DatabaseSpec is how to log in to PostgreSQL, MySQL or Redis. A DSN with a
// password stands in a file or an environment variable, never in the
// configuration; one without may be the probe's target.
type DatabaseSpec struct {
	DSNFile string `yaml:"dsn_file"`
	DSNEnv  string `yaml:"dsn_env"`
	Query   string `yaml:"query"` // "select 1"; not for Redis, which is sent PING
}

func (s *Spec) setDefaults() {
	if s.Interval == 0 {
		s.Interval = DefaultInterval
	}
	if s.Timeout == 0 {
		s.Timeout = min(DefaultTimeout, s.Interval*4/5)
	}
	if s.Origin == "" {
		s.Origin = Configured
	}
	if s.TLS.Trust == "" {
		s.TLS.Trust = TrustSystem
		if s.TLS.CAFile != "" {
			s.TLS.Trust = TrustCAFile
		}
	}
	switch s.Type {
	case HTTP:
		if s.HTTP.Method == "" {
			s.HTTP.Method = "GET"
		}
		if len(s.HTTP.Expect.Status) == 0 {
			s.HTTP.Expect.Status = []StatusRange{{200, 299}}
		}
	case DNS:
		if s.DNS.Type == "" {
			s.DNS.Type = "A"
		}
		if len(s.DNS.Expect.Rcodes) == 0 {
			s.DNS.Expect.Rcodes = []string{"NOERROR"}
		}
	case Postgres, MySQL:
		if s.Database.Query == "" {
			s.Database.Query = "select 1"
		}
	}
}
