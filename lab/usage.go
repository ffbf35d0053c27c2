package lab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Usage is what a process and all its descendants have used.
type Usage struct {
	CPU float64 // seconds in user and kernel mode since they began
	RSS int64   // resident bytes; shared pages count for each process
	PSS int64   // resident bytes; shared pages are divided among their users
}

// clockTicks is what /proc/PID/stat counts CPU time in. It is 100 on every
// architecture that Go runs on.
const clockTicks = 100

// UsageOf sums up the processes and their descendants, with what ended
// children had used. A process that is not there is an error: a figure that
// lacks a part of it would be too good.
func UsageOf(pids ...int) (Usage, error) {
	var sum Usage
	children, err := childrenByParent()
	if err != nil {
		return Usage{}, err
	}
	var walk func(pid int, must bool) error
	walk = func(pid int, must bool) error {
		u, err := usageOfOne(pid)
		if err != nil {
			if !must && errors.Is(err, os.ErrNotExist) {
				return nil // a short-lived child; its parent has its time
			}
			return fmt.Errorf("process %d: %w", pid, err)
		}
		sum.CPU += u.CPU
		sum.RSS += u.RSS
		sum.PSS += u.PSS
		for _, child := range children[pid] {
			if err := walk(child, false); err != nil {
				return err
			}
		}
		return nil
	}
	for _, pid := range pids {
		if err := walk(pid, true); err != nil {
			return Usage{}, err
		}
	}
	return sum, nil
}

func usageOfOne(pid int) (Usage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := statFields(pid)
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	for _, field := range stat[11:15] { // utime, stime, cutime, cstime
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("stat: %w", err)
		}
		u.CPU += ticks / clockTicks
	}
	rollup, err := os.ReadFile(filepath.Join(dir, "smaps_rollup"))
	if err != nil {
		return Usage{}, err
	}
	lines := bufio.NewScanner(bytes.NewReader(rollup))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "Rss:" && fields[0] != "Pss:" {
			continue
		}
		kb, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("smaps_rollup: %w", err)
		}
		if fields[0] == "Rss:" {
			u.RSS = kb << 10
		} else {
			u.PSS = kb << 10
		}
	}
	return u, lines.Err()
}

// statFields returns the fields of /proc/PID/stat after the command's name,
// which may itself hold spaces and brackets: the first is the state.
func statFields(pid int) ([]string, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	if end < 0 || len(fields) < 22 {
		return nil, fmt.Errorf("stat of process %d cannot be read: %q", pid, text)
	}
	return fields, nil
}

// childrenByParent returns the processes that each process has started.
func childrenByParent() (map[int][]int, error) {
	children := map[int][]int{}
	err := eachProcess(func(pid, parent, _ int) { children[parent] = append(children[parent], pid) })
	return children, err
}

// familyOf returns a process, what it has started, what that has started, and
// who else is in the session that it leads. Some lead sessions of their own, as
// PostgreSQL's do; others have lost their parents.
func familyOf(pid int) ([]int, error) {
	children := map[int][]int{}
	family := []int{pid}
	err := eachProcess(func(other, parent, session int) {
		children[parent] = append(children[parent], other)
		if session == pid && other != pid {
			family = append(family, other)
		}
	})
	for n := 0; n < len(family); n++ {
		for _, child := range children[family[n]] {
			if !slices.Contains(family, child) {
				family = append(family, child)
			}
		}
	}
	return family, err
}

// gone tells whether a process has ended; who was its parent may not know yet.
func gone(pid int) bool {
	stat, err := statFields(pid)
	return err != nil || stat[0] == "Z" || stat[0] == "X"
}

// eachProcess calls f for every process that there is.
func eachProcess(f func(pid, parent, session int)) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := statFields(pid)
		if err != nil {
			continue // it ended meanwhile
		}
		parent, parentErr := strconv.Atoi(stat[1])
		session, sessionErr := strconv.Atoi(stat[3])
		if err := errors.Join(parentErr, sessionErr); err != nil {
			return fmt.Errorf("stat of process %d: %w", pid, err)
		}
		f(pid, parent, session)
	}
	return nil
}
