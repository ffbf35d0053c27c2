package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/discovery/targetgroup"

	"github.com/evenkeel/evenkeel/collect/kube"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
)

// clusterTargets is what the watched clusters have for scraping.
type clusterTargets []*kube.Watcher

func (c clusterTargets) Names() (names []string) {
	for _, w := range c {
		names = append(names, w.Name())
	}
	return names
}

func (c clusterTargets) Targets(cluster, role string, namespaces []string, since uint64) ([]*targetgroup.Group, uint64, error) {
	for _, w := range c {
		if w.Name() != cluster {
			continue
		}
		now := w.Moves() + 1 // none was told of yet at 0
		if now == since {
			return nil, now, nil
		}
		groups, err := w.Targets(role, namespaces)
		return groups, now, err
	}
	return nil, 0, fmt.Errorf("no cluster %q is watched", cluster)
}

// spreadTargets shares scrapes out over their interval where a cluster may
// bring many of them.
func (a *App) spreadTargets() {
	a.cfg.Scrape.Spread = a.cfg.Scrape.DiscoversClusters() || slices.ContainsFunc(a.cfg.Kubernetes, kube.Config.ScrapesTargets)
}

// openTargets tells the scraper of the clusters.
func (a *App) openTargets() error {
	if a.local == nil {
		return nil
	}
	if len(a.clusters) == 0 {
		if a.cfg.Scrape.DiscoversClusters() {
			return errors.New("scrape_configs: kubernetes_sd_configs needs a cluster; name one under kubernetes, or use --kubeconfig")
		}
		return nil
	}
	return a.local.scraper.Watch(clusterTargets(a.clusters))
}

// findTargets keeps in force the jobs that the clusters ask for.
func (a *App) findTargets(g *lifecycle.Group) {
	var asking []*kube.Watcher
	for _, w := range a.clusters {
		if w.ScrapesTargets() {
			asking = append(asking, w)
		}
	}
	if len(asking) == 0 {
		return
	}
	known := map[string][]map[string]any{} // by cluster; one that cannot be seen keeps its jobs
	loop(g, a.board, "what clusters want scraped", 3*time.Second, time.Duration(a.cfg.Interval), func(context.Context, time.Time) error {
		var jobs []map[string]any
		var unmet []string
		for _, w := range asking {
			mine, cannot, err := w.Jobs()
			if err == nil {
				known[w.Name()] = mine
			}
			for _, one := range cannot {
				unmet = append(unmet, w.Name()+": "+one)
			}
			jobs = append(jobs, known[w.Name()]...)
		}
		err := a.local.scraper.Found(jobs)
		if n := len(unmet); n > 0 {
			err = errors.Join(err, fmt.Errorf("%d wishes of PodMonitors and ServiceMonitors cannot be met: %s", n, strings.Join(unmet[:min(n, 3)], "; ")))
		}
		return err
	})
}
