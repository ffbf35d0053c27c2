package host

import (
	"os"
	"reflect"
	"testing"
	"time"
)

// Lines as kernels wrote them to /dev/kmsg.
var kernelLines = []string{
	"4,900,3755102900,-;ek-hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n",
	"6,901,3755103023,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/shop,task_memcg=/shop/web,task=ek-hog,pid=4190,uid=0\n",
	"3,902,3755103050,-;Memory cgroup out of memory: Killed process 4190 (ek-hog) total-vm:35476kB, anon-rss:32512kB, file-rss:1584kB, shmem-rss:0kB, UID:0 pgtables:104kB oom_score_adj:0\n",
	"6,903,3755103060,-;oom_reaper: reaped process 4190 (ek-hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB\n",
	"3,910,3755203050,-;Out of memory: Killed process 77 (a) b) total-vm:1kB, anon-rss:1kB\n",
	"3,911,3755203051,-;Killed process 78 (java) total-vm:35476kB, anon-rss:32512kB, file-rss:1584kB\n",
	"3,920,3755303050,-;I/O error, dev sdb, sector 2048 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2\n SUBSYSTEM=block\n DEVICE=b8:16\n",
	"3,921,3755303050,-;blk_update_request: critical medium error, dev nvme0n1, sector 81920 op 0x1:(WRITE)\n",
	"12,930,3755403050,-;Out of memory: Killed process 1 (forged) total-vm:1kB\n", // a program wrote this
	"6,931,3755403051,-;EXT4-fs (sda1): mounted filesystem\n",
}

func TestKernelLog(t *testing.T) {
	var events []logEvent
	for _, line := range kernelLines {
		if e, ok := parseRecord([]byte(line)); ok {
			events = append(events, e)
		}
	}
	want := []logEvent{
		{pid: 4190, comm: "ek-hog", taskCgroup: "/shop/web", oomCgroup: "/shop"},
		{pid: 77, comm: "a) b"},
		{pid: 78, comm: "java"},
	}
	got := kills(events)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("kills %+v\nwant %+v", got, want)
	}
	w := newFaultWatch(roots{})
	w.note(events, true)
	if w.logged["sdb"] != 1 || w.logged["nvme0n1"] != 1 || len(w.logged) != 2 {
		t.Errorf("I/O errors %v", w.logged)
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, line := range kernelLines {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, b []byte) { parseRecord(b) })
}

func TestKillsFindTheirGroup(t *testing.T) {
	m := newMachineFiles(t)
	m.process(account{pid: 1, start: 1}, "init", "S", 1, 100, 0)
	m.process(account{pid: 50, parent: 1, start: 5}, "shop", "S", 50, 900, 0)
	m.write("proc/vmstat", "nr_free_pages 1\noom_kill 3\n")
	w := m.groups(40)
	now := time.Unix(1700001000, 0)
	w.pass(now)
	w.guessKills(now)
	m.remove("proc/50")
	m.write("proc/vmstat", "nr_free_pages 1\noom_kill 4\n")
	w.pass(now.Add(15 * time.Second))
	w.guessKills(now.Add(15 * time.Second))
	key := groupKey{kindGroup, "shop"}
	if n := w.groups[key].oomKills.count; n != 1 {
		t.Errorf("guessed %d kills of shop, want 1", n)
	}
	w.noteKills([]logEvent{
		{pid: 50, comm: "shop"}, // known from the pass before
		{pid: 4711, comm: "brief", taskCgroup: "/system.slice/brief.service"}, // never seen: by its cgroup
		{pid: 4712, comm: "hog", taskCgroup: "/plain"},                        // never seen: by its name
	}, now)
	for key, want := range map[groupKey]int64{key: 2, {kindUnit, "brief.service"}: 1, {kindGroup, "hog"}: 1} {
		if g := w.groups[key]; g == nil || g.oomKills.count != want {
			t.Errorf("%v has %+v, want %d kills", key, g, want)
		}
	}
	w.list(now)
	first, second := emitted(t, w.emit), emitted(t, w.emit)
	if first["group_oom_kills_total{hog}"] != 0 || second["group_oom_kills_total{hog}"] != 1 {
		t.Errorf("hog went from %v to %v", first["group_oom_kills_total{hog}"], second["group_oom_kills_total{hog}"])
	}
}

func TestReboot(t *testing.T) {
	for _, c := range []struct {
		running      string
		installed    []string
		newer, known bool
	}{
		{"6.1.0-18-amd64", []string{"6.1.0-18-amd64", "6.1.0-9-amd64"}, false, true},
		{"6.1.0-9-amd64", []string{"6.1.0-18-amd64", "6.1.0-9-amd64"}, true, true},
		{"6.1.0-9-amd64", []string{"6.1.0-18-cloud", "6.1.0-9-amd64"}, false, true},
		{"6.18.44-fc", []string{"6.1.0-18-amd64"}, false, false},
		{"5.14.0-362.el9.x86_64", []string{"5.14.0-362.el9.x86_64", "5.14.0-427.el9.x86_64"}, true, true},
	} {
		if newer, known := newerKernel(c.running, c.installed); newer != c.newer || known != c.known {
			t.Errorf("%s of %v: %v, %v", c.running, c.installed, newer, known)
		}
	}
	m := newMachineFiles(t)
	m.write("proc/sys/kernel/osrelease", "6.1.0-9-amd64\n")
	m.write("var/lib/dpkg/status", "")
	m.write("run/reboot-required", "*** System restart required ***\n")
	m.write("boot/vmlinuz-6.1.0-9-amd64", "")
	if err := os.MkdirAll(m.roots().rootPath("lib/modules/6.1.0-9-amd64"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.write("lib/modules/6.1.0-10-amd64/modules.dep", "")
	m.write("lib/modules/6.9.0-1-amd64/leftover", "") // its kernel was removed
	var f fileReader
	if got := rebootReasons(m.roots(), &f); !got["package"] || !got["kernel"] {
		t.Errorf("reasons %v, want package and kernel", got)
	}
	m.remove("run/reboot-required")
	m.remove("lib/modules/6.1.0-10-amd64")
	if got := rebootReasons(m.roots(), &f); got["package"] || got["kernel"] || len(got) != 2 {
		t.Errorf("reasons %v, want none", got)
	}
}
