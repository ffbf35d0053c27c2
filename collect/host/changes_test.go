package host

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

func TestChanges(t *testing.T) {
	const bootAt = 1700000000
	at := time.Unix(bootAt+1000, 0).UTC()
	shop := groupKey{kindGroup, "shop"}
	base := func() *snapshot {
		return &snapshot{
			at: at, complete: true, clock: 5e18,
			machine:    machine{bootID: "b1", bootAt: bootAt, facts: map[string]string{"kernel": "6.1.0-9"}},
			mounts:     []mount{{point: "/", device: "/dev/vda", fstype: "ext4", options: "rw,relatime"}},
			interfaces: []netInterface{{name: "eth0", up: true, facts: map[string]string{"mtu": "1500", "speed": "1000 Mbit/s"}}},
			listeners:  []listener{{protocol: "tcp", port: 80, addresses: []string{"0.0.0.0", "127.0.0.9"}, group: shop, holders: map[string]groupKey{"0.0.0.0": shop, "127.0.0.9": {kindGroup, "other"}}}},
			leaders:    map[groupKey]leader{shop: {pid: 10, start: 100 * userHz, daemon: true}},
		}
	}
	for name, c := range map[string]struct {
		alter func(*snapshot)
		want  string // kind, entity and summary
	}{
		"nothing": {func(s *snapshot) {}, ""},
		"boot with another kernel": {func(s *snapshot) {
			s.machine = machine{bootID: "b2", bootAt: bootAt + 900, facts: map[string]string{"kernel": "6.1.0-18"}}
		}, "boot host:web: web started with kernel 6.1.0-18; kernel-upgrade host:web: web runs kernel 6.1.0-18 instead of 6.1.0-9"},
		"clock set":     {func(s *snapshot) { s.clock -= 3e9 }, "clock-step host:web: the clock was set backwards by 3s"},
		"clock steered": {func(s *snapshot) { s.clock += 3e7 }, ""},
		"read-only":     {func(s *snapshot) { s.mounts[0].options, s.mounts[0].readOnly = "ro,relatime", true }, "remount filesystem:web:/: / became read-only"},
		"options":       {func(s *snapshot) { s.mounts[0].options = "rw,noatime" }, "remount filesystem:web:/: / was mounted anew with other options"},
		"mounted": {func(s *snapshot) {
			s.mounts = append(s.mounts, mount{point: "/data", device: "/dev/vdb", fstype: "xfs"})
		},
			"mount filesystem:web:/data: /dev/vdb (xfs) was mounted on /data"},
		"unmounted":           {func(s *snapshot) { s.mounts = nil }, "unmount filesystem:web:/: /dev/vda was unmounted from /"},
		"unread is unchanged": {func(s *snapshot) { s.mounts, s.interfaces, s.complete = nil, nil, false }, ""},
		"link down":           {func(s *snapshot) { s.interfaces[0].up = false }, "interface-down interface:web:eth0: interface eth0 went down"},
		"slower link": {func(s *snapshot) { s.interfaces[0].facts = map[string]string{"mtu": "1500", "speed": "100 Mbit/s"} },
			"interface-change interface:web:eth0: interface eth0 has another speed or MTU"},
		"new port": {func(s *snapshot) {
			s.listeners = append(s.listeners, listener{protocol: "tcp", port: 443, group: shop}, listener{protocol: "tcp", port: 40001}, listener{protocol: "udp", port: 5353})
		}, "listener-new listener:web:tcp/443: shop began to listen on tcp/443"},
		"port closed": {func(s *snapshot) { s.listeners = nil }, "listener-gone listener:web:tcp/80: nothing listens on tcp/80 any more"},
		"other server": {func(s *snapshot) {
			s.listeners[0].holders = map[string]groupKey{"0.0.0.0": {kindGroup, "rogue"}}
		}, "listener-change listener:web:tcp/80: tcp/80 is now served by rogue"},
		"one of two on the port restarts": {func(s *snapshot) {
			s.listeners[0].group = groupKey{kindGroup, "other"}
			s.listeners[0].holders = map[string]groupKey{"127.0.0.9": {kindGroup, "other"}}
		}, ""},
		"restart":       {func(s *snapshot) { s.leaders[shop] = leader{11, 1010 * userHz, true} }, "group-restart group:web:shop: shop was started anew"},
		"next in line":  {func(s *snapshot) { s.leaders[shop] = leader{11, 500 * userHz, true} }, ""},   // older than the last look
		"command again": {func(s *snapshot) { s.leaders[shop] = leader{11, 1010 * userHz, false} }, ""}, // a shell runs it
		"ended":         {func(s *snapshot) { s.leaders = map[groupKey]leader{} }, ""},
	} {
		now := base()
		now.at = at.Add(30 * time.Second)
		c.alter(now)
		var got []string
		for _, ch := range changes("web", base(), now) {
			got = append(got, ch.Kind+" "+ch.Entity+": "+ch.Summary)
			if ch.Key == "" || ch.At.IsZero() {
				t.Errorf("%s: no key or time in %+v", name, ch)
			}
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, text, c.want)
		}
	}
}

// What an earlier process stored is enough to tell what changed since.
func TestRecall(t *testing.T) {
	m := newMachineFiles(t)
	m.process(account{pid: 1, start: 1}, "init", "S", 1, 100, 0)
	m.write("proc/1/mountinfo", "27 1 254:0 / / ro,relatime - ext4 /dev/vda rw\n")
	m.write("proc/sys/kernel/random/boot_id", "b2\n")
	m.write("proc/sys/kernel/osrelease", "6.1.0-18\n")
	m.write("sys/class/net/eth0/operstate", "down\n")
	m.write("sys/class/net/eth0/mtu", "1500\n")
	h, err := prepare(Config{Root: m.root, Name: "web"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h.Recall([]estate.Entity{
		{ID: "host:web", Kind: estate.Host, Name: "web", Attributes: map[string]string{"bootId": "b1", "kernel": "6.1.0-9"}},
		{ID: "filesystem:web:/", Kind: estate.Filesystem, Name: "/", Attributes: map[string]string{"device": "/dev/vda", "fstype": "ext4", "options": "rw,relatime"}},
		{ID: "interface:web:eth0", Kind: estate.Interface, Name: "eth0", Attributes: map[string]string{"state": "up", "mtu": "1500"}},
	}, time.Now().Add(-time.Hour))
	o, err := h.Observe(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, c := range o.Changes {
		if !strings.HasPrefix(c.Kind, "listener") { // sockets are this machine's
			kinds = append(kinds, c.Kind)
		}
	}
	if want := []string{"boot", "kernel-upgrade", "remount", "interface-down"}; !slices.Equal(kinds, want) {
		t.Errorf("changes %v, want %v", kinds, want)
	}
}

func TestMounts(t *testing.T) {
	got := parseMounts([]byte(
		"22 27 0:21 / /proc rw,relatime - proc proc rw\n" +
			"27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n" +
			"28 27 8:1 / /mnt/my\\040disk ro,nosuid - ext4 /dev/sda1 rw\n" +
			"29 27 254:0 /home/x /srv/x rw,relatime - ext4 /dev/vda rw\n" + // a bind mount
			"30 27 0:50 / /net rw - cifs //nas/share rw,username=me,password=hunter2,vers=3\n" +
			"31 27 0:51 / /tmp rw,nosuid - tmpfs tmpfs rw,size=1g\n" +
			"32 27 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n" +
			"33 27 0:61 / /run/user/1000 rw - tmpfs tmpfs rw\n" +
			"34 27 8:2 / /mnt/a rw - xfs /dev/sda2 rw\n35 34 8:3 / /mnt/a rw - xfs /dev/sda3 rw\nbroken\n"))
	var points []string
	for _, m := range got {
		points = append(points, m.point+" "+m.device+" "+m.options)
	}
	want := []string{
		"/ /dev/vda rw,discard,relatime", "/mnt/a /dev/sda3 rw", "/mnt/my disk /dev/sda1 ro,nosuid",
		"/net //nas/share rw,username=me,vers=3", "/tmp tmpfs rw,nosuid,size=1g",
	}
	if !slices.Equal(points, want) {
		t.Errorf("got  %q\nwant %q", points, want)
	}
	inside := parseMounts([]byte("700 600 0:55 / / rw,relatime - overlay overlay rw,lowerdir=/a\n701 700 0:56 / /x rw - overlay overlay rw\n"))
	if len(inside) != 1 || inside[0].point != "/" {
		t.Errorf("in a container: %+v, want its root alone", inside)
	}
}

func TestPackageRuns(t *testing.T) {
	log := "2026-03-01 06:25:08 startup archives unpack\n" +
		"2026-03-01 06:25:10 upgrade nginx:amd64 1.22.1-8 1.22.1-9\n" +
		"2026-03-01 06:25:10 status half-configured nginx:amd64 1.22.1-8\n" +
		"2026-03-01 06:25:12 upgrade libssl3:amd64 3.0.1 3.0.2\n" +
		"2026-03-01 06:25:13 install linux-image-6.1:amd64 <none> 6.1\n" +
		"2026-03-01 06:25:40 upgrade nginx:amd64 1.22.1-9 1.22.1-10\n" +
		"2026-03-01 09:00:00 purge vim:amd64 9 <none>\n" +
		"2026-03-01 09:59:30 upgrade late:amd64 1 2\nnot a line\n"
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	runs := packageRuns(parseDpkgLog([]byte(log), time.UTC), now.Add(-24*time.Hour), now)
	var got []string
	for _, r := range runs {
		got = append(got, r.at.Format("15:04:05 ")+r.change("web").Summary)
	}
	want := []string{
		"06:25:10 2 packages were upgraded: libssl3, nginx", "06:25:13 package linux-image-6.1 was installed", "09:00:00 package vim was removed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q (the last one may still be going on)", got, want)
	}
	if runs := packageRuns(parseDpkgLog([]byte(log), time.UTC), now.Add(-2*time.Hour), now.Add(2*time.Minute)); len(runs) != 2 {
		t.Errorf("later and since 08:00: %+v, want vim and late", runs)
	}
}

func TestConfigTellsAllThatIsWrong(t *testing.T) {
	err := Config{Groups: 9999, ProcRoot: "proc", Collectors: []string{"cpu", "magic"}}.Validate()
	for _, want := range []string{"host.groups is 9999", `host.proc_root is "proc"`, `"magic"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if err := (Config{}).withDefaults().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

// What comes from files of this machine may be cut short or strange; no
// parser may stumble over it.
func FuzzTexts(f *testing.F) {
	for _, path := range []string{"/proc/self/mountinfo", "/proc/self/cgroup", "/proc/meminfo", "/etc/os-release", "/var/log/dpkg.log"} {
		if b, err := tail(path, 2000); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range parseMounts(b) {
			if m.point == "" || strings.Contains(m.options, "\n") {
				t.Errorf("mount %+v", m)
			}
		}
		p := parseCgroups(b)
		if p.group.kind != "" && p.group.name == "" {
			t.Errorf("a group without a name from %q", b)
		}
		hierarchies(b, roots{root: "/", sys: "/sys"})
		parseIO(b)
		parseStatm(b)
		parseOpenFilesLimit(b)
		osName(b)
		cpuField(b, "flags")
		keyed(b)
		packageRuns(parseDpkgLog(b, time.UTC), time.Unix(0, 0), time.Unix(1800000000, 0))
	})
}
