package tsdb

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/storage"

	"github.com/evenkeel/evenkeel/metric"
)

// Append implements metric.Appender. A sample that is there already, with the
// same value, is no error.
func (d *DB) Append(ctx context.Context, batch []metric.Sample) error {
	db, err := d.opened()
	if err != nil {
		return fmt.Errorf("append %d samples: %w", len(batch), err)
	}
	app := db.AppenderV2(ctx)
	for _, s := range batch {
		_, err := app.Append(0, s.Labels, 0, timestamp.FromTime(s.T), s.V, nil, nil, storage.AOptions{})
		if err != nil {
			return errors.Join(fmt.Errorf("append %s at %s: %w", s.Labels, s.T.UTC(), err), app.Rollback())
		}
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("append %d samples: %w", len(batch), err)
	}
	return nil
}
