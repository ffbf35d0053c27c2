package scrape

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"go.yaml.in/yaml/v3"

	// Each registers itself as a key of a scrape config. Others would add
	// their cloud's client library to the binary.
	_ "github.com/prometheus/prometheus/discovery/dns"
	_ "github.com/prometheus/prometheus/discovery/file"
	_ "github.com/prometheus/prometheus/discovery/http"
)

// Config is the part of Prometheus' own configuration that is about scraping,
// in exactly its format.
type Config struct {
	// Global takes Prometheus' global section. Its scrape_interval is 15s if
	// it is not set (Prometheus: 1m).
	Global yaml.Node `yaml:"global,omitempty"`
	// ScrapeConfigs takes Prometheus' scrape_configs: static, file, http, dns
	// and Kubernetes discovery, relabelling, authorization, TLS and limits.
	ScrapeConfigs yaml.Node `yaml:"scrape_configs,omitempty"`
	// Spread shares the targets out over their interval from the first scrape
	// on, as befits many that are found by discovery.
	Spread bool `yaml:"-"`
	// Dir is what relative file names start from.
	Dir string `yaml:"-"`
}

// defaultInterval is short enough to see what hurts while it does.
const defaultInterval = "15s"

var allowedDiscovery = []string{"static_configs", "file_sd_configs", "http_sd_configs", "dns_sd_configs", "kubernetes_sd_configs"}

// Empty says whether there is nothing to scrape.
func (c Config) Empty() bool { return len(c.ScrapeConfigs.Content) == 0 }

// DiscoversClusters says whether a job has kubernetes_sd_configs.
func (c Config) DiscoversClusters() bool {
	for _, entry := range c.ScrapeConfigs.Content {
		if entry.Kind == yaml.AliasNode {
			entry = entry.Alias
		}
		if field(entry, "kubernetes_sd_configs") != nil {
			return true
		}
	}
	return false
}

// Validate returns what is wrong with c, with the line and the job.
func (c Config) Validate() error {
	_, err := c.load()
	return err
}

// load turns c into Prometheus' own form. Entries are checked one by one
// first: the errors of the whole know nothing of our file's lines.
func (c Config) load() (*config.Config, error) {
	if c.ScrapeConfigs.Kind != 0 && c.ScrapeConfigs.Kind != yaml.SequenceNode && c.ScrapeConfigs.Tag != "!!null" {
		return nil, fmt.Errorf("scrape_configs, line %d: it must be a list; begin each job with \"- job_name: ...\"", c.ScrapeConfigs.Line)
	}
	if c.Global.Kind != 0 && c.Global.Kind != yaml.MappingNode && c.Global.Tag != "!!null" {
		return nil, fmt.Errorf("global, line %d: it must be a section with keys such as scrape_interval", c.Global.Line)
	}
	if _, err := c.parse(nil); err != nil {
		return nil, fmt.Errorf("global, line %d: %w", c.Global.Line, plain(err))
	}
	var errs []error
	for _, entry := range c.ScrapeConfigs.Content {
		err := checkDiscovery(entry)
		var one *config.Config
		if err == nil {
			one, err = c.parse([]*yaml.Node{entry})
		}
		if err == nil {
			err = checkRoles(one)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("scrape_configs, line %d%s: %w", entry.Line, jobOf(entry), plain(err)))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	whole, err := c.parse(c.ScrapeConfigs.Content)
	if err != nil {
		return nil, fmt.Errorf("scrape_configs: %w", plain(err))
	}
	return whole, nil
}

// parse reads the given entries with Prometheus' parser.
func (c Config) parse(entries []*yaml.Node) (*config.Config, error) {
	global := yaml.Node{Kind: yaml.MappingNode}
	if c.Global.Kind == yaml.MappingNode {
		global = c.Global
	}
	if field(&global, "scrape_interval") == nil {
		global.Content = append(slices.Clone(global.Content),
			&yaml.Node{Kind: yaml.ScalarNode, Value: "scrape_interval"}, &yaml.Node{Kind: yaml.ScalarNode, Value: defaultInterval})
	}
	text, err := yaml.Marshal(map[string]any{
		"global":         &global,
		"scrape_configs": &yaml.Node{Kind: yaml.SequenceNode, Content: entries},
	})
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(string(text), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	cfg.SetDirectory(c.Dir)
	return cfg, nil
}

// checkDiscovery names a kind of discovery that this program does not hold.
func checkDiscovery(entry *yaml.Node) error {
	if entry.Kind == yaml.AliasNode {
		entry = entry.Alias
	}
	if entry.Kind != yaml.MappingNode {
		return errors.New("it must be a section with job_name and targets")
	}
	for i := 0; i+1 < len(entry.Content); i += 2 {
		key := entry.Content[i].Value
		if strings.HasSuffix(key, "_sd_configs") && !slices.Contains(allowedDiscovery, key) {
			return fmt.Errorf("%s (line %d) is not supported; use one of %s, or let a program write the targets into a file for file_sd_configs",
				key, entry.Content[i].Line, strings.Join(allowedDiscovery, ", "))
		}
	}
	return nil
}

// checkRoles refuses what kubernetes_sd_configs cannot discover.
func checkRoles(cfg *config.Config) error {
	for _, job := range cfg.ScrapeConfigs {
		for _, sd := range job.ServiceDiscoveryConfigs {
			if k, ok := sd.(*kubernetesSD); ok {
				if err := k.check(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func jobOf(entry *yaml.Node) string {
	if job := field(entry, "job_name"); job != nil {
		return fmt.Sprintf(" (job %q)", job.Value)
	}
	return ""
}

func field(section *yaml.Node, key string) *yaml.Node {
	if section.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(section.Content); i += 2 {
			if section.Content[i].Value == key {
				return section.Content[i+1]
			}
		}
	}
	return nil
}

// plain takes the line numbers of the rewritten text out of a parser's error:
// they would lead to the wrong place.
func plain(err error) error {
	lines := strings.Split(strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:\n"), "\n")
	for i, l := range lines {
		l = strings.TrimPrefix(strings.TrimSpace(l), "yaml: ")
		if rest, ok := strings.CutPrefix(l, "line "); ok {
			if _, after, ok := strings.Cut(rest, ": "); ok {
				l = after
			}
		}
		lines[i] = l
	}
	return errors.New(strings.Join(lines, "; "))
}

// staticTargets counts the targets that are written in the configuration.
func staticTargets(cfg *config.Config) int {
	n := 0
	for _, job := range cfg.ScrapeConfigs {
		for _, sd := range job.ServiceDiscoveryConfigs {
			if groups, ok := sd.(discovery.StaticConfig); ok {
				for _, g := range groups {
					n += len(g.Targets)
				}
			}
		}
	}
	return n
}
