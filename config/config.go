// Package config composes the configuration of the whole program from each
// package's own, and reads it from one YAML file.
//
// Every setting has a default that suits one machine; a file says only what
// differs. A package owns its settings, their defaults and their checks; this
// one owns what concerns the process: where it listens and keeps its data.
// Errors name the file, the line where it is known, and the remedy. A file
// with an error is refused whole.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/access/oidc"
	"github.com/evenkeel/evenkeel/collect/host"
	"github.com/evenkeel/evenkeel/collect/ingest"
	"github.com/evenkeel/evenkeel/collect/kube"
	"github.com/evenkeel/evenkeel/collect/probe"
	"github.com/evenkeel/evenkeel/collect/scrape"
	"github.com/evenkeel/evenkeel/correlate/cases"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/slo"
	"github.com/evenkeel/evenkeel/metric/remote"
	"github.com/evenkeel/evenkeel/metric/tsdb"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/intake"
	"github.com/evenkeel/evenkeel/respond/notify"
	"github.com/evenkeel/evenkeel/respond/oncall"
	"github.com/evenkeel/evenkeel/respond/route"
)

// Config is the whole configuration. Paths are relative to the working folder.
type Config struct {
	Listen         string         `yaml:"listen"`           // address to serve
	PublicURL      string         `yaml:"public_url"`       // how people reach it, where that differs from Listen
	AllowPlainHTTP bool           `yaml:"allow_plain_http"` // serve other machines without TLS
	TLS            TLS            `yaml:"tls"`
	Data           string         `yaml:"data"`        // data folder
	Environment    string         `yaml:"environment"` // name of what is watched from here
	Interval       model.Duration `yaml:"interval"`    // between two readings of this machine, and two rounds of checks
	History        model.Duration `yaml:"history"`     // how long resolved findings, past entities, changes and the audit log are kept
	LogLevel       string         `yaml:"log_level"`   // debug, info, warn, error

	Store   Store         `yaml:"store"`
	Metrics Metrics       `yaml:"metrics"`
	Host    host.Config   `yaml:"host"`
	Probes  probe.Config  `yaml:"probes"`
	Detect  detect.Config `yaml:"detect"`
	// DiscoverProbes says whether this machine's resolver and listening ports
	// are probed without being named.
	DiscoverProbes bool          `yaml:"discover_probes"`
	SLOs           slo.Config    `yaml:"slos"`
	Cases          cases.Config  `yaml:"cases"`
	Scrape         scrape.Config `yaml:",inline"`
	RemoteWrite    ingest.Config `yaml:"remote_write_receiver"`
	Kubernetes     kube.Configs  `yaml:"kubernetes"`
	Access         Access        `yaml:"access"`
	Respond        Respond       `yaml:"respond"`
	Notify         notify.Config `yaml:"notify"`
}

// TLS names the certificate to serve with.
type TLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Store says where the state is kept.
type Store struct {
	// DSN of a PostgreSQL database; empty means SQLite in the data folder.
	// DSNFile names a file that holds it, so that the password stays out of
	// the configuration.
	DSN     string `yaml:"dsn"`
	DSNFile string `yaml:"dsn_file"`
	// Standby waits while another Evenkeel works with the database, and takes
	// over when that one ends.
	Standby bool `yaml:"standby"`
}

// Metrics says where figures are kept.
type Metrics struct {
	tsdb.Config `yaml:",inline"`
	// External, where it is set, is read instead of keeping figures here:
	// nothing is collected or written.
	External *remote.Config `yaml:"external"`
}

// Respond says who is told of what is wrong, and who else may say that
// something is.
type Respond struct {
	respond.Config `yaml:",inline"`
	Intake         intake.Config `yaml:",inline"`
	Routing        route.Config  `yaml:",inline"`
	Schedules      oncall.Config `yaml:"schedules"`
}

// Access says who may log in from elsewhere.
type Access struct {
	OIDC           *oidc.Config `yaml:"oidc"`
	TrustedProxies []string     `yaml:"trusted_proxies"` // CIDRs whose X-Forwarded-For is believed
}

// Default returns the configuration that serves where no file is named.
func Default() Config {
	return Config{
		Listen:         "127.0.0.1:7070",
		Data:           defaultData(),
		Environment:    "local",
		Interval:       model.Duration(15 * time.Second),
		History:        model.Duration(90 * 24 * time.Hour),
		LogLevel:       "warn",
		DiscoverProbes: true,
		Detect:         detect.Defaults(),
		Respond:        Respond{Config: respond.Defaults(), Intake: intake.Defaults()},
	}
}

// defaultData follows the XDG base directory specification; root's data lies
// where a service's does.
func defaultData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/evenkeel"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "evenkeel")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "evenkeel-data"
	}
	return filepath.Join(home, ".local", "state", "evenkeel")
}

// Validate checks the whole and returns every error that it finds.
func (c Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Data == "" {
		add("data: must name a folder")
	}
	if c.Environment == "" || strings.ContainsAny(c.Environment, "*/ \t\n") {
		add("environment: %q must be a name without spaces, '/' and '*'", c.Environment)
	}
	if d := time.Duration(c.Interval); d < time.Second || d > time.Minute {
		add("interval: %s must be between 1s and 1m", d)
	}
	if d := time.Duration(c.History); d < 24*time.Hour {
		add("history: %s must be at least 1d", d)
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		add("tls: cert_file and key_file go together; name both or none")
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		add("public_url: %q is not an address such as https://evenkeel.example.com", c.PublicURL)
	}
	for _, p := range c.Access.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			add("access.trusted_proxies: %q is not a network such as 10.0.0.0/8", p)
		}
	}
	if c.Store.DSN != "" && c.Store.DSNFile != "" {
		add("store: name dsn or dsn_file, not both")
	}
	if c.Store.Standby && c.Store.DSN == "" && c.Store.DSNFile == "" {
		add("store: standby needs dsn or dsn_file: only a PostgreSQL database can be taken over by another process")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		add("log_level: %q is not one of debug, info, warn, error", c.LogLevel)
	}
	within := func(section string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", section, err))
		}
	}
	within("host", c.Host.Validate())
	within("detect", c.Detect.Validate())
	within("metrics", c.Metrics.Config.Validate())
	if c.Metrics.External != nil {
		within("metrics.external", c.Metrics.External.Validate())
	}
	if err := c.Probes.Validate(); err != nil {
		errs = append(errs, err) // it names the place, with "probes" itself
	}
	if err := c.Kubernetes.Validate(); err != nil {
		errs = append(errs, err) // it names the place
	}
	for i, k := range c.Kubernetes {
		if k.Name == c.Environment {
			add("kubernetes[%d].name: %q is the environment of this machine already; a cluster is one of its own", i, k.Name)
		}
	}
	within("slos", c.SLOs.Validate())
	within("cases", c.Cases.Validate())
	within("scrape_configs", c.Scrape.Validate())
	within("remote_write_receiver", c.RemoteWrite.Validate())
	within("respond", c.Respond.Config.Validate())
	within("respond", c.Respond.Intake.Validate())
	within("respond", c.Respond.Routing.Validate())
	within("respond", c.Respond.Schedules.Validate())
	within("notify", c.Notify.Validate())
	if c.Access.OIDC != nil {
		within("access.oidc", c.Access.OIDC.Validate())
	}
	return errors.Join(errs...)
}

// StateDSN returns the DSN of the state's database, read from its file where
// one is named; empty for SQLite.
func (c Config) StateDSN() (string, error) {
	if c.Store.DSNFile == "" {
		return c.Store.DSN, nil
	}
	raw, err := os.ReadFile(c.Store.DSNFile)
	if err != nil {
		return "", fmt.Errorf("store.dsn_file: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}
