package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// files of a page, the one that readers open last.
var files = []string{"style.css", "status.json", "feed.xml", "index.html"}

// gate says who may read a page. It lies beside the folders that are published,
// so that it is not synced with them, and is there when the store is not.
type gate struct {
	Tenant  string `json:"tenant"`
	Private bool   `json:"private,omitempty"`
	Key     string `json:"key,omitempty"` // SHA-256 of the link's key, hex
}

// gates is the folder of all gates, below the one of the pages.
const gates = ".gates"

// publish writes a page's files so that each is the old or the new one, whole.
// The gate comes first: what becomes private is so before it is written anew.
func publish(folder, slug string, g gate, all map[string][]byte) error {
	raw, err := json.Marshal(g)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(folder, gates), 0o755); err != nil {
		return fmt.Errorf("publish the status page %s: %w", slug, err)
	}
	if err := swap(filepath.Join(folder, gates, slug+".json"), raw, 0o600); err != nil {
		return fmt.Errorf("publish the status page %s: %w", slug, err)
	}
	mode := fs.FileMode(0o644)
	if g.Private {
		mode = 0o600
	}
	if err := os.MkdirAll(filepath.Join(folder, slug), 0o755); err != nil {
		return fmt.Errorf("publish the status page %s: %w", slug, err)
	}
	for _, name := range files {
		if err := swap(filepath.Join(folder, slug, name), all[name], mode); err != nil {
			return fmt.Errorf("publish the status page %s: %w", slug, err)
		}
	}
	return nil
}

// swap writes a file beside, makes it last, and renames it over the old one.
func swap(path string, content []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", path, err)
	}
	d, err2 := os.Open(filepath.Dir(path))
	if err2 != nil {
		return nil // renamed; the folder's own sync is for a power cut
	}
	_ = d.Sync()
	_ = d.Close()
	return nil
}

// unpublish removes the files of pages that are not there any more.
func unpublish(folder, tenant string, keep []string) error {
	list, err := os.ReadDir(filepath.Join(folder, gates))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the published status pages: %w", err)
	}
	var errs []error
	for _, e := range list {
		slug, ok := trimSuffix(e.Name(), ".json")
		if !ok || slices.Contains(keep, slug) || !slugForm.MatchString(slug) {
			continue
		}
		if g, err := readGate(folder, slug); err != nil || g.Tenant != tenant {
			continue
		}
		errs = append(errs, os.RemoveAll(filepath.Join(folder, slug)), os.Remove(filepath.Join(folder, gates, e.Name())))
	}
	return errors.Join(errs...)
}

func trimSuffix(s, suffix string) (string, bool) {
	if len(s) <= len(suffix) || s[len(s)-len(suffix):] != suffix {
		return s, false
	}
	return s[:len(s)-len(suffix)], true
}

func readGate(folder, slug string) (g gate, err error) {
	raw, err := os.ReadFile(filepath.Join(folder, gates, slug+".json"))
	if err != nil {
		return g, err
	}
	return g, json.Unmarshal(raw, &g)
}
