// Package app is Evenkeel as a whole: it opens the stores, wires the parts and
// runs them in one process.
//
// New opens everything that must be right before a person is told that
// Evenkeel runs: the address and the state, and takes the folder of the
// figures. Run then starts the HTTP server and, once the figures of the past
// are read back (figures.go), the way of the data (flow.go), and returns when
// the context ends or a part fails. Parts stop in the reverse order: the server first, so that
// nothing is asked of a part that is gone, the state last.
//
// Failure behaviour: what New cannot open is an error with a remedy, and
// nothing is left running or locked. What fails while running is reported on
// the board (internal/health), which the console shows; only a dead server or
// a dead store ends the process.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/collect/kube"
	"github.com/evenkeel/evenkeel/config"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/internal/health"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
	"github.com/evenkeel/evenkeel/metric"
	"github.com/evenkeel/evenkeel/metric/remote"
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
	"github.com/evenkeel/evenkeel/store"
)

// stopWithin is how long each part may take to stop.
const stopWithin = 15 * time.Second

// Options are what is not configuration.
type Options struct {
	Log     *slog.Logger
	Version string
	// BootstrapToken, where it is set, is an API token with the role admin.
	BootstrapToken string
	// Senders are channels beside those that the configuration sets up.
	Senders map[respond.Channel]respond.Sender
}

// App is a wired Evenkeel. Make it with New, then call Run once.
type App struct {
	cfg     config.Config
	log     *slog.Logger
	version string
	tenant  string
	url     string
	started time.Time

	listener net.Listener
	handler  http.Handler
	board    *health.Board
	registry *prometheus.Registry
	notices  []string
	closers  []closer

	store         *store.Store
	estate        *estate.Service
	findings      *finding.Service
	cases         *cases.Service
	access        *access.Service
	respond       *respond.Service
	intake        *intake.Server
	routes        *route.Service
	review        *review.Service
	replay        *replay.Service
	evidence      *evidence.Service
	reach         *reach.Service
	simulate      *simulate.Service
	status        *status.Service
	oncall        *oncall.Service
	catalogue     *detect.Catalogue
	engine        *detect.Engine
	impact        *impact.Assessor
	fused         fusedCalls
	coverage      atomic.Pointer[[]detect.Coverage]
	objectives    *slo.Evaluator
	advisor       *slo.Advisor
	clusterChecks *clusterChecks

	querier metric.Querier
	remote  *remote.Endpoint // where figures are kept elsewhere; else nil
	local   *local           // where figures are kept here; else nil

	clusters []*kube.Watcher
}

type closer struct {
	name  string
	close func() error
}

// New opens and wires everything. On an error nothing is left open.
func New(ctx context.Context, cfg config.Config, o Options) (_ *App, err error) {
	a := &App{
		cfg: cfg, log: o.Log, version: o.Version, tenant: access.DefaultTenant, started: time.Now(),
		board: health.NewBoard(), registry: prometheus.NewRegistry(),
	}
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if err := a.openListener(ctx); err != nil {
		return nil, err
	}
	if err := a.openStore(ctx); err != nil {
		return nil, err
	}
	if err := a.openMetrics(); err != nil {
		return nil, err
	}
	if err := a.openEngine(ctx); err != nil {
		return nil, err
	}
	if err := a.openKube(); err != nil {
		return nil, err
	}
	if err := a.openAccess(ctx, o.BootstrapToken); err != nil {
		return nil, err
	}
	if err := a.openRespond(ctx, o.Senders); err != nil {
		return nil, err
	}
	if err := a.openIntake(ctx); err != nil {
		return nil, err
	}
	a.replay = a.newReplay()
	a.evidence = a.newEvidence()
	a.review = review.NewService(a.store, a.respond, a.estate, a.access, a.evidence, a.findings)
	return a, a.openHandler()
}

func (a *App) openListener(ctx context.Context) (err error) {
	a.listener, a.url, err = listen(ctx, a.cfg)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, closer{"address", func() error {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}})
	return nil
}

func (a *App) openStore(ctx context.Context) error {
	dsn, err := a.cfg.StateDSN()
	if err != nil {
		return err
	}
	cfg := store.Config{Dir: a.cfg.Data, DSN: dsn, Standby: a.cfg.Store.Standby}
	if cfg.Standby {
		err = a.standBy(ctx, func() (err error) { a.store, err = store.Open(ctx, cfg, a.log); return err })
	} else {
		a.store, err = store.Open(ctx, cfg, a.log)
	}
	if err != nil {
		return err
	}
	a.closers = append(a.closers, closer{"state", a.store.Close})
	a.estate = estate.NewService(a.store, a.log)
	a.findings = finding.NewService(a.store, a.log)
	a.findings.Exempt(a.cfg.Detect.Exemptions)
	a.cases = a.newCases(a, nil)
	return a.declareEdges(ctx, a.started)
}

// openMetrics opens the figures: an external server that is only read, or the
// embedded engine with everything that fills it.
func (a *App) openMetrics() (err error) {
	if a.cfg.Metrics.External != nil {
		if a.remote, err = remote.New(*a.cfg.Metrics.External); err != nil {
			return err
		}
		a.querier = a.remote
		return nil
	}
	a.local, err = a.openLocal()
	return err
}

// openEngine loads signals and checks, and what earlier runs have learned.
func (a *App) openEngine(ctx context.Context) error {
	rules := a.cfg.Detect
	rules.Interval = time.Duration(a.cfg.Interval)
	var err error
	if a.catalogue, err = rules.Catalogue(); err != nil {
		return err
	}
	a.engine = detect.New(a.catalogue, rules)
	a.impact = a.newImpact()
	a.objectives, a.advisor = slo.NewEvaluator(a.cfg.SLOs), slo.NewAdvisor(a.cfg.SLOs, a.querier)
	if a.clusterChecks, err = newClusterChecks(a.tenant, a.store, a.findings); err != nil {
		return err
	}
	blob, err := a.store.LoadBaselines(ctx, a.tenant, a.cfg.Environment)
	if err != nil {
		return err
	}
	if blob == nil {
		return nil // a first start: nothing was learned, nothing is open
	}
	if err := a.engine.Restore(a.tenant, a.cfg.Environment, blob); err != nil {
		a.notices = append(a.notices, fmt.Sprintf("What is usual here must be learned anew: %v.", err))
	}
	for _, environment := range append([]string{a.cfg.Environment}, a.env().Clusters...) {
		open, err := a.store.CurrentFindings(ctx, a.tenant, environment, detect.Practice, time.Now())
		if err != nil {
			return err
		}
		a.engine.Resume(a.tenant, a.cfg.Environment, open)
	}
	return nil
}

// Run serves until ctx ends or a part fails.
func (a *App) Run(ctx context.Context) error {
	g := lifecycle.New(stopWithin)
	g.Defer("stores", a.close)
	a.always(g)
	a.board.Start(figuresPart, time.Now(), "")
	g.Go(figuresPart, a.watch)
	g.Go("state", a.replaced)
	g.Go("server", func(ctx context.Context) error { return serve(ctx, a.listener, a.handler) })
	return g.Wait(ctx)
}

// close closes what New opened, last first. It may be called again.
func (a *App) close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		if err := a.closers[i].close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", a.closers[i].name, err))
		}
	}
	a.closers = nil
	return errors.Join(errs...)
}

// URL is where this machine's browser reaches the console.
func (a *App) URL() string { return a.url }

// Data is the absolute path of the data folder.
func (a *App) Data() string {
	path, err := filepath.Abs(a.cfg.Data)
	if err != nil {
		return a.cfg.Data
	}
	return path
}

// Host is the name of the machine.
func (a *App) Host() string {
	if a.local != nil {
		return a.local.host.Name()
	}
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// Notices are what a person should know of this start: what could not be
// restored. What a crash has cost the figures comes with Progress.
func (a *App) Notices() []string { return a.notices }
