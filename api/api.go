// Package api is Evenkeel for programs: one HTTP API, described by OpenAPI 3.1
// at /openapi.json and for people at /docs.
//
// Handlers ask the services and never the store; the services decide who may
// see and do what. Lists are pages with a cursor. Every answer to a GET has an
// ETag; every error is a problem (RFC 9457). Who asks is decided before a
// request comes here (access/httpauth).
//
// Failure behaviour: what the asker got wrong is a 4xx that names the place;
// what is broken here is a 5xx without details, and the log has them.
package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/evidence"
	"github.com/evenkeel/evenkeel/respond/intake"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/respond/reach"
	"github.com/evenkeel/evenkeel/respond/route"
	"github.com/evenkeel/evenkeel/respond/simulate"
	"github.com/evenkeel/evenkeel/respond/status"
	"github.com/evenkeel/evenkeel/review"
	"github.com/evenkeel/evenkeel/review/replay"
)

// Check is what one check says of one entity.
type Check struct {
	Check    string    `json:"check"`
	Entity   string    `json:"entity"`
	State    string    `json:"state" enum:"ok,firing,pending,unknown"`
	Since    time.Time `json:"since,omitzero"`
	Reason   string    `json:"reason,omitempty"`
	ToldWith string    `json:"toldWith,omitempty" doc:"the check whose finding tells of this one too"`
}

// Probe is a probe with its last result.
type Probe struct {
	Name    string        `json:"name"`
	Type    string        `json:"type"`
	Target  string        `json:"target"`
	Outcome string        `json:"outcome" enum:"up,down,unknown"`
	Reason  string        `json:"reason,omitempty"`
	At      time.Time     `json:"at,omitzero"`
	Took    time.Duration `json:"took" doc:"nanoseconds"`
}

// Target is a scraped exporter with its last result.
type Target struct {
	Job      string        `json:"job"`
	Instance string        `json:"instance"`
	Health   string        `json:"health" enum:"up,down,unknown"`
	Error    string        `json:"error,omitempty"`
	At       time.Time     `json:"at,omitzero"`
	Took     time.Duration `json:"took" doc:"nanoseconds"`
}

// Services is what the API speaks for.
type Services struct {
	Findings *finding.Service
	Estate   *estate.Service
	// Cases is nil where nothing makes cases of findings.
	Cases  *cases.Service
	Access *access.Service
	// Incidents is nil where nobody responds from here.
	Incidents *respond.Service
	// Reviews is there where Incidents is.
	Reviews *review.Service
	// Rules are the checks that are made; nil for nobody tells.
	Rules func() []review.Rule
	// Evidence is there where Incidents is.
	Evidence *evidence.Service
	// OnCall is nil where there are no schedules.
	OnCall *oncall.Service
	// Reach is there where Incidents is.
	Reach *reach.Service
	// Simulate is there where Incidents is.
	Simulate *simulate.Service
	// Replay is nil where no time can be run again.
	Replay *replay.Service
	// Status is nil where there are no status pages.
	Status *status.Service
	Board  *health.Board
	// Routes is there where Incidents is.
	Routes *route.Service
	// Sources is nil where nothing takes alerts in.
	Sources *intake.Server
	// Checks returns what the last round of checks said in an environment;
	// nil before the first round.
	Checks func(tenant, environment string) []Check
	// Sights says which signals each entity has, and which are missing.
	Sights func(ctx context.Context, tenant, environment string) ([]detect.Sight, error)
	// Calls says who calls whom in an environment, and who says so.
	Calls   func(ctx context.Context, tenant, environment string) ([]estate.Call, error)
	Probes  func() []Probe
	Targets func() []Target
	SLOs    func() []slo.Status
	// Suggest says what could be promised of what has no objective.
	Suggest func(ctx context.Context) (list []slo.Suggestion, later int, err error)
	// Backup writes a backup while everything runs.
	Backup func(ctx context.Context, w io.Writer) error
	// Figures returns nil where figures can be read now, or else why not.
	Figures func() error
	// Ready says whether the first figures are there, and else what is
	// missing.
	Ready func() (ready bool, missing string)
	// Metrics serves Evenkeel's own figures in Prometheus' text format.
	Metrics http.Handler
}

// Options are what is not a service.
type Options struct {
	Version     string
	Environment string // the one that is meant where none is named
	// Actor returns who asks.
	Actor func(context.Context) (access.Actor, bool)
	// Still says whether who asked is still let in.
	Still func(context.Context) bool
	// Require refuses who is nobody.
	Require func(http.Handler) http.Handler
	Log     *slog.Logger
}

type server struct {
	Services
	Options
}

// New returns the handler of everything below /api/, of /openapi.json, /docs,
// /healthz, /readyz and /metrics.
func New(services Services, options Options) http.Handler {
	s := &server{services, options}
	inner := http.NewServeMux()
	config := huma.DefaultConfig("Evenkeel", options.Version)
	config.Info.Description = "What is not as it should be, what exists, what changed, and who may know."
	config.DocsPath, config.SchemasPath = "", ""
	config.CreateHooks = nil // no $schema links in bodies
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An API token, made under Settings or by POST /api/v1/tokens."},
	}
	config.Security = []map[string][]string{{"token": {}}}
	h := humago.New(inner, config)
	s.registerFindings(h)
	if s.Cases != nil {
		s.registerCases(h)
	}
	if s.Incidents != nil {
		s.registerIncidents(h)
		s.registerLedger(h)
		s.registerReview(h)
		if s.Rules != nil {
			s.registerRecords(h)
			s.registerExemptions(h)
		}
		s.registerEvidence(h)
		s.registerSilences(h)
		s.registerRoutes(h)
		s.registerReach(h)
		s.registerSimulate(h)
	}
	if s.OnCall != nil {
		s.registerOnCall(h)
	}
	if s.Status != nil {
		s.registerStatus(h)
	}
	if s.Sources != nil {
		s.registerSources(h)
	}
	s.registerEstate(h)
	s.registerWatching(h)
	s.registerSLOs(h)
	s.registerSignals(h)
	s.registerCalls(h)
	s.registerPeople(h)
	if s.Replay != nil {
		s.registerReplay(h)
	}
	s.registerSelf(h)
	inner.HandleFunc("/api/", s.noSuchPath(inner))

	mux := http.NewServeMux()
	mux.Handle("/api/", options.Require(legible(conditional(inner))))
	mux.Handle("GET /openapi.json", conditional(inner))
	s.registerDocs(mux, h.OpenAPI())
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", options.Require(http.HandlerFunc(s.metrics)))
	return mux
}

// schemaNames tell types of different packages apart that have one name.
var schemaNames = map[string]string{
	"cases.Page": "CasePage", "cases.State": "CaseState", "cases.Event": "CaseEvent", "cases.EventKind": "CaseEventKind", "cases.Story": "CaseStory", "cases.Member": "CaseMember", "cases.Edge": "CaseEdge",
	"finding.Page": "FindingPage", "estate.Page": "EntityPage",
	"oncall.Standing": "DutyStanding", "oncall.Step": "DutyStep", "oncall.Problem": "DutyProblem", "oncall.Load": "DutyLoad", "oncall.ProblemKind": "DutyProblemKind", "oncall.Hours": "DutyHours",
	"respond.Page": "PersonPage", "respond.Entry": "LedgerEntry", "respond.Contact": "ContactThen", "reach.Notice": "ReachNotice",
	"review.Record": "CheckRecord", "review.Rule": "CheckRule", "replay.Result": "ReplayResult", "replay.Case": "ReplayedCase", "replay.Incident": "ReplayedIncident", "replay.Found": "ReplayedFinding",
	"simulate.Incident": "SimulatedIncident", "simulate.Contact": "SimulatedContact", "simulate.Route": "SimulatedRoute", "simulate.Event": "SimulatedEvent", "simulate.Moment": "SimulatedMoment",
	"status.Page": "StatusPageFields", "status.Listed": "StatusPage", "status.State": "ComponentState", "status.Update": "IncidentUpdate", "status.Component": "StatusComponent",
}

func schemaName(t reflect.Type, hint string) string {
	if name := schemaNames[path.Base(t.PkgPath())+"."+t.Name()]; name != "" {
		return name
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// actor is who asks. Handlers below Require always have one.
func (s *server) actor(ctx context.Context) access.Actor {
	a, _ := s.Actor(ctx)
	return a
}

// op describes an operation.
func op(method, path, id, tag, summary string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: id, Tags: []string{tag}, Summary: summary,
		MaxBodyBytes: 64 << 10, Errors: []int{400, 401, 403, 404, 422}}
}

// problem gives an error of a service its status. What is not the asker's
// doing is logged in full and answered without details.
func (s *server) problem(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, access.ErrForbidden):
		return huma.Error403Forbidden(err.Error())
	case errors.Is(err, finding.ErrNotFound), errors.Is(err, estate.ErrNotFound), errors.Is(err, access.ErrNotFound), errors.Is(err, respond.ErrNotFound), errors.Is(err, review.ErrNotFound), errors.Is(err, cases.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, finding.ErrConflict), errors.Is(err, finding.ErrState), errors.Is(err, access.ErrTaken), errors.Is(err, respond.ErrConflict), errors.Is(err, respond.ErrState), errors.Is(err, review.ErrConflict), errors.Is(err, cases.ErrConflict):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, finding.ErrInvalid), errors.Is(err, estate.ErrInvalid), errors.Is(err, access.ErrInvalid), errors.Is(err, respond.ErrInvalid), errors.Is(err, review.ErrInvalid), errors.Is(err, cases.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, metric.ErrUnavailable):
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(err.Error()), http.Header{"Retry-After": {"5"}})
	case errors.Is(err, context.Canceled):
		return huma.NewError(499, "the asker went away")
	}
	s.Log.Error("the API could not answer", "operation", what, "error", err)
	return huma.Error500InternalServerError("Evenkeel could not answer; its log says why")
}

// Where are the parameters that say in which estate. It is exported, like all
// that inputs embed, because huma reads no parameters out of others.
type Where struct {
	Tenant      string   `query:"tenant" maxLength:"80" doc:"default: the installation's own"`
	Environment []string `query:"environment" maxItems:"50" doc:"default: all that you may see"`
}

func (w Where) tenant() string {
	if w.Tenant == "" {
		return access.DefaultTenant
	}
	return w.Tenant
}

// One is the parameters of a single thing, which is in one environment.
type One struct {
	Tenant      string `query:"tenant" maxLength:"80"`
	Environment string `query:"environment" maxLength:"80"`
}

func (s *server) place(o One) (tenant, environment string) {
	tenant, environment = o.Tenant, o.Environment
	if tenant == "" {
		tenant = access.DefaultTenant
	}
	if environment == "" {
		environment = s.Environment
	}
	return tenant, environment
}

// Paged are the parameters of a list.
type Paged struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string `query:"cursor" maxLength:"2000" doc:"'next' of the page before"`
}

type body[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

func answer[T any](v T) *body[T] { return &body[T]{Body: v} }
