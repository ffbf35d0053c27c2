package main

import (
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/evenkeel/evenkeel/lab"
)

// packetLoss joins this machine with a network namespace by a pair of virtual
// interfaces, sends through it, and then drops a tenth of what arrives there.
func packetLoss(s *scene) (func(*lab.Stage) error, error) {
	const (
		space      = "evenkeel-lab"
		near, far  = "evlab0", "evlab1"
		nearIP     = "10.231.77.1/30"
		farIP      = "10.231.77.2/30"
		farAddress = "10.231.77.2:7000"
	)
	if _, err := lab.Do("ip", "netns", "add", space); err != nil {
		return nil, err
	}
	// The pair goes with the namespace that holds one of its ends.
	s.Undo("remove namespace "+space, func() error { _, err := lab.Do("ip", "netns", "del", space); return err })
	for _, args := range [][]string{
		{"link", "add", near, "type", "veth", "peer", "name", far, "netns", space},
		{"addr", "add", nearIP, "dev", near},
		{"link", "set", near, "up"},
		{"-n", space, "addr", "add", farIP, "dev", far},
		{"-n", space, "link", "set", far, "up"},
		{"-n", space, "link", "set", "lo", "up"},
	} {
		if _, err := lab.Do("ip", args...); err != nil {
			return nil, err
		}
	}
	receiver := exec.Command("ip", "netns", "exec", space, filepath.Join(s.Dir, "actor"), "receive", "-listen", farAddress)
	if _, err := s.Start("labreceiver", receiver); err != nil {
		return nil, err
	}
	if _, err := s.Actor("labsender", "send", "-to", farAddress); err != nil {
		return nil, err
	}
	return func(part *lab.Stage) error {
		rules := "table inet lab {\nchain arriving {\ntype filter hook input priority 0\nnumgen random mod 100 < 10 drop\n}\n}"
		if _, err := lab.Do("ip", "netns", "exec", space, "nft", rules); err != nil {
			return err
		}
		part.Undo("take the loss away", func() error {
			_, err := lab.Do("ip", "netns", "exec", space, "nft", "delete table inet lab")
			return err
		})
		return nil
	}, nil
}

// slowDNS makes a name server think before it answers.
func slowDNS(s *scene) (func(*lab.Stage) error, error) {
	address, err := lab.FreePort()
	if err != nil {
		return nil, err
	}
	server, err := s.Actor("labnames", "name", "-listen", address)
	if err != nil {
		return nil, err
	}
	s.probe(fmt.Sprintf("- {name: lab-names, type: dns, target: %q, interval: 10s, dns: {name: shop.lab.example}}\n", address))
	return func(part *lab.Stage) error {
		part.Undo("hurry labnames", func() error { return server.Turn("delay", "0s") })
		return server.Turn("delay", "2s")
	}, nil
}
