package probe

import (
	"fmt"
	"net"
	"net/netip"
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

// noted is a change of a probe's entity that was seen.
type noted struct{ estate.Change }

func (p *Prober) note(c estate.Change) {
	if len(p.changes) == maxChanges {
		p.changes = slices.Delete(p.changes, 0, 1)
	}
	c.Source = source
	p.changes = append(p.changes, noted{c})
}

// noteCertificate keeps what was shown and notes when it is another one.
func (p *Prober) noteCertificate(r *running, round Round) {
	now := round.Certificate
	if now == nil {
		return
	}
	before := r.certificate
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
	p.changes = slices.DeleteFunc(p.changes, func(c noted) bool { return now.Sub(c.At) > changesKept })
	for _, c := range p.changes {
		o.Changes = append(o.Changes, c.Change)
	}
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
	if r.spec.Type == DNS || r.spec.Type == ICMP {
		return 0, false
	}
	remote := r.remote()
	if !remote.IsValid() {
		return 0, false
	}
	return remote.Port(), remote.Addr().IsLoopback() || slices.Contains(own, remote.Addr())
}

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
