package store

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// ErrBackup is wrapped when a file is not a whole backup.
var ErrBackup = errors.New("this is not a whole backup")

// maxLine bounds a row of a backup, in bytes.
const maxLine = 256 << 20

// Restore puts a backup into a data folder, or a PostgreSQL database, that
// holds no state yet. The backup is checked whole before anything is written,
// and each table's rows are counted after; an older one is brought up to date.
// When Restore fails the target holds no state, as before.
func Restore(ctx context.Context, cfg Config, path string, log *slog.Logger) error {
	if err := restore(ctx, cfg, path, log); err != nil {
		return fmt.Errorf("restore state from %s: %w", path, err)
	}
	return nil
}

func restore(ctx context.Context, cfg Config, path string, log *slog.Logger) (err error) {
	m, err := verify(path)
	if err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	s := &Store{log: log, schema: migrations}
	if s.lock, err = takeLock(filepath.Join(cfg.Dir, "evenkeel.lock")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if cfg.DSN != "" {
		return s.restorePostgres(ctx, cfg.DSN, path, m)
	}
	return s.restoreSQLite(ctx, filepath.Join(cfg.Dir, "state.db"), path, m)
}

// restoreSQLite fills a file beside state.db and gives it that name when it is
// whole.
func (s *Store) restoreSQLite(ctx context.Context, target, path string, m manifest) error {
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(target + suffix); err == nil && info.Size() > 0 {
			return fmt.Errorf("%s holds state already; restore into an empty folder, or move %s, %[2]s-wal and %[2]s-shm away first",
				filepath.Dir(target), filepath.Base(target))
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	s.lock.holds = false
	part := target + ".restoring"
	remove := func() error {
		var errs []error
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(part + suffix); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
	if err := remove(); err != nil {
		return err
	}
	if err := s.openSQLite(ctx, part); err != nil {
		return errors.Join(err, remove())
	}
	err := s.fill(ctx, path, m)
	err = errors.Join(err, s.read.Close(), s.write.Close()) // closing writes the log back into the file
	s.read, s.write = nil, nil
	if err != nil {
		return errors.Join(err, remove())
	}
	if err := errors.Join(toDisk(part), os.Rename(part, target), toDisk(filepath.Dir(target))); err != nil {
		return err
	}
	s.lock.holds = true
	return nil
}

func (s *Store) restorePostgres(ctx context.Context, dsn, path string, m manifest) error {
	if err := s.openPostgres(ctx, dsn); err != nil {
		return err
	}
	if err := s.dropEmpty(ctx); err != nil {
		return err
	}
	if err := s.fill(ctx, path, m); err != nil {
		return errors.Join(err, s.dropEmpty(ctx))
	}
	return nil
}

// dropEmpty drops our tables where none of them holds a row, so that they can
// be made in the version of the backup.
func (s *Store) dropEmpty(ctx context.Context) error {
	var present []string
	err := s.write.NewRaw("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename IN (?)",
		bun.List(slices.Concat(tables, []string{"goose_db_version"}))).Scan(ctx, &present)
	if err != nil {
		return err
	}
	for _, name := range present {
		var rows int
		if err := s.write.NewRaw("SELECT count(*) FROM (SELECT 1 FROM ? LIMIT 1) AS t", bun.Ident(name)).Scan(ctx, &rows); err != nil {
			return err
		}
		if rows > 0 && name != "goose_db_version" {
			return errors.New("this PostgreSQL database holds state already; restore into an empty one")
		}
	}
	return s.change(ctx, "clear the empty tables", func(ctx context.Context, tx bun.Tx) error {
		for _, name := range present {
			if _, err := tx.NewRaw("DROP TABLE ?", bun.Ident(name)).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// fill makes the tables as they were in the backup, fills them in one
// transaction, and then brings them up to date.
func (s *Store) fill(ctx context.Context, path string, m manifest) error {
	p, _, newest, err := s.provider(ctx)
	if err != nil {
		return err
	}
	if m.Schema > newest {
		return fmt.Errorf("%w: the backup's schema is version %d, this program knows %d", ErrNewer, m.Schema, newest)
	}
	if _, err := p.UpTo(ctx, m.Schema); err != nil {
		return s.explain("make the tables", err)
	}
	err = s.change(ctx, "fill the tables", func(ctx context.Context, tx bun.Tx) error {
		if err := walk(path, func(name string, r io.Reader) error {
			if name == manifestName {
				return nil
			}
			return s.fillTable(ctx, tx.Tx, strings.TrimSuffix(name, ".jsonl"), r)
		}); err != nil {
			return err
		}
		for _, t := range m.Tables {
			var rows int
			if err := tx.NewRaw("SELECT count(*) FROM ?", bun.Ident(t.Name)).Scan(ctx, &rows); err != nil {
				return err
			}
			if rows != t.Rows {
				return fmt.Errorf("%w: table %s has %d rows, the backup says %d", ErrBackup, t.Name, rows, t.Rows)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return s.explain("bring the tables up to date", err)
}

func (s *Store) fillTable(ctx context.Context, tx *sql.Tx, name string, r io.Reader) (err error) {
	columns, err := tableColumns(ctx, tx, name)
	if err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	insert, err := tx.PrepareContext(ctx, s.parameters(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", name,
		strings.Join(names, ", "), strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", "))))
	if err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	for n := 1; lines.Scan(); n++ {
		var line map[string]json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("%w: table %s, line %d: %w", ErrBackup, name, n, err)
		}
		values := make([]any, len(columns))
		for i, c := range columns {
			values[i] = c.target()
			if err := json.Unmarshal(line[c.name], values[i]); err != nil {
				return fmt.Errorf("%w: table %s, line %d, column %s: %w", ErrBackup, name, n, c.name, err)
			}
		}
		if _, err := insert.ExecContext(ctx, values...); err != nil {
			return fmt.Errorf("table %s, line %d: %w", name, n, err)
		}
	}
	return lines.Err()
}

func tableColumns(ctx context.Context, tx *sql.Tx, name string) (columns []column, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+name+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	return columnsOf(rows)
}

// verify reads a backup whole and compares it with its manifest.
func verify(path string) (m manifest, err error) {
	found := map[string]tableSummary{}
	whole := false
	err = walk(path, func(name string, r io.Reader) error {
		if name == manifestName {
			whole = true
			return json.NewDecoder(r).Decode(&m)
		}
		table, ok := strings.CutSuffix(name, ".jsonl")
		if !ok || !slices.Contains(tables, table) {
			return fmt.Errorf("it holds %q", name)
		}
		digest, lines := sha256.New(), &lineCounter{}
		if _, err := io.Copy(io.MultiWriter(digest, lines), r); err != nil {
			return err
		}
		found[table] = tableSummary{Name: table, Rows: lines.n, SHA256: hexSum(digest)}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return m, err
	case err != nil:
		return m, fmt.Errorf("%w: %w", ErrBackup, err)
	case !whole:
		return m, fmt.Errorf("%w: its end is missing", ErrBackup)
	case m.Format != backupFormat:
		return m, fmt.Errorf("%w: its format is %d, this program reads %d", ErrBackup, m.Format, backupFormat)
	}
	for _, t := range m.Tables {
		if found[t.Name] != t {
			return m, fmt.Errorf("%w: table %s is not as it was written", ErrBackup, t.Name)
		}
		delete(found, t.Name)
	}
	if len(found) > 0 || m.Schema < 1 {
		return m, fmt.Errorf("%w: its manifest does not fit", ErrBackup)
	}
	return m, nil
}

type lineCounter struct{ n int }

func (c *lineCounter) Write(b []byte) (int, error) {
	for _, x := range b {
		if x == '\n' {
			c.n++
		}
	}
	return len(b), nil
}

// walk calls fn with each file of a backup.
func walk(path string, fn func(name string, r io.Reader) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zip, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return err
	}
	archive := tar.NewReader(zip)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			// The checksum of the whole is read past the last file.
			_, err := io.Copy(io.Discard, zip)
			return err
		}
		if err != nil {
			return err
		}
		if err := fn(h.Name, archive); err != nil {
			return err
		}
	}
}
