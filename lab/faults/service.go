package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// stoppedService kills a web server that was up.
func stoppedService(s *scene) (func(*lab.Stage) error, error) {
	address, err := lab.FreePort()
	if err != nil {
		return nil, err
	}
	shop, err := s.Actor("labshop", "web", "-listen", address)
	if err != nil {
		return nil, err
	}
	s.probe(fmt.Sprintf("- {name: lab-shop, type: http, target: \"http://%s/\", interval: 10s}\n", address))
	return func(part *lab.Stage) error {
		part.Undo("start labshop again", func() error {
			_, err := s.Actor("labshop", "web", "-listen", address)
			return err
		})
		return shop.Kill()
	}, nil
}

// slowEndpoint makes a web server think before it answers.
func slowEndpoint(s *scene) (func(*lab.Stage) error, error) {
	address, err := lab.FreePort()
	if err != nil {
		return nil, err
	}
	cart, err := s.Actor("labcart", "web", "-listen", address)
	if err != nil {
		return nil, err
	}
	s.probe(fmt.Sprintf("- {name: lab-cart, type: http, target: \"http://%s/\", interval: 10s}\n", address))
	return func(part *lab.Stage) error {
		part.Undo("hurry labcart", func() error { return cart.Turn("delay", "0s") })
		return cart.Turn("delay", "3s")
	}, nil
}

// expiredCertificate swaps the certificate of a TLS server for one that has
// expired.
func expiredCertificate(s *scene) (func(*lab.Stage) error, error) {
	address, err := lab.FreePort()
	if err != nil {
		return nil, err
	}
	ca, err := newAuthority(filepath.Join(s.Dir, "lab-ca.pem"))
	if err != nil {
		return nil, err
	}
	for name, until := range map[string]time.Duration{"good": 90 * 24 * time.Hour, "expired": -time.Hour} {
		if err := ca.issue(filepath.Join(s.Dir, name), time.Now().Add(until)); err != nil {
			return nil, err
		}
	}
	file := func(name string) string { return filepath.Join(s.Dir, name) }
	vault, err := s.Actor("labvault", "web", "-listen", address, "-cert", file("good.crt"), "-key", file("good.key"))
	if err != nil {
		return nil, err
	}
	s.probe(fmt.Sprintf("- {name: lab-vault, type: http, target: \"https://%s/\", interval: 10s, tls: {ca_file: %q}}\n", address, file("lab-ca.pem")))
	show := func(name string) error {
		if err := vault.Turn("key", file(name+".key")); err != nil {
			return err
		}
		return vault.Turn("cert", file(name+".crt"))
	}
	return func(part *lab.Stage) error {
		part.Undo("show the good certificate", func() error { return show("good") })
		return show("expired")
	}, nil
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority makes one and writes its certificate to file.
func newAuthority(file string) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Evenkeel lab"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		return authority{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return authority{}, err
	}
	return authority{cert, key}, writePEM(file, "CERTIFICATE", der)
}

// issue writes a certificate for 127.0.0.1 and its key to path.crt and path.key.
func (a authority) issue(path string, until time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(until.UnixNano()), Subject: pkix.Name{CommonName: "vault.lab.example"},
		NotBefore: time.Now().Add(-23 * time.Hour), NotAfter: until,
		DNSNames: []string{"vault.lab.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, form, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(path+".key", "EC PRIVATE KEY", secret); err != nil {
		return err
	}
	return writePEM(path+".crt", "CERTIFICATE", der)
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
