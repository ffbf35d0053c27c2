package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// process is what is kept of one process from pass to pass.
type process struct {
	taskStat
	place placement
	title string
	own   use // never falls
	io    use // bytes only; with its reaped children's
	// ioKnown says that they may be read.
	ioKnown bool
	// shared is how many of the resident bytes are shared with others.
	resident, shared int64
	fdRatio          float64 // open descriptors over the soft limit; below 0: not known

	seen       uint64 // number of the last pass that saw it
	born       uint64 // number of the first
	placedAt   uint64
	titledComm string
	statmAt    int64         // resident pages when shared was read
	waits      map[int]int64 // thread id -> nanoseconds waited, as last read
}

// Reading everything of everybody each time would be too dear. These bound it.
const (
	maxProcesses     = 20000 // more are left out, and said so
	threadsPerPass   = 4096  // whose waiting time is read; the others' is read later
	placeEvery       = 2     // passes until a process's cgroup is looked up again
	fdEvery          = 4     // passes until its descriptors are counted again
	sharedWorthwhile = 4 << 20
)

// processTable reads all processes, pass after pass.
type processTable struct {
	roots   roots
	file    fileReader
	procs   map[int]*process
	names   *containerNames
	number  uint64 // of the current pass
	threads int    // still to be read in this pass
	ioKept  bool   // the kernel accounts waiting for block I/O

	missed   int        // processes past the bound
	vanished []*process // since the pass before
}

func newProcessTable(r roots) *processTable {
	return &processTable{roots: r, procs: map[int]*process{}, names: newContainerNames(r)}
}

// read takes a pass. An error says that /proc itself cannot be listed; the
// table is then as it was.
func (t *processTable) read() error {
	pids, err := t.pids()
	if err != nil {
		return err
	}
	t.number++
	t.threads = threadsPerPass
	on, err := t.file.number(t.roots.procPath("sys/kernel/task_delayacct"))
	t.ioKept = err == nil && on == 1
	t.missed = max(len(pids)-maxProcesses, 0)
	pids = pids[:len(pids)-t.missed]
	for _, pid := range pids {
		t.readProcess(pid)
	}
	t.forgetVanished()
	return nil
}

// forgetVanished drops the processes that are gone. What a vanished process
// had read and written went to whoever waited for it, whose figures are read
// now even if nothing else tells that it ran: the ledger takes the vanished
// one's part off in this same pass.
func (t *processTable) forgetVanished() {
	t.vanished = nil
	for _, p := range t.procs {
		if p.seen == t.number {
			continue
		}
		t.vanished = append(t.vanished, p)
		heir := t.procs[p.parent]
		for range 64 {
			if heir == nil || heir.seen == t.number {
				break
			}
			heir = t.procs[heir.parent]
		}
		if heir != nil && !heir.kernel {
			t.readIO(heir, t.roots.proc+"/"+strconv.Itoa(heir.pid))
		}
	}
	for _, p := range t.vanished {
		delete(t.procs, p.pid)
	}
}

func (t *processTable) pids() ([]int, error) {
	dir, err := os.Open(t.roots.proc)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if name[0] >= '1' && name[0] <= '9' {
			if pid, err := strconv.Atoi(name); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("%s lists no process", t.roots.proc)
	}
	return pids, nil
}

// readProcess brings one process up to date. One that ends meanwhile is left
// out; so is one that only root may see.
func (t *processTable) readProcess(pid int) {
	dir := t.roots.proc + "/" + strconv.Itoa(pid)
	b, err := t.file.readOnce(dir + "/stat")
	if err != nil {
		return
	}
	stat, err := parseStat(b)
	if err != nil {
		return
	}
	p := t.procs[pid]
	if p == nil || p.start != stat.start {
		p = &process{born: t.number, fdRatio: -1}
		t.procs[pid] = p
	}
	old := p.taskStat
	p.taskStat, p.seen = stat, t.number
	fresh := p.born == t.number
	ran := fresh || stat.cpu != old.cpu || stat.state == 'R'

	p.own.cpu = max(p.own.cpu, stat.cpu)
	p.own.faults = max(p.own.faults, stat.faults)
	p.own.ioDelay = max(p.own.ioDelay, stat.ioDelay)
	if ran {
		t.readWaits(p, dir)
	}
	if stat.kernel {
		p.title = stat.comm
		return
	}
	// A child that was waited for brings its bytes along without any CPU
	// time of the parent's own.
	if ran || stat.reapedCPU != old.reapedCPU || stat.state == 'D' {
		t.readIO(p, dir)
	}
	t.readMemory(p, dir)
	// A process is often moved to its cgroup, or becomes another program,
	// right after it has started: look a second time soon.
	if fresh || p.seen == p.born+1 || t.number-p.placedAt >= placeEvery || stat.parent != old.parent {
		p.placedAt = t.number
		if b, err := t.file.readOnce(dir + "/cgroup"); err == nil {
			p.place = parseCgroups(b)
			p.place.group = t.names.named(p.place.group)
		}
	}
	if p.titledComm != stat.comm {
		p.titledComm, p.title = stat.comm, stat.comm
		if interpreter(stat.comm) != "" || len(stat.comm) == 15 || stat.comm == "MainThread" {
			if b, err := t.file.readOnce(dir + "/cmdline"); err == nil {
				p.title = titleOf(stat.comm, b)
			}
		}
	}
	if fresh || (t.number+uint64(pid))%fdEvery == 0 {
		t.readDescriptors(p, dir)
	}
}

// readWaits adds up how long the process's threads waited for a CPU. The file
// of the process itself tells of its main thread only.
func (t *processTable) readWaits(p *process, dir string) {
	if p.threads <= 1 {
		if b, err := t.file.readOnce(dir + "/schedstat"); err == nil {
			p.wait(p.pid, parseWait(b))
		}
		return
	}
	if t.threads < p.threads {
		return // later: waiting times add up, nothing is lost
	}
	tasks, err := os.Open(dir + "/task")
	if err != nil {
		return
	}
	names, err := tasks.Readdirnames(-1)
	tasks.Close()
	if err != nil {
		return
	}
	t.threads -= len(names)
	alive := make(map[int]bool, len(names))
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		alive[tid] = true
		if b, err := t.file.readOnce(dir + "/task/" + name + "/schedstat"); err == nil {
			p.wait(tid, parseWait(b))
		}
	}
	for tid := range p.waits {
		if !alive[tid] {
			delete(p.waits, tid)
		}
	}
}

// wait notes the waiting time of a thread. A figure below the last one is that
// of a new thread with the same id.
func (p *process) wait(tid int, nanos int64) {
	if p.waits == nil {
		p.waits = map[int]int64{}
	}
	old := p.waits[tid]
	if nanos < old {
		old = 0
	}
	p.own.delay += nanos - old
	p.waits[tid] = nanos
}

func (t *processTable) readIO(p *process, dir string) {
	b, err := t.file.readOnce(dir + "/io")
	if err != nil {
		return
	}
	p.ioKnown = true
	read, written := parseIO(b)
	p.io.read, p.io.written = max(p.io.read, read), max(p.io.written, written)
}

func (t *processTable) readMemory(p *process, dir string) {
	p.taskStat.resident = max(p.taskStat.resident, 0)
	p.resident = p.taskStat.resident * pageSize
	if p.resident < sharedWorthwhile {
		p.shared = min(p.shared, p.resident)
		return
	}
	if p.statmAt == p.taskStat.resident {
		return
	}
	p.statmAt = p.taskStat.resident
	if b, err := t.file.readOnce(dir + "/statm"); err == nil {
		resident, shared := parseStatm(b)
		p.resident, p.shared = resident*pageSize, shared*pageSize
	}
}

// readDescriptors compares the number of open descriptors with the soft limit.
// Newer kernels (6.2) tell the number as the size of the directory, to
// everyone; on older ones the directory is counted where that is allowed.
func (t *processTable) readDescriptors(p *process, dir string) {
	b, err := t.file.readOnce(dir + "/limits")
	if err != nil {
		return
	}
	limit := parseOpenFilesLimit(b)
	if limit <= 0 {
		p.fdRatio = 0
		return
	}
	var st unix.Stat_t
	if err := unix.Stat(dir+"/fd", &st); err != nil {
		return
	}
	open := st.Size
	if open == 0 {
		names, err := listNames(filepath.Join(dir, "fd"))
		if err != nil {
			return
		}
		open = int64(len(names))
	}
	p.fdRatio = float64(open) / float64(limit)
}

func listNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// report tells the sources what could not be read in the last pass.
func (t *processTable) report(sources *sourceBoard, err error) {
	switch {
	case err != nil:
		err = fmt.Errorf("the list of processes: %w", err)
	case t.missed > 0:
		err = fmt.Errorf("%d processes past the bound of %d are not looked at", t.missed, maxProcesses)
	case t.procs[1] == nil:
		err = errors.New("processes of other users are hidden (hidepid); run as root or in the group that may see them")
	}
	sources.report("processes", err)
	unread, all := 0, 0
	for _, p := range t.procs {
		if !p.kernel {
			all++
			if !p.ioKnown {
				unread++
			}
		}
	}
	sources.report("process-io", hiddenIO(unread, all, os.Geteuid() == 0))
}

// hiddenIO tells whether so many processes hide their I/O that who reads and
// writes cannot be told. Some hide from root, too, where it may not trace others
// (a browser's do): on a small machine that is many of all, and no failure.
func hiddenIO(unread, all int, root bool) error {
	switch {
	case root && unread*2 > all:
		return fmt.Errorf("I/O of %d of %d processes may not be read, even by root; grant CAP_SYS_PTRACE to see who reads and writes", unread, all)
	case !root && unread*10 > all:
		return fmt.Errorf("I/O of %d of %d processes may not be read; run as root to see who reads and writes", unread, all)
	}
	return nil
}
