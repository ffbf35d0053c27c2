package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
)

// idsAtOnce is how many ids are asked for in one statement.
const idsAtOnce = 500

// byIDs reads rows whose column is one of ids, in parts.
func byIDs[R any](ctx context.Context, s *Store, column string, ids []string, narrow func(*bun.SelectQuery) *bun.SelectQuery) ([]R, error) {
	var all []R
	for part := range slices.Chunk(ids, idsAtOnce) {
		var rows []R
		q := s.read.NewSelect().Model(&rows).Where("? IN (?)", bun.Ident(column), bun.List(part))
		if narrow != nil {
			q = narrow(q)
		}
		if err := q.Scan(ctx); err != nil {
			return nil, s.explain("read by "+column, err)
		}
		all = append(all, rows...)
	}
	return all, nil
}

// AlertsByID returns those alerts that there are.
func (s *Store) AlertsByID(ctx context.Context, ids []string) ([]respond.Standing, error) {
	rows, err := byIDs[alertRow](ctx, s, "id", ids, nil)
	if err != nil {
		return nil, err
	}
	return convert(rows, readAlert)
}

// due narrows to what waits for its time and need not any more.
func due(now, ahead time.Time) func(*bun.SelectQuery) *bun.SelectQuery {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("wake_at > 0")
		if ahead.IsZero() {
			return q.Where("wake_at <= ?", micros(now))
		}
		return q.Where("(wake_at <= ? OR changed_at > ?)", micros(now), micros(ahead))
	}
}

// DueAlerts returns alerts whose time has come.
func (s *Store) DueAlerts(ctx context.Context, now, ahead time.Time, limit int) ([]respond.Standing, error) {
	var rows []alertRow
	err := s.read.NewSelect().Model(&rows).Apply(due(now, ahead)).Order("wake_at").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, s.explain("read due alerts", err)
	}
	return convert(rows, readAlert)
}

// IncidentAlerts returns the alerts of an incident, newest first.
func (s *Store) IncidentAlerts(ctx context.Context, tenant, incident string, standing bool, limit int) ([]respond.Standing, error) {
	var rows []alertRow
	q := s.read.NewSelect().Model(&rows).Join("JOIN incident_alerts AS j ON j.alert = alert_row.id").
		Where("j.incident = ?", plain(incident)).Where("j.tenant = ?", tenant). // not the alert's: SQLite would walk all of the tenant's
		OrderExpr("j.at DESC, alert_row.id").Limit(int64(limit))
	if standing {
		q = q.Where("alert_row.fate <> ?", respond.Over)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.explain("read the alerts of incident "+incident, err)
	}
	return convert(rows, readAlert)
}

// Alerts lists a tenant's alerts by their ids.
func (s *Store) Alerts(ctx context.Context, tenant, after string, limit int) ([]respond.Standing, error) {
	var rows []alertRow
	err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("id > ?", plain(after)).
		Order("id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, s.explain("list alerts", err)
	}
	return convert(rows, readAlert)
}

// IncidentsByID returns those incidents that there are, and those that they
// were merged into.
func (s *Store) IncidentsByID(ctx context.Context, ids []string) ([]respond.Incident, error) {
	rows, err := byIDs[incidentRow](ctx, s, "id", ids, nil)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, r := range rows {
		seen[r.ID] = true
	}
	// A chain of mergers ends, for each incident is merged once.
	for next := rows; len(next) > 0; {
		var into []string
		for _, r := range next {
			if r.MergedInto != "" && !seen[r.MergedInto] {
				seen[r.MergedInto] = true
				into = append(into, r.MergedInto)
			}
		}
		if next, err = byIDs[incidentRow](ctx, s, "id", into, nil); err != nil {
			return nil, err
		}
		rows = append(rows, next...)
	}
	return convert(rows, readIncident)
}

// IncidentsByGroup returns the newest incident of each group.
func (s *Store) IncidentsByGroup(ctx context.Context, tenant string, groups []string, since time.Time) ([]respond.Incident, error) {
	rows, err := byIDs[incidentRow](ctx, s, "grp", groups, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("tenant = ?", tenant).Where("grp <> ''").
			Where("(state <> 'resolved' OR resolved_at >= ? OR merged_into <> '')", micros(since))
	})
	if err != nil {
		return nil, err
	}
	newest := map[string]incidentRow{}
	for _, r := range rows {
		old, ok := newest[r.Group]
		// The one that stands; among resolved ones the last.
		if ok && (old.State != string(respond.Resolved) || r.State == string(respond.Resolved) && old.Number > r.Number) {
			continue
		}
		newest[r.Group] = r
	}
	out := make([]incidentRow, 0, len(newest))
	for _, r := range newest {
		out = append(out, r)
	}
	return convert(out, readIncident)
}

// DueIncidents returns incidents whose time has come, the longest due first.
func (s *Store) DueIncidents(ctx context.Context, now, ahead time.Time, limit int) ([]respond.Incident, error) {
	var rows []incidentRow
	err := s.read.NewSelect().Model(&rows).Apply(due(now, ahead)).Order("wake_at", "id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, s.explain("read due incidents", err)
	}
	return convert(rows, readIncident)
}

// Pending tells what waits for its time.
func (s *Store) Pending(ctx context.Context) (wakes, messages bool, err error) {
	err = s.read.NewRaw("SELECT EXISTS (SELECT 1 FROM alerts WHERE wake_at > 0) OR EXISTS (SELECT 1 FROM incidents WHERE wake_at > 0), "+
		"EXISTS (SELECT 1 FROM messages WHERE state IN ('due', 'sending'))").Scan(ctx, &wakes, &messages)
	return wakes, messages, s.explain("look for what waits", err)
}

// Incident returns one, or respond.ErrNotFound.
func (s *Store) Incident(ctx context.Context, tenant, id string) (respond.Incident, error) {
	var row incidentRow
	err := s.read.NewSelect().Model(&row).Where("id = ?", plain(id)).Where("tenant = ?", tenant).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return respond.Incident{}, fmt.Errorf("%w: incident %s", respond.ErrNotFound, id)
	}
	if err != nil {
		return respond.Incident{}, s.explain("read incident "+id, err)
	}
	return readIncident(row)
}

// IncidentsAfter lists a tenant's incidents by their ids.
func (s *Store) IncidentsAfter(ctx context.Context, tenant, after string, limit int) ([]respond.Incident, error) {
	var rows []incidentRow
	err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("id > ?", plain(after)).
		Order("id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, s.explain("list incidents", err)
	}
	return convert(rows, readIncident)
}

// LastIncidentNumber returns the highest number in a tenant.
func (s *Store) LastIncidentNumber(ctx context.Context, tenant string) (n int64, err error) {
	err = s.read.NewSelect().Model((*incidentRow)(nil)).ColumnExpr("coalesce(max(number), 0)").Where("tenant = ?", tenant).Scan(ctx, &n)
	return n, s.explain("read the last incident's number", err)
}

// Incidents lists, most urgent first.
func (s *Store) Incidents(ctx context.Context, f respond.IncidentFilter) (page respond.IncidentPage, err error) {
	after, err := parseCursor(incidentList, f.Cursor)
	if err != nil {
		return page, invalid(respond.ErrInvalid, err)
	}
	n := limit(f.Limit)
	var rows []incidentRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ?", f.Tenant).Order("place").Limit(int64(n + 1))
	if len(f.Environments) > 0 {
		q = q.Where("environment IN (?)", bun.List(f.Environments))
	}
	if len(f.States) > 0 {
		q = q.Where("state IN (?)", bun.List(f.States))
		if !slices.Contains(f.States, respond.Resolved) {
			q = q.Where("place < ?", []byte{resolved})
		}
	}
	if f.MinSeverity > 0 {
		q = q.Where("severity >= ?", int(f.MinSeverity))
	}
	if f.Assignee != "" {
		q = q.Where("assignee = ?", plain(f.Assignee))
	}
	if f.Number > 0 {
		q = q.Where("number = ?", f.Number)
	}
	if f.Text != "" {
		q = q.Where("? > 0", s.find("search", f.Text))
	}
	if after != nil {
		q = q.Where("place > ?", after)
	}
	if err := q.Scan(ctx); err != nil {
		return page, s.explain("list incidents", err)
	}
	if len(rows) > n {
		rows = rows[:n]
		page.Next = cursor(incidentList, rows[n-1].Place)
	}
	page.Incidents, err = convert(rows, readIncident)
	return page, err
}

// PagesOf returns the pages of incidents, in the order in which they began.
func (s *Store) PagesOf(ctx context.Context, incidents []string, open bool) ([]respond.Page, error) {
	rows, err := byIDs[pageRow](ctx, s, "incident", incidents, func(q *bun.SelectQuery) *bun.SelectQuery {
		if open {
			q = q.Where("state = 'open'")
		}
		return q.Order("incident", "begun_at", "id")
	})
	if err != nil {
		return nil, err
	}
	return convert(rows, readPage)
}

// RecentPages counts open pages that began after since, by respond.Page.To.
func (s *Store) RecentPages(ctx context.Context, tenant string, since time.Time) (map[string]int, error) {
	var rows []struct {
		Recipient string `bun:"recipient"`
		N         int    `bun:"n"`
	}
	err := s.read.NewSelect().Model((*pageRow)(nil)).Column("recipient").ColumnExpr("count(*) AS n").
		Where("tenant = ?", tenant).Where("state = 'open'").Where("begun_at > ?", micros(since)).Group("recipient").Scan(ctx, &rows)
	if err != nil {
		return nil, s.explain("count recent pages", err)
	}
	out := make(map[string]int, len(rows))
	for _, r := range rows {
		out[r.Recipient] = r.N
	}
	return out, nil
}

// MessagesOf returns the messages of incidents; told ones newest first.
func (s *Store) MessagesOf(ctx context.Context, incidents []string, told bool) ([]respond.Message, error) {
	rows, err := byIDs[messageRow](ctx, s, "incident", incidents, func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("incident <> ''")
		if told {
			return q.Where("kind = ?", respond.PageMessage).Where("state IN ('sending', 'sent', 'delivered')").OrderExpr("sent_at DESC, id")
		}
		return q.Order("incident", "next_at", "id")
	})
	if err != nil {
		return nil, err
	}
	return convert(rows, readMessage)
}

// PageMessages returns the messages of one page.
func (s *Store) PageMessages(ctx context.Context, tenant, page string) ([]respond.Message, error) {
	rows, err := byIDs[messageRow](ctx, s, "page", []string{page}, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("page <> ''").Where("tenant = ?", tenant).Order("id")
	})
	if err != nil {
		return nil, err
	}
	return convert(rows, readMessage)
}

// DigestMessages returns messages that belong to no incident, by their ids.
func (s *Store) DigestMessages(ctx context.Context, tenant, after string, unsent bool, limit int) ([]respond.Message, error) {
	var rows []messageRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("incident = ''").Where("id > ?", plain(after)).
		Order("id").Limit(int64(limit))
	if unsent {
		q = q.Where("state IN ('due', 'sending')")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.explain("read digests", err)
	}
	return convert(rows, readMessage)
}

// Message returns one, or respond.ErrNotFound.
func (s *Store) Message(ctx context.Context, tenant, id string) (respond.Message, error) {
	var row messageRow
	err := s.read.NewSelect().Model(&row).Where("id = ?", plain(id)).Where("tenant = ?", tenant).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return respond.Message{}, fmt.Errorf("%w: message %s", respond.ErrNotFound, id)
	}
	if err != nil {
		return respond.Message{}, s.explain("read message "+id, err)
	}
	return readMessage(row)
}

// Ledger lists entries in the order in which they were written.
func (s *Store) Ledger(ctx context.Context, f respond.LedgerFilter) ([]respond.Entry, error) {
	var rows []ledgerRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ?", f.Tenant).Order("id").Limit(int64(max(1, f.Limit)))
	if f.Incident != "" {
		q = q.Where("incident = ?", plain(f.Incident)).Where("incident <> ''")
	}
	if len(f.Alerts) > 0 {
		q = q.Where("alert IN (?)", bun.List(f.Alerts)).Where("alert <> ''")
	}
	if f.After != "" {
		q = q.Where("id > ?", plain(f.After))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.explain("read the ledger", err)
	}
	return convert(rows, readEntry)
}

// CountLedger counts a tenant's entries by kind.
func (s *Store) CountLedger(ctx context.Context, tenant string) (map[respond.EntryKind]int64, error) {
	var rows []struct {
		Kind string `bun:"kind"`
		N    int64  `bun:"n"`
	}
	err := s.read.NewSelect().Model((*ledgerRow)(nil)).Column("kind").ColumnExpr("count(*) AS n").
		Where("tenant = ?", tenant).Group("kind").Scan(ctx, &rows)
	if err != nil {
		return nil, s.explain("count the ledger", err)
	}
	out := make(map[respond.EntryKind]int64, len(rows))
	for _, r := range rows {
		out[respond.EntryKind(r.Kind)] = r.N
	}
	return out, nil
}
