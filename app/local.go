package app

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/evenkeel/evenkeel/collect"
	"github.com/evenkeel/evenkeel/collect/host"
	"github.com/evenkeel/evenkeel/collect/probe"
	"github.com/evenkeel/evenkeel/collect/scrape"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/metric/tsdb"
)

// local is what there is only where figures are kept here: the embedded engine
// and everything that fills it.
type local struct {
	db         *tsdb.DB
	host       *host.Host
	prober     *probe.Prober
	discoverer *probe.Discoverer
	scraper    *scrape.Manager

	hostFigures, probeFigures, ownFigures *collect.Recorder

	// seen are the listeners of the last look at the host, for discovery.
	seen chan []probe.Listener
}

func (a *App) openLocal() (_ *local, err error) {
	l := &local{seen: make(chan []probe.Listener, 1)}
	settings := a.cfg.Metrics.Config
	settings.Dir = filepath.Join(a.cfg.Data, "metrics")
	if l.db, err = tsdb.Begin(settings, a.log, a.registry); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, closer{"figures", l.db.Close})
	a.querier = l.db
	if l.host, err = host.New(a.cfg.Host, a.log); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, closer{"host", func() error { l.host.Close(); return nil }})
	if l.prober, err = probe.New(a.cfg.Probes, l.host.Name(), a.log); err != nil {
		return nil, err
	}
	if l.discoverer, err = probe.NewDiscoverer(filepath.Join(a.cfg.Data, "discovered.json")); err != nil {
		a.notices = append(a.notices, err.Error())
	}
	if a.cfg.DiscoverProbes {
		// What an earlier run has found is probed from the first moment on;
		// else it would look gone until it is found again.
		if err := l.prober.ApplyDiscovered(l.discoverer.Known()); err != nil {
			return nil, err
		}
	}
	a.spreadTargets()
	if l.scraper, err = scrape.New(a.cfg.Scrape, l.db.Storage(), a.log, a.registry); err != nil {
		return nil, err
	}
	recorder := func(job string, from prometheus.Gatherer) *collect.Recorder {
		target := labels.FromStrings("job", job, "instance", l.host.Name())
		return collect.NewRecorder(target, from, l.db.Storage(), 0)
	}
	l.hostFigures = recorder("host", l.host.Gatherer())
	l.probeFigures = recorder("probe", l.prober.Gatherer())
	l.ownFigures = recorder("evenkeel", a.registry)
	return l, nil
}

// recallHost tells the host collector what was there before this start, so
// that it can say what has changed in between: since the newest figure.
func (a *App) recallHost(ctx context.Context) error {
	stats, err := a.local.db.Stats()
	if err != nil || stats.Newest.IsZero() {
		return err
	}
	entities, _, err := a.store.SourceView(ctx, a.tenant, a.cfg.Environment, "host")
	if err != nil {
		return err
	}
	a.local.host.Recall(entities, stats.Newest)
	return nil
}

func (a *App) observeHost(ctx context.Context, now time.Time) error {
	o, err := a.local.host.Observe(ctx, now)
	if len(o.Entities) == 0 {
		return err
	}
	o.Tenant, o.Environment = a.tenant, a.cfg.Environment
	_, port, _ := net.SplitHostPort(a.listener.Addr().String())
	select {
	case <-a.local.seen: // discovery has not asked since; the newest look counts
	default:
	}
	a.local.seen <- listeners(o.Entities, port)
	return errors.Join(err, a.estate.Observe(ctx, o))
}

func (a *App) observeProbes(ctx context.Context, now time.Time) error {
	o := a.local.prober.Observe(now)
	o.Tenant, o.Environment = a.tenant, a.cfg.Environment
	return a.estate.Observe(ctx, o)
}

// discoverProbes gives the prober what is found on this machine.
func (a *App) discoverProbes(ctx context.Context, now time.Time) error {
	var around probe.Surroundings
	select {
	case around.Listeners = <-a.local.seen:
	default:
		return nil // nothing has been looked at since the last time
	}
	var scraped []string
	for _, t := range a.local.scraper.Targets() {
		scraped = append(scraped, t.URL)
	}
	around.Listeners = probe.Unscraped(around.Listeners, scraped, a.local.host.Name())
	if conf, err := dns.ClientConfigFromFile("/etc/resolv.conf"); err == nil {
		around.Resolvers, around.Search = conf.Servers, conf.Search
	}
	specs, err := a.local.discoverer.Discover(ctx, now, around)
	return errors.Join(err, a.local.prober.ApplyDiscovered(specs))
}

// listeners reads the TCP sockets out of what the host collector saw, without
// the one that is our own.
func listeners(entities []estate.Entity, ownPort string) []probe.Listener {
	var out []probe.Listener
	for _, e := range entities {
		if e.Kind != estate.Listener || e.Attributes["protocol"] != "tcp" || e.Attributes["port"] == ownPort {
			continue
		}
		port, err := strconv.ParseUint(e.Attributes["port"], 10, 16)
		if err != nil {
			continue
		}
		for _, text := range strings.Split(e.Attributes["addresses"], ", ") {
			if addr, err := netip.ParseAddr(text); err == nil {
				out = append(out, probe.Listener{Address: addr, Port: uint16(port), Owner: e.Attributes["group"]})
			}
		}
	}
	return out
}
