package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/correlate/cases"
)

var _ cases.Store = (*Store)(nil)

type caseRow struct {
	bun.BaseModel `bun:"table:cases"`

	ID          string `bun:"id,pk"`
	Tenant      string `bun:"tenant"`
	Environment string `bun:"environment"`
	State       string `bun:"state"`
	Judged      int64  `bun:"judged"`
	EndedAt     int64  `bun:"ended_at"`
	Revision    int64  `bun:"revision"`
	Place       []byte `bun:"place"`
	Body        string `bun:"body"`
}

func writeCase(c cases.Case) (caseRow, error) {
	body, err := pack(c)
	r := caseRow{ID: c.ID, Tenant: c.Tenant, Environment: plain(c.Environment), State: string(c.State), EndedAt: micros(c.EndedAt),
		Revision: c.Revision, Place: casePlace(c), Body: body}
	if c.Feedback != nil {
		r.Judged = 1
	}
	return r, err
}

// casePlace is the order of cases.Page.
func casePlace(c cases.Case) []byte {
	closed := standing
	if c.State != cases.Open {
		closed = resolved
	}
	return append([]byte{closed, ^byte(c.Severity)}, newestFirst(c.ChangedAt, c.ID)...)
}

func readCase(r caseRow) (cases.Case, error) {
	c, err := unpack[cases.Case](r.Body)
	if err != nil {
		return c, fmt.Errorf("case %s: %w", r.ID, err)
	}
	return c, nil
}

type caseFindingRow struct {
	bun.BaseModel `bun:"table:case_findings"`

	Finding string `bun:"finding_id,pk"`
	Case    string `bun:"case_id,pk"`
}

type caseEventRow struct {
	bun.BaseModel `bun:"table:case_events"`

	ID     string `bun:"id,pk"`
	Case   string `bun:"case_id"`
	Tenant string `bun:"tenant"`
	At     int64  `bun:"at"`
	Body   string `bun:"body"`
}

// ApplyCases stores cases with their history.
func (s *Store) ApplyCases(ctx context.Context, batch []cases.Applied) error {
	return s.change(ctx, "store cases", func(ctx context.Context, tx bun.Tx) error {
		for _, a := range batch {
			if err := applyCase(ctx, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func applyCase(ctx context.Context, tx bun.Tx, a cases.Applied) error {
	row, err := writeCase(a.Case)
	if err != nil {
		return err
	}
	written := int64(1)
	if row.Revision == 1 {
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
	} else {
		var result sql.Result
		result, err = tx.NewUpdate().Model(&row).WherePK().Where("tenant = ?", row.Tenant).Where("revision = ?", row.Revision-1).Exec(ctx)
		if err == nil {
			written, err = result.RowsAffected()
		}
	}
	if kind(err) == duplicate || err == nil && written == 0 {
		return fmt.Errorf("%w: case %s, revision %d", cases.ErrConflict, row.ID, row.Revision)
	}
	if err != nil {
		return err
	}
	members := make([]caseFindingRow, 0, len(a.Case.Members))
	for _, m := range a.Case.Members {
		members = append(members, caseFindingRow{Finding: m.Finding, Case: row.ID})
	}
	for part := range slices.Chunk(members, rowsAtOnce) {
		if _, err := tx.NewInsert().Model(&part).On("CONFLICT (finding_id, case_id) DO NOTHING").Exec(ctx); err != nil {
			return err
		}
	}
	events := make([]caseEventRow, 0, len(a.Events))
	for _, e := range a.Events {
		body, err := pack(e)
		if err != nil {
			return err
		}
		events = append(events, caseEventRow{ID: e.ID, Case: row.ID, Tenant: row.Tenant, At: micros(e.At), Body: body})
	}
	if err := insertAll(ctx, tx, events); err != nil {
		return err
	}
	if a.Audit != nil {
		return appendAudit(ctx, tx, *a.Audit)
	}
	return nil
}

// Case returns one.
func (s *Store) Case(ctx context.Context, tenant, id string) (cases.Case, error) {
	var row caseRow
	err := s.read.NewSelect().Model(&row).Where("id = ?", plain(id)).Where("tenant = ?", tenant).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return cases.Case{}, fmt.Errorf("%w: %s", cases.ErrNotFound, plain(id))
	}
	if err != nil {
		return cases.Case{}, s.explain("read case "+plain(id), err)
	}
	return readCase(row)
}

// CurrentCases returns those that are open, or ended at or after since.
func (s *Store) CurrentCases(ctx context.Context, tenant string, since time.Time) ([]cases.Case, error) {
	var open, over []caseRow
	if err := s.read.NewSelect().Model(&open).Where("tenant = ? AND state = ?", tenant, cases.Open).Order("id").Scan(ctx); err != nil {
		return nil, s.explain("read open cases", err)
	}
	if err := s.read.NewSelect().Model(&over).Where("tenant = ? AND state = ?", tenant, cases.Over).Where("ended_at >= ?", micros(since)).Order("id").Scan(ctx); err != nil {
		return nil, s.explain("read cases that are over", err)
	}
	return convert(append(open, over...), readCase)
}

// Cases lists.
func (s *Store) Cases(ctx context.Context, f cases.Filter) (page cases.Page, err error) {
	after, err := parseCursor(caseList, f.Cursor)
	if err != nil {
		return page, invalid(cases.ErrInvalid, err)
	}
	n := limit(f.Limit)
	var rows []caseRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ?", f.Tenant).Order("place").Limit(int64(n + 1))
	if f.Open {
		q = q.Where("state = ?", cases.Open)
	} else {
		q = q.Where("state <> ?", cases.Merged)
	}
	if len(f.Environments) > 0 {
		q = q.Where("environment IN (?)", bun.List(f.Environments))
	}
	if f.Finding != "" {
		q = q.Where("id IN (?)", s.read.NewSelect().Model((*caseFindingRow)(nil)).Column("case_id").Where("finding_id = ?", plain(f.Finding)))
	}
	if after != nil {
		q = q.Where("place > ?", after)
	}
	if err := q.Scan(ctx); err != nil {
		return page, s.explain("list cases", err)
	}
	if len(rows) > n {
		rows = rows[:n]
		page.Next = cursor(caseList, rows[n-1].Place)
	}
	page.Cases, err = convert(rows, readCase)
	return page, err
}

// CaseEvents returns the last of a case's history, oldest first.
func (s *Store) CaseEvents(ctx context.Context, tenant, id string) ([]cases.Event, error) {
	var rows []caseEventRow
	err := s.read.NewSelect().Model(&rows).Where("case_id = ?", plain(id)).Where("tenant = ?", tenant).Order("at DESC", "id DESC").Limit(cases.MostEvents).Scan(ctx)
	if err != nil {
		return nil, s.explain("read the history of case "+plain(id), err)
	}
	slices.Reverse(rows)
	return convert(rows, func(r caseEventRow) (cases.Event, error) { return unpack[cases.Event](r.Body) })
}

// JudgedCases returns those that somebody has judged, the newest first.
func (s *Store) JudgedCases(ctx context.Context, tenant string, n int) ([]cases.Case, error) {
	var rows []caseRow
	err := s.read.NewSelect().Model(&rows).Where("tenant = ? AND judged = 1", tenant).Order("ended_at DESC", "id").Limit(int64(n)).Scan(ctx)
	if err != nil {
		return nil, s.explain("read judged cases", err)
	}
	return convert(rows, readCase)
}

// PruneCases deletes cases that ended before the time, with their history.
func (s *Store) PruneCases(ctx context.Context, before time.Time) error {
	return s.change(ctx, "prune cases", func(ctx context.Context, tx bun.Tx) error {
		gone := func() *bun.SelectQuery {
			return tx.NewSelect().Model((*caseRow)(nil)).Column("id").Where("ended_at > 0 AND ended_at < ?", micros(before))
		}
		if _, err := tx.NewDelete().Model((*caseEventRow)(nil)).Where("case_id IN (?)", gone()).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*caseFindingRow)(nil)).Where("case_id IN (?)", gone()).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewDelete().Model((*caseRow)(nil)).Where("ended_at > 0 AND ended_at < ?", micros(before)).Exec(ctx)
		return err
	})
}
