package main

import (
	"fmt"
	"math"
)

// machine is a node_exporter. The last one holds the databases and does most of
// the nightly batch; logs fill its disk by day and are cleared at night.
type machine struct {
	exporter *exporter
	number   int
	cpu, net wander
}

func (m *machine) write(e *estate, s *sheet) {
	page, step := m.exporter, s.step.Seconds()
	s.up(page)
	load, data := e.services[0].rate, m.number == 3
	busy := .06 + .004*load
	batch := 0.0
	if data {
		batch = e.batch(s.at)
		busy += .75 * batch
	}
	busy = min(.97, busy*math.Exp(m.cpu.next(s.r, .1, .8)))
	wait := .004 + .08*batch
	for cpu := range 4 {
		c := fmt.Sprint(cpu)
		s.count(page, max(0, 1-busy-wait)*step, "node_cpu_seconds_total", "cpu", c, "mode", "idle")
		s.count(page, busy*.75*step, "node_cpu_seconds_total", "cpu", c, "mode", "user")
		s.count(page, busy*.25*step, "node_cpu_seconds_total", "cpu", c, "mode", "system")
		s.count(page, wait*step, "node_cpu_seconds_total", "cpu", c, "mode", "iowait")
		s.count(page, 0, "node_cpu_seconds_total", "cpu", c, "mode", "steal")
		s.count(page, busy*busy*.05*step, "node_schedstat_waiting_seconds_total", "cpu", c)
	}
	const gb = 1 << 30
	s.gauge(page, 16*gb, "node_memory_MemTotal_bytes")
	s.gauge(page, (8-.02*load-2*batch)*gb*(1+.01*s.r.NormFloat64()), "node_memory_MemAvailable_bytes")
	s.count(page, .01*step, "node_vmstat_pgmajfault")
	for _, name := range []string{"pswpin", "pswpout", "oom_kill"} {
		s.count(page, 0, "node_vmstat_"+name)
	}
	s.count(page, .002*busy*step, "node_pressure_cpu_waiting_seconds_total")
	s.count(page, 0, "node_pressure_memory_waiting_seconds_total")
	s.count(page, (.002+.1*batch)*step, "node_pressure_io_waiting_seconds_total")
	m.disk(e, s, load, batch)
	bytes := 2e5 + 3e4*load*math.Exp(m.net.next(s.r, .05, .9))
	packets := bytes / 700
	for _, way := range []string{"receive", "transmit"} {
		s.count(page, bytes*step, "node_network_"+way+"_bytes_total", "device", "eth0")
		s.count(page, packets*step, "node_network_"+way+"_packets_total", "device", "eth0")
		s.count(page, 0, "node_network_"+way+"_errs_total", "device", "eth0")
		s.count(page, 0, "node_network_"+way+"_drop_total", "device", "eth0")
	}
	s.gauge(page, 1.25e8, "node_network_speed_bytes", "device", "eth0")
	again := .0004
	if e.faults && m.number == 2 {
		again += .06 * e.share(s.at, loss)
	}
	s.count(page, packets*step, "node_netstat_Tcp_OutSegs")
	s.count(page, float64(poisson(s.r, again*packets*step)), "node_netstat_Tcp_RetransSegs")
	s.count(page, 0, "node_netstat_TcpExt_ListenOverflows")
	s.gauge(page, 400+10*load, "node_nf_conntrack_entries")
	s.gauge(page, 262144, "node_nf_conntrack_entries_limit")
	s.gauge(page, 1, "node_timex_sync_status")
	s.gauge(page, 2e-5*s.r.NormFloat64(), "node_timex_offset_seconds")
	s.gauge(page, 2000+5*load, "node_filefd_allocated")
	s.gauge(page, 1e6, "node_filefd_maximum")
}

func (m *machine) disk(e *estate, s *sheet, load, batch float64) {
	page, step := m.exporter, s.step.Seconds()
	reads, writes := .5+.02*load, 4+.2*load
	if m.number == 3 {
		reads, writes = 2+.1*load+900*batch, 12+1.5*load+250*batch
	}
	disk := []string{"device", "nvme0n1"}
	each := .0006 * (1 + 1.2*batch) * math.Exp(.1*s.r.NormFloat64())
	s.count(page, reads*step, "node_disk_reads_completed_total", disk...)
	s.count(page, writes*step, "node_disk_writes_completed_total", disk...)
	s.count(page, reads*each*step, "node_disk_read_time_seconds_total", disk...)
	s.count(page, writes*each*step, "node_disk_write_time_seconds_total", disk...)
	s.count(page, min(.95, (reads+writes)*each)*step, "node_disk_io_time_seconds_total", disk...)
	s.count(page, (reads+writes)*each*step, "node_disk_io_time_weighted_seconds_total", disk...)
	s.count(page, reads*16e3*step, "node_disk_read_bytes_total", disk...)
	s.count(page, writes*16e3*step, "node_disk_written_bytes_total", disk...)
	const gb = 1 << 30
	hour := math.Mod(s.at.Sub(e.began).Hours()+20, 24) // cleared at four
	fs := []string{"device", "/dev/nvme0n1p1", "fstype", "ext4", "mountpoint", "/"}
	s.gauge(page, 200*gb, "node_filesystem_size_bytes", fs...)
	s.gauge(page, (90-.8*hour)*gb, "node_filesystem_avail_bytes", fs...)
	s.gauge(page, 1.3e7, "node_filesystem_files", fs...)
	s.gauge(page, 1.2e7, "node_filesystem_files_free", fs...)
	s.gauge(page, 0, "node_filesystem_readonly", fs...)
}
