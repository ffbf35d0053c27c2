package console

import (
	"context"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/metric"
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
	Entities(ctx context.Context, actor access.Actor, f estate.Filter) (estate.Page, error)
	Changes(ctx context.Context, actor access.Actor, f estate.ChangeFilter) (estate.ChangePage, error)
	Environments(ctx context.Context, actor access.Actor, tenant string) ([]estate.EnvironmentSummary, error)
}

// Health is what the pages ask of Evenkeel's own parts; *health.Board is one.
type Health interface {
	Statuses(now time.Time) []health.Status
}

// Person is somebody who can log in, as the settings page shows them.
type Person struct {
	ID, Name string
	Roles    string // "admin everywhere"
	Login    string // "password", "company login"
	Seen     time.Time
	Disabled bool
}

// People lists and adds those who can log in. Each method checks that the
// actor may.
type People interface {
	People(ctx context.Context, actor access.Actor) ([]Person, error)
	// AddPerson makes a person with a role in the whole tenant and returns
	// the path of a one-time login link for them.
	AddPerson(ctx context.Context, actor access.Actor, name string, role access.Role, now time.Time) (loginPath string, err error)
	DisablePerson(ctx context.Context, actor access.Actor, id string, now time.Time) error
}

// Token is a program's key, as the settings page shows it.
type Token struct {
	ID, Name, By string
	Scopes       []access.Permission
	Created      time.Time
	Expires      time.Time // zero: never
	Seen         time.Time // zero: never used
}

// Tokens lists, makes and takes away API tokens. Each method checks that the
// actor may.
type Tokens interface {
	Tokens(ctx context.Context, actor access.Actor) ([]Token, error)
	// CreateToken returns the secret, which is shown once and kept nowhere.
	CreateToken(ctx context.Context, actor access.Actor, name string, scopes []access.Permission, expires, now time.Time) (secret string, err error)
	RevokeToken(ctx context.Context, actor access.Actor, id string, now time.Time) error
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

	People  People
	Tokens  Tokens
	Probes  func(ctx context.Context) []Probe
	Targets func(ctx context.Context) []Target
	Checks  func(ctx context.Context) []Check
	Storage func(ctx context.Context) []Fact // sizes, retention, where the data is
	About   []Fact                           // version, build, licences
}
