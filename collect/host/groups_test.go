package host

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// machineFiles is a /proc in a folder.
type machineFiles struct {
	t    *testing.T
	root string
}

func newMachineFiles(t *testing.T) machineFiles {
	m := machineFiles{t, t.TempDir()}
	m.write("proc/stat", "cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nbtime 1700000000\n")
	m.write("proc/meminfo", "MemTotal:        1048576 kB\nMemFree: 1 kB\n")
	return m
}

func (m machineFiles) write(path, text string) {
	m.t.Helper()
	path = filepath.Join(m.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m machineFiles) remove(path string) { os.RemoveAll(filepath.Join(m.root, path)) }

// process writes the files of one process. Waited is in nanoseconds.
func (m machineFiles) process(a account, comm, state string, session int, pages, waited int64) {
	dir := "proc/" + strconv.Itoa(a.pid) + "/"
	m.write(dir+"stat", fmt.Sprintf("%d (%s) %s %d %d %d 0 -1 0 0 0 %d %d %d 0 %d 0 20 0 1 0 %d 0 %d 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0",
		a.pid, comm, state, a.parent, a.pid, session, a.own.faults, a.reaped.faults, a.own.cpu, a.reaped.cpu, a.start, pages))
	m.write(dir+"schedstat", fmt.Sprintf("1 %d 1\n", waited))
	m.write(dir+"io", fmt.Sprintf("read_bytes: %d\nwrite_bytes: %d\ncancelled_write_bytes: 0\n", a.reaped.read, a.reaped.written))
	m.write(dir+"limits", "Max open files            100                  1048576              files     \n")
}

func (m machineFiles) roots() roots {
	return roots{proc: filepath.Join(m.root, "proc"), sys: filepath.Join(m.root, "sys"), root: m.root}
}

func (m machineFiles) groups(n int) *groupWatch {
	m.t.Helper()
	b, err := readBoot(m.roots())
	if err != nil {
		m.t.Fatal(err)
	}
	cfg := Config{Groups: n, Root: m.root}.withDefaults()
	return newGroupWatch(cfg, b, newSourceBoard(slog.New(slog.DiscardHandler)))
}

// emitted gathers what emit writes, as "name{group}" and value.
func emitted(t *testing.T, emit func(emitter)) map[string]float64 {
	t.Helper()
	ch := make(chan prometheus.Metric)
	go func() {
		defer close(ch)
		emit(emitter{ch})
	}()
	values := map[string]float64{}
	for m := range ch {
		var d dto.Metric
		if err := m.Write(&d); err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(m.Desc().String(), `Desc{fqName: "evenkeel_`), `"`)
		for _, l := range d.Label {
			if l.GetName() != "kind" {
				name += "{" + l.GetValue() + "}"
			}
		}
		values[name] = d.GetGauge().GetValue() + d.GetCounter().GetValue()
	}
	return values
}

// Whatever processes do, the counters of a listed group, and of the others,
// never fall, and never are there more series than asked for.
func TestCountersNeverFallWhileListed(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 7))
		m := newMachineFiles(t)
		w := m.groups(3)
		live := map[int]*account{1: {pid: 1, start: 1}}
		last := map[string]float64{}
		next := 2
		now := time.Unix(1700001000, 0)
		for range 12 {
			for range rng.IntN(6) {
				live[next] = &account{pid: next, parent: 1, start: int64(1000 + next)}
				next++
			}
			for pid, a := range live {
				a.own.cpu += int64(rng.IntN(200))
				a.reaped.written += int64(rng.IntN(1 << 20))
				if pid != 1 && rng.IntN(4) == 0 {
					p := live[1]
					p.reaped = p.reaped.plus(a.whole())
					delete(live, pid)
					m.remove("proc/" + strconv.Itoa(pid))
				}
			}
			for pid, a := range live {
				m.process(*a, fmt.Sprint("p", pid%9), "S", pid, int64(rng.IntN(1000)), a.own.cpu*1000)
			}
			now = now.Add(15 * time.Second)
			w.pass(now)
			w.list(now)
			values := emitted(t, w.emit)
			groups := 0
			for name, v := range values {
				if strings.HasPrefix(name, "group_processes{") {
					groups++
				}
				if old, ok := last[name]; ok && strings.Contains(name, "_total{") && v < old {
					t.Fatalf("seed %d: %s fell from %v to %v", seed, name, old, v)
				}
			}
			if groups > 4 {
				t.Fatalf("seed %d: %d groups are told of, want 3 and the others", seed, groups)
			}
			last = values
		}
	}
}

func TestStateOfAGroup(t *testing.T) {
	m := newMachineFiles(t)
	const mb = 1 << 20
	pages := func(bytes int64) int64 { return bytes / pageSize }
	m.process(account{pid: 1, start: 1}, "init", "S", 1, 100, 0)
	m.process(account{pid: 10, parent: 1, start: 10}, "db", "S", 10, pages(100*mb), 5e9)
	m.process(account{pid: 11, parent: 10, start: 11}, "db", "D", 10, pages(80*mb), 1e9)
	m.process(account{pid: 12, parent: 10, start: 12}, "db", "Z", 10, 0, 0)
	// 60 of the 100 and 80 MiB are shared.
	m.write("proc/10/statm", fmt.Sprintf("0 %d %d 0 0 0 0\n", pages(100*mb), pages(60*mb)))
	m.write("proc/11/statm", fmt.Sprintf("0 %d %d 0 0 0 0\n", pages(80*mb), pages(60*mb)))
	for i := range 30 {
		m.write(fmt.Sprintf("proc/11/fd/%d", i), "")
	}
	w := m.groups(40)
	w.pass(time.Unix(1700001000, 0))
	w.list(time.Unix(1700001000, 0))
	got := emitted(t, w.emit)
	for name, want := range map[string]float64{
		"group_processes{db}": 2, "group_threads{db}": 2, "group_uninterruptible{db}": 1, "group_zombies{db}": 1,
		"group_memory_bytes{db}": 120 * mb, "group_cpu_delay_seconds_total{db}": 6, "group_starts_total{db}": 0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	// The leading process is replaced: that is a start.
	m.remove("proc/10")
	m.remove("proc/11")
	m.remove("proc/12")
	m.process(account{pid: 20, parent: 1, start: 99000}, "db", "S", 20, 10, 0)
	w.pass(time.Unix(1700001015, 0))
	w.list(time.Unix(1700001015, 0))
	if got := emitted(t, w.emit); got["group_starts_total{db}"] != 1 || got["group_zombies{db}"] != 0 {
		t.Errorf("after a restart: %v starts, %v zombies", got["group_starts_total{db}"], got["group_zombies{db}"])
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	m := newMachineFiles(t)
	m.process(account{pid: 77, parent: 1, start: 10}, "mine", "S", 77, 10, 0)
	w := m.groups(40) // no process 1: hidden from us
	w.pass(time.Unix(1700001000, 0))
	for _, s := range w.sources.list() {
		if s.Name == "processes" && (s.OK || !strings.Contains(s.Reason, "hidepid")) {
			t.Errorf("processes: %+v", s)
		}
	}
	m.remove("proc")
	w.pass(time.Unix(1700001015, 0))
	for _, s := range w.sources.list() {
		if s.Name == "processes" && (s.OK || !strings.Contains(s.Reason, "list of processes")) {
			t.Errorf("processes without /proc: %+v", s)
		}
	}
}

func TestTheListKeepsItsPlaces(t *testing.T) {
	now := time.Now()
	groups := map[groupKey]*group{}
	add := func(name string, weight float64, listed bool) {
		key := groupKey{kindGroup, name}
		groups[key] = &group{key: key, weight: weight, listed: listed, members: []int{1}, alive: now}
	}
	add("old", 0.10, true)
	add("rival", 0.12, false) // a little heavier: not enough
	add("giant", 1.5, false)
	chosen := pickListed(groups, 2, now, boot{at: now.Unix()})
	if !chosen[groupKey{kindGroup, "old"}] || !chosen[groupKey{kindGroup, "giant"}] || len(chosen) != 2 {
		t.Errorf("chosen %v, want old and giant", chosen)
	}
	groups[groupKey{kindGroup, "rival"}].weight = 0.3
	if chosen = pickListed(groups, 2, now, boot{at: now.Unix()}); chosen[groupKey{kindGroup, "old"}] {
		t.Error("a group that clearly matters more did not get the place")
	}
	young := &group{members: []int{1}, leader: leader{start: 90 * userHz}}
	b := boot{at: now.Unix() - 100}
	if young.listable(now, b) {
		t.Error("a command of ten seconds that uses nothing is listed")
	}
	if !young.listable(now.Add(time.Minute), b) {
		t.Error("a command that has lived for a minute is not listed")
	}
	if young.leader.daemon = true; !young.listable(now, b) {
		t.Error("a daemon that has just started is not listed")
	}
}

// A browser's processes hide from root where it may not trace them: on a machine
// with few processes that is many of all, and nobody is to be told.
func TestFewHiddenProcessesAreNoFailureForRoot(t *testing.T) {
	for _, c := range []struct {
		unread, all int
		root        bool
		want        string
	}{
		{unread: 6, all: 20, root: true},
		{unread: 15, all: 20, root: true, want: "15 of 20 processes may not be read, even by root; grant CAP_SYS_PTRACE"},
		{unread: 6, all: 20, want: "6 of 20 processes may not be read; run as root"},
		{unread: 1, all: 20},
		{},
	} {
		err := hiddenIO(c.unread, c.all, c.root)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
