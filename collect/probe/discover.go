package probe

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Listener is a TCP socket of this machine that listens.
type Listener struct {
	Address netip.Addr // unspecified (0.0.0.0, ::) for all addresses
	Port    uint16
	Owner   string // the group or unit, where it is known
}

// Unscraped are the listeners that are not scraped for figures at any of the URLs,
// on the machine of that name: "up" watches the others, for as long as they are
// listed as targets. One that is taken out of service in good order would be
// missed otherwise.
func Unscraped(list []Listener, urls []string, machine string) []Listener {
	scraped := map[netip.AddrPort]bool{}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		host, port, err := net.SplitHostPort(hostPort(u))
		if err != nil {
			continue
		}
		hosts := []string{host}
		if host == "localhost" || host == machine {
			hosts = []string{"127.0.0.1", "::1"}
		}
		for _, host := range hosts {
			if a, err := netip.ParseAddrPort(net.JoinHostPort(host, port)); err == nil {
				scraped[netip.AddrPortFrom(a.Addr().Unmap(), a.Port())] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(l Listener) bool {
		at, ok := onLoopback(l.Address)
		return ok && scraped[netip.AddrPortFrom(at, l.Port)]
	})
}

// Surroundings are what a Discoverer looks at.
type Surroundings struct {
	Listeners []Listener // without Evenkeel's own
	Resolvers []string   // addresses that resolv.conf names
	Search    []string   // domains that resolv.conf searches
}

// Bounds of discovery.
const (
	maxDiscovered  = 20   // probes of listeners
	maxCandidates  = 1000 // listeners that are remembered
	asksAtOnce     = 3
	maxAsks        = 3  // of one listener that does not answer
	maxTakeovers   = 10 // of one whose owner changes
	askAgain       = 5 * time.Minute
	settles        = 30 * time.Minute // seen for so long, a listener that vanishes is missed; what somebody tries for a while is not
	settlesPassing = 10 * time.Minute // before one on a port that the kernel chose is asked
	settlesForGood = 24 * time.Hour   // before such a one is missed
	missedFor      = time.Hour        // then it is forgotten
	passingFrom    = 32768            // ports that the kernel gives to who asks for none
)

// binaryPorts are of protocols that a TLS or HTTP greeting disturbs: it fills
// their logs, counts as a failed login, or ends a debugger's session.
var binaryPorts = map[uint16]bool{
	21: true, 22: true, 23: true, 25: true, 53: true, 110: true, 111: true, 143: true, 389: true, 445: true, 515: true, 587: true, 873: true,
	1099: true, 1433: true, 1521: true, 2049: true, 2181: true, 2345: true, 3306: true, 3389: true, 4369: true, 5005: true, 5037: true,
	5432: true, 5433: true, 5672: true, 6379: true, 9042: true, 9092: true, 11211: true, 25672: true, 26379: true, 27017: true, 27018: true,
	27019: true, 33060: true,
}

func isBinary(port uint16) bool {
	return binaryPorts[port] || 5900 <= port && port <= 5910 || 6000 <= port && port <= 6063
}

// Discoverer proposes probes for what it finds on this machine: its resolvers,
// and what answers by HTTP or TLS on loopback.
//
// Each listener is asked once, gently; see sniff. What has once been found is
// remembered over restarts, so that a service that is stopped keeps a probe
// that fails, for an hour; then it is taken as gone for good. A listener that
// never stood for half an hour is not missed. A port that the kernel chose is
// asked when it has stood for ten, and missed only when it stood for a day:
// test servers and tools come and go.
type Discoverer struct {
	path string
	ask  func(ctx context.Context, address string) (answer, error)
	look func(ctx context.Context, server, name, qtype string) error

	mu      sync.Mutex
	memory  memory
	written time.Time
	gist    []string // of the memory that was written
}

// NewDiscoverer reads what an earlier one remembered in the file at path. A
// file that does not exist is an empty memory; one that cannot be read or
// understood is an error, with a Discoverer whose memory is empty.
func NewDiscoverer(path string) (*Discoverer, error) {
	d := &Discoverer{path: path, ask: sniff, look: lookup}
	var err error
	d.memory, err = loadMemory(path)
	return d, err
}

// Known returns the probes for what an earlier Discoverer has found, to be
// applied at the start so that nothing seems to vanish over a restart.
func (d *Discoverer) Known() []Spec {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.memory.specs()
}

// Discover returns the probes for what is there now. It is to be called every
// half minute or so, one call at a time. An error tells that the memory could
// not be written; the probes are good all the same.
func (d *Discoverer) Discover(ctx context.Context, now time.Time, s Surroundings) ([]Spec, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.memory.see(now, s.Listeners)
	d.askNew(ctx, now)
	d.askResolvers(ctx, now, s)
	specs := d.memory.specs()
	err := ctx.Err()
	if gist := d.memory.gist(now); err == nil && (!slices.Equal(gist, d.gist) || now.Sub(d.written) > askAgain) {
		if err = d.memory.save(d.path); err == nil {
			d.written, d.gist = now, gist
		}
	}
	return specs, err
}

// askNew asks those that are due, a few at a time.
func (d *Discoverer) askNew(ctx context.Context, now time.Time) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, asksAtOnce)
	for _, c := range d.memory.due(now) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			a, err := d.ask(ctx, c.address())
			c.learn(now, a, err)
		})
	}
	wg.Wait()
}

// askResolvers finds for each resolver a question that it answers: the root's
// servers, which every resolver that reaches the world knows, or else the
// machine's own domain. One that answers neither keeps the first question and
// is said never to have been up.
func (d *Discoverer) askResolvers(ctx context.Context, now time.Time, s Surroundings) {
	seen := map[string]*resolver{}
	for _, server := range s.Resolvers[:min(len(s.Resolvers), maxServers)] {
		if _, err := netip.ParseAddr(server); err != nil {
			continue
		}
		r := d.memory.Resolvers[server]
		if r == nil {
			r = &resolver{Name: ".", Type: "NS"}
		}
		seen[server] = r
		if !r.KnownUp.IsZero() || now.Sub(r.Asked) < askAgain {
			continue
		}
		r.Asked = now
		questions := [][2]string{{".", "NS"}}
		if len(s.Search) > 0 && s.Search[0] != "." {
			questions = append(questions, [2]string{s.Search[0], "SOA"})
		}
		for _, q := range questions {
			if err := d.look(ctx, net.JoinHostPort(server, "53"), q[0], q[1]); err == nil {
				r.Name, r.Type, r.KnownUp = q[0], q[1], now
				break
			}
		}
	}
	d.memory.Resolvers = seen
}

// lookup asks one question and wants any answer but a failure.
func lookup(ctx context.Context, server, name, qtype string) error {
	spec := resolverSpec(server, name, qtype)
	spec.setDefaults()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return newDNSCheck(spec, "").run(ctx, newTimeline(), &Round{})
}

func resolverSpec(server, name, qtype string) Spec {
	return Spec{
		Name: "dns-" + nameable(hostOf(server)), Type: DNS, Target: server, Origin: Discovered,
		DNS: DNSSpec{Name: name, Type: qtype, Expect: DNSExpect{Rcodes: []string{"NOERROR", "NXDOMAIN"}}},
	}
}

// nameable writes an address in the letters that a probe's name may have.
func nameable(host string) string {
	if host == "::1" {
		return "ip6-localhost"
	}
	b := []byte(host)
	for i, c := range b {
		if c == ':' || c == '%' {
			b[i] = '-'
		}
	}
	return string(b)
}

// candidate is a listener and what is known of it.
type candidate struct {
	Address   netip.Addr `json:"address"`
	Port      uint16     `json:"port"`
	Owner     string     `json:"owner,omitempty"`
	Speaks    protocol   `json:"speaks"`
	KnownUp   time.Time  `json:"knownUp,omitzero"`
	FirstSeen time.Time  `json:"firstSeen"`
	LastSeen  time.Time  `json:"lastSeen"`

	asked   time.Time
	asks    int
	changed bool // another program listens there than the one that was asked
}

// seen notes that it listens. Another owner is asked anew, as it may speak
// otherwise, though not again and again where two take turns.
func (c *candidate) seen(now time.Time, owner string) {
	if c.LastSeen.Equal(now) {
		return // another socket at the same port
	}
	c.LastSeen = now
	if owner == "" || owner == c.Owner {
		return
	}
	c.changed = c.changed || c.Owner != "" && c.Speaks != ""
	c.Owner = owner
}

func (c *candidate) address() string {
	return net.JoinHostPort(c.Address.String(), strconv.Itoa(int(c.Port)))
}

// isDue tells whether to ask the listener now.
func (c *candidate) isDue(now time.Time) bool {
	switch {
	case c.Speaks != "" && !c.changed, !c.LastSeen.Equal(now), isBinary(c.Port):
		return false
	case c.Port >= passingFrom && now.Sub(c.FirstSeen) < settlesPassing:
		return false
	}
	most := maxAsks
	if c.changed {
		most = maxTakeovers
	}
	return c.asks == 0 || c.asks < most && now.Sub(c.asked) >= askAgain
}

// isGone tells whether to forget a listener that was last seen before now.
func (c *candidate) isGone(now time.Time) bool {
	return !c.Speaks.probed() || !c.settled() || now.Sub(c.LastSeen) > missedFor
}

// settled tells whether it would be missed. A port that the kernel chose is
// another one after each start, so its end says nothing, unless it stood for a day.
func (c *candidate) settled() bool {
	stood := c.LastSeen.Sub(c.FirstSeen)
	if c.Port >= passingFrom {
		return stood >= settlesForGood
	}
	return stood >= settles
}

func (c *candidate) learn(now time.Time, a answer, err error) {
	c.asked = now
	c.asks++
	if err != nil {
		return // silent: perhaps it is still starting, so it is asked again
	}
	if c.changed {
		c.KnownUp, c.changed = time.Time{}, false
	}
	c.Speaks = a.speaks
	if a.good {
		c.KnownUp = now
	}
}

func (c *candidate) spec() Spec {
	s := Spec{
		Name: string(c.Speaks) + "-" + nameable(c.Address.String()) + "-" + strconv.Itoa(int(c.Port)),
		Type: TLS, Target: c.address(), Origin: Discovered, KnownUp: c.KnownUp,
		TLS: TLSSpec{Trust: TrustAny}, Settles: settles,
	}
	if c.Speaks == speaksHTTP || c.Speaks == speaksHTTPS {
		no := false
		s.Type, s.Target = HTTP, string(c.Speaks)+"://"+c.address()+"/"
		s.HTTP = HTTPSpec{FollowRedirects: &no, Expect: HTTPExpect{Status: []StatusRange{{200, 499}}}}
	}
	if c.Speaks == speaksHTTP {
		s.TLS = TLSSpec{}
	}
	return s
}
