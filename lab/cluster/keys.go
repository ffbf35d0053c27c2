package cluster

import (
	"crypto"
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
)

// keys are the files of a control plane's certificates and keys.
type keys struct{ ca, cert, key, account, accountPublic string }

// makeKeys makes an authority, the API server's certificate and the key that
// signs service accounts' tokens, all for a month.
func makeKeys(dir string) (k keys, err error) {
	k = keys{ca: filepath.Join(dir, "ca.crt"), cert: filepath.Join(dir, "api.crt"), key: filepath.Join(dir, "api.key"),
		account: filepath.Join(dir, "sa.key"), accountPublic: filepath.Join(dir, "sa.pub")}
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return k, err
	}
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0), BasicConstraintsValid: true}
	}
	authority := template(1, "testbed-ca")
	authority.IsCA, authority.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	raw, err := x509.CreateCertificate(rand.Reader, authority, authority, ca.Public(), ca)
	if err != nil {
		return k, err
	}
	if err := writePEM(k.ca, "CERTIFICATE", raw); err != nil {
		return k, err
	}
	api, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return k, err
	}
	server := template(2, "kube-apiserver")
	server.KeyUsage, server.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	server.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	if raw, err = x509.CreateCertificate(rand.Reader, server, authority, api.Public(), ca); err != nil {
		return k, err
	}
	if err := writePEM(k.cert, "CERTIFICATE", raw); err != nil {
		return k, err
	}
	if err := writeKey(k.key, "", api); err != nil {
		return k, err
	}
	account, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return k, err
	}
	return k, writeKey(k.account, k.accountPublic, account)
}

func writeKey(private, public string, key crypto.Signer) error {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(private, "PRIVATE KEY", raw); err != nil || public == "" {
		return err
	}
	if raw, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return err
	}
	return writePEM(public, "PUBLIC KEY", raw)
}

func writePEM(file, kind string, raw []byte) error {
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	return nil
}
