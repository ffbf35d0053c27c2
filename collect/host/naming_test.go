package host

import (
	"strings"
	"testing"
)

func TestPlacement(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, c := range []struct{ cgroup, kind, name string }{
		{"0::/system.slice/nginx.service", kindUnit, "nginx.service"},
		{`0::/system.slice/system-postgresql.slice/postgresql@15-main.service`, kindUnit, "postgresql@15-main.service"},
		{`0::/system.slice/dev-disk\x2dby.service`, kindUnit, "dev-disk-by.service"},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service", kindUnit, "sync.service"},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal-77.scope", "", ""},
		{"0::/user.slice/user-1000.slice/session-3.scope", "", ""},
		{"0::/system.slice/docker-" + id + ".scope", kindContainer, "0123456789ab"},
		{"12:pids:/docker/" + id + "\n1:name=systemd:/docker/" + id + "\n0::/", kindContainer, "0123456789ab"},
		{"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice/cri-containerd-" + id + ".scope", kindContainer, "0123456789ab"},
		{"4:memory:/kubepods/besteffort/pod12-34/" + id, kindContainer, "0123456789ab"},
		{"0::/machine.slice/libpod-" + id + ".scope/container", kindContainer, "0123456789ab"},
		{"0::/machine.slice/machine-web.scope/payload", kindContainer, "web"},
		{"0::/lxc.payload.db/init.scope", kindContainer, "db"},
		{"4:memory:/foo\n2:cpuacct,cpu:/foo/bar\n0::/", "", ""},
		{"", "", ""},
		{"garbage", "", ""},
	} {
		if got := parseCgroups([]byte(c.cgroup)).group; got != (groupKey{c.kind, c.name}) {
			t.Errorf("%s\nis %+v, want %s %s", c.cgroup, got, c.kind, c.name)
		}
	}
	p := parseCgroups([]byte("4:memory:/foo\n2:cpuacct,cpu:/foo/bar\n1:name=systemd:/\n0::/u\n"))
	if p.memory != "/foo" || p.cpu != "/foo/bar" || p.unified != "/u" {
		t.Errorf("paths %+v", p)
	}
}

// A process tree is written as lines of pid, parent, session, comm.
func TestGroupsOfATree(t *testing.T) {
	tree := []struct {
		pid, parent, session int
		comm, want           string
	}{
		{1, 0, 1, "systemd", "systemd"},
		{2, 0, 0, "kthreadd", "(kernel)"},
		{3, 2, 0, "kswapd0", "(kernel)"},
		{10, 1, 10, "sshd", "sshd"},
		{11, 10, 11, "sshd", "sshd"},
		{12, 11, 12, "bash", "bash"},
		{13, 12, 12, "make", "make"},
		{14, 13, 12, "sh", "make"}, // a shell inside a program is part of it
		{15, 14, 12, "cc1", "make"},
		{16, 12, 12, "sh", "sh"}, // a script that a person started
		{17, 16, 12, "rsync", "rsync"},
		{18, 12, 12, "timeout", "timeout"},
		{19, 18, 12, "stress-ng", "stress-ng"},
		{20, 19, 12, "stress-ng-cpu", "stress-ng"},
		{30, 1, 30, "cron", "cron"},
		{31, 30, 30, "cron", "cron"},
		{32, 31, 32, "sh", "sh"},
		{33, 32, 32, "backup", "backup"},
		{40, 1, 40, "lab", "lab"},
		{41, 40, 41, "burner", "burner"}, // leads a session: stands for itself
		{42, 41, 41, "worker", "burner"},
		{43, 40, 40, "helper", "lab"},
		{50, 51, 1, "a", "b"}, // a circle, as a torn reading may show
		{51, 50, 1, "b", "b"},
		{60, 999, 1, "orphan", "orphan"},
	}
	procs := map[int]*process{}
	for _, p := range tree {
		procs[p.pid] = &process{title: p.comm, taskStat: taskStat{pid: p.pid, parent: p.parent, session: p.session, comm: p.comm, kernel: p.parent == 2 || p.pid == 2}}
	}
	procs[13].title = "make"
	for range 20 { // the order of a map must not matter
		got := assign(procs)
		for _, p := range tree {
			if p.pid == 50 || p.pid == 51 {
				continue // either name will do; that it ends is enough
			}
			if got[p.pid].name != p.want {
				t.Fatalf("%d (%s) belongs to %q, want %q", p.pid, p.comm, got[p.pid].name, p.want)
			}
		}
	}
	// In the cgroup of a unit it belongs to the unit, and what lies below a
	// process of a unit but outside of it starts its own group.
	procs[40].place.group = groupKey{kindUnit, "lab.service"}
	got := assign(procs)
	if got[40] != (groupKey{kindUnit, "lab.service"}) || got[43].name != "helper" {
		t.Errorf("unit: %v and %v", got[40], got[43])
	}
}

func TestTitles(t *testing.T) {
	for _, c := range []struct{ comm, args, want string }{
		{"nginx", "nginx: master process /usr/sbin/nginx -g daemon on;", "nginx"},
		{"python3.11", "python3 -u -X dev /srv/shop/manage.py runserver --password hunter2", "python:manage.py"},
		{"python3", "python3 -m gunicorn.app.wsgiapp shop:app", "python:gunicorn.app.wsgiapp"},
		{"python3", "python3 -c import secret; run('hunter2')", "python"},
		{"python3", "/usr/bin/python3 -W ignore", "python"},
		{"python3", "python3 hunter2", "python"}, // neither a path nor a script's ending
		{"node", "node --max-old-space-size=512 -r ./trace.js server.mjs --token hunter2", "node:server.mjs"},
		{"node-MainThread", "node /app/index.js", "node:index.js"},
		{"MainThread", "/usr/bin/node /app/index.js", "node:index.js"},
		{"node", "node -e process.exit(hunter2)", "node"},
		{"java", "java -Xmx2g -cp /a.jar:/b.jar -Dpw=hunter2 com.example.shop.Main hunter2", "java:Main"},
		{"java", "java -jar /opt/shop/shop-1.2.jar", "java:shop-1.2.jar"},
		{"java", "java -cp /a.jar hunter2", "java"},
		{"ruby", "ruby -I lib bin/rails server", "ruby:rails"},
		{"perl", "perl -e print 'hunter2'", "perl"},
		{"bash", "bash /opt/backup.sh --key hunter2", "bash:backup.sh"},
		{"bash", "bash -c curl -u me:hunter2 https://host/x.sh", "bash"},
		{"bash", "bash -lc /secret/hunter2.sh", "bash"},
		{"bash", "-bash", "bash"},
		{"bash", "bash /dev/fd/3", "bash"},
		{"dash", "dash https://me:hunter2@host/x.sh", "dash"},
		{"prometheus-node", "/usr/bin/prometheus-node-exporter --web.listen-address=:9100", "prometheus-node-exporter"},
		{"python3", "", "python"},
	} {
		cmdline := strings.ReplaceAll(c.args, " ", "\x00") + "\x00"
		if got := titleOf(c.comm, []byte(cmdline)); got != c.want {
			t.Errorf("%s (%s) is %q, want %q", c.comm, c.args, got, c.want)
		}
	}
}

func FuzzTitleNeverHoldsAnArgument(f *testing.F) {
	f.Add("python3", "--password\x00hunter2\x00")
	f.Add("java", "-Dx=y\x00hunter2")
	f.Add("node", "--require\x00hunter2")
	f.Fuzz(func(t *testing.T, comm, args string) {
		title := titleOf(clean(comm), []byte("/usr/bin/"+comm+"\x00"+args))
		_, script, ok := strings.Cut(strings.TrimPrefix(title, clean(comm)), ":")
		if ok && len(script) > 60 || strings.ContainsAny(script, " \n\x00/=&?") {
			t.Errorf("%q: title %q", args, title)
		}
	})
}
