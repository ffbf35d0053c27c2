package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/respond"
)

// Store keeps documents and reads cases. All methods are safe for concurrent
// use.
type Store interface {
	// ReviewDocument returns the document of an incident, or ErrNotFound.
	ReviewDocument(ctx context.Context, tenant, incident string) (Document, error)
	// PutReviewDocument stores a document over the one of the revision before
	// its own, with an audit entry; ErrConflict where that is not the newest.
	PutReviewDocument(ctx context.Context, d Document, audit access.Entry) error
	// ReviewDocuments lists documents, the newest incident first, from the
	// number before on.
	ReviewDocuments(ctx context.Context, tenant string, environments []string, before int64, limit int) ([]Document, error)
	// ReviewCases returns incidents that were opened in the time, with their
	// alerts and pages, oldest first; at most limit.
	ReviewCases(ctx context.Context, tenant string, environments []string, from, to time.Time, limit int) ([]Case, error)
	// JudgedCases returns the cases of findings that somebody has judged, newest
	// first.
	JudgedCases(ctx context.Context, tenant string, limit int) ([]cases.Case, error)
}

// Incidents gives the story of an incident to those who may see it.
type Incidents interface {
	Get(ctx context.Context, actor access.Actor, tenant, id string) (respond.Story, error)
}

// Changes lists what changed.
type Changes interface {
	Changes(ctx context.Context, actor access.Actor, f estate.ChangeFilter) (estate.ChangePage, error)
}

// People gives people's names by their ids.
type People interface {
	Names(ctx context.Context, actor access.Actor, tenant string) (map[string]string, error)
}

// Impacts tells what users felt of an incident; *evidence.Service does.
type Impacts interface {
	Impact(ctx context.Context, actor access.Actor, tenant, incident string, now time.Time) (impact.Impact, error)
}

// Service reads and writes documents and measures.
type Service struct {
	store     Store
	incidents Incidents
	changes   Changes
	people    People
	impacts   Impacts
	findings  Findings
}

// NewService returns the service.
func NewService(s Store, i Incidents, c Changes, p People, m Impacts, f Findings) *Service {
	return &Service{store: s, incidents: i, changes: c, people: p, impacts: m, findings: f}
}

// mostChanges is how many changes of an incident's surroundings are looked at,
// changesBefore how long before it began.
const (
	mostChanges   = 200
	changesBefore = time.Hour
)

// Document returns the document of an incident: what people saved, or a draft
// of revision 0. What the actor may not see is respond.ErrNotFound.
func (s *Service) Document(ctx context.Context, actor access.Actor, tenant, incident string, now time.Time) (Document, error) {
	story, err := s.incidents.Get(ctx, actor, tenant, incident)
	if err != nil {
		return Document{}, err
	}
	d, err := s.store.ReviewDocument(ctx, tenant, incident)
	if !errors.Is(err, ErrNotFound) {
		return d, err
	}
	names, err := s.people.Names(ctx, actor, tenant)
	if err != nil {
		return Document{}, err
	}
	changes, err := s.Changes(ctx, actor, story, now)
	if err != nil {
		return Document{}, err
	}
	felt, err := s.impacts.Impact(ctx, actor, tenant, incident, now)
	if err != nil {
		return Document{}, err
	}
	return Draft(story, changes, felt, names), nil
}

// Changes are what changed about an incident that the actor may see, from an
// hour before it began until it was over: those of the entities and hosts that
// its alerts name, or of its environment where they name none. The oldest come
// first.
func (s *Service) Changes(ctx context.Context, actor access.Actor, story respond.Story, now time.Time) ([]estate.Change, error) {
	t := timesOf(story.Incident, story.Alerts)
	until := now
	if !t.Resolved.IsZero() {
		until = t.Resolved
	}
	f := estate.ChangeFilter{Tenant: story.Incident.Tenant, From: t.start().Add(-changesBefore), To: until, Limit: mostChanges}
	if story.Incident.Environment != "" {
		f.Environments = []string{story.Incident.Environment}
	}
	page, err := s.changes.Changes(ctx, actor, f)
	if err != nil {
		return nil, fmt.Errorf("changes about incident %d: %w", story.Incident.Number, err)
	}
	changes := near(page.Changes, story.Alerts)
	slices.SortFunc(changes, func(a, b estate.Change) int { return a.At.Compare(b.At) })
	return changes, nil
}

// near leaves the changes of the entities that the alerts name; where they name
// none, all of the environment.
func near(changes []estate.Change, alerts []respond.Standing) []estate.Change {
	entities := map[string]bool{}
	for _, a := range alerts {
		if e := a.Labels["entity"]; e != "" {
			entities[e] = true
		}
		if h := a.Labels["host"]; h != "" {
			entities["host:"+h] = true
		}
	}
	if len(entities) == 0 {
		return changes
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c estate.Change) bool { return !entities[c.Entity] })
}

// Save stores what people wrote. The revision is the one that they read: 0 for
// the draft. Number, title, severity and times are the incident's own, as they
// are now.
func (s *Service) Save(ctx context.Context, actor access.Actor, d Document, now time.Time) (Document, error) {
	story, err := s.incidents.Get(ctx, actor, d.Tenant, d.Incident)
	if err != nil {
		return Document{}, err
	}
	i := story.Incident
	scope := access.Scope{Tenant: i.Tenant, Environment: i.Environment}
	if err := access.Can(actor, access.Respond, scope); err != nil {
		return Document{}, err
	}
	if err := d.Validate(); err != nil {
		return Document{}, err
	}
	if d.Actions == nil {
		d.Actions = []Action{}
	}
	if d.Timeline == nil {
		d.Timeline = []Moment{}
	}
	d.Environment, d.Number, d.Title, d.Severity, d.Times = i.Environment, i.Number, i.Title, i.Severity, timesOf(i, story.Alerts)
	d.ChangedBy, d.ChangedAt = actor.Name, now
	d.Revision++
	entry := access.Entry{ID: ulid.Make().String(), Tenant: i.Tenant, Environment: i.Environment, At: now, ActorKind: actor.Kind, ActorID: actor.ID,
		ActorName: actor.Name, Action: "review.save", Object: i.ID, Detail: fmt.Sprintf("incident %d", i.Number), Address: access.AddressFrom(ctx)}
	return d, s.store.PutReviewDocument(ctx, d, entry)
}

// Documents lists those that people saved, the newest incident first, from the
// incident's number before on (0: from the newest).
func (s *Service) Documents(ctx context.Context, actor access.Actor, tenant string, before int64, limit int) ([]Document, error) {
	names, all, err := seen(actor, tenant)
	if err != nil || !all && len(names) == 0 {
		return nil, err
	}
	return s.store.ReviewDocuments(ctx, tenant, names, before, limit)
}

// mostCases bounds what one measure is made from.
const mostCases = 5000

// Figures measures the incidents that were opened in the time, of those
// environments that the actor may see. Where there are more than 5,000 the
// oldest 5,000 are measured, and To is where they end.
func (s *Service) Figures(ctx context.Context, actor access.Actor, tenant string, from, to time.Time, zone *time.Location) (Figures, error) {
	if !to.After(from) {
		return Figures{}, fmt.Errorf("%w: from %s is not before to %s", ErrInvalid, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	if from.Year() < 1970 || to.Year() > 9999 {
		return Figures{}, fmt.Errorf("%w: from and to must lie between the years 1970 and 9999", ErrInvalid)
	}
	names, all, err := seen(actor, tenant)
	if err != nil || !all && len(names) == 0 {
		return Figures{From: from, To: to}, err
	}
	cases, err := s.store.ReviewCases(ctx, tenant, names, from, to, mostCases)
	if err != nil {
		return Figures{}, err
	}
	if len(cases) == mostCases {
		to = cases[len(cases)-1].Incident.OpenedAt
	}
	return Measure(cases, from, to, zone), nil
}

// seen are the environments that the actor may see; none named means all.
func seen(actor access.Actor, tenant string) (names []string, all bool, err error) {
	names, all = access.Environments(actor, access.Read, tenant)
	if all {
		return nil, true, nil
	}
	if len(names) == 0 {
		return nil, false, access.Can(actor, access.Read, access.Scope{Tenant: tenant})
	}
	return names, false, nil
}
