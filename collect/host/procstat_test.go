package host

import (
	"os"
	"strings"
	"testing"
)

func TestParseStat(t *testing.T) {
	const tail = " S 1 4242 4242 0 -1 4194560 2931 51000 7 11 120 30 400 50 20 0 9 0 206297 3133440 393 18446744073709551615 1 1 0 0 0 0 0 4096 81920 0 0 0 17 1 0 0 23 0 0 0 0 0 0 0 0 0 0"
	want := taskStat{
		pid: 4242, parent: 1, session: 4242, state: 'S', threads: 9, start: 206297,
		cpu: 150, reapedCPU: 450, faults: 7, reapedFaults: 11, ioDelay: 23, resident: 393,
	}
	for comm, shown := range map[string]string{
		"nginx":              "nginx",
		"tmux: server":       "tmux: server",
		"a) S 9 9 (b":        "a) S 9 9 (b",
		"((sd-pam))":         "((sd-pam))",
		"":                   "",
		"bad\xff\nname":      "bad??name",
		"kworker/0:1H-kbloc": "kworker/0:1H-kbloc",
	} {
		got, err := parseStat([]byte("4242 (" + comm + ")" + tail))
		want.comm = shown
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", comm, got, err, want)
		}
	}
	for _, broken := range []string{"", "1", "1 (x", "1 (x)", "1 (x) S 1 1", ") 1 (", "x (y)" + tail} {
		if _, err := parseStat([]byte(broken)); err == nil {
			t.Errorf("%q was taken", broken)
		}
	}
	kernel, err := parseStat([]byte("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 3 0 0 20 0 1 0 5 0 0 0"))
	if err != nil || !kernel.kernel {
		t.Errorf("kthreadd is %+v, %v; want a kernel thread", kernel, err)
	}
}

func FuzzParseStat(f *testing.F) {
	own, err := os.ReadFile("/proc/self/stat")
	if err == nil {
		f.Add(own)
	}
	f.Add([]byte("1 (a) b) R 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStat(b)
		if err == nil && (s.pid <= 0 || strings.ContainsAny(s.comm, "\n\x00")) {
			t.Errorf("%q: %+v", b, s)
		}
	})
}

func TestParseSmallFiles(t *testing.T) {
	read, written := parseIO([]byte("rchar: 6991\nwchar: 15\nsyscr: 12\nsyscw: 1\nread_bytes: 4096\nwrite_bytes: 81920\ncancelled_write_bytes: 8192\n"))
	if read != 4096 || written != 73728 {
		t.Errorf("io: %d read, %d written", read, written)
	}
	if n := parseWait([]byte("103735 72618 2\n")); n != 72618 {
		t.Errorf("schedstat: waited %d", n)
	}
	if resident, shared := parseStatm([]byte("765 393 360 5 0 90 0\n")); resident != 393 || shared != 360 {
		t.Errorf("statm: %d, %d", resident, shared)
	}
	limits := "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max processes             95000                95000                processes \n" +
		"Max open files            1024                 1048576              files     \n"
	if n := parseOpenFilesLimit([]byte(limits)); n != 1024 {
		t.Errorf("limits: %d open files", n)
	}
	if n := parseOpenFilesLimit([]byte("Max open files            unlimited            unlimited            files\n")); n != 0 {
		t.Errorf("limits: unlimited is %d", n)
	}
	shares, err := parsePressure([]byte("some avg10=12.50 avg60=0.03 avg300=2.33 total=127461126\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=0\n"))
	if err != nil || shares["some"] != 0.125 || shares["full"] != 0.01 {
		t.Errorf("pressure: %v, %v", shares, err)
	}
	if _, err := parsePressure([]byte("something else\n")); err == nil {
		t.Error("pressure: nonsense was taken")
	}
}
