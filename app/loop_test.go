package app

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
)

func TestALoopIsEagerAtFirstAndNeverPilesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := lifecycle.New(time.Second)
		board := health.NewBoard()
		began := time.Now()
		var at []time.Duration
		loop(g, board, "work", 0, 15*time.Second, func(_ context.Context, _ time.Time) error {
			at = append(at, time.Since(began))
			if len(at) == 5 {
				time.Sleep(40 * time.Second) // a slow round
				return errors.New("late")
			}
			return nil
		})
		time.Sleep(90 * time.Second)
		status := board.Statuses(time.Now())[0]
		g.Stop()
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := time.Second
		// The slow round begins at 22 s and ends at 62 s; one round that was
		// due meanwhile follows at once, and no more than one.
		want := []time.Duration{0, 1 * s, 3 * s, 7 * s, 22 * s, 62 * s, 77 * s}
		if !slices.Equal(at, want) {
			t.Errorf("rounds at %v, want %v", at, want)
		}
		if status.State != health.OK || status.LastOK.IsZero() {
			t.Errorf("after good rounds: %+v", status)
		}
	})
}
