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
}

// Configs are all clusters that are watched.
type Configs []Config

const (
	defaultQPS   = 20
	defaultBurst = 40
	// maxClusters bounds what one process watches.
	maxClusters = 64
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
		if c.QPS < 0 || c.QPS > 1000 || c.Burst < 0 || c.Burst > 2000 {
			at("qps: %g with burst %d is out of range: 0 to 1000, and 0 to 2000", c.QPS, c.Burst)
		}
	}
	if len(cs) > maxClusters {
		errs = append(errs, fmt.Errorf("kubernetes: at most %d clusters, not %d", maxClusters, len(cs)))
	}
	return errors.Join(errs...)
}
