package app

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
)

// eager are the waits after a loop's first rounds, where they are shorter than
// its interval: a rate needs two readings, and a person who has just started
// Evenkeel should not have to wait for the second one.
var eager = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

// loop runs round after delay and then at every interval until the group
// stops, and reports each round to the board. A round that takes longer than
// the interval delays the next one; rounds never pile up.
func loop(g *lifecycle.Group, board *health.Board, part string, delay, interval time.Duration, round func(context.Context, time.Time) error) {
	board.Expect(part, interval, time.Now())
	g.Go(part, func(ctx context.Context) error {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return nil
			case now := <-timer.C:
				wait := interval
				if n < len(eager) {
					wait = min(wait, eager[n])
				}
				timer.Reset(wait)
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
