package intake

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// Dialect is how an integration speaks.
type Dialect string

const (
	Alertmanager Dialect = "alertmanager" // the API, and the webhook of version 4
	PagerDuty    Dialect = "pagerduty"
	Opsgenie     Dialect = "opsgenie"
	Grafana      Dialect = "grafana"
	JSON         Dialect = "json"
)

var dialects = []Dialect{Alertmanager, PagerDuty, Opsgenie, Grafana, JSON}

// Config is what a configuration file says of taking alerts in.
type Config struct {
	Integrations []Integration `yaml:"integrations"`
	Heartbeats   []Heartbeat   `yaml:"heartbeats"`
	// ResolveTimeout is how long an alert without an end stands after its
	// source has last spoken of it.
	ResolveTimeout time.Duration `yaml:"resolve_timeout"`
	// Requests is how many run at once; more are told to come again.
	Requests int `yaml:"requests"`
}

// Defaults are the settings where a file says nothing.
func Defaults() Config { return Config{ResolveTimeout: 5 * time.Minute, Requests: 128} }

// Integration is somebody who sends alerts.
type Integration struct {
	ID          string  `yaml:"id"` // in paths and as the alerts' source; it proves nothing
	Name        string  `yaml:"name"`
	Tenant      string  `yaml:"-"` // whose alerts they are
	Environment string  `yaml:"environment"`
	Dialect     Dialect `yaml:"dialect"`
	Secret      string  `yaml:"secret"` // names it: env:NAME or file:/path
	// Operate lets it read alerts and make silences too, as amtool does;
	// without it, it only sends.
	Operate bool `yaml:"operate"`
	// Labels are put onto its alerts where they have none of that name.
	Labels map[string]string `yaml:"labels"`
	// Severity is that of alerts that say nothing of theirs; warning where it
	// is empty.
	Severity string `yaml:"severity"`
	// TimestampHeader is the header in which Grafana sends the time that it
	// signs, where that is set up there.
	TimestampHeader string `yaml:"timestamp_header"`
	// Every, where it is set, is how often it speaks at least, because it sends
	// a steady alert too; Grace is how much later is still in time. Its silence
	// is an alert.
	Every time.Duration `yaml:"every"`
	Grace time.Duration `yaml:"grace"`
	// Mapping says how a body of the dialect json becomes alerts.
	Mapping *Mapping `yaml:"mapping"`
}

// Heartbeat is a sign of life that is expected: its silence is an alert.
type Heartbeat struct {
	ID          string            `yaml:"id"`
	Name        string            `yaml:"name"` // what beats: "nightly backup"
	Tenant      string            `yaml:"-"`
	Environment string            `yaml:"environment"`
	Every       time.Duration     `yaml:"every"` // how often it beats at least
	Grace       time.Duration     `yaml:"grace"` // how much later is still in time
	Severity    string            `yaml:"severity"`
	Labels      map[string]string `yaml:"labels"`
	Secret      string            `yaml:"secret"` // names it; empty: whoever knows the id may beat
}

// Bounds of a configuration.
const (
	maxIntegrations           = 1000
	leastEvery, mostEvery     = 10 * time.Second, 31 * 24 * time.Hour
	leastResolve, mostResolve = time.Minute, 7 * 24 * time.Hour
)

var idText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Validate checks all of it and returns every error that it finds.
func (c Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.ResolveTimeout < leastResolve || c.ResolveTimeout > mostResolve {
		add("resolve_timeout: %s must be between %s and %s", c.ResolveTimeout, leastResolve, mostResolve)
	}
	if c.Requests < 1 || c.Requests > 10_000 {
		add("requests: %d must be between 1 and 10000", c.Requests)
	}
	if len(c.Integrations) > maxIntegrations || len(c.Heartbeats) > maxIntegrations {
		add("there may be %d integrations and %d heartbeats at most", maxIntegrations, maxIntegrations)
	}
	ids := map[string]bool{}
	for _, i := range c.Integrations {
		if ids[i.ID] {
			add("integrations: two have the id %q; keep one", i.ID)
		}
		ids[i.ID] = true
		if err := i.validate(); err != nil {
			add("integrations: %s: %w", i.ID, err)
		}
	}
	beats := map[string]bool{}
	for _, h := range c.Heartbeats {
		if beats[h.ID] {
			add("heartbeats: two have the id %q; keep one", h.ID)
		}
		beats[h.ID] = true
		if err := h.validate(); err != nil {
			add("heartbeats: %s: %w", h.ID, err)
		}
	}
	return errors.Join(errs...)
}

func (i Integration) validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !idText.MatchString(i.ID) {
		add("the id must be 1 to 100 letters, digits, dots, dashes and underscores")
	}
	if i.ID == ownSource || i.ID == beatSource {
		add("the id is Evenkeel's own; choose another one")
	}
	if !slices.Contains(dialects, i.Dialect) {
		add("dialect %q is not one of %v", i.Dialect, dialects)
	}
	if i.Secret == "" {
		add("secret: name one, as env:NAME or file:/path")
	}
	if _, err := severityOf(i.Severity); err != nil {
		add("severity: %w", err)
	}
	if err := checkLabels(i.Labels); err != nil {
		add("labels: %w", err)
	}
	if i.Operate && i.Dialect != Alertmanager {
		add("operate: only the dialect alertmanager can read alerts and make silences")
	}
	if i.TimestampHeader != "" && i.Dialect != Grafana {
		add("timestamp_header: only the dialect grafana has one")
	}
	if i.Every != 0 {
		if err := checkPace(i.Every, i.Grace); err != nil {
			add("%w", err)
		}
	} else if i.Grace != 0 {
		add("grace: it goes with every")
	}
	switch {
	case i.Dialect == JSON && i.Mapping == nil:
		add("mapping: the dialect json needs one")
	case i.Dialect != JSON && i.Mapping != nil:
		add("mapping: only the dialect json has one")
	case i.Mapping != nil:
		if _, err := i.Mapping.compile(); err != nil {
			add("mapping: %w", err)
		}
	}
	return errors.Join(errs...)
}

func (h Heartbeat) validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !idText.MatchString(h.ID) {
		add("the id must be 1 to 100 letters, digits, dots, dashes and underscores")
	}
	if err := checkPace(h.Every, h.Grace); err != nil {
		add("%w", err)
	}
	if len(h.Name) > 200 {
		add("name: 200 bytes at most")
	}
	if _, err := severityOf(h.Severity); err != nil {
		add("severity: %w", err)
	}
	if err := checkLabels(h.Labels); err != nil {
		add("labels: %w", err)
	}
	return errors.Join(errs...)
}

// checkPace checks how often somebody must speak.
func checkPace(every, grace time.Duration) error {
	if every < leastEvery || every > mostEvery {
		return fmt.Errorf("every: %s must be between %s and %s", every, leastEvery, mostEvery)
	}
	if grace < 0 || grace > mostEvery {
		return fmt.Errorf("grace: %s must be between 0 and %s", grace, mostEvery)
	}
	return nil
}

// severityOf reads a severity of the configuration; empty is a warning.
func severityOf(text string) (finding.Severity, error) {
	if text == "" {
		return finding.Warning, nil
	}
	return finding.ParseSeverity(text)
}
