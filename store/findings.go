package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/finding"
)

type findingRow struct {
	bun.BaseModel `bun:"table:findings"`

	ID          string `bun:"id,pk"`
	Tenant      string `bun:"tenant"`
	Environment string `bun:"environment"`
	Practice    string `bun:"practice"`
	Check       string `bun:"check_id"`
	Entity      string `bun:"entity"`
	State       string `bun:"state"`
	Prior       string `bun:"prior"`
	Severity    int    `bun:"severity"`
	FirstSeen   int64  `bun:"first_seen"`
	LastSeen    int64  `bun:"last_seen"`
	ChangedAt   int64  `bun:"changed_at"`
	ResolvedAt  int64  `bun:"resolved_at"`
	Until       int64  `bun:"until_at"`
	Returns     int    `bun:"returns"`
	Revision    int64  `bun:"revision"`
	Reason      string `bun:"reason"`
	By          string `bun:"by_name"`
	Place       []byte `bun:"place"`
	Search      string `bun:"search"`
	Answer      string `bun:"answer"`
	Report      string `bun:"report"`
	Host        string `bun:"host"`
}

type eventRow struct {
	bun.BaseModel `bun:"table:finding_events"`

	Finding  string `bun:"finding,pk"`
	Revision int64  `bun:"revision,pk"`
	N        int    `bun:"n,pk"`
	ID       string `bun:"id"`
	Tenant   string `bun:"tenant"`
	At       int64  `bun:"at"`
	Kind     string `bun:"kind"`
	Was      string `bun:"was"`
	Became   string `bun:"became"`
	By       string `bun:"by_name"`
	Detail   string `bun:"detail"`
}

// writeFinding makes a finding's row.
func writeFinding(f finding.Finding) (findingRow, error) {
	report, err := pack(f.Report)
	if err != nil {
		return findingRow{}, fmt.Errorf("finding %s of %s: %w", f.Check, f.Entity, err)
	}
	answer, err := pack(f.Answer)
	if err != nil {
		return findingRow{}, fmt.Errorf("finding %s of %s: %w", f.Check, f.Entity, err)
	}
	words := []string{f.Title, f.Check, f.Entity, f.EntityName}
	for _, c := range f.Culprits {
		words = append(words, c.Name)
	}
	return findingRow{ID: f.ID, Tenant: f.Tenant, Environment: f.Environment, Practice: f.Practice,
		Check: plain(f.Check), Entity: plain(f.Entity), State: string(f.State), Prior: string(f.Prior), Severity: int(f.Severity),
		FirstSeen: micros(f.FirstSeen), LastSeen: micros(f.LastSeen), ChangedAt: micros(f.ChangedAt),
		ResolvedAt: micros(f.ResolvedAt), Until: micros(f.Until), Returns: f.Returns, Revision: f.Revision,
		Reason: plain(f.Reason), By: plain(f.By), Place: findingPlace(f), Search: searchable(words...),
		Answer: answer, Report: report, Host: plain(f.Host)}, nil
}

// findingPlace is the order of finding.Page: not resolved before resolved, then
// severity falling, then last change falling, then id.
func findingPlace(f finding.Finding) []byte {
	closed := standing
	if f.State == finding.Resolved {
		closed = resolved
	}
	return append([]byte{closed, ^byte(f.Severity)}, newestFirst(f.ChangedAt, f.ID)...)
}

// idAt is the id of the finding at a place.
func idAt(place []byte) string { return string(place[2+8:]) }

// The first byte of a finding's place.
const (
	standing byte = 0
	resolved byte = 1
)

func readFinding(r findingRow) (finding.Finding, error) {
	report, err := unpack[finding.Report](r.Report)
	if err != nil {
		return finding.Finding{}, fmt.Errorf("finding %s: %w", r.ID, err)
	}
	report.Host = r.Host // what was kept before there was a host has it in the column only
	answer, err := unpack[finding.Answer](r.Answer)
	if err != nil {
		return finding.Finding{}, fmt.Errorf("finding %s: %w", r.ID, err)
	}
	return finding.Finding{ID: r.ID,
		Key: finding.Key{Tenant: r.Tenant, Environment: r.Environment, Practice: r.Practice,
			Check: r.Check, Entity: r.Entity},
		Report: report, State: finding.State(r.State), Prior: finding.State(r.Prior),
		FirstSeen: moment(r.FirstSeen), LastSeen: moment(r.LastSeen), ChangedAt: moment(r.ChangedAt),
		ResolvedAt: moment(r.ResolvedAt), Until: moment(r.Until), Returns: r.Returns, Revision: r.Revision,
		Reason: r.Reason, By: r.By, Answer: answer}, nil
}

// ApplyFindings stores all decisions, with their history and their audit
// entries, in one transaction.
func (s *Store) ApplyFindings(ctx context.Context, batch []finding.Applied) error {
	return s.change(ctx, "store findings", func(ctx context.Context, tx bun.Tx) error {
		for _, a := range batch {
			if err := applyFinding(ctx, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func applyFinding(ctx context.Context, tx bun.Tx, a finding.Applied) error {
	f := a.Finding
	row, err := writeFinding(f)
	if err != nil {
		return err
	}
	conflict := fmt.Errorf("%w: %s, revision %d", finding.ErrConflict, f.ID, f.Revision)
	if f.Revision == 1 {
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			if kind(err) == duplicate {
				return conflict
			}
			return err
		}
	} else {
		result, err := tx.NewUpdate().Model(&row).WherePK().
			Where("tenant = ?", f.Tenant).Where("revision = ?", f.Revision-1).Exec(ctx)
		if err != nil {
			if kind(err) == duplicate {
				return conflict
			}
			return err
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n != 1 {
			return conflict
		}
	}
	events := make([]eventRow, len(a.Events))
	for i, e := range a.Events {
		events[i] = eventRow{Finding: f.ID, Revision: f.Revision, N: i, ID: e.ID, Tenant: f.Tenant, At: micros(e.At),
			Kind: e.Kind, Was: string(e.From), Became: string(e.To), By: plain(e.By), Detail: plain(e.Text)}
	}
	if len(events) > 0 {
		if _, err := tx.NewInsert().Model(&events).Exec(ctx); err != nil {
			return err
		}
	}
	if a.Audit != nil {
		return appendAudit(ctx, tx, *a.Audit)
	}
	return nil
}

// Finding returns one, or finding.ErrNotFound.
func (s *Store) Finding(ctx context.Context, tenant, id string) (finding.Finding, error) {
	var row findingRow
	err := s.read.NewSelect().Model(&row).Where("id = ?", plain(id)).Where("tenant = ?", tenant).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return finding.Finding{}, fmt.Errorf("%w: %s", finding.ErrNotFound, id)
	}
	if err != nil {
		return finding.Finding{}, s.explain("read finding "+id, err)
	}
	return readFinding(row)
}

// CurrentFindings returns what is not resolved in an environment, or was
// resolved at or after since.
func (s *Store) CurrentFindings(ctx context.Context, tenant, environment, practice string, since time.Time) ([]finding.Finding, error) {
	var rows []findingRow
	err := s.read.NewSelect().Model(&rows).
		Where("tenant = ? AND environment = ? AND practice = ?", tenant, environment, practice).
		Where("(state <> ? OR state = ? AND resolved_at >= ?)", finding.Resolved, finding.Resolved, micros(since)).
		Order("place").Scan(ctx)
	if err != nil {
		return nil, s.explain("read current findings", err)
	}
	return convert(rows, readFinding)
}

// FindingEvents returns a finding's history, oldest first.
func (s *Store) FindingEvents(ctx context.Context, tenant, id string) ([]finding.Event, error) {
	var rows []eventRow
	err := s.read.NewSelect().Model(&rows).Where("finding = ?", plain(id)).Where("tenant = ?", tenant).
		Order("revision", "n").Scan(ctx)
	if err != nil {
		return nil, s.explain("read the history of finding "+id, err)
	}
	return convert(rows, func(r eventRow) (finding.Event, error) {
		return finding.Event{ID: r.ID, Finding: r.Finding, At: moment(r.At), Kind: r.Kind,
			From: finding.State(r.Was), To: finding.State(r.Became), By: r.By, Text: r.Detail}, nil
	})
}

// ExpiredFindings returns the accepted findings whose time is up, also those
// about which there is no data at the moment.
func (s *Store) ExpiredFindings(ctx context.Context, now time.Time) ([]finding.Finding, error) {
	var rows []findingRow
	err := s.read.NewSelect().Model(&rows).
		Where("until_at > 0 AND until_at <= ?", micros(now)).
		Where("(state = ? OR state = ? AND prior = ?)", finding.Accepted, finding.Unknown, finding.Accepted).
		Order("id").Scan(ctx)
	if err != nil {
		return nil, s.explain("read ended acceptances", err)
	}
	return convert(rows, readFinding)
}

// PruneFindings deletes findings that were resolved before the time, with
// their history.
func (s *Store) PruneFindings(ctx context.Context, before time.Time) (deleted int, err error) {
	err = s.change(ctx, "prune findings", func(ctx context.Context, tx bun.Tx) error {
		old := tx.NewSelect().Model((*findingRow)(nil)).Column("id").
			Where("state = 'resolved'").Where("resolved_at < ?", micros(before))
		if _, err := tx.NewDelete().Model((*eventRow)(nil)).Where("finding IN (?)", old).Exec(ctx); err != nil {
			return err
		}
		result, err := tx.NewDelete().Model((*findingRow)(nil)).
			Where("state = 'resolved'").Where("resolved_at < ?", micros(before)).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		deleted = int(n)
		return err
	})
	return deleted, err
}
