package scrape

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/scrape"
)

// TargetStatus is one target and how its last scrape went.
type TargetStatus struct {
	Job        string            `json:"job"`
	Instance   string            `json:"instance"`
	URL        string            `json:"url"`
	Labels     map[string]string `json:"labels"`     // what its series carry
	Discovered map[string]string `json:"discovered"` // before relabelling
	Health     string            `json:"health"`     // up, down or unknown: not yet scraped
	LastError  string            `json:"lastError,omitempty"`
	LastScrape time.Time         `json:"lastScrape,omitzero"` // zero before the first
	Took       time.Duration     `json:"took"`                // of the last scrape
	Interval   time.Duration     `json:"interval"`
	Timeout    time.Duration     `json:"timeout"`
}

// Targets returns the targets that are scraped, by job and instance.
func (m *Manager) Targets() []TargetStatus {
	var out []TargetStatus
	for job, targets := range m.scrapes.TargetsActive() {
		for _, t := range targets {
			out = append(out, status(job, t))
		}
	}
	slices.SortFunc(out, func(a, b TargetStatus) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.URL, b.URL))
	})
	return out
}

func status(job string, t *scrape.Target) TargetStatus {
	b := labels.NewBuilder(labels.EmptyLabels())
	s := TargetStatus{
		Job: job, URL: t.URL().Redacted(),
		Labels:     t.Labels(b).Map(),
		Discovered: t.DiscoveredLabels(b).Map(),
		Health:     string(t.Health()),
		LastScrape: t.LastScrape(),
		Took:       t.LastScrapeDuration(),
	}
	s.Instance = s.Labels["instance"]
	s.Interval, _ = time.ParseDuration(t.GetValue("__scrape_interval__"))
	s.Timeout, _ = time.ParseDuration(t.GetValue("__scrape_timeout__"))
	if err := t.LastError(); err != nil {
		s.LastError = err.Error()
	}
	return s
}

// Dropped counts the targets that relabelling has dropped, by job.
func (m *Manager) Dropped() map[string]int { return m.scrapes.TargetsDroppedCounts() }

// Metadata returns type, help and unit of each metric, by name, as the
// targets gave it last. Where they differ, one of them is returned.
func (m *Manager) Metadata() map[string]metadata.Metadata {
	out := map[string]metadata.Metadata{}
	for _, targets := range m.scrapes.TargetsActive() {
		for _, t := range targets {
			for _, md := range t.ListMetadata() {
				out[md.MetricFamily] = metadata.Metadata{Type: md.Type, Help: md.Help, Unit: md.Unit}
			}
		}
	}
	return out
}
