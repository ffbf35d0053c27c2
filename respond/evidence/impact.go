package evidence

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/impact"
)

const (
	// alertsWeighed is how many alerts of an incident say what it touched.
	alertsWeighed = 500
	// shownWithin bounds the wait for what users felt where people wait for it,
	// keptWithin where it is kept.
	shownWithin, keptWithin = 2 * time.Second, 30 * time.Second
)

// Impact returns what users felt of an incident that the actor may see: as it
// was kept when it was over, else as it is counted now. What cannot be counted
// is said within it.
func (s *Service) Impact(ctx context.Context, actor access.Actor, tenant, incident string, now time.Time) (impact.Impact, error) {
	story, err := s.opt.Incidents.Get(ctx, actor, tenant, incident)
	if err != nil {
		return impact.Impact{}, err
	}
	i := story.Incident
	if i.State == respond.Resolved {
		list, err := s.store.Evidence(ctx, tenant, incident)
		if err != nil {
			return impact.Impact{}, err
		}
		for _, r := range list {
			// One that was opened again is over at another time.
			if r.Impact != nil && r.Impact.To.Equal(i.ResolvedAt) {
				return *r.Impact, nil
			}
		}
	}
	m, _, err := s.impact(ctx, i, now, shownWithin)
	return m, err
}

// impact counts what users felt until now. Missing is why some of it could not
// be counted; the impact says so, and stands.
func (s *Service) impact(ctx context.Context, i respond.Incident, now time.Time, within time.Duration) (m impact.Impact, missing, err error) {
	alerts, err := s.store.IncidentAlerts(ctx, i.Tenant, i.ID, false, alertsWeighed)
	if err != nil {
		return m, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	m, missing = s.opt.Impact.Assess(ctx, i, alerts, now)
	return m, missing, nil
}
