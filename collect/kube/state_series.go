package kube

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// StateSeries yields the state of the cluster's objects as series with the
// names, labels and types of kube-state-metrics (version 2), which the rules
// and dashboards of the field expect. What cannot be read has no series.
//
// While the cluster cannot be seen there are none at all, and an error: what
// was seen last is no figure of now.
func (w *Watcher) StateSeries() prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		s, err := w.shelves()
		if err != nil {
			return nil, err
		}
		b := newBatch(w.cfg.maxSeries())
		s.series(b)
		if b.over > 0 {
			return b.sorted(), fmt.Errorf("%d series of the state of the cluster %s were left out, it has more than %d; raise max_series of this cluster, or set state_metrics: never", b.over, w.cfg.Name, b.limit)
		}
		return b.sorted(), nil
	})
}

// shelves are the objects of one moment. Objects are never changed after they
// were put, so that they may be read without the lock.
type shelves map[string][]object

var errNotSeen = errors.New("the cluster cannot be seen now")

func (w *Watcher) shelves() (shelves, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil {
		return nil, fmt.Errorf("%w: %s: %w", errNotSeen, w.cfg.Name, w.down)
	}
	if !w.complete {
		return nil, fmt.Errorf("%w: %s is being read for the first time", errNotSeen, w.cfg.Name)
	}
	out := shelves{}
	for resource, spaces := range w.state.objects {
		if !w.state.readable[resource] {
			continue
		}
		var list []object
		for _, shelf := range spaces {
			for _, o := range shelf {
				list = append(list, o)
			}
		}
		out[resource] = list
	}
	return out, nil
}

// each walks over the objects of a resource, by namespace and name.
func each[P object](s shelves, resource string, do func(P)) {
	slices.SortFunc(s[resource], func(a, b object) int {
		x, y := a.meta(), b.meta()
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	for _, o := range s[resource] {
		if is, ok := o.(P); ok {
			do(is)
		}
	}
}

// series adds all series that are known of the objects.
func (s shelves) series(b *batch) {
	each(s, nodes, b.node)
	each(s, namespaces, b.namespace)
	each(s, pods, b.pod)
	each(s, deployments, b.deployment)
	each(s, replicaSets, b.replicaSet)
	each(s, statefulSets, b.statefulSet)
	each(s, daemonSets, b.daemonSet)
	each(s, jobs, b.job)
	each(s, cronJobs, b.cronJob)
	each(s, autoscalers, b.autoscaler)
	each(s, budgets, b.budget)
	each(s, quotas, b.quota)
	each(s, services, b.service)
	each(s, endpointSlices, b.slice)
	each(s, ingresses, b.ingress)
	each(s, claims, b.claim)
	each(s, volumes, b.volume)
	each(s, storages, b.storageClass)
	each(s, configMaps, b.configMap)
	each(s, secrets, b.secret)
}

// unix turns a time of the API into seconds since 1970.
func unix(text string) (float64, bool) {
	if text == "" {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, false
	}
	return float64(at.Unix()), true
}

// truths are the values of the label that says how a condition stands.
var (
	truths      = values("condition", "true", "false", "unknown")
	statusTruth = values("status", "true", "false", "unknown")
)

// conditions adds a series for each condition and each status that it may have.
func (b *batch) conditions(f *family, label string, all []condition, l labelSet) {
	for _, c := range all {
		b.oneOf(f, statusTruth, strings.ToLower(c.Status), l.with(label, c.Type))
	}
}

// resourceName is how kube-state-metrics writes the name of a resource, and its
// unit.
func resourceName(name string) (short, unit string) {
	short = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name)
	switch {
	case name == "cpu":
		return short, "core"
	case name == "memory" || name == "storage" || name == "ephemeral-storage" || strings.HasPrefix(name, "hugepages-") || strings.HasPrefix(name, "attachable-volumes-"):
		return short, "byte"
	}
	return short, "integer"
}

func (b *batch) amounts(f *family, all amounts, l labelSet) {
	for _, a := range all {
		short, unit := resourceName(a.name)
		b.set(f, a.value, l.with("resource", short, "unit", unit))
	}
}

// owners adds who owns an object; one of empty values where nobody does, as
// joins over owners expect.
func (b *batch) owners(f *family, m *Meta, l labelSet) {
	for _, o := range m.Owners {
		b.set(f, 1, l.with("owner_kind", o.Kind, "owner_name", o.Name, "owner_is_controller", fmt.Sprint(o.Controller)))
	}
	if len(m.Owners) == 0 {
		b.set(f, 1, l.with("owner_kind", "", "owner_name", "", "owner_is_controller", ""))
	}
}

// autoPods is how many pods a cluster may have for its state to be written
// without anybody having asked for it: some 28 series a pod, which take far more
// memory than all else that is kept of it.
const autoPods = 3000

// WritesState says whether the state of this cluster's objects is to be written
// as series from here: not where a kube-state-metrics of the cluster's own does
// it, nor where there are more than autoPods pods, unless the configuration says
// so. Arrive tells whether the series of another one are there: one that runs
// and that nobody scrapes is of no use.
func (w *Watcher) WritesState(arrive func() bool) bool {
	switch w.cfg.StateMetrics {
	case "always":
		return true
	case "never":
		return false
	}
	if w.tooManyPods() {
		return false
	}
	return !w.hasStateMetrics() || !arrive()
}

// tooManyPods says whether there are more than autoPods, and until there are
// clearly fewer again: series that end and begin by turns are worse than none.
func (w *Watcher) tooManyPods() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := 0
	for _, shelf := range w.state.objects[pods] {
		count += len(shelf)
	}
	switch {
	case count > autoPods && !w.manyPods:
		w.manyPods = true
		w.o.Log.Info(fmt.Sprintf("the state of this cluster's objects is not written as series, since it has more than %d pods; state_metrics: always writes it all the same", autoPods), "cluster", w.cfg.Name, "pods", count)
	case count < autoPods*9/10:
		w.manyPods = false
	}
	return w.manyPods
}

// hasStateMetrics says whether a kube-state-metrics runs in the cluster.
func (w *Watcher) hasStateMetrics() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, shelf := range w.state.objects[pods] {
		for _, o := range shelf {
			if p, ok := o.(*pod); ok && p.Status.Phase == "Running" && tellsState(p) {
				return true
			}
		}
	}
	return false
}

// tellsState says whether a pod is a kube-state-metrics: by its label, or by
// what its container runs.
func tellsState(p *pod) bool {
	const program = "kube-state-metrics"
	if p.Labels["app.kubernetes.io/name"] == program {
		return true
	}
	return slices.ContainsFunc(p.Status.Containers, func(c containerStatus) bool {
		return strings.Contains(c.Image[strings.LastIndexByte(c.Image, '/')+1:], program)
	})
}

// MaxSeries bounds the series of each source of the cluster's figures.
func (w *Watcher) MaxSeries() int { return w.cfg.maxSeries() }
