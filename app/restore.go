package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/store"
)

// Backup writes a backup of the state and, where they are kept here, the
// figures, while everything runs.
func (a *App) Backup(ctx context.Context, w io.Writer) error {
	var metrics metricSnapshot
	if a.local != nil {
		metrics = a.local.db
	}
	return writeBackup(ctx, w, a.cfg.Data, manifest{Made: time.Now().UTC(), Host: a.Host(), Version: a.version}, a.store, metrics)
}

// Restore makes a data folder from a backup and returns when the backup was
// made. The folder must be empty or not exist; dsnFile names an empty
// PostgreSQL database for the state, or is empty for SQLite. On an error
// nothing is left in the folder.
func Restore(ctx context.Context, file, data, dsnFile string) (made time.Time, err error) {
	f, err := os.Open(file)
	if err != nil {
		return made, err
	}
	defer f.Close()
	if err := os.MkdirAll(data, 0o700); err != nil {
		return made, err
	}
	if there, err := os.ReadDir(data); err != nil || len(there) > 0 {
		return made, errors.Join(err, fmt.Errorf("%s is not empty; restore into a new folder, so that nothing is lost", data))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, empty(data))
		}
	}()
	m, err := unpackBackup(f, data)
	if err != nil {
		return made, err
	}
	var dsn string
	if dsnFile != "" {
		raw, err := os.ReadFile(dsnFile)
		if err != nil {
			return made, err
		}
		dsn = strings.TrimSpace(string(raw))
	}
	state := filepath.Join(data, stateFile)
	if err := store.Restore(ctx, store.Config{Dir: data, DSN: dsn}, state, slog.New(slog.DiscardHandler)); err != nil {
		return made, err
	}
	return m.Made, os.Remove(state)
}

// empty removes what a failed restore has left.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
