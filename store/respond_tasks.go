package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
)

type taskRow struct {
	bun.BaseModel `bun:"table:incident_tasks"`

	ID       string `bun:"id,pk"`
	Tenant   string `bun:"tenant"`
	Incident string `bun:"incident"`
	Body     string `bun:"body"`
}

func writeTask(k respond.Task) (taskRow, error) {
	body, err := pack(k)
	return taskRow{ID: k.ID, Tenant: k.Tenant, Incident: k.Incident, Body: body}, err
}

func readTask(r taskRow) (respond.Task, error) {
	k, err := unpack[respond.Task](r.Body)
	if err != nil {
		return k, fmt.Errorf("task %s: %w", r.ID, err)
	}
	return k, nil
}

// applyTasks stores tasks that are new or changed. The revision of their
// incident guards them.
func applyTasks(ctx context.Context, tx bun.Tx, tasks []respond.Task) error {
	rows, err := convert(tasks, writeTask)
	if err != nil || len(rows) == 0 {
		return err
	}
	_, err = tx.NewInsert().Model(&rows).On("CONFLICT (id) DO UPDATE").
		Set("incident = EXCLUDED.incident").Set("body = EXCLUDED.body").Where("task_row.tenant = EXCLUDED.tenant").Exec(ctx)
	return err
}

// TasksOf returns the tasks of an incident, in the order in which they were
// added.
func (s *Store) TasksOf(ctx context.Context, tenant, incident string) ([]respond.Task, error) {
	var rows []taskRow
	err := s.read.NewSelect().Model(&rows).Where("incident = ?", plain(incident)).Where("tenant = ?", tenant).Order("id").Scan(ctx)
	if err != nil {
		return nil, s.explain("read the tasks of incident "+incident, err)
	}
	return convert(rows, readTask)
}
