package kube

import (
	"errors"
	"fmt"
	"strings"
)

// Config is one cluster that is watched.
type Config struct {
	// Name of the cluster: its environment, and part of the ids of all that is
	// in it.
	Name       string `yaml:"name"`
	Kubeconfig string `yaml:"kubeconfig"` // file; empty with InCluster
	Context    string `yaml:"context"`    // of the file; empty for its current one
	// InCluster uses the service account of the pod that Evenkeel runs in.
	InCluster bool `yaml:"in_cluster"`
	// QPS and Burst limit what the API server is asked for: requests a second,
	// and how many at once. Zero means 20 and 40.
	QPS   float64 `yaml:"qps"`
	Burst int     `yaml:"burst"`
	// StateMetrics says when the state of objects is written as the series of
	// kube-state-metrics: "auto" (up to 3,000 pods, where no other tells of it; empty is the
	// same), "always" or "never".
	StateMetrics string `yaml:"state_metrics"`
	// Kubelets says whether the figures of containers are read from the
	// kubelets, through the API server; nil for true.
	Kubelets *bool `yaml:"kubelets"`
	// Logs says whether the last lines of containers that crash again and again
	// are asked for; nil for true.
	Logs *bool `yaml:"logs"`
	// APIServer says whether the API server's own figures are read; nil for
	// true.
	APIServer *bool `yaml:"api_server"`
	// Scrape says whether what annotations (prometheus.io/scrape) and the
	// objects PodMonitor and ServiceMonitor ask for is scraped: "direct" or
	// "off". Empty is direct in the cluster and off outside, from where pods can
	// hardly be reached.
	Scrape string `yaml:"scrape"`
	// MaxSeries bounds the series of each source of the cluster's figures.
	// Zero means 300,000.
	MaxSeries int `yaml:"max_series"`
}

func (c Config) maxSeries() int {
	if c.MaxSeries == 0 {
		return defaultMaxSeries
	}
	return c.MaxSeries
}

// Configs are all clusters that are watched.
type Configs []Config

const (
	defaultQPS   = 20
	defaultBurst = 40
	// maxClusters bounds what one process watches.
	maxClusters = 64
	// defaultMaxSeries is enough for the state of some 9,000 pods.
	defaultMaxSeries = 300_000
)

// Validate checks all clusters and returns every error that it finds.
func (cs Configs) Validate() error {
	var errs []error
	seen := map[string]bool{}
	for i, c := range cs {
		at := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("kubernetes[%d].%s", i, fmt.Sprintf(format, args...)))
		}
		switch {
		case c.Name == "" || strings.ContainsAny(c.Name, ":*/ \t\n"):
			at("name: %q must be a name without spaces, ':', '/' and '*'", c.Name)
		case seen[c.Name]:
			at("name: there are two clusters %q; give each a name of its own", c.Name)
		}
		seen[c.Name] = true
		if (c.Kubeconfig == "") != c.InCluster {
			at("kubeconfig: name a kubeconfig file, or set in_cluster: true, and not both")
		}
		if c.Context != "" && c.InCluster {
			at("context: belongs to a kubeconfig file; take it out, or in_cluster")
		}
		if c.StateMetrics != "" && c.StateMetrics != "auto" && c.StateMetrics != "always" && c.StateMetrics != "never" {
			at("state_metrics: %q is not one of auto, always, never", c.StateMetrics)
		}
		if c.Scrape != "" && c.Scrape != "direct" && c.Scrape != "off" {
			at("scrape: %q is not one of direct, off", c.Scrape)
		}
		if c.MaxSeries < 0 || c.MaxSeries > 5_000_000 {
			at("max_series: %d is out of range: 0 to 5,000,000", c.MaxSeries)
		}
		if c.QPS < 0 || c.QPS > 1000 || c.Burst < 0 || c.Burst > 2000 {
			at("qps: %g with burst %d is out of range: 0 to 1000, and 0 to 2000", c.QPS, c.Burst)
		}
	}
	if len(cs) > maxClusters {
		errs = append(errs, fmt.Errorf("kubernetes: at most %d clusters, not %d", maxClusters, len(cs)))
	}
	return errors.Join(errs...)
}
