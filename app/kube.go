package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/collect/kube"
	"github.com/evenkeel/evenkeel/detect"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/internal/lifecycle"
)

// openKube prepares to watch the clusters that the configuration names.
func (a *App) openKube() error {
	if len(a.cfg.Kubernetes) == 0 {
		return a.openTargets()
	}
	salt, err := keptSalt(filepath.Join(a.cfg.Data, "kubernetes.salt"))
	if err != nil {
		return err
	}
	for _, cfg := range a.cfg.Kubernetes {
		w, err := kube.New(cfg, kube.Options{Tenant: a.tenant, Sink: a.estate, Deltas: a.clusterChecks.take, Salt: salt, Log: a.log})
		if err != nil {
			return err
		}
		if err := a.registry.Register(w.Figures()); err != nil {
			return fmt.Errorf("the figures of the cluster %s: %w", cfg.Name, err)
		}
		a.clusters = append(a.clusters, w)
	}
	a.clusterChecks.lines = a.lastLines
	return a.openTargets()
}

// lastLines is what the containers of a cluster's pod wrote before they ended.
func (a *App) lastLines(environment, pod string) []kube.LastLines {
	for _, w := range a.clusters {
		if w.Name() == environment {
			return w.LastLines(pod)
		}
	}
	return nil
}

// keptSalt reads the salt of the hashes of secrets, or makes it at the first
// start: the same content must have the same hash afterwards.
func keptSalt(path string) ([]byte, error) {
	salt, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return salt, err
	}
	salt = []byte(rand.Text())
	if err := os.WriteFile(path, salt, 0o600); err != nil {
		return nil, fmt.Errorf("keep the salt of the hashes of secrets: %w", err)
	}
	return salt, nil
}

// runKube watches the clusters and judges their state.
func (a *App) runKube(g *lifecycle.Group) {
	if len(a.clusters) > 0 {
		loop(g, a.board, "cluster checks", time.Second, clusterChecksEvery, a.clusterChecks.judge)
		loop(g, a.board, "memory of cluster checks", 15*time.Second, time.Minute, a.clusterChecks.save)
	}
	if len(a.clusters) > 0 {
		loop(g, a.board, "calls in clusters", 2*time.Second, time.Duration(a.cfg.Interval), a.tellCalls)
	}
	for _, w := range a.clusters {
		g.Go("cluster "+w.Name(), w.Run)
		loop(g, a.board, "kubernetes "+w.Name(), 3*time.Second, time.Duration(a.cfg.Interval),
			func(context.Context, time.Time) error { return w.Health() })
	}
}

// tellCalls tells the clusters who calls whom, as figures show and people
// declare it: their policies are held against that.
func (a *App) tellCalls(ctx context.Context, _ time.Time) error {
	var list []kube.Call
	for _, source := range []string{estate.Declared, detect.Source} {
		_, relations, err := a.store.SourceView(ctx, a.tenant, a.cfg.Environment, source)
		if err != nil {
			return err
		}
		for _, r := range relations {
			if r.Kind == estate.Calls {
				list = append(list, kube.Call{From: r.From, To: r.To})
			}
		}
	}
	slices.SortFunc(list, func(a, b kube.Call) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	for _, w := range a.clusters {
		w.Calls(list)
	}
	return nil
}
