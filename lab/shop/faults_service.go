package main

import (
	"errors"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// again ends a service at once and starts it with other arguments.
func (s *scene) again(name string, more ...string) error {
	service := s.of(name)
	return errors.Join(service.process.Kill(), s.start(service, more...))
}

func badRelease(s *scene, part *lab.Stage) error {
	part.Undo("roll checkout back", func() error { return s.again("shop-checkout") })
	if err := s.again("shop-checkout", "-version", "2.0.0"); err != nil {
		return err
	}
	p := s.of("shop-checkout").process
	return errors.Join(p.Turn("delay", "150ms"), p.Turn("error", "0.1"), p.Turn("leak", "200000"))
}

func bankDown(s *scene, part *lab.Stage) error {
	part.Undo("open the bank", func() error { return s.start(s.of("shop-bank")) })
	return s.of("shop-bank").process.Kill()
}

func retryStorm(s *scene, part *lab.Stage) error {
	return errors.Join(s.turn(part, "shop-front", "timeout.search", "2ms", "1s"), s.turn(part, "shop-front", "retries.search", "20", "0"))
}

func certificateExpired(s *scene, part *lab.Stage) error {
	show := func(name string) error {
		p := s.of("shop-checkout").process
		return errors.Join(p.Turn("key", s.file(name+".key")), p.Turn("cert", s.file(name+".crt")))
	}
	part.Undo("show the good certificate", func() error { return show("good") })
	return show("expired")
}

// crowdFactor is how many times the ordinary traffic a crowd is.
const crowdFactor = 3

func (s *scene) crowd(part *lab.Stage) {
	part.Undo("let the crowd go", func() error { s.customers.pace.Store(1000); return nil })
	s.customers.pace.Store(1000 * crowdFactor)
}

func frontSaturated(s *scene, part *lab.Stage) error {
	s.crowd(part)
	return s.turn(part, "shop-front", "slots", "2", "256")
}

func quietTraffic(s *scene, part *lab.Stage) error {
	s.crowd(part)
	return nil
}

// drained is longer than callers keep what the name server said.
const drained = 3 * time.Second

// retire takes an instance of catalogue out of service: first its name, then
// its process.
func (s *scene) retire(n int) error {
	var left []string
	for k, ip := range catalogueIPs {
		if k != n {
			left = append(left, ip)
		}
	}
	if err := s.of("shop-names").process.Turn("a.catalogue", strings.Join(left, ",")); err != nil {
		return err
	}
	wait(s.ctx, drained)
	service := s.of("shop-catalog-" + string(rune('1'+n)))
	service.away = true
	return errors.Join(s.announce(), service.process.Stop(10*time.Second))
}

// enlist starts it again and gives it back its name.
func (s *scene) enlist(n int, more ...string) error {
	service := s.of("shop-catalog-" + string(rune('1'+n)))
	service.away = false
	err := errors.Join(s.start(service, more...), s.announce())
	wait(s.ctx, time.Second)
	return errors.Join(err, s.of("shop-names").process.Turn("a.catalogue", strings.Join(catalogueIPs, ",")))
}

func quietDeploy(s *scene, _ *lab.Stage) error {
	for n := range catalogueIPs {
		if err := errors.Join(s.retire(n), s.enlist(n, "-version", "1.0.1")); err != nil {
			return err
		}
	}
	return nil
}

func quietScaleDown(s *scene, part *lab.Stage) error {
	last := len(catalogueIPs) - 1
	part.Undo("scale catalogue up again", func() error { return s.enlist(last) })
	return s.retire(last)
}
