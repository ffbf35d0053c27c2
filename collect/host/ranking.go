package host

import (
	"cmp"
	"slices"
	"time"
)

const (
	// stickiness is by how much a listed group's weight counts more, so
	// that two of the same weight do not take turns.
	stickiness = 1.5
	// memoryOfWeight is how much of a group's weight the next round keeps.
	memoryOfWeight = 0.8
	// lingering is how long a group that has no process any more stays
	// listed, so that what runs every minute keeps one series.
	lingering = 5 * time.Minute
	// significant is the weight from which on a command that has just been
	// started is listed: a hundredth of the machine.
	significant = 0.01
)

// listable says whether a group may be listed by name at all. Commands that a
// shell runs come and go by the hundred: one that has not lived for a minute
// and takes next to nothing would only fill the index.
func (g *group) listable(now time.Time, b boot) bool {
	if g.listed || g.oomKills.count > 0 || g.retransmits.count > 0 {
		return true
	}
	if len(g.members) == 0 {
		return false
	}
	age := now.Unix() - b.at - g.leader.start/userHz
	return g.leader.daemon || g.weight >= significant || age >= int64(settles/time.Second)
}

// weigh tells how much a group matters: its shares of the machine's CPU,
// waiting, memory and I/O added up.
func weigh(u use, memory int64, b boot, elapsed time.Duration, allIO int64) float64 {
	seconds := elapsed.Seconds()
	if seconds <= 0 {
		return 0
	}
	w := float64(u.cpu) / userHz / seconds / float64(b.cpus)
	w += float64(u.delay) / 1e9 / seconds / float64(b.cpus)
	if b.total > 0 {
		w += float64(memory) / float64(b.total)
	}
	// Below 1 MiB/s for the whole machine I/O hurts nobody.
	floor := int64(seconds * (1 << 20))
	return w + float64(u.read+u.written)/float64(max(allIO, floor, 1))
}

// pickListed chooses the n groups that are listed by name from their weights.
// Groups that were listed keep their place unless another one clearly matters
// more.
func pickListed(groups map[groupKey]*group, n int, now time.Time, b boot) map[groupKey]bool {
	type ranked struct {
		key    groupKey
		weight float64
	}
	all := make([]ranked, 0, len(groups))
	for key, g := range groups {
		w := g.weight
		if g.listed {
			w = w*stickiness + 0.001
		}
		if !g.listable(now, b) {
			continue
		}
		all = append(all, ranked{key, w})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.key.name, b.key.name), cmp.Compare(a.key.kind, b.key.kind))
	})
	chosen := make(map[groupKey]bool, n)
	for _, r := range all[:min(n, len(all))] {
		chosen[r.key] = true
	}
	return chosen
}
