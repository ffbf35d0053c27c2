package host

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// containerNames finds the names that people gave to containers, where the
// engine's files may be read. A container keeps the first name that it is
// known by here; one without a name goes by its short id.
type containerNames struct {
	roots roots
	names map[string]string
	asked map[string]time.Time
}

const (
	askAgain      = 5 * time.Minute
	maxContainers = 2000
	maxEngineFile = 4 << 20
)

func newContainerNames(r roots) *containerNames {
	return &containerNames{roots: r, names: map[string]string{}, asked: map[string]time.Time{}}
}

// named returns the group under the container's name; other groups as they
// are.
func (c *containerNames) named(key groupKey) groupKey {
	if key.kind != kindContainer {
		return key
	}
	if name, ok := c.names[key.name]; ok {
		return groupKey{kindContainer, name}
	}
	now := time.Now()
	if at, ok := c.asked[key.name]; ok && now.Sub(at) < askAgain {
		return key
	}
	if len(c.asked) >= maxContainers {
		clear(c.asked)
		clear(c.names)
	}
	c.asked[key.name] = now
	if name := c.find(key.name); name != "" {
		c.names[key.name] = clean(name)
		return groupKey{kindContainer, c.names[key.name]}
	}
	return key
}

// find asks docker's, the kubelet's and podman's files for a short id.
func (c *containerNames) find(id string) string {
	if len(id) != 12 || strings.Trim(id, "0123456789abcdef") != "" {
		return "" // a name already
	}
	if found, _ := filepath.Glob(c.roots.rootPath("var/lib/docker/containers", id+"*", "config.v2.json")); len(found) == 1 {
		var config struct{ Name string }
		if readJSON(found[0], &config) {
			return strings.TrimPrefix(config.Name, "/")
		}
	}
	// The kubelet links POD_NAMESPACE_CONTAINER-ID.log to each log.
	if found, _ := filepath.Glob(c.roots.rootPath("var/log/containers", "*-"+id+"*.log")); len(found) == 1 {
		name := filepath.Base(found[0])
		if parts := strings.SplitN(name[:strings.LastIndex(name, "-"+id)], "_", 3); len(parts) == 3 {
			return parts[1] + "/" + parts[0] + "/" + parts[2]
		}
	}
	var containers []struct {
		ID    string   `json:"id"`
		Names []string `json:"names"`
	}
	if readJSON(c.roots.rootPath("var/lib/containers/storage/overlay-containers/containers.json"), &containers) {
		for _, found := range containers {
			if strings.HasPrefix(found.ID, id) && len(found.Names) > 0 {
				return slices.Min(found.Names)
			}
		}
	}
	return ""
}

func readJSON(path string, into any) bool {
	st, err := os.Stat(path)
	if err != nil || st.Size() > maxEngineFile {
		return false
	}
	b, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(b, into) == nil
}
