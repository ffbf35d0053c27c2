package console

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/review"
)

// Findings is what the pages ask of findings; *finding.Service is one.
type Findings interface {
	List(ctx context.Context, actor access.Actor, f finding.Filter) (finding.Page, error)
	Get(ctx context.Context, actor access.Actor, tenant, id string) (finding.Finding, []finding.Event, error)
	Acknowledge(ctx context.Context, actor access.Actor, tenant, id, note string, now time.Time) (finding.Finding, error)
	Accept(ctx context.Context, actor access.Actor, tenant, id string, until time.Time, reason string, now time.Time) (finding.Finding, error)
	Reopen(ctx context.Context, actor access.Actor, tenant, id, reason string, now time.Time) (finding.Finding, error)
}

// Estate is what the pages ask of the estate; *estate.Service is one.
type Estate interface {
	Entity(ctx context.Context, actor access.Actor, tenant, environment, id string, at time.Time) (estate.Entity, []estate.Relation, error)
	Find(ctx context.Context, actor access.Actor, tenant, id string, at time.Time) (estate.Entity, []estate.Relation, error)
	Entities(ctx context.Context, actor access.Actor, f estate.Filter) (estate.Page, error)
	Part(ctx context.Context, actor access.Actor, p estate.Part) ([]estate.Entity, error)
	Graph(ctx context.Context, actor access.Actor, tenant, environment string, at time.Time, kinds ...estate.RelationKind) ([]estate.Relation, error)
	Changes(ctx context.Context, actor access.Actor, f estate.ChangeFilter) (estate.ChangePage, error)
	Environments(ctx context.Context, actor access.Actor, tenant string) ([]estate.EnvironmentSummary, error)
}

// Health is what the pages ask of Evenkeel's own parts; *health.Board is one.
type Health interface {
	Statuses(now time.Time) []health.Status
}

// Access is what the settings page asks about people and programs;
// *access.Service is one.
type Access interface {
	Users(ctx context.Context, actor access.Actor) ([]access.User, error)
	CreateUser(ctx context.Context, actor access.Actor, name, password string, grants []access.Grant) (access.User, error)
	SetPassword(ctx context.Context, actor access.Actor, id, password string) error
	SetGrants(ctx context.Context, actor access.Actor, id string, grants []access.Grant) error
	SetDisabled(ctx context.Context, actor access.Actor, id string, disabled bool) error
	NewLoginLink(ctx context.Context, actor access.Actor, userName string, ttl time.Duration) (secret string, err error)
	Tokens(ctx context.Context, actor access.Actor) ([]access.Token, error)
	CreateToken(ctx context.Context, actor access.Actor, name string, grants []access.Grant, scopes []access.Permission, expires time.Time) (string, access.Token, error)
	RevokeToken(ctx context.Context, actor access.Actor, id string) error
	Names(ctx context.Context, actor access.Actor, tenant string) (map[string]string, error)
}

// Probe is one probe with its last result.
type Probe struct {
	Name, Type, Target string
	Up                 bool
	Known              bool // a round has ended
	At                 time.Time
	Took               time.Duration
	Detail             string // why it failed, or what it answered
}

// Target is one scraped exporter with its last result.
type Target struct {
	Job, Instance string
	Up            bool
	Known         bool
	At            time.Time
	Took          time.Duration
	Error         string
}

// Check is one check and how much of the estate it could look at.
type Check struct {
	ID, Title string
	Looked    int // entities that it could judge
	Firing    int
	Unknown   int    // entities that it could not judge
	Reason    string // why not
	Off       bool   // nothing here has what it needs
}

// Fact is one line of a table of facts about Evenkeel itself.
type Fact struct{ Name, Value string }

// Services is everything that the pages show. Findings, Estate, Metrics and
// Health are needed; a section appears only if its service is there.
type Services struct {
	Findings Findings
	Estate   Estate
	Metrics  metric.Querier
	Health   Health

	Cases     Cases // nil where nothing makes cases of findings
	Access    Access
	Incidents Incidents
	Reviews   Reviews
	// Rules are the checks that are made; nil for nobody tells.
	Rules    func() []review.Rule
	Evidence Evidence
	Routing  Routing
	Sources  Sources
	SLOs     func() []slo.Status
	Suggest  func(ctx context.Context) (list []slo.Suggestion, later int, err error) // what could be promised of what has no objective
	Sights   func(ctx context.Context) ([]detect.Sight, error)                       // which signals each entity has, and which are missing
	// Calls says who calls whom in an environment, and who says so.
	Calls   func(ctx context.Context, environment string) ([]estate.Call, error)
	Courses func() []detect.Course // how much goes from whom to whom now, among others
	// Events asks a cluster for the events of a namespace that are of some objects; nil where none is watched.
	Events   func(ctx context.Context, environment, namespace string, of func(kind, name string) bool) ([]Event, error)
	Reach    Reach
	OnCall   OnCall
	Simulate Simulator
	Status   Status
	Probes   func(ctx context.Context) []Probe
	Targets  func(ctx context.Context) []Target
	Checks   func(ctx context.Context) []Check
	Storage  func(ctx context.Context) []Fact // sizes, retention, where the data is
	About    []Fact                           // version, build, licences
}
