package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// owners tells which process holds a socket. Finding out means reading the
// descriptors of every process, so what is found is kept, and what cannot be
// found is not looked for again for a while.
type owners struct {
	roots    roots
	found    map[uint32]owner
	nobody   map[uint32]time.Time // looked for in vain, when
	lastScan time.Time
	denied   int
}

type owner struct {
	pid    int
	start  int64
	wanted time.Time // when it was last asked for
}

const (
	scanEvery  = 5 * time.Second
	remembered = 10 * time.Minute
	maxOwners  = 2 * maxSockets
)

func newOwners(r roots) *owners {
	return &owners{roots: r, found: map[uint32]owner{}, nobody: map[uint32]time.Time{}}
}

// find looks for the holders of the wanted sockets that are not known yet.
func (o *owners) find(wanted map[uint32]bool, procs map[int]*process, now time.Time) {
	for inode, at := range o.nobody {
		if now.Sub(at) > remembered {
			delete(o.nobody, inode)
		}
	}
	for inode, own := range o.found {
		if p := procs[own.pid]; p == nil || p.start != own.start || now.Sub(own.wanted) > remembered {
			delete(o.found, inode)
		}
	}
	missing := map[uint32]bool{}
	for inode := range wanted {
		own, known := o.found[inode]
		if known {
			own.wanted = now
			o.found[inode] = own
		}
		_, nobody := o.nobody[inode]
		if !known && !nobody && inode != 0 && len(o.found)+len(o.nobody)+len(missing) < maxOwners {
			missing[inode] = true
		}
	}
	if len(missing) == 0 || now.Sub(o.lastScan) < scanEvery && !o.lastScan.IsZero() {
		return
	}
	o.lastScan, o.denied = now, 0
	for _, p := range procs {
		if p.kernel || p.state == 'Z' {
			continue
		}
		o.scan(p, missing, now)
		if len(missing) == 0 {
			return
		}
	}
	for inode := range missing {
		o.nobody[inode] = now
	}
}

// scan notes which of the missing sockets a process holds.
func (o *owners) scan(p *process, missing map[uint32]bool, now time.Time) {
	dir := o.roots.proc + "/" + strconv.Itoa(p.pid) + "/fd"
	names, err := listNames(dir)
	if err != nil {
		if denied(err) {
			o.denied++
		}
		return
	}
	for _, name := range names {
		link, err := os.Readlink(dir + "/" + name)
		if err != nil {
			continue
		}
		digits, ok := strings.CutPrefix(link, "socket:[")
		if !ok {
			continue
		}
		inode := uint32(parseInt([]byte(digits)))
		if missing[inode] {
			o.found[inode] = owner{p.pid, p.start, now}
			delete(missing, inode)
		}
	}
}

// settled says that a socket's holder is known, or was looked for in vain.
func (o *owners) settled(inode uint32) bool {
	_, found := o.found[inode]
	_, nobody := o.nobody[inode]
	return found || nobody
}

// problem says what keeps owners from being found.
func (o *owners) problem() error {
	if len(o.nobody) > 0 && o.denied > 0 {
		return fmt.Errorf("who holds %d sockets cannot be told: descriptors of %d processes of other users may not be read; run as root to see them",
			len(o.nobody), o.denied)
	}
	return nil
}
