package probe

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

const (
	source = "probe"
	// Changes are reported for a while, so that a lost report does not lose
	// them; their keys fold them into one.
	changesKept = time.Hour
	maxChanges  = 100
)

func (p *Prober) note(c estate.Change) {
	if len(p.changes) == maxChanges {
		p.changes = slices.Delete(p.changes, 0, 1)
	}
	c.Source = source
	p.changes = append(p.changes, c)
}

// noteNew notes a probe that was added while the Prober runs. What is there
// from the start, or is found soon after, is no change.
func (p *Prober) noteNew(r *running) {
	if p.began.IsZero() || r.since.Sub(p.began) < startsWithin {
		return
	}
	p.note(estate.Change{
		At: r.since, Entity: estate.ID(estate.Endpoint, r.spec.Name), Kind: "endpoint-new",
		Summary: fmt.Sprintf("The endpoint %s is probed from now on (%s)", r.spec.Name, r.spec.Origin),
		After:   r.check.label(),
		Key:     fmt.Sprintf("endpoint-new:%s:%d", r.spec.Name, r.since.Unix()),
	})
}

// startsWithin is how long discovery may take at the start.
const startsWithin = 2 * time.Minute

// Servers behind one name may take turns with certificates of their own. One
// that was shown within turnTaking is still in use.
const (
	turnTaking = 10 * time.Minute
	maxTurns   = 16
)

// noteCertificate keeps what was shown, and notes when it takes the place of
// another.
func (p *Prober) noteCertificate(r *running, round Round) {
	now := round.Certificate
	if now == nil {
		return
	}
	inUse := func(fingerprint string) bool {
		at, ok := r.shown[fingerprint]
		return ok && round.At.Sub(at) < turnTaking
	}
	taking := inUse(now.Fingerprint)
	if len(r.shown) >= maxTurns {
		maps.DeleteFunc(r.shown, func(f string, _ time.Time) bool { return !inUse(f) })
	}
	if r.shown == nil || len(r.shown) >= maxTurns {
		r.shown = map[string]time.Time{}
	}
	r.shown[now.Fingerprint] = round.At
	before := r.certificate
	if before != nil && before.Fingerprint != now.Fingerprint && taking && inUse(before.Fingerprint) {
		return
	}
	r.certificate = now
	if before == nil || before.Fingerprint == now.Fingerprint {
		return
	}
	kind, verb := "certificate-replaced", "was replaced"
	if before.Subject == now.Subject && before.Issuer == now.Issuer && now.NotAfter.After(before.NotAfter) {
		kind, verb = "certificate-renewed", "was renewed"
	}
	p.note(estate.Change{
		At: round.At, Entity: estate.ID(estate.Certificate, r.spec.Name), Kind: kind,
		Summary: fmt.Sprintf("The certificate of %s %s; it now ends %s", r.spec.Name, verb, day(now.NotAfter)),
		Before:  "serial " + before.Serial + ", ends " + before.NotAfter.UTC().Format(time.DateTime),
		After:   "serial " + now.Serial + ", ends " + now.NotAfter.UTC().Format(time.DateTime),
		Key:     "certificate:" + r.spec.Name + ":" + now.Fingerprint,
	})
}

// Observe is what the probes see: endpoints, their certificates, and which of
// this machine's listeners answer them. It is complete once each probe has
// ended a round. Tenant and environment are the caller's to fill in.
func (p *Prober) Observe(now time.Time) estate.Observation {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := estate.Observation{Source: source, At: now, Complete: true}
	own := p.addresses.own(now)
	for _, name := range p.names() {
		r := p.running[name]
		o.Complete = o.Complete && len(r.rounds) > 0
		endpoint := estate.ID(estate.Endpoint, name)
		o.Entities = append(o.Entities, estate.Entity{
			ID: endpoint, Kind: estate.Endpoint, Name: name,
			Attributes: map[string]string{"type": string(r.spec.Type), "target": r.check.label(), "origin": string(r.spec.Origin)},
		})
		if c := r.certificate; c != nil {
			id := estate.ID(estate.Certificate, name)
			o.Entities = append(o.Entities, estate.Entity{ID: id, Kind: estate.Certificate, Name: c.Subject, Attributes: map[string]string{
				"subject": c.Subject, "issuer": c.Issuer, "names": strings.Join(c.Names, ", "), "serial": c.Serial,
				"notBefore": c.NotBefore.UTC().Format(time.RFC3339), "notAfter": c.NotAfter.UTC().Format(time.RFC3339),
				"fingerprint": c.Fingerprint,
			}})
			o.Relations = append(o.Relations, estate.Relation{From: id, Kind: estate.Secures, To: endpoint, Confidence: 1})
		}
		if port, ok := r.ownPort(own); ok {
			listener := estate.ID(estate.Listener, p.host, fmt.Sprintf("tcp/%d", port))
			o.Relations = append(o.Relations, estate.Relation{From: listener, Kind: estate.Answers, To: endpoint, Confidence: 1})
		}
	}
	p.changes = slices.DeleteFunc(p.changes, func(c estate.Change) bool { return now.Sub(c.At) > changesKept })
	o.Changes = slices.Clone(p.changes)
	return o
}

func (p *Prober) names() []string {
	names := make([]string, 0, len(p.running))
	for name := range p.running {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ownPort is the TCP port of this machine that the probe asks, if it asks one.
func (r *running) ownPort(own []netip.Addr) (uint16, bool) {
	if r.spec.Type == DNS || r.spec.Type == ICMP || r.spec.HTTP.Proxy != "" {
		return 0, false
	}
	remote := r.remote()
	if !remote.IsValid() {
		return 0, false
	}
	return remote.Port(), remote.Addr().IsLoopback() || slices.Contains(own, remote.Addr())
}

// remote is who answered last, or else the address that the target names, so
// that a service that is down is still known to be ours.
func (r *running) remote() netip.AddrPort {
	for i := len(r.rounds) - 1; i >= 0; i-- {
		if a := r.rounds[i].Remote; a.IsValid() {
			return a
		}
	}
	target := r.check.label()
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		target = hostPort(u)
	}
	a, err := netip.ParseAddrPort(target)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// hostPort is the address of a URL, with the port that its scheme has by default.
func hostPort(u *url.URL) string { return withPort(u.Host, defaultPort[u.Scheme]) }

var defaultPort = map[string]string{"http": "80", "https": "443", "postgres": "5432", "mysql": "3306", "redis": "6379", "rediss": "6379"}

// addressBook remembers the machine's own addresses for a minute.
type addressBook struct {
	read  time.Time
	known []netip.Addr
}

func (b *addressBook) own(now time.Time) []netip.Addr {
	if now.Sub(b.read) < time.Minute && b.known != nil {
		return b.known
	}
	// On an error loopback alone is known to be ours, which needs no list.
	addrs, _ := net.InterfaceAddrs()
	b.read, b.known = now, []netip.Addr{}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			b.known = append(b.known, prefix.Addr().Unmap())
		}
	}
	return b.known
}
