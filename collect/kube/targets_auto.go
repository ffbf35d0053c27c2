package kube

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// AnnotatedRole and MonitorRole (with a monitor's key behind it) are roles of
// our own: what the annotations prometheus.io/scrape, port, path and scheme of
// pods and services ask for, and what a PodMonitor or ServiceMonitor does.
const (
	AnnotatedRole = "annotated"
	MonitorRole   = "monitor/"
)

const (
	// maxTargets bounds the targets of one job.
	maxTargets = 2_000
	// maxJobs bounds the endpoints of all monitors of a cluster.
	maxJobs = 500
	// maxSamples bounds the samples of one target that is found by itself.
	maxSamples = 20_000
)

// ScrapesTargets says whether what pods and monitors ask for is scraped. From
// outside a cluster its pods can hardly be reached, so that it is to be asked
// for there.
func (c Config) ScrapesTargets() bool {
	return c.Scrape == "direct" || c.Scrape == "" && c.InCluster
}

// ScrapesTargets says the same of the cluster that is watched.
func (w *Watcher) ScrapesTargets() bool { return w.cfg.ScrapesTargets() }

// wants reads the annotations of an object.
func wants(m *Meta) (port, path, scheme string, ok bool) {
	a := m.Annotations
	return a["prometheus.io/port"], firstOf(a["prometheus.io/path"], "/metrics"), firstOf(a["prometheus.io/scheme"], "http"), a["prometheus.io/scrape"] == "true"
}

// mayBeScraped leaves out what does not run.
func (o *pod) mayBeScraped() bool {
	return o.Status.PodIP != "" && o.Status.Phase == "Running" && o.Deleting == ""
}

// place are the labels that say where the series of a pod come from.
func (o *pod) place(port int) model.LabelSet {
	l := model.LabelSet{"namespace": text(o.Namespace), "pod": text(o.Name), "node": text(o.Spec.Node)}
	if c := o.listening(port); c != nil {
		l["container"] = text(c.Name)
	} else if len(o.Spec.Containers) == 1 {
		l["container"] = text(o.Spec.Containers[0].Name)
	}
	return l
}

// annotated are the targets that annotations ask for: of a pod its one port, or
// each that its containers name; of a service each of its endpoints.
func (w *Watcher) annotated() ([]*targetgroup.Group, error) {
	s, err := w.shelves()
	if err != nil {
		return nil, err
	}
	var out []*targetgroup.Group
	add := func(kind string, m *Meta, targets []model.LabelSet) {
		if len(targets) > 0 {
			out = append(out, &targetgroup.Group{Source: kind + "/" + w.cfg.Name + "/" + m.key(), Labels: model.LabelSet{"cluster": text(w.cfg.Name)}, Targets: targets})
		}
	}
	each(s, pods, func(o *pod) {
		port, path, scheme, ok := wants(&o.Meta)
		if !ok || !o.mayBeScraped() {
			return
		}
		var ports []int
		if n, err := strconv.Atoi(port); err == nil {
			ports = []int{n}
		} else {
			for _, c := range o.Spec.Containers {
				for _, p := range c.Ports {
					ports = append(ports, p.Port)
				}
			}
		}
		var targets []model.LabelSet
		for _, n := range ports {
			l := o.place(n)
			l["job"] = "kubernetes-pods"
			targets = append(targets, reachable(l, o.Status.PodIP, n, path, scheme))
		}
		add("pod", &o.Meta, targets)
	})
	byKey, slicesOf := podsByKey(s), slicesByService(s)
	each(s, services, func(o *service) {
		port, path, scheme, ok := wants(&o.Meta)
		if !ok {
			return
		}
		var targets []model.LabelSet
		for _, list := range slicesOf[o.key()] {
			for _, e := range list.Endpoints.all {
				for _, p := range list.Ports {
					n := p.Port
					if asked, err := strconv.Atoi(port); err == nil {
						n = asked
					}
					l := model.LabelSet{"namespace": text(o.Namespace)}
					if of := byKey[o.Namespace+"/"+e.Name]; e.Kind == "Pod" && of != nil {
						l = of.place(n)
					}
					l["job"], l["service"] = "kubernetes-service-endpoints", text(o.Name)
					targets = append(targets, reachable(l, e.Address, n, path, scheme))
				}
			}
		}
		add("service", &o.Meta, targets)
	})
	return bounded(out), nil
}

func slicesByService(s shelves) map[string][]*slice {
	out := map[string][]*slice{}
	each(s, endpointSlices, func(o *slice) { out[o.Namespace+"/"+o.service()] = append(out[o.Namespace+"/"+o.service()], o) })
	return out
}

// reachable adds to a target's labels where it is reached.
func reachable(l model.LabelSet, address string, port int, path, scheme string) model.LabelSet {
	l[model.AddressLabel], l[model.MetricsPathLabel], l[model.SchemeLabel] = text(net.JoinHostPort(address, strconv.Itoa(port))), text(path), text(scheme)
	return l
}

// bounded takes the first of too many targets.
func bounded(all []*targetgroup.Group) []*targetgroup.Group {
	n := 0
	for i, g := range all {
		if n += len(g.Targets); n > maxTargets {
			return all[:i]
		}
	}
	return all
}

// monitored are the targets of one endpoint of a monitor, by its key.
func (w *Watcher) monitored(key string) ([]*targetgroup.Group, error) {
	s, err := w.shelves()
	if err != nil {
		return nil, err
	}
	var out []*targetgroup.Group
	for kind, resource := range map[string]string{"podMonitor": podMonitors, "serviceMonitor": serviceMonitors} {
		each(s, resource, func(m *monitor) {
			for i := range m.endpoints() {
				if key == m.keyOf(kind, i) {
					targets := m.targets(s, kind, &m.endpoints()[i])
					for _, t := range targets {
						t["cluster"] = text(w.cfg.Name)
					}
					out = append(out, &targetgroup.Group{Source: w.cfg.Name + "/" + key, Targets: targets[:min(len(targets), maxTargets)]})
				}
			}
		})
	}
	return out, nil
}

// Jobs are the jobs of scrape_configs that a cluster asks for, as they would be
// written there, and what of its wishes cannot be met.
func (w *Watcher) Jobs() (jobs []map[string]any, unmet []string, err error) {
	s, err := w.shelves()
	if err != nil {
		return nil, nil, err
	}
	sd := func(role string) []any { return []any{map[string]any{"role": role, "cluster": w.cfg.Name}} }
	jobs = append(jobs, map[string]any{"job_name": "kubernetes/" + w.cfg.Name + "/annotated", "sample_limit": maxSamples, "kubernetes_sd_configs": sd(AnnotatedRole)})
	for _, kind := range []string{"podMonitor", "serviceMonitor"} {
		each(s, map[string]string{"podMonitor": podMonitors, "serviceMonitor": serviceMonitors}[kind], func(m *monitor) {
			for i := range m.endpoints() {
				key := m.keyOf(kind, i)
				job, why := m.endpoints()[i].job()
				switch {
				case why != "":
					unmet = append(unmet, key+" "+why)
				case len(jobs) >= maxJobs:
					unmet = append(unmet, fmt.Sprintf("%s is past the bound of %d jobs", key, maxJobs))
				default:
					job["job_name"], job["kubernetes_sd_configs"] = "kubernetes/"+w.cfg.Name+"/"+key, sd(MonitorRole+key)
					job["sample_limit"] = maxSamples
					if n := m.Spec.SampleLimit; n > 0 {
						job["sample_limit"] = min(n, maxSamples)
					}
					jobs = append(jobs, job)
				}
			}
		})
	}
	return jobs, unmet, nil
}

// snake turns the keys of a monitor's relabelling into those of a
// configuration: sourceLabels is source_labels.
func snake(in map[string]any) map[string]any {
	out := map[string]any{}
	for _, k := range slices.Sorted(maps.Keys(in)) {
		var b strings.Builder
		for _, r := range k {
			if r >= 'A' && r <= 'Z' {
				b.WriteByte('_')
				r += 'a' - 'A'
			}
			b.WriteRune(r)
		}
		v := in[k]
		if k == "action" {
			v = strings.ToLower(fmt.Sprint(v))
		}
		out[b.String()] = v
	}
	return out
}
