package scrape

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v3"
)

// Clusters are the Kubernetes clusters that are watched. What can be scraped in
// them is made of what is watched anyway: Prometheus' own discovery would keep
// a second copy of every object, and brings a client library of its own.
type Clusters interface {
	// Names are the clusters' names.
	Names() []string
	// Targets are the groups of targets of a role in some namespaces (none: in
	// all), and a number that changes whenever they may.
	Targets(cluster, role string, namespaces []string, since uint64) (groups []*targetgroup.Group, version uint64, err error)
}

func init() { discovery.RegisterConfig(&kubernetesSD{}) }

// kubernetesSD is an entry of kubernetes_sd_configs, of which the parts about
// reaching the API server are left out: "kubernetes:" has them.
type kubernetesSD struct {
	Role       string `yaml:"role"`
	Cluster    string `yaml:"cluster,omitempty"` // ours: one of the watched clusters; empty for all
	Namespaces struct {
		Names []string `yaml:"names,omitempty"`
	} `yaml:"namespaces,omitempty"`
	from *clusterSource
}

// clusterSource is where the clusters are, once they are known.
type clusterSource struct{ Clusters }

var kubernetesRoles = []string{"node", "pod", "service", "endpoints", "endpointslice", "ingress"}

func (*kubernetesSD) Name() string { return "kubernetes" }

func (*kubernetesSD) NewDiscovererMetrics(prometheus.Registerer, discovery.RefreshMetricsInstantiator) discovery.DiscovererMetrics {
	return &discovery.NoopDiscovererMetrics{}
}

// checkRole refuses a role that cannot be discovered.
func (c *kubernetesSD) check() error {
	if !slices.Contains(kubernetesRoles, c.Role) {
		return fmt.Errorf("kubernetes_sd_configs: role %q is not one of %v", c.Role, kubernetesRoles)
	}
	return nil
}

func (c *kubernetesSD) NewDiscoverer(discovery.DiscovererOptions) (discovery.Discoverer, error) {
	if c.from == nil {
		return nil, errors.New("kubernetes_sd_configs: no cluster is watched; name one under kubernetes, or use --kubeconfig")
	}
	return c, nil
}

// clusterLook is how often it is asked whether targets have changed.
const clusterLook = 2 * time.Second

// Run tells of the groups that changed. What cannot be seen stays as it was.
func (c *kubernetesSD) Run(ctx context.Context, up chan<- []*targetgroup.Group) {
	names := c.from.Names()
	if c.Cluster != "" {
		names = []string{c.Cluster}
	}
	versions, told := map[string]uint64{}, map[string]map[string]*targetgroup.Group{}
	tick := time.NewTicker(clusterLook)
	defer tick.Stop()
	for {
		var news []*targetgroup.Group
		for _, name := range names {
			groups, version, err := c.from.Targets(name, c.Role, c.Namespaces.Names, versions[name])
			if err != nil || version == versions[name] {
				continue
			}
			versions[name] = version
			now := make(map[string]*targetgroup.Group, len(groups))
			for _, g := range groups {
				now[g.Source] = g
				if !reflect.DeepEqual(told[name][g.Source], g) {
					news = append(news, g)
				}
			}
			for source := range told[name] {
				if now[source] == nil {
					news = append(news, &targetgroup.Group{Source: source})
				}
			}
			told[name] = now
		}
		if len(news) > 0 {
			select {
			case up <- news:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// found are jobs that the clusters ask for themselves.
type found struct {
	mu   sync.Mutex
	from *clusterSource
	jobs []*config.ScrapeConfig
}

// Watch names the clusters that kubernetes_sd_configs speaks of. It is called
// once, before Run.
func (m *Manager) Watch(c Clusters) error {
	m.found.mu.Lock()
	m.found.from = &clusterSource{c}
	m.found.mu.Unlock()
	m.mu.Lock()
	cfg := m.base
	m.mu.Unlock()
	return m.apply(cfg)
}

// Found puts the jobs in force that clusters ask for, beside those of the
// configuration. A job that is wrong is left out and named; the others count.
func (m *Manager) Found(jobs []map[string]any) error {
	var errs []error
	var good []*config.ScrapeConfig
	for _, job := range jobs {
		one, err := parseFound(job)
		if err != nil {
			errs = append(errs, fmt.Errorf("the job %v cannot be scraped: %w", job["job_name"], err))
			continue
		}
		good = append(good, one)
	}
	m.found.mu.Lock()
	same := sameJobs(m.found.jobs, good)
	m.found.jobs = good
	m.found.mu.Unlock()
	if !same {
		m.mu.Lock()
		cfg := m.base
		m.mu.Unlock()
		errs = append(errs, m.apply(cfg))
	}
	return errors.Join(errs...)
}

func sameJobs(a, b []*config.ScrapeConfig) bool {
	x, errX := yaml.Marshal(texts(a))
	y, errY := yaml.Marshal(texts(b))
	return errX == nil && errY == nil && string(x) == string(y)
}

func texts(jobs []*config.ScrapeConfig) (out []string) {
	for _, j := range jobs {
		c := config.Config{ScrapeConfigs: []*config.ScrapeConfig{j}}
		out = append(out, c.String())
	}
	return out
}

func parseFound(job map[string]any) (*config.ScrapeConfig, error) {
	var node yaml.Node
	if err := node.Encode(job); err != nil {
		return nil, err
	}
	cfg, err := Config{}.parse([]*yaml.Node{&node})
	if err != nil {
		return nil, plain(err)
	}
	return cfg.ScrapeConfigs[0], nil
}

// whole is a configuration with the jobs that clusters ask for, and with the
// clusters known to those that discover in them.
func (m *Manager) whole(base *config.Config) *config.Config {
	m.found.mu.Lock()
	defer m.found.mu.Unlock()
	out := *base
	out.ScrapeConfigs = slices.Concat(base.ScrapeConfigs, m.found.jobs)
	for _, job := range out.ScrapeConfigs {
		for _, sd := range job.ServiceDiscoveryConfigs {
			if k, ok := sd.(*kubernetesSD); ok {
				k.from = m.found.from
			}
		}
	}
	return &out
}
