package host

import (
	"testing"
	"time"
)

// Version 2, as on a machine with systemd.
func TestLimitedCgroupsOfVersion2(t *testing.T) {
	m := newMachineFiles(t)
	m.write("proc/1/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n")
	m.process(account{pid: 1, start: 1}, "systemd", "S", 1, 100, 0)
	m.process(account{pid: 50, parent: 1, start: 5}, "nginx", "S", 50, 900, 0)
	m.write("proc/50/cgroup", "0::/system.slice/nginx.service\n")
	m.process(account{pid: 60, parent: 1, start: 6}, "batch", "S", 60, 900, 0)
	m.write("proc/60/cgroup", "0::/jobs/night\n")
	unit, job, free := "sys/fs/cgroup/system.slice/nginx.service/", "sys/fs/cgroup/jobs/", "sys/fs/cgroup/free/"
	m.write(unit+"cpu.max", "50000 100000\n")
	m.write(unit+"cpu.stat", "usage_usec 9\nnr_periods 200\nnr_throttled 50\nthrottled_usec 2500000\n")
	m.write(unit+"memory.max", "max\n")
	m.write(job+"memory.max", "104857600\n")
	m.write(job+"memory.current", "90000000\n")
	m.write(job+"memory.stat", "anon 60000000\ninactive_file 20000000\nactive_file 10000000\n")
	m.write(job+"memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\n")
	m.write(job+"cpu.max", "max 100000\n")
	m.write(job+"night/memory.max", "max\n")
	m.write(free+"memory.max", "max\n")
	w := m.groups(40)
	now := time.Unix(1700001000, 0)
	w.pass(now)
	c := newCgroupWatch(m.roots())
	c.look(w, nil)
	got := emitted(t, c.emit)
	want := map[string]float64{
		"cgroup_cpu_quota_cores{/system.slice/nginx.service}{nginx.service}":             0.5,
		"cgroup_cpu_periods_total{/system.slice/nginx.service}{nginx.service}":           200,
		"cgroup_cpu_throttled_periods_total{/system.slice/nginx.service}{nginx.service}": 50,
		"cgroup_cpu_throttled_seconds_total{/system.slice/nginx.service}{nginx.service}": 2.5,
		"cgroup_memory_limit_bytes{/jobs}{batch}":                                        104857600,
		"cgroup_memory_bytes{/jobs}{batch}":                                              60000000,
		"cgroup_oom_kills_total{/jobs}{batch}":                                           2, // of before our time
	}
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s is %v, want %v", name, got[name], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("series %v, want %d", got, len(want))
	}

	// A cgroup that comes later and has emptied: its kills are news, and it
	// keeps the name of who was in it.
	m.write("sys/fs/cgroup/late/memory.max", "1048576\n")
	m.write("sys/fs/cgroup/late/memory.current", "0\n")
	m.write("sys/fs/cgroup/late/memory.events", "oom_kill 1\n")
	m.remove("proc/60")
	w.pass(now.Add(15 * time.Second))
	c.look(w, []string{"/late", ""})
	first, second := emitted(t, c.emit), emitted(t, c.emit)
	if v, ok := first["cgroup_oom_kills_total{/late}{}"]; !ok || v != 0 || second["cgroup_oom_kills_total{/late}{}"] != 1 {
		t.Errorf("kills of /late went from %v to %v", first, second)
	}
	if _, ok := second["cgroup_memory_bytes{/jobs}{batch}"]; !ok {
		t.Errorf("/jobs lost its name: %v", second)
	}
	m.remove("sys/fs/cgroup/late")
	c.look(w, nil)
	if got := emitted(t, c.emit); len(got) != len(want) {
		t.Errorf("after /late was removed: %v", got)
	}
}

func TestHierarchies(t *testing.T) {
	r := roots{proc: "/proc", sys: "/sys", root: "/"}
	cpu, memory := hierarchies([]byte(
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"+
			"35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro,relatime master:1 - cgroup cgroup rw,memory\n"+
			"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"+
			"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\nshort line\n"), r)
	if len(cpu) != 2 || cpu[0].dir != "/sys/fs/cgroup/cpu,cpuacct" || cpu[0].unified || !cpu[1].unified {
		t.Errorf("cpu: %+v", cpu)
	}
	if len(memory) != 2 || memory[0].below("/docker/ab/x") != "/sys/fs/cgroup/memory/x" || memory[0].below("/elsewhere") != "" {
		t.Errorf("memory: %+v", memory)
	}
}

func TestContainerNames(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	m := newMachineFiles(t)
	ask := func() string {
		return newContainerNames(m.roots()).named(groupKey{kindContainer, id[:12]}).name
	}
	if got := ask(); got != id[:12] {
		t.Errorf("unknown: %q", got)
	}
	m.write("var/lib/containers/storage/overlay-containers/containers.json", `[{"id":"`+id+`","names":["cache"]}]`)
	if got := ask(); got != "cache" {
		t.Errorf("podman: %q", got)
	}
	m.write("var/log/containers/web-7d4-x_shop_app-"+id+".log", "")
	if got := ask(); got != "shop/web-7d4-x/app" {
		t.Errorf("kubelet: %q", got)
	}
	m.write("var/lib/docker/containers/"+id+"/config.v2.json", `{"Name":"/web","Config":{"Env":["PASSWORD=hunter2"]}}`)
	if got := ask(); got != "web" {
		t.Errorf("docker: %q", got)
	}
}
