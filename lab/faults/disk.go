package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/evenkeel/evenkeel/lab"
)

// fullFilesystem lets a log run away on a small filesystem of its own.
func fullFilesystem(s *scene) (func(*lab.Stage) error, error) {
	disk, err := lab.NewLoopDisk(s.Stage, "labfull", 128<<20)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(disk.Mount, "runaway.log")
	filler, err := s.Actor("labfiller", "fill", "-file", file, "-rate", "10000")
	if err != nil {
		return nil, err
	}
	return func(part *lab.Stage) error {
		part.Undo("rotate "+file, func() error {
			// What a person would do: calm it, and empty the log.
			return errors.Join(filler.Turn("rate", "10000"), os.Truncate(file, 0))
		})
		return filler.Turn("rate", strconv.Itoa(8<<20))
	}, nil
}

// slowDisk slows the disk below a service that waits for each record to be
// written. The service's filesystem lies on a loop device; a throttle on the
// device below makes each of its writes wait, so that the loop device is truly
// slow while the machine's own disk is not.
func slowDisk(s *scene) (func(*lab.Stage) error, error) {
	disk, err := lab.NewLoopDisk(s.Stage, "labslow", 128<<20)
	if err != nil {
		return nil, err
	}
	below, err := lab.DeviceOf(s.Dir)
	if err != nil {
		return nil, err
	}
	group, err := lab.NewCgroup(s.Stage, "blkio", "evenkeel-lab-disk", nil)
	if err != nil {
		return nil, err
	}
	ledger, err := s.Actor("labledger", "sync", "-file", filepath.Join(disk.Mount, "ledger"), "-record", "65536", "-rate", "8")
	if err != nil {
		return nil, err
	}
	if err := group.Add(ledger.PID); err != nil {
		return nil, err
	}
	// The ledger wants 0.5 MB/s; it gets a fifth of that.
	const knob = "blkio.throttle.write_bps_device"
	return func(part *lab.Stage) error {
		part.Undo("take the throttle away", func() error { return group.Set(knob, below+" 0") })
		return group.Set(knob, below+" 100000")
	}, nil
}
