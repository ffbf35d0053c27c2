package evidence

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/respond"
)

const (
	// alertsWeighed is how many alerts of an incident say what it touched, and
	// casesWeighed how many cases that they belong to.
	alertsWeighed, casesWeighed = 500, 5
	// lead is how long before the first alert harm is counted: alarms come after it.
	lead = 5 * time.Minute
	// tooEarly is how long before the incident an alert's own start is believed.
	tooEarly = 24 * time.Hour
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
	m, _, err := s.impact(ctx, i, now, impact.ShownWithin)
	return m, err
}

// impact counts what users felt until now. Missing is why some of it could not
// be counted; the impact says so, and stands.
func (s *Service) impact(ctx context.Context, i respond.Incident, now time.Time, within time.Duration) (m impact.Impact, missing, err error) {
	alerts, err := s.store.IncidentAlerts(ctx, i.Tenant, i.ID, false, alertsWeighed)
	if err != nil {
		return m, nil, err
	}
	of, err := s.casesOf(ctx, alerts)
	if err != nil {
		return m, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	m, missing = s.opt.Impact.Assess(ctx, trouble(i, alerts, of, now))
	return m, missing, nil
}

// casesOf are the cases that alerts belong to.
func (s *Service) casesOf(ctx context.Context, alerts []respond.Standing) (out []cases.Case, err error) {
	var seen []string
	for _, a := range alerts {
		if a.Case == "" || slices.Contains(seen, a.Case) || len(seen) == casesWeighed {
			continue
		}
		seen = append(seen, a.Case)
		c, err := s.store.Case(ctx, a.Tenant, a.Case)
		switch {
		case errors.Is(err, cases.ErrNotFound): // it is so old that it was deleted
		case err != nil:
			return nil, err
		default:
			out = append(out, c)
		}
	}
	return out, nil
}

// trouble is what the impact of an incident is asked of: what is felt of the
// cases that its alerts belong to, and what alerts name that belong to none.
func trouble(i respond.Incident, alerts []respond.Standing, of []cases.Case, now time.Time) impact.Trouble {
	to := now
	if i.State == respond.Resolved && !i.ResolvedAt.IsZero() {
		to = i.ResolvedAt
	}
	t := impact.Trouble{Environment: i.Environment, From: to, To: to, Live: i.State != respond.Resolved}
	for _, c := range of {
		t.Join(c.Trouble(now))
	}
	known := func(a respond.Standing) bool {
		return slices.ContainsFunc(of, func(c cases.Case) bool { return c.ID == a.Case })
	}
	var starts []time.Time
	if len(of) == 0 {
		starts = append(starts, i.OpenedAt)
	}
	for _, a := range alerts {
		t.Customers = append(t.Customers, customers(a.Labels)...)
		if known(a) {
			continue
		}
		if s := a.StartsAt; !s.IsZero() && i.OpenedAt.Sub(s) < tooEarly {
			starts = append(starts, s)
		}
		names(&t, a.Labels)
	}
	for _, s := range starts {
		if s = s.Add(-lead); s.Before(t.From) {
			t.From = s
		}
	}
	t.To, t.Live = to, i.State != respond.Resolved
	return t
}

// names adds what the labels of an alert name as what feels it: a service, or
// what else is asked over the network, or an objective.
func names(t *impact.Trouble, labels map[string]string) {
	if name := labels["service"]; name != "" {
		t.Feels(impact.Service(name))
	}
	if kind, name, ok := strings.Cut(labels["entity"], ":"); ok && (kind == string(estate.KindService) || kind == "route") {
		t.Feels(impact.Subject{Entity: labels["entity"], Name: name[strings.LastIndexByte(name, ':')+1:]})
	}
	if id, is := slo.BurntBy(labels["alertname"]); is {
		t.Objectives = append(t.Objectives, id)
	}
}

// customers are the names of customers that labels carry.
func customers(labels map[string]string) (out []string) {
	for _, label := range detect.CustomerLabels {
		if v := strings.TrimSpace(labels[label]); v != "" {
			out = append(out, v)
		}
	}
	return out
}
