package host

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// noteKills charges each process that the kernel killed for memory to its
// group: as the kernel's log names it, by its process id in the last two
// passes, else by its cgroup, else by its name.
func (w *groupWatch) noteKills(killed []logEvent, now time.Time) {
	for _, k := range killed {
		key, ok := w.keys[k.pid]
		if !ok {
			key, ok = w.before[k.pid]
		}
		if !ok {
			key, ok = placeOf(k.taskCgroup)
			key = w.table.names.named(key)
		}
		if !ok && k.comm != "" {
			key = groupKey{kindGroup, titleOf(k.comm, nil)}
			ok = true
		}
		if ok {
			w.killedOne(key, now)
		}
	}
}

func (w *groupWatch) killedOne(key groupKey, now time.Time) {
	g := w.group(key, now)
	g.oomKills.count++
	// Listed for as long as a finding about it may look, though nothing of
	// the group may be left.
	g.alive = now
	g.weight = max(g.weight, 1)
}

// guessKills is for when the kernel's log may not be read: the kernel's count
// of kills has risen, and the largest processes that vanished meanwhile are
// taken for the killed ones.
func (w *groupWatch) guessKills(now time.Time) {
	count, ok := w.oomCount()
	risen := count - w.oomSeen
	first := !w.oomKnown
	w.oomSeen, w.oomKnown = count, ok
	if !ok || first || risen <= 0 {
		return
	}
	gone := slices.Clone(w.table.vanished)
	slices.SortFunc(gone, func(a, b *process) int { return cmp.Compare(b.resident, a.resident) })
	for _, p := range gone[:min(int(risen), len(gone))] {
		if key, ok := w.before[p.pid]; ok {
			w.killedOne(key, now)
		}
	}
}

// oomCount reads how many processes the kernel has killed since boot.
func (w *groupWatch) oomCount() (int64, bool) {
	b, err := w.table.file.read(w.cfg.roots().procPath("vmstat"))
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			return parseInt(rest), true
		}
	}
	return 0, false
}
