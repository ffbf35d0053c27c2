package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// LoopDisk is a file that serves as a disk, with an ext4 filesystem on it.
type LoopDisk struct{ Device, Mount string }

// NewLoopDisk makes one of so many bytes and mounts it at DIR/NAME.
func NewLoopDisk(s *Stage, name string, size int64) (LoopDisk, error) {
	d := LoopDisk{Mount: filepath.Join(s.Dir, name)}
	image := d.Mount + ".img"
	if err := os.Mkdir(d.Mount, 0o755); err != nil {
		return d, err
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return d, err
	}
	if err := os.Truncate(image, size); err != nil {
		return d, err
	}
	if _, err := Do("mkfs.ext4", "-q", "-F", "-m", "0", image); err != nil {
		return d, err
	}
	// Direct I/O: the device's requests are the requests of the one below,
	// not writes to its page cache.
	device, err := Do("losetup", "--find", "--show", "--direct-io=on", image)
	if err != nil {
		return d, err
	}
	d.Device = device
	s.Undo("detach "+device, func() error { _, err := Do("losetup", "-d", device); return err })
	if err := unix.Mount(device, d.Mount, "ext4", 0, ""); err != nil {
		return d, fmt.Errorf("mount %s: %w", device, err)
	}
	s.Undo("unmount "+d.Mount, func() error { return unmount(d.Mount) })
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

// DeviceOf returns the number, as in "254:0", of the whole disk that a folder
// lies on.
func DeviceOf(dir string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return "", err
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	link, err := filepath.EvalSymlinks("/sys/dev/block/" + number)
	if err != nil {
		return "", fmt.Errorf("%w: %s lies on no block device whose writes could be slowed; set TMPDIR to a folder on a disk", ErrCannot, dir)
	}
	if _, err := os.Stat(filepath.Join(link, "partition")); err != nil {
		return number, nil // it is the whole disk already
	}
	whole, err := os.ReadFile(filepath.Join(filepath.Dir(link), "dev"))
	return strings.TrimSpace(string(whole)), err
}
