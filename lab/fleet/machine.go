package fleet

import "fmt"

const gb = 1 << 30

// rate is a metric's name with what is usual for it.
type rate struct {
	name string
	is   float64
}

// machine is a node_exporter on eight cores with what its usual collectors
// give.
func machine(p *page) {
	for cpu := range 8 {
		c := fmt.Sprint(cpu)
		for _, x := range []rate{{"idle", .72}, {"user", .18}, {"system", .06}, {"iowait", .01}, {"irq", .005}, {"softirq", .01}, {"steal", .001}, {"nice", .001}} {
			p.seconds("node_cpu_seconds_total", label("cpu", c, "mode", x.name), x.is)
		}
		p.seconds("node_cpu_guest_seconds_total", label("cpu", c, "mode", "user"), 0)
		p.seconds("node_cpu_guest_seconds_total", label("cpu", c, "mode", "nice"), 0)
		p.seconds("node_schedstat_running_seconds_total", label("cpu", c), .28)
		p.seconds("node_schedstat_waiting_seconds_total", label("cpu", c), .01)
		p.counter("node_schedstat_timeslices_total", label("cpu", c), 800)
		p.counter("node_softnet_processed_total", label("cpu", c), 900)
		p.counter("node_softnet_dropped_total", label("cpu", c), 0)
		p.counter("node_softnet_times_squeezed_total", label("cpu", c), .01)
		p.gauge("node_cpu_scaling_frequency_hertz", label("cpu", c), 2.4e9)
		p.fixed("node_cpu_scaling_frequency_max_hertz", label("cpu", c), 3.5e9)
	}
	p.fixed("node_memory_MemTotal_bytes", "", 32*gb)
	for _, x := range []rate{{"MemFree", 4}, {"MemAvailable", 18}, {"Buffers", .5}, {"Cached", 12}, {"SwapCached", 0}, {"Active", 9}, {"Inactive", 11}, {"Active_anon", 6}, {"Inactive_anon", 2}, {"Active_file", 3}, {"Inactive_file", 9}, {"Unevictable", .1}, {"Mlocked", .1}, {"Dirty", .01}, {"Writeback", 0}, {"AnonPages", 8}, {"Mapped", 2}, {"Shmem", .3}, {"Slab", 1}, {"SReclaimable", .7}, {"SUnreclaim", .3}, {"KernelStack", .02}, {"PageTables", .08}, {"CommitLimit", 16}, {"Committed_AS", 14}, {"VmallocTotal", 32768}, {"VmallocUsed", .2}, {"Percpu", .01}, {"AnonHugePages", 1}, {"KReclaimable", .7}, {"DirectMap2M", 30}, {"DirectMap4k", 2}, {"SwapTotal", 0}, {"SwapFree", 0}, {"Bounce", 0}, {"HugePages_Total", 0}, {"HugePages_Free", 0}, {"Hugepagesize", .002}} {
		p.gauge("node_memory_"+x.name+"_bytes", "", x.is*gb)
	}
	for _, x := range []rate{{"pgfault", 4000}, {"pgmajfault", .02}, {"pgpgin", 90}, {"pgpgout", 900}, {"pswpin", 0}, {"pswpout", 0}, {"oom_kill", 0}} {
		p.counter("node_vmstat_"+x.name, "", x.is)
	}
	for _, name := range []string{"cpu", "memory", "io"} {
		p.seconds("node_pressure_"+name+"_waiting_seconds_total", "", .01)
		if name != "cpu" {
			p.seconds("node_pressure_"+name+"_stalled_seconds_total", "", .004)
		}
	}
	for d := range 3 {
		disk := label("device", fmt.Sprintf("nvme%dn1", d))
		for _, x := range []rate{{"reads_completed_total", 20}, {"reads_merged_total", 1}, {"read_bytes_total", 4e5}, {"writes_completed_total", 90}, {"writes_merged_total", 30}, {"written_bytes_total", 2e6}, {"discards_completed_total", 0}, {"discards_merged_total", 0}, {"discarded_sectors_total", 0}, {"flush_requests_total", 9}} {
			p.counter("node_disk_"+x.name, disk, x.is)
		}
		for _, x := range []rate{{"read_time_seconds_total", .02}, {"write_time_seconds_total", .1}, {"io_time_seconds_total", .08}, {"io_time_weighted_seconds_total", .12}, {"discard_time_seconds_total", 0}, {"flush_requests_time_seconds_total", .01}} {
			p.seconds("node_disk_"+x.name, disk, x.is)
		}
		p.fixed("node_disk_io_now", disk, 0)
		p.fixed("node_disk_info", label("device", fmt.Sprintf("nvme%dn1", d), "major", "259", "minor", fmt.Sprint(d), "model", "disk"), 1)
	}
	for d, mount := range []string{"/", "/boot", "/var", "/var/lib/containerd", "/srv"} {
		fs := label("device", fmt.Sprintf("/dev/nvme%dn1p%d", d%3, d), "fstype", "ext4", "mountpoint", mount)
		p.fixed("node_filesystem_size_bytes", fs, 200*gb)
		p.gauge("node_filesystem_avail_bytes", fs, 110*gb)
		p.gauge("node_filesystem_free_bytes", fs, 120*gb)
		p.fixed("node_filesystem_files", fs, 1.3e7)
		p.gauge("node_filesystem_files_free", fs, 1.2e7)
		p.fixed("node_filesystem_readonly", fs, 0)
		p.fixed("node_filesystem_device_error", fs, 0)
	}
	for d := range 8 {
		device := []string{"lo", "eth0", "cni0", "flannel.1", "veth1", "veth2", "veth3", "veth4"}[d]
		card := label("device", device)
		for _, way := range []string{"receive", "transmit"} {
			for _, x := range []rate{{"bytes", 3e5}, {"packets", 400}, {"errs", 0}, {"drop", 0}, {"fifo", 0}, {"compressed", 0}} {
				p.counter("node_network_"+way+"_"+x.name+"_total", card, x.is)
			}
		}
		for _, x := range []rate{{"receive_frame_total", 0}, {"receive_multicast_total", .1}, {"transmit_carrier_total", 0}, {"transmit_colls_total", 0}, {"carrier_changes_total", 0}, {"carrier_up_changes_total", 0}, {"carrier_down_changes_total", 0}} {
			p.counter("node_network_"+x.name, card, x.is)
		}
		for _, name := range []string{"up", "mtu_bytes", "address_assign_type", "carrier", "dormant", "flags", "iface_id", "iface_link", "iface_link_mode", "net_dev_group", "protocol_type", "transmit_queue_length", "device_id"} {
			p.fixed("node_network_"+name, card, 1)
		}
		p.fixed("node_network_speed_bytes", card, 1.25e9)
		p.fixed("node_network_info", label("device", device, "address", "02:00:00:00:00:01", "broadcast", "ff:ff:ff:ff:ff:ff", "duplex", "full", "operstate", "up"), 1)
		p.fixed("node_arp_entries", card, 4)
	}
	for _, x := range []rate{{"Tcp_ActiveOpens", 8}, {"Tcp_PassiveOpens", 8}, {"Tcp_InSegs", 900}, {"Tcp_OutSegs", 950}, {"Tcp_RetransSegs", .3}, {"Tcp_InErrs", 0}, {"Tcp_OutRsts", .2}, {"Tcp_CurrEstab", 0}, {"TcpExt_ListenOverflows", 0}, {"TcpExt_ListenDrops", 0}, {"TcpExt_SyncookiesFailed", 0}, {"TcpExt_SyncookiesRecv", 0}, {"TcpExt_SyncookiesSent", 0}, {"TcpExt_TCPSynRetrans", .01}, {"TcpExt_TCPTimeouts", .02}, {"TcpExt_TCPOFOQueue", .1}, {"TcpExt_TCPRcvQDrop", 0}, {"Udp_InDatagrams", 9}, {"Udp_OutDatagrams", 9}, {"Udp_InErrors", 0}, {"Udp_NoPorts", 0}, {"Udp_RcvbufErrors", 0}, {"Udp_SndbufErrors", 0}, {"UdpLite_InErrors", 0}, {"Icmp_InErrors", 0}, {"Icmp_InMsgs", .1}, {"Icmp_OutMsgs", .1}, {"Ip_Forwarding", 0}, {"IpExt_InOctets", 3e5}, {"IpExt_OutOctets", 3e5}, {"Ip6_InOctets", 10}, {"Ip6_OutOctets", 10}, {"Icmp6_InErrors", 0}, {"Icmp6_InMsgs", 0}, {"Icmp6_OutMsgs", 0}, {"Udp6_InDatagrams", 0}, {"Udp6_OutDatagrams", 0}, {"Udp6_InErrors", 0}, {"Udp6_NoPorts", 0}} {
		p.counter("node_netstat_"+x.name, "", x.is)
	}
	for _, name := range []string{"TCP_alloc", "TCP_inuse", "TCP_orphan", "TCP_tw", "TCP_mem", "TCP_mem_bytes", "UDP_inuse", "UDP_mem", "UDP_mem_bytes", "sockets_used", "RAW_inuse", "FRAG_inuse", "FRAG_memory", "TCP6_inuse", "UDP6_inuse", "UDPLITE_inuse"} {
		p.gauge("node_sockstat_"+name, "", 120)
	}
	p.gauge("node_nf_conntrack_entries", "", 9000)
	p.fixed("node_nf_conntrack_entries_limit", "", 262144)
	for _, name := range []string{"load1", "load5", "load15"} {
		p.gauge("node_"+name, "", 2.4)
	}
	p.gauge("node_filefd_allocated", "", 5000)
	p.fixed("node_filefd_maximum", "", 9e18)
	p.fixed("node_timex_sync_status", "", 1)
	p.fixed("node_timex_offset_seconds", "", 1e-5)
	for _, name := range []string{"estimated_error_seconds", "maxerror_seconds", "frequency_adjustment_ratio", "loop_time_constant", "tick_seconds", "tai_offset_seconds", "status", "pps_jitter_seconds", "pps_stability_hertz", "pps_frequency_hertz"} {
		p.fixed("node_timex_"+name, "", .001)
	}
	p.counter("node_context_switches_total", "", 9000)
	p.counter("node_intr_total", "", 7000)
	p.counter("node_forks_total", "", 6)
	p.gauge("node_procs_running", "", 3)
	p.fixed("node_procs_blocked", "", 0)
	p.gauge("node_entropy_available_bits", "", 256)
	p.fixed("node_boot_time_seconds", "", epoch)
	p.fixed("node_time_seconds", "", p.t)
	p.fixed("node_uname_info", label("domainname", "(none)", "machine", "x86_64", "nodename", "node", "release", "6.1.0", "sysname", "Linux", "version", "#1"), 1)
	for _, c := range []string{"arp", "bcache", "bonding", "btrfs", "conntrack", "cpu", "cpufreq", "diskstats", "dmi", "edac", "entropy", "fibrechannel", "filefd", "filesystem", "hwmon", "infiniband", "ipvs", "loadavg", "mdadm", "meminfo", "netclass", "netdev", "netstat", "nfs", "nvme", "os", "powersupplyclass", "pressure", "rapl", "schedstat", "selinux", "sockstat", "softnet", "stat", "thermal_zone", "time", "timex", "udp_queues", "uname", "vmstat", "xfs", "zfs"} {
		p.gauge("node_scrape_collector_duration_seconds", label("collector", c), .001)
		p.fixed("node_scrape_collector_success", label("collector", c), 1)
	}
	for s := range 4 {
		chip := label("chip", "platform_coretemp_0", "sensor", fmt.Sprintf("temp%d", s))
		p.gauge("node_hwmon_temp_celsius", chip, 45)
		p.fixed("node_hwmon_temp_crit_celsius", chip, 100)
		p.fixed("node_hwmon_temp_max_celsius", chip, 90)
	}
	runtime(p, "go1.22")
}

// runtime is what every Go program tells of itself.
func runtime(p *page, version string) {
	p.fixed("go_info", label("version", version), 1)
	p.gauge("go_goroutines", "", 40)
	p.gauge("go_threads", "", 12)
	for _, q := range []string{"0", "0.25", "0.5", "0.75", "1"} {
		p.gauge("go_gc_duration_seconds", label("quantile", q), 2e-4)
	}
	p.seconds("go_gc_duration_seconds_sum", "", 5e-4)
	p.counter("go_gc_duration_seconds_count", "", .1)
	for _, name := range []string{"alloc_bytes", "heap_alloc_bytes", "heap_idle_bytes", "heap_inuse_bytes", "heap_objects", "heap_released_bytes", "heap_sys_bytes", "stack_inuse_bytes", "stack_sys_bytes", "mspan_inuse_bytes", "mspan_sys_bytes", "mcache_inuse_bytes", "mcache_sys_bytes", "gc_sys_bytes", "buck_hash_sys_bytes", "next_gc_bytes", "other_sys_bytes", "sys_bytes", "last_gc_time_seconds"} {
		p.gauge("go_memstats_"+name, "", 2e7)
	}
	p.counter("go_memstats_alloc_bytes_total", "", 1e6)
	p.counter("go_memstats_mallocs_total", "", 9000)
	p.counter("go_memstats_frees_total", "", 9000)
	p.seconds("process_cpu_seconds_total", "", .05)
	p.gauge("process_open_fds", "", 40)
	p.fixed("process_max_fds", "", 1048576)
	p.gauge("process_resident_memory_bytes", "", 6e7)
	p.gauge("process_virtual_memory_bytes", "", 9e8)
	p.fixed("process_virtual_memory_max_bytes", "", -1)
	p.fixed("process_start_time_seconds", "", epoch)
}
