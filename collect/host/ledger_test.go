package host

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// simulated is a machine whose processes use CPU, start others, end, and are
// waited for, as the kernel accounts it.
type simulated struct {
	rng   *rand.Rand
	procs map[int]*account
	pids  []int
	next  int
	spent map[groupKey]int64 // the truth
	// early lets a parent end before its children, which init then adopts.
	early bool
}

func newSimulated(seed uint64, early bool) *simulated {
	s := &simulated{rng: rand.New(rand.NewPCG(seed, 1)), procs: map[int]*account{}, next: 1, spent: map[groupKey]int64{}, early: early}
	s.fork(0)
	return s
}

func (s *simulated) fork(parent int) {
	a := &account{pid: s.next, parent: parent, start: int64(s.next), group: groupKey{kindGroup, fmt.Sprint("g", s.rng.IntN(4))}}
	if p := s.procs[parent]; p != nil && s.rng.IntN(2) == 0 {
		a.group = p.group
	}
	s.procs[s.next] = a
	s.pids = append(s.pids, s.next)
	s.next++
}

func (s *simulated) step() {
	pid := s.pids[s.rng.IntN(len(s.pids))]
	p := s.procs[pid]
	switch s.rng.IntN(4) {
	case 0:
		s.fork(pid)
	case 1, 2:
		n := int64(s.rng.IntN(50))
		p.own.cpu += n
		s.spent[p.group] += n
	case 3:
		s.exit(p)
	}
}

func (s *simulated) exit(p *account) {
	if p.pid == 1 {
		return
	}
	for _, c := range s.procs {
		if c.parent == p.pid {
			if !s.early {
				return // waits for its children first
			}
			c.parent = 1
		}
	}
	parent := s.procs[p.parent]
	parent.reaped = parent.reaped.plus(p.whole())
	delete(s.procs, p.pid)
	s.pids = slices.DeleteFunc(s.pids, func(pid int) bool { return pid == p.pid })
}

func (s *simulated) pass() []account {
	var all []account
	for _, a := range s.procs {
		all = append(all, *a)
	}
	return all
}

// What is charged is what was used: nothing is lost, nothing is counted twice,
// and no group's counter ever falls.
func TestLedgerChargesExactlyWhatWasUsed(t *testing.T) {
	for _, early := range []bool{false, true} {
		for seed := range uint64(100) {
			s := newSimulated(seed, early)
			l := newLedger()
			var charged int64
			// What processes had waited for before the first pass is
			// nobody's.
			lost := int64(-1)
			for range 40 {
				for range s.rng.IntN(30) {
					s.step()
				}
				for group, u := range l.charge(s.pass()) {
					if u.cpu < 0 {
						t.Fatalf("seed %d: group %v fell by %d", seed, group, -u.cpu)
					}
					charged += u.cpu
				}
				var spent int64
				for _, n := range s.spent {
					spent += n
				}
				if lost < 0 {
					lost = 0
					for _, a := range l.last {
						lost += a.reaped.cpu
					}
				}
				if charged != spent-lost {
					t.Fatalf("seed %d, orphans %v: %d ticks charged, %d used", seed, early, charged, spent-lost)
				}
			}
		}
	}
}

func TestLedgerKnowsWhoseTheLastSliceWas(t *testing.T) {
	shell, burner, build := groupKey{kindGroup, "bash"}, groupKey{kindGroup, "stress"}, groupKey{kindGroup, "go"}
	ticks := func(n int64) use { return use{cpu: n} }
	l := newLedger()
	l.charge([]account{{pid: 10, parent: 1, group: shell}, {pid: 20, parent: 1, group: build}})
	l.charge([]account{
		{pid: 10, parent: 1, group: shell},
		{pid: 11, parent: 10, start: 5, group: burner, own: ticks(1500)},
		{pid: 20, parent: 1, group: build, own: ticks(10)},
	})
	got := l.charge([]account{
		// The burner ran on for 700 ticks and ended; five commands that
		// nobody saw used 100 more than it may have.
		{pid: 10, parent: 1, group: shell, own: ticks(3), reaped: ticks(1500 + 1500 + 100)},
		// The compilers came and went between two looks.
		{pid: 20, parent: 1, group: build, own: ticks(20), reaped: ticks(900)},
	})
	for group, want := range map[groupKey]int64{burner: 1500, shell: 103, build: 910} {
		if got[group].cpu != want {
			t.Errorf("%s is charged %d ticks, want %d", group.name, got[group].cpu, want)
		}
	}
}

func TestLedgerTellsProcessesWithTheSamePidApart(t *testing.T) {
	a, b := groupKey{kindGroup, "a"}, groupKey{kindGroup, "b"}
	l := newLedger()
	l.charge([]account{{pid: 7, start: 1, group: a, own: use{cpu: 1000}}})
	got := l.charge([]account{{pid: 7, start: 99, group: b, own: use{cpu: 30}}})
	if got[b].cpu != 30 || got[a].cpu != 0 {
		t.Errorf("charged %v, want 30 ticks to b alone", got)
	}
}
