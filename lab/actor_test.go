package lab

import (
	"net/http"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestActorsAreTurnedWhileTheyPlay(t *testing.T) {
	s, err := NewStage("test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.BuildActor(); err != nil {
		t.Fatal(err)
	}
	web, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	names, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	shop, err := s.Actor("labshop", "web", "-listen", web)
	if err != nil {
		t.Fatal(err)
	}
	server, err := s.Actor("labnames", "name", "-listen", names)
	if err != nil {
		t.Fatal(err)
	}
	get := func() (int, time.Duration, error) {
		began := time.Now()
		r, err := http.Get("http://" + web)
		if err != nil {
			return 0, 0, err
		}
		defer r.Body.Close()
		return r.StatusCode, time.Since(began), nil
	}
	eventually(t, func() bool { status, _, err := get(); return err == nil && status == http.StatusOK })
	ask := func() (time.Duration, error) {
		_, took, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion("shop.lab.example.", dns.TypeA), names)
		return took, err
	}
	eventually(t, func() bool { _, err := ask(); return err == nil })

	const slow = 300 * time.Millisecond
	for _, actor := range []*Process{shop, server} {
		if err := actor.Turn("delay", slow.String()); err != nil {
			t.Fatal(err)
		}
	}
	if err := shop.Turn("status", "503"); err != nil {
		t.Fatal(err)
	}
	if status, took, err := get(); err != nil || status != http.StatusServiceUnavailable || took < slow {
		t.Errorf("the turned web server answered %d after %s (%v)", status, took, err)
	}
	if took, err := ask(); err != nil || took < slow {
		t.Errorf("the turned name server answered after %s (%v)", took, err)
	}
	if err := shop.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(); err == nil {
		t.Error("a killed web server still answers")
	}
	if _, err := s.Actor("labshop", "web", "-listen", web); err != nil {
		t.Errorf("it cannot be started again: %v", err)
	}
}

func eventually(t *testing.T, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to that within 10 s")
		}
	}
}
