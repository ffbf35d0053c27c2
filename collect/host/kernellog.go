package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"

	"golang.org/x/sys/unix"
)

// kernelLog follows /dev/kmsg from the time that it was opened. Only what the
// kernel itself wrote counts: programs can write there too.
type kernelLog struct {
	fd  int
	err error // why it cannot be read
	buf []byte
}

// recordsPerRound bounds how much of a flooded log is read at once; the rest
// is read next time, as far as the kernel still has it.
const recordsPerRound = 5000

func openKernelLog(path string) *kernelLog {
	l := &kernelLog{fd: -1, buf: make([]byte, 8192)}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		if _, err = unix.Seek(fd, 0, unix.SEEK_END); err != nil {
			unix.Close(fd)
		} else {
			l.fd = fd
		}
	}
	if err != nil {
		l.err = fmt.Errorf("the kernel's log cannot be read, so who was killed for memory is a guess and I/O errors are known only where the disk counts them: %w",
			&os.PathError{Op: "open", Path: path, Err: err})
	}
	return l
}

// read returns what the kernel has said since the last call.
func (l *kernelLog) read() ([]logEvent, error) {
	if l.err != nil {
		return nil, l.err
	}
	var events []logEvent
	for range recordsPerRound {
		n, err := unix.Read(l.fd, l.buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return events, nil
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR), errors.Is(err, unix.EINVAL):
			continue // records were overwritten before we came, or one is larger than our buffer
		case err != nil:
			return events, fmt.Errorf("the kernel's log: %w", err)
		case n == 0:
			return events, nil
		}
		if e, ok := parseRecord(l.buf[:n]); ok {
			events = append(events, e)
		}
	}
	return events, nil
}

func (l *kernelLog) close() {
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
	}
	l.err = errors.New("the kernel's log is closed")
}

// logEvent is a line of the kernel's log that matters: a process killed for
// memory, or an I/O error.
type logEvent struct {
	pid        int    // of the killed process
	comm       string // of the killed process
	taskCgroup string // its memory cgroup; "" where the line does not tell
	oomCgroup  string // the cgroup that was out of memory; "" for the machine
	device     string // with the I/O error
}

// The kernel says for one kill, on kernels from 4.19 on both and on older ones
// only the second:
//
//	oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=hog,pid=1234,uid=0
//	Memory cgroup out of memory: Killed process 1234 (hog) total-vm:...
//
// The second line is the one that is counted; the first adds the cgroups.
var (
	oomDetail = regexp.MustCompile(`^oom-kill:constraint=\w+,.*,task_memcg=(.*),task=(.*),pid=(\d+),uid=`)
	oomWhere  = regexp.MustCompile(`,oom_memcg=(.*),task_memcg=`)
	oomKilled = regexp.MustCompile(`Killed process (\d+)(?: \((.*?)\))?(?:,| total-vm)`)
	diskError = regexp.MustCompile(`error, dev ([A-Za-z0-9_!-]+), sector \d`)
)

// parseRecord reads a record of /dev/kmsg: "6,339,5140900,-;text" and lines of
// further properties.
func parseRecord(b []byte) (logEvent, bool) {
	prefix, text, ok := bytes.Cut(b, []byte{';'})
	if !ok || parseInt(prefix)>>3 != 0 { // facility 0 is the kernel
		return logEvent{}, false
	}
	text, _, _ = bytes.Cut(text, []byte{'\n'})
	switch {
	case bytes.HasPrefix(text, []byte("oom-kill:")):
		m := oomDetail.FindSubmatch(text)
		if m == nil {
			return logEvent{}, false
		}
		e := logEvent{taskCgroup: clean(string(m[1])), comm: clean(string(m[2])), pid: -int(parseInt(m[3]))}
		if where := oomWhere.FindSubmatch(text); where != nil {
			e.oomCgroup = clean(string(where[1]))
		}
		return e, true
	case bytes.Contains(text, []byte("Killed process ")):
		m := oomKilled.FindSubmatch(text)
		if m == nil {
			return logEvent{}, false
		}
		return logEvent{pid: int(parseInt(m[1])), comm: clean(string(m[2]))}, true
	}
	if m := diskError.FindSubmatch(text); m != nil {
		return logEvent{device: string(m[1])}, true
	}
	return logEvent{}, false
}

// kills joins the two lines of each kill.
func kills(events []logEvent) []logEvent {
	detail := map[int]logEvent{}
	var all []logEvent
	for _, e := range events {
		switch {
		case e.pid < 0:
			detail[-e.pid] = e
		case e.pid > 0:
			if d, ok := detail[e.pid]; ok {
				e.taskCgroup, e.oomCgroup = d.taskCgroup, d.oomCgroup
				delete(detail, e.pid)
			}
			all = append(all, e)
		}
	}
	return all
}
