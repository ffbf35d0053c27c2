package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/review"
)

type reviewRow struct {
	bun.BaseModel `bun:"table:review_documents"`

	Incident    string `bun:"incident,pk"`
	Tenant      string `bun:"tenant"`
	Environment string `bun:"environment"`
	Number      int64  `bun:"number"`
	Revision    int64  `bun:"revision"`
	Body        string `bun:"body"`
}

func readReview(r reviewRow) (review.Document, error) {
	d, err := unpack[review.Document](r.Body)
	if err != nil {
		return d, fmt.Errorf("document of incident %s: %w", r.Incident, err)
	}
	return d, nil
}

// ReviewDocument returns the document of an incident, or review.ErrNotFound.
func (s *Store) ReviewDocument(ctx context.Context, tenant, incident string) (review.Document, error) {
	var row reviewRow
	err := s.read.NewSelect().Model(&row).Where("incident = ?", plain(incident)).Where("tenant = ?", tenant).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return review.Document{}, fmt.Errorf("%w: nobody has saved a document of incident %s", review.ErrNotFound, incident)
	}
	if err != nil {
		return review.Document{}, s.explain("read the document of incident "+incident, err)
	}
	return readReview(row)
}

// PutReviewDocument stores a document over the one of the revision before its
// own.
func (s *Store) PutReviewDocument(ctx context.Context, d review.Document, audit access.Entry) error {
	body, err := pack(d)
	if err != nil {
		return err
	}
	row := reviewRow{Incident: d.Incident, Tenant: d.Tenant, Environment: plain(d.Environment), Number: d.Number, Revision: d.Revision, Body: body}
	return s.change(ctx, "store a document", func(ctx context.Context, tx bun.Tx) error {
		var result sql.Result
		var err error
		if d.Revision == 1 {
			result, err = tx.NewInsert().Model(&row).On("CONFLICT (incident) DO NOTHING").Exec(ctx)
		} else {
			result, err = tx.NewUpdate().Model(&row).WherePK().Where("revision = ?", d.Revision-1).Exec(ctx)
		}
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fmt.Errorf("%w: somebody has saved the document of incident %d meanwhile", review.ErrConflict, d.Number)
		}
		return appendAudit(ctx, tx, audit)
	})
}

// ReviewDocuments lists documents, the newest incident first.
func (s *Store) ReviewDocuments(ctx context.Context, tenant string, environments []string, before int64, limit int) ([]review.Document, error) {
	var rows []reviewRow
	q := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Order("number DESC").Limit(int64(limit))
	if len(environments) > 0 {
		q = q.Where("environment IN (?)", bun.List(environments))
	}
	if before > 0 {
		q = q.Where("number < ?", before)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.explain("list documents", err)
	}
	return convert(rows, readReview)
}

// casesAtOnce is how many incidents are read in one statement.
const casesAtOnce = 500

// ReviewCases returns incidents that were opened in the time, with their alerts
// and pages.
func (s *Store) ReviewCases(ctx context.Context, tenant string, environments []string, from, to time.Time, limit int) ([]review.Case, error) {
	var cases []review.Case
	for after := ""; len(cases) < limit; {
		var rows []incidentRow
		// What was over before the time was not opened in it.
		q := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("id > ?", after).
			Where("(state <> 'resolved' OR resolved_at >= ?)", micros(from)).Order("id").Limit(casesAtOnce)
		if len(environments) > 0 {
			q = q.Where("environment IN (?)", bun.List(environments))
		}
		if err := q.Scan(ctx); err != nil {
			return nil, s.explain("read incidents to measure", err)
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].ID
		incidents, err := convert(rows, readIncident)
		if err != nil {
			return nil, err
		}
		part := make([]review.Case, 0, len(incidents))
		for _, i := range incidents {
			if !i.OpenedAt.Before(from) && i.OpenedAt.Before(to) && len(cases)+len(part) < limit {
				part = append(part, review.Case{Incident: i})
			}
		}
		if err := s.fillCases(ctx, part); err != nil {
			return nil, err
		}
		cases = append(cases, part...)
	}
	return cases, nil
}

// fillCases reads the alerts and pages of cases.
func (s *Store) fillCases(ctx context.Context, cases []review.Case) error {
	place := map[string]int{}
	var ids []string
	for n, c := range cases {
		place[c.Incident.ID] = n
		ids = append(ids, c.Incident.ID)
	}
	joins, err := byIDs[joinRow](ctx, s, "incident", ids, nil)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	var alerts []string
	for _, j := range joins {
		if !wanted[j.Alert] {
			wanted[j.Alert] = true
			alerts = append(alerts, j.Alert)
		}
	}
	standing, err := s.AlertsByID(ctx, alerts)
	if err != nil {
		return err
	}
	byID := map[string]respond.Standing{}
	for _, st := range standing {
		byID[st.ID] = st
	}
	for _, j := range joins {
		if st, ok := byID[j.Alert]; ok {
			c := &cases[place[j.Incident]]
			c.Alerts = append(c.Alerts, st)
		}
	}
	pages, err := s.PagesOf(ctx, ids, false)
	if err != nil {
		return err
	}
	for _, p := range pages {
		c := &cases[place[p.Incident]]
		c.Pages = append(c.Pages, p)
	}
	return nil
}
