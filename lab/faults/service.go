package main

import (
	"fmt"
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
	ca, err := lab.NewAuthority(filepath.Join(s.Dir, "lab-ca.pem"))
	if err != nil {
		return nil, err
	}
	for name, until := range map[string]time.Duration{"good": 90 * 24 * time.Hour, "expired": -time.Hour} {
		if err := ca.Issue(filepath.Join(s.Dir, name), time.Now().Add(until)); err != nil {
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
