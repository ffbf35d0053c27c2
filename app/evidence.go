package app

import (
	"context"
	"errors"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/evidence"
)

// newEvidence keeps the figures of incidents, from wherever figures are kept.
func (a *App) newEvidence() *evidence.Service {
	return evidence.NewService(a.store, evidence.Options{Metrics: a.querier, Questions: a.questions, Incidents: a.respond, Impact: a.impact}, a.log)
}

// questions are what is asked of the figures about an alert: the queries of a
// finding's evidence, or the expression of the rule that raised it.
func (a *App) questions(ctx context.Context, alert respond.Alert) (out []evidence.Question, err error) {
	if alert.Source != respond.FindingSource {
		if q, ok := evidence.OfRule(alert); ok {
			out = append(out, q)
		}
		return out, nil
	}
	f, _, err := a.findings.Get(ctx, access.Evenkeel(alert.Tenant), alert.Tenant, alert.Fingerprint)
	if errors.Is(err, finding.ErrNotFound) {
		return nil, nil // it is older than what is kept of findings
	}
	if err != nil {
		return nil, err
	}
	for _, e := range f.Evidence {
		if e.Query != "" {
			out = append(out, evidence.Question{Title: e.Text, Query: e.Query, Unit: e.Unit, Limit: e.Limit, Usual: e.Usual, Onset: f.FirstSeen})
		}
	}
	return out, nil
}

// impact counts what a stretch of time cost the objectives that alerts concern:
// those that they are about, and those of a service that they name.
func (a *App) impact(ctx context.Context, alerts []respond.Standing, from, to time.Time) ([]slo.Impact, error) {
	about := map[string]bool{}
	for _, alert := range alerts {
		about[alert.Labels["alertname"]] = true
		for _, name := range []string{alert.Labels["service"], alert.Labels["entity_name"]} {
			if name != "" {
				about[estate.ID(estate.KindService, name)] = true
			}
		}
	}
	return a.objectives.Impact(ctx, a.querier, func(o slo.Objective) bool {
		return about[slo.Check(o)] || about[estate.ID(estate.KindService, o.Service)]
	}, from, to)
}
