package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/evenkeel/evenkeel/lab"
)

// cpuContention puts stress-ng beside a small service that needs its CPU.
func cpuContention(s *scene) (func(*lab.Stage) error, error) {
	if _, err := s.Actor("labteller", "work", "-share", "0.2"); err != nil {
		return nil, err
	}
	return func(part *lab.Stage) error {
		_, err := part.Start("stress-ng", exec.Command("stress-ng", "--cpu", strconv.Itoa(4*runtime.NumCPU()), "--cpu-method", "int64", "--quiet"))
		return err
	}, nil
}

// cpuQuota asks more of a service than its cgroup lets it have.
func cpuQuota(s *scene) (func(*lab.Stage) error, error) {
	group, err := newGroup(s.Stage, "cpu", "evenkeel-lab-quota", map[string]string{
		"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "20000"})
	if err != nil {
		return nil, err
	}
	encoder, err := s.Actor("labencoder", "work", "-share", "0.05")
	if err != nil {
		return nil, err
	}
	if err := group.add(encoder.PID); err != nil {
		return nil, err
	}
	return func(part *lab.Stage) error {
		part.Undo("calm labencoder", func() error { return encoder.Turn("share", "0.05") })
		return encoder.Turn("share", "1")
	}, nil
}

// outOfMemory lets the child of a service grow past its cgroup's limit.
func outOfMemory(s *scene) (func(*lab.Stage) error, error) {
	group, err := newGroup(s.Stage, "memory", "evenkeel-lab-memory", map[string]string{
		"memory.limit_in_bytes": strconv.Itoa(64 << 20)})
	if err != nil {
		return nil, err
	}
	worker, err := s.Actor("labworker", "leak")
	if err != nil {
		return nil, err
	}
	if err := group.add(worker.PID); err != nil {
		return nil, err
	}
	return func(part *lab.Stage) error {
		part.Undo("calm labworker", func() error { return worker.Turn("bytes", "0") })
		return worker.Turn("bytes", strconv.Itoa(256<<20))
	}, nil
}

// cgroup is a control group of version 1, in one hierarchy.
type cgroup string

func newGroup(s *lab.Stage, controller, name string, settings map[string]string) (cgroup, error) {
	parent := filepath.Join("/sys/fs/cgroup", controller)
	if _, err := os.Stat(filepath.Join(parent, "tasks")); err != nil {
		return "", fmt.Errorf("%w: it has no cgroup v1 hierarchy for %s", lab.ErrCannot, controller)
	}
	g := cgroup(filepath.Join(parent, name))
	if err := os.Mkdir(string(g), 0o755); err != nil && !os.IsExist(err) {
		return "", err
	}
	// rmdir is refused while a process is still in it; the processes were
	// started later, so the stage has ended them before.
	s.Undo("remove "+string(g), func() error { return os.Remove(string(g)) })
	for file, value := range settings {
		if err := g.set(file, value); err != nil {
			return "", err
		}
	}
	return g, nil
}

func (g cgroup) set(file, value string) error {
	return os.WriteFile(filepath.Join(string(g), file), []byte(value), 0o644)
}

func (g cgroup) add(pid int) error { return g.set("cgroup.procs", strconv.Itoa(pid)) }
