package app

import (
	"context"
	"errors"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/evidence"
)

// newEvidence keeps the figures of incidents, from wherever figures are kept.
func (a *App) newEvidence() *evidence.Service {
	return evidence.NewService(a.store, evidence.Options{Metrics: a.querier, Questions: a.questions, Incidents: a.respond,
		Impact: a.impact}, a.log)
}

// newImpact says what users felt, by objectives and by what the engine knows of
// requests. What is in clusters is known to the same engine as all else.
func (a *App) newImpact() *impact.Assessor {
	return impact.NewAssessor(impact.Options{Objectives: slo.NewAssessor(a.cfg.SLOs, a.querier), Environment: a.cfg.Environment, Metrics: a.querier,
		Requests: func(entities []string) map[string]detect.Requests {
			return a.engine.Requests(a.tenant, a.cfg.Environment, entities)
		}})
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
