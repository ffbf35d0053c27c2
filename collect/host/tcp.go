package host

import (
	"cmp"
	"errors"
	"math"
	"net/netip"
	"slices"
	"time"
)

// tcpWatch follows the machine's TCP sockets from round to round.
type tcpWatch struct {
	last  map[uint64]sent // by cookie
	begun bool
	bad   map[netip.Addr]time.Time // peers that needed segments again, and when
	// unclaimed are segments sent again by sockets whose holder is still to
	// be found.
	unclaimed map[uint32]uint64
}

// sent is what a socket had sent by the last round.
type sent struct{ retransmits, segments uint64 }

// peer is the traffic to one address since the last round.
type peer struct {
	address netip.Addr
	sent
}

func (p peer) ratio() float64 {
	// A segment that was sent again counts as sent, too; the kernel may
	// have counted the retransmission of a connection's start without it.
	return math.Min(float64(p.retransmits)/float64(max(p.segments, 1)), 1)
}

const (
	worstPeers      = 5
	enoughSegments  = 20 // below, a ratio says nothing
	peerRemembered  = 10 * time.Minute
	activeWithin    = time.Minute // an older round-trip time says nothing about now
	maxListenSeries = 64
)

var (
	descRTT     = describe("tcp_rtt_seconds", "Smoothed round-trip time over established TCP sockets that were active within a minute.", "quantile", "peer")
	descRetrans = describe("tcp_peer_retransmit_ratio", "TCP segments sent again over segments sent since the last round, of the worst peers.", "peer")
	descQueue   = describe("listen_queue_length", "Connections that wait to be accepted, of the listener's fullest socket.", "listener", "group")
	descBacklog = describe("listen_queue_limit", "How many connections may wait to be accepted.", "listener", "group")
)

func newTCPWatch() *tcpWatch {
	return &tcpWatch{last: map[uint64]sent{}, bad: map[netip.Addr]time.Time{}, unclaimed: map[uint32]uint64{}}
}

// tcpRound is what one look at the sockets tells.
type tcpRound struct {
	rtts      map[string][]time.Duration // by "remote" and "loopback"
	peers     []peer                     // the worst first
	listeners []listener
	again     map[uint32]uint64 // segments sent again, by the socket's inode
}

// look compares the sockets with the last round.
func (w *tcpWatch) look(sockets []socket, now time.Time) tcpRound {
	r := tcpRound{rtts: map[string][]time.Duration{}, again: map[uint32]uint64{}}
	next := make(map[uint64]sent, len(sockets))
	peers := map[netip.Addr]*peer{}
	ports := newPortList()
	for _, s := range sockets {
		if s.state == tcpListen {
			ports.add("tcp", s.local, s.inode, s.queued, s.limit)
			continue
		}
		if s.info == nil {
			continue
		}
		address := s.remote.Addr()
		if s.state == tcpEstablished && s.info.rtt > 0 && s.info.sinceAck < activeWithin {
			kind := "remote"
			if address.IsLoopback() || address == s.local.Addr() {
				kind = "loopback"
			}
			r.rtts[kind] = append(r.rtts[kind], s.info.rtt)
		}
		total := sent{s.info.retransmits, s.info.segments}
		next[s.cookie] = total
		old, known := w.last[s.cookie]
		if !known && !w.begun {
			continue // sent before our time
		}
		d := sent{total.retransmits - min(old.retransmits, total.retransmits), total.segments - min(old.segments, total.segments)}
		p := peers[address]
		if p == nil {
			p = &peer{address: address}
			peers[address] = p
		}
		p.retransmits += d.retransmits
		p.segments += d.segments
		if d.retransmits > 0 && s.inode != 0 {
			r.again[s.inode] += d.retransmits
		}
	}
	w.last, w.begun = next, true
	r.listeners, _ = ports.sorted(maxListenSeries)
	r.peers = w.worst(peers, now)
	return r
}

// worst returns the peers with the highest ratios. One that was bad stays for
// a while, so that its recovery can be seen.
func (w *tcpWatch) worst(peers map[netip.Addr]*peer, now time.Time) []peer {
	for a, at := range w.bad {
		if now.Sub(at) > peerRemembered {
			delete(w.bad, a)
		}
	}
	var worst []peer
	for a, p := range peers {
		if p.segments+p.retransmits < enoughSegments {
			continue
		}
		if _, before := w.bad[a]; p.retransmits > 0 || before {
			worst = append(worst, *p)
		}
	}
	slices.SortFunc(worst, func(a, b peer) int {
		return cmp.Or(cmp.Compare(b.ratio(), a.ratio()), cmp.Compare(b.segments, a.segments), a.address.Compare(b.address))
	})
	worst = worst[:min(len(worst), worstPeers)]
	for _, p := range worst {
		if p.retransmits > 0 {
			w.bad[p.address] = now
		}
	}
	return worst
}

// quantile returns the value below which the share q of a sorted list lies.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(math.Ceil(q*float64(len(sorted))))-1, len(sorted)-1)]
}

// emitTCP looks at the machine's sockets and writes what they tell.
func (h *Host) emitTCP(e emitter, now time.Time) {
	sockets, err := tcpSockets(tcpEstablished, tcpFinWait1, tcpCloseWait, tcpListen)
	h.sources.report("tcp", err)
	if err != nil && !errors.Is(err, errTooManySockets) {
		return
	}
	r := h.tcp.look(sockets, now)
	for kind, rtts := range r.rtts {
		slices.Sort(rtts)
		e.gauge(descRTT, quantile(rtts, 0.5).Seconds(), "0.5", kind)
		e.gauge(descRTT, quantile(rtts, 0.95).Seconds(), "0.95", kind)
	}
	for _, p := range r.peers {
		e.gauge(descRetrans, p.ratio(), p.address.String())
	}
	wanted := map[uint32]bool{}
	for inode, n := range r.again {
		h.tcp.unclaimed[inode] += n
	}
	for inode := range h.tcp.unclaimed {
		wanted[inode] = true
	}
	for _, l := range r.listeners {
		for _, inode := range l.inodes {
			wanted[inode] = true
		}
	}
	h.owners.find(wanted, h.groups.table.procs, now)
	h.sources.report("socket-owners", h.owners.problem())
	for inode, n := range h.tcp.unclaimed {
		own, ok := h.owners.found[inode]
		if key, alive := h.groups.keys[own.pid]; ok && alive {
			h.groups.group(key, now).retransmits.count += int64(n)
		}
		if h.owners.settled(inode) || len(h.tcp.unclaimed) > maxSockets {
			delete(h.tcp.unclaimed, inode)
		}
	}
	h.groups.assignOwners(r.listeners, h.owners)
	for _, l := range r.listeners {
		if !slices.ContainsFunc(l.inodes, h.owners.settled) {
			continue // next round, with its group: one series, not two
		}
		e.gauge(descQueue, float64(l.queued), l.name(), l.group.name)
		e.gauge(descBacklog, float64(l.limit), l.name(), l.group.name)
	}
}
