package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// BuildActor puts the actor into the stage's folder.
func (s *Stage) BuildActor() error { return s.Build("actor", "lab/actor") }

// BuildEvenkeel puts the program under test into the stage's folder, or links
// the one that is named.
func (s *Stage) BuildEvenkeel(ready string) error {
	if ready == "" {
		return s.Build("evenkeel", "cmd/evenkeel")
	}
	path, err := filepath.Abs(ready)
	if err != nil {
		return err
	}
	return os.Symlink(path, filepath.Join(s.Dir, "evenkeel"))
}

// Build puts a program of this project into the stage's folder: the one whose
// main package lies in dir, under a name.
func (s *Stage) Build(name, dir string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(s.Dir, name), "./"+dir)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", dir, err, bytes.TrimSpace(out))
	}
	return nil
}

// moduleRoot finds the project's folder from wherever the command runs in it.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	file := strings.TrimSpace(string(out))
	if err != nil || file == "" || file == os.DevNull {
		return "", fmt.Errorf("run this inside the project's folder: no go.mod was found")
	}
	return filepath.Dir(file), nil
}
