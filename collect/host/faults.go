package host

import (
	"cmp"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// faultWatch follows what disks, filesystems and packages report of
// themselves.
type faultWatch struct {
	roots    roots
	file     fileReader
	logged   map[string]int64 // I/O errors in the kernel's log by device
	readable bool             // the kernel's log is

	rebootAt time.Time // when reboot was looked at
	reboot   map[string]bool
}

const (
	maxFaultyDevices = 64
	rebootEvery      = time.Minute
)

var (
	descDiskErrors = describe("disk_io_errors_total", "I/O errors that the device or the kernel's log reported.", "device")
	descFSErrors   = describe("filesystem_errors_total", "Errors that the filesystem recorded (ext4).", "device")
	descReboot     = describe("reboot_required", "1 where a newer kernel or a package waits for a reboot.", "reason")
)

func newFaultWatch(r roots) *faultWatch {
	return &faultWatch{roots: r, logged: map[string]int64{}}
}

func (w *faultWatch) note(events []logEvent, readable bool) {
	w.readable = readable
	for _, e := range events {
		if _, known := w.logged[e.device]; e.device != "" && (known || len(w.logged) < maxFaultyDevices) {
			w.logged[e.device]++
		}
	}
}

func (w *faultWatch) emit(e emitter, now time.Time) {
	for device, n := range w.diskErrors() {
		e.counter(descDiskErrors, float64(n), device)
	}
	for device, n := range w.filesystemErrors() {
		e.counter(descFSErrors, float64(n), device)
	}
	if w.rebootAt.IsZero() || now.Sub(w.rebootAt) >= rebootEvery || now.Before(w.rebootAt) {
		w.rebootAt, w.reboot = now, rebootReasons(w.roots, &w.file)
	}
	for reason, required := range w.reboot {
		v := 0.0
		if required {
			v = 1
		}
		e.gauge(descReboot, v, reason)
	}
}

// diskErrors tells the errors of each disk: those in the kernel's log where
// that can be read, else what a SCSI or SATA disk counts itself.
func (w *faultWatch) diskErrors() map[string]int64 {
	errors := map[string]int64{}
	entries, err := os.ReadDir(w.roots.sysPath("block"))
	if err != nil {
		return errors
	}
	for _, entry := range entries[:min(len(entries), maxFaultyDevices)] {
		name := entry.Name()
		if strings.HasPrefix(name, "ram") || strings.HasPrefix(name, "zram") {
			continue
		}
		if w.readable {
			if n, known := w.logged[name]; known || !strings.HasPrefix(name, "loop") {
				errors[name] = n
			}
			continue
		}
		if text := w.file.text(w.roots.sysPath("block", name, "device/ioerr_cnt")); text != "" {
			if n, err := strconv.ParseInt(strings.TrimPrefix(text, "0x"), 16, 64); err == nil {
				errors[name] = n
			}
		}
	}
	return errors
}

// filesystemErrors tells the errors that each mounted ext4 has recorded since
// its last check.
func (w *faultWatch) filesystemErrors() map[string]int64 {
	errors := map[string]int64{}
	entries, err := os.ReadDir(w.roots.sysPath("fs/ext4"))
	if err != nil {
		return errors // no ext4
	}
	for _, entry := range entries[:min(len(entries), maxFaultyDevices)] {
		if n, err := w.file.number(w.roots.sysPath("fs/ext4", entry.Name(), "errors_count")); err == nil {
			errors[entry.Name()] = n
		}
	}
	return errors
}

// rebootReasons tells for each reason that can be judged on this machine
// whether a reboot is required because of it.
func rebootReasons(r roots, f *fileReader) map[string]bool {
	reasons := map[string]bool{}
	if _, err := os.Stat(r.rootPath("var/lib/dpkg")); err == nil {
		_, err := os.Stat(r.rootPath("run/reboot-required"))
		reasons["package"] = err == nil
	}
	running := f.text(r.procPath("sys/kernel/osrelease"))
	var installed []string
	entries, err := os.ReadDir(r.rootPath("lib/modules"))
	if err != nil {
		return reasons
	}
	for _, entry := range entries {
		// A folder may outlive its kernel; the image or the list of
		// modules tells that it is installed.
		for _, proof := range []string{r.rootPath("boot", "vmlinuz-"+entry.Name()), r.rootPath("lib/modules", entry.Name(), "modules.dep")} {
			if _, err := os.Stat(proof); err == nil {
				installed = append(installed, entry.Name())
				break
			}
		}
	}
	if newer, known := newerKernel(running, installed); known {
		reasons["kernel"] = newer
	}
	return reasons
}

var versionParts = regexp.MustCompile(`\d+|[a-z]+`)

// newerKernel tells whether a newer kernel of the running one's flavour is
// installed. It is not known where the running one is not among the installed
// ones, as in a container or with a kernel from the outside.
func newerKernel(running string, installed []string) (newer, known bool) {
	if !slices.Contains(installed, running) {
		return false, false
	}
	flavour := func(v string) string { return strings.TrimLeft(v[strings.LastIndexByte(v, '-')+1:], "0123456789.") }
	for _, v := range installed {
		if flavour(v) == flavour(running) && compareVersions(v, running) > 0 {
			newer = true
		}
	}
	return newer, true
}

// compareVersions orders kernel versions by their numbers from left to right.
func compareVersions(a, b string) int {
	x, y := versionParts.FindAllString(a, -1), versionParts.FindAllString(b, -1)
	for i := range min(len(x), len(y)) {
		m, errM := strconv.ParseUint(x[i], 10, 64)
		n, errN := strconv.ParseUint(y[i], 10, 64)
		c := cmp.Compare(x[i], y[i])
		if errM == nil && errN == nil {
			c = cmp.Compare(m, n)
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}
