package host

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stores knows on which filesystems the groups keep their files: those where
// their processes stand or have files open. What keeps its data on a disk
// suffers with it, and a full or slow disk is felt by those alone.
type stores struct {
	roots roots
	looks map[int]storeLook // by process
	at    map[groupKey]map[string]time.Time
	next  int // first process to be looked at
}

type storeLook struct {
	start int64
	at    time.Time
}

const (
	// lookedAt is how many processes are looked at each time, and lookAgain how
	// long until one is looked at anew: reading descriptors is dear.
	lookedAt  = 256
	lookAgain = 2 * time.Minute
	// openFiles bounds the descriptors of one process that are read.
	openFiles = 128
	// keepsStore is how long a group is held to use a filesystem after its last
	// file there was seen: files are opened and closed.
	keepsStore = 15 * time.Minute
)

func newStores(r roots) *stores {
	return &stores{roots: r, looks: map[int]storeLook{}, at: map[groupKey]map[string]time.Time{}}
}

// look goes on to the next processes.
func (s *stores) look(procs map[int]*process, keys map[int]groupKey, mounts []mount, now time.Time) {
	for pid, l := range s.looks {
		if p := procs[pid]; p == nil || p.start != l.start {
			delete(s.looks, pid)
		}
	}
	var due []int
	for pid, p := range procs {
		if l, ok := s.looks[pid]; !p.kernel && p.state != 'Z' && (!ok || now.Sub(l.at) >= lookAgain) && keys[pid].name != "" {
			due = append(due, pid)
		}
	}
	slices.Sort(due)
	from, _ := slices.BinarySearch(due, s.next)
	due = slices.Concat(due[from:], due[:from]) // who comes last is looked at all the same
	for _, pid := range due[:min(len(due), lookedAt)] {
		s.looks[pid] = storeLook{procs[pid].start, now}
		s.next = pid + 1
		for _, path := range s.paths(pid) {
			if point := mountOf(path, mounts); point != "" {
				key := keys[pid]
				if s.at[key] == nil {
					s.at[key] = map[string]time.Time{}
				}
				s.at[key][point] = now
			}
		}
	}
	for key, points := range s.at {
		for point, seen := range points {
			if now.Sub(seen) > keepsStore {
				delete(points, point)
			}
		}
		if len(points) == 0 {
			delete(s.at, key)
		}
	}
}

// paths are where a process stands and which files it has open. What may not be
// read gives none.
func (s *stores) paths(pid int) []string {
	dir := s.roots.proc + "/" + strconv.Itoa(pid)
	var out []string
	if cwd, err := os.Readlink(dir + "/cwd"); err == nil && cwd != "/" {
		out = append(out, cwd)
	}
	names, err := listNames(dir + "/fd")
	if err != nil {
		return out
	}
	for _, name := range names[:min(len(names), openFiles)] {
		if link, err := os.Readlink(dir + "/fd/" + name); err == nil && strings.HasPrefix(link, "/") && !strings.HasPrefix(link, "/dev/") {
			out = append(out, link)
		}
	}
	return out
}

// mountOf is the mount point that a path lies on; "" where it is not one that is
// told of.
func mountOf(path string, mounts []mount) string {
	best := ""
	for _, m := range mounts {
		if (m.point == "/" || path == m.point || strings.HasPrefix(path, m.point+"/")) && len(m.point) > len(best) {
			best = m.point
		}
	}
	if best == "/" && (strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/") || strings.HasPrefix(path, "/run/") || strings.HasPrefix(path, "/memfd:")) {
		return "" // filesystems of the kernel, which are not told of
	}
	return best
}
