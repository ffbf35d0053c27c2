package host

import (
	"bytes"
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// cgroup is a control group with a limit of CPU or memory.
type cgroup struct {
	path  string
	group groupKey // who is in it; kept when it empties
	oom   rare
	seen  bool

	cpuDir, memoryDir string // "" where it has no such limit
	quota             float64
	limit             int64
	periods           int64
	throttled         int64
	throttledSeconds  float64
	memory            int64
}

// hierarchy is a mounted tree of control groups.
type hierarchy struct {
	dir     string // where it is mounted
	root    string // the part of the tree that is mounted there
	unified bool   // version 2
}

// cgroupWatch follows the control groups that have limits. It looks for them
// where processes are, and now and then in the whole tree, for one may have
// emptied before it was seen.
type cgroupWatch struct {
	roots  roots
	file   fileReader
	cpu    []hierarchy
	memory []hierarchy
	round  int
	all    map[string]*cgroup
	// unlimited are paths without limits, and the round of the last look.
	unlimited map[string]int
}

const (
	maxCgroups      = 100  // with limits; more are left out
	maxWalked       = 1000 // directories in one walk
	maxDepth        = 6
	walkEvery       = 4
	recheckEvery    = 2              // rounds until a limit is looked for again
	unlimitedMemory = int64(1) << 60 // version 1 writes a huge number for none
)

var (
	cgroupLabels        = []string{"cgroup", "group"}
	descCgroupPeriods   = describe("cgroup_cpu_periods_total", "Periods of a CPU quota in which the cgroup ran.", cgroupLabels...)
	descCgroupThrottled = describe("cgroup_cpu_throttled_periods_total", "Periods in which the cgroup had used up its CPU quota.", cgroupLabels...)
	descCgroupWaited    = describe("cgroup_cpu_throttled_seconds_total", "Time that the cgroup was kept from the CPU by its quota.", cgroupLabels...)
	descCgroupQuota     = describe("cgroup_cpu_quota_cores", "CPU quota of the cgroup.", cgroupLabels...)
	descCgroupMemory    = describe("cgroup_memory_bytes", "Memory charged to the cgroup, without file cache.", cgroupLabels...)
	descCgroupLimit     = describe("cgroup_memory_limit_bytes", "Memory limit of the cgroup.", cgroupLabels...)
	descCgroupOOM       = describe("cgroup_oom_kills_total", "Processes of the cgroup that the kernel killed for memory.", cgroupLabels...)
)

func newCgroupWatch(r roots) *cgroupWatch {
	w := &cgroupWatch{roots: r, all: map[string]*cgroup{}, unlimited: map[string]int{}}
	b, _ := readMountinfo(r, &w.file) // without it there is no cgroup to follow
	w.cpu, w.memory = hierarchies(b, r)
	return w
}

// hierarchies finds the mounted trees in mountinfo. On a machine with both
// versions a controller is in one of them only; the other's files are missing
// there, so both are asked.
func hierarchies(mountinfo []byte, r roots) (cpu, memory []hierarchy) {
	for line := range bytes.Lines(mountinfo) {
		left, right, ok := strings.Cut(strings.TrimSpace(string(line)), " - ")
		l, rest := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(rest) < 3 {
			continue
		}
		h := hierarchy{dir: r.rootPath(unescapeMount(l[4])), root: l[3], unified: rest[0] == "cgroup2"}
		if r.sys != "/sys" {
			if below, ok := strings.CutPrefix(l[4], "/sys/"); ok {
				h.dir = r.sysPath(below)
			}
		}
		options := strings.Split(rest[2], ",")
		switch {
		case h.unified:
			cpu, memory = append(cpu, h), append(memory, h)
		case rest[0] == "cgroup":
			if slices.Contains(options, "cpu") {
				cpu = append(cpu, h)
			}
			if slices.Contains(options, "memory") {
				memory = append(memory, h)
			}
		}
	}
	return cpu, memory
}

// below returns the directory of a cgroup in a hierarchy, or "" where it lies
// outside of the mounted part.
func (h hierarchy) below(cgroup string) string {
	if h.root != "/" {
		rest, ok := strings.CutPrefix(cgroup, h.root)
		if !ok {
			return ""
		}
		cgroup = rest
	}
	return filepath.Join(h.dir, cgroup)
}

// look finds the limited control groups and reads their figures. Paths named
// by the kernel's log are looked at too.
func (w *cgroupWatch) look(groups *groupWatch, named []string) {
	// Who is in each cgroup, weighed by memory and CPU: that names it.
	inside := map[string]map[groupKey]float64{}
	add := func(p string, key groupKey, weight float64) {
		for p != "" && p != "/" && p != "." {
			if inside[p] == nil {
				inside[p] = map[groupKey]float64{}
			}
			inside[p][key] += weight
			p = path.Dir(p)
		}
	}
	for pid, p := range groups.table.procs {
		if p.kernel {
			continue
		}
		weight := 1 + float64(p.resident)
		for _, cg := range []string{p.place.unified, p.place.memory, p.place.cpu} {
			add(cg, groups.keys[pid], weight)
		}
	}
	for _, p := range named {
		if inside[p] == nil && p != "/" {
			inside[p] = nil
		}
	}
	if w.round%walkEvery == 0 {
		for _, h := range append(slices.Clone(w.memory), w.cpu...) {
			for _, p := range w.walk(h) {
				if _, ok := inside[p]; !ok {
					inside[p] = nil
				}
			}
		}
	}
	w.round++
	for _, c := range w.all {
		c.seen = false
	}
	paths := make([]string, 0, len(inside)+len(w.all))
	for p := range inside {
		paths = append(paths, p)
	}
	for p := range w.all {
		if _, ok := inside[p]; !ok {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	for _, p := range paths {
		w.lookAt(p, inside[p], groups.table.names)
	}
	for p, c := range w.all {
		if !c.seen {
			delete(w.all, p)
		}
	}
	for p, round := range w.unlimited {
		if w.round-round > 2*recheckEvery {
			delete(w.unlimited, p)
		}
	}
}

// lookAt reads the limits and figures of one control group.
func (w *cgroupWatch) lookAt(p string, inside map[groupKey]float64, names *containerNames) {
	c, known := w.all[p]
	if !known {
		if len(w.all) >= maxCgroups {
			return
		}
		if w.round-w.unlimited[p] < recheckEvery && w.unlimited[p] > 0 {
			return
		}
		c = &cgroup{path: p}
		// The first look is at the whole tree. Kills that are found then
		// were before our time; in a cgroup that turns up later, they are new.
		c.oom.shown = w.round == 1
	}
	c.cpuDir, c.memoryDir = "", ""
	for _, h := range w.cpu {
		if quota, ok := w.quota(h, p); ok {
			c.cpuDir, c.quota = h.below(p), quota
			w.readThrottling(c, h.unified)
			break
		}
	}
	for _, h := range w.memory {
		if limit, ok := w.limit(h, p); ok {
			c.memoryDir, c.limit = h.below(p), limit
			w.readMemory(c, h.unified)
			break
		}
	}
	if c.cpuDir == "" && c.memoryDir == "" {
		w.unlimited[p] = w.round
		return
	}
	delete(w.unlimited, p)
	c.seen = true
	if key, ok := placeOf(p); ok {
		c.group = names.named(key)
	} else if _, still := inside[c.group]; !still && len(inside) > 0 {
		c.group = heaviest(inside)
	}
	w.all[p] = c
}

func heaviest(inside map[groupKey]float64) groupKey {
	keys := make([]groupKey, 0, len(inside))
	for k := range inside {
		keys = append(keys, k)
	}
	return slices.MaxFunc(keys, func(a, b groupKey) int {
		return cmp.Or(cmp.Compare(inside[a], inside[b]), cmp.Compare(a.name, b.name))
	})
}

// quota returns the CPU quota in cores, and false where there is none.
func (w *cgroupWatch) quota(h hierarchy, p string) (float64, bool) {
	dir := h.below(p)
	if dir == "" {
		return 0, false
	}
	if h.unified {
		b, err := w.file.read(dir + "/cpu.max")
		if err != nil {
			return 0, false
		}
		f := bytes.Fields(b)
		if len(f) != 2 || string(f[0]) == "max" || parseInt(f[1]) <= 0 {
			return 0, false
		}
		return float64(parseInt(f[0])) / float64(parseInt(f[1])), true
	}
	quota, err := w.file.number(dir + "/cpu.cfs_quota_us")
	if err != nil || quota <= 0 {
		return 0, false
	}
	period, err := w.file.number(dir + "/cpu.cfs_period_us")
	if err != nil || period <= 0 {
		return 0, false
	}
	return float64(quota) / float64(period), true
}

// limit returns the memory limit in bytes, and false where there is none.
func (w *cgroupWatch) limit(h hierarchy, p string) (int64, bool) {
	dir := h.below(p)
	if dir == "" {
		return 0, false
	}
	file := "/memory.limit_in_bytes"
	if h.unified {
		file = "/memory.max" // "max" is no number
	}
	limit, err := w.file.number(dir + file)
	return limit, err == nil && limit < unlimitedMemory
}

func (w *cgroupWatch) readThrottling(c *cgroup, unified bool) {
	b, err := w.file.read(c.cpuDir + "/cpu.stat")
	if err != nil {
		return
	}
	stat := keyed(b)
	c.periods, c.throttled = stat["nr_periods"], stat["nr_throttled"]
	c.throttledSeconds = float64(stat["throttled_time"]) / 1e9
	if unified {
		c.throttledSeconds = float64(stat["throttled_usec"]) / 1e6
	}
}

func (w *cgroupWatch) readMemory(c *cgroup, unified bool) {
	current, inactive, active, events := "/memory.usage_in_bytes", "total_inactive_file", "total_active_file", "/memory.oom_control"
	if unified {
		current, inactive, active, events = "/memory.current", "inactive_file", "active_file", "/memory.events"
	}
	charge, err := w.file.number(c.memoryDir + current)
	if err != nil {
		return
	}
	c.memory = charge
	if b, err := w.file.read(c.memoryDir + "/memory.stat"); err == nil {
		stat := keyed(b)
		c.memory = max(charge-stat[inactive]-stat[active], 0)
	}
	if b, err := w.file.read(c.memoryDir + events); err == nil {
		c.oom.count = keyed(b)["oom_kill"]
	}
}

// keyed reads lines of a key and a number.
func keyed(b []byte) map[string]int64 {
	m := map[string]int64{}
	for line := range bytes.Lines(b) {
		if k, v, ok := bytes.Cut(line, []byte{' '}); ok {
			m[string(k)] = parseInt(v)
		}
	}
	return m
}

// walk lists the paths of a hierarchy, as far as the bounds allow.
func (w *cgroupWatch) walk(h hierarchy) []string {
	var paths []string
	var descend func(dir, p string, depth int)
	descend = func(dir, p string, depth int) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return
		}
		for _, e := range entries {
			if !e.IsDir() || len(paths) >= maxWalked {
				continue
			}
			child := path.Join(p, e.Name())
			paths = append(paths, child)
			if depth < maxDepth {
				descend(filepath.Join(dir, e.Name()), child, depth+1)
			}
		}
	}
	descend(h.dir, h.root, 1)
	return paths
}

func (w *cgroupWatch) emit(e emitter) {
	for _, c := range w.all {
		if c.cpuDir != "" {
			e.gauge(descCgroupQuota, c.quota, c.path, c.group.name)
			e.counter(descCgroupPeriods, float64(c.periods), c.path, c.group.name)
			e.counter(descCgroupThrottled, float64(c.throttled), c.path, c.group.name)
			e.counter(descCgroupWaited, c.throttledSeconds, c.path, c.group.name)
		}
		if c.memoryDir != "" {
			e.gauge(descCgroupMemory, float64(c.memory), c.path, c.group.name)
			e.gauge(descCgroupLimit, float64(c.limit), c.path, c.group.name)
			e.counter(descCgroupOOM, c.oom.show(), c.path, c.group.name)
		}
	}
}
