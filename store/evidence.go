package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond/evidence"
)

type evidenceRow struct {
	bun.BaseModel `bun:"table:incident_evidence"`

	Incident string `bun:"incident,pk"`
	Stage    string `bun:"stage,pk"`
	Tenant   string `bun:"tenant"`
	TakenAt  int64  `bun:"taken_at"`
	Body     string `bun:"body"`
}

var _ evidence.Store = (*Store)(nil)

// EvidenceDue returns incidents without a record of their opening, and those
// resolved since a time without one of the whole.
func (s *Store) EvidenceDue(ctx context.Context, resolvedSince time.Time, limit int) (due []evidence.Due, err error) {
	// One that was opened again and is over once more is taken anew.
	lacks := func(stage evidence.Stage) string {
		return "NOT EXISTS (SELECT 1 FROM incident_evidence e WHERE e.incident = incident_row.id AND e.stage = '" + string(stage) +
			"' AND e.taken_at >= incident_row.resolved_at)"
	}
	for _, x := range []struct {
		stage evidence.Stage
		where string
		args  []any
	}{
		{evidence.Opening, "state <> 'resolved'", nil},
		{evidence.Whole, "state = 'resolved' AND merged_into = '' AND resolved_at >= ?", []any{micros(resolvedSince)}},
	} {
		var rows []incidentRow
		if err := s.read.NewSelect().Model(&rows).Where(x.where, x.args...).Where(lacks(x.stage)).Order("id").Limit(int64(limit)).Scan(ctx); err != nil {
			return nil, s.explain("look for evidence that is due", err)
		}
		for _, r := range rows {
			i, err := readIncident(r)
			if err != nil {
				return nil, err
			}
			due = append(due, evidence.Due{Incident: i, Stage: x.stage})
		}
	}
	return due, nil
}

// PutEvidence stores a record in the place of one of the same incident and stage.
func (s *Store) PutEvidence(ctx context.Context, r evidence.Record) error {
	body, err := pack(r)
	if err != nil {
		return err
	}
	row := evidenceRow{Incident: r.Incident, Stage: string(r.Stage), Tenant: r.Tenant, TakenAt: micros(r.TakenAt), Body: body}
	return s.change(ctx, "store evidence", func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&row).On("CONFLICT (incident, stage) DO UPDATE").
			Set("taken_at = EXCLUDED.taken_at").Set("body = EXCLUDED.body").Exec(ctx)
		return err
	})
}

// Evidence returns the records of an incident.
func (s *Store) Evidence(ctx context.Context, tenant, incident string) ([]evidence.Record, error) {
	var rows []evidenceRow
	err := s.read.NewSelect().Model(&rows).Where("tenant = ?", tenant).Where("incident = ?", incident).Order("stage").Scan(ctx)
	if err != nil {
		return nil, s.explain("read evidence", err)
	}
	return convert(rows, func(r evidenceRow) (evidence.Record, error) { return unpack[evidence.Record](r.Body) })
}
