package probe

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// memory is what a Discoverer knows, and its file.
type memory struct {
	Version    int                  `json:"version"`
	Candidates []*candidate         `json:"listeners"`
	Resolvers  map[string]*resolver `json:"resolvers"`
}

// resolver is one of the machine's resolvers and what to ask it.
type resolver struct {
	Name    string    `json:"name"`
	Type    string    `json:"type"`
	KnownUp time.Time `json:"knownUp,omitzero"`
	Asked   time.Time `json:"-"`
}

const memoryVersion = 1

func loadMemory(path string) (memory, error) {
	fresh := memory{Version: memoryVersion}
	text, err := readBounded(path, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	var m memory
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err == nil && m.Version != memoryVersion {
		err = fmt.Errorf("it is of version %d and not %d", m.Version, memoryVersion)
	}
	damaged := func(c *candidate) bool { return c == nil || !c.Address.IsLoopback() || !c.Speaks.probed() }
	if err == nil && (slices.ContainsFunc(m.Candidates, damaged) || len(m.Candidates) > maxCandidates) {
		err = errors.New("its listeners are damaged")
	}
	for server, r := range m.Resolvers {
		if r == nil {
			delete(m.Resolvers, server)
		}
	}
	if err != nil {
		return fresh, fmt.Errorf("what was discovered before cannot be read from %s, so it is found anew: %w", path, err)
	}
	return m, nil
}

// save writes the memory beside its file and then in its place, so that a
// crash leaves the old one or the new one.
func (m *memory) save(path string) error {
	kept := memory{Version: m.Version, Resolvers: m.Resolvers}
	for _, c := range m.Candidates {
		if c.Speaks.probed() {
			kept.Candidates = append(kept.Candidates, c)
		}
	}
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("what was discovered cannot be remembered: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("what was discovered cannot be remembered: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// see notes which listeners are there, and forgets those that are gone.
func (m *memory) see(now time.Time, listeners []Listener) {
	// Of two at one port, the one on loopback itself is who answers there.
	listeners = slices.Clone(listeners)
	slices.SortStableFunc(listeners, func(a, b Listener) int {
		return cmp.Compare(breadth(a.Address), breadth(b.Address))
	})
	for _, l := range listeners {
		at, ok := onLoopback(l.Address)
		if !ok {
			continue
		}
		i := slices.IndexFunc(m.Candidates, func(c *candidate) bool { return c.Port == l.Port && c.Address == at })
		switch {
		case i >= 0:
			m.Candidates[i].seen(now, l.Owner)
		case len(m.Candidates) < maxCandidates:
			m.Candidates = append(m.Candidates, &candidate{Address: at, Port: l.Port, Owner: l.Owner, FirstSeen: now, LastSeen: now})
		}
	}
	m.Candidates = slices.DeleteFunc(m.Candidates, func(c *candidate) bool { return c.LastSeen.Before(now) && c.isGone(now) })
}

func breadth(a netip.Addr) int {
	if a.Unmap().IsUnspecified() {
		return 1
	}
	return 0
}

// onLoopback is the loopback address that a listener answers at, if it does.
// One on :: is asked at 127.0.0.1, as it takes both kinds on most machines.
func onLoopback(a netip.Addr) (netip.Addr, bool) {
	a = a.Unmap().WithZone("")
	switch {
	case a.IsUnspecified():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), true
	case a.IsLoopback():
		return a, true
	}
	return a, false
}

// due are the candidates to ask now, fewer the more are found already.
func (m *memory) due(now time.Time) []*candidate {
	room := maxDiscovered
	var due []*candidate
	var again []*candidate
	for _, c := range m.Candidates {
		switch {
		case c.Speaks.probed():
			room--
			if c.isDue(now) {
				again = append(again, c)
			}
		case c.isDue(now):
			due = append(due, c)
		}
	}
	slices.SortStableFunc(due, func(a, b *candidate) int { return cmp.Compare(a.Port, b.Port) })
	return append(again, due[:max(0, min(len(due), room))]...)
}

// specs are the probes: those that were seen first come first.
func (m *memory) specs() []Spec {
	var specs []Spec
	for server, r := range m.Resolvers {
		s := resolverSpec(server, r.Name, r.Type)
		s.KnownUp = r.KnownUp
		specs = append(specs, s)
	}
	slices.SortFunc(specs, func(a, b Spec) int { return cmp.Compare(a.Name, b.Name) })
	n := 0
	for _, c := range m.Candidates {
		if c.Speaks.probed() && n < maxDiscovered {
			specs = append(specs, c.spec())
			n++
		}
	}
	return specs
}

// gist is what must not be lost by a crash: which probes there are, and which
// of their listeners would be missed, or are.
func (m *memory) gist(now time.Time) []string {
	var gist []string
	for _, s := range m.specs() {
		gist = append(gist, s.Name+" "+s.KnownUp.String())
	}
	for _, c := range m.Candidates {
		if c.Speaks.probed() {
			gist = append(gist, fmt.Sprint(c.address(), c.settled(), c.LastSeen.Equal(now)))
		}
	}
	return gist
}
