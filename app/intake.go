package app

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/internal/lifecycle"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/intake"
	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/store"
)

// openIntake takes alerts in from other programs.
func (a *App) openIntake(ctx context.Context) (err error) {
	cfg := a.cfg.Respond.Intake
	for n := range cfg.Integrations {
		cfg.Integrations[n].Environment = cmp.Or(cfg.Integrations[n].Environment, a.cfg.Environment)
	}
	for n := range cfg.Heartbeats {
		cfg.Heartbeats[n].Environment = cmp.Or(cfg.Heartbeats[n].Environment, a.cfg.Environment)
	}
	a.intake, err = intake.New(ctx, a.tenant, cfg, intake.Options{
		Receiver: a.respond, Alerts: standing{a.store, a.respond}, Store: a.store, Secrets: notify.LocalSecrets{}, Silences: a.routes,
		Changes: a.estate.Observe, Version: a.version, Log: a.log,
	})
	return err
}

// standing answers from the store what stands.
type standing struct {
	*store.Store
	respond *respond.Service
}

func (s standing) Orphans(ctx context.Context, tenant, source string, known func(string) bool) ([]respond.Alert, error) {
	return s.respond.Orphans(ctx, tenant, source, known)
}

// serveIntake stands before the login: each request proves itself.
func (a *App) serveIntake(mux *http.ServeMux) { a.intake.Register(mux) }

// runIntake looks after what is expected to speak.
func (a *App) runIntake(g *lifecycle.Group) {
	loop(g, a.board, "sources", time.Second, 5*time.Second, a.intake.Watch)
}
