package app

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// files stands for the two stores: it writes what it holds.
type files map[string]string

func (f files) BackupTo(_ context.Context, path string) error {
	return os.WriteFile(path, []byte(f["state"]), 0o600)
}

func (f files) Snapshot(_ context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "01BLOCK", "chunks"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "01BLOCK", "chunks", "000001"), []byte(f["chunk"]), 0o600)
}

func aBackup(t *testing.T) []byte {
	t.Helper()
	content := files{"state": strings.Repeat("rows ", 5000), "chunk": strings.Repeat("samples ", 5000)}
	var b bytes.Buffer
	scratch := t.TempDir()
	if err := writeBackup(t.Context(), &b, scratch, manifest{Made: time.Unix(0, 0)}, content, content); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(scratch); len(left) != 0 {
		t.Errorf("%d scratch entries are left behind", len(left))
	}
	return b.Bytes()
}

func TestABackupUnpacksToTheSameFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := unpackBackup(bytes.NewReader(aBackup(t)), dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{stateFile: "rows ", "metrics/01BLOCK/chunks/000001": "samples "} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != strings.Repeat(want, 5000) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestADamagedBackupIsRefused(t *testing.T) {
	whole := aBackup(t)
	for cut := range whole {
		if _, err := unpackBackup(bytes.NewReader(whole[:cut]), t.TempDir()); err == nil {
			t.Fatalf("a backup cut off after %d of %d bytes was taken", cut, len(whole))
		}
		flipped := bytes.Clone(whole)
		flipped[cut] ^= 0x10
		dir := t.TempDir()
		if _, err := unpackBackup(bytes.NewReader(flipped), dir); err != nil {
			continue
		}
		// A flip that zstd and tar do not notice (padding) must not change content.
		got, _ := os.ReadFile(filepath.Join(dir, stateFile))
		if string(got) != strings.Repeat("rows ", 5000) {
			t.Fatalf("a flipped byte at %d went unnoticed", cut)
		}
	}
}

func TestABackupCannotWriteOutsideItsFolder(t *testing.T) {
	var b bytes.Buffer
	z, _ := zstd.NewWriter(&b)
	w := tar.NewWriter(z)
	w.WriteHeader(&tar.Header{Name: "metrics/../../escaped", Size: 1, Mode: 0o600})
	w.Write([]byte("x"))
	w.Close()
	z.Close()
	dir := filepath.Join(t.TempDir(), "inner")
	if _, err := unpackBackup(&b, dir); err == nil {
		t.Error("taken")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "escaped")); err == nil {
		t.Error("a file was written outside")
	}
}
