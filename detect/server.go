package detect

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/evenkeel/evenkeel/finding"
)

// defaultPorts are those that a target without one means.
var defaultPorts = map[string]string{
	"http": "80", "https": "443", "dns": "53", "postgres": "5432", "postgresql": "5432", "mysql": "3306", "redis": "6379", "tls": "443",
}

// server names the program that listens where a probe asks, as far as that is
// on the machine that asks: what listens elsewhere cannot be seen from here. A
// program that has just ended is still named by the listener that it had.
func (r *round) server(s *Subject, b Blame, names map[string]any) []finding.Culprit {
	port := localPort(s.Entity.Labels["target"], s.Entity.Labels["type"], s.Entity.HostName)
	if port == "" {
		return nil
	}
	for _, e := range r.picture.byHost[s.Entity.Host] {
		if e.Kind.Name != "listener" || e.Labels["listener"] != "tcp/"+port && e.Labels["listener"] != "udp/"+port {
			continue
		}
		group := e.Labels["group"]
		if group == "" {
			continue
		}
		text, err := WriteText(b.text, names)
		if err != nil {
			return nil
		}
		return []finding.Culprit{{Entity: r.picture.groupID(s.Entity.Host, group), Name: group, Text: text}}
	}
	return nil
}

// localPort is the port of a target on the machine itself, or "".
func localPort(target, kind, machine string) string {
	host, port := target, ""
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		kind = u.Scheme
		host, port = u.Hostname(), u.Port()
	} else if h, p, err := net.SplitHostPort(target); err == nil {
		host, port = h, p
	}
	if port == "" {
		port = defaultPorts[kind]
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if host == "localhost" || host == machine || err == nil && addr.IsLoopback() {
		return port
	}
	return ""
}
