package host

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// listener is what waits for callers at one port, over all addresses.
type listener struct {
	protocol  string // "tcp" or "udp"
	port      uint16
	addresses []string // sorted, without doubles
	inodes    []uint32
	sockets   map[uint32]string   // addresses by inode
	holders   map[string]groupKey // by address, as far as they can be told
	// queued and limit are those of the fullest of its sockets; limit 0
	// where it is not known.
	queued, limit uint32
	group         groupKey // zero where it cannot be told
}

func (l listener) name() string { return fmt.Sprintf("%s/%d", l.protocol, l.port) }

// local says that only this machine can reach it.
func (l listener) local() bool {
	return !slices.ContainsFunc(l.addresses, func(a string) bool {
		addr, err := netip.ParseAddr(strings.TrimSuffix(a, "%lo"))
		return err != nil || !addr.IsLoopback()
	})
}

// lasting says that the port is one that servers listen on, not one that a
// client holds for the length of a question: those are from the range for
// outgoing traffic, and resolvers take any above 1023 for UDP.
func (l listener) lasting() bool {
	return l.port < 1024 || l.protocol == "tcp" && l.port < 32768
}

// maxListeners bounds how many ports are told of, the lowest first.
const maxListeners = 200

// portList gathers listening sockets by port.
type portList struct{ byName map[string]*listener }

func newPortList() portList { return portList{map[string]*listener{}} }

func (p portList) add(protocol string, at netip.AddrPort, inode, queued, limit uint32) {
	l := &listener{protocol: protocol, port: at.Port()}
	if have := p.byName[l.name()]; have != nil {
		l = have
	} else {
		l.sockets = map[uint32]string{}
		p.byName[l.name()] = l
	}
	a := at.Addr().WithZone("").String()
	if !slices.Contains(l.addresses, a) {
		l.addresses = append(l.addresses, a)
	}
	l.inodes = append(l.inodes, inode)
	l.sockets[inode] = a
	if len(l.inodes) == 1 || uint64(queued)*uint64(max(l.limit, 1)) > uint64(l.queued)*uint64(max(limit, 1)) {
		l.queued, l.limit = queued, limit
	}
}

// sorted returns the listeners by port, the lowest n of them, and how many
// there are.
func (p portList) sorted(n int) ([]listener, int) {
	all := make([]listener, 0, len(p.byName))
	for _, l := range p.byName {
		slices.Sort(l.addresses)
		slices.Sort(l.inodes)
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b listener) int {
		return cmp.Or(cmp.Compare(a.port, b.port), cmp.Compare(a.protocol, b.protocol))
	})
	return all[:min(n, len(all))], len(all)
}

// listening reads which ports are open. UDP has no listening state: a socket
// without a peer below the ports for outgoing traffic is taken for one.
func listening(r roots) ([]listener, error) {
	var errs []error
	ports := newPortList()
	var f fileReader
	sockets, err := tcpSockets(tcpListen)
	for _, s := range sockets {
		ports.add("tcp", s.local, s.inode, s.queued, s.limit)
	}
	if err != nil && len(sockets) == 0 {
		// Without sock_diag there is still the list; it lacks the limits.
		for _, file := range []string{"net/tcp", "net/tcp6"} {
			b, readErr := f.read(r.procPath(file))
			if readErr != nil && !gone(readErr) {
				errs = append(errs, err, readErr)
			}
			for _, s := range parseProcNet(b) {
				if s.state == tcpListen {
					ports.add("tcp", s.local, s.inode, s.queued, 0)
				}
			}
		}
	}
	low := uint16(32768)
	if b, err := f.read(r.procPath("sys/net/ipv4/ip_local_port_range")); err == nil {
		low = uint16(min(parseInt(b), 65535))
	}
	for _, file := range []string{"net/udp", "net/udp6"} {
		b, err := f.read(r.procPath(file))
		if err != nil && !gone(err) {
			errs = append(errs, err)
		}
		for _, s := range parseProcNet(b) {
			if s.state == tcpClose && s.remote.Port() == 0 && s.local.Port() != 0 && s.local.Port() < low {
				ports.add("udp", s.local, s.inode, 0, 0)
			}
		}
	}
	all, n := ports.sorted(maxListeners)
	if n > len(all) {
		errs = append(errs, fmt.Errorf("%d listening ports; only the lowest %d are told of", n, maxListeners))
	}
	return all, errors.Join(errs...)
}

// assignOwners names the groups that serve each listener, as far as their holders
// have been found. Of several holders of one socket, such as a server and its
// workers, any will do: they are of one group. One port of several addresses may
// be of several groups; the listener is called after the first.
func (w *groupWatch) assignOwners(all []listener, o *owners) {
	for i := range all {
		for _, inode := range all[i].inodes {
			own, ok := o.found[inode]
			if !ok {
				continue
			}
			key, ok := w.keys[own.pid]
			if !ok {
				continue
			}
			if len(all[i].holders) == 0 {
				all[i].group, all[i].holders = key, map[string]groupKey{}
			}
			all[i].holders[all[i].sockets[inode]] = key
			if g := w.groups[key]; g != nil {
				g.listens = w.at
			}
		}
	}
}
