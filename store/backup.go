package store

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A backup is a .tar.gz that holds one file of JSON lines for each table, and
// a manifest at the end with the number of rows and the SHA-256 of each. It is
// the same from both databases and goes into either. Blobs are base64.

// tables is everything that is backed up, in the order in which it is restored.
var tables = []string{"findings", "finding_events", "entities", "entity_versions", "relation_versions", "changes",
	"users", "sessions", "tokens", "login_links", "audit", "baselines",
	"alerts", "incident_alerts", "incidents", "pages", "messages", "ledger", "contacts", "policies", "review_documents",
	"contact_proofs", "reach_checks", "signing_keys", "intake_sources", "silences",
	"incident_evidence", "schedules", "overrides", "oncall_feeds", "status_records",
	"cases", "case_findings", "case_events", "incident_tasks"}

// manifestName is the last file of a backup. One without it is not whole.
const manifestName = "manifest.json"

// backupFormat is the version of the format that this program writes.
const backupFormat = 1

type manifest struct {
	Format int            `json:"format"`
	Schema int64          `json:"schema"` // version of the tables
	Tables []tableSummary `json:"tables"`
}

type tableSummary struct {
	Name   string `json:"name"`
	Rows   int    `json:"rows"`
	SHA256 string `json:"sha256"`
}

// BackupTo writes everything that is kept, as of one moment, to a new file that
// only its owner may read: it holds the hashes of passwords and tokens. Work
// goes on meanwhile. The file appears when it is whole.
func (s *Store) BackupTo(ctx context.Context, path string) error {
	return s.explain("back up state to "+path, s.backupTo(ctx, path))
}

func (s *Store) backupTo(ctx context.Context, path string) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return errors.New("the file is there already; choose another name")
	}
	_, version, _, err := s.provider(ctx)
	if err != nil {
		return err
	}
	tx, err := s.read.DB.BeginTx(ctx, &sql.TxOptions{Isolation: s.snapshot(), ReadOnly: s.postgres()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ended(tx.Rollback())) }()

	part := path + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(part))
		}
	}()
	zip, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zip)
	m := manifest{Format: backupFormat, Schema: version}
	for _, name := range tables {
		summary, err := backupTable(ctx, tx, archive, name, filepath.Dir(path))
		if err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
		m.Tables = append(m.Tables, summary)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(header(manifestName, int64(len(text)))); err != nil {
		return err
	}
	if _, err := archive.Write(text); err != nil {
		return err
	}
	if err := errors.Join(archive.Close(), zip.Close(), f.Sync()); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return toDisk(filepath.Dir(path))
}

// snapshot is the isolation in which a transaction sees one moment.
func (s *Store) snapshot() sql.IsolationLevel {
	if s.postgres() {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

// ended forgives a rollback of what has ended already.
func ended(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

func header(name string, size int64) *tar.Header {
	return &tar.Header{Name: name, Size: size, Mode: 0o600, Format: tar.FormatPAX, ModTime: time.Unix(0, 0)}
}

// backupTable writes a table to a file beside the backup, because the archive
// wants the size first, and from there into the archive.
func backupTable(ctx context.Context, tx *sql.Tx, archive *tar.Writer, name, dir string) (sum tableSummary, err error) {
	spool, err := os.CreateTemp(dir, ".evenkeel-backup-*")
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, spool.Close(), os.Remove(spool.Name())) }()
	digest := sha256.New()
	rows, err := writeRows(ctx, tx, name, io.MultiWriter(spool, digest))
	if err != nil {
		return sum, err
	}
	size, err := spool.Seek(0, io.SeekCurrent)
	if err != nil {
		return sum, err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return sum, err
	}
	if err := archive.WriteHeader(header(name+".jsonl", size)); err != nil {
		return sum, err
	}
	if _, err := io.Copy(archive, spool); err != nil {
		return sum, err
	}
	return tableSummary{Name: name, Rows: rows, SHA256: hexSum(digest)}, nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// writeRows writes each row of a table as one line of JSON.
func writeRows(ctx context.Context, tx *sql.Tx, name string, w io.Writer) (n int, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := columnsOf(rows)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for rows.Next() {
		values, line := make([]any, len(columns)), make(map[string]any, len(columns))
		for i, c := range columns {
			values[i] = c.target()
			line[c.name] = values[i]
		}
		if err := rows.Scan(values...); err != nil {
			return n, err
		}
		if err := lines.Encode(line); err != nil {
			return n, err
		}
		n++
	}
	return n, errors.Join(rows.Err(), out.Flush())
}

// column is a column of a table and what it holds.
type column struct {
	name string
	kind string // the database's name of its type
}

func columnsOf(rows *sql.Rows) ([]column, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	out := make([]column, len(types))
	for i, t := range types {
		out[i] = column{t.Name(), t.DatabaseTypeName()}
		if out[i].target() == nil {
			return nil, fmt.Errorf("column %s is of type %s, which a backup cannot hold", t.Name(), t.DatabaseTypeName())
		}
	}
	return out, nil
}

// target is a new place for a value of the column, nil for an unknown type.
func (c column) target() any {
	switch c.kind {
	case "TEXT":
		return new(string)
	case "BIGINT", "INT8":
		return new(int64)
	case "DOUBLE PRECISION", "FLOAT8":
		return new(float64)
	case "BYTEA":
		return new([]byte)
	}
	return nil
}
