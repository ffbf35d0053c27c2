package host

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/node_exporter/collector"
)

// always lists the collectors that fit every machine and cost little.
var always = []string{
	"conntrack", "cpu", "diskstats", "filefd", "filesystem", "loadavg", "meminfo",
	"netclass", "netdev", "netstat", "os", "pressure", "schedstat", "sockstat",
	"softnet", "stat", "time", "timex", "uname", "vmstat",
}

// where lists the collectors that are run where the machine has what they
// read, by a glob below the root that tells.
var where = map[string]string{
	"mdadm":        "proc/mdstat",
	"hwmon":        "sys/class/hwmon/hwmon*",
	"edac":         "sys/devices/system/edac/mc/mc*",
	"nvme":         "sys/class/nvme/nvme*",
	"bonding":      "sys/class/net/bonding_masters",
	"systemd":      "run/systemd/system",
	"thermal_zone": "sys/class/thermal/thermal_zone*",
}

// others are accepted from the configuration besides.
var others = []string{
	"arp", "bcache", "btrfs", "buddyinfo", "cpufreq", "dmi", "drbd", "entropy", "ethtool",
	"fibrechannel", "infiniband", "interrupts", "ipvs", "ksmd", "logind", "meminfo_numa",
	"mountstats", "network_route", "nfs", "nfsd", "powersupplyclass", "processes", "qdisc",
	"rapl", "selinux", "slabinfo", "softirqs", "swap", "tapestats", "textfile", "udp_queues",
	"watchdog", "xfs", "zfs", "zoneinfo",
}

func knownCollector(name string) bool {
	_, conditional := where[name]
	return conditional || slices.Contains(always, name) || slices.Contains(others, name)
}

// Devices and filesystems that come and go by themselves, or that only mirror
// others, would add series and no knowledge.
const (
	virtualInterfaces = `^(veth.*|cali.*|lxc.*|cni.*|flannel.*|dummy\d*|ifb\d*|tunl\d*|ip6tnl\d*|sit\d*|gre\d*|gretap\d*|erspan\d*)$`
	virtualDisks      = `^(z?ram\d*|fd\d*|sr\d*|(h|s|v|xv)d[a-z]+\d+|nvme\d+n\d+p\d+|mmcblk\d+(p\d+|boot\d+|rpmb))$`
	pseudoFilesystems = `^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|fuse\.(lxcfs|portal|gvfsd-fuse|snapfuse)|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs|ramfs)$`
	hiddenMounts      = `^/(dev|proc|sys|run/(credentials|user|netns)|var/lib/(docker|containers|containerd|kubelet)|snap)($|/)`
	netstatFields     = `^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPLostRetransmit|TCPOFOQueue|TCPRcvQDrop|TCPReqQFullDrop|TCPReqQFullDoCookies|TCPAbortOnMemory|TCPAbortOnTimeout|TCPBacklogDrop)|Tcp_(ActiveOpens|AttemptFails|EstabResets|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$`
	vmstatFields      = `^(oom_kill|pgpg|pswp|pg.*fault|allocstall_.*|compact_stall|workingset_refault_.*|pgscan_(direct|kswapd)|pgsteal_(direct|kswapd)).*`
)

var (
	parseOnce sync.Once
	parseErr  error
	parsed    roots
)

// parseFlags gives node_exporter its settings. It registers them as flags of
// the process-wide kingpin parser and loads no collector at all, without an
// error, unless that parser has run; so it runs here, once, on arguments of
// our own.
func parseFlags(cfg Config) error {
	parseOnce.Do(func() {
		parsed = cfg.roots()
		types := pseudoFilesystems
		if overlayRoot(parsed) {
			types = strings.Replace(types, "|overlay", "", 1)
		}
		_, parseErr = kingpin.CommandLine.Parse([]string{
			"--path.procfs=" + cfg.ProcRoot,
			"--path.sysfs=" + cfg.SysRoot,
			"--path.rootfs=" + cfg.Root,
			"--path.udev.data=" + filepath.Join(cfg.Root, "run/udev/data"),
			"--collector.filesystem.fs-types-exclude=" + types,
			"--collector.filesystem.mount-points-exclude=" + hiddenMounts,
			"--collector.filesystem.mount-timeout=2s",
			"--collector.diskstats.device-exclude=" + virtualDisks,
			"--collector.netdev.device-exclude=" + virtualInterfaces,
			"--collector.netclass.ignored-devices=" + virtualInterfaces,
			"--collector.netclass.ignore-invalid-speed",
			"--no-collector.cpu.guest",
			"--collector.netstat.fields=" + netstatFields,
			"--collector.vmstat.fields=" + vmstatFields,
			"--collector.systemd.unit-include=.+\\.service",
			"--collector.systemd.enable-restarts-metrics",
		})
	})
	if parseErr != nil {
		return fmt.Errorf("settings of node_exporter's collectors: %w", parseErr)
	}
	if parsed != cfg.roots() {
		return fmt.Errorf("node_exporter's collectors read %s, %s and %s for this whole process; another host with other roots cannot be watched by it",
			parsed.proc, parsed.sys, parsed.root)
	}
	return nil
}

// nodeCollectors runs node_exporter's collectors one after the other: on a
// small machine that is cheaper than its own goroutine for each.
type nodeCollectors struct {
	names   []string
	byName  map[string]collector.Collector
	broken  map[string]error // those that could not start
	sources *sourceBoard
	roots   roots
}

var descNodeSuccess = prometheus.NewDesc("node_scrape_collector_success",
	"node_exporter: Whether a collector succeeded.", []string{"collector"}, nil)

func newNodeCollectors(cfg Config, sources *sourceBoard) (*nodeCollectors, error) {
	if err := parseFlags(cfg); err != nil {
		return nil, err
	}
	names := cfg.Collectors
	if len(names) == 0 {
		names = slices.Clone(always)
		for name, glob := range where {
			if present(cfg, glob) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	n := &nodeCollectors{names: slices.Compact(names), sources: sources, roots: cfg.roots(),
		byName: map[string]collector.Collector{}, broken: map[string]error{}}
	// What fails comes back as an error and goes to the sources; the rest
	// of what the collectors have to say helps nobody.
	quiet := slog.New(slog.DiscardHandler)
	for _, name := range n.names {
		// One at a time, so that one that cannot start on this machine
		// does not take the others with it.
		made, err := collector.NewNodeCollector(quiet, name)
		if err != nil {
			n.broken[name] = err
			continue
		}
		for _, c := range made.Collectors {
			n.byName[name] = c
		}
	}
	if len(n.byName) == 0 {
		return nil, errors.New("none of node_exporter's collectors could be started")
	}
	return n, nil
}

func present(cfg Config, glob string) bool {
	path := filepath.Join(cfg.Root, glob)
	switch {
	case strings.HasPrefix(glob, "proc/"):
		path = filepath.Join(cfg.ProcRoot, strings.TrimPrefix(glob, "proc/"))
	case strings.HasPrefix(glob, "sys/"):
		path = filepath.Join(cfg.SysRoot, strings.TrimPrefix(glob, "sys/"))
	}
	found, _ := filepath.Glob(path) // the patterns are constants and well-formed
	if len(found) == 0 {
		return false
	}
	_, err := os.Stat(found[0])
	return err == nil
}

// Describe sends nothing: node_exporter's collectors make their descriptions
// as they go.
func (n *nodeCollectors) Describe(chan<- *prometheus.Desc) {}

func (n *nodeCollectors) Collect(ch chan<- prometheus.Metric) {
	var errs []error
	for _, name := range n.names {
		err := n.broken[name]
		if c := n.byName[name]; c != nil {
			err = n.update(name, c, ch)
		}
		if collector.IsNoDataError(err) {
			continue // the machine has none of it
		}
		success := 1.0
		if err != nil {
			success = 0
			errs = append(errs, fmt.Errorf("node_exporter's collector %s: %w", name, err))
		}
		ch <- prometheus.MustNewConstMetric(descNodeSuccess, prometheus.GaugeValue, success, name)
	}
	n.sources.report("node", errors.Join(errs...))
}

// update runs one collector, without the series that would be noise.
func (n *nodeCollectors) update(name string, c collector.Collector, ch chan<- prometheus.Metric) error {
	if name != "diskstats" && name != "systemd" {
		return c.Update(ch)
	}
	detached := map[string]bool{}
	all := make(chan prometheus.Metric)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m := range all {
			if !n.noise(m, detached) {
				ch <- m
			}
		}
	}()
	err := c.Update(all)
	close(all)
	<-done
	return err
}

// noise tells the series of a loop device that no file is attached to, and
// those of the states that a unit is not in, but for "failed".
func (n *nodeCollectors) noise(m prometheus.Metric, detached map[string]bool) bool {
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		return false // the registry will tell
	}
	var unit, state string
	for _, l := range d.Label {
		switch l.GetName() {
		case "device":
			device := l.GetValue()
			if !strings.HasPrefix(device, "loop") {
				return false
			}
			off, known := detached[device]
			if !known {
				_, err := os.Stat(n.roots.sysPath("block", device, "loop"))
				off = err != nil
				detached[device] = off
			}
			return off
		case "name":
			unit = l.GetValue()
		case "state":
			state = l.GetValue()
		}
	}
	return unit != "" && state != "" && state != "failed" && d.GetGauge().GetValue() == 0
}
