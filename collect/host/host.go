// Package host watches the Linux machine that Evenkeel runs on.
//
// It has two answers. Gatherer yields figures: node_exporter's collectors, run
// in this process, and our own series that say who uses the machine: CPU,
// waiting, memory and I/O per group of processes, limits and throttling per
// cgroup, the state of TCP per peer and listener. Observe yields the estate:
// host, disks, filesystems, interfaces, units, groups and listeners, how they
// hang together, and what changed since the last look.
//
// A group is a systemd unit, a container, or else all processes that one
// program started (see naming.go). Counters of a group never fall while it is
// listed although its processes come and go (see ledger.go).
//
// Invariants: the number of series is bounded (Config.Groups and the limits in
// each file); no command line argument but a script's file name is ever used;
// nothing on the machine is changed.
//
// Failure behaviour: root is not needed. What may not or cannot be read is
// absent, never zero, and evenkeel_host_source_up of its source turns 0. The
// reasons are in Sources.
package host

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Host watches this machine. It is safe for concurrent use.
type Host struct {
	cfg     Config
	name    string
	sources *sourceBoard
	node    *nodeCollectors
	reg     *prometheus.Registry

	mu        sync.Mutex // guards everything below
	groups    *groupWatch
	cgroups   *cgroupWatch
	kernelLog *kernelLog
	owners    *owners
	stores    *stores
	tcp       *tcpWatch
	faults    *faultWatch
	view      view
}

// New prepares to watch. It fails if /proc cannot be read at all. All hosts of
// one process must have the same roots.
func New(cfg Config, log *slog.Logger) (*Host, error) {
	h, err := prepare(cfg, log)
	if err != nil {
		return nil, err
	}
	h.node, err = newNodeCollectors(h.cfg, h.sources)
	if err != nil {
		return nil, err
	}
	h.reg = prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{h.node, ownCollector{h}} {
		if err := h.reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the host's collectors: %w", err)
		}
	}
	return h, nil
}

// prepare makes everything but node_exporter's collectors, whose settings
// hold for the whole process.
func prepare(cfg Config, log *slog.Logger) (*Host, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	name := cfg.Name
	if name == "" {
		var err error
		if name, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("the machine's host name: %w; set host.name in the configuration", err)
		}
	}
	r := cfg.roots()
	boot, err := readBoot(r)
	if err != nil {
		return nil, fmt.Errorf("the machine's figures: %w; is /proc mounted?", err)
	}
	sources := newSourceBoard(log)
	return &Host{
		cfg: cfg, name: name, sources: sources,
		groups:    newGroupWatch(cfg, boot, sources),
		cgroups:   newCgroupWatch(r),
		kernelLog: openKernelLog(r.rootPath("dev/kmsg")),
		owners:    newOwners(r),
		stores:    newStores(r),
		tcp:       newTCPWatch(),
		faults:    newFaultWatch(r),
		view:      view{shown: map[string]shown{}, firstSeen: map[string]time.Time{}},
	}, nil
}

// Name is the host's name: part of entity ids and the instance label.
func (h *Host) Name() string { return h.name }

// Gatherer yields all figures of this moment. Each call looks anew; rounds
// closer together than a second share what is known of processes.
func (h *Host) Gatherer() prometheus.Gatherer { return h.reg }

// ownCollector yields the series that node_exporter lacks.
type ownCollector struct{ h *Host }

// Describe sends nothing: the collector is unchecked, because which series
// there are depends on what the machine lets us read.
func (c ownCollector) Describe(chan<- *prometheus.Desc) {}

func (c ownCollector) Collect(ch chan<- prometheus.Metric) {
	h := c.h
	h.mu.Lock()
	defer h.mu.Unlock()
	e := emitter{ch}
	now := time.Now()
	h.look(now)
	h.emitTCP(e, now)
	h.groups.emit(e)
	h.cgroups.emit(e)
	h.faults.emit(e, now)
	emitPressure(e, h.cfg.roots(), h.sources)
	h.sources.emit(e)
}

// look takes a pass over the processes unless one was taken within a second.
func (h *Host) look(now time.Time) {
	if now.Sub(h.groups.at) < time.Second && !now.Before(h.groups.at) {
		return
	}
	// The log is read before the processes are: whoever was killed is then
	// still known from the pass before.
	events, err := h.kernelLog.read()
	h.sources.report("kernel-log", err)
	h.groups.pass(now)
	killed := kills(events)
	if err != nil {
		h.groups.guessKills(now)
	} else {
		h.groups.noteKills(killed, now)
	}
	h.groups.list(now)
	var named []string
	for _, k := range killed {
		named = append(named, k.oomCgroup, k.taskCgroup)
	}
	h.cgroups.look(h.groups, named)
	h.faults.note(events, err == nil)
}

// Close releases the kernel's log. What is gathered after it lacks what the log
// tells.
func (h *Host) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kernelLog.close()
}

// emitter writes constant metrics. Descriptions are made once, at start.
type emitter struct{ ch chan<- prometheus.Metric }

func (e emitter) gauge(d *prometheus.Desc, v float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (e emitter) counter(d *prometheus.Desc, v float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("evenkeel_"+name, help, labels, nil)
}
