package app

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/access/httpauth"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/respond/status"
)

// openStatus opens status pages and the updates that stand on them.
func (a *App) openStatus(ctx context.Context, senders map[respond.Channel]respond.Sender) (err error) {
	opt := status.Options{Folder: a.statusFolder(), URL: a.publicURL(), Stored: a.respond.MessagesStored}
	if senders[respond.Email] != nil {
		opt.Address = func(address string) (string, error) { return notify.CheckAddress(respond.Email, address) }
	}
	a.status, err = status.New(ctx, a.store, opt)
	return err
}

// statusFolder holds the files of status pages, ready to be served or synced.
func (a *App) statusFolder() string { return filepath.Join(a.cfg.Data, "status") }

// runStatus keeps the pages' files as they should be.
func (a *App) runStatus(g *lifecycle.Group) {
	every(g, a, "status pages", a.status.Hints(),
		func(ctx context.Context, now time.Time) error { return a.status.Round(ctx, a.tenant, now) },
		func(context.Context) time.Duration { return 30 * time.Second })
}

// withStatus serves status pages before everything else: reading a public one
// asks neither the store nor the login, and so goes on while they fail.
func (a *App) withStatus(guard *httpauth.Guard, next http.Handler) http.Handler {
	pages := status.Handler{Folder: a.statusFolder(), Login: func(h http.Handler) http.Handler { return guard.Wrap(guard.Require(h)) },
		Actor:  func(r *http.Request) access.Actor { who, _ := httpauth.Actor(r.Context()); return who },
		Source: func(r *http.Request) string { return access.AddressFrom(r.Context()) }, Subscriptions: a.status}
	guarded := guard.Wrap(pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch reading := r.Method == http.MethodGet || r.Method == http.MethodHead; {
		case !strings.HasPrefix(r.URL.Path, "/status/"):
			next.ServeHTTP(w, r)
		case reading:
			pages.ServeHTTP(w, r)
		default: // what readers send: bounded, and not from another site's page
			r.Header.Del("Cookie") // and never as somebody
			guarded.ServeHTTP(w, r)
		}
	})
}
