package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/evenkeel/evenkeel/lab"
)

// aliveWithin is the goal for a start, whatever is to be read back.
const aliveWithin = 3 * time.Second

// start fills an hour of figures, as of a scrape each 15 s, starts Evenkeel on
// them, kills it and starts it again. What it measures is when it answers, and
// when all figures are there.
func start(ctx context.Context, stage *lab.Stage, o options) ([]result, error) {
	const rounds = 240
	data := filepath.Join(stage.Dir, "start-data")
	began := time.Now()
	if err := lab.FillFigures(ctx, data, o.series, rounds, began); err != nil {
		return nil, err
	}
	fmt.Fprintf(o.progress, "filled %d samples in %s\n", o.series*rounds, time.Since(began).Round(time.Second))
	var results []result
	for _, after := range []string{"a clean stop", "SIGKILL"} {
		e, err := stage.StartEvenkeel(ctx, lab.Options{Name: "start", Data: data})
		if err != nil {
			return nil, err
		}
		got, err := e.Query(ctx, fmt.Sprintf(`sum(count_over_time({job="lab"}[%ds]))`, int(time.Since(began).Seconds())+3700))
		if err != nil {
			return nil, err
		}
		if got["map[]"] != float64(o.series*rounds) {
			return nil, fmt.Errorf("after %s %v samples are there, want %d", after, got["map[]"], o.series*rounds)
		}
		if err := e.Kill(); err != nil {
			return nil, err
		}
		what := fmt.Sprintf("start after %s, %d series and an hour: ", after, o.series)
		results = append(results,
			result{what: what + "it answers", value: fmt.Sprintf("%d ms", e.Alive.Milliseconds()), goal: "< 3 s", missed: e.Alive >= aliveWithin},
			result{what: what + "all figures are there", value: fmt.Sprintf("%.1f s", e.Ready.Seconds())})
	}
	return results, nil
}
