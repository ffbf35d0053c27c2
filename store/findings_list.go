package store

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/finding"
)

// Findings lists, most urgent first.
func (s *Store) Findings(ctx context.Context, f finding.Filter) (finding.Page, error) {
	after, err := parseCursor(findingList, f.Cursor)
	if err != nil {
		return finding.Page{}, invalid(finding.ErrInvalid, err)
	}
	n := limit(f.Limit)
	var rows []findingRow
	q := s.findingFilter(s.read.NewSelect().Model(&rows), f).Order("place").Limit(int64(n + 1))
	if after != nil {
		q = q.Where("place > ?", after)
	}
	if err := q.Scan(ctx); err != nil {
		return finding.Page{}, s.explain("list findings", err)
	}
	var page finding.Page
	if len(rows) > n {
		rows = rows[:n]
		page.Next = cursor(findingList, rows[n-1].Place)
	}
	if page.Findings, err = convert(rows, readFinding); err != nil {
		return finding.Page{}, err
	}
	if after == nil && page.Next == "" {
		page.Total = len(rows)
		return page, nil
	}
	counted := s.findingFilter(s.read.NewSelect().Model((*findingRow)(nil)).ColumnExpr("1"), f).Order("place").Limit(maxTotal)
	page.Total, err = s.count(ctx, counted)
	return page, s.explain("count findings", err)
}

// count tells how many rows a query has that is limited to maxTotal. The query
// is ordered by place, which is what makes PostgreSQL walk the narrow index and
// not the wide rows.
func (s *Store) count(ctx context.Context, q *bun.SelectQuery) (n int, err error) {
	err = s.read.NewSelect().ColumnExpr("count(*)").TableExpr("(?) AS counted", q).Scan(ctx, &n)
	return n, err
}

func (s *Store) findingFilter(q *bun.SelectQuery, f finding.Filter) *bun.SelectQuery {
	q = q.Where("tenant = ?", f.Tenant)
	if len(f.Environments) > 0 {
		q = q.Where("environment IN (?)", bun.List(f.Environments))
	}
	if len(f.States) > 0 {
		q = q.Where("state IN (?)", bun.List(f.States))
		// The places of what is resolved follow all others: this is what
		// keeps a list of what stands from walking through all of history.
		if !slices.Contains(f.States, finding.Resolved) {
			q = q.Where("place < ?", []byte{resolved})
		} else if len(f.States) == 1 {
			q = q.Where("place >= ?", []byte{resolved})
		}
	}
	if f.MinSeverity > 0 {
		q = q.Where("severity >= ?", int(f.MinSeverity))
	}
	if f.Practice != "" {
		q = q.Where("practice = ?", plain(f.Practice))
	}
	if f.Check != "" {
		q = q.Where("check_id = ?", plain(f.Check))
	}
	if f.Entity != "" {
		q = q.Where("entity = ?", plain(f.Entity))
	}
	if f.Text != "" {
		q = q.Where("? > 0", s.find("search", f.Text))
	}
	if !f.Since.IsZero() {
		q = q.Where("(resolved_at = 0 OR resolved_at >= ?)", micros(f.Since))
	}
	if !f.Until.IsZero() {
		q = q.Where("first_seen <= ?", micros(f.Until))
	}
	return q
}
