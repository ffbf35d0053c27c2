package probe

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// Problem is what is wrong with a certificate; empty for nothing.
type Problem string

const (
	ProblemExpired   Problem = "expired"
	ProblemNotYet    Problem = "not-yet"
	ProblemName      Problem = "name"
	ProblemUntrusted Problem = "untrusted"
)

// Certificate is what a server showed of itself.
type Certificate struct {
	Subject     string
	Issuer      string
	Names       []string // DNS names and addresses that it is for, at most 50
	Serial      string   // hexadecimal
	Fingerprint string   // SHA-256, hexadecimal
	NotBefore   time.Time
	NotAfter    time.Time
	// ChainNotAfter is when the first certificate of the chain ends: of the
	// chain that was verified, or else of the one that was shown. The root
	// does not count.
	ChainNotAfter time.Time
	Problem       Problem
	Detail        string // Problem in a sentence
}

// certificateError stops a handshake, so that nothing is sent to a server
// whose certificate is not good.
type certificateError struct{ detail string }

func (e *certificateError) Error() string { return e.detail }

// handshake is the TLS side of one round. Verification is ours, after the
// handshake, because crypto/tls hands out no certificate when its own fails.
type handshake struct {
	spec  TLSSpec
	now   func() time.Time
	roots *x509.CertPool // nil: the system's

	// A dialer that lost a race, or that outlives the round's end, still
	// calls verify.
	mu    sync.Mutex
	host  string
	shown *Certificate
}

func newHandshake(spec TLSSpec) (*handshake, error) {
	h := &handshake{spec: spec, now: time.Now}
	if spec.Trust == TrustCAFile {
		pem, err := readBounded(spec.CAFile, 1<<20)
		if err != nil {
			return nil, unknown(ReasonSecret, "tls.ca_file cannot be read: %s; check the path and its permissions", err)
		}
		h.roots = x509.NewCertPool()
		if !h.roots.AppendCertsFromPEM(pem) {
			return nil, unknown(ReasonSecret, "tls.ca_file %s holds no certificate; it is to hold PEM that begins with BEGIN CERTIFICATE", spec.CAFile)
		}
	}
	return h, nil
}

// expect says which host, a name or an address, is asked next.
func (h *handshake) expect(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.host = host
}

// certificate is what the server that was asked last has shown.
func (h *handshake) certificate() *Certificate {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shown
}

// config has the server's name from the probe, or none.
func (h *handshake) config() *tls.Config {
	return &tls.Config{
		ServerName:         h.spec.ServerName,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // verify does it
		VerifyConnection:   h.verify,
	}
}

// client wraps a connection to the host that is expected.
func (h *handshake) client(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	config := h.config()
	if config.ServerName == "" {
		config.ServerName = h.host
	}
	client := tls.Client(conn, config)
	return client, client.HandshakeContext(ctx)
}

func (h *handshake) verify(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return &certificateError{"the server shows no certificate"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	name := h.spec.ServerName
	if name == "" {
		name = cs.ServerName
	}
	if name == "" { // an address is not sent as a server's name
		name = h.host
	}
	c := judge(cs.PeerCertificates, name, h.spec.Trust, h.roots, h.now())
	h.shown = &c
	if c.Problem != "" && h.spec.Trust != TrustAny {
		return &certificateError{c.Detail}
	}
	if left := c.ChainNotAfter.Sub(h.now()); h.spec.MinValidity > 0 && left < h.spec.MinValidity {
		return &certificateError{fmt.Sprintf("the certificate ends %s, in %s; this probe wants %s at least; renew it", day(c.ChainNotAfter), span(left), span(h.spec.MinValidity))}
	}
	return nil
}

// judge holds a chain against what is wanted at a time. Dates come first: an
// expired certificate of an unknown authority is called expired, because
// renewing it is what helps.
func judge(chain []*x509.Certificate, name string, trust Trust, roots *x509.CertPool, now time.Time) Certificate {
	leaf := chain[0]
	print := sha256.Sum256(leaf.Raw)
	c := Certificate{
		Subject:       nameOf(leaf.Subject.CommonName, leaf.Subject.String()),
		Issuer:        nameOf(leaf.Issuer.CommonName, leaf.Issuer.String()),
		Names:         namesOf(leaf),
		Serial:        excerpt(leaf.SerialNumber.Text(16), 64),
		Fingerprint:   hex.EncodeToString(print[:]),
		NotBefore:     leaf.NotBefore,
		NotAfter:      leaf.NotAfter,
		ChainNotAfter: soonest(chain),
	}
	between := x509.NewCertPool()
	for _, link := range chain[1:] {
		between.AddCert(link)
	}
	var verified [][]*x509.Certificate
	var untrusted error
	if trust != TrustAny { // which need not load the machine's authorities at all
		verified, untrusted = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	}
	for i, path := range verified {
		if ends := soonest(path); i == 0 || ends.After(c.ChainNotAfter) {
			c.ChainNotAfter = ends
		}
	}
	selfSigned := leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil
	switch {
	case now.After(leaf.NotAfter):
		c.Problem, c.Detail = ProblemExpired, fmt.Sprintf("the certificate expired %s, %s ago; renew it", day(leaf.NotAfter), span(now.Sub(leaf.NotAfter)))
	case now.Before(leaf.NotBefore):
		c.Problem, c.Detail = ProblemNotYet, fmt.Sprintf("the certificate is valid from %s only, in %s; check the clock here and there", day(leaf.NotBefore), span(leaf.NotBefore.Sub(now)))
	case trust == TrustAny:
	case leaf.VerifyHostname(name) != nil:
		c.Problem, c.Detail = ProblemName, fmt.Sprintf("the certificate is not for %s but for %s", excerpt(name, 100), shortList(c.Names))
	case untrusted == nil, trust == TrustSelfSigned && selfSigned:
	case now.After(c.ChainNotAfter):
		c.Problem, c.Detail = ProblemExpired, fmt.Sprintf("a certificate of the authority between expired %s; install the new chain", day(c.ChainNotAfter))
	case selfSigned:
		c.Problem, c.Detail = ProblemUntrusted, "the certificate is signed by itself; if that is meant, set tls.trust to self-signed or tls.ca_file to the certificate"
	case len(chain) == 1:
		c.Problem, c.Detail = ProblemUntrusted, fmt.Sprintf("the authority %s is not trusted here; the server sends no chain, so perhaps it lacks the certificate in between, or else set tls.ca_file", c.Issuer)
	default:
		c.Problem, c.Detail = ProblemUntrusted, fmt.Sprintf("the authority %s is not trusted here; install it, or set tls.ca_file", c.Issuer)
	}
	return c
}

// soonest is when the first of the chain ends, without its root, whose end
// verification does not hold against it until it is here.
func soonest(chain []*x509.Certificate) time.Time {
	ends := chain[0].NotAfter
	for i, c := range chain[1:] {
		isRoot := i == len(chain)-2 && string(c.RawSubject) == string(c.RawIssuer)
		if !isRoot && c.NotAfter.Before(ends) {
			ends = c.NotAfter
		}
	}
	return ends
}

const maxNames = 50

func namesOf(leaf *x509.Certificate) []string {
	var names []string
	for _, n := range leaf.DNSNames {
		names = append(names, excerpt(n, 255))
	}
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names[:min(len(names), maxNames)]
}

func nameOf(common, whole string) string {
	if common != "" {
		return excerpt(common, 120)
	}
	return excerpt(whole, 120)
}

func shortList(names []string) string {
	if len(names) == 0 {
		return "no name at all"
	}
	const shown = 3
	if extra := len(names) - shown; extra > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), extra)
	}
	return strings.Join(names, ", ")
}

func day(t time.Time) string { return "on " + t.UTC().Format("2 January 2006 15:04 UTC") }

// span says a length of time as people do: in its largest unit.
func span(d time.Duration) string {
	unit := func(n int, name string) string {
		if n == 1 {
			return "1 " + name
		}
		return fmt.Sprintf("%d %ss", n, name)
	}
	switch {
	case d < 0:
		return "no time"
	case d >= 48*time.Hour:
		return unit(int(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return unit(int(d/time.Hour), "hour")
	case d >= 2*time.Minute:
		return unit(int(d/time.Minute), "minute")
	}
	return unit(int(d/time.Second), "second")
}

// hostOf is the host of a host:port.
func hostOf(target string) string {
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		return target
	}
	return host
}

// readBounded reads a small file that is named in the configuration.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, limit)
}
