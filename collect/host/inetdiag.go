package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// TCP states, as the kernel numbers them.
const (
	tcpEstablished = 1
	tcpFinWait1    = 4
	tcpClose       = 7
	tcpCloseWait   = 8
	tcpListen      = 10
)

// maxSockets bounds how many sockets of one family are looked at in a round.
const maxSockets = 20000

// socket is what the kernel tells of one TCP socket.
type socket struct {
	state         uint8
	local, remote netip.AddrPort
	inode         uint32
	cookie        uint64 // tells a socket from a later one at the same place
	// queued and limit are, for a listening socket, the connections that
	// wait to be accepted and how many may.
	queued, limit uint32
	info          *tcpInfo // nil for listening sockets
}

// tcpInfo is what matters here of the kernel's struct tcp_info.
type tcpInfo struct {
	rtt                   time.Duration
	sinceAck              time.Duration // since the last acknowledgement came in
	retransmits, segments uint64        // segments sent again; data segments sent
}

// The kernel's sock_diag messages (linux/sock_diag.h, linux/inet_diag.h).
const (
	sockDiagByFamily = 20
	diagRequestSize  = 56
	diagMessageSize  = 72
	diagInfo         = 2 // INET_DIAG_INFO
)

var errTooManySockets = fmt.Errorf("more than %d TCP sockets; the rest is not looked at", maxSockets)

// tcpSockets asks the kernel for the TCP sockets of both families that are in
// one of the states. With errTooManySockets it yields the first ones.
func tcpSockets(states ...uint) ([]socket, error) {
	var mask uint32
	withInfo := false
	for _, s := range states {
		mask |= 1 << s
		withInfo = withInfo || s != tcpListen
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for TCP sockets: %w", err)
	}
	defer unix.Close(fd)
	// The answer comes from this machine's kernel; a second is an age.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return nil, fmt.Errorf("ask the kernel for TCP sockets: %w", err)
	}
	var all []socket
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		before := len(all)
		if err := unix.Sendto(fd, diagRequest(family, mask, withInfo), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return nil, fmt.Errorf("ask the kernel for TCP sockets: %w", err)
		}
		all, err = receiveSockets(fd, all, before+maxSockets)
		if errors.Is(err, unix.ENOENT) && family == unix.AF_INET6 {
			continue // a machine without IPv6
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func diagRequest(family uint8, states uint32, withInfo bool) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN+diagRequestSize)
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	r := b[unix.NLMSG_HDRLEN:]
	r[0], r[1] = family, unix.IPPROTO_TCP
	if withInfo {
		r[2] = 1 << (diagInfo - 1)
	}
	binary.NativeEndian.PutUint32(r[4:], states)
	return b
}

func receiveSockets(fd int, all []socket, limit int) ([]socket, error) {
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return all, fmt.Errorf("the kernel's answer about TCP sockets: %w", err)
		}
		var done bool
		all, done, err = parseSockets(buf[:n], all)
		if err != nil || done {
			return all, err
		}
		if len(all) > limit {
			// The rest of the answer dies with the socket.
			return all[:limit], errTooManySockets
		}
	}
}

var errBrokenAnswer = errors.New("the kernel's answer about TCP sockets is cut short")

// parseSockets reads one datagram of a dump and tells whether it was the last.
func parseSockets(b []byte, all []socket) (_ []socket, done bool, err error) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return all, true, errBrokenAnswer
		}
		body := b[unix.NLMSG_HDRLEN:size]
		switch binary.NativeEndian.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return all, true, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return all, true, errBrokenAnswer
			}
			errno := unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
			return all, true, fmt.Errorf("the kernel tells nothing about TCP sockets: %w", errno)
		case sockDiagByFamily:
			s, ok := parseSocket(body)
			if !ok {
				return all, true, errBrokenAnswer
			}
			all = append(all, s)
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return all, false, nil
}

// parseSocket reads a struct inet_diag_msg and its attributes.
func parseSocket(b []byte) (socket, bool) {
	var s socket
	if len(b) < diagMessageSize {
		return s, false
	}
	family := b[0]
	s.state = b[1]
	s.local = netip.AddrPortFrom(diagAddress(family, b[8:24]), binary.BigEndian.Uint16(b[4:]))
	s.remote = netip.AddrPortFrom(diagAddress(family, b[24:40]), binary.BigEndian.Uint16(b[6:]))
	s.cookie = uint64(binary.NativeEndian.Uint32(b[44:]))<<32 | uint64(binary.NativeEndian.Uint32(b[48:]))
	s.queued = binary.NativeEndian.Uint32(b[56:])
	s.limit = binary.NativeEndian.Uint32(b[60:])
	s.inode = binary.NativeEndian.Uint32(b[68:])
	for b = b[diagMessageSize:]; len(b) >= 4; {
		size := int(binary.NativeEndian.Uint16(b))
		if size < 4 || size > len(b) {
			return s, false
		}
		if binary.NativeEndian.Uint16(b[2:]) == diagInfo {
			s.info = parseTCPInfo(b[4:size])
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return s, true
}

func diagAddress(family uint8, b []byte) netip.Addr {
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16([16]byte(b[:16])).Unmap()
}

// parseTCPInfo reads struct tcp_info, which grew over the years: a kernel
// before 4.6 does not tell the data segments, and then there is nothing to
// compare retransmissions with.
func parseTCPInfo(b []byte) *tcpInfo {
	const lastAck, rtt, totalRetrans, dataSegsOut = 56, 68, 100, 156
	if len(b) < dataSegsOut+4 {
		return nil
	}
	return &tcpInfo{
		rtt:         time.Duration(binary.NativeEndian.Uint32(b[rtt:])) * time.Microsecond,
		sinceAck:    time.Duration(binary.NativeEndian.Uint32(b[lastAck:])) * time.Millisecond,
		retransmits: uint64(binary.NativeEndian.Uint32(b[totalRetrans:])),
		segments:    uint64(binary.NativeEndian.Uint32(b[dataSegsOut:])),
	}
}
