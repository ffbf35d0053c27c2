package host

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// taskStat is what /proc/PID/stat tells of a process.
type taskStat struct {
	pid, parent, session int
	comm                 string
	state                byte // R, S, D, Z, T, ...
	kernel               bool // a kernel thread
	threads              int
	start                int64 // ticks since boot
	cpu, reapedCPU       int64 // ticks; of itself, and of the children that it has waited for
	faults, reapedFaults int64 // major faults, likewise
	ioDelay              int64 // ticks waited for block I/O; 0 where the kernel does not account it
	resident             int64 // pages
}

// Fields of /proc/PID/stat, counted from the state (the third, after the
// comm), as proc(5) has them.
const (
	statState      = 0
	statParent     = 1
	statSession    = 3
	statFlags      = 6
	statMajor      = 9
	statChildMajor = 10
	statUser       = 11
	statSystem     = 12
	statChildUser  = 13
	statChildSys   = 14
	statThreads    = 17
	statStart      = 19
	statResident   = 21
	statIODelay    = 39
)

const kernelThreadFlag = 0x00200000 // PF_KTHREAD

var errShortStat = errors.New("too few fields")

// parseStat reads /proc/PID/stat. The comm may hold blanks and parentheses: it
// ends at the last ')'.
func parseStat(b []byte) (taskStat, error) {
	var t taskStat
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 1 || end < open {
		return t, fmt.Errorf("stat of a process: no comm in %.60q", b)
	}
	t.pid = int(parseInt(bytes.TrimSpace(b[:open])))
	t.comm = clean(string(b[open+1 : end]))
	field, rest := 0, b[end+1:]
	for {
		rest = bytes.TrimLeft(rest, " \n")
		if len(rest) == 0 {
			break
		}
		word := rest
		if i := bytes.IndexByte(rest, ' '); i >= 0 {
			word, rest = rest[:i], rest[i:]
		} else {
			rest = nil
		}
		switch field {
		case statState:
			t.state = word[0]
		case statParent:
			t.parent = int(parseInt(word))
		case statSession:
			t.session = int(parseInt(word))
		case statFlags:
			t.kernel = parseInt(word)&kernelThreadFlag != 0
		case statMajor:
			t.faults = parseInt(word)
		case statChildMajor:
			t.reapedFaults = parseInt(word)
		case statUser, statSystem:
			t.cpu += parseInt(word)
		case statChildUser, statChildSys:
			t.reapedCPU += parseInt(word)
		case statThreads:
			t.threads = int(parseInt(word))
		case statStart:
			t.start = parseInt(word)
		case statResident:
			t.resident = parseInt(word)
		case statIODelay:
			t.ioDelay = parseInt(word)
		}
		field++
	}
	if field <= statResident || t.pid <= 0 {
		return t, fmt.Errorf("stat of a process: %w in %.60q", errShortStat, b)
	}
	return t, nil
}

// parseInt reads a whole number up to the first byte that is no digit. A
// number past the range stays at its end.
func parseInt(b []byte) int64 {
	var v int64
	negative := false
	for i, c := range b {
		if i == 0 && c == '-' {
			negative = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		if v > (1<<63-10)/10 {
			v = 1<<63 - 1
			break
		}
		v = v*10 + int64(c-'0')
	}
	if negative {
		return -v
	}
	return v
}

// parseWait reads the second number of a schedstat file: nanoseconds that the
// task was ready to run and waited for a CPU.
func parseWait(b []byte) int64 {
	_, rest, _ := bytes.Cut(b, []byte{' '})
	return parseInt(rest)
}

// parseIO reads /proc/PID/io: bytes that the process caused to be read from
// and written to block devices, without writes that were taken back. Both
// include the children that it has waited for.
func parseIO(b []byte) (read, written int64) {
	for line := range bytes.Lines(b) {
		key, value, ok := bytes.Cut(line, []byte(": "))
		if !ok {
			continue
		}
		switch string(key) {
		case "read_bytes":
			read = parseInt(value)
		case "write_bytes":
			written += parseInt(value)
		case "cancelled_write_bytes":
			written -= parseInt(value)
		}
	}
	return read, max(written, 0)
}

// parseStatm reads the resident and the shared pages of /proc/PID/statm.
func parseStatm(b []byte) (resident, shared int64) {
	_, rest, _ := bytes.Cut(b, []byte{' '})
	resident = parseInt(rest)
	_, rest, _ = bytes.Cut(rest, []byte{' '})
	return resident, parseInt(rest)
}

// parseOpenFilesLimit reads the soft limit of /proc/PID/limits; 0 means none.
func parseOpenFilesLimit(b []byte) int64 {
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("Max open files")); ok {
			return parseInt(bytes.TrimLeft(rest, " ")) // "unlimited" reads as 0
		}
	}
	return 0
}

// clean makes a name of the kernel's fit for a label: valid UTF-8 without
// control characters.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "?")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
