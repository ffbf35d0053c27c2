package host

import (
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// Recall tells the host what an earlier process of Evenkeel saw last, so that
// the first Observe also tells what changed in between: another kernel, mounts,
// interfaces and ports. It does nothing once Observe was called. The entities
// are those of this source as they are stored.
func (h *Host) Recall(entities []estate.Entity, seen time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.view.last != nil || len(entities) == 0 {
		return
	}
	h.view.last = recalled(h.name, entities, seen)
}

// recalled builds as much of a snapshot as the estate keeps. Pure.
func recalled(host string, entities []estate.Entity, seen time.Time) *snapshot {
	s := &snapshot{at: seen, leaders: map[groupKey]leader{}}
	for _, e := range entities {
		a := e.Attributes
		switch e.Kind {
		case estate.Host:
			if e.ID == estate.ID(estate.Host, host) {
				s.machine = machine{bootID: a["bootId"], facts: a}
				s.complete = true
			}
		case estate.Filesystem:
			s.mounts = append(s.mounts, mount{
				point: e.Name, device: a["device"], fstype: a["fstype"], options: a["options"],
				readOnly: a["options"] == "ro" || strings.HasPrefix(a["options"], "ro,"),
			})
		case estate.Interface:
			s.interfaces = append(s.interfaces, netInterface{name: e.Name, up: a["state"] == "up", facts: a})
		case estate.Listener:
			port, err := strconv.ParseUint(a["port"], 10, 16)
			if err != nil {
				continue
			}
			s.listeners = append(s.listeners, listener{
				protocol: a["protocol"], port: uint16(port), addresses: strings.Split(a["addresses"], ", "),
				group: groupKey{name: a["group"]},
			})
		}
	}
	return s
}
