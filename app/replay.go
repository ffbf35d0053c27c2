package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/respond/route"
	"github.com/evenkeel/evenkeel/review/replay"
	"github.com/evenkeel/evenkeel/store"
)

// newReplay lets a time that has passed be run again.
func (a *App) newReplay() *replay.Service {
	return replay.NewService(replay.Options{Step: time.Duration(a.cfg.Interval), Querier: a.querier,
		Open: func(ctx context.Context, ask replay.Ask, q metric.Querier) (replay.Stage, error) {
			return a.openStage(ctx, ask, q)
		},
		Recorded: func(ctx context.Context, ask replay.Ask) ([]finding.Finding, error) {
			return a.recorded(ctx, ask.From, ask.To)
		}})
}

// recorded are the findings of the environment that stood at some time in between.
func (a *App) recorded(ctx context.Context, from, to time.Time) ([]finding.Finding, error) {
	return (&findingTeller{a: a}).list(ctx, finding.Filter{Environments: []string{a.cfg.Environment}, Since: from, Until: to})
}

// stage is an App in a scratch folder of its own, on a clock that is turned by
// hand. It reads the figures, the relations and the changes of the real one, and
// does the rounds that the real one does.
type stage struct {
	*App
	real   *App
	dir    string
	now    time.Time
	teller *findingTeller
	told   []finding.Finding // of others than detect and slo, as they were told at the time
	people map[string]string
}

func (a *App) openStage(ctx context.Context, ask replay.Ask, q metric.Querier) (_ *stage, err error) {
	if ask.Tenant != a.tenant || ask.Environment != a.cfg.Environment {
		return nil, fmt.Errorf("%w: only %s can be replayed: the checks of clusters follow their state, of which there are no figures", respond.ErrInvalid, a.cfg.Environment)
	}
	s := &stage{real: a, now: ask.From.Add(-ask.Learn)}
	if s.dir, err = os.MkdirTemp("", "evenkeel-replay-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	x := &App{cfg: a.cfg, log: slog.New(slog.DiscardHandler), tenant: ask.Tenant, board: health.NewBoard(), querier: q, url: a.url}
	s.App, s.teller = x, &findingTeller{a: x}
	if x.catalogue, err = s.checksOf(ask.Draft); err != nil {
		return nil, fmt.Errorf("%w: %w", respond.ErrInvalid, err)
	}
	if x.store, err = store.Open(ctx, store.Config{Dir: filepath.Join(s.dir, "data")}, x.log); err != nil {
		return nil, err
	}
	x.estate, x.findings = estate.NewService(x.store, x.log), finding.NewService(x.store, x.log)
	x.findings.Exempt(x.cfg.Detect.Exemptions)
	x.engine, x.objectives = detect.New(x.catalogue, x.cfg.Detect), slo.NewEvaluator(x.cfg.SLOs)
	x.cases = x.newCases(a, s.clock)
	if s.told, err = a.recorded(ctx, s.now, ask.To); err != nil {
		return nil, err
	}
	s.told = slices.DeleteFunc(s.told, func(f finding.Finding) bool { return f.Practice == detect.Practice || f.Practice == slo.Practice })
	return s, s.staff(ctx)
}

func (s *stage) clock() time.Time { return s.now }

// checksOf loads the checks of the real one with a draft over them.
func (s *stage) checksOf(draft string) (*detect.Catalogue, error) {
	s.cfg.Detect.Interval = time.Duration(s.cfg.Interval)
	if draft == "" {
		return s.cfg.Detect.Catalogue()
	}
	folder := filepath.Join(s.dir, "draft", "checks")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, "draft.yaml"), []byte(draft), 0o600); err != nil {
		return nil, err
	}
	return s.cfg.Detect.Catalogue(os.DirFS(filepath.Dir(folder)))
}

// staff gives the stage the policies, people, schedules, routes and silences
// that there are. Nothing is sent: there are no senders.
func (s *stage) staff(ctx context.Context) error {
	now, err := s.real.scene(ctx, s.tenant)
	if err != nil {
		return err
	}
	s.people = now.people
	for _, p := range now.policies {
		if err := s.store.PutPolicy(ctx, p); err != nil {
			return err
		}
	}
	for _, k := range now.contacts {
		if err := s.store.PutContact(ctx, k); err != nil {
			return err
		}
	}
	silences, err := s.real.store.Silences(ctx, s.tenant, s.now)
	if err != nil {
		return err
	}
	if err := s.store.PutSilences(ctx, silences, nil); err != nil {
		return err
	}
	overrides, err := s.real.store.Overrides(ctx, s.tenant, s.now.Add(-24*time.Hour), maxOverrides)
	if err != nil {
		return err
	}
	roster := oncall.NewRoster(now.schedules, overrides)
	s.routes = route.NewService(s.store, s.real.routes.Plan())
	s.respond = respond.NewService(s.store, respond.Options{Now: s.clock, Heard: s.routes.Heard, StormLimit: now.limit, StormWindow: now.window,
		Roster: func(context.Context, string) (respond.Roster, error) { return roster, nil },
		Router: func(ctx context.Context, tenant string) (respond.Router, error) {
			return s.routes.Router(ctx, tenant, s.now)
		}}, s.log)
	return nil
}

// Round does what the loops of the flow do, in their order.
func (s *stage) Round(ctx context.Context, now time.Time) error {
	s.now = now
	return errors.Join(s.judge(ctx, now), s.judgeObjectives(ctx, now), s.recall(ctx), s.teller.tell(ctx, now), s.respond.Wake(ctx, now))
}

// recall tells what others found at the time, when they did.
func (s *stage) recall(ctx context.Context) error {
	var obs []finding.Observation
	s.told = slices.DeleteFunc(s.told, func(f finding.Finding) bool {
		o := finding.Observation{Key: f.Key, At: s.now, Sign: finding.Firing, Since: f.FirstSeen, Report: f.Report}
		over := !f.ResolvedAt.IsZero() && !f.ResolvedAt.After(s.now)
		if over {
			o.Sign, o.Reason = finding.Clear, f.Reason
		}
		if !f.FirstSeen.After(s.now) {
			obs = append(obs, o)
		}
		return over
	})
	if len(obs) == 0 {
		return nil
	}
	return s.findings.Record(ctx, obs)
}

func (s *stage) Findings(ctx context.Context) ([]finding.Finding, error) {
	return s.teller.list(ctx, finding.Filter{})
}

func (s *stage) Cases(ctx context.Context) (out []replay.Case, err error) {
	f := cases.Filter{Tenant: s.tenant, Limit: 500}
	for {
		page, err := s.cases.List(ctx, access.Evenkeel(s.tenant), f)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Cases {
			x := replay.Case{Title: c.Title, Story: c.Story.Text(time.UTC), Severity: c.Severity, Since: c.Since, Until: c.EndedAt, Findings: len(c.Members) + c.More}
			if best := c.Best(); best != nil {
				x.Cause = best.Text
			}
			out = append(out, x)
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			slices.SortFunc(out, func(a, b replay.Case) int { return a.Since.Compare(b.Since) })
			return out, nil
		}
	}
}

func (s *stage) Incidents(ctx context.Context) (out []replay.Incident, err error) {
	f := respond.IncidentFilter{Tenant: s.tenant, Limit: 500}
	for {
		page, err := s.respond.List(ctx, access.Evenkeel(s.tenant), f)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, i := range page.Incidents {
			ids = append(ids, i.ID)
		}
		pages, err := s.store.PagesOf(ctx, ids, false)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Incidents {
			x := replay.Incident{Title: i.Title, Severity: i.Severity, OpenedAt: i.OpenedAt, EndedAt: i.ResolvedAt, Why: i.Held}
			for _, p := range pages {
				if p.Incident != i.ID || p.State == respond.PageFailed {
					continue
				}
				if x.Pages++; x.PagedAt.IsZero() || p.BegunAt.Before(x.PagedAt) {
					x.PagedAt, x.Who = p.BegunAt, s.name(p)
				}
			}
			out = append(out, x)
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			slices.SortFunc(out, func(a, b replay.Incident) int { return a.OpenedAt.Compare(b.OpenedAt) })
			return out, nil
		}
	}
}

// name is whom a page is for.
func (s *stage) name(p respond.Page) string {
	if p.Person == "" {
		return p.Recipient.ID
	}
	if name := s.people[p.Person]; name != "" {
		return name
	}
	return p.Person
}

func (s *stage) LeftOut() []string {
	out := []string{
		"Objectives, exemptions, policies, schedules, routes and silences are those of today; an exemption holds up to its end.",
		"Nobody takes anything up and every message arrives: what people did at the time is not repeated.",
	}
	if len(s.told) > 0 {
		out = append(out, "What the state of clusters showed is told as it was found at the time; it cannot be judged again.")
	}
	return out
}

// Close takes the stage away.
func (s *stage) Close() error {
	var err error
	if s.App != nil && s.store != nil {
		err = s.store.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
