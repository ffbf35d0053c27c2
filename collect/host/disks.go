package host

import (
	"os"
	"path/filepath"
	"strings"
)

// disk is a block device that holds data: not a partition, and not one that
// is only memory.
type disk struct {
	name  string
	facts map[string]string
}

const maxDisks = 256

func readDisks(r roots) ([]disk, error) {
	names, err := os.ReadDir(r.sysPath("block"))
	if err != nil {
		if gone(err) {
			return nil, nil
		}
		return nil, err
	}
	var f fileReader
	var disks []disk
	for _, entry := range names {
		name := entry.Name()
		dir := r.sysPath("block", name)
		sectors, err := f.number(filepath.Join(dir, "size"))
		if err != nil || sectors == 0 || strings.HasPrefix(name, "ram") || strings.HasPrefix(name, "zram") {
			continue // a drive without a medium, a loop without a file, memory
		}
		d := disk{name, map[string]string{"size": humanBytes(sectors * 512)}}
		if n, err := f.number(filepath.Join(dir, "queue/rotational")); err == nil {
			d.facts["rotational"] = map[bool]string{true: "yes", false: "no"}[n == 1]
		}
		for key, file := range map[string]string{
			"model": "device/model", "vendor": "device/vendor", "name": "dm/name", "raid": "md/level", "file": "loop/backing_file",
		} {
			if text := f.text(filepath.Join(dir, file)); text != "" && !strings.HasPrefix(text, "0x") {
				d.facts[key] = clean(text)
			}
		}
		if disks = append(disks, d); len(disks) == maxDisks {
			break
		}
	}
	return disks, nil
}

// diskOf returns the disk that a device number belongs to: itself, or the
// disk of a partition; "" where it has none, as network filesystems do.
func diskOf(r roots, device string) string {
	path, err := filepath.EvalSymlinks(r.sysPath("dev/block", device))
	if err != nil {
		return ""
	}
	if _, err := os.Stat(filepath.Join(path, "partition")); err == nil {
		path = filepath.Dir(path)
	}
	return filepath.Base(path)
}

// beneath returns the disks that a device is made of (RAID, LVM, encryption),
// or itself.
func beneath(r roots, name string) []string {
	below, err := os.ReadDir(r.sysPath("block", name, "slaves"))
	if err != nil || len(below) == 0 {
		return nil
	}
	var names []string
	for _, entry := range below {
		part := entry.Name()
		// A slave may be a partition, which is no disk of its own.
		if path, err := filepath.EvalSymlinks(r.sysPath("class/block", part)); err == nil {
			if _, err := os.Stat(filepath.Join(path, "partition")); err == nil {
				part = filepath.Base(filepath.Dir(path))
			}
		}
		names = append(names, part)
	}
	return names
}
