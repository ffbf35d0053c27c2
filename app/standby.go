package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/evenkeel/evenkeel/access/httpauth"
)

// standBy serves the address while open waits for the Evenkeel that works with
// the database to end: whoever shares requests out over both is told that this
// one cannot be asked yet, and senders of alerts that they shall come again or
// try the other.
func (a *App) standBy(ctx context.Context, open func() error) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- serve(serving, a.listener, http.HandlerFunc(standingBy)) }()
	opened := make(chan error, 1)
	go func() { opened <- open() }()
	select {
	case err := <-opened:
		stop()
		if err := errors.Join(err, <-done); err != nil {
			return err
		}
	case err := <-done:
		stop()
		return errors.Join(err, <-opened)
	}
	// The server has closed the address; the same one is opened again, also
	// where any free port was asked for.
	a.cfg.Listen = a.listener.Addr().String()
	var err error
	a.listener, a.url, err = listen(ctx, a.cfg)
	return err
}

func standingBy(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		fmt.Fprintln(w, "standing by")
		return
	}
	w.Header().Set("Retry-After", "5")
	httpauth.Problem(w, r, http.StatusServiceUnavailable, "Standing by",
		"Another Evenkeel works with this database. This one takes over when that one ends.")
}

// replaced ends the process when another Evenkeel has taken the database over:
// what this one remembers is out of date.
func (a *App) replaced(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-a.store.Lost():
		return errors.New("another Evenkeel has taken over the database; start this one again to stand by")
	}
}
