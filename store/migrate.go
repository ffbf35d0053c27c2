package store

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migrations are the steps of the schema, by number. What the two databases do
// not have in common is a step of two files, named for one of them each.
var migrations = func() fs.FS {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the name is not valid, which the compiler cannot tell
	}
	return sub
}()

// keptBeforeMigration is how many backups made before a migration are kept.
const keptBeforeMigration = 3

// provider returns the provider that moves the schema forward.
func (s *Store) provider(ctx context.Context) (_ *goose.Provider, at, newest int64, err error) {
	dialect, foreign := goose.DialectSQLite3, "*_postgres.sql"
	if s.postgres() {
		dialect, foreign = goose.DialectPostgres, "*_sqlite.sql"
	}
	other, err := fs.Glob(s.schema, foreign)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read the migrations: %w", err)
	}
	p, err := goose.NewProvider(dialect, s.write.DB, s.schema, goose.WithExcludeNames(other))
	if err != nil {
		return nil, 0, 0, fmt.Errorf("read the migrations: %w", err)
	}
	at, newest, err = p.GetVersions(ctx)
	if err != nil {
		return nil, 0, 0, s.explain("read the schema's version", err)
	}
	if at > newest {
		return nil, 0, 0, fmt.Errorf("%w: its schema is version %d, this program knows %d; run the newer one, or restore a backup from before",
			ErrNewer, at, newest)
	}
	return p, at, newest, nil
}

// migrate brings the schema up to date, after a backup where there is
// something in a SQLite database to lose.
func (s *Store) migrate(ctx context.Context) error {
	p, at, newest, err := s.provider(ctx)
	if err != nil || at == newest {
		return err
	}
	if at > 0 && s.sqlite != "" {
		if err := s.backupBefore(ctx, at); err != nil {
			return fmt.Errorf("back up before the migration from version %d to %d: %w", at, newest, err)
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return s.explain(fmt.Sprintf("migrate from version %d to %d", at, newest), err)
	}
	if at > 0 {
		s.log.Info("state was migrated", "from", at, "to", newest)
	}
	return nil
}

// backupBefore copies the database to state.db.before-vN beside it, N being
// the version that it has, and removes all but the newest few of these.
func (s *Store) backupBefore(ctx context.Context, version int64) error {
	prefix := s.sqlite + ".before-v"
	path := prefix + strconv.FormatInt(version, 10)
	part := path + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := private(part); err != nil {
		return err
	}
	if _, err := s.write.NewRaw("VACUUM INTO ?", part).Exec(ctx); err != nil {
		return s.explain("copy state.db", err)
	}
	if err := toDisk(part); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	if err := toDisk(filepath.Dir(path)); err != nil {
		return err
	}
	s.log.Info("state was backed up before its migration", "file", path)

	files, err := filepath.Glob(prefix + "*")
	if err != nil {
		return err
	}
	number := func(p string) int64 {
		n, err := strconv.ParseInt(strings.TrimPrefix(p, prefix), 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	// What has no number is not ours, and the new one stays in any case.
	files = slices.DeleteFunc(files, func(p string) bool { return number(p) < 0 || p == path })
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(number(b), number(a)) })
	for _, old := range files[min(keptBeforeMigration-1, len(files)):] {
		if err := os.Remove(old); err != nil {
			return err
		}
	}
	return nil
}

// toDisk makes sure that a file, or the names in a folder, are on the disk.
func toDisk(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
