package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Cgroup is a control group of version 1, in one hierarchy.
type Cgroup string

// NewCgroup makes a group in the controller's hierarchy with settings by file.
// It is removed with the stage, when its processes have ended.
func NewCgroup(s *Stage, controller, name string, settings map[string]string) (Cgroup, error) {
	parent := filepath.Join("/sys/fs/cgroup", controller)
	if _, err := os.Stat(filepath.Join(parent, "tasks")); err != nil {
		return "", fmt.Errorf("%w: it has no cgroup v1 hierarchy for %s", ErrCannot, controller)
	}
	g := Cgroup(filepath.Join(parent, name))
	if err := os.Mkdir(string(g), 0o755); err != nil && !os.IsExist(err) {
		return "", err
	}
	// rmdir is refused while a process is still in it; the processes were
	// started later, so the stage has ended them before.
	s.Undo("remove "+string(g), func() error { return os.Remove(string(g)) })
	for file, value := range settings {
		if err := g.Set(file, value); err != nil {
			return "", err
		}
	}
	return g, nil
}

// Set writes one of its files.
func (g Cgroup) Set(file, value string) error {
	return os.WriteFile(filepath.Join(string(g), file), []byte(value), 0o644)
}

// Add moves a process into it; what that starts later is in it too.
func (g Cgroup) Add(pid int) error { return g.Set("cgroup.procs", strconv.Itoa(pid)) }
