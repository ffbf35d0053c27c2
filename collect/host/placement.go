package host

import (
	"bytes"
	"regexp"
	"strings"
)

// The kinds of a group.
const (
	kindUnit      = "unit"
	kindContainer = "container"
	kindGroup     = "group"
)

// groupKey names a group.
type groupKey struct{ kind, name string }

// placement is where control groups put a process.
type placement struct {
	group groupKey // a unit or a container; zero where it is neither
	// paths per hierarchy, as /proc/PID/cgroup has them; "" where the
	// hierarchy is not there.
	unified, memory, cpu string
}

// parseCgroups reads /proc/PID/cgroup, of version 1, 2 or both.
func parseCgroups(b []byte) placement {
	var p placement
	var paths []string // most telling first
	var named string
	for line := range bytes.Lines(b) {
		parts := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		path := clean(parts[2])
		if parts[0] == "0" && parts[1] == "" {
			p.unified = path
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			switch controller {
			case "name=systemd":
				named = path
			case "memory":
				p.memory = path
			case "cpu":
				p.cpu = path
			}
		}
	}
	paths = append(paths, p.unified, named, p.memory, p.cpu)
	for _, path := range paths {
		if key, ok := placeOf(path); ok {
			p.group = key
			return p
		}
	}
	return p
}

// containerPath finds a container's id or name in the path of its cgroup, as
// docker, containerd, CRI-O, podman, Kubernetes, LXC and nspawn make them.
var containerPath = regexp.MustCompile(`(?:` +
	`/(?:docker|libpod_parent|kubepods[^/]*|containers)/(?:[^/]+/)*(?:libpod-)?([0-9a-f]{64})` +
	`|/(?:docker|cri-containerd|crio|libpod|nerdctl)-([0-9a-f]{64})(?:\.scope)?` +
	`|:(?:cri-containerd|docker|crio):([0-9a-f]{64})` +
	`|/lxc(?:\.payload)?[/.]([A-Za-z0-9_.-]+)` +
	`|/machine\.slice/machine-([^/]+)\.scope` +
	`)`)

// placeOf tells the unit or container that a cgroup belongs to. The services
// of a user's session manager are too coarse to be of use where they hold
// scopes: a whole desktop would be one unit.
func placeOf(path string) (groupKey, bool) {
	if m := containerPath.FindStringSubmatch(path); m != nil {
		for _, id := range m[1:] {
			if len(id) == 64 {
				id = id[:12]
			}
			if id != "" {
				return groupKey{kindContainer, strings.ReplaceAll(id, `\x2d`, "-")}, true
			}
		}
	}
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		name := parts[i]
		if strings.HasSuffix(name, ".scope") {
			return groupKey{}, false
		}
		if strings.HasSuffix(name, ".service") {
			return groupKey{kindUnit, unescapeUnit(name)}, true
		}
	}
	return groupKey{}, false
}

// unescapeUnit undoes what systemd does to a dash in a unit's name.
func unescapeUnit(name string) string { return strings.ReplaceAll(name, `\x2d`, "-") }
