package evidence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
)

// Store keeps records.
type Store interface {
	// EvidenceDue returns incidents that have no record of their opening, and
	// those that were resolved since a time and have none of the whole; the
	// oldest first.
	EvidenceDue(ctx context.Context, resolvedSince time.Time, limit int) ([]Due, error)
	// PutEvidence stores a record in the place of one of the same incident and
	// stage.
	PutEvidence(ctx context.Context, r Record) error
	// Evidence returns the records of an incident.
	Evidence(ctx context.Context, tenant, incident string) ([]Record, error)
	// IncidentAlerts is as of respond.Store.
	IncidentAlerts(ctx context.Context, tenant, incident string, standing bool, limit int) ([]respond.Standing, error)
	// Case is as of cases.Store.
	Case(ctx context.Context, tenant, id string) (cases.Case, error)
}

// Due is an incident of which evidence is to be taken.
type Due struct {
	Incident respond.Incident
	Stage    Stage
}

// Incidents tells what an actor may see; *respond.Service does.
type Incidents interface {
	Get(ctx context.Context, actor access.Actor, tenant, id string) (respond.Story, error)
}

// Options are what a Service works with.
type Options struct {
	Metrics metric.Querier
	// Questions are what is asked about an alert; none where nothing can be.
	Questions func(ctx context.Context, a respond.Alert) ([]Question, error)
	Incidents Incidents
	Impact    *impact.Assessor
}

// Service takes evidence, and shows it.
type Service struct {
	store Store
	opt   Options
	log   *slog.Logger
}

// NewService returns a service over a store.
func NewService(store Store, opt Options, log *slog.Logger) *Service {
	return &Service{store: store, opt: opt, log: log}
}

const (
	// atOnce is how many incidents a round looks at.
	atOnce = 20
	// alertsAsked is how many alerts of an incident are asked for their questions.
	alertsAsked = 20
	// queryWithin bounds the wait for one answer.
	queryWithin = 15 * time.Second
)

// Round takes the evidence that is due. An error says that some could not be
// taken yet; it stays due.
func (s *Service) Round(ctx context.Context, now time.Time) error {
	due, err := s.store.EvidenceDue(ctx, now.Add(-tooLate), atOnce)
	if err != nil {
		return err
	}
	var failed []error
	for _, d := range due {
		r, err := s.take(ctx, d, now)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = s.store.PutEvidence(ctx, r)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("evidence of incident %d: %w", d.Incident.Number, err))
		}
	}
	return errors.Join(failed...)
}

// take asks the questions of one incident. It fails where the answers may come
// yet.
func (s *Service) take(ctx context.Context, d Due, now time.Time) (Record, error) {
	i := d.Incident
	r := Record{Tenant: i.Tenant, Incident: i.ID, Stage: d.Stage, TakenAt: now, From: i.OpenedAt, To: now, Charts: []Chart{}}
	if d.Stage == Opening && now.Sub(i.OpenedAt) > tooLate {
		r.Problem = "It opened more than a day before its figures could be kept."
		return r, nil
	}
	questions, err := s.questions(ctx, i)
	if err != nil {
		return r, err
	}
	onset := i.OpenedAt
	for _, q := range questions {
		if !q.Onset.IsZero() && q.Onset.Before(onset) {
			onset = q.Onset
		}
	}
	r.Left = max(0, len(questions)-maxCharts)
	r.From, r.To = window(i, d.Stage, onset, now)
	w := grid(r.From, r.To)
	since := i.OpenedAt
	if d.Stage == Whole {
		since = i.ResolvedAt
	}
	for _, q := range questions[:min(len(questions), maxCharts)] {
		c, err := s.ask(ctx, q, w)
		if errors.Is(err, metric.ErrUnavailable) && now.Sub(since) < giveUpAfter {
			return r, err
		}
		if err != nil {
			c = chart(q, w, nil)
			c.Problem = problem(err)
		}
		r.Charts = append(r.Charts, c)
	}
	if len(r.Charts) == 0 {
		r.Problem = "Its alerts name no figures."
	}
	if d.Stage != Whole {
		return r, nil
	}
	m, missing, err := s.impact(ctx, i, now, impact.KeptWithin)
	if err != nil {
		return r, err
	}
	if missing != nil && !errors.Is(missing, metric.ErrTooLarge) && now.Sub(since) < giveUpAfter {
		return r, missing
	}
	r.Impact = &m
	return r, nil
}

func problem(err error) string {
	switch {
	case errors.Is(err, metric.ErrUnavailable):
		return "The figures could not be had: the place where they are kept did not answer."
	case errors.Is(err, metric.ErrTooLarge):
		return "The figures are too many to be kept."
	}
	return "The query could not be answered."
}

// Ask answers a question live, on a range of time.
func (s *Service) Ask(ctx context.Context, q Question, from, to time.Time) (Chart, error) {
	return s.ask(ctx, q, grid(from, to))
}

func (s *Service) ask(ctx context.Context, q Question, w metric.Window) (Chart, error) {
	ctx, cancel := context.WithTimeout(ctx, queryWithin)
	defer cancel()
	series, err := s.opt.Metrics.Range(ctx, q.Query, w)
	if err != nil {
		return Chart{}, err
	}
	return chart(q, w, series), nil
}

// questions are those of an incident's alerts, each once; those of the first
// alerts come first.
func (s *Service) questions(ctx context.Context, i respond.Incident) (all []Question, err error) {
	alerts, err := s.store.IncidentAlerts(ctx, i.Tenant, i.ID, false, alertsAsked)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for n := len(alerts) - 1; n >= 0; n-- { // they come newest first
		list, err := s.opt.Questions(ctx, alerts[n].Alert)
		if err != nil {
			return nil, err
		}
		for _, q := range list {
			if !seen[q.Query] {
				seen[q.Query] = true
				all = append(all, q)
			}
		}
	}
	return all, nil
}

// Of returns what was kept of an incident that the actor may see: of the whole
// where there is that, else of its opening. It is respond.ErrNotFound where
// nothing is kept yet.
func (s *Service) Of(ctx context.Context, actor access.Actor, tenant, incident string) (Record, error) {
	if _, err := s.opt.Incidents.Get(ctx, actor, tenant, incident); err != nil {
		return Record{}, err
	}
	list, err := s.store.Evidence(ctx, tenant, incident)
	if err != nil {
		return Record{}, err
	}
	var best Record
	for _, r := range list {
		if best.Stage != Whole {
			best = r
		}
	}
	if best.Stage == "" {
		return Record{}, fmt.Errorf("%w: evidence of this incident", respond.ErrNotFound)
	}
	return best, nil
}
