package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/access/httpauth"
	"github.com/evenkeel/evenkeel/access/oidc"
	"github.com/evenkeel/evenkeel/collect/kube"
	"github.com/evenkeel/evenkeel/console"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/respond/reach"
)

// openPages puts the login pages and, behind them, the console on the mux.
func (a *App) openPages(mux *http.ServeMux, guard *httpauth.Guard) error {
	actor := func(ctx context.Context) access.Actor {
		who, _ := httpauth.Actor(ctx)
		return who
	}
	services := console.Services{
		Incidents: a.respond, Reviews: a.review, Evidence: a.evidence, Routing: a.routes, Sources: a.intake,
		Findings: a.findings, Cases: a.cases, Estate: a.estate, Metrics: a.querier, Health: a.board,
		Reach: a.reach, OnCall: a.oncall, Status: a.status,

		Access:   a.access,
		Simulate: a.simulate,
		SLOs:     a.objectives.Statuses, Suggest: a.suggest, Sights: a.consoleSights, Calls: a.consoleCalls, Checks: a.consoleChecks, Storage: a.consoleStorage,
		Courses: func() []detect.Course { return a.engine.Courses(a.tenant, a.cfg.Environment) },
		About:   []console.Fact{{Name: "Version", Value: a.version}, {Name: "Environment", Value: a.cfg.Environment}, {Name: "Running since", Value: a.started.Format(time.DateTime)}},
	}
	if len(a.clusters) > 0 {
		services.Events = a.consoleEvents
	}
	if a.local != nil {
		services.Probes, services.Targets = a.consoleProbes, a.consoleTargets
	}
	options := console.Options{Actor: actor, Log: a.log, Version: a.version}
	if a.cfg.Access.OIDC != nil {
		options.Provider = a.cfg.Access.OIDC.Title()
	}
	pages := console.New(services, options)

	if a.cfg.Access.OIDC != nil {
		p, err := oidc.New(*a.cfg.Access.OIDC, a.publicURL(), a.access, guard, pages.LoginFailed, a.log)
		if err != nil {
			return err
		}
		mux.Handle("GET /login/oidc", p.Start())
		mux.Handle("GET "+oidc.CallbackPath, p.Callback())
	}
	mux.Handle("POST /login", guard.Login(pages.LoginFailed))
	mux.Handle("POST /login/link", guard.TakeLink(pages.LinkFailed))
	mux.Handle("POST /logout", guard.Logout())
	answers := pages.Answers()
	for _, path := range []string{"GET " + reach.AckPath, "POST " + reach.AckPath, "GET " + reach.ReachedPath, "POST " + reach.ReachedPath} {
		mux.Handle(path, answers)
	}
	public := pages.Public()
	for _, path := range []string{"GET /login", "GET /login/link", "/assets/", "GET /favicon.svg"} {
		mux.Handle(path, public)
	}
	mux.Handle("/", guard.Require(pages))
	return nil
}

// consoleEvents asks a cluster what happened to some of its objects.
func (a *App) consoleEvents(ctx context.Context, environment, namespace string, of func(kind, name string) bool) (out []console.Event, err error) {
	for _, w := range a.clusters {
		if w.Name() != environment {
			continue
		}
		list, err := w.Happened(ctx, namespace, of)
		if errors.Is(err, kube.ErrDenied) {
			return nil, console.ErrDenied
		}
		for _, e := range list {
			out = append(out, console.Event(e))
		}
		return out, err
	}
	return nil, nil
}

// consoleChecks counts what the last round said, by check.
func (a *App) consoleChecks(context.Context) []console.Check {
	by := map[string]int{}
	var out []console.Check
	for _, c := range a.catalogue.Checks() {
		by[c.ID] = len(out)
		out = append(out, console.Check{ID: c.ID, Title: c.About, Off: true})
	}
	for _, c := range a.checks(a.tenant, a.cfg.Environment) {
		i, ok := by[c.Check]
		if !ok {
			continue
		}
		switch row := &out[i]; c.State {
		case "unknown":
			row.Unknown++
			row.Reason = c.Reason
		case "firing":
			row.Firing++
			row.Looked++
		default:
			row.Looked++
		}
	}
	for i := range out {
		out[i].Off = out[i].Looked+out[i].Unknown == 0
	}
	return out
}

func (a *App) consoleProbes(context.Context) []console.Probe {
	var out []console.Probe
	for _, p := range a.probes() {
		out = append(out, console.Probe{Name: p.Name, Type: p.Type, Target: p.Target, Up: p.Outcome == "up",
			Known: p.Outcome != "unknown", At: p.At, Took: p.Took, Detail: p.Reason})
	}
	return out
}

func (a *App) consoleTargets(context.Context) []console.Target {
	var out []console.Target
	for _, t := range a.targets() {
		out = append(out, console.Target{Job: t.Job, Instance: t.Instance, Up: t.Health == "up",
			Known: t.Health != "unknown", At: t.At, Took: t.Took, Error: t.Error})
	}
	return out
}

func (a *App) consoleStorage(context.Context) []console.Fact {
	facts := []console.Fact{{Name: "Data folder", Value: a.Data()}}
	if a.local == nil {
		return append(facts, console.Fact{Name: "Figures", Value: "read from " + a.remote.Host()})
	}
	s, err := a.local.db.Stats()
	if err != nil {
		return append(facts, console.Fact{Name: "Figures", Value: "cannot be counted: " + err.Error()})
	}
	return append(facts,
		console.Fact{Name: "Active series", Value: fmt.Sprint(s.Series)},
		console.Fact{Name: "Figures on disk", Value: fmt.Sprintf("%.1f MiB", float64(s.Bytes)/(1<<20))},
		console.Fact{Name: "Oldest figure", Value: s.Oldest.Format(time.DateTime)})
}
