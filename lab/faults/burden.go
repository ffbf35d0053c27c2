package main

import (
	"os/exec"
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
	group, err := lab.NewCgroup(s.Stage, "cpu", "evenkeel-lab-quota", map[string]string{
		"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "20000"})
	if err != nil {
		return nil, err
	}
	encoder, err := s.Actor("labencoder", "work", "-share", "0.05")
	if err != nil {
		return nil, err
	}
	if err := group.Add(encoder.PID); err != nil {
		return nil, err
	}
	return func(part *lab.Stage) error {
		part.Undo("calm labencoder", func() error { return encoder.Turn("share", "0.05") })
		return encoder.Turn("share", "1")
	}, nil
}

// outOfMemory lets the child of a service grow past its cgroup's limit.
func outOfMemory(s *scene) (func(*lab.Stage) error, error) {
	group, err := lab.NewCgroup(s.Stage, "memory", "evenkeel-lab-memory", map[string]string{
		"memory.limit_in_bytes": strconv.Itoa(64 << 20)})
	if err != nil {
		return nil, err
	}
	worker, err := s.Actor("labworker", "leak")
	if err != nil {
		return nil, err
	}
	if err := group.Add(worker.PID); err != nil {
		return nil, err
	}
	return func(part *lab.Stage) error {
		part.Undo("calm labworker", func() error { return worker.Turn("bytes", "0") })
		return worker.Turn("bytes", strconv.Itoa(256<<20))
	}, nil
}
