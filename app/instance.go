package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Instance tells the command line on the same machine how to reach a running
// Evenkeel: where it listens and a token that is valid while it runs. It lies
// in the data folder, readable by the owner alone, so that who may read the
// data may also ask for it.
type Instance struct {
	URL   string `json:"url"`
	PID   int    `json:"pid"`
	Token string `json:"token"`
}

const instanceFile = "instance.json"

// ReadInstance reads what the Evenkeel that runs on the data folder left. The
// error says how to start one when there is none.
func ReadInstance(data string) (Instance, error) {
	raw, err := os.ReadFile(filepath.Join(data, instanceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Instance{}, fmt.Errorf("no Evenkeel runs on the data folder %s; start one with 'evenkeel up', or name another folder with --data, or a server with --server and EVENKEEL_TOKEN", data)
	}
	if err != nil {
		return Instance{}, fmt.Errorf("cannot ask the Evenkeel that runs on %s: %w", data, err)
	}
	var in Instance
	if err := json.Unmarshal(raw, &in); err != nil {
		return Instance{}, fmt.Errorf("%s is damaged: %w; restart Evenkeel", filepath.Join(data, instanceFile), err)
	}
	return in, nil
}

// writeInstance replaces the file in one step, so that a reader never sees
// half of it.
func writeInstance(data string, in Instance) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	path := filepath.Join(data, instanceFile)
	tmp := path + ".new"
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return fmt.Errorf("cannot write %s: %w", tmp, err)
	}
	return os.Rename(tmp, path)
}

func removeInstance(data string) error {
	err := os.Remove(filepath.Join(data, instanceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
