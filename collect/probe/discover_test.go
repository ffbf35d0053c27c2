package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestSniffTellsWhatAListenerSpeaks(t *testing.T) {
	agent := make(chan string, 10)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent <- r.UserAgent()
		w.WriteHeader(http.StatusUnauthorized)
	})
	plain := httptest.NewUnstartedServer(handler)
	plain.Config.ErrorLog = quietLog()
	plain.Start()
	t.Cleanup(plain.Close)
	secure := present(t, handler, issue(t, nil, nil))
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(sick.Close)
	onlyTLS := present(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := http.NewResponseController(w).Hijack()
		c.Close()
	}), issue(t, nil, nil))
	poked := atomic.Bool{}
	for _, c := range []struct {
		name, address string
		want          answer
		fails         bool
	}{
		{"http", plain.Listener.Addr().String(), answer{speaksHTTP, true}, false},
		{"https", secure.Listener.Addr().String(), answer{speaksHTTPS, true}, false},
		{"http that fails", sick.Listener.Addr().String(), answer{speaksHTTP, false}, false},
		{"tls", onlyTLS.Listener.Addr().String(), answer{speaksTLS, true}, false},
		{"speaks first", serve(t, func(c net.Conn) {
			fmt.Fprint(c, "220 mail.test\r\n")
			if n, _ := c.Read(make([]byte, 1)); n > 0 {
				poked.Store(true)
			}
		}), answer{speaksOther, false}, false},
		{"answers in lines", serve(t, func(c net.Conn) {
			for s := bufio.NewScanner(c); s.Scan(); {
				fmt.Fprintln(c, "-ERR what?")
			}
		}), answer{speaksOther, false}, false},
		{"silent", serve(t, func(c net.Conn) { bufio.NewReader(c).ReadString(0) }), answer{}, true},
		{"hangs up", serve(t, func(net.Conn) {}), answer{}, true},
		{"nobody", vacant(t), answer{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			got, err := sniff(t.Context(), c.address)
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("got %+v, %v", got, err)
			}
			if took := time.Since(began); took > 2*(sniffBanner+sniffAnswer)+time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	t.Cleanup(func() {
		if poked.Load() {
			t.Error("a server that speaks first was talked to")
		}
		if a := <-agent; a != userAgent {
			t.Errorf("asked as %q", a)
		}
	})
}

// machine is a pretended machine: what listens where, and what it speaks.
type machine struct {
	mu     sync.Mutex
	speaks map[uint16]protocol
	asked  []string
	dns    func(name string) error
}

func (m *machine) discoverer(t *testing.T, path string) *Discoverer {
	t.Helper()
	d, err := NewDiscoverer(path)
	if err != nil {
		t.Fatal(err)
	}
	d.ask = func(_ context.Context, address string) (answer, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.asked = append(m.asked, address)
		p := m.speaks[netip.MustParseAddrPort(address).Port()]
		if p == "" {
			return answer{}, errors.New("silent")
		}
		return answer{p, true}, nil
	}
	d.look = func(_ context.Context, _, name, _ string) error { return m.dns(name) }
	return d
}

func listening(ports ...uint16) (s Surroundings) {
	for _, p := range ports {
		s.Listeners = append(s.Listeners, Listener{Address: netip.IPv4Unspecified(), Port: p})
	}
	return s
}

func namesOfSpecs(specs []Spec) string {
	var names []string
	for _, s := range specs {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

func TestDiscoveryOverADay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "probes.json")
	m := &machine{speaks: map[uint16]protocol{80: speaksHTTP, 443: speaksHTTPS, 8443: speaksTLS, 40000: speaksHTTP, 7: speaksOther}}
	d := m.discoverer(t, path)
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	step := func(after time.Duration, names string, ports ...uint16) []Spec {
		t.Helper()
		now = now.Add(after)
		specs, err := d.Discover(t.Context(), now, listening(ports...))
		if err != nil {
			t.Fatal(err)
		}
		if got := namesOfSpecs(specs); got != names {
			t.Errorf("%s: probes %q, want %q", now.Format("15:04:05"), got, names)
		}
		for _, s := range specs {
			s.setDefaults()
			if err := s.validate(); err != nil {
				t.Error(err)
			}
			if s.KnownUp.IsZero() {
				t.Errorf("%s is not known to have been up", s.Name)
			}
		}
		return specs
	}
	const three = "http-127.0.0.1-80 https-127.0.0.1-443 tls-127.0.0.1-8443"
	step(0, three, 7, 22, 80, 443, 5432, 8443, 9000, 40000)
	if slices.ContainsFunc(m.asked, func(a string) bool {
		return strings.HasSuffix(a, ":22") || strings.HasSuffix(a, ":5432") || strings.HasSuffix(a, ":40000")
	}) {
		t.Errorf("asked %v", m.asked)
	}
	step(time.Minute, three, 7, 22, 80, 443, 8443, 9000, 40000)
	step(10*time.Second, "http-127.0.0.1-80 https-127.0.0.1-443", 7, 80, 443, 9000, 40000) // never stood for long: not missed
	step(time.Minute, "http-127.0.0.1-80 https-127.0.0.1-443", 7, 80, 443, 9000, 40000)
	step(10*time.Minute, "http-127.0.0.1-80 https-127.0.0.1-443 http-127.0.0.1-40000", 7, 80, 443, 9000, 40000)
	for range 5 {
		step(6*time.Minute, "http-127.0.0.1-80 https-127.0.0.1-443 http-127.0.0.1-40000", 7, 80, 443, 9000, 40000)
	}
	asked := map[string]int{}
	for _, a := range m.asked {
		asked[a]++
	}
	if asked["127.0.0.1:80"] != 1 || asked["127.0.0.1:7"] != 1 || asked["127.0.0.1:9000"] != maxAsks {
		t.Errorf("asked %v", asked)
	}

	// 80 stops, and is missed for an hour; a restart does not change that.
	step(time.Minute, "http-127.0.0.1-80 https-127.0.0.1-443 http-127.0.0.1-40000", 443, 40000)
	d = m.discoverer(t, path)
	step(50*time.Minute, "http-127.0.0.1-80 https-127.0.0.1-443 http-127.0.0.1-40000", 443, 40000)
	step(time.Minute, "http-127.0.0.1-80 https-127.0.0.1-443 http-127.0.0.1-40000", 80, 443, 40000)
	step(time.Minute, "http-127.0.0.1-80 https-127.0.0.1-443 http-127.0.0.1-40000", 443, 40000)
	step(61*time.Minute, "https-127.0.0.1-443 http-127.0.0.1-40000", 443, 40000)
	d = m.discoverer(t, path)
	step(time.Minute, "https-127.0.0.1-443 http-127.0.0.1-40000", 443, 40000)

	// A port that the kernel chose is missed only after a day.
	step(time.Minute, "https-127.0.0.1-443", 443)
	step(11*time.Minute, "https-127.0.0.1-443", 443, 40000)
	step(11*time.Minute, "https-127.0.0.1-443 http-127.0.0.1-40000", 443, 40000)
	for range 25 {
		step(time.Hour, "https-127.0.0.1-443 http-127.0.0.1-40000", 443, 40000)
	}
	step(time.Minute, "https-127.0.0.1-443 http-127.0.0.1-40000", 443)
}

func TestAStoppedServiceIsMissedAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "probes.json")
	m := &machine{speaks: map[uint16]protocol{80: speaksHTTP}}
	d := m.discoverer(t, path)
	now := time.Now()
	look := func(ports ...uint16) string {
		t.Helper()
		now = now.Add(30 * time.Second)
		specs, err := d.Discover(t.Context(), now, listening(ports...))
		if err != nil {
			t.Fatal(err)
		}
		return namesOfSpecs(specs)
	}
	for range 65 {
		look(80)
	}
	d = m.discoverer(t, path) // nothing told the first one that it ends
	if got := look(); got != "http-127.0.0.1-80" {
		t.Errorf("after a crash: %q", got)
	}
}

// A developer's server that ran for twenty minutes is no service that is down.
func TestAServerThatWasTriedIsNotMissed(t *testing.T) {
	m := &machine{speaks: map[uint16]protocol{8080: speaksHTTP}}
	d := m.discoverer(t, filepath.Join(t.TempDir(), "probes.json"))
	now := time.Now()
	for n := range 42 {
		ports := []uint16{8080}
		if n == 41 {
			ports = nil
		}
		now = now.Add(30 * time.Second)
		specs, err := d.Discover(t.Context(), now, listening(ports...))
		if err != nil || len(specs) != len(ports) {
			t.Fatalf("after %d looks: %v, %v", n, specs, err)
		}
	}
}

func TestDiscoveryIsBounded(t *testing.T) {
	m := &machine{speaks: map[uint16]protocol{}}
	var ports []uint16
	for p := uint16(8000); p < 10000; p++ {
		ports = append(ports, p)
		m.speaks[p] = speaksHTTP
	}
	d := m.discoverer(t, filepath.Join(t.TempDir(), "probes.json"))
	now := time.Now()
	for range 3 {
		specs, err := d.Discover(t.Context(), now, listening(ports...))
		if err != nil || len(specs) != maxDiscovered {
			t.Errorf("%d probes, %v", len(specs), err)
		}
		now = now.Add(time.Minute)
	}
	if len(m.asked) != maxDiscovered || len(d.memory.Candidates) > maxCandidates {
		t.Errorf("asked %d, remembers %d", len(m.asked), len(d.memory.Candidates))
	}
}

func TestAnotherProgramOnAPortIsAskedAnew(t *testing.T) {
	m := &machine{speaks: map[uint16]protocol{8080: speaksHTTP}}
	d := m.discoverer(t, filepath.Join(t.TempDir(), "probes.json"))
	s := listening(8080)
	s.Listeners[0].Owner = "nginx"
	now := time.Now()
	if specs, err := d.Discover(t.Context(), now, s); err != nil || len(specs) != 1 {
		t.Fatalf("%v, %v", specs, err)
	}
	m.speaks[8080], s.Listeners[0].Owner = speaksOther, "redis-server"
	if specs, err := d.Discover(t.Context(), now.Add(askAgain), s); err != nil || len(specs) != 0 {
		t.Errorf("%v, %v", specs, err)
	}
}

func TestResolversAreAskedWhatTheyKnow(t *testing.T) {
	answers := map[string]bool{}
	m := &machine{dns: func(name string) error {
		if answers[name] {
			return nil
		}
		return errors.New("SERVFAIL")
	}}
	path := filepath.Join(t.TempDir(), "probes.json")
	d := m.discoverer(t, path)
	now := time.Now()
	discover := func() []Spec {
		now = now.Add(6 * time.Minute)
		specs, err := d.Discover(t.Context(), now, Surroundings{Resolvers: []string{"192.0.2.53", "not an address", "fe80::1%eth0"}, Search: []string{"corp.test"}})
		if err != nil || len(specs) != 2 {
			t.Fatalf("%v, %v", specs, err)
		}
		for _, s := range specs {
			s.setDefaults()
			if err := s.validate(); err != nil {
				t.Error(err)
			}
		}
		return specs
	}
	if s := discover()[0]; s.Name != "dns-192.0.2.53" || s.DNS.Name != "." || !s.KnownUp.IsZero() {
		t.Errorf("a resolver that answers nothing: %+v", s)
	}
	answers["corp.test"] = true
	if s := discover()[0]; s.DNS.Name != "corp.test" || s.DNS.Type != "SOA" || s.KnownUp.IsZero() {
		t.Errorf("a resolver of the company's names: %+v", s)
	}
	answers = nil
	d = m.discoverer(t, path)
	if known := d.Known(); len(known) != 2 || known[0].KnownUp.IsZero() {
		t.Errorf("known after a restart: %+v", known)
	}
	if s := discover()[0]; s.DNS.Name != "corp.test" || s.KnownUp.IsZero() {
		t.Errorf("after a restart: %+v", s)
	}
	if specs, err := d.Discover(t.Context(), now, Surroundings{}); err != nil || len(specs) != 0 {
		t.Errorf("a resolver that resolv.conf does not name any more: %v, %v", specs, err)
	}
}

func TestLookupTakesAnyAnswerButAFailure(t *testing.T) {
	server := nameserver(t, func(w dns.ResponseWriter, q *dns.Msg) {
		switch q.Question[0].Name {
		case ".":
			reply(w, q, dns.RcodeSuccess)
		case "gone.test.":
			reply(w, q, dns.RcodeNameError)
		default:
			reply(w, q, dns.RcodeRefused)
		}
	})
	for name, ok := range map[string]bool{".": true, "gone.test": true, "other.test": false} {
		if err := lookup(t.Context(), server, name, "NS"); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADamagedMemoryIsSaidAndFoundAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "probes.json")
	for _, text := range []string{"{", `{"version":9}`, `{"version":1,"listeners":[null]}`, `{"version":1,"listeners":[{"address":"8.8.8.8","port":80,"speaks":"http"}]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := NewDiscoverer(path)
		if err == nil || !strings.Contains(err.Error(), "found anew") || !strings.Contains(err.Error(), path) || d == nil {
			t.Errorf("%s: %v", text, err)
		}
		if specs, err := d.Discover(t.Context(), time.Now(), Surroundings{}); err != nil || len(specs) != 0 {
			t.Errorf("%v, %v", specs, err)
		}
	}
	d, err := NewDiscoverer(filepath.Join(t.TempDir(), "no", "such", "dir"))
	if err != nil {
		t.Fatal(err)
	}
	d.ask = func(context.Context, string) (answer, error) { return answer{speaksHTTP, true}, nil }
	if specs, err := d.Discover(t.Context(), time.Now(), listening(80)); err == nil || len(specs) != 1 {
		t.Errorf("where nothing can be written: %v, %v", specs, err)
	}
}
