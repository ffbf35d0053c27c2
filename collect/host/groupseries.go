package host

var (
	groupLabels = []string{"group", "kind"}

	descGroupCPU     = describe("group_cpu_seconds_total", "CPU time of a group's processes.", groupLabels...)
	descGroupDelay   = describe("group_cpu_delay_seconds_total", "Time that a group's runnable tasks waited for a CPU.", groupLabels...)
	descGroupIODelay = describe("group_io_delay_seconds_total", "Time that a group's tasks waited for block I/O.", groupLabels...)
	descGroupMemory  = describe("group_memory_bytes", "Resident memory of a group, shared pages counted once.", groupLabels...)
	descGroupRead    = describe("group_read_bytes_total", "Bytes that a group caused to be read from block devices.", groupLabels...)
	descGroupWritten = describe("group_written_bytes_total", "Bytes that a group caused to be written to block devices.", groupLabels...)
	descGroupFaults  = describe("group_major_faults_total", "Page faults of a group that needed I/O.", groupLabels...)
	descGroupProcs   = describe("group_processes", "Processes of a group.", groupLabels...)
	descGroupThreads = describe("group_threads", "Threads of a group.", groupLabels...)
	descGroupD       = describe("group_uninterruptible", "Processes of a group in uninterruptible sleep.", groupLabels...)
	descGroupZombies = describe("group_zombies", "Ended processes that the group has not waited for.", groupLabels...)
	descGroupFDs     = describe("group_open_fds_ratio", "Open descriptors over the soft limit, of the group's fullest process.", groupLabels...)
	descGroupStarts  = describe("group_starts_total", "Starts of the group's leading process seen.", groupLabels...)
	descGroupOOM     = describe("group_oom_kills_total", "Processes of the group that the kernel killed for memory.", groupLabels...)
	descGroupRetrans = describe("group_tcp_retransmits_total", "TCP segments that the group's sockets sent again.", groupLabels...)
)

// emit writes the series of the listed groups, and of all others as one.
func (w *groupWatch) emit(e emitter) {
	unlisted := 0
	for _, g := range w.groups {
		if g.listed {
			w.emitGroup(e, g)
		} else {
			unlisted++
		}
	}
	if unlisted > 0 || w.others.total != (use{}) {
		w.others.key = groupKey{kindGroup, "(others)"}
		w.emitGroup(e, &w.others)
	}
}

func (w *groupWatch) emitGroup(e emitter, g *group) {
	name, kind := g.key.name, g.key.kind
	e.counter(descGroupCPU, float64(g.total.cpu)/userHz, name, kind)
	e.counter(descGroupDelay, float64(g.total.delay)/1e9, name, kind)
	if w.table.ioKept {
		e.counter(descGroupIODelay, float64(g.total.ioDelay)/userHz, name, kind)
	}
	e.gauge(descGroupProcs, float64(g.processes), name, kind)
	e.gauge(descGroupThreads, float64(g.threads), name, kind)
	e.gauge(descGroupD, float64(g.uninterruptible), name, kind)
	if g.key == kernelGroup {
		return // has no memory, descriptors or starts of its own
	}
	e.gauge(descGroupMemory, float64(g.memory), name, kind)
	e.gauge(descGroupZombies, float64(g.zombies), name, kind)
	e.counter(descGroupFaults, float64(g.total.faults), name, kind)
	if g.ioKnown {
		e.counter(descGroupRead, float64(g.total.read), name, kind)
		e.counter(descGroupWritten, float64(g.total.written), name, kind)
	}
	if g.fdRatio >= 0 {
		e.gauge(descGroupFDs, g.fdRatio, name, kind)
	}
	e.counter(descGroupStarts, float64(g.starts), name, kind)
	e.counter(descGroupOOM, g.oomKills.show(), name, kind)
	if g.retransmits.count > 0 {
		e.counter(descGroupRetrans, g.retransmits.show(), name, kind)
	}
}
