package app

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
)

// loop runs round now and then at every interval until the group stops, and
// reports each round to the board. A round that takes longer than the interval
// delays the next one; rounds never pile up.
func loop(g *lifecycle.Group, board *health.Board, part string, delay, interval time.Duration, round func(context.Context, time.Time) error) {
	board.Expect(part, interval, time.Now())
	g.Go(part, func(ctx context.Context) error {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case now := <-timer.C:
				timer.Reset(interval)
				err := round(ctx, now)
				if ctx.Err() != nil {
					return nil
				}
				end := time.Now()
				board.Report(part, end, end.Sub(now), err)
			}
		}
	})
}
