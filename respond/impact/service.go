package impact

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/respond"
)

// Service says what users felt of incidents.
type Service struct {
	objectives  *slo.Assessor
	environment string // whose objectives they are
}

// NewService returns a service over the objectives of an environment.
func NewService(a *slo.Assessor, environment string) *Service {
	return &Service{objectives: a, environment: environment}
}

// Assess says what users felt of an incident until now, or until it was over.
// With an error the impact stands all the same, and says what could not be had.
func (s *Service) Assess(ctx context.Context, i respond.Incident, alerts []respond.Standing, now time.Time) (Impact, error) {
	m := Impact{Live: i.State != respond.Resolved, Objectives: []slo.Harm{}}
	m.From, m.To = Span(i, alerts, now)
	m.Customers, m.MoreCustomers = customers(alerts)
	if len(s.objectives.Objectives()) == 0 {
		m.Unknown = "nothing was promised yet. Name objectives under slos in the configuration."
		return m, nil
	}
	wanted := func(o slo.Objective) bool {
		return (i.Environment == "" || i.Environment == s.environment) && Concerns(o, alerts)
	}
	harms, more, err := s.objectives.Assess(ctx, wanted, m.From, m.To, m.Live)
	m.Objectives, m.More = append(m.Objectives, harms...), more
	if len(harms) == 0 {
		m.Unknown = "no objective is about a service that its alerts name."
	}
	slices.SortStableFunc(m.Objectives, func(a, b slo.Harm) int { return cmp.Compare(lost(b), lost(a)) })
	return m, err
}

// lost is the share of the budget by which objectives are put in order; what is
// not known comes after what lost something, and before what lost nothing.
func lost(h slo.Harm) float64 {
	switch {
	case h.Burned != nil:
		return *h.Burned
	case h.Bad != nil && *h.Bad == 0:
		return 0
	}
	return 1e-9
}
