package host

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what the host is: facts that seldom change.
type machine struct {
	bootID string
	bootAt int64 // Unix seconds
	facts  map[string]string
}

func readMachine(r roots, b boot) machine {
	var f fileReader
	m := machine{bootID: f.text(r.procPath("sys/kernel/random/boot_id")), bootAt: b.at, facts: map[string]string{}}
	m.set("bootId", m.bootID)
	m.set("kernel", f.text(r.procPath("sys/kernel/osrelease")))
	m.set("architecture", runtime.GOARCH)
	m.set("cpus", strconv.Itoa(b.cpus))
	if b.total > 0 {
		m.set("memory", humanBytes(b.total))
	}
	if text, err := f.read(r.rootPath("etc/os-release")); err == nil {
		m.set("os", osName(text))
	}
	info, err := f.read(r.procPath("cpuinfo"))
	if err == nil {
		m.set("cpuModel", cpuField(info, "model name"))
	}
	hypervisor := err == nil && strings.Contains(" "+cpuField(info, "flags")+" ", " hypervisor ")
	m.set("virtualization", virtualization(r, &f, hypervisor))
	m.set("vendor", strings.TrimSpace(f.text(r.sysPath("class/dmi/id/sys_vendor"))+" "+f.text(r.sysPath("class/dmi/id/product_name"))))
	return m
}

func (m machine) set(key, value string) {
	if value != "" {
		m.facts[key] = clean(value)
	}
}

// osName reads the name for people from /etc/os-release.
func osName(b []byte) string {
	for line := range bytes.Lines(b) {
		if v, ok := strings.CutPrefix(string(line), "PRETTY_NAME="); ok {
			v = strings.TrimSpace(v)
			if unquoted, err := strconv.Unquote(v); err == nil {
				return unquoted
			}
			return strings.Trim(v, "'")
		}
	}
	return ""
}

// cpuField returns the first value of a key in /proc/cpuinfo.
func cpuField(b []byte, key string) string {
	for line := range bytes.Lines(b) {
		k, v, ok := strings.Cut(string(line), ":")
		if ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// virtualization tells what kind of machine this is, where that can be known.
func virtualization(r roots, f *fileReader, hypervisor bool) string {
	if kind := f.text(r.rootPath("run/systemd/container")); kind != "" {
		return "container (" + kind + ")"
	}
	for file, kind := range map[string]string{".dockerenv": "container (docker)", "run/.containerenv": "container (podman)"} {
		if _, err := os.Stat(r.rootPath(file)); err == nil {
			return kind
		}
	}
	if kind := f.text(r.sysPath("hypervisor/type")); kind != "" {
		return "virtual machine (" + kind + ")"
	}
	if hypervisor {
		return "virtual machine"
	}
	return ""
}

// humanBytes writes a size with a binary unit, as people say it: "23.6 GiB".
func humanBytes(n int64) string {
	const units = "KMGTPE"
	v, unit := float64(n), ""
	for i := 0; v >= 1024 && i < len(units); i++ {
		v, unit = v/1024, units[i:i+1]+"i"
	}
	if unit == "" {
		return fmt.Sprintf("%d B", n)
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") + " " + unit + "B"
}

// clockOffset is the wall clock's lead over the time since boot, in
// nanoseconds. It jumps when the clock is set, and only then.
func clockOffset() (int64, error) {
	var wall, boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &wall); err != nil {
		return 0, err
	}
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return 0, err
	}
	return wall.Nano() - boot.Nano(), nil
}
