package host

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
)

// procSocket is a line of /proc/net/tcp, tcp6, udp or udp6.
type procSocket struct {
	local  netip.AddrPort
	remote netip.AddrPort
	state  uint8
	queued uint32 // of a listening TCP socket: connections that wait to be accepted
	inode  uint32
}

// parseProcNet reads /proc/net/{tcp,udp}[6]. Lines that it does not understand
// are passed over.
func parseProcNet(b []byte) []procSocket {
	var all []procSocket
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) < 10 {
			continue
		}
		local, ok := parseHexAddress(f[1])
		remote, okRemote := parseHexAddress(f[2])
		state, err := strconv.ParseUint(string(f[3]), 16, 8)
		inode, errInode := strconv.ParseUint(string(f[9]), 10, 32)
		_, received, okQueue := bytes.Cut(f[4], []byte{':'})
		if !ok || !okRemote || !okQueue || err != nil || errInode != nil {
			continue
		}
		queued, err := strconv.ParseUint(string(received), 16, 32)
		if err != nil {
			continue
		}
		all = append(all, procSocket{local, remote, uint8(state), uint32(queued), uint32(inode)})
	}
	return all
}

// parseHexAddress reads "0100007F:1F90": 32-bit words in the machine's order,
// and a port.
func parseHexAddress(b []byte) (netip.AddrPort, bool) {
	address, port, ok := bytes.Cut(b, []byte{':'})
	if !ok {
		return netip.AddrPort{}, false
	}
	raw := make([]byte, hex.DecodedLen(len(address)))
	if _, err := hex.Decode(raw, address); err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	p, err := strconv.ParseUint(string(port), 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	a, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), true
}
