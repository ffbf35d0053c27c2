package app

import (
	"context"
	"errors"
	"time"

	"github.com/evenkeel/evenkeel/collect"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
)

// flow starts the way of the data, from the outside world to findings, in the
// order in which the data goes. It needs the figures; always is the way on
// from there, to somebody who acts.
func (a *App) flow(g *lifecycle.Group) {
	every := time.Duration(a.cfg.Interval)

	// 1. collect -> metric: figures of this machine, of the probes, of
	// Evenkeel itself, and of the exporters that are scraped. What others send
	// by remote write comes in through the HTTP server.
	// 2. collect -> estate: what exists here, how it hangs together, and what
	// changed.
	if l := a.local; l != nil {
		a.record(g, "host figures", 0, every, l.hostFigures)
		a.record(g, "probe figures", 20*time.Millisecond, every, l.probeFigures)
		a.record(g, "own figures", 2*time.Second, 2*every, l.ownFigures)
		g.Go("probes", l.prober.Run)
		g.Go("scraping", l.scraper.Run)
		loop(g, a.board, "host estate", 100*time.Millisecond, 2*every, a.observeHost)
		loop(g, a.board, "probe estate", 3*time.Second, every, a.observeProbes)
		a.clusterFigures(g)
		a.findTargets(g)
		if a.cfg.DiscoverProbes {
			loop(g, a.board, "probe discovery", time.Second, 2*every, a.discoverProbes)
		}
	}

	// 3. metric -> detect -> finding: signals, checks, decisions. Behind the
	// figures, so that a round judges the newest.
	loop(g, a.board, "checks", 200*time.Millisecond, every, a.judge)

	// What several sources tell of under different names is one thing.
	loop(g, a.board, "addresses", 2*time.Second, 2*every, a.meet)

	// What was promised to users is held against what they got.
	if len(a.cfg.SLOs) > 0 {
		loop(g, a.board, "objectives", time.Second, every, a.judgeObjectives)
	}

	// 4. What was learned is kept, also where Evenkeel is stopped before long. A
	// database that is gone by then costs what the last minutes taught, and does
	// not make a clean stop a failed one.
	g.Defer("keeping what was learned", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := a.saveBaselines(ctx, time.Now()); err != nil {
			a.log.Warn("what was learned in the last minutes is lost", "error", err)
		}
		return nil
	})
	loop(g, a.board, "baselines", 10*time.Second, 5*time.Minute, a.saveBaselines)
}

// always starts what goes on whether figures can be read or not.
func (a *App) always(g *lifecycle.Group) {
	// 5. finding -> correlate -> respond: findings that one cause explains make a
	// case, cases make incidents, and the pages and messages that tell somebody
	// of them.
	a.runRespond(g)
	a.runIntake(g)
	a.runStatus(g)
	a.runKube(g)

	// 6. What time itself brings: acceptances end, history is pruned.
	loop(g, a.board, "acceptances", 5*time.Second, time.Duration(a.cfg.Interval), a.findings.Expire)
	loop(g, a.board, "pruning", 20*time.Second, time.Hour, a.prune)
}

// record writes a source's figures at every interval, and ends its series when
// Evenkeel stops, so that no query carries their last values on.
func (a *App) record(g *lifecycle.Group, part string, delay, every time.Duration, r *collect.Recorder) {
	g.Defer("end of "+part, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return r.Stop(ctx, time.Now())
	})
	loop(g, a.board, part, delay, every, r.Record)
}

// env is what the checks of signals look at: the environment that is watched
// from here, and the clusters whose figures arrive here.
func (a *App) env() detect.Env {
	env := detect.Env{Tenant: a.tenant, Environment: a.cfg.Environment, Querier: a.querier, Exemptions: a.cfg.Detect.Exemptions}
	for _, cluster := range a.cfg.Kubernetes {
		env.Clusters = append(env.Clusters, cluster.Name)
	}
	return env
}

// judge is one round of all checks.
func (a *App) judge(ctx context.Context, now time.Time) error {
	r, err := a.engine.Round(ctx, a.env(), now)
	// A round that failed in part still tells: of what it could see, and of
	// what it could not.
	a.coverage.Store(&r.Coverage)
	if len(r.Estate.Entities)+len(r.Estate.Ended) > 0 {
		err = errors.Join(err, a.estate.Observe(ctx, r.Estate))
	}
	return errors.Join(err, a.findings.Record(ctx, r.Observations))
}

// judgeObjectives is one round of all service level objectives.
func (a *App) judgeObjectives(ctx context.Context, now time.Time) error {
	r, err := a.objectives.Round(ctx, slo.Where{Tenant: a.tenant, Environment: a.cfg.Environment, Querier: a.querier}, now)
	if len(r.Observations) == 0 {
		return err
	}
	return errors.Join(err, a.estate.Observe(ctx, r.Estate), a.findings.Record(ctx, r.Observations))
}

func (a *App) saveBaselines(ctx context.Context, now time.Time) error {
	blob, err := a.engine.Snapshot(a.tenant, a.cfg.Environment)
	if err != nil {
		return err
	}
	return a.store.SaveBaselines(ctx, a.tenant, a.cfg.Environment, blob, now)
}

// prune deletes what is older than the configured time of keeping.
func (a *App) prune(ctx context.Context, now time.Time) error {
	before := now.Add(-time.Duration(a.cfg.History))
	_, estateErr := a.store.PruneEstate(ctx, before)
	_, findingErr := a.findings.Prune(ctx, before)
	_, respondErr := a.store.PruneResponse(ctx, before)
	callsErr := a.endCalls(ctx, now)
	silenceErr := a.store.PruneSilences(ctx, before)
	return errors.Join(estateErr, callsErr, findingErr, respondErr, silenceErr, a.store.PruneCases(ctx, before), a.store.PruneOnCall(ctx, before), a.access.Prune(ctx, now, before))
}
