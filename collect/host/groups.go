package host

import (
	"time"
)

// group is what is kept of one group from pass to pass.
type group struct {
	key     groupKey
	total   use   // since it was first seen; never falls
	recent  use   // in the last round
	members []int // pids

	weight float64
	listed bool
	alive  time.Time // when it last had a process
	since  time.Time // when it was first seen

	memory                            int64
	threads, uninterruptible, zombies int
	fdRatio                           float64 // below 0: not known
	leader                            leader
	ioKnown                           bool // of at least one process
	starts                            int64
	oomKills, retransmits             rare
	listens                           time.Time // when it was last seen to hold a listening socket
	processes                         int
}

// leader is the oldest topmost process of a group.
type leader struct {
	pid   int
	start int64 // ticks since boot
	// daemon says that it runs on its own: it leads a session or was
	// started by init. Commands that a shell runs do not.
	daemon bool
}

// rare counts events that seldom happen. Its first figure that goes out is 0,
// so that an event before the series existed still shows as an increase.
type rare struct {
	count int64
	shown bool
}

func (r *rare) show() float64 {
	if !r.shown {
		r.shown = true
		return 0
	}
	return float64(r.count)
}

// groupWatch follows the groups of the machine.
type groupWatch struct {
	cfg     Config
	boot    boot
	sources *sourceBoard
	table   *processTable
	ledger  *ledger

	at      time.Time // of the last pass
	elapsed time.Duration
	groups  map[groupKey]*group
	keys    map[int]groupKey // of each process in the last pass
	before  map[int]groupKey // and in the one before
	others  group

	oomSeen  int64 // the kernel's count of kills at the last pass
	oomKnown bool
}

func newGroupWatch(cfg Config, b boot, sources *sourceBoard) *groupWatch {
	return &groupWatch{
		cfg: cfg, boot: b, sources: sources,
		table: newProcessTable(cfg.roots()), ledger: newLedger(),
		groups: map[groupKey]*group{},
	}
}

// pass looks at all processes and brings the groups up to date. Which of them
// are listed is decided after it; see list.
func (w *groupWatch) pass(now time.Time) {
	err := w.table.read()
	w.table.report(w.sources, err)
	if err != nil {
		return
	}
	w.elapsed = 0
	first := w.at.IsZero()
	if !first {
		w.elapsed = now.Sub(w.at)
	}
	w.at = now
	w.before, w.keys = w.keys, assign(w.table.procs)

	accounts := make([]account, 0, len(w.table.procs))
	for pid, p := range w.table.procs {
		accounts = append(accounts, account{
			pid: pid, parent: p.parent, start: p.start, group: w.keys[pid], own: p.own,
			reaped: use{cpu: p.reapedCPU, faults: p.reapedFaults, read: p.io.read, written: p.io.written},
		})
	}
	charged := w.ledger.charge(accounts)
	w.gather(now, first)
	var allIO int64
	for key, u := range charged {
		g := w.group(key, now)
		g.recent = u
		g.total = g.total.plus(u)
		allIO += u.read + u.written
	}
	for key, g := range w.groups {
		if _, ok := charged[key]; !ok {
			g.recent = use{}
		}
		g.weight = max(weigh(g.recent, g.memory, w.boot, w.elapsed, allIO), g.weight*memoryOfWeight)
	}
}

func (w *groupWatch) group(key groupKey, now time.Time) *group {
	g := w.groups[key]
	if g == nil {
		g = &group{key: key, since: now, alive: now, fdRatio: -1}
		w.groups[key] = g
	}
	return g
}

// gather sums the state of each group's processes.
func (w *groupWatch) gather(now time.Time, first bool) {
	for _, g := range w.groups {
		g.members, g.memory, g.threads = g.members[:0], 0, 0
		g.uninterruptible, g.zombies, g.fdRatio, g.processes = 0, 0, -1, 0
	}
	shared := map[groupKey]int64{}
	leaders := map[groupKey]leader{}
	for pid, p := range w.table.procs {
		key := w.keys[pid]
		g := w.group(key, now)
		if p.state == 'Z' {
			// Whoever should wait for it is to blame.
			if parent, ok := w.keys[p.parent]; ok {
				g = w.group(parent, now)
			}
			g.zombies++
			continue
		}
		g.alive = now
		g.members = append(g.members, pid)
		g.processes++
		g.threads += p.threads
		if p.state == 'D' {
			g.uninterruptible++
		}
		// Shared pages are counted once for the group: by its largest
		// sharer, for forked workers mostly share the same.
		g.memory += p.resident - p.shared
		shared[key] = max(shared[key], p.shared)
		g.fdRatio = max(g.fdRatio, p.fdRatio)
		g.ioKnown = g.ioKnown || p.ioKnown
		if w.keys[p.parent] != key || p.parent == pid {
			if p.born == w.table.number && !first {
				g.starts++
			}
			l, ok := leaders[key]
			if !ok || p.start < l.start || p.start == l.start && pid < l.pid {
				leaders[key] = leader{pid, p.start, p.session == pid || p.parent == 1}
			}
		}
	}
	for key, g := range w.groups {
		g.memory += shared[key]
		if l, ok := leaders[key]; ok {
			g.leader = l
		}
	}
}

// list decides which groups are named in the series, sums the others, and
// forgets groups that are long gone.
func (w *groupWatch) list(now time.Time) {
	for key, g := range w.groups {
		if len(g.members) == 0 && now.Sub(g.alive) > lingering {
			delete(w.groups, key)
		}
	}
	chosen := pickListed(w.groups, w.cfg.Groups, now, w.boot)
	o := &w.others
	o.fdRatio, o.memory, o.threads, o.processes, o.uninterruptible, o.zombies = -1, 0, 0, 0, 0, 0
	for key, g := range w.groups {
		g.listed = chosen[key]
		if g.listed {
			continue
		}
		// The others' counters rise by what is not listed at the time:
		// a group that moves up takes nothing away from them.
		o.total = o.total.plus(g.recent)
		o.memory += g.memory
		o.threads += g.threads
		o.processes += g.processes
		o.uninterruptible += g.uninterruptible
		o.zombies += g.zombies
		o.fdRatio = max(o.fdRatio, g.fdRatio)
		o.ioKnown = o.ioKnown || g.ioKnown
	}
}
