package host

import (
	"fmt"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// clockStep is by how much the wall clock must jump to be told of. Steering
// by NTP moves it by 0.03 s a minute at most.
const clockStep = int64(time.Second)

// changes tells what is different between two looks. Without a former look
// only what carries its own time can be told. Pure.
func changes(host string, old, now *snapshot) []estate.Change {
	hostID := estate.ID(estate.Host, host)
	var all []estate.Change
	add := func(c estate.Change) {
		if c.At.IsZero() {
			c.At = now.at
		}
		if c.Key == "" {
			c.Key = fmt.Sprintf("%s:%s:%d", c.Kind, c.Entity, c.At.Unix())
		}
		all = append(all, c)
	}
	if now.machine.bootID != "" && (old == nil || old.machine.bootID != now.machine.bootID) {
		add(estate.Change{
			Entity: hostID, Kind: "boot", At: time.Unix(now.machine.bootAt, 0).UTC(), Key: "boot:" + now.machine.bootID,
			Summary: fmt.Sprintf("%s started with kernel %s", host, now.machine.facts["kernel"]),
			After:   now.machine.facts["kernel"],
		})
	}
	for _, r := range now.packages {
		if old == nil || !slices.ContainsFunc(old.packages, r.same) {
			add(r.change(host))
		}
	}
	if old == nil {
		return all
	}
	if was, is := old.machine.facts["kernel"], now.machine.facts["kernel"]; was != "" && is != "" && was != is {
		add(estate.Change{Entity: hostID, Kind: "kernel-upgrade", Before: was, After: is, Key: "kernel:" + now.machine.bootID,
			At: time.Unix(now.machine.bootAt, 0).UTC(), Summary: fmt.Sprintf("%s runs kernel %s instead of %s", host, is, was)})
	}
	if step := now.clock - old.clock; old.clock != 0 && now.clock != 0 && max(step, -step) >= clockStep {
		direction := "forwards"
		if step < 0 {
			direction = "backwards"
		}
		add(estate.Change{Entity: hostID, Kind: "clock-step",
			Summary: fmt.Sprintf("the clock was set %s by %s", direction, time.Duration(max(step, -step)).Round(time.Millisecond))})
	}
	if old.complete && now.complete {
		mountChanges(host, old, now, add)
		interfaceChanges(host, old, now, add)
	}
	listenerChanges(host, old, now, add)
	restarts(host, old, now, add)
	return all
}

func mountChanges(host string, old, now *snapshot, add func(estate.Change)) {
	before := map[string]mount{}
	for _, m := range old.mounts {
		before[m.point] = m
	}
	for _, m := range now.mounts {
		id := estate.ID(estate.Filesystem, host, m.point)
		was, known := before[m.point]
		delete(before, m.point)
		switch {
		case !known || was.device != m.device:
			add(estate.Change{Entity: id, Kind: "mount", After: m.device,
				Summary: fmt.Sprintf("%s (%s) was mounted on %s", m.device, m.fstype, m.point)})
		case was.options != m.options:
			summary := fmt.Sprintf("%s was mounted anew with other options", m.point)
			if m.readOnly && !was.readOnly {
				summary = fmt.Sprintf("%s became read-only", m.point)
			} else if !m.readOnly && was.readOnly {
				summary = fmt.Sprintf("%s became writable", m.point)
			}
			add(estate.Change{Entity: id, Kind: "remount", Before: was.options, After: m.options, Summary: summary})
		}
	}
	for point, m := range before {
		add(estate.Change{Entity: estate.ID(estate.Filesystem, host, point), Kind: "unmount", Before: m.device,
			Summary: fmt.Sprintf("%s was unmounted from %s", m.device, point)})
	}
}

func interfaceChanges(host string, old, now *snapshot, add func(estate.Change)) {
	before := map[string]netInterface{}
	for _, i := range old.interfaces {
		before[i.name] = i
	}
	state := map[bool]string{true: "up", false: "down"}
	for _, i := range now.interfaces {
		id := estate.ID(estate.Interface, host, i.name)
		was, known := before[i.name]
		delete(before, i.name)
		switch {
		case !known:
			add(estate.Change{Entity: id, Kind: "interface-new", Summary: fmt.Sprintf("interface %s appeared, %s", i.name, state[i.up])})
		case was.up != i.up:
			add(estate.Change{Entity: id, Kind: "interface-" + state[i.up], Before: state[was.up], After: state[i.up],
				Summary: fmt.Sprintf("interface %s went %s", i.name, state[i.up])})
		case was.facts["mtu"] != i.facts["mtu"] || was.facts["speed"] != i.facts["speed"]:
			add(estate.Change{Entity: id, Kind: "interface-change",
				Before: linkText(was), After: linkText(i), Summary: fmt.Sprintf("interface %s has another speed or MTU", i.name)})
		}
	}
	for name := range before {
		add(estate.Change{Entity: estate.ID(estate.Interface, host, name), Kind: "interface-gone",
			Summary: fmt.Sprintf("interface %s is gone", name)})
	}
}

func linkText(i netInterface) string {
	speed := i.facts["speed"]
	if speed == "" {
		speed = "speed unknown"
	}
	return fmt.Sprintf("%s, MTU %s", speed, i.facts["mtu"])
}

// listenerChanges tells of ports that opened and closed, without those that
// clients and tests hold for a moment.
func listenerChanges(host string, old, now *snapshot, add func(estate.Change)) {
	before := map[string]listener{}
	for _, l := range old.listeners {
		before[l.name()] = l
	}
	for _, l := range now.listeners {
		was, known := before[l.name()]
		delete(before, l.name())
		id := estate.ID(estate.Listener, host, l.name())
		switch {
		case !l.lasting():
		case !known:
			summary := "port " + l.name() + " began to listen"
			if l.group.name != "" {
				summary = fmt.Sprintf("%s began to listen on %s", l.group.name, l.name())
			}
			add(estate.Change{Entity: id, Kind: "listener-new", Summary: summary, After: joined(l.addresses, 8)})
		default:
			if before, after, ok := passedOn(was, l); ok {
				add(estate.Change{Entity: id, Kind: "listener-change", Before: before.name, After: after.name,
					Summary: fmt.Sprintf("%s is now served by %s", l.name(), after.name)})
			}
		}
	}
	for name, l := range before {
		if l.lasting() {
			add(estate.Change{Entity: estate.ID(estate.Listener, host, name), Kind: "listener-gone",
				Summary: fmt.Sprintf("nothing listens on %s any more", name), Before: l.group.name})
		}
	}
}

// passedOn says whether one of a listener's addresses is served by another group
// than before. That one of several has gone for a moment is not that.
func passedOn(was, now listener) (before, after groupKey, ok bool) {
	for _, address := range now.addresses {
		before, known := was.holders[address]
		after, still := now.holders[address]
		if known && still && before != after {
			return before, after, true
		}
	}
	return groupKey{}, groupKey{}, false
}

// restarts tells of groups whose leading process was replaced by a younger
// one. Groups that had not settled, and commands that a shell runs again, are
// left out.
func restarts(host string, old, now *snapshot, add func(estate.Change)) {
	kinds := map[string]string{kindUnit: "unit-restart", kindContainer: "container-restart", kindGroup: "group-restart"}
	for key, l := range now.leaders {
		was, known := old.leaders[key]
		if !known || key == kernelGroup || l.start <= was.start || key.kind == kindGroup && !(was.daemon && l.daemon) {
			continue
		}
		started := now.machine.bootAt + l.start/userHz
		lived := old.at.Unix() - old.machine.bootAt - was.start/userHz
		// A leader that is younger than the last look took over from one
		// that had settled; an older one was merely next in line.
		if started < old.at.Unix()-1 || lived < int64(settles/time.Second) {
			continue
		}
		id := groupID(host, key)
		add(estate.Change{Entity: id, Kind: kinds[key.kind], At: time.Unix(started, 0).UTC(),
			Key:     fmt.Sprintf("restart:%s:%d", id, started),
			Summary: fmt.Sprintf("%s was started anew", key.name)})
	}
}
