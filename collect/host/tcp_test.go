package host

import (
	"encoding/binary"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func tcpSocket(cookie uint64, remote string, inode uint32, info tcpInfo) socket {
	return socket{
		state: tcpEstablished, cookie: cookie, inode: inode, info: &info,
		local: netip.MustParseAddrPort("10.0.0.1:40000"), remote: netip.MustParseAddrPort(remote),
	}
}

func TestPeersAndRoundTrips(t *testing.T) {
	w := newTCPWatch()
	now := time.Unix(1700001000, 0)
	const ms = time.Millisecond
	first := w.look([]socket{
		tcpSocket(1, "10.0.0.2:5432", 11, tcpInfo{rtt: 2 * ms, retransmits: 500, segments: 1000}),
		tcpSocket(2, "10.0.0.3:80", 12, tcpInfo{rtt: 90 * ms, segments: 10}),
		tcpSocket(3, "127.0.0.1:80", 13, tcpInfo{rtt: ms / 20, segments: 10}),
		tcpSocket(4, "10.0.0.4:80", 14, tcpInfo{rtt: 900 * ms, sinceAck: time.Hour}),
	}, now)
	if len(first.peers) != 0 || len(first.again) != 0 {
		t.Errorf("what was sent before our time counts: %+v", first)
	}
	if len(first.rtts["remote"]) != 2 || len(first.rtts["loopback"]) != 1 {
		t.Errorf("round trips %v; an idle socket's is old", first.rtts)
	}
	second := w.look([]socket{
		tcpSocket(1, "10.0.0.2:5432", 11, tcpInfo{retransmits: 510, segments: 1100}),
		tcpSocket(2, "10.0.0.3:80", 12, tcpInfo{retransmits: 5, segments: 20}), // too few to judge
		tcpSocket(9, "10.0.0.5:80", 19, tcpInfo{retransmits: 30, segments: 100}),
	}, now.Add(15*time.Second))
	if len(second.peers) != 2 || second.peers[0].address.String() != "10.0.0.5" || second.peers[0].ratio() != 0.3 || second.peers[1].ratio() != 0.1 {
		t.Errorf("peers %+v", second.peers)
	}
	if second.again[11] != 10 || second.again[12] != 5 || second.again[19] != 30 {
		t.Errorf("sent again %v", second.again)
	}
	third := w.look([]socket{tcpSocket(1, "10.0.0.2:5432", 11, tcpInfo{retransmits: 510, segments: 1200})}, now.Add(30*time.Second))
	if len(third.peers) != 1 || third.peers[0].ratio() != 0 {
		t.Errorf("a peer that has recovered: %+v", third.peers)
	}
	fourth := w.look([]socket{tcpSocket(1, "10.0.0.2:5432", 11, tcpInfo{retransmits: 510, segments: 1300})}, now.Add(time.Hour))
	if len(fourth.peers) != 0 {
		t.Errorf("a peer that recovered long ago: %+v", fourth.peers)
	}
}

func TestQuantile(t *testing.T) {
	values := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	if a, b, c := quantile(values, 0.5), quantile(values, 0.95), quantile(values[:1], 0.95); a != 5 || b != 10 || c != 1 {
		t.Errorf("got %d, %d, %d", a, b, c)
	}
}

func TestProcNet(t *testing.T) {
	text := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000005 00:00000000 00000000     0        0 16941 1 0000000000000000 100 0 0 10 0\n" +
		"   1: 0500A8C0:A001 0100A8C0:01BB 01 00000000:00000000 02:000006A6 00000000  1000        0 20202 2 0000000000000000 20 4 30 10 -1\n" +
		"   2: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0 100 0 0 10 0\n" +
		"   3: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 778 1 0 100 0 0 10 0\n" +
		"   4: nonsense\n   5: 01:1 0:0 0A 0:0 00:0 0 0 0 1\n"
	got := parseProcNet([]byte(text))
	if len(got) != 4 {
		t.Fatalf("%d sockets, want 4: %+v", len(got), got)
	}
	for i, want := range []string{"127.0.0.1:8080", "192.168.0.5:40961", "[::1]:22", "127.0.0.1:80"} {
		if got[i].local.String() != want {
			t.Errorf("socket %d is at %s, want %s", i, got[i].local, want)
		}
	}
	if got[0].queued != 5 || got[0].inode != 16941 || got[0].state != tcpListen || got[1].remote.String() != "192.168.0.1:443" {
		t.Errorf("got %+v", got[:2])
	}
}

func FuzzProcNet(f *testing.F) {
	if b, err := os.ReadFile("/proc/net/tcp"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { parseProcNet(b) })
}

// answer builds a datagram of a sock_diag dump.
func answer(kind uint16, body []byte) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(body))
	binary.NativeEndian.PutUint32(b, uint32(unix.NLMSG_HDRLEN+len(body)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	return append(b, body...)
}

func FuzzParseSockets(f *testing.F) {
	message := make([]byte, diagMessageSize+8)
	message[0], message[1] = unix.AF_INET6, tcpListen
	binary.NativeEndian.PutUint16(message[diagMessageSize:], 8)
	f.Add(answer(sockDiagByFamily, message))
	f.Add(answer(unix.NLMSG_DONE, nil))
	f.Add(answer(unix.NLMSG_ERROR, []byte{0xfe, 0xff, 0xff, 0xff}))
	f.Add(answer(sockDiagByFamily, message[:20]))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, _, _ := parseSockets(b, nil)
		if len(all)*diagMessageSize > len(b) {
			t.Errorf("%d sockets from %d bytes", len(all), len(b))
		}
	})
}
