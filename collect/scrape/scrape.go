// Package scrape reads exporters: Prometheus' own scraping and discovery, in
// process, from Prometheus' own scrape_configs.
//
// Invariants: all samples of one scrape have one timestamp; each target has
// its up series, and staleness markers end what it no longer shows. Small
// sets of targets are scraped within about a second of the start; large ones
// are spread over their interval, as Prometheus does, so that the load is
// even.
//
// Failure behaviour: a target that does not answer is down (up is 0) and
// Targets says why; others are not held up by it. A configuration that is
// wrong is refused whole and the one before stays in force.
package scrape

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
)

// spreadAbove is how many targets may be scraped all at once at the start.
const spreadAbove = 100

// Manager scrapes the targets of a configuration until its Run ends.
type Manager struct {
	log       *slog.Logger
	reg       prometheus.Registerer
	scrapes   *scrape.Manager
	sdMetrics *discovery.SDMetrics

	// wanted is closed once there is a job.
	wanted chan struct{}

	found found

	mu        sync.Mutex
	base      *config.Config     // as it was configured
	cfg       *config.Config     // with what was found
	discovery *discovery.Manager // nil unless running
}

// New returns a manager that writes what it scrapes into appendable. Its own
// figures are registered with reg, which may be nil.
func New(cfg Config, appendable storage.AppendableV2, log *slog.Logger, reg prometheus.Registerer) (*Manager, error) {
	loaded, err := cfg.load()
	if err != nil {
		return nil, err
	}
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	opts := &scrape.Options{
		DiscoveryReloadInterval:  model.Duration(time.Second),
		DiscoveryReloadOnStartup: true,
	}
	if !cfg.Spread && staticTargets(loaded) <= spreadAbove {
		// It is added to each target's share of its interval: below zero
		// means at once.
		opts.InitialScrapeOffset = -longestInterval(loaded)
	}
	scrapes, err := scrape.NewManager(opts, log, nil, nil, appendable, reg)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	sd, err := discovery.CreateAndRegisterSDMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("scrape: discovery: %w", err)
	}
	m := &Manager{log: log, reg: reg, scrapes: scrapes, sdMetrics: sd, wanted: make(chan struct{})}
	return m, m.apply(loaded)
}

func longestInterval(cfg *config.Config) time.Duration {
	longest := time.Duration(cfg.GlobalConfig.ScrapeInterval)
	for _, job := range cfg.ScrapeConfigs {
		longest = max(longest, time.Duration(job.ScrapeInterval))
	}
	return longest
}

// Run scrapes until ctx ends. It may be called once. While there is no job,
// nothing runs: Prometheus' discovery looks for news ten times a second, which
// is half of what an otherwise idle Evenkeel would use.
func (m *Manager) Run(ctx context.Context) error {
	select {
	case <-m.wanted:
	case <-ctx.Done():
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := discovery.NewManager(ctx, m.log, m.reg, m.sdMetrics, discovery.Name("scrape"), discovery.Updatert(time.Second))
	if d == nil {
		return errors.New("scrape: the discovery's own figures are registered already; Run may be called once")
	}
	m.mu.Lock()
	m.discovery = d
	err := m.applyDiscovery()
	m.mu.Unlock()
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run() }) // it returns the end of ctx, no more
	running.Go(func() {
		<-ctx.Done()
		m.scrapes.Stop()
	})
	err = m.scrapes.Run(d.SyncCh())
	cancel()
	running.Wait()
	m.mu.Lock()
	m.discovery = nil
	m.mu.Unlock()
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	return nil
}

// Apply puts cfg in force: jobs that are the same go on, others are stopped
// or started. If cfg is wrong, nothing changes.
func (m *Manager) Apply(cfg Config) error {
	loaded, err := cfg.load()
	if err != nil {
		return err
	}
	return m.apply(loaded)
}

func (m *Manager) apply(base *config.Config) error {
	cfg := m.whole(base)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.scrapes.ApplyConfig(cfg); err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	m.base, m.cfg = base, cfg
	if len(cfg.ScrapeConfigs) > 0 || len(cfg.ScrapeConfigFiles) > 0 {
		select {
		case <-m.wanted:
		default:
			close(m.wanted)
		}
	}
	return m.applyDiscovery()
}

func (m *Manager) applyDiscovery() error {
	if m.discovery == nil {
		return nil
	}
	jobs, err := m.cfg.GetScrapeConfigs()
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	bySet := make(map[string]discovery.Configs, len(jobs))
	for _, j := range jobs {
		bySet[j.JobName] = j.ServiceDiscoveryConfigs
	}
	if err := m.discovery.ApplyConfig(bySet); err != nil {
		return fmt.Errorf("scrape: discovery: %w", err)
	}
	return nil
}

// ConfigText is the configuration in force as YAML, secrets left out.
func (m *Manager) ConfigText() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg.String()
}
