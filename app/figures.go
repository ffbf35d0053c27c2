package app

import (
	"context"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/access/httpauth"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
)

// figuresPart is the name on the board of reading back the figures of the past.
const figuresPart = "figures"

// watch runs the way of the data, from when the figures of the past are there.
//
// Until then nothing is collected and nothing is judged: findings stay as they
// were left, and the figures of this machine have a gap. Holding them back in
// memory would need a second way into the storage for some seconds of data.
func (a *App) watch(ctx context.Context) error {
	if err := a.awaitFigures(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	g := lifecycle.New(stopWithin)
	a.flow(g)
	a.board.Report(figuresPart, time.Now(), time.Since(a.started), nil)
	return g.Wait(ctx)
}

// awaitFigures returns when the figures can be read, or cannot be at all, or
// ctx ends. It keeps on the board how far they are.
func (a *App) awaitFigures(ctx context.Context) error {
	if a.local == nil {
		return nil
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.local.db.Opened():
			if err := a.local.db.Ready(); err != nil {
				return err
			}
			return a.recallHost(ctx)
		case now := <-tick.C:
			if err := a.local.db.Ready(); err != nil {
				a.board.Start(figuresPart, now, err.Error())
			}
		}
	}
}

// figures returns nil where figures can be read now, or else why not. An
// external server is asked each time.
func (a *App) figures() error {
	if a.local == nil {
		return nil
	}
	return a.local.db.Ready()
}

// whenOpen refuses what would write figures while those of the past are read
// back. Senders of remote write come again, so that nothing is lost.
func (a *App) whenOpen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.figures(); err != nil {
			w.Header().Set("Retry-After", "5")
			httpauth.Problem(w, r, http.StatusServiceUnavailable, "Not yet", err.Error())
			return
		}
		next.ServeHTTP(w, r)
	})
}
