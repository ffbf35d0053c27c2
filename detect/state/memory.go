package state

import (
	"bytes"
	"encoding/gob"
	"fmt"

	"github.com/evenkeel/evenkeel/detect"
)

// Snapshot returns what the engine remembers of an environment, for the store:
// some 200 bytes for each check that is not fine.
func (e *Engine) Snapshot(tenant, environment string) ([]byte, error) {
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	memory := map[judged]Memory{}
	for key, v := range w.cases {
		v.watched(w.last)
		if v.memory.State != detect.OK || v.memory.Told || len(v.memory.Fired) > 0 {
			memory[key] = v.memory
		}
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(memory); err != nil {
		return nil, fmt.Errorf("detect/state: encoding what is remembered: %w", err)
	}
	return b.Bytes(), nil
}

// Restore takes up what an earlier Snapshot held. Call it before the first
// round. A blob that cannot be read is an error and changes nothing.
func (e *Engine) Restore(tenant, environment string, blob []byte) error {
	var memory map[judged]Memory
	if err := gob.NewDecoder(bytes.NewReader(blob)).Decode(&memory); err != nil {
		return fmt.Errorf("detect/state: what was remembered of %s cannot be read: %w", environment, err)
	}
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, m := range memory {
		w.cases[key] = &instance{judged: key, check: e.check(key.Check), memory: m}
	}
	return nil
}
