package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	der  []byte
}

var serial int64

func issue(t *testing.T, by *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: "shop.test"},
		DNSNames:     []string{"shop.test", "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-30 * 24 * time.Hour),
		NotAfter:     time.Now().Add(90 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(c)
	}
	a := &authority{key: key}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	if a.der, err = x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer); err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(a.der); err != nil {
		t.Fatal(err)
	}
	return a
}

func isCA(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject.CommonName = name
		c.IsCA, c.BasicConstraintsValid = true, true
		c.KeyUsage = x509.KeyUsageCertSign
		c.DNSNames, c.IPAddresses, c.ExtKeyUsage = nil, nil, nil
	}
}

func (a *authority) file(t *testing.T) string {
	return file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.der})))
}

// present serves a chain by HTTPS.
func present(t *testing.T, handler http.Handler, leaf *authority, more ...*authority) *httptest.Server {
	s := httptest.NewUnstartedServer(handler)
	chain := tls.Certificate{PrivateKey: leaf.key, Certificate: [][]byte{leaf.der}}
	for _, m := range more {
		chain.Certificate = append(chain.Certificate, m.der)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{chain}}
	s.Config.ErrorLog = quietLog()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestCertificatesAreJudgedAndDescribed(t *testing.T) {
	root := issue(t, nil, isCA("Test Root"))
	between := issue(t, root, isCA("Test Between"))
	oldBetween := issue(t, root, func(c *x509.Certificate) {
		isCA("Test Between")(c)
		c.NotAfter = time.Now().Add(-time.Hour)
	})
	oldBetween.key = between.key
	soonBetween := issue(t, root, func(c *x509.Certificate) {
		isCA("Soon Between")(c)
		c.NotAfter = time.Now().Add(5 * 24 * time.Hour)
	})
	good := issue(t, root, nil)
	expired := issue(t, root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-50 * time.Hour) })
	notYet := issue(t, root, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(50 * time.Hour) })
	wrong := issue(t, root, func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{"a.test", "b.test", "c.test", "d.test"}, nil
	})
	self := issue(t, nil, nil)
	ca := TLSSpec{CAFile: root.file(t)}

	for _, c := range []struct {
		name    string
		chain   []*authority
		spec    TLSSpec
		outcome Outcome
		problem Problem
		says    string
	}{
		{"good", []*authority{good}, ca, Up, "", ""},
		{"good, by a name", []*authority{good}, TLSSpec{CAFile: ca.CAFile, ServerName: "shop.test"}, Up, "", ""},
		{"expired", []*authority{expired}, ca, Down, ProblemExpired, "2 days ago; renew it"},
		{"not yet", []*authority{notYet}, ca, Down, ProblemNotYet, "check the clock"},
		{"wrong name", []*authority{wrong}, ca, Down, ProblemName, "not for 127.0.0.1 but for a.test, b.test, c.test and 1 more"},
		{"another name", []*authority{good}, TLSSpec{CAFile: ca.CAFile, ServerName: "other.test"}, Down, ProblemName, "not for other.test"},
		{"unknown authority", []*authority{good}, TLSSpec{}, Down, ProblemUntrusted, "Test Root is not trusted here"},
		{"chain", []*authority{issue(t, between, nil), between}, ca, Up, "", ""},
		{"chain is missing", []*authority{issue(t, between, nil)}, ca, Down, ProblemUntrusted, "sends no chain"},
		{"chain is expired", []*authority{issue(t, between, nil), oldBetween}, ca, Down, ProblemExpired, "authority between expired"},
		{"signed by itself", []*authority{self}, TLSSpec{}, Down, ProblemUntrusted, "signed by itself"},
		{"signed by itself and meant", []*authority{self}, TLSSpec{Trust: TrustSelfSigned}, Up, "", ""},
		{"not signed by itself though meant", []*authority{good}, TLSSpec{Trust: TrustSelfSigned}, Down, ProblemUntrusted, ""},
		{"any", []*authority{wrong}, TLSSpec{Trust: TrustAny}, Up, "", ""},
		{"any, expired", []*authority{expired}, TLSSpec{Trust: TrustAny}, Up, ProblemExpired, ""},
		{"ends too soon", []*authority{good}, TLSSpec{CAFile: ca.CAFile, MinValidity: 100 * 24 * time.Hour}, Down, "", "wants 100 days at least"},
		{"chain ends too soon", []*authority{issue(t, soonBetween, nil), soonBetween}, TLSSpec{CAFile: ca.CAFile, MinValidity: 14 * 24 * time.Hour}, Down, "", "in 4 days"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := false
			server := present(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }), c.chain[0], c.chain[1:]...)
			for _, s := range []Spec{{Type: TLS, Target: server.Listener.Addr().String()}, {Type: HTTP, Target: server.URL}} {
				s.TLS = c.spec
				r := once(t, s)
				reason := ReasonTLS
				if c.outcome == Up {
					reason = ""
				}
				want(t, r, c.outcome, reason, c.says)
				if r.Certificate == nil {
					t.Fatalf("%s: no certificate", s.Type)
				}
				if r.Certificate.Problem != c.problem {
					t.Errorf("%s: problem %q, want %q", s.Type, r.Certificate.Problem, c.problem)
				}
				leaf := c.chain[0].cert
				if !r.Certificate.NotAfter.Equal(leaf.NotAfter) || r.Certificate.Serial != leaf.SerialNumber.Text(16) || r.Certificate.Issuer != leaf.Issuer.CommonName {
					t.Errorf("described as %+v", r.Certificate)
				}
				if len(c.chain) > 1 && !r.Certificate.ChainNotAfter.Equal(soonest([]*x509.Certificate{leaf, c.chain[1].cert})) {
					t.Errorf("the chain ends %s", r.Certificate.ChainNotAfter)
				}
			}
			if asked != (c.outcome == Up) {
				t.Errorf("a request was sent: %v, with outcome %s", asked, c.outcome)
			}
		})
	}

	t.Run("rotated ca_file", func(t *testing.T) {
		r := once(t, Spec{Type: TLS, Target: "127.0.0.1:1", TLS: TLSSpec{CAFile: file(t, "nothing")}})
		want(t, r, Unknown, ReasonSecret, "holds no certificate")
	})
	t.Run("plain text", func(t *testing.T) {
		r := once(t, Spec{Type: TLS, Target: serve(t, func(c net.Conn) { c.Write([]byte("220 mail.test ESMTP\r\n")); c.Read(make([]byte, 512)) })})
		want(t, r, Down, ReasonTLS, "does not speak TLS")
	})
	t.Run("client certificate wanted", func(t *testing.T) {
		s := httptest.NewUnstartedServer(nil)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{{PrivateKey: good.key, Certificate: [][]byte{good.der}}}, ClientAuth: tls.RequireAnyClientCert}
		s.Config.ErrorLog = quietLog()
		s.StartTLS()
		defer s.Close()
		want(t, once(t, Spec{Type: HTTP, Target: s.URL, TLS: ca}), Down, ReasonTLS, "refused the TLS handshake", "certificate required")
	})
}

func TestAProxyIsUsedWhereItIsConfigured(t *testing.T) {
	root := issue(t, nil, isCA("Test Root"))
	server := present(t, http.NotFoundHandler(), issue(t, root, nil))
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		to, err := net.Dial("tcp", r.Host)
		if r.Method != http.MethodConnect || err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(to, from)
		io.Copy(from, to)
		from.Close()
	}))
	defer proxy.Close()
	s := Spec{Type: HTTP, Target: server.URL, TLS: TLSSpec{CAFile: root.file(t)}, HTTP: HTTPSpec{Proxy: proxy.URL, Expect: HTTPExpect{Status: []StatusRange{{404, 404}}}}}
	r := once(t, s)
	want(t, r, Up, "")
	if asked.Load() != 1 || r.Certificate == nil {
		t.Errorf("the proxy was asked %d times; certificate %v", asked.Load(), r.Certificate)
	}
	s.TLS.ServerName = "other.test"
	want(t, once(t, s), Down, ReasonTLS, "not for other.test")
	s.HTTP.Proxy = "http://" + vacant(t)
	want(t, once(t, s), Down, ReasonRefused)
}

func TestARenewedCertificateIsAChange(t *testing.T) {
	root := issue(t, nil, isCA("Test Root"))
	chain := issue(t, root, nil)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{{PrivateKey: chain.key, Certificate: [][]byte{chain.der}}}}, nil
	}}
	s.Config.ErrorLog = quietLog()
	s.StartTLS()
	defer s.Close()
	p, err := New(Config{Probes: []Spec{{Name: "shop", Type: TLS, Target: s.Listener.Addr().String(), TLS: TLSSpec{CAFile: root.file(t)}}}}, "web-1", quiet())
	if err != nil {
		t.Fatal(err)
	}
	r := p.running["shop"]
	for range 2 {
		p.round(context.Background(), r)
	}
	if o := p.Observe(time.Now()); len(o.Changes) != 0 || len(o.Entities) != 2 || !strings.Contains(o.Entities[1].Attributes["names"], "shop.test") {
		t.Errorf("before: %+v", o)
	}
	chain = issue(t, root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(180 * 24 * time.Hour) })
	for range 2 {
		p.round(context.Background(), r)
	}
	chain = issue(t, nil, nil)
	p.round(context.Background(), r)
	o := p.Observe(time.Now())
	if len(o.Changes) != 2 || o.Changes[0].Kind != "certificate-renewed" || o.Changes[1].Kind != "certificate-replaced" || o.Changes[0].Key == o.Changes[1].Key || o.Changes[0].Entity != "certificate:shop" {
		t.Errorf("changes %+v", o.Changes)
	}
	// Two servers take turns: neither is a change, and the estate stays calm.
	third, other := o.Entities[1].Attributes["serial"], chain
	chains := []*authority{issue(t, root, nil), other}
	for i := range 6 {
		chain = chains[i%2]
		p.round(context.Background(), r)
	}
	if o := p.Observe(time.Now()); len(o.Changes) != 3 || o.Entities[1].Attributes["serial"] == third {
		t.Errorf("with two servers: %+v", o.Changes)
	}
	if o := p.Observe(time.Now().Add(2 * time.Hour)); len(o.Changes) != 0 {
		t.Error("changes are reported for ever")
	}
}
