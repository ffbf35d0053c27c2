package notify

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Network says where addresses that contacts name may lead.
type Network struct {
	// AllowLoopback lets contacts name this machine.
	AllowLoopback bool `yaml:"allow_loopback"`
	// AllowLinkLocal lets contacts name link-local addresses, among them those
	// at which clouds give out their machines' credentials.
	AllowLinkLocal bool `yaml:"allow_link_local"`
}

// errForbidden is what dialling an address ends with that is not allowed.
var errForbidden = errors.New("its address is not one that contacts may name")

// metadata addresses of clouds that are not link-local.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd20:ce::254"),    // Google Cloud
	netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
	netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud
	netip.MustParseAddr("168.63.129.16"),   // Azure
}

// nat64 carries IPv4 addresses inside (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// allowed tells whether an address may be dialled.
func (n Network) allowed(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case a.Is4() && a.As4()[0] == 0: // "this network": some systems take it for loopback
		return false
	case a.IsLoopback():
		return n.AllowLoopback
	case a.IsLinkLocalUnicast():
		return n.AllowLinkLocal
	}
	for _, m := range metadata {
		if a == m {
			return n.AllowLinkLocal
		}
	}
	return true
}

// dialer dials what is allowed. It looks at the address that a name has led to,
// so that a name whose address changes between two looks is no way around it.
func (n Network) dialer() *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !n.allowed(to.Addr()) {
			return errForbidden
		}
		return nil
	}}
}
