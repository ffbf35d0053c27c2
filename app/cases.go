package app

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// casesPart is the name on the board of making cases of findings.
const casesPart = "cases"

// newCases makes cases of a's findings. The relations and the changes are those
// that of knows, as of a clock; nil is now.
func (a *App) newCases(of *App, clock func() time.Time) *cases.Service {
	at := func() (t time.Time) {
		if clock != nil {
			t = clock()
		}
		return t
	}
	opt := cases.Options{
		Graph: func(ctx context.Context, tenant, environment string) ([]estate.Relation, error) {
			relations, err := of.store.Graph(ctx, tenant, environment, at())
			if err != nil {
				return relations, err
			}
			if of == a {
				return a.weighed(environment, relations, time.Now()), nil
			}
			// What a replay reads off the figures was perhaps not known yet at the time.
			own, err := a.store.Graph(ctx, tenant, environment, time.Time{})
			return a.weighed(environment, append(relations, own...), at()), err
		},
		Courses: func(tenant, environment string) []detect.Course { return a.engine.Courses(tenant, environment) },
		Changes: func(ctx context.Context, tenant, environment string, since time.Time, limit int) ([]estate.Change, error) {
			page, err := of.estate.Changes(ctx, access.Evenkeel(tenant), estate.ChangeFilter{Tenant: tenant, Environments: []string{environment}, From: since, To: at(), Limit: limit})
			return page.Changes, err
		}}
	if of == a { // a replay asks what was said, not what was felt
		opt.Impact = func(ctx context.Context, t impact.Trouble) (impact.Impact, error) { return a.impact.Assess(ctx, t) }
	}
	return cases.NewService(a.store, opt, a.log)
}

// gather makes the cases of findings, and says on the board how that went.
func (a *App) gather(ctx context.Context, findings []finding.Finding, now time.Time) {
	start := time.Now()
	err := a.cases.Round(ctx, a.tenant, findings, now)
	if ctx.Err() == nil {
		a.board.Report(casesPart, time.Now(), time.Since(start), err)
	}
}

// gatherPace is how long until cases are looked at again without a hint. While
// some are open, relations and changes that come in refine them.
func (a *App) gatherPace(context.Context) time.Duration {
	if len(a.cases.Belongings(a.tenant)) > 0 {
		return 15 * time.Second
	}
	return time.Minute
}

// declareEdges puts what the configuration declares into the estate. What is no
// longer declared is gone from it.
func (a *App) declareEdges(ctx context.Context, now time.Time) error {
	o := estate.Observation{Tenant: a.tenant, Environment: a.cfg.Environment, Source: estate.Declared, At: now, Complete: true}
	for _, e := range a.cfg.Cases.Edges {
		o.Relations = append(o.Relations, estate.Relation{From: e.From, Kind: estate.RelationKind(e.Kind), To: e.To, Confidence: 1})
	}
	return a.estate.Observe(ctx, o)
}
