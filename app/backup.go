package app

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A backup is one zstd-compressed tar: first the files of the state and of the
// metrics, last a manifest with the size and SHA-256 of each. The manifest
// stands last so that a backup can be streamed; a backup without one was cut
// off and is refused whole.
const (
	backupFormat   = 1
	backupManifest = "manifest.json"
	stateFile      = "state.backup"
	metricsFolder  = "metrics"
)

type manifest struct {
	Format  int                  `json:"format"`
	Made    time.Time            `json:"made"`
	Host    string               `json:"host"`
	Version string               `json:"version"`
	Files   map[string]fileCheck `json:"files"`
}

type fileCheck struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// stateBackup and metricSnapshot are what a backup is made of.
type stateBackup interface {
	BackupTo(ctx context.Context, path string) error
}
type metricSnapshot interface {
	Snapshot(ctx context.Context, dir string) error
}

// writeBackup streams a backup to w. Scratch is a folder on the data's own
// disk; the metrics' snapshot there is hard links, so it takes little space.
// Metrics may be nil: an external store has its own backups.
func writeBackup(ctx context.Context, w io.Writer, scratch string, m manifest, state stateBackup, metrics metricSnapshot) (err error) {
	dir, err := os.MkdirTemp(scratch, "backup-")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := state.BackupTo(ctx, filepath.Join(dir, stateFile)); err != nil {
		return fmt.Errorf("backup of the state: %w", err)
	}
	if metrics != nil {
		if err := metrics.Snapshot(ctx, filepath.Join(dir, metricsFolder)); err != nil {
			return fmt.Errorf("backup of the metrics: %w", err)
		}
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	m.Format, m.Files = backupFormat, map[string]fileCheck{}
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		check, err := addFile(t, p, filepath.ToSlash(name), m.Made)
		m.Files[filepath.ToSlash(name)] = check
		return err
	})
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: backupManifest, Mode: 0o600, Size: int64(len(raw)), ModTime: m.Made}); err != nil {
		return err
	}
	if _, err := t.Write(raw); err != nil {
		return err
	}
	return errors.Join(t.Close(), z.Close())
}

func addFile(t *tar.Writer, p, name string, made time.Time) (fileCheck, error) {
	f, err := os.Open(p)
	if err != nil {
		return fileCheck{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fileCheck{}, err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: made}); err != nil {
		return fileCheck{}, err
	}
	h := sha256.New()
	n, err := io.Copy(t, io.TeeReader(f, h))
	return fileCheck{Size: n, SHA256: sum(h)}, err
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// unpackBackup writes a backup's files below dir, which must be empty, and
// checks them against the manifest. On an error nothing is left behind.
func unpackBackup(r io.Reader, dir string) (m manifest, err error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return m, fmt.Errorf("not a backup of Evenkeel: %w", err)
	}
	defer z.Close()
	seen := map[string]fileCheck{}
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m, fmt.Errorf("the backup is damaged or cut off: %w", err)
		}
		if h.Name == backupManifest {
			if err := json.NewDecoder(t).Decode(&m); err != nil {
				return m, fmt.Errorf("the backup's manifest is damaged: %w", err)
			}
			continue
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(name) || (name != stateFile && !strings.HasPrefix(name, metricsFolder+"/")) {
			return m, fmt.Errorf("the backup holds %q, which no backup of Evenkeel has; it is not one, or it was changed", h.Name)
		}
		check, err := extract(t, filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return m, err
		}
		seen[name] = check
	}
	if m.Format != backupFormat {
		if m.Format == 0 {
			return m, errors.New("the backup has no manifest: it was cut off while it was written; use another one")
		}
		return m, fmt.Errorf("the backup has format %d and this Evenkeel reads %d; use the version that wrote it (%s) or a newer one", m.Format, backupFormat, m.Version)
	}
	for name, want := range m.Files {
		if seen[name] != want {
			return m, fmt.Errorf("the backup's file %s is missing or damaged; use another backup", name)
		}
	}
	return m, nil
}

func extract(r io.Reader, p string) (fileCheck, error) {
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		return fileCheck{}, err
	}
	f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fileCheck{}, err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), r)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fileCheck{}, fmt.Errorf("cannot write %s: %w", p, err)
	}
	return fileCheck{Size: n, SHA256: sum(h)}, nil
}
