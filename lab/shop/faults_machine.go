package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// turned is a fault that one knob of one service makes.
func turned(name, knob, value, back string) func(*scene, *lab.Stage) error {
	return func(s *scene, part *lab.Stage) error { return s.turn(part, name, knob, value, back) }
}

// beside starts a part of the role program beside the shop, with a name of its
// own and another command before it.
func (s *scene) beside(part *lab.Stage, name string, before []string, args ...string) error {
	program := s.file(name)
	if err := os.Link(s.file("role"), program); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	all := append(append(before, program), args...)
	_, err := part.Start(name, exec.Command(all[0], all[1:]...))
	return err
}

// crowded are the services that a neighbour's faults pin to one CPU, and the
// CPU: the last one, so that the machine keeps the others.
var crowded = []string{"shop-catalog-1", "shop-catalog-2", "shop-catalog-3", "shop-search"}

func (s *scene) pin(part *lab.Stage) (cpu string, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			all := strings.TrimSpace(list)
			cpu = all[strings.LastIndexAny(all, ",-")+1:]
			for _, name := range crowded {
				pid := strconv.Itoa(s.of(name).process.PID)
				part.Undo("give "+name+" all CPUs", func() error { _, err := lab.Do("taskset", "-a", "-p", "-c", all, pid); return err })
				if _, err := lab.Do("taskset", "-a", "-p", "-c", cpu, pid); err != nil {
					return "", err
				}
			}
			return cpu, nil
		}
	}
	return "", fmt.Errorf("%w: it does not say which CPUs there are", lab.ErrCannot)
}

// cpuNeighbour gives the services the weight of pods that asked for nothing:
// with an equal one, a service that runs for a millisecond at a time is hardly
// kept waiting, however many others there are.
func cpuNeighbour(s *scene, part *lab.Stage) error {
	cpu, err := s.pin(part)
	if err != nil {
		return err
	}
	for _, name := range crowded {
		pid := s.of(name).process.PID
		part.Undo("give "+name+" its priority back", func() error { return renice(pid, "0") })
		if err := renice(pid, "19"); err != nil {
			return err
		}
	}
	return s.beside(part, "shop-neighbour", []string{"sh", "-c", first, "sh", "nice", "-n", "-15", "taskset", "-c", cpu}, "spin", "-threads", "24")
}

// first gives a session more weight than others, where it has one of its own.
const first = `test ! -e /proc/self/autogroup || echo -5 >/proc/self/autogroup; exec "$@"`

// renice sets the priority of a process: of all its threads, for to Linux each
// has one of its own, and of its session, within which alone those count where
// the kernel groups tasks by it (sched(7), "The autogroup feature").
func renice(pid int, nice string) error {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	args := []string{"-n", nice}
	for _, t := range threads {
		args = append(args, "-p", t.Name())
	}
	if _, err := lab.Do("renice", args...); err != nil {
		return err
	}
	err = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(nice), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func schedulingDelay(s *scene, part *lab.Stage) error {
	cpu, err := s.pin(part)
	if err != nil {
		return err
	}
	return s.beside(part, "shop-realtime", []string{"chrt", "-f", "50", "taskset", "-c", cpu}, "spin", "-on", "200ms", "-off", "50ms")
}

func (s *scene) limited() error {
	if s.memory == "" {
		return fmt.Errorf("%w: it has no cgroups of version 1 to limit search by", lab.ErrCannot)
	}
	return nil
}

func cpuQuota(s *scene, part *lab.Stage) error {
	if err := s.limited(); err != nil {
		return err
	}
	part.Undo("lift the quota", func() error { return s.cpu.Set("cpu.cfs_quota_us", "-1") })
	return errors.Join(s.cpu.Set("cpu.cfs_period_us", "100000"), s.cpu.Set("cpu.cfs_quota_us", "1000"))
}

// outOfMemory has the kernel kill search again and again; what supervises it
// starts it anew after a second, as a service manager does.
func outOfMemory(s *scene, part *lab.Stage) error {
	if err := s.limited(); err != nil {
		return err
	}
	service := s.of("shop-search")
	ctx, cancel := context.WithCancel(s.ctx)
	over := make(chan error, 1)
	part.Undo("end the leak of search", func() error {
		cancel()
		err := <-over
		return errors.Join(err, service.process.Kill(), s.memory.Set("memory.limit_in_bytes", "-1"), s.start(service))
	})
	go func() {
		var err error
		for ctx.Err() == nil && err == nil {
			if service.process.Ended() {
				wait(ctx, time.Second)
				if err = s.start(service); err == nil {
					err = service.process.Turn("leak", strconv.Itoa(4<<20))
				}
			}
			wait(ctx, 100*time.Millisecond)
		}
		over <- err
	}()
	return errors.Join(s.memory.Set("memory.limit_in_bytes", strconv.Itoa(96<<20)), service.process.Turn("leak", strconv.Itoa(4<<20)))
}

func (s *scene) ownDisks() error {
	if s.database.writes == "" {
		return fmt.Errorf("%w: PostgreSQL has no disks of its own here", lab.ErrCannot)
	}
	return nil
}

func slowDisk(s *scene, part *lab.Stage) error {
	if err := s.ownDisks(); err != nil {
		return err
	}
	part.Undo("let the disks be fast", func() error { return s.database.throttle(provisioned) })
	return s.database.throttle(60_000)
}

func diskFilling(s *scene, part *lab.Stage) error {
	if err := s.ownDisks(); err != nil {
		return err
	}
	file := filepath.Join(s.database.data.Mount, "export.csv")
	part.Undo("remove "+file, func() error {
		err := os.Remove(file)
		if s.database.primary.Ended() { // it may not survive a full disk
			err = errors.Join(err, s.database.startPrimary(s.ctx))
		}
		return err
	})
	return s.beside(part, "shop-filler", nil, "fill", "-file", file, "-rate", strconv.Itoa(16<<20))
}

func packetLoss(_ *scene, part *lab.Stage) error {
	rules := "table inet evenkeel_shop {\nchain arriving {\ntype filter hook input priority 0\nip daddr { " + strings.Join(catalogueIPs, ", ") +
		" } tcp dport " + servicePort + " numgen random mod 100 < 35 drop\n}\n}"
	if _, err := lab.Do("nft", rules); err != nil {
		return fmt.Errorf("%w: %w", lab.ErrCannot, err)
	}
	part.Undo("take the loss away", func() error { _, err := lab.Do("nft", "delete table inet evenkeel_shop"); return err })
	return nil
}
