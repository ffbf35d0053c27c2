package cases

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

const (
	// graphFor is how long the relations that were read are good for.
	graphFor = 15 * time.Second
	// mostJudged bounds the judged cases that the record is made from.
	mostJudged = 500
	// mostConsidered bounds the changes of one round.
	mostConsidered = 500
	maxNote        = 500
)

// Options are what a Service asks.
type Options struct {
	// Graph returns the relations of an environment that hold now.
	Graph func(ctx context.Context, tenant, environment string) ([]estate.Relation, error)
	// Changes returns the newest changes since a time, at most so many.
	Changes func(ctx context.Context, tenant, environment string, since time.Time, limit int) ([]estate.Change, error)
	// Courses are how the signals of an environment go; nil for nobody knows.
	Courses func(tenant, environment string) []detect.Course
	// Impact says what users felt; nil where nobody counts it.
	Impact func(ctx context.Context, t impact.Trouble) (impact.Impact, error)
}

// Service keeps the cases of findings. It is safe for concurrent use, and the
// only writer of cases.
type Service struct {
	store Store
	opt   Options
	log   *slog.Logger

	mu      sync.Mutex
	current map[string]map[string]Case // by tenant and id: open, and lately over
	graphs  map[scope]graphRead
	record  map[string]map[string]Record // by tenant and check; nil to read anew
}

type scope struct{ tenant, environment string }

type graphRead struct {
	at        time.Time
	relations []estate.Relation
}

// NewService returns a service over a store.
func NewService(store Store, opt Options, log *slog.Logger) *Service {
	return &Service{store: store, opt: opt, log: log, current: map[string]map[string]Case{}, graphs: map[scope]graphRead{}, record: map[string]map[string]Record{}}
}

// Round makes the cases of a tenant from its findings: those that stand, and
// those that were resolved within Lingers.
func (s *Service) Round(ctx context.Context, tenant string, findings []finding.Finding, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	current, err := s.load(ctx, tenant, now)
	if err != nil {
		return err
	}
	byEnvironment := map[string][]finding.Finding{}
	for _, f := range findings {
		byEnvironment[f.Environment] = append(byEnvironment[f.Environment], f)
	}
	prev := map[string][]Case{}
	for _, c := range current {
		prev[c.Environment] = append(prev[c.Environment], c)
		if c.State == Open && byEnvironment[c.Environment] == nil {
			byEnvironment[c.Environment] = []finding.Finding{}
		}
	}
	var errs []error
	for _, environment := range slices.Sorted(maps.Keys(byEnvironment)) {
		if err := s.round(ctx, scope{tenant, environment}, prev[environment], byEnvironment[environment], now); err != nil {
			errs = append(errs, fmt.Errorf("gather the cases of %s: %w", environment, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) round(ctx context.Context, sc scope, prev []Case, findings []finding.Finding, now time.Time) error {
	in := Input{Tenant: sc.tenant, Environment: sc.environment, Findings: findings, Now: now}
	var unread []error
	if len(findings) > 0 {
		// What cannot be read makes cases poorer; it must not keep a finding out
		// of a case.
		var err error
		if in.Relations, err = s.graph(ctx, sc, now); err != nil {
			unread = append(unread, err)
		}
		oldest := now
		for _, f := range findings {
			if f.State != finding.Resolved && f.FirstSeen.Before(oldest) {
				oldest = f.FirstSeen
			}
		}
		if in.Changes, err = s.opt.Changes(ctx, sc.tenant, sc.environment, oldest.Add(-ChangesBefore), mostConsidered); err != nil {
			unread = append(unread, err)
		}
		if s.opt.Courses != nil {
			in.Courses = s.opt.Courses(sc.tenant, sc.environment)
		}
		if in.Record, err = s.judged(ctx, sc.tenant); err != nil {
			unread = append(unread, err)
		}
	}
	var batch []Applied
	for _, o := range Gather(prev, in) {
		if !o.Changed {
			continue
		}
		identify(o.Events)
		batch = append(batch, Applied{Case: o.Case, Events: o.Events})
	}
	if len(batch) > 0 {
		if err := s.store.ApplyCases(ctx, batch); err != nil {
			delete(s.current, sc.tenant) // it may be stored all the same
			return errors.Join(append(unread, err)...)
		}
		for _, a := range batch {
			s.current[sc.tenant][a.Case.ID] = a.Case
			for _, e := range a.Events {
				s.log.Info("case "+string(e.Kind), "id", a.Case.ID, "environment", sc.environment, "title", a.Case.Title, "text", e.Text)
			}
		}
	}
	return errors.Join(unread...)
}

// load returns what is current, from memory where it is there.
func (s *Service) load(ctx context.Context, tenant string, now time.Time) (map[string]Case, error) {
	if m, ok := s.current[tenant]; ok {
		maps.DeleteFunc(m, func(_ string, c Case) bool {
			return c.State != Open && now.Sub(c.EndedAt) > finding.ReopenWithin
		})
		return m, nil
	}
	list, err := s.store.CurrentCases(ctx, tenant, now.Add(-finding.ReopenWithin))
	if err != nil {
		return nil, fmt.Errorf("read current cases: %w", err)
	}
	m := make(map[string]Case, len(list))
	for _, c := range list {
		m[c.ID] = c
	}
	s.current[tenant] = m
	return m, nil
}

func (s *Service) graph(ctx context.Context, sc scope, now time.Time) ([]estate.Relation, error) {
	if g, ok := s.graphs[sc]; ok && now.Sub(g.at).Abs() < graphFor {
		return g.relations, nil
	}
	list, err := s.opt.Graph(ctx, sc.tenant, sc.environment)
	if err != nil {
		return s.graphs[sc].relations, fmt.Errorf("read the relations: %w", err)
	}
	s.graphs[sc] = graphRead{now, list}
	return list, nil
}

// judged counts what people said of earlier cases.
func (s *Service) judged(ctx context.Context, tenant string) (map[string]Record, error) {
	if r, ok := s.record[tenant]; ok {
		return r, nil
	}
	list, err := s.store.JudgedCases(ctx, tenant, mostJudged)
	if err != nil {
		return nil, fmt.Errorf("read what was said of earlier cases: %w", err)
	}
	out := map[string]Record{}
	for _, c := range list {
		best := c.Best()
		if best == nil || c.Feedback == nil {
			continue
		}
		for _, m := range c.Members {
			if m.Finding != best.Finding {
				continue
			}
			r := out[m.Check]
			if c.Feedback.Useful {
				r.Useful++
			} else {
				r.Noise++
			}
			out[m.Check] = r
		}
	}
	s.record[tenant] = out
	return out, nil
}

// Belonging says in which open case a finding is, and what explains it there.
type Belonging struct {
	Case        string
	Was         []string // cases that went into it of late
	ExplainedBy string   // id of the finding that does; empty for none
	Why         string
}

// Belongings are, by finding, those of a tenant as the last Round has made them.
func (s *Service) Belongings(tenant string) map[string]Belonging {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]Belonging{}
	was := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(s.current[tenant])) {
		if c := s.current[tenant][id]; c.State == Merged {
			was[c.MergedInto] = append(was[c.MergedInto], c.ID)
		}
	}
	for _, c := range s.current[tenant] {
		if c.State != Open {
			continue
		}
		for _, m := range c.Members {
			if m.EndedAt.IsZero() {
				b := Belonging{Case: c.ID, Was: was[c.ID], ExplainedBy: m.ExplainedBy}
				if best := c.Best(); best != nil && m.ExplainedBy != "" {
					b.Why = strings.TrimSuffix(best.Text, ".")
				}
				out[m.Finding] = b
			}
		}
	}
	return out
}

// List returns the cases that the actor may see.
func (s *Service) List(ctx context.Context, actor access.Actor, f Filter) (Page, error) {
	names, any, err := access.Narrow(actor, access.Read, f.Tenant, f.Environments)
	if err != nil || !any {
		return Page{}, err
	}
	f.Environments = names
	return s.store.Cases(ctx, f)
}

// Get returns a case and its history, oldest first. What the actor may not see
// is not found.
func (s *Service) Get(ctx context.Context, actor access.Actor, tenant, id string) (Case, []Event, error) {
	c, err := s.visible(ctx, actor, tenant, id)
	if err != nil {
		return Case{}, nil, err
	}
	events, err := s.store.CaseEvents(ctx, tenant, id)
	return c, events, err
}

func (s *Service) visible(ctx context.Context, actor access.Actor, tenant, id string) (Case, error) {
	c, err := s.store.Case(ctx, tenant, id)
	if err != nil {
		return Case{}, err
	}
	if access.Can(actor, access.Read, access.Scope{Tenant: tenant, Environment: c.Environment}) != nil {
		return Case{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return c, nil
}

// Judge keeps what a person says of a case: whether it was useful or noise. It
// counts when later cases are ranked. The last word stands.
func (s *Service) Judge(ctx context.Context, actor access.Actor, tenant, id string, useful bool, note string, now time.Time) (Case, error) {
	note = strings.TrimSpace(note)
	if !utf8.ValidString(note) || strings.ContainsRune(note, 0) || utf8.RuneCountInString(note) > maxNote {
		return Case{}, fmt.Errorf("%w: the note is plain text of %d characters at most", ErrInvalid, maxNote)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.visible(ctx, actor, tenant, id)
	if err != nil {
		return Case{}, err
	}
	if err := access.Can(actor, access.Respond, access.Scope{Tenant: tenant, Environment: c.Environment}); err != nil {
		return Case{}, err
	}
	word := "noise"
	if useful {
		word = "useful"
	}
	text := strings.TrimSpace("Called " + word + ". " + note)
	c.Feedback = &Feedback{Useful: useful, Note: note, By: actor.Name, At: now}
	c.ChangedAt = now
	c.Revision++
	events := []Event{{Case: c.ID, At: now, Kind: Judged, By: actor.Name, Text: text}}
	identify(events)
	entry := &access.Entry{ID: ulid.Make().String(), Tenant: c.Tenant, Environment: c.Environment, At: now, ActorKind: actor.Kind, ActorID: actor.ID,
		ActorName: actor.Name, Action: "case.judge", Object: c.ID, Detail: text, Address: access.AddressFrom(ctx)}
	if err := s.store.ApplyCases(ctx, []Applied{{Case: c, Events: events, Audit: entry}}); err != nil {
		return Case{}, err
	}
	delete(s.record, tenant)
	if m, ok := s.current[tenant]; ok {
		if _, is := m[c.ID]; is {
			m[c.ID] = c
		}
	}
	return c, nil
}

func identify(events []Event) {
	for n := range events {
		events[n].ID = ulid.Make().String()
	}
}
