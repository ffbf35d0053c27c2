package store

import (
	"bytes"
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
	ids, rare, err := s.findingsHolding(ctx, f.Text)
	if err != nil {
		return finding.Page{}, s.explain("search findings", err)
	}
	if rare {
		return s.findingsAmong(ctx, ids, f, after)
	}
	return s.findingsInOrder(ctx, f, after)
}

// findingsInOrder walks through the list and stops when the page is full, and
// again to count.
func (s *Store) findingsInOrder(ctx context.Context, f finding.Filter, after []byte) (page finding.Page, err error) {
	n := limit(f.Limit)
	var rows []findingRow
	q := s.findingFilter(s.read.NewSelect().Model(&rows).Where("tenant = ?", f.Tenant), f).Order("place").Limit(int64(n + 1))
	if after != nil {
		q = q.Where("place > ?", after)
	}
	if f.Text != "" {
		// The index holds what is walked by, and PostgreSQL reads the rows of
		// all that it passes if they are asked for.
		q = q.Column("place")
	}
	if err := q.Scan(ctx); err != nil {
		return page, s.explain("list findings", err)
	}
	if len(rows) > n {
		rows = rows[:n]
		page.Next = cursor(findingList, rows[n-1].Place)
	}
	if f.Text != "" {
		page.Findings, err = s.findingsAt(ctx, rows)
	} else {
		page.Findings, err = convert(rows, readFinding)
	}
	if err != nil {
		return page, err
	}
	if after == nil && page.Next == "" {
		page.Total = len(rows)
		return page, nil
	}
	counted := s.findingFilter(s.read.NewSelect().Model((*findingRow)(nil)).ColumnExpr("1").Where("tenant = ?", f.Tenant), f).
		Order("place").Limit(int64(maxCount(f)))
	page.Total, err = s.count(ctx, counted)
	return page, s.explain("count findings", err)
}

// findingsAmong lists those of some findings that the filter takes: all are
// looked at, found by their ids, which costs the same however long the history.
func (s *Store) findingsAmong(ctx context.Context, ids []string, f finding.Filter, after []byte) (page finding.Page, err error) {
	if len(ids) == 0 {
		return page, nil
	}
	var hits []findingRow
	// The tenant as an expression: with the column itself SQLite, which knows
	// nothing of how many rows there are, would walk through all of them.
	q := s.read.NewSelect().Model(&hits).Column("place").Where("id IN (?)", bun.List(ids)).Where("tenant || '' = ?", f.Tenant)
	if err := s.findingFilter(q, f).Order("place").Scan(ctx); err != nil {
		return page, s.explain("search findings", err)
	}
	page.Total = min(len(hits), maxCount(f))
	if after != nil {
		hits = slices.DeleteFunc(hits, func(r findingRow) bool { return bytes.Compare(r.Place, after) <= 0 })
	}
	if n := limit(f.Limit); len(hits) > n {
		hits = hits[:n]
		page.Next = cursor(findingList, hits[n-1].Place)
	}
	page.Findings, err = s.findingsAt(ctx, hits)
	return page, err
}

// findingsAt reads whole what stands at some places.
func (s *Store) findingsAt(ctx context.Context, places []findingRow) ([]finding.Finding, error) {
	if len(places) == 0 {
		return nil, nil
	}
	ids := make([]string, len(places))
	for i, r := range places {
		ids[i] = idAt(r.Place)
	}
	var rows []findingRow
	if err := s.read.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Order("place").Scan(ctx); err != nil {
		return nil, s.explain("read what was found", err)
	}
	return convert(rows, readFinding)
}

// maxCount is where counting a list stops.
func maxCount(f finding.Filter) int {
	if f.Text != "" {
		return finding.MaxFound
	}
	return finding.MaxTotal
}

// count tells how many rows a query has that is limited to a bound. The query
// is ordered by place, which is what makes PostgreSQL walk the narrow index and
// not the wide rows.
func (s *Store) count(ctx context.Context, q *bun.SelectQuery) (n int, err error) {
	err = s.read.NewSelect().ColumnExpr("count(*)").TableExpr("(?) AS counted", q).Scan(ctx, &n)
	return n, err
}

// findingFilter narrows a query by all but the tenant.
func (s *Store) findingFilter(q *bun.SelectQuery, f finding.Filter) *bun.SelectQuery {
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
	if f.Host != "" {
		q = q.Where("host = ?", plain(f.Host))
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
