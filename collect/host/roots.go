package host

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// roots are where the kernel's file trees stand.
type roots struct{ proc, sys, root string }

func (r roots) procPath(parts ...string) string {
	return filepath.Join(append([]string{r.proc}, parts...)...)
}

func (r roots) sysPath(parts ...string) string {
	return filepath.Join(append([]string{r.sys}, parts...)...)
}

func (r roots) rootPath(parts ...string) string {
	return filepath.Join(append([]string{r.root}, parts...)...)
}

// fileReader reads many small files into one buffer. It bypasses os.File,
// whose bookkeeping costs more than such a read does.
type fileReader struct{ buf []byte }

// read returns the file's content, which is valid until the next read.
// Content past 1 MiB is left out.
func (f *fileReader) read(path string) ([]byte, error) {
	if f.buf == nil {
		f.buf = make([]byte, 4096)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	n := 0
	for {
		got, err := unix.Read(fd, f.buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		n += got
		if got == 0 || n >= 1<<20 {
			return f.buf[:n], nil
		}
		if n == len(f.buf) {
			f.buf = append(f.buf, make([]byte, len(f.buf))...)
		}
	}
}

// readOnce is read for files that the kernel writes in one piece, which saves
// asking for their end. Content past 4 KiB is left out.
func (f *fileReader) readOnce(path string) ([]byte, error) {
	if f.buf == nil {
		f.buf = make([]byte, 4096)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Read(fd, f.buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		return f.buf[:n], nil
	}
}

// text returns a file's first line without surrounding blanks, or "".
func (f *fileReader) text(path string) string {
	b, err := f.read(path)
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(b, []byte{'\n'})
	return string(bytes.TrimSpace(line))
}

// number returns the whole number that a file holds.
func (f *fileReader) number(path string) (int64, error) {
	b, err := f.read(path)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// boot is what stays the same until the machine starts again.
type boot struct {
	at    int64 // Unix seconds
	cpus  int
	total int64 // memory in bytes
}

// userHz is the unit of times in /proc/PID/stat. It is 100 on every Linux
// architecture that Go runs on.
const userHz = 100

var pageSize = int64(os.Getpagesize())

// readBoot reads /proc/stat and /proc/meminfo.
func readBoot(r roots) (boot, error) {
	var f fileReader
	var b boot
	stat, err := f.read(r.procPath("stat"))
	if err != nil {
		return b, err
	}
	for line := range strings.Lines(string(stat)) {
		if v, ok := strings.CutPrefix(line, "btime "); ok {
			if b.at, err = strconv.ParseInt(strings.TrimSpace(v), 10, 64); err != nil {
				return b, fmt.Errorf("%s: btime: %w", r.procPath("stat"), err)
			}
		}
		if len(line) > 3 && strings.HasPrefix(line, "cpu") && line[3] >= '0' && line[3] <= '9' {
			b.cpus++
		}
	}
	if b.cpus == 0 {
		return b, fmt.Errorf("%s names no CPU", r.procPath("stat"))
	}
	mem, err := f.read(r.procPath("meminfo"))
	if err != nil {
		return b, err
	}
	for line := range strings.Lines(string(mem)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "MemTotal:" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return b, fmt.Errorf("%s: MemTotal: %w", r.procPath("meminfo"), err)
			}
			b.total = kb << 10
		}
	}
	return b, nil
}
