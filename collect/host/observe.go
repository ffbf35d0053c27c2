package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// SourceName is the estate source of everything that this package sees.
const SourceName = "host"

// snapshot is the machine at one look. Changes are told by comparing two.
type snapshot struct {
	at         time.Time
	machine    machine
	clock      int64 // see clockOffset; 0 where it could not be read
	disks      []disk
	mounts     []mount
	interfaces []netInterface
	listeners  []listener
	units      []unit
	packages   []packageRun
	leaders    map[groupKey]leader
	complete   bool
}

// view is what is remembered from look to look.
type view struct {
	last      *snapshot
	shown     map[string]shown // entities that are told of although they come and go
	firstSeen map[string]time.Time
}

// shown is a group or listener that was told of.
type shown struct {
	entity estate.Entity
	home   estate.Relation   // to the host
	serves []estate.Relation // of the groups that serve a listener, as far as they are known
	stored []string          // mount points where a group keeps files
	seen   time.Time
}

// How long something must live before it is told of, and be gone before it is
// not any more: what flaps would fill the estate's history.
const (
	settles = time.Minute
	fades   = 3 * time.Minute
)

// Observe looks at what there is on the machine and what has changed since the
// last look. Tenant and Environment are left for the caller. What could not be
// read makes the observation incomplete, and the error says what it was; the
// observation is good for the rest. Without any observation the error is all
// there is.
func (h *Host) Observe(ctx context.Context, now time.Time) (estate.Observation, error) {
	if err := ctx.Err(); err != nil {
		return estate.Observation{}, err
	}
	// systemd may take its time; nobody else shall wait for it.
	units, unitErr := readUnits(ctx, h.cfg.roots())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.look(time.Now())
	s, err := h.snapshot(now, units, unitErr)
	o := estate.Observation{Source: SourceName, At: now, Complete: err == nil}
	h.list(&o, s)
	o.Changes = changes(h.name, h.view.last, s)
	h.view.last = s
	return o, err
}

// snapshot reads the machine, but for the units.
func (h *Host) snapshot(now time.Time, units []unit, unitErr error) (*snapshot, error) {
	r := h.cfg.roots()
	s := &snapshot{at: now, machine: readMachine(r, h.groups.boot), units: units, leaders: map[groupKey]leader{}}
	var errs []error
	failed := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	var err error
	s.disks, err = readDisks(r)
	failed("disks", err)
	s.mounts, err = readMounts(r)
	failed("filesystems", err)
	s.interfaces, err = readInterfaces(r)
	failed("interfaces", err)
	s.clock, err = clockOffset()
	failed("clock", err)
	failed("units", unitErr)
	since := now.Add(-packageLookBack)
	if h.view.last != nil {
		// A run that was still going on at the last look began before it.
		since = h.view.last.at.Add(-time.Hour)
	}
	s.packages, err = readPackageRuns(r, since, now)
	failed("packages", err)
	s.listeners, err = listening(r)
	failed("listeners", err)
	wanted := map[uint32]bool{}
	for _, l := range s.listeners {
		for _, inode := range l.inodes {
			wanted[inode] = true
		}
	}
	h.owners.find(wanted, h.groups.table.procs, now)
	h.groups.assignOwners(s.listeners, h.owners)
	h.stores.look(h.groups.table.procs, h.groups.keys, s.mounts, now)
	for key, g := range h.groups.groups {
		if len(g.members) > 0 {
			s.leaders[key] = g.leader
		}
	}
	err = errors.Join(errs...)
	s.complete = err == nil
	h.sources.report("estate", err)
	return s, err
}

// list turns a snapshot into entities and relations.
func (h *Host) list(o *estate.Observation, s *snapshot) {
	hostID := estate.ID(estate.Host, h.name)
	add := func(e estate.Entity) { o.Entities = append(o.Entities, e) }
	join := func(from string, kind estate.RelationKind, to string) {
		o.Relations = append(o.Relations, estate.Relation{From: from, Kind: kind, To: to, Confidence: 1})
	}
	facts := maps.Clone(s.machine.facts)
	if h.cfg.roots().sys == "/sys" { // where it is our own machine
		if own := ownAddresses(); len(own) > 0 {
			facts[estate.Addresses] = joined(own, 16)
		}
	}
	add(estate.Entity{ID: hostID, Kind: estate.Host, Name: h.name, Attributes: facts})

	known := map[string]bool{}
	for _, d := range s.disks {
		id := estate.ID(estate.Disk, h.name, d.name)
		known[d.name] = true
		add(estate.Entity{ID: id, Kind: estate.Disk, Name: d.name, Attributes: d.facts})
		join(id, estate.PartOf, hostID)
	}
	r := h.cfg.roots()
	for _, d := range s.disks {
		for _, below := range beneath(r, d.name) {
			if known[below] {
				join(estate.ID(estate.Disk, h.name, d.name), estate.StoredOn, estate.ID(estate.Disk, h.name, below))
			}
		}
	}
	for _, m := range s.mounts {
		id := estate.ID(estate.Filesystem, h.name, m.point)
		add(estate.Entity{ID: id, Kind: estate.Filesystem, Name: m.point, Attributes: map[string]string{
			"device": m.device, "fstype": m.fstype, "options": m.options,
		}})
		join(id, estate.RunsOn, hostID)
		if d := diskOf(r, m.number); known[d] {
			join(id, estate.StoredOn, estate.ID(estate.Disk, h.name, d))
		}
	}
	for _, i := range s.interfaces {
		id := estate.ID(estate.Interface, h.name, i.name)
		add(estate.Entity{ID: id, Kind: estate.Interface, Name: i.name, Attributes: i.facts})
		join(id, estate.PartOf, hostID)
	}
	for _, u := range s.units {
		id := estate.ID(estate.Unit, h.name, u.name)
		add(estate.Entity{ID: id, Kind: estate.Unit, Name: u.name, Attributes: map[string]string{"state": u.state, "description": u.description}})
		join(id, estate.RunsOn, hostID)
	}
	h.listFleeting(o, s)
}

// listFleeting tells of groups and listeners, which come and go: of those
// that have settled, and for a while of those that have gone.
func (h *Host) listFleeting(o *estate.Observation, s *snapshot) {
	hostID := estate.ID(estate.Host, h.name)
	live := map[string]bool{}
	settled := func(id string) bool {
		live[id] = true
		first, ok := h.view.firstSeen[id]
		if !ok {
			h.view.firstSeen[id] = s.at
			return false
		}
		return s.at.Sub(first) >= settles
	}
	uptime := s.at.Unix() - s.machine.bootAt
	for key, g := range h.groups.groups {
		if !g.listed || len(g.members) == 0 {
			continue
		}
		id := groupID(h.name, key)
		_, before := h.view.shown[id]
		old := settled(id) || uptime-g.leader.start/userHz >= int64(settles/time.Second)
		if !before && !old && !g.listens.Equal(h.groups.at) && !h.groups.matters(g) {
			continue
		}
		h.view.shown[id] = shown{
			entity: estate.Entity{ID: id, Kind: groupKinds[key.kind], Name: key.name},
			home:   estate.Relation{From: id, Kind: estate.RunsOn, To: hostID, Confidence: 1},
			seen:   s.at,
			stored: slices.Sorted(maps.Keys(h.stores.at[key])),
		}
	}
	for _, l := range s.listeners {
		id := estate.ID(estate.Listener, h.name, l.name())
		_, before := h.view.shown[id]
		if old := settled(id); !before && !old && !l.lasting() {
			continue
		}
		e := estate.Entity{ID: id, Kind: estate.Listener, Name: l.name(), Attributes: map[string]string{
			"protocol": l.protocol, "port": strconv.Itoa(int(l.port)),
			"addresses": joined(l.addresses, 8), "reach": map[bool]string{true: "this machine", false: "network"}[l.local()],
		}}
		sh := shown{entity: e, home: estate.Relation{From: id, Kind: estate.PartOf, To: hostID, Confidence: 1}, seen: s.at}
		if (l.group != groupKey{}) {
			e.Attributes["group"] = l.group.name
		}
		var held []string
		for _, address := range slices.Sorted(maps.Keys(l.holders)) {
			group := groupID(h.name, l.holders[address])
			held = append(held, address+" "+group)
			if r := (estate.Relation{From: group, Kind: estate.Serves, To: id, Confidence: 1}); !slices.Contains(sh.serves, r) {
				sh.serves = append(sh.serves, r)
			}
		}
		if len(held) > 0 {
			e.Attributes[estate.HeldBy] = joined(held, 32)
		}
		h.view.shown[id] = sh
	}
	for id := range h.view.firstSeen {
		if !live[id] {
			delete(h.view.firstSeen, id)
		}
	}
	for id, sh := range h.view.shown {
		if s.at.Sub(sh.seen) > fades {
			delete(h.view.shown, id)
		}
	}
	told := map[string]bool{}
	for _, e := range o.Entities {
		told[e.ID] = true // a unit that systemd itself has told of
	}
	all := slices.SortedFunc(maps.Values(h.view.shown), func(a, b shown) int { return cmp.Compare(a.entity.ID, b.entity.ID) })
	for _, sh := range all {
		if !told[sh.entity.ID] {
			told[sh.entity.ID] = true
			o.Entities = append(o.Entities, sh.entity)
			o.Relations = append(o.Relations, sh.home)
		}
	}
	for _, sh := range all {
		for _, r := range sh.serves {
			if told[r.From] {
				o.Relations = append(o.Relations, r)
			}
		}
		for _, point := range sh.stored {
			if to := estate.ID(estate.Filesystem, h.name, point); told[to] {
				o.Relations = append(o.Relations, estate.Relation{From: sh.entity.ID, Kind: estate.StoredOn, To: to, Confidence: seenFiles})
			}
		}
	}
}

// seenFiles is how sure it is that a group lives by a filesystem on which it has
// files open: they may be of no importance.
const seenFiles = 0.8

// matters says that a group that has just started is worth telling of at once:
// it takes or wants a good part of the machine, so a finding may name it.
func (w *groupWatch) matters(g *group) bool {
	wanted := float64(g.recent.cpu)/userHz + float64(g.recent.delay)/1e9
	if s := w.elapsed.Seconds(); s > 0 && wanted/s >= 0.2 {
		return true
	}
	return w.boot.total > 0 && g.memory >= w.boot.total/20
}

var groupKinds = map[string]estate.Kind{kindUnit: estate.Unit, kindContainer: estate.Container, kindGroup: estate.Group}

func groupID(host string, key groupKey) string {
	return estate.ID(groupKinds[key.kind], host, key.name)
}

// joined lists up to n words and says how many more there are.
func joined(words []string, n int) string {
	text := ""
	for i, w := range words {
		if i == n {
			return text + fmt.Sprintf(" and %d more", len(words)-n)
		}
		if i > 0 {
			text += ", "
		}
		text += w
	}
	return text
}
