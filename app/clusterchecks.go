package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/collect/kube"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/detect/state"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
)

// clusterChecks judges the state of the clusters that are watched. Each is an
// environment with a graph of its own, which follows what the cluster's
// watcher sees.
type clusterChecks struct {
	tenant    string
	catalogue *state.Catalogue
	engine    *state.Engine
	store     clusterStore
	findings  interface {
		Record(ctx context.Context, obs []finding.Observation) error
	}

	exemptions finding.Exemptions

	// lines is what a pod's containers wrote before they ended; nil for
	// nobody can tell.
	lines func(environment, pod string) []kube.LastLines

	mu sync.Mutex
	of map[string]*judgedCluster // by environment
}

// clusterChecksEvery is how often it is looked whether anything has changed.
const clusterChecksEvery = 2 * time.Second

// clusterStore keeps what is remembered over restarts.
type clusterStore interface {
	LoadBaselines(ctx context.Context, tenant, environment string) ([]byte, error)
	SaveBaselines(ctx context.Context, tenant, environment string, blob []byte, now time.Time) error
	CurrentFindings(ctx context.Context, tenant, environment, practice string, now time.Time) ([]finding.Finding, error)
}

// judgedCluster is one environment.
type judgedCluster struct {
	graph    *state.Graph
	resumed  bool
	coverage []detect.Coverage
}

func newClusterChecks(tenant string, store clusterStore, findings *finding.Service) (*clusterChecks, error) {
	catalogue, err := state.Load()
	if err != nil {
		return nil, fmt.Errorf("detect/state: content: %w", err)
	}
	return &clusterChecks{tenant: tenant, catalogue: catalogue, engine: state.New(catalogue), store: store, findings: findings, exemptions: findings.Exemptions(), of: map[string]*judgedCluster{}}, nil
}

// take follows what a cluster's watcher sees. It does not block.
func (c *clusterChecks) take(d estate.Delta) {
	c.mu.Lock()
	one := c.of[d.Environment]
	if one == nil {
		one = &judgedCluster{graph: state.NewGraph()}
		c.of[d.Environment] = one
	}
	c.mu.Unlock()
	one.graph.Apply(d)
}

// each returns the environments that have been told of, by name.
func (c *clusterChecks) each() (names []string, list []*judgedCluster) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.of {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, c.of[name])
	}
	return names, list
}

// judge is one round over all clusters.
func (c *clusterChecks) judge(ctx context.Context, now time.Time) error {
	var errs []error
	names, list := c.each()
	for i, one := range list {
		if !one.resumed {
			if err := c.resume(ctx, names[i], now); err != nil {
				errs = append(errs, err)
				continue // nothing is told before it is known what stands
			}
			one.resumed = true
		}
		r := c.engine.Round(state.Where{Tenant: c.tenant, Environment: names[i], World: one.graph, Wrote: c.wrote(names[i]), Exemptions: c.exemptions}, now)
		c.mu.Lock()
		one.coverage = r.Coverage
		c.mu.Unlock()
		if len(r.Observations) > 0 {
			errs = append(errs, c.findings.Record(ctx, r.Observations))
		}
	}
	return errors.Join(errs...)
}

// wrote tells of an environment what containers wrote before they ended.
func (c *clusterChecks) wrote(environment string) func(pod string) []finding.Evidence {
	if c.lines == nil {
		return nil
	}
	return func(pod string) (out []finding.Evidence) {
		for _, l := range c.lines(environment, pod) {
			e := finding.Evidence{Text: l.Lack, Lines: l.Lines, To: l.At}
			if len(l.Lines) > 0 {
				e.Text = fmt.Sprintf("Container %s of %s ended with %s (exit code %d)", l.Container, l.Pod, cmp.Or(l.Reason, "no reason"), l.Code)
				if !l.At.IsZero() {
					e.Text += " at " + l.At.UTC().Format("2006-01-02 15:04:05 UTC")
				}
				e.Text += "; what it wrote last:"
			}
			out = append(out, e)
		}
		return out
	}
}

// remembered is the name under which the memory of an environment is kept,
// beside what is usual in one of that name.
func remembered(environment string) string { return state.Practice + ":" + environment }

func (c *clusterChecks) resume(ctx context.Context, environment string, now time.Time) error {
	blob, err := c.store.LoadBaselines(ctx, c.tenant, remembered(environment))
	if err != nil {
		return err
	}
	open, err := c.store.CurrentFindings(ctx, c.tenant, environment, state.Practice, now)
	if err != nil {
		return err
	}
	if blob != nil {
		err = c.engine.Restore(c.tenant, environment, blob) // what stands is taken up all the same
	}
	c.engine.Resume(c.tenant, environment, open)
	return err
}

// save keeps what is remembered.
func (c *clusterChecks) save(ctx context.Context, now time.Time) error {
	var errs []error
	names, list := c.each()
	for i, one := range list {
		if !one.resumed {
			continue
		}
		blob, err := c.engine.Snapshot(c.tenant, names[i])
		if err == nil {
			err = c.store.SaveBaselines(ctx, c.tenant, remembered(names[i]), blob, now)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checks is what an environment's checks say, where one fires, is about to, or
// cannot be told.
func (c *clusterChecks) checks(environment string) []detect.Coverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.of[environment]; one != nil {
		return one.coverage
	}
	return nil
}
