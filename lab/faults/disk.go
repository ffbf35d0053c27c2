package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evenkeel/evenkeel/lab"
)

// fullFilesystem lets a log run away on a small filesystem of its own.
func fullFilesystem(s *scene) (func(*lab.Stage) error, error) {
	disk, err := newLoopDisk(s.Stage, "labfull", 128<<20)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(disk.mount, "runaway.log")
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
	disk, err := newLoopDisk(s.Stage, "labslow", 128<<20)
	if err != nil {
		return nil, err
	}
	below, err := deviceOf(s.Dir)
	if err != nil {
		return nil, err
	}
	group, err := newGroup(s.Stage, "blkio", "evenkeel-lab-disk", nil)
	if err != nil {
		return nil, err
	}
	ledger, err := s.Actor("labledger", "sync", "-file", filepath.Join(disk.mount, "ledger"), "-record", "65536", "-rate", "8")
	if err != nil {
		return nil, err
	}
	if err := group.add(ledger.PID); err != nil {
		return nil, err
	}
	// The ledger wants 0.5 MB/s; it gets a fifth of that.
	const knob = "blkio.throttle.write_bps_device"
	return func(part *lab.Stage) error {
		part.Undo("take the throttle away", func() error { return group.set(knob, below+" 0") })
		return group.set(knob, below+" 100000")
	}, nil
}

// loopDisk is a file that serves as a disk, with an ext4 filesystem on it.
type loopDisk struct{ device, mount string }

func newLoopDisk(s *lab.Stage, name string, size int64) (loopDisk, error) {
	d := loopDisk{mount: filepath.Join(s.Dir, name)}
	image := d.mount + ".img"
	if err := os.Mkdir(d.mount, 0o755); err != nil {
		return d, err
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return d, err
	}
	if err := os.Truncate(image, size); err != nil {
		return d, err
	}
	if _, err := lab.Do("mkfs.ext4", "-q", "-F", "-m", "0", image); err != nil {
		return d, err
	}
	// Direct I/O: the device's requests are the requests of the one below,
	// not writes to its page cache.
	device, err := lab.Do("losetup", "--find", "--show", "--direct-io=on", image)
	if err != nil {
		return d, err
	}
	d.device = device
	s.Undo("detach "+device, func() error { _, err := lab.Do("losetup", "-d", device); return err })
	if err := unix.Mount(device, d.mount, "ext4", 0, ""); err != nil {
		return d, fmt.Errorf("mount %s: %w", device, err)
	}
	s.Undo("unmount "+d.mount, func() error { return unmount(d.mount) })
	return d, nil
}

// unmount tries for a while: files of a process that was killed are closed a
// moment after its end.
func unmount(dir string) (err error) {
	for range 50 {
		if err = unix.Unmount(dir, 0); !errors.Is(err, syscall.EBUSY) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// deviceOf returns the number, as in "254:0", of the whole disk that a folder
// lies on.
func deviceOf(dir string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return "", err
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	link, err := filepath.EvalSymlinks("/sys/dev/block/" + number)
	if err != nil {
		return "", fmt.Errorf("%w: %s lies on no block device whose writes could be slowed; set TMPDIR to a folder on a disk", lab.ErrCannot, dir)
	}
	if _, err := os.Stat(filepath.Join(link, "partition")); err != nil {
		return number, nil // it is the whole disk already
	}
	whole, err := os.ReadFile(filepath.Join(filepath.Dir(link), "dev"))
	return strings.TrimSpace(string(whole)), err
}
