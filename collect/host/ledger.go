package host

// use is what processes have consumed, in the kernel's own units so that sums
// stay exact.
type use struct {
	cpu     int64 // ticks
	delay   int64 // nanoseconds ready to run without a CPU
	ioDelay int64 // ticks waiting for block I/O
	read    int64 // bytes
	written int64 // bytes
	faults  int64 // major page faults
}

// each returns a and b combined field by field.
func (a use) each(b use, f func(a, b int64) int64) use {
	return use{
		cpu: f(a.cpu, b.cpu), delay: f(a.delay, b.delay), ioDelay: f(a.ioDelay, b.ioDelay),
		read: f(a.read, b.read), written: f(a.written, b.written), faults: f(a.faults, b.faults),
	}
}

func (a use) plus(b use) use { return a.each(b, func(a, b int64) int64 { return a + b }) }

// less is a-b, and nothing where b is more.
func (a use) less(b use) use { return a.each(b, func(a, b int64) int64 { return max(a-b, 0) }) }

// upTo is the smaller of both.
func (a use) upTo(b use) use { return a.each(b, func(a, b int64) int64 { return min(a, b) }) }

// account is what one pass reads of one process. Own and reaped only rise
// while the process lives.
type account struct {
	pid, parent int
	start       int64 // ticks since boot; tells a process from a later one with the same pid
	group       groupKey
	own         use // of the process alone
	// reaped is what came from children after they ended and were waited
	// for: the kernel adds their own and their reaped use to the parent's.
	// Bytes cannot be told apart and are all in here.
	reaped use
}

func (a account) whole() use { return a.own.plus(a.reaped) }

// ledger charges what processes consume to their groups, so that nothing is
// lost when a process ends and nothing is counted twice.
//
// Of a process that both passes saw, the rise of its own use is charged. What
// a process used between the last pass and its end, and all use of processes
// that no pass saw, turns up as a rise of reaped use in whoever waited for it.
// That rise contains, for children that a pass did see, also what was charged
// to them before; it is taken off. Of the remainder each vanished child's group
// gets at most as much as the child used in the round before, for it may well
// have gone on like that; the rest goes to the group of the parent, for
// example the shell script or the build that runs many short commands.
//
// A child that nobody waited for (its parent ignores SIGCHLD) loses what it
// used in its last round. Charges are never negative.
type ledger struct {
	last    map[int]account
	recent  map[int]use // charged to each process in the last pass
	charged map[groupKey]use
	begun   bool
}

func newLedger() *ledger { return &ledger{last: map[int]account{}} }

// vanished is what processes that are gone since the last pass leave to the
// process that waited for them.
type vanished struct {
	known use              // charged for them before
	tails map[groupKey]use // at most this much of the remainder is theirs
}

// charge takes a pass and returns what each group has used since the one
// before. The first pass charges each process its own use so far.
func (l *ledger) charge(pass []account) map[groupKey]use {
	now := make(map[int]account, len(pass))
	for _, a := range pass {
		now[a.pid] = a
	}
	l.charged = make(map[groupKey]use, len(l.charged))
	recent := make(map[int]use, len(pass))

	left := map[int]*vanished{}
	for pid, old := range l.last {
		if a, ok := now[pid]; ok && a.start == old.start {
			continue
		}
		heir := l.heir(old, now)
		v := left[heir]
		if v == nil {
			v = &vanished{tails: map[groupKey]use{}}
			left[heir] = v
		}
		v.known = v.known.plus(old.whole())
		v.tails[old.group] = v.tails[old.group].plus(l.recent[pid])
	}

	// Orphans are waited for by init, not by the ancestor that seems to be
	// their heir. What a heir did not get is then missing there and is
	// looked for at init, which comes last.
	var strayed use
	var initial *account
	for i := range pass {
		a := &pass[i]
		if a.pid == 1 {
			initial = a
			continue
		}
		recent[a.pid] = l.chargeOne(*a, left[a.pid], &strayed)
	}
	if initial != nil {
		v := left[1]
		if v == nil {
			v = &vanished{}
		}
		v.known = v.known.plus(strayed)
		recent[1] = l.chargeOne(*initial, v, &strayed)
	}
	l.last, l.recent, l.begun = now, recent, true
	return l.charged
}

// chargeOne charges one process and returns what it used itself. What its
// vanished children should have left but did not is added to strayed.
func (l *ledger) chargeOne(a account, v *vanished, strayed *use) use {
	old, known := l.last[a.pid]
	if !known || old.start != a.start {
		if l.begun {
			l.add(a.group, a.whole())
			return a.whole()
		}
		l.add(a.group, a.own)
		return use{}
	}
	own, reaped := a.own.less(old.own), a.reaped.less(old.reaped)
	l.add(a.group, own)
	if v == nil {
		l.add(a.group, reaped)
		return own.plus(reaped)
	}
	*strayed = strayed.plus(v.known.less(reaped))
	rest := reaped.less(v.known)
	for group, tail := range v.tails {
		part := rest.upTo(tail)
		l.add(group, part)
		rest = rest.less(part)
	}
	l.add(a.group, rest)
	return own.plus(rest)
}

func (l *ledger) add(g groupKey, u use) { l.charged[g] = l.charged[g].plus(u) }

// heir returns who waited for a vanished process: its nearest ancestor that is
// still there, or init.
func (l *ledger) heir(p account, now map[int]account) int {
	for range 64 { // a circle of parents cannot hold us
		parent, ok := l.last[p.parent]
		if !ok {
			return 1
		}
		if a, ok := now[parent.pid]; ok && a.start == parent.start {
			return parent.pid
		}
		p = parent
	}
	return 1
}
