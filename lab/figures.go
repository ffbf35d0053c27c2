package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/storage"

	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// FillFigures writes samples of many series into the figures of a data folder
// that no Evenkeel uses: one each 15 s, the last one at end.
func FillFigures(ctx context.Context, data string, series, samples int, end time.Time) (err error) {
	db, err := tsdb.Open(tsdb.Config{Dir: filepath.Join(data, "metrics")}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	all, refs := make([]labels.Labels, series), make([]storage.SeriesRef, series)
	for i := range all {
		all[i] = labels.FromStrings("__name__", fmt.Sprintf("lab_requests_%d_total", i%10), "job", "lab", "instance", fmt.Sprintf("lab-%d", i%10),
			"handler", fmt.Sprintf("/api/v1/%d", i/10%100), "pod", fmt.Sprintf("shop-%d", i/1000))
	}
	for n := range samples {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := timestamp.FromTime(end.Add(time.Duration(n-samples+1) * 15 * time.Second))
		app := db.Storage().AppenderV2(ctx)
		for i := range all {
			if refs[i], err = app.Append(refs[i], all[i], 0, at, float64(n*(i%97)+i), nil, nil, storage.AOptions{}); err != nil {
				return errors.Join(err, app.Rollback())
			}
		}
		if err := app.Commit(); err != nil {
			return err
		}
	}
	return nil
}
