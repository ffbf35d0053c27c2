package host

import (
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// These tests make real faults on the machine and look at what is seen of
// them. What needs root is skipped without it.

// begin starts a command in a session of its own and ends it with the test.
func begin(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Skipf("cannot start %s: %v", cmd.Path, err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
}

// program returns a copy of a program under another name, so that its group
// is told apart from others on the machine.
func program(t *testing.T, original, name string) string {
	t.Helper()
	path, err := exec.LookPath(original)
	if err != nil {
		t.Skipf("needs %s", original)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("cannot copy %s: %v", path, err)
	}
	target := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(target, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return target
}

func cpuOf(t *testing.T, h *Host, group string) float64 {
	t.Helper()
	h.again()
	v, _ := gather(t, h).value("evenkeel_group_cpu_seconds_total", "group", group)
	return v
}

func TestABurnerIsSeenAsItsOwnGroup(t *testing.T) {
	h := newTestHost(t, Config{})
	gather(t, h)
	begin(t, exec.Command(program(t, "sha256sum", "ek-burner"), "/dev/zero"))
	time.Sleep(200 * time.Millisecond)
	before, start := cpuOf(t, h, "ek-burner"), time.Now()
	time.Sleep(1500 * time.Millisecond)
	after := cpuOf(t, h, "ek-burner")
	elapsed := time.Since(start).Seconds()
	delay, _ := gather(t, h).value("evenkeel_group_cpu_delay_seconds_total", "group", "ek-burner")
	// On a busy machine it had to wait; what it got and what it waited for
	// must make up the time.
	if used := (after - before + delay) / elapsed; used < 0.8 {
		t.Errorf("the burner used and waited for %.2f of a core, want 0.8 or more", used)
	}
	o, err := h.Observe(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range o.Entities {
		if strings.HasSuffix(e.ID, ":ek-burner") {
			return
		}
	}
	t.Error("the estate does not have the burner although it takes a core")
}

func TestShortCommandsAreChargedToTheirScript(t *testing.T) {
	h := newTestHost(t, Config{})
	gather(t, h)
	dir := t.TempDir()
	script := filepath.Join(dir, "ek-loop.sh")
	// Each command lives for some hundredths of a second: no look ever
	// sees most of them.
	body := "while :; do head -c 30000000 /dev/zero | sha256sum >/dev/null; done\n"
	if err := os.WriteFile(script, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", script)
	begin(t, cmd)
	time.Sleep(500 * time.Millisecond)
	groups := []string{"bash:ek-loop.sh", "sha256sum", "head"}
	truth, charged := usedBy(t, cmd.Process.Pid), sumCPU(t, h, groups...)
	time.Sleep(2 * time.Second)
	truth, charged = usedBy(t, cmd.Process.Pid)-truth, sumCPU(t, h, groups...)-charged
	// The two are not read at the same moment, and a command that still
	// runs is in one of them only.
	if truth < 0.1 {
		t.Skipf("the machine is too busy: the loop used %.2f s in 2 s", truth)
	}
	if math.Abs(charged-truth) > 0.3+truth/4 {
		t.Errorf("the loop is charged %.2f s of CPU; the kernel says %.2f s", charged, truth)
	}
}

// usedBy returns the CPU seconds of a process and of the children that it has
// waited for.
func usedBy(t *testing.T, pid int) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseStat(b)
	if err != nil {
		t.Fatal(err)
	}
	return float64(s.cpu+s.reapedCPU) / userHz
}

func sumCPU(t *testing.T, h *Host, groups ...string) float64 {
	t.Helper()
	h.again()
	f := gather(t, h)
	sum := 0.0
	for _, g := range groups {
		v, _ := f.value("evenkeel_group_cpu_seconds_total", "group", g)
		sum += v
	}
	return sum
}

// eventually looks again and again, for a busy machine may need its time.
func eventually(t *testing.T, h *Host, right func(figures) bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		h.again()
		f := gather(t, h)
		if right(f) {
			return
		}
		if time.Now().After(deadline) {
			right(f)
			t.Error("not seen within 10 s")
			return
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// TestAFullAcceptQueueIsSeen fills the queue of a listener that never accepts.
func TestAFullAcceptQueueIsSeen(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 4); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := at.(*unix.SockaddrInet4).Port
	for range 8 {
		d := net.Dialer{Timeout: 100 * time.Millisecond}
		if c, err := d.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			defer c.Close()
		}
	}
	h := newTestHost(t, Config{})
	f := gather(t, h)
	name := fmt.Sprintf("tcp/%d", port)
	own := h.groups.keys[os.Getpid()].name
	if length, ok := f.value("evenkeel_listen_queue_length", "listener", name); !ok || length < 4 {
		t.Errorf("queue of %s is %v (%v), want 4 or more", name, length, ok)
	}
	if limit, ok := f.value("evenkeel_listen_queue_limit", "listener", name); !ok || limit != 4 {
		t.Errorf("limit of %s is %v (%v), want 4", name, limit, ok)
	}
	if _, ok := f.value("evenkeel_listen_queue_length", "listener", name, "group", own); !ok {
		t.Errorf("the holder of %s is not told: %v", name, f["evenkeel_listen_queue_length"])
	}
	if _, ok := f.value("evenkeel_tcp_rtt_seconds", "peer", "loopback", "quantile", "0.95"); !ok {
		t.Error("no round-trip time over loopback")
	}
}

// cgroupV1 makes a cgroup of version 1 and removes it after the test.
func cgroupV1(t *testing.T, controller, name string) string {
	t.Helper()
	dir := filepath.Join("/sys/fs/cgroup", controller, name)
	if _, err := os.Stat(filepath.Join("/sys/fs/cgroup", controller, "cgroup.procs")); err != nil || os.Geteuid() != 0 {
		t.Skipf("needs root and cgroup v1's %s controller", controller)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("cannot make a cgroup: %v", err)
	}
	t.Cleanup(func() {
		for range 50 {
			if os.Remove(dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s is left over", dir)
	})
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAKillForMemoryNamesTheGroup(t *testing.T) {
	dir := cgroupV1(t, "memory", "ek-oom-test")
	write(t, filepath.Join(dir, "memory.limit_in_bytes"), "33554432")
	h := newTestHost(t, Config{})
	before := gather(t, h)
	hog := program(t, "tail", "ek-hog") // tail keeps an endless line in memory
	cmd := exec.Command("sh", "-c", fmt.Sprintf("echo $$ > %s/cgroup.procs; exec %s /dev/zero", dir, hog))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Run(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the hog ended with %v, want a kill", err)
	}
	h.again()
	first := gather(t, h)
	h.again()
	second := gather(t, h)
	// The group was never seen alive; its series still rises from 0 to 1.
	for name, rounds := range map[string][2]figures{
		"evenkeel_group_oom_kills_total":  {first, second},
		"evenkeel_cgroup_oom_kills_total": {before, first},
	} {
		labels := []string{"group", "ek-hog"}
		if strings.Contains(name, "cgroup") {
			labels = []string{"cgroup", "/ek-oom-test"}
		}
		a, okA := rounds[0].value(name, labels...)
		b, okB := rounds[1].value(name, labels...)
		if !okA || !okB || a != 0 || b != 1 {
			t.Errorf("%s%v went from %v (%v) to %v (%v), want from 0 to 1", name, labels, a, okA, b, okB)
		}
	}
	if limit, ok := second.value("evenkeel_cgroup_memory_limit_bytes", "cgroup", "/ek-oom-test"); !ok || limit != 33554432 {
		t.Errorf("the limit is %v (%v)", limit, ok)
	}
}

func TestThrottlingNamesCgroupAndGroup(t *testing.T) {
	dir := cgroupV1(t, "cpu", "ek-quota-test")
	write(t, filepath.Join(dir, "cpu.cfs_quota_us"), "20000")
	h := newTestHost(t, Config{})
	gather(t, h)
	burner := program(t, "sha256sum", "ek-throttled")
	begin(t, exec.Command("sh", "-c", fmt.Sprintf("echo $$ > %s/cgroup.procs; exec %s /dev/zero", dir, burner)))
	labels := []string{"cgroup", "/ek-quota-test", "group", "ek-throttled"}
	eventually(t, h, func(f figures) bool {
		quota, _ := f.value("evenkeel_cgroup_cpu_quota_cores", labels...)
		periods, _ := f.value("evenkeel_cgroup_cpu_periods_total", labels...)
		throttled, _ := f.value("evenkeel_cgroup_cpu_throttled_periods_total", labels...)
		waited, _ := f.value("evenkeel_cgroup_cpu_throttled_seconds_total", labels...)
		return quota == 0.2 && throttled >= 2 && throttled <= periods && waited > 0
	})
}

// TestLossIsSeen drops a part of the packets to a port of this machine.
func TestLossIsSeen(t *testing.T) {
	nft, err := exec.LookPath("nft")
	if err != nil {
		nft = "/usr/sbin/nft"
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to drop packets")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 64<<10)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
				}
			}()
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := newTestHost(t, Config{})
	gather(t, h)
	table := fmt.Sprintf("ek_host_test_%d", os.Getpid())
	rule := fmt.Sprintf("add table inet %[1]s; add chain inet %[1]s in { type filter hook input priority 0; }; "+
		"add rule inet %[1]s in tcp dport %d numgen random mod 100 < 20 drop", table, l.Addr().(*net.TCPAddr).Port)
	if out, err := exec.Command(nft, rule).CombinedOutput(); err != nil {
		t.Skipf("cannot drop packets: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(nft, "delete", "table", "inet", table).CombinedOutput(); err != nil {
			t.Errorf("nft's table %s is left over: %v: %s", table, err, out)
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		piece := make([]byte, 2000)
		for {
			if _, err := c.Write(piece); err != nil {
				return // closed by the end of the test
			}
			time.Sleep(3 * time.Millisecond)
		}
	}()
	defer func() { c.Close(); <-done }()
	seen, charged := false, false
	eventually(t, h, func(f figures) bool {
		own := h.groups.keys[os.Getpid()].name
		ratio, _ := f.value("evenkeel_tcp_peer_retransmit_ratio", "peer", "127.0.0.1")
		n, _ := f.value("evenkeel_group_tcp_retransmits_total", "group", own)
		seen, charged = seen || ratio > 0, charged || n >= 1
		return seen && charged
	})
}

func TestMountsAndPortsAreChanges(t *testing.T) {
	h := newTestHost(t, Config{Name: "web"})
	look := func() (kinds, relations []string) {
		t.Helper()
		o, err := h.Observe(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range o.Changes {
			kinds = append(kinds, c.Kind+" "+c.Entity)
		}
		for _, r := range o.Relations {
			relations = append(relations, r.From+" "+string(r.Kind)+" "+r.To)
		}
		return kinds, relations
	}
	look()
	var port int
	for port = 28000; port < 28100; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			defer l.Close()
			break
		}
	}
	time.Sleep(1100 * time.Millisecond) // the next look at processes is a real one
	h.owners.lastScan = time.Time{}
	kinds, relations := look()
	id := fmt.Sprintf("listener:web:tcp/%d", port)
	if !slices.Contains(kinds, "listener-new "+id) {
		t.Errorf("changes %v lack the new listener", kinds)
	}
	own := "group:web:" + h.groups.keys[os.Getpid()].name
	if !slices.Contains(relations, own+" serves "+id) {
		t.Errorf("no relation %s serves %s in %v", own, id, relations)
	}

	dir := t.TempDir()
	if err := unix.Mount("ek-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs root to mount: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if kinds, _ := look(); !slices.Contains(kinds, "mount filesystem:web:"+dir) {
		t.Errorf("changes %v lack the mount", kinds)
	}
	if err := unix.Mount("ek-test", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, "size=1m"); err != nil {
		t.Fatal(err)
	}
	if kinds, _ := look(); !slices.Contains(kinds, "remount filesystem:web:"+dir) {
		t.Errorf("changes %v lack the remount", kinds)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if kinds, _ := look(); !slices.Contains(kinds, "unmount filesystem:web:"+dir) {
		t.Errorf("changes %v lack the unmount", kinds)
	}
}

func TestDescriptorsRunningOut(t *testing.T) {
	tail := program(t, "tail", "ek-files")
	begin(t, exec.Command("bash", "-c", "ulimit -n 16; for i in 3 4 5 6 7 8 9; do eval \"exec $i</dev/null\"; done; exec "+tail+" -f /dev/null"))
	time.Sleep(300 * time.Millisecond)
	f := gather(t, newTestHost(t, Config{}))
	if ratio, ok := f.value("evenkeel_group_open_fds_ratio", "group", "ek-files"); !ok || ratio < 0.6 || ratio > 1 {
		t.Errorf("the fullest process has %v (%v) of its descriptors, want most", ratio, ok)
	}
}
