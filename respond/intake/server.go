package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/respond"
)

// Receiver stores alerts; *respond.Service is one.
type Receiver interface {
	// Receive has stored the alerts when it returns nil. It fails with
	// respond.ErrInvalid where they cannot be right.
	Receive(ctx context.Context, alerts []respond.Alert) error
}

// Alerts are asked for what stands.
type Alerts interface {
	// AlertsByID returns those that there are.
	AlertsByID(ctx context.Context, ids []string) ([]respond.Standing, error)
	// StandingAlerts lists those of a tenant that are not over by their ids,
	// from after on.
	StandingAlerts(ctx context.Context, tenant, after string, limit int) ([]respond.Standing, error)
	// Orphans returns, as ended, those of a source that it does not know.
	Orphans(ctx context.Context, tenant, source string, known func(fingerprint string) bool) ([]respond.Alert, error)
}

// Options are what a Server works with.
type Options struct {
	Receiver Receiver
	Alerts   Alerts
	Store    Store
	Secrets  Secrets
	// Silences are what amtool and others make by Alertmanager's API.
	Silences Silences
	// Changes takes in what change events say; *estate.Service.Observe.
	Changes func(ctx context.Context, o estate.Observation) error
	Version string           // of Evenkeel, for who asks for the status
	Now     func() time.Time // nil for time.Now
	Log     *slog.Logger
}

// Server takes alerts in over HTTP. It is safe for concurrent use; Watch is
// called by one at a time.
type Server struct {
	cfg    Config
	opt    Options
	tenant string
	now    func() time.Time
	ring   ring
	gate   chan struct{}
	// proven and stranger bound the bodies of senders that have proven
	// themselves before theirs is read, and of those that do it by it.
	proven, stranger *budget
	started          time.Time

	integrations []*source
	heartbeats   []*source
	byID         map[string]*source // integrations
	beats        map[string]*source

	// Of Watch.
	begun              bool
	told               map[*source]bool
	keptAt, listenedAt time.Time
}

// New returns a server of a configuration that was checked, whose integrations
// and heartbeats are of one tenant. It reads what earlier runs have heard.
func New(ctx context.Context, tenant string, cfg Config, opt Options) (*Server, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Server{cfg: cfg, opt: opt, tenant: tenant, now: opt.Now, ring: ring{secrets: opt.Secrets, known: map[string]kept{}},
		gate: make(chan struct{}, cfg.Requests), proven: newBudget(provenBytes), stranger: newBudget(strangerBytes), started: opt.Now(),
		byID: map[string]*source{}, beats: map[string]*source{}, told: map[*source]bool{}}
	for _, by := range cfg.Integrations {
		by.Tenant = tenant
		x := &source{by: by, every: by.Every, grace: by.Grace}
		if by.Mapping != nil {
			m, err := by.Mapping.compile()
			if err != nil {
				return nil, fmt.Errorf("integration %s: mapping: %w", by.ID, err)
			}
			x.mapper = m
		}
		s.integrations = append(s.integrations, x)
		s.byID[by.ID] = x
	}
	for _, beat := range cfg.Heartbeats {
		beat.Tenant = tenant
		x := &source{beat: &beat, every: beat.Every, grace: beat.Grace}
		s.heartbeats = append(s.heartbeats, x)
		s.beats[beat.ID] = x
	}
	return s, s.recall(ctx)
}

// Register puts the paths of all dialects that the configuration has on a mux.
// They need no login: a request proves itself.
func (s *Server) Register(mux *http.ServeMux) {
	has := map[Dialect]bool{}
	for _, x := range s.integrations {
		has[x.by.Dialect] = true
	}
	if has[Alertmanager] {
		s.registerAlertmanager(mux)
	}
	if has[PagerDuty] {
		mux.HandleFunc("POST /pagerduty/v2/enqueue", s.gated(pdProblem, s.pdEvents(s.pagerDuty)))
		mux.HandleFunc("POST /pagerduty/v2/change/enqueue", s.gated(pdProblem, s.pdEvents(s.pagerDutyChange)))
	}
	if has[Opsgenie] {
		mux.HandleFunc("POST /opsgenie/v2/alerts", s.gated(ogProblem, s.opsgenie))
		mux.HandleFunc("POST /opsgenie/v2/alerts/{alias}/close", s.gated(ogProblem, s.opsgenieAnswer))
		mux.HandleFunc("POST /opsgenie/v2/alerts/{alias}/acknowledge", s.gated(ogProblem, s.opsgenieAnswer))
	}
	for _, d := range []Dialect{Alertmanager, Grafana, JSON} {
		if has[d] {
			mux.HandleFunc("POST /webhook/"+string(d)+"/{id}", s.gated(s.plain, s.webhook(d)))
		}
	}
	if len(s.heartbeats) > 0 {
		for _, method := range []string{"GET", "POST"} {
			mux.HandleFunc(method+" /heartbeat/{id}", s.gated(s.plain, s.beat))
		}
	}
}

// answerer writes an answer in the form of a dialect.
type answerer func(w http.ResponseWriter, status int, text string)

// gated bounds how many requests run at once, and for how long.
func (s *Server) gated(say answerer, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.gate <- struct{}{}:
			defer func() { <-s.gate }()
		default:
			s.busy(w, errBusy.Error(), say)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), receiveWithin)
		defer cancel()
		next(w, r.WithContext(ctx))
	}
}

func (s *Server) integration(d Dialect, id string) *source {
	if x := s.byID[id]; x != nil && x.by.Dialect == d {
		return x
	}
	return nil
}

func (s *Server) heartbeat(id string) *source { return s.beats[id] }

// take stores what a request says and answers it: with success only where
// everything of it is kept.
func (s *Server) take(ctx context.Context, w http.ResponseWriter, x *source, b *batch, say answerer, done func()) {
	if len(b.alerts) > 0 {
		err := s.opt.Receiver.Receive(ctx, b.alerts)
		if errors.Is(err, respond.ErrInvalid) {
			s.refused(x, err.Error())
			say(w, http.StatusBadRequest, err.Error())
			return
		}
		if err != nil {
			s.unstored(w, x, err, say)
			return
		}
	}
	// Who sends an empty list has spoken too.
	if len(b.alerts) > 0 || len(b.refused) == 0 {
		x.hear(s.now(), len(b.alerts))
	}
	if err := refusals(b.refused); err != nil {
		text := fmt.Sprintf("%d of %d alerts were refused, the others are stored. %s", len(b.refused), b.index, err.Error())
		if len(b.alerts) == 0 {
			text = err.Error()
		}
		s.refused(x, text)
		say(w, http.StatusBadRequest, text)
		return
	}
	done()
}

// unstored answers that something could not be stored.
func (s *Server) unstored(w http.ResponseWriter, x *source, err error, say answerer) {
	s.refused(x, "The alerts could not be stored; the sender was asked to come again.")
	s.opt.Log.Warn("alerts could not be stored", "source", x.id(), "error", err)
	s.busy(w, "The alerts could not be stored; come again soon.", say)
}

// busy asks the sender to come again.
func (s *Server) busy(w http.ResponseWriter, text string, say answerer) {
	w.Header().Set("Retry-After", comeAgain)
	say(w, http.StatusServiceUnavailable, text)
}

// refuseBody answers where a body could not be read.
func (s *Server) refuseBody(w http.ResponseWriter, x *source, err error, say answerer) {
	if x != nil {
		s.refused(x, err.Error())
	}
	switch {
	case errors.Is(err, errBusy), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		s.busy(w, err.Error(), say)
	case errors.Is(err, errTooLarge):
		say(w, http.StatusRequestEntityTooLarge, err.Error())
	default:
		say(w, http.StatusBadRequest, err.Error())
	}
}

// refuseProof answers a request that has not proven itself. Where it is our own
// configuration that cannot be read, the sender may be right, and comes again.
func (s *Server) refuseProof(w http.ResponseWriter, err error, say answerer) {
	if errors.Is(err, errSecret) {
		s.busy(w, "A secret of Evenkeel's configuration cannot be read just now; come again soon.", say)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="evenkeel intake"`)
	say(w, http.StatusUnauthorized, "The integration did not prove itself: "+errUnproven.Error()+".")
}

// plain answers where a dialect has no form of its own.
func (s *Server) plain(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]any{"status": status, "message": text})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// That the asker went away meanwhile changes nothing.
	_ = json.NewEncoder(w).Encode(v)
}

func (s *Server) batch(x *source) *batch { return &batch{by: x.by, now: s.now()} }
