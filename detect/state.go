package detect

import (
	"bytes"
	"encoding/gob"
	"fmt"
)

// stored is what the engine knows of one environment, in the form in which it
// is kept: baselines by kind and entity id, and by signal name, memories, how
// programs start, and who saw calls.
type stored struct {
	Baselines map[string]map[string]*Baseline
	Seasons   map[string]map[string]*Season
	Memory    map[judged]Memory
	Starts    map[string]*Starts // by program
	Calls     callLedger
}

// Snapshot returns what the engine has learned of an environment, for the
// store. It is some 300 bytes for each entity and signal.
func (e *Engine) Snapshot(tenant, environment string) ([]byte, error) {
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	out := stored{Baselines: map[string]map[string]*Baseline{}, Seasons: map[string]map[string]*Season{}, Memory: map[judged]Memory{}, Starts: w.programs}
	for id, baselines := range w.stored.Baselines {
		out.Baselines[id] = baselines
	}
	for id, seasons := range w.stored.Seasons {
		out.Seasons[id] = seasons
	}
	for key, entity := range w.picture.entities {
		id := key.stored()
		for i, s := range entity.seasons {
			if s == nil {
				continue
			}
			if out.Seasons[id] == nil {
				out.Seasons[id] = map[string]*Season{}
			}
			out.Seasons[id][entity.Kind.signals[i].Name] = s
		}
		for i, b := range entity.usual {
			if b == nil {
				continue
			}
			if out.Baselines[id] == nil {
				out.Baselines[id] = map[string]*Baseline{}
			}
			out.Baselines[id][entity.Kind.signals[i].Name] = b
		}
	}
	for key, m := range w.memory {
		if m.State != OK || m.Told {
			out.Memory[key] = *m
		}
	}
	out.Calls = w.calls
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(out); err != nil {
		return nil, fmt.Errorf("detect: encoding what was learned: %w", err)
	}
	return b.Bytes(), nil
}

// Restore takes up what an earlier Snapshot held. Call it before the first
// round. A blob that cannot be read is an error and changes nothing: the
// engine then learns anew.
func (e *Engine) Restore(tenant, environment string, blob []byte) error {
	var in stored
	if err := gob.NewDecoder(bytes.NewReader(blob)).Decode(&in); err != nil {
		return fmt.Errorf("detect: what was learned of %s cannot be read and is learned anew: %w", environment, err)
	}
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = in.Calls.sound()
	in.Calls = callLedger{}
	w.stored = in
	w.stored.Starts = nil
	for program, s := range in.Starts {
		if s.sound() && len(w.programs) < mostPrograms {
			w.programs[program] = s
		}
	}
	for key, m := range in.Memory {
		w.memory[key] = &m
	}
	return nil
}

// stored is the entity's name in what is kept.
func (n name) stored() string { return n.kind.Name + " " + n.id }

// adopt hands stored baselines to entities as they come into sight.
func (w *watch) adopt(c *Catalogue) {
	if len(w.stored.Baselines) == 0 {
		return
	}
	for key, e := range w.picture.entities {
		id := key.stored()
		for name, b := range w.stored.Baselines[id] {
			if s := c.Signal(e.Kind.Name, name); s != nil && e.usual[s.index] == nil && b.sound() {
				e.usual[s.index], e.known = b, true
			}
		}
		delete(w.stored.Baselines, id)
		for name, season := range w.stored.Seasons[id] {
			if s := c.Signal(e.Kind.Name, name); s != nil && e.seasons[s.index] == nil && season.sound() {
				e.seasons[s.index] = season
			}
		}
		delete(w.stored.Seasons, id)
	}
}

// sound says that a decoded baseline is one that Learn could have made.
func (b *Baseline) sound() bool {
	return b != nil && len(b.Keys) == len(b.Weights) && len(b.Keys) <= maxBuckets
}
