package app

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/access/httpauth"
	"github.com/evenkeel/evenkeel/api"
	"github.com/evenkeel/evenkeel/api/prometheus"
	"github.com/evenkeel/evenkeel/collect/ingest"
)

// maxBody bounds a request's body; remote write, the largest, has its own
// bound below it.
const maxBody = 32 << 20

// openHandler puts everything that is served behind the guard.
func (a *App) openHandler() error {
	guard, err := a.guard()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	programs := api.New(api.Services{
		Findings: a.findings, Cases: a.cases, Estate: a.estate, Access: a.access, Incidents: a.respond, Routes: a.routes, Reviews: a.review, Evidence: a.evidence, Sources: a.intake, Board: a.board,
		Checks: a.checks, Sights: a.sights, Calls: a.calls, Probes: a.probes, Targets: a.targets, SLOs: a.objectives.Statuses, Suggest: a.suggest,
		Reach: a.reach, Status: a.status,
		OnCall:   a.oncall,
		Simulate: a.simulate, Replay: a.replay, Rules: a.rules,
		Backup: a.Backup, Figures: a.figures, Ready: a.ready,
		Metrics: promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}),
	}, api.Options{Version: a.version, Environment: a.cfg.Environment, Actor: httpauth.Actor, Still: httpauth.Still, Require: guard.Require, Log: a.log})
	for _, path := range []string{"/api/", "/openapi.json", "/docs", "/docs/", "/healthz", "/readyz", "/metrics"} {
		mux.Handle(path, programs)
	}
	if err := a.openPrometheus(mux, guard); err != nil {
		return err
	}
	a.openClusterSeries(mux, guard)
	a.openAnswers(mux)
	a.openFeeds(mux)
	a.serveIntake(mux)
	if err := a.openPages(mux, guard); err != nil {
		return err
	}
	a.handler = a.withStatus(guard, guard.Wrap(mux))
	return nil
}

// openPrometheus serves the query API of Prometheus, from here or from the
// external server, and takes remote write where figures are kept here.
func (a *App) openPrometheus(mux *http.ServeMux, guard *httpauth.Guard) error {
	if a.local == nil {
		mux.Handle("/prometheus/", a.allow(guard, access.Read, http.StripPrefix("/prometheus", a.remote.Handler())))
		return nil
	}
	l := a.local
	queries := prometheus.New(l.db, l.scraper, []prometheus.Describer{l.hostFigures, l.probeFigures, l.ownFigures, l.scraper}, prometheus.Build{Version: a.version, GoVersion: runtime.Version()})
	mux.Handle("/prometheus/", a.allow(guard, access.Read, http.StripPrefix("/prometheus", queries)))
	write, err := ingest.Handler(a.cfg.RemoteWrite, l.db.Storage(), l.db.ActiveSeries, a.log, a.registry)
	if err != nil {
		return err
	}
	mux.Handle("/prometheus/api/v1/write", a.allow(guard, access.Write, a.whenOpen(write)))
	return nil
}

// allow lets through who holds a permission in the environment that is
// watched from here.
func (a *App) allow(guard *httpauth.Guard, p access.Permission, next http.Handler) http.Handler {
	return guard.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := httpauth.Actor(r.Context())
		if err := access.Can(who, p, access.Scope{Tenant: a.tenant, Environment: a.cfg.Environment}); err != nil {
			httpauth.Problem(w, r, http.StatusForbidden, "Not allowed", err.Error())
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// guard knows the names under which Evenkeel may be asked: on loopback those
// of the machine itself, so that a page of another site cannot reach it under
// a name of its own (DNS rebinding).
func (a *App) guard() (*httpauth.Guard, error) {
	cfg := httpauth.Config{MaxBody: maxBody, Secure: a.cfg.TLS.CertFile != ""}
	if host, _, err := net.SplitHostPort(a.cfg.Listen); err == nil && host != "" && isLoopback(context.Background(), host) {
		cfg.Hosts = []string{"localhost", "127.0.0.1", "::1", strings.ToLower(host)}
	}
	if a.cfg.PublicURL != "" {
		u, err := url.Parse(a.cfg.PublicURL)
		if err != nil {
			return nil, err
		}
		cfg.Secure = cfg.Secure || u.Scheme == "https"
		if cfg.Hosts != nil {
			cfg.Hosts = append(cfg.Hosts, strings.ToLower(u.Hostname()))
		}
	}
	for _, text := range a.cfg.Access.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		cfg.TrustedProxies = append(cfg.TrustedProxies, p)
	}
	return httpauth.New(a.access, cfg, a.log), nil
}

// openAccess lets people and programs in: the first user, the token for
// automation, and the token by which the command line on this machine asks.
func (a *App) openAccess(ctx context.Context, bootstrap string) error {
	a.access = access.NewService(a.store, a.log, time.Now)
	if err := a.access.EnsureAdmin(ctx); err != nil {
		return err
	}
	if bootstrap != "" {
		a.access.AddTemporaryToken("bootstrap", bootstrap)
	}
	token := access.NewSecret()
	a.access.AddTemporaryToken("command line", token)
	if err := writeInstance(a.cfg.Data, Instance{URL: a.url, PID: os.Getpid(), Token: token}); err != nil {
		return err
	}
	a.closers = append(a.closers, closer{"instance", func() error { return removeInstance(a.cfg.Data) }})
	return nil
}

// LoginLink returns the address of a link that lets the admin in once.
func (a *App) LoginLink(ctx context.Context) (string, error) {
	secret, err := a.access.NewLoginLink(ctx, access.Evenkeel(a.tenant), access.AdminName, 15*time.Minute)
	if err != nil {
		return "", err
	}
	return a.publicURL() + "/login/link#" + secret, nil
}

// publicURL is how people's browsers reach Evenkeel, without a slash at its
// end.
func (a *App) publicURL() string {
	if a.cfg.PublicURL != "" {
		return strings.TrimRight(a.cfg.PublicURL, "/")
	}
	return a.url
}
